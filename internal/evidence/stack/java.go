package stack

import (
	"regexp"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// javaTrace is one trace: the errors as they are printed, the outer one first,
// unless the logger puts the root cause first.
type javaTrace struct {
	sections  []section
	rootFirst bool
	thread    bool // of a thread dump: nothing was raised
}

type javaReader struct {
	traces []javaTrace
	err    Error
	sure   bool
	// fresh is set when the next frame belongs to another error than the last
	// one, nested when that error caused the last one.
	fresh, nested, wrapping, thread bool
	skipping                        bool // inside of a suppressed error
	skipIndent                      int
	shared                          int // frames that were added because errors share them
}

var (
	javaMore   = regexp.MustCompile(`^\.\.\. (\d{1,5}) (?:more|common frames omitted)`)
	javaThread = regexp.MustCompile(`^"[^"]+"(?: #\d+| prio=| daemon| tid=|:$)`)
)

// readJava reads what the JVM prints, and the loggers that print it their way.
func readJava(ls []line) chain {
	r := javaReader{fresh: true}
	for _, l := range ls {
		if l.text == "" || r.skip(l) {
			continue
		}
		if rest, ok := atFrame(l.text); ok {
			if f, seen, ok := javaFrame(rest); seen {
				r.frame(f, ok)
				continue
			}
		}
		r.other(l)
	}
	return r.choose()
}

// skip leaves out suppressed errors: what failed while another error was on its
// way is not why it was raised.
func (r *javaReader) skip(l line) bool {
	if strings.HasPrefix(l.text, "Suppressed: ") {
		r.skipping, r.skipIndent = true, l.indent
		return true
	}
	if !r.skipping {
		return false
	}
	switch {
	case strings.HasPrefix(l.text, "Caused by: "):
		r.skipping = l.indent >= r.skipIndent && r.skipIndent > 0
	case strings.HasPrefix(l.text, "..."):
		if r.skipIndent == 0 { // all space was lost: the suppressed error ends here
			r.skipping = false
			return true
		}
	case !strings.HasPrefix(l.text, "at "):
		r.skipping = l.indent >= r.skipIndent && r.skipIndent > 0
	case l.indent < r.skipIndent:
		r.skipping = false
	}
	return r.skipping
}

// javaFrame reads loader//module@version/package.Class.method(File.java:12);
// seen is true for what is a frame, ok for one that names a line.
func javaFrame(s string) (f evidence.Frame, seen, ok bool) {
	open := strings.IndexByte(s, '(')
	if open <= 0 {
		return f, false, false
	}
	method, rest := s[:open], s[open+1:]
	where, _, closed := strings.Cut(rest, ")")
	method, where = strings.TrimSpace(method), strings.TrimSpace(where) // Google's consoles add spaces
	dot := strings.LastIndexByte(method, '.')
	if !closed || dot <= 0 || strings.ContainsAny(method, " \t:") {
		return f, false, false
	}
	if i := strings.LastIndexByte(method, '/'); i >= 0 && i < dot && !strings.Contains(method[:i], "$$") {
		method = method[i+1:]
		dot = strings.LastIndexByte(method, '.')
	}
	base, n, numbers := cutLine(where)
	switch {
	case numbers == 2 || dot <= 0 || strings.ContainsAny(base, "/\\ "):
		return f, false, false
	case numbers == 0:
		return f, where == "Native Method" || where == "Unknown Source" || javaSource(where), false
	case !javaSource(base):
		return f, base == "SourceFile" || base == "Unknown Source", false
	}
	f, ok = newFrame(method, javaPath(method[:dot], base), n)
	return f, true, ok
}

func javaSource(base string) bool {
	for _, ext := range []string{".java", ".kt", ".kts", ".scala", ".groovy", ".clj", ".cljc", ".jsp", ".sc"} {
		if strings.HasSuffix(base, ext) {
			return true
		}
	}
	return false
}

// javaPath completes a base name with the folders of its class's package.
func javaPath(class, base string) string {
	if i := strings.IndexByte(class, '$'); i > 0 {
		class = class[:i]
	}
	i := strings.LastIndexByte(class, '.')
	if i < 0 {
		return base
	}
	return strings.ReplaceAll(class[:i], ".", "/") + "/" + base
}

func (r *javaReader) frame(f evidence.Frame, ok bool) {
	s := r.section()
	if ok && len(s.frames) < 8*MaxFrames {
		s.frames = append(s.frames, f)
	}
}

// section is the error that the next frames belong to.
func (r *javaReader) section() *section {
	if r.fresh {
		if n := len(r.traces) - 1; !r.nested || n < 0 || len(r.traces[n].sections) == maxErrors {
			r.traces = append(r.traces, javaTrace{thread: r.thread})
		}
		t := &r.traces[len(r.traces)-1]
		t.rootFirst = t.rootFirst || r.wrapping
		t.sections = append(t.sections, section{err: r.err, whole: true})
		r.fresh, r.nested, r.wrapping, r.thread, r.err, r.sure = false, false, false, false, Error{}, false
	}
	t := &r.traces[len(r.traces)-1]
	return &t.sections[len(t.sections)-1]
}

func (r *javaReader) other(l line) {
	if m := javaMore.FindStringSubmatch(l.text); m != nil {
		r.more(m[1])
		return
	}
	for _, mark := range []string{"Caused by: ", "Wrapped by: "} {
		i := strings.Index(l.text, mark)
		if i < 0 || i > 0 && l.text[i-1] != ' ' {
			continue
		}
		text := l.text[i+len(mark):]
		if strings.HasPrefix(text, "[CIRCULAR") {
			return
		}
		kind, message, _ := strings.Cut(text, ": ")
		r.err, r.sure, r.fresh, r.nested, r.wrapping = newError(strings.TrimSuffix(kind, ":"), message), true, true, true, mark[0] == 'W'
		return
	}
	if strings.HasPrefix(l.text, "java.lang.Thread.State: ") {
		return
	}
	if javaThread.MatchString(l.text) {
		r.fresh, r.nested, r.thread, r.err, r.sure = true, false, true, Error{}, false
		return
	}
	if e, sure, ok := raised(l.text); ok && (sure || !r.sure) && !(r.nested && r.fresh) {
		r.err, r.sure, r.fresh = e, sure, true
	}
}

// more adds the frames that an inner error shares with the one around it.
func (r *javaReader) more(count string) {
	n, _ := number(count)
	s := r.section()
	t := r.traces[len(r.traces)-1]
	if len(t.sections) < 2 || t.rootFirst {
		s.whole = false // the frames in common follow
		return
	}
	outer := t.sections[len(t.sections)-2].frames
	n = min(n, len(outer))
	if r.shared += n; r.shared > maxErrors*8*MaxFrames || len(s.frames)+n > 16*MaxFrames {
		return
	}
	s.frames = append(s.frames, outer[len(outer)-n:]...)
}

func (r *javaReader) choose() chain {
	var cs, threads []chain
	for _, t := range r.traces {
		c := chain(t.sections)
		if !t.rootFirst {
			slices.Reverse(c)
		}
		if t.thread {
			threads = append(threads, c)
			continue
		}
		cs = append(cs, c)
	}
	if len(cs) > 0 {
		return last(cs)
	}
	for _, c := range threads {
		for _, s := range c {
			if slices.ContainsFunc(s.frames, func(f evidence.Frame) bool { return origin(Java, f) == Own }) {
				return c
			}
		}
	}
	return last(threads)
}
