package stack

import (
	"regexp"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// goroutine is one goroutine of a dump, or a stack without a head as error and
// log libraries write it.
type goroutine struct {
	inner    bool // its error was wrapped by the one above (xerrors)
	panicked bool // a panic or a fatal error was printed above it
	state    string
	err      Error
	around   []Error
	frames   []evidence.Frame
}

var (
	goFile      = regexp.MustCompile(`^(\S.*\.(?:go|s|c|cc|cpp|h)):(\d{1,7})(?: \+0x[0-9a-f]+)?(?: fp=.*)?$`)
	goFunction  = regexp.MustCompile(`^[\w./~%*()\[\]{}·,=@-]*[\w\])}]$`)
	goRoutine   = regexp.MustCompile(`goroutine \d+ (?:gp=\S+ m=\S+ (?:mp=\S+ )?)?\[([^\]]*)\]:?$`)
	goProfile   = regexp.MustCompile(`^#\s+0x[0-9a-f]+\s+(\S+?)(?:\+0x[0-9a-f]+)?\s+(\S+):(\d{1,7})$`)
	goFatal     = regexp.MustCompile(`(?:^|\s)(panic|fatal error|SIG[A-Z]+|unexpected fault address|WARNING): (.*)$`)
	goServing   = regexp.MustCompile(`panic serving [^ ]+: (.*)$`)
	goRecovered = regexp.MustCompile(` \[recovered(?:, repanicked)?\]$`)
)

// goReader collects the goroutines of a text.
type goReader struct {
	all     []goroutine
	err     Error   // of the head printed last
	around  []Error // panics raised while the first one was handled
	note    string  // the line above a stack
	pending bool    // a head was printed and no goroutine since
	open    bool    // the last goroutine may go on
}

func readGo(ls []line) chain {
	var r goReader
	for i := 0; i < len(ls); i++ {
		if i+1 < len(ls) && r.frame(ls[i].text, ls[i+1]) {
			i++
			continue
		}
		r.other(ls[i])
	}
	return r.choose()
}

// frame reads the two lines of a frame: function, then file.
func (r *goReader) frame(function string, next line) bool {
	if next.indent == 0 && !strings.Contains(next.text, " +0x") {
		return false
	}
	if !strings.Contains(next.text, ":") {
		return false
	}
	m := goFile.FindStringSubmatch(next.text)
	if m == nil {
		return false
	}
	name, ok := goName(function)
	if !ok {
		return false
	}
	r.add(name, m[1], m[2])
	return true
}

// goName is the function without its arguments: main.(*T).f of
// main.(*T).f(0x1, {0x2}), and X of "created by X in goroutine 1".
func goName(s string) (string, bool) {
	if created, ok := strings.CutPrefix(s, "created by "); ok {
		s, _, _ = strings.Cut(created, " in goroutine ")
	}
	if strings.HasSuffix(s, ")") {
		if i := strings.LastIndexByte(s, '('); i > 0 && s[i-1] != '.' {
			s = s[:i]
		}
	}
	return s, s != "" && len(s) <= 4*maxName && goFunction.MatchString(s)
}

func (r *goReader) add(function, file, lineText string) {
	n, _ := number(lineText)
	f, ok := newFrame(function, file, n)
	if !ok {
		return
	}
	if !r.open {
		r.begin("")
	}
	g := &r.all[len(r.all)-1]
	if len(g.frames) < 8*MaxFrames {
		g.frames = append(g.frames, f)
	}
	r.note = ""
}

func (r *goReader) begin(state string) {
	note, inner := strings.CutPrefix(r.note, "- ")
	g := goroutine{panicked: r.pending, state: state, err: newError("", strings.TrimSuffix(note, ":")), inner: inner}
	if r.pending {
		g.err, g.around = r.err, r.around
	}
	r.all = append(r.all, g)
	r.pending, r.open, r.note = false, true, ""
}

// other reads what is no frame: heads, and the ends of stacks.
func (r *goReader) other(l line) {
	text := l.text
	switch {
	case text == "" || strings.HasPrefix(text, "..."):
		return
	case strings.Contains(text, "goroutine "):
		if m := goRoutine.FindStringSubmatch(text); m != nil {
			r.begin(m[1])
			return
		}
	case strings.HasPrefix(text, "#"):
		if m := goProfile.FindStringSubmatch(text); m != nil {
			r.add(m[1], m[2], m[3])
		}
		return
	case strings.Contains(text, " @ 0x"): // a goroutine of a profile
		r.begin("")
		return
	}
	if strings.HasPrefix(text, "[signal ") || strings.HasPrefix(text, "goroutine profile:") {
		return
	}
	r.head(l)
	r.note = text
	if r.open && len(r.all[len(r.all)-1].frames) > 0 {
		r.open = false
	}
}

func (r *goReader) head(l line) {
	if m := goServing.FindStringSubmatch(l.text); m != nil {
		r.err, r.around, r.pending = newError("panic", m[1]), nil, true
		return
	}
	m := goFatal.FindStringSubmatch(l.text)
	if m == nil {
		return
	}
	kind, message := m[1], goRecovered.ReplaceAllString(m[2], "")
	if kind == "WARNING" {
		if message != "DATA RACE" {
			return
		}
		kind, message = message, ""
	}
	if r.pending && l.indent > 0 {
		r.around = append(r.around, newError(kind, message))
		return
	}
	r.err, r.around, r.pending = newError(kind, message), nil, true
}

// choose returns the goroutine that failed.
func (r *goReader) choose() chain {
	all := slices.DeleteFunc(r.all, func(g goroutine) bool { return len(g.frames) == 0 && g.state == "" })
	if len(all) == 0 {
		if r.pending && r.err.Type == "panic" {
			return chain{{err: r.err}}
		}
		return nil
	}
	from := 0
	for i, g := range all {
		if g.panicked {
			from = i
		}
	}
	if !all[from].panicked && all[from].state == "" {
		return headless(all)
	}
	best := from
	if all[from].err.Type != "panic" {
		for i := from + 1; i < len(all); i++ {
			if goRank(all[i]) > goRank(all[best]) {
				best = i
			}
		}
	}
	g := all[best]
	out := chain{{err: all[from].err, frames: raisedAt(g.frames), whole: true}}
	for _, e := range all[from].around {
		out = append(out, section{err: e})
	}
	return out
}

// goRank orders the goroutines of a dump: those with the program's own code
// first, and of those the running ones.
func goRank(g goroutine) int {
	rank := 0
	if slices.ContainsFunc(g.frames, func(f evidence.Frame) bool { return origin(Go, f) == Own }) {
		rank += 2
	}
	if strings.HasPrefix(g.state, "running") {
		rank++
	}
	return rank
}

// raisedAt leaves out what ran after the panic: the deferred functions that
// handle it stand above the function that panicked.
func raisedAt(frames []evidence.Frame) []evidence.Frame {
	for i, f := range slices.Backward(frames) {
		if (f.Function == "panic" || f.Function == "runtime.gopanic") && i+1 < len(frames) {
			return frames[i+1:]
		}
	}
	return frames
}

// headless chooses among stacks without a head. An error that was wrapped
// several times prints the stack of each wrapping, the inner one first; they
// start in the same function. Where the outer one comes first (xerrors), a dash
// stands before the inner ones.
func headless(all []goroutine) chain {
	i := len(all) - 1
	if all[i].inner {
		var c chain
		for ; i >= 0 && len(c) < maxErrors; i-- {
			c = append(c, section{err: all[i].err, frames: all[i].frames})
			if !all[i].inner {
				break
			}
		}
		return c
	}
	for i > 0 && sameStart(all[i-1].frames, all[i].frames) {
		i--
	}
	return chain{{err: all[i].err, frames: raisedAt(all[i].frames), whole: true}}
}

func sameStart(a, b []evidence.Frame) bool {
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	x, y := a[len(a)-1], b[len(b)-1]
	return x.File == y.File && x.Function == y.Function
}
