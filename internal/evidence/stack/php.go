package stack

import (
	"regexp"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

type phpReader struct {
	chains []chain
	err    Error
	thrown evidence.Frame // where the error was raised
	linked bool           // the next error was caused by the last one, or caused it
	before bool           // it caused the last one
	lines  int            // of the message that were read
	open   bool           // a trace is being read
	warned bool           // the place is that of a warning
	pairs  []phpCall
	single chain // a warning without a trace
}

// phpCall is a line of a trace: the place of a call, and what was called.
type phpCall struct {
	file   string
	line   int
	callee string
}

var (
	phpCallLine = regexp.MustCompile(`^#(\d{1,6}) (?:(\[internal function\])|(\{main\})|(.+?)\((\d{1,7})\))(?:: (.*))?$`)
	phpRaised   = regexp.MustCompile(`(?:^|Uncaught |Next |exception '|\s)((?:[A-Za-z_]\w*\\)*\w*(?:Exception|Error)|(?:[A-Za-z_]\w*\\)+[A-Za-z_]\w*)(?:: | ?' with message ')(.*)$`)
	phpPlace    = regexp.MustCompile(`^(.*)'? in ((?:[A-Za-z]:)?[^:\s][^:]*?):(\d{1,7})$`)
	phpOnLine   = regexp.MustCompile(`(?:^|PHP message: )(?:PHP )?(Fatal error|Parse error|Warning|Notice|Deprecated|Recoverable fatal error): +(.*) in (\S.*?) on line (\d{1,7})(?:[",].*)?$`)
	phpObject   = regexp.MustCompile(`\[object\] \(([\w\\]+)\(code: [^)]*\): (.*) at (\S.*?):(\d{1,7})\)`)
	phpXdebug   = regexp.MustCompile(`^(?:PHP\s+)?(\d{1,4})\. (\S.*?)\(.*\) (\S+):(\d{1,7})$`)
)

// readPHP reads uncaught errors, exceptions as text, warnings, and what Monolog
// writes of an exception.
func readPHP(ls []line) chain {
	var r phpReader
	for _, l := range ls {
		r.line(l.text)
	}
	r.end()
	if c := last(r.chains); c != nil {
		return c
	}
	return r.single
}

func (r *phpReader) line(text string) {
	switch {
	case text == "":
		return
	case text[0] == '#':
		if m := phpCallLine.FindStringSubmatch(text); m != nil {
			r.call(m)
		}
		return
	case text == "Stack trace:" || text == "[stacktrace]" || text == "Call Stack:" || text == "PHP Stack trace:":
		return
	case strings.Contains(text, "[object] ("):
		if m := phpObject.FindStringSubmatch(text); m != nil {
			r.object(text, m)
			return
		}
	case strings.Contains(text, " on line "):
		if m := phpOnLine.FindStringSubmatch(text); m != nil {
			r.warning(m)
			return
		}
	case strings.Contains(text, ". "):
		if m := phpXdebug.FindStringSubmatch(text); m != nil {
			r.outermostFirst(m)
			return
		}
	}
	r.head(text)
}

// head reads the error, whose message may have several lines; the last one ends
// with the place.
func (r *phpReader) head(text string) {
	if m := phpRaised.FindStringSubmatch(text); m != nil {
		r.end()
		r.linked, r.before = strings.HasPrefix(text, "Next "), false
		r.err, r.lines = newError(m[1], m[2]), 1
		r.thrown, r.warned = evidence.Frame{}, false
		if p := phpPlace.FindStringSubmatch(m[2]); p != nil {
			r.err = newError(m[1], p[1])
			r.at(p[2], p[3])
		}
		return
	}
	if r.lines == 0 || r.lines > 20 || r.thrown.File != "" {
		return
	}
	r.lines++
	if p := phpPlace.FindStringSubmatch(text); p != nil {
		r.at(p[2], p[3])
	}
}

func (r *phpReader) at(file, line string) {
	n, _ := number(line)
	r.thrown, _ = newFrame("", file, n)
}

func (r *phpReader) warning(m []string) {
	r.end()
	n, _ := number(m[4])
	f, ok := newFrame("", m[3], n)
	if !ok {
		return
	}
	r.single = chain{{err: newError(m[1], m[2]), frames: []evidence.Frame{f}}}
	r.err, r.thrown, r.lines, r.warned = r.single[0].err, f, 1, true
}

// object reads the form of Monolog, in which the exception comes first and what
// caused it after it.
func (r *phpReader) object(text string, m []string) {
	r.end()
	r.before = strings.Contains(text, "[previous exception]")
	r.linked = r.before
	r.err, r.lines = newError(unslash(m[1]), m[2]), 1
	r.at(m[3], m[4])
}

func (r *phpReader) call(m []string) {
	if r.open && m[1] == "0" {
		r.end()
	}
	r.open = true
	n, _ := number(m[5])
	callee, _, _ := strings.Cut(m[6], "(")
	if len(r.pairs) < 8*MaxFrames {
		r.pairs = append(r.pairs, phpCall{m[4], n, unslash(callee)})
	}
}

// unslash undoes what JSON does to names: Acme\\Booking is Acme\Booking.
func unslash(s string) string { return strings.ReplaceAll(s, `\\`, `\`) }

// outermostFirst reads the form of Xdebug and of PHP's own log.
func (r *phpReader) outermostFirst(m []string) {
	if m[1] == "1" {
		r.pairs = nil
	}
	r.open = true
	n, _ := number(m[4])
	callee := m[2]
	if callee == "{main}" {
		callee = ""
	}
	if len(r.pairs) < 8*MaxFrames {
		r.pairs = append([]phpCall{{m[3], n, callee}}, r.pairs...)
	}
}

// end makes an error of what was read. A call's place lies in the function that
// the next line of the trace says was called.
func (r *phpReader) end() {
	if !r.open && (r.thrown.File == "" || r.warned) {
		r.thrown, r.warned = evidence.Frame{}, false
		return
	}
	s := section{err: r.err, whole: true}
	within := func(i int) string {
		if i < len(r.pairs) {
			return r.pairs[i].callee
		}
		return ""
	}
	if r.thrown.File != "" {
		r.thrown, _ = newFrame(within(0), r.thrown.File, r.thrown.Line)
		s.frames = append(s.frames, r.thrown)
	}
	for i, p := range r.pairs {
		if f, ok := newFrame(within(i+1), p.file, p.line); ok {
			s.frames = append(s.frames, f)
		}
	}
	switch n := len(r.chains) - 1; {
	case !r.linked || n < 0 || len(r.chains[n]) == maxErrors:
		r.chains = append(r.chains, chain{s})
	case r.before:
		r.chains[n] = append(chain{s}, r.chains[n]...)
	default:
		r.chains[n] = append(r.chains[n], s)
	}
	r.pairs, r.open, r.warned, r.linked, r.before, r.lines = nil, false, false, false, false, 0
	r.err, r.thrown = Error{}, evidence.Frame{}
}
