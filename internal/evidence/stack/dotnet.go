package stack

import (
	"regexp"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// dotnetReader reads the frames of errors that print before them: the inner
// ones follow with arrows, and their frames come first.
type dotnetReader struct {
	chains  []chain
	open    []section // errors whose frames were not completed, the outer one first
	done    chain     // completed inner errors of the current trace
	aside   bool      // the copies of inner errors that AggregateException prints
	started bool      // frames were read since the last head
}

var (
	dotnetFile  = regexp.MustCompile(`[)\]] (?:in|bei|dans|à|en|em|na|в|w|a|i|位置|場所) (.+):(?:\pL+ )?(\d{1,7})(?: ?<.*|[.。])?$`)
	dotnetAsync = regexp.MustCompile(`<([\pL\pN_]+)>[\pL\pN_$|]*\.MoveNext$`)
	dotnetUnity = regexp.MustCompile(`^([\w.:<>` + "`" + `+]+) ?\(.*\) \(at (\S.*):(\d{1,7})\)$`)
	dotnetName  = regexp.MustCompile("^[\\pL\\pN_.`+<>\\[\\],|$&@\\-]+ ?\\(|^[\\pL\\pN_.`+<>|$]+(?:\\[.*\\])? ?\\(")
	// dotnetAt begins a frame, in the languages of the runtime.
	dotnetAt = []string{"at ", "bei ", "à ", "en ", "в ", "em ", "in ", "w ", "在 ", "場所 "}
)

// dotnetEnd ends the frames of an error, dotnetInner those of an inner one and not
// those of another thread.
var (
	dotnetEnd   = regexp.MustCompile(`^--- (?:End|Ende|Fin|Fim|Конец) `)
	dotnetInner = regexp.MustCompile(`(?i)inner|intern|внутренн`)
)

// readDotNet reads what .NET and Mono print. Frames without a file, as programs
// without symbols print them, are left out.
func readDotNet(ls []line) chain {
	var r dotnetReader
	for _, l := range ls {
		switch f, seen, ok := dotnetLine(l); {
		case seen:
			r.frame(f, ok)
		default:
			r.other(l)
		}
	}
	r.end()
	return last(r.chains)
}

func dotnetLine(l line) (f evidence.Frame, seen, ok bool) {
	for _, at := range dotnetAt {
		if rest, is := strings.CutPrefix(l.text, at); is {
			return dotnetFrame(rest)
		}
	}
	if rest, is := atFrame(l.text); is {
		return dotnetFrame(rest)
	}
	if strings.Contains(l.text, ") (at ") {
		if m := dotnetUnity.FindStringSubmatch(l.text); m != nil {
			n, _ := number(m[3])
			f, ok := newFrame(strings.ReplaceAll(m[1], ":", "."), m[2], n)
			return f, true, ok
		}
	}
	return f, false, false
}

// dotnetFrame reads "Namespace.Type.Method(Type name) in FILE:line 12".
func dotnetFrame(s string) (f evidence.Frame, seen, ok bool) {
	if !dotnetName.MatchString(s) {
		return f, false, false
	}
	open := strings.IndexByte(s, '(')
	name := strings.TrimSpace(s[:open])
	if !strings.ContainsAny(name, ".") {
		return f, false, false
	}
	m := dotnetFile.FindStringSubmatch(s[open:])
	if m == nil {
		return f, strings.HasSuffix(s, ")") && !strings.Contains(s[open:], ":"), false
	}
	if i := dotnetAsync.FindStringSubmatchIndex(name); i != nil {
		name = strings.TrimSuffix(name[:i[0]], "+") + name[i[2]:i[3]]
	}
	n, _ := number(m[2])
	f, ok = newFrame(name, m[1], n)
	return f, true, ok
}

func (r *dotnetReader) frame(f evidence.Frame, ok bool) {
	r.started = true
	if r.aside {
		return
	}
	if len(r.open) == 0 {
		r.open = []section{{}}
	}
	s := &r.open[len(r.open)-1]
	if ok && len(s.frames) < 8*MaxFrames {
		s.frames = append(s.frames, f)
	}
}

func (r *dotnetReader) other(l line) {
	switch {
	case l.text == "":
		return
	case strings.HasPrefix(l.text, "--- ") && dotnetEnd.MatchString(l.text):
		if n := len(r.open); n > 1 && dotnetInner.MatchString(l.text) {
			r.done = append(r.done, r.open[n-1])
			r.open = r.open[:n-1]
		}
		return
	case strings.HasPrefix(l.text, "---> (Inner Exception #"):
		if r.started {
			r.aside = true
			return
		}
	}
	if inner, ok := strings.CutPrefix(l.text, "---> "); ok {
		r.heads(strings.Split(inner, " ---> "))
		return
	}
	if strings.HasSuffix(l.text, "<---") {
		r.aside = false
		return
	}
	parts := strings.Split(l.text, " ---> ")
	if e, sure, ok := raised(parts[0]); ok && (sure || len(r.open) == 0 || r.started) && !r.aside {
		r.end()
		r.open = []section{{err: e}}
		r.heads(parts[1:])
	}
}

// heads opens the errors that one line names, the outer one first.
func (r *dotnetReader) heads(texts []string) {
	for _, t := range texts[:min(len(texts), 32)] {
		t = strings.TrimPrefix(t, "(Inner Exception #0) ")
		e, _, ok := raised(t)
		if !ok {
			e = newError("", t)
		}
		if len(r.open) < 64 {
			r.open = append(r.open, section{err: e})
		}
	}
}

func (r *dotnetReader) end() {
	c := r.done
	for i := len(r.open) - 1; i >= 0; i-- {
		c = append(c, r.open[i])
	}
	if len(c) > 0 {
		r.chains = append(r.chains, c)
	}
	r.open, r.done, r.started, r.aside = nil, nil, false, false
}
