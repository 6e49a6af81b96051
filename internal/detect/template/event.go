package template

import (
	"bytes"
	"strings"
)

// Event is what a program said at once: a line, with the stack trace or the
// rest of a longer text that follows it.
type Event struct {
	Head []byte // the first line
	// Detail is the second line where the first names only who speaks.
	Detail []byte
	// Cause is what a trace says about the innermost error; empty without one.
	Cause []byte
	Lines int // of the whole event
}

// Message is what the event says, in one line: what templates are made of. Two
// failures with one head and different causes are different ones.
func (e Event) Message() string {
	head := string(e.Head)
	if len(e.Detail) > 0 {
		head += " " + string(e.Detail)
	}
	switch cause := string(e.Cause); {
	case cause == "" || strings.Contains(head, cause):
		return head
	case strings.HasPrefix(head, tracebackHead), location(head):
		return cause // the head says nothing
	default:
		return strings.TrimRight(head, ": ") + ": " + cause
	}
}

// maxEventLines bounds one event: what goes on longer is no trace.
const maxEventLines = 1000

// Events makes events of the lines of one stream, in order, without their
// newlines. Their lines add up to those that were given, and their texts share
// memory with them.
func Events(lines [][]byte) []Event {
	var out []Event
	var j joiner
	for i, line := range lines {
		var next []byte
		if i+1 < len(lines) {
			next = lines[i+1]
		}
		goesOn := i > 0 && j.continues(line, next)
		if goesOn && j.event.Lines < maxEventLines {
			j.event.Lines++
			continue
		}
		if i > 0 {
			out = append(out, j.event)
		}
		j.event = Event{Head: bytes.TrimRight(line, "\r"), Lines: 1}
		if !goesOn { // else it is cut off, and what follows is told apart as before
			j.begin(line)
		}
	}
	if len(lines) > 0 {
		out = append(out, j.event)
	}
	return out
}

// joiner is in one event.
type joiner struct {
	event  Event
	trace  trace
	indent int  // blanks before the head
	inside bool // the last line was indented
	source bool // the head is a place in the code, as Node.js writes
	chain  bool // another Python trace is announced
	blank  bool // a blank line stands between the head and the name of an error
}

// trace is the kind of stack trace that an event is in.
type trace byte

const (
	noTrace    trace = iota
	framed           // frames are indented, and errors named by their class
	python           // ends with a line that is not indented and names the error
	raised           // such a trace that has ended; another one may follow
	goroutines       // frames are a function and, indented, a file
)

// looked bounds what of a line is looked at.
const looked = 256

// shown is what of a line is looked at, as text.
func shown(line []byte) string { return strings.TrimRight(string(line[:min(len(line), looked)]), "\r") }

func (j *joiner) begin(line []byte) {
	text := shown(line)
	*j = joiner{event: j.event, indent: blanks(text)}
	switch {
	case location(text):
		j.trace, j.source = framed, true
	case strings.HasPrefix(text, tracebackHead):
		j.trace = python
	case strings.HasPrefix(text, "goroutine "), strings.HasPrefix(text, "panic: "), strings.HasPrefix(text, "fatal error: "):
		j.trace = goroutines
	case strings.HasPrefix(text, "thread '"), thrown(text), category(text):
		j.trace = framed
	}
}

// tracebackHead begins the traces of Python.
const tracebackHead = "Traceback (most recent call"

// blanks is how many blanks a line begins with.
func blanks(text string) int { return len(text) - len(strings.TrimLeft(text, " \t")) }

// continues reports whether a line belongs to the event before it, and keeps
// the cause up to date. next is the line after it, if there is one.
func (j *joiner) continues(line, next []byte) bool {
	text := shown(line)
	trimmed := strings.TrimLeft(text, " \t")
	was := j.inside
	j.inside = len(trimmed) < len(text) && trimmed != ""
	switch {
	case trimmed == "":
		j.blank = j.event.Lines == 1 && thrown(shown(next))
		return j.trace != noTrace || j.blank && !calm(shown(j.event.Head))
	case j.inside:
		return j.indented(line, text, trimmed)
	case j.trace == python && was && identifier(text):
		j.trace, j.event.Cause = raised, bytes.TrimRight(line, "\r")
		return true
	case strings.HasPrefix(text, tracebackHead):
		return j.traceback()
	case j.trace == raised:
		j.chain = hasAnyPrefix(text, "During handling of the above ex", "The above exception was the ")
		return j.chain
	case strings.HasPrefix(text, "goroutine ") && strings.Contains(text, "["):
		j.trace = goroutines
		return true
	case j.trace == goroutines:
		return call(text) || hasAnyPrefix(text, "created by ", "exit status ", "[signal ", "\tpanic: ")
	case thrown(text):
		return j.names(line, next)
	}
	return j.frame(line, text)
}

// indented takes a line that is indented: one of a trace, or of a text that
// goes on over several lines.
func (j *joiner) indented(line []byte, text, trimmed string) bool {
	if len(j.event.Detail) == 0 && j.event.Lines == 1 && category(shown(j.event.Head)) {
		j.event.Detail = bytes.TrimSpace(line)
		return true
	}
	if inner, ok := strings.CutPrefix(trimmed, "---> "); ok {
		j.trace, j.event.Cause = framed, line[bytes.Index(line, []byte("---> "))+len("---> "):]
		return inner != ""
	}
	if isFrame(trimmed, true) || strings.Trim(trimmed, "^~ ") == "" {
		j.trace = max(j.trace, framed) // carets point at the source above them
		return true
	}
	if j.trace != noTrace {
		return j.trace == goroutines || !states(trimmed)
	}
	// One blank is how some programs begin, and what tells of trouble is not
	// hidden behind a line that does not.
	deeper := blanks(text) > j.indent && (blanks(text) > 1 || text[0] == '\t')
	return deeper && !begins(trimmed) && !troubled(trimmed)
}

// traceback takes the first line of a Python trace: below the message of who
// logged it or of the trace before, but not of a line that says that all is well.
func (j *joiner) traceback() bool {
	switch {
	case j.trace == noTrace && calm(shown(j.event.Head)), j.trace == raised && !j.chain:
		return false
	}
	j.trace, j.chain = python, false
	return true
}

// frame takes what else belongs to a trace without being indented.
func (j *joiner) frame(line []byte, text string) bool {
	switch {
	case strings.HasPrefix(text, causedBy):
		j.trace, j.event.Cause = framed, bytes.TrimRight(line[len(causedBy):], "\r")
		return true
	case isFrame(text, j.trace != noTrace), hasAnyPrefix(text, "Stack trace:", "stack backtrace:", "note: run with `RUST_BACKTRACE"):
		j.trace = max(j.trace, framed)
		return true
	}
	return j.source && strings.HasPrefix(text, "Node.js v") || strings.Trim(text, "}])") == "" // the end of something printed over several lines
}

const causedBy = "Caused by: "

func hasAnyPrefix(text string, prefixes ...string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(text, p) {
			return true
		}
	}
	return false
}

// isFrame reports whether a line, without its indent, is a frame: "at
// shop.Cart.take(Cart.java:12)", "#0 /cart.php(12): take()", or stands for some.
// surely is true where a frame is likely: one that could be a sentence counts.
func isFrame(text string, surely bool) bool {
	switch {
	case strings.HasPrefix(text, "at "):
		return strings.Contains(text, "(") || surely && strings.Contains(text, ":")
	case strings.HasPrefix(text, "... "):
		return strings.HasSuffix(text, " more") || strings.HasSuffix(text, " common frames omitted")
	case strings.HasPrefix(text, "--- End of "):
		return true
	case strings.HasPrefix(text, `File "`):
		return strings.Contains(text, `", line `)
	case surely && strings.HasPrefix(text, "#"):
		n, _, ok := strings.Cut(text[1:], " ")
		return ok && n != "" && strings.Trim(n, "0123456789") == ""
	}
	return false
}

// IsFrame reports whether a line is a frame of a stack trace, or stands for some.
func IsFrame(line []byte) bool {
	text := shown(line)
	trimmed := strings.TrimLeft(text, " \t")
	return isFrame(trimmed, len(trimmed) < len(text))
}

// names takes a line that names an error by its class: below the message of who
// logged it when frames follow. Else it is an event of its own.
func (j *joiner) names(line, next []byte) bool {
	head := shown(j.event.Head)
	below := j.source && len(j.event.Cause) == 0 || j.trace == noTrace && (j.event.Lines == 1 || j.blank) && !calm(head)
	if !below || !IsFrame(next) && !strings.HasPrefix(shown(next), causedBy) {
		return false
	}
	j.trace, j.event.Cause = framed, bytes.TrimRight(line, "\r")
	return true
}

// begins reports whether an indented line is a statement of its own: some
// programs align their levels to the right.
func begins(trimmed string) bool {
	first, _, _ := strings.Cut(trimmed, " ")
	l := lower([]byte(strings.Trim(first, levelMarks)))
	switch string(l.bytes()) {
	case "trace", "debug", "info", "notice", "warn", "warning", "error", "fatal", "critical":
		return true
	}
	return dated(first)
}

// levelMarks may stand around a level.
const levelMarks = "[]:|"

// states reports whether an indented line is a statement of its own even in a
// trace, where words for levels are names in the code as well: only a level in
// capitals that nothing is assigned to, or a date.
func states(trimmed string) bool {
	first, rest, _ := strings.Cut(trimmed, " ")
	if !begins(trimmed) || strings.HasPrefix(rest, "=") {
		return false
	}
	return dated(first) || strings.ToUpper(first) == first
}

// dated reports whether a word begins with a date.
func dated(first string) bool {
	return len(first) >= 10 && first[4] == '-' && first[7] == '-' && strings.Trim(first[:4], "0123456789") == ""
}

// troubled reports whether a line has a word for trouble in it.
func troubled(text string) bool {
	text = strings.ToLower(text)
	for _, w := range [...]string{
		"error", "exception", "fail", "fatal", "critical", "panic", "crash", "abort", "killed", "oomkill", "out of memory",
		"refused", "rejected", "denied", "forbidden", "unauthorized", "timed out", "timeout", "deadlock",
		"unreachable", "unavailable", "unhealthy", "not ready", "disconnect", "lost", "loss", "corrupt", "broken", "missing", "invalid", "expired",
		"cannot", "can't", "could not", "unable", "exhausted", "exceeded", "overflow", "no space", "read-only", "split brain", "degraded", "lagging",
	} {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

// location reports whether a line is nothing but a place in the code:
// "/app/server.js:12".
func location(text string) bool {
	file, line, ok := strings.Cut(text, ":")
	return ok && line != "" && strings.Trim(line, "0123456789") == "" && strings.Contains(file, "/") && !strings.Contains(file, " ")
}

// calm reports whether a line says that it is no failure.
func calm(text string) bool {
	for _, w := range [...]string{"INFO", "DEBUG", "TRACE", "NOTICE", "level=info", "level=debug"} {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

// category reports whether a line names only who speaks, as the first of the two
// or more lines that .NET writes does: "fail: Shop.Orders.Worker[13]".
func category(text string) bool {
	level, name, ok := strings.Cut(text, ": ")
	if !ok || strings.Contains(name, " ") || !strings.HasSuffix(name, "]") || !strings.Contains(name, "[") {
		return false
	}
	switch level {
	case "trce", "dbug", "info", "warn", "fail", "crit":
		return true
	}
	return false
}

// thrown reports whether a line begins with the class of an error, as
// "java.net.SocketException: reset" and "ValueError: no number" do.
func thrown(text string) bool {
	class, _, found := strings.Cut(text, ":")
	class, _, _ = strings.Cut(class, " [") // Node.js adds a code
	if strings.ContainsAny(class, " \t=[(\"") {
		return false
	}
	for _, end := range [...]string{"Exception", "Error", "Throwable", "Interrupt", "Warning"} {
		if strings.HasSuffix(class, end) && (found || len(class) > len(end)) {
			return true
		}
	}
	return false
}

// identifier reports whether a line begins with a name, as of an error's class,
// that ends the line or a colon follows.
func identifier(text string) bool {
	class, _, _ := strings.Cut(text, ":")
	for i, c := range []byte(class) {
		if k := classes[c]; k != letter && c != '_' && (i == 0 || k != digit && c != '.') {
			return false
		}
	}
	return class != "" && !begins(class)
}

// call reports whether a line is the function of a goroutine's frame:
// "main.(*server).run(0xc000)".
func call(text string) bool {
	name, _, found := strings.Cut(text, "(")
	return found && strings.Contains(name, ".") && !strings.Contains(name, " ") && strings.HasSuffix(strings.TrimSpace(text), ")")
}
