package stack

import (
	"regexp"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

type rustReader struct {
	chains   []chain
	panics   bool // one of them is a panic
	function string
	message  bool // the next line is the message of a panic
	causes   bool // inside the causes of an error
	err      Error
	around   []Error
}

var (
	rustPanic = regexp.MustCompile(`thread '[^']*'(?: \(\d+\))? panicked at (?:'(.*)', )?(\S.*?):(\d{1,7}):\d+(:?)$`)
	rustName  = regexp.MustCompile(`^\d{1,6}: +(?:0x[0-9a-f]+ - )?(\S.*)$`)
	rustAt    = regexp.MustCompile(`^at (\S.*?):(\d{1,7})(?::\d+)?$`)
	rustHash  = regexp.MustCompile(`::h[0-9a-f]{16}$|<[0-9a-f]{16}>$|\[[0-9a-f]{12,16}\]`)
	rustCause = regexp.MustCompile(`^(?:\d{1,4}: )?(.*)$`)
)

// readRust reads panics, with or without a backtrace, short and full, and the
// reports of errors that carry one.
func readRust(ls []line) chain {
	var r rustReader
	for _, l := range ls {
		r.line(l.text)
	}
	if r.panics || len(r.chains) == 0 {
		for _, c := range r.chains {
			if c.hasFrames() {
				return c // the first panic brings the others down
			}
		}
		return nil
	}
	return last(r.chains)
}

func (r *rustReader) line(text string) {
	if r.message {
		r.message = false
		c := r.chains[len(r.chains)-1]
		c[0].err.Message = newError("", text).Message
		return
	}
	switch {
	case text == "":
		return
	case strings.Contains(text, " panicked at ") && r.panic(text):
		return
	case strings.EqualFold(text, "stack backtrace:"):
		r.backtrace()
		return
	case strings.HasPrefix(text, "at ") && r.function != "":
		if m := rustAt.FindStringSubmatch(text); m != nil {
			r.frame(m)
		}
		r.function = ""
		return
	}
	r.causeOrName(text)
}

func (r *rustReader) panic(text string) bool {
	m := rustPanic.FindStringSubmatch(text)
	if m == nil {
		return false
	}
	n, _ := number(m[3])
	s := section{err: newError("panic", m[1]), whole: true}
	if f, ok := newFrame("", m[2], n); ok {
		s.frames = append(s.frames, f)
	}
	r.chains = append(r.chains, chain{s})
	r.panics, r.message, r.causes = true, m[1] == "" && m[4] == ":", false
	return true
}

// backtrace begins one without a panic: that of an error.
func (r *rustReader) backtrace() {
	r.causes = false
	if n := len(r.chains); n > 0 && len(r.chains[n-1][0].frames) == 1 && r.chains[n-1][0].err.Type == "panic" {
		return
	}
	c := chain{{err: r.err, whole: true}}
	for _, e := range r.around {
		c = append(c, section{err: e})
	}
	r.chains = append(r.chains, c)
	r.err, r.around = Error{}, nil
}

func (r *rustReader) causeOrName(text string) {
	if message, ok := strings.CutPrefix(text, "Error: "); ok {
		r.err, r.around = newError("Error", message), nil
		return
	}
	if text == "Caused by:" {
		r.causes = true
		return
	}
	if r.causes {
		if m := rustCause.FindStringSubmatch(text); m != nil && m[1] != "" && len(r.around) < 32 {
			r.around = append([]Error{r.err}, r.around...)
			r.err = newError("Error", m[1])
		}
		return
	}
	if m := rustName.FindStringSubmatch(text); m != nil && len(r.chains) > 0 {
		r.function = strings.TrimSpace(rustHash.ReplaceAllString(m[1], ""))
	}
}

func (r *rustReader) frame(m []string) {
	n, _ := number(m[2])
	f, ok := newFrame(r.function, m[1], n)
	if !ok || len(r.chains) == 0 {
		return
	}
	s := &r.chains[len(r.chains)-1][0]
	// The place of the panic is a frame of the backtrace, too.
	if len(s.frames) > 0 && s.frames[0].Function == "" && samePlace(s.frames[0], f) {
		s.frames = s.frames[1:]
	}
	if len(s.frames) < 8*MaxFrames {
		s.frames = append(s.frames, f)
	}
}

// samePlace compares src/x.rs:1 of a panic with ./src/x.rs:1 or /build/src/x.rs:1
// of its backtrace.
func samePlace(short, long evidence.Frame) bool {
	a, b := strings.TrimPrefix(slashed(short.File), "./"), strings.TrimPrefix(slashed(long.File), "./")
	return short.Line == long.Line && (a == b || strings.HasSuffix(b, "/"+a))
}
