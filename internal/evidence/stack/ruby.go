package stack

import (
	"regexp"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

type rubyReader struct {
	chains  []chain
	err     Error
	frames  []evidence.Frame // of a trace that is printed outermost first
	adjoins bool             // the last line was a frame or an error
}

var (
	rubyFrame = regexp.MustCompile("^(?:\\d{1,6}: )?(from )?(.+?):(\\d{1,7}):in [`'\"](.*?)['\"](?:: (.*))?$")
	rubyBare  = regexp.MustCompile(`^(?:\d{1,6}: )?from (\S+\.(?:rb|ru|rake|erb)):(\d{1,7})$`)
	rubyType  = regexp.MustCompile(`^(.*?) ?\(([A-Z][\w:]*)\):?$`)
	rubyName  = regexp.MustCompile(`((?:[A-Z]\w*::)*[A-Z]\w*)(?::\s(.*)| \((.*)\):?)$`)
	rubyGem   = regexp.MustCompile(`^([\w.-]+) \((\d[\w.]*)\) (\S.*)$`)
	rubyUp    = regexp.MustCompile(`^\d{1,6}: from `)
)

// readRuby reads error reports of both orders and both styles of quotes, and
// backtraces as loggers join them.
func readRuby(ls []line) chain {
	var r rubyReader
	for _, l := range ls {
		if !strings.Contains(l.text, ":in ") && !strings.Contains(l.text, "from ") {
			r.other(l.text)
			continue
		}
		if m := rubyFrame.FindStringSubmatch(l.text); m != nil && len(m[2]) < maxFile {
			r.frame(l.text, m)
			continue
		}
		if m := rubyBare.FindStringSubmatch(l.text); m != nil {
			r.frame(l.text, []string{"", "from ", m[1], m[2], "", ""})
			continue
		}
		r.other(l.text)
	}
	return last(r.chains)
}

func (r *rubyReader) frame(text string, m []string) {
	file := m[2]
	if g := rubyGem.FindStringSubmatch(file); g != nil {
		file = "gems/" + g[1] + "-" + g[2] + "/" + g[3]
	}
	n, _ := number(m[3])
	f, ok := newFrame(m[4], file, n)
	if rubyUp.MatchString(text) {
		if ok {
			r.frames = append(r.frames, f)
		}
		r.adjoins = r.adjoins || len(r.frames) > 1
		return
	}
	if m[1] == "" && m[5] != "" || len(r.frames) > 0 {
		r.begin(m[5], len(r.frames) > 0)
	} else if len(r.chains) == 0 || !r.adjoins && m[1] == "" {
		r.chains = append(r.chains, chain{{err: r.err, whole: true}})
	}
	s := r.section()
	if ok && len(s.frames) < 8*MaxFrames {
		s.frames = append(s.frames, f)
	}
	slices.Reverse(r.frames)
	s.frames = append(s.frames, r.frames...)
	r.frames, r.err, r.adjoins = nil, Error{}, true
}

// begin starts an error. One that follows another at once belongs to it: the
// cause comes after what it caused, or before where the outermost is first.
func (r *rubyReader) begin(message string, upward bool) {
	s := section{err: rubyError(message), whole: true}
	switch n := len(r.chains) - 1; {
	case n < 0 || !r.adjoins || len(r.chains[n]) == maxErrors:
		r.chains = append(r.chains, chain{s})
	case upward:
		r.chains[n] = append(r.chains[n], s)
	default:
		r.chains[n] = append(chain{s}, r.chains[n]...)
	}
}

// section is the one that was begun last: the root cause stands first.
func (r *rubyReader) section() *section {
	c := r.chains[len(r.chains)-1]
	if n := len(c) - 1; len(r.frames) > 0 {
		return &c[n]
	}
	return &c[0]
}

func (r *rubyReader) other(text string) {
	if text == "" || strings.HasPrefix(text, "...") || strings.HasSuffix(text, "levels...") {
		return
	}
	if len(r.chains) > 0 && r.adjoins {
		// The message of the error above may go on, and name its type at its end.
		c := r.chains[len(r.chains)-1]
		if s := &c[0]; s.err.Type == "" && s.err.Message != "" && len(s.frames) == 1 {
			if m := rubyType.FindStringSubmatch(text); m != nil {
				s.err.Type = newError(m[2], "").Type
			}
			return
		}
	}
	r.adjoins, r.frames = false, nil
	if e := rubyError(text); e.Type != "" {
		r.err = e
	} else if m := rubyName.FindStringSubmatch(text); m != nil {
		r.err = newError(m[1], m[2]+m[3])
	}
}

// rubyError reads "message (Type)".
func rubyError(s string) Error {
	if m := rubyType.FindStringSubmatch(s); m != nil && m[1] != "" && !strings.HasSuffix(s, ":") {
		return newError(m[2], m[1])
	}
	return newError("", s)
}
