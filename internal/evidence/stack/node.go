package stack

import (
	"regexp"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

type nodeReader struct {
	chains []chain // the outer error first
	err    Error
	sure   bool
	note   string // the line above the frames
	// open says that the next frame goes on with the last one's error, nested
	// that its error caused the last one.
	open, nested bool
	// inside [errors]: the indent of the list, and whether its first was read
	list, listed bool
	listIndent   int
	at           evidence.Frame // the line that would not compile
}

var (
	nodeName   = regexp.MustCompile(`^(?:Uncaught )?([A-Z][\w.$]*)(?: \[[\w-]+\])?(?:: (.*)|:?$)`)
	nodeGecko  = regexp.MustCompile(`^([\w$.<>/*\[\]]*)@(\S+)$`)
	nodeEval   = regexp.MustCompile(`\(([^()\s]+:\d+:\d+)\)`)
	nodeSource = regexp.MustCompile(`^(?:file://)?\S*\.(?:[cm]?[jt]sx?|json):\d{1,7}$`)
)

// readNode reads what V8 prints (Node, Deno, Bun, Chrome), and the name@file
// form of the other browsers.
func readNode(ls []line) chain {
	var r nodeReader
	for _, l := range ls {
		if f, seen, ok := nodeLine(l.text); seen {
			r.frame(f, ok)
			continue
		}
		r.other(l)
	}
	for i := range r.chains {
		slices.Reverse(r.chains[i])
	}
	return last(r.chains)
}

func nodeLine(text string) (f evidence.Frame, seen, ok bool) {
	if rest, ok := atFrame(text); ok {
		return nodeFrame(rest)
	}
	if strings.IndexByte(text, '@') >= 0 && strings.IndexByte(text, '/') >= 0 {
		if m := nodeGecko.FindStringSubmatch(text); m != nil {
			if file, n, numbers := cutLine(m[2]); numbers == 2 && nodeFile(file) {
				f, ok := newFrame(m[1], file, n)
				return f, true, ok
			}
		}
	}
	return f, false, false
}

// nodeFrame reads "async fn [as alias] (file:line:column)" and
// "file:line:column".
func nodeFrame(s string) (f evidence.Frame, seen, ok bool) {
	s = strings.TrimRight(s, " {,]}")
	if strings.Contains(s, "(eval at ") {
		m := nodeEval.FindStringSubmatch(s)
		if m == nil {
			return f, true, false
		}
		s = s[:strings.Index(s, "(eval at ")] + "(" + m[1] + ")"
	}
	function, where := "", s
	if inner, ok := strings.CutSuffix(s, ")"); ok {
		i := strings.Index(inner, " (")
		if i < 0 {
			return f, false, false
		}
		function, where = inner[:i], strings.TrimSpace(inner[i+2:])
	}
	function = strings.TrimPrefix(strings.TrimSpace(function), "async ")
	if function == "" {
		where = strings.TrimPrefix(where, "async ")
	}
	file, n, numbers := cutLine(where)
	if numbers != 2 {
		return f, where == "<anonymous>" || where == "native" || strings.HasPrefix(where, "index "), false
	}
	if !nodeFile(file) {
		return f, false, false
	}
	f, ok = newFrame(function, file, n)
	return f, true, ok
}

// nodeFile refuses files of languages whose traces also say "at".
func nodeFile(file string) bool {
	for _, ext := range []string{".rs", ".go", ".py", ".java", ".kt", ".rb", ".php", ".cs"} {
		if strings.HasSuffix(file, ext) {
			return false
		}
	}
	return file != "" && !strings.Contains(file, " in ")
}

func (r *nodeReader) frame(f evidence.Frame, ok bool) {
	if r.list && r.listed && !r.open && !r.nested {
		return // the second of several errors raised together, and what caused it
	}
	if !r.open {
		if len(r.chains) == 0 || !r.nested {
			r.chains = append(r.chains, nil)
		}
		i := len(r.chains) - 1
		s := section{err: r.err}
		if s.err.Type != "" && s.err.Message == "" {
			s.err.Message = newError("", r.note).Message // several lines, of which the last one tells
		}
		if r.at.File != "" && r.err.Type == "SyntaxError" {
			s.frames = append(s.frames, r.at)
		}
		r.chains[i] = append(r.chains[i], s)
		r.open, r.nested, r.sure, r.note, r.err, r.at = true, false, false, "", Error{}, evidence.Frame{}
		r.listed = r.list
	}
	c := r.chains[len(r.chains)-1]
	s := &c[len(c)-1]
	if ok && len(s.frames) < 8*MaxFrames {
		s.frames = append(s.frames, f)
	}
}

func (r *nodeReader) other(l line) {
	text := strings.TrimLeft(l.text, "[{ ")
	switch {
	case text == "" || strings.HasPrefix(text, "..."):
		return
	case strings.HasPrefix(text, "cause]: "):
		if r.list && r.listed && !r.open {
			return
		}
		r.err, _ = nodeError(strings.TrimPrefix(text, "cause]: "))
		r.open, r.nested, r.sure = false, true, true
		return
	case strings.HasPrefix(text, "errors]: ["):
		if len(r.chains) == 0 || !r.open {
			r.chains = append(r.chains, chain{{err: r.err}})
		}
		r.list, r.listed, r.listIndent = true, false, l.indent
		r.open, r.nested, r.sure = false, true, false
		return
	case r.list && l.text[0] == ']' && l.indent <= r.listIndent:
		r.list, r.open = false, false
		return
	case nodeSource.MatchString(text):
		if file, n, numbers := cutLine(text); numbers == 1 {
			r.at, _ = newFrame("", file, n)
		}
		return
	}
	e, sure := nodeError(text)
	if r.err.Type != "" && !sure {
		r.note = l.text
	}
	if e.Type == "" || r.sure && !sure && !r.open || r.open && !sure && l.indent > 0 {
		return
	}
	r.err, r.sure, r.open, r.note = e, sure, false, ""
	r.nested = r.list && !r.listed
}

func nodeError(text string) (Error, bool) {
	if e, sure, ok := raised(text); ok && sure {
		return e, true
	}
	if m := nodeName.FindStringSubmatch(text); m != nil {
		return newError(m[1], m[2]), false
	}
	return Error{}, false
}
