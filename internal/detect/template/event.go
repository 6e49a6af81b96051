package template

import (
	"bytes"
	"strings"
)

// Event is what a program said at once: a line, with the stack trace that
// follows it.
type Event struct {
	Head []byte // the first line: what templates are made of
	// Cause is the line of a trace that names the innermost error; empty without
	// a trace.
	Cause []byte
	Lines int // of the whole event
}

// maxEventLines bounds one event: what goes on longer is no trace.
const maxEventLines = 1000

// Joiner makes events of the lines of one stream, in order. The zero value is
// ready. It keeps the head and the cause of one event, whatever its length, and
// is not safe for concurrent use.
type Joiner struct {
	open   bool
	event  Event
	trace  trace
	indent int // blanks before the head
}

// trace is the kind of stack trace that an event is in.
type trace byte

const (
	noTrace    trace = iota
	framed           // frames are indented, and errors named by their class
	python           // ends with a line that is not indented and names the error
	goroutines       // frames are a function and, indented, a file
)

// Add takes the next line, without its newline. It returns the event before it
// once that is complete.
func (j *Joiner) Add(line []byte) (done Event, ok bool) {
	line = bytes.TrimRight(line, "\r")
	goesOn := j.open && j.continues(line)
	if goesOn && j.event.Lines < maxEventLines {
		j.event.Lines++
		return Event{}, false
	}
	done, ok = j.event, j.open
	j.event, j.open = Event{Head: clipped(line), Lines: 1}, true
	if goesOn {
		return done, ok // cut off: what follows is told apart as before
	}
	j.trace, j.indent = noTrace, len(line)-len(bytes.TrimLeft(line, " \t"))
	switch {
	case bytes.HasPrefix(line, []byte("Traceback (most recent call")):
		j.trace = python
	case bytes.HasPrefix(line, []byte("goroutine ")), bytes.HasPrefix(line, []byte("panic: ")), bytes.HasPrefix(line, []byte("fatal error: ")):
		j.trace = goroutines
	}
	return done, ok
}

// Flush returns the last event, at the end of the stream or when nothing came
// for a while.
func (j *Joiner) Flush() (last Event, ok bool) {
	last, ok = j.event, j.open
	*j = Joiner{}
	return last, ok
}

// clipped copies what of a line is looked at.
func clipped(line []byte) []byte { return bytes.Clone(line[:min(len(line), maxObject)]) }

// continues reports whether a line belongs to the event before it, and keeps
// the cause up to date.
func (j *Joiner) continues(line []byte) bool {
	text := string(line[:min(len(line), 256)])
	trimmed := strings.TrimLeft(text, " \t")
	switch {
	case trimmed == "":
		return j.trace != noTrace
	case len(trimmed) < len(text):
		return j.trace != noTrace || j.indent < len(text)-len(trimmed) && !begins(trimmed)
	case strings.HasPrefix(text, "Traceback (most recent call"):
		j.trace = python
		return true
	case strings.HasPrefix(text, "goroutine ") && strings.Contains(text, "["):
		j.trace = goroutines
		return true
	case strings.HasPrefix(text, "Caused by: "):
		j.trace = framed
		j.event.Cause = clipped(line[len("Caused by: "):])
		return true
	case strings.HasPrefix(text, "at ") && strings.Contains(text, "("), strings.HasPrefix(text, "... ") && strings.HasSuffix(text, " more"):
		j.trace = framed
		return true
	case strings.Trim(text, "}])") == "":
		return true // the end of something printed over several lines
	case j.trace == goroutines:
		return call(text) || strings.HasPrefix(text, "created by ") || strings.HasPrefix(text, "exit status ") || strings.HasPrefix(text, "[signal ")
	case thrown(text):
		return j.names(line)
	}
	if j.trace == python && strings.HasPrefix(text, "During handling of") {
		return true
	}
	return false
}

// begins reports whether an indented line is a statement of its own: some
// programs align their levels to the right.
func begins(trimmed string) bool {
	first, _, _ := strings.Cut(trimmed, " ")
	l := lower([]byte(strings.Trim(first, "[]:|")))
	switch string(l.bytes()) {
	case "trace", "debug", "info", "notice", "warn", "warning", "error", "fatal", "critical":
		return true
	}
	return len(first) >= 10 && first[4] == '-' && first[7] == '-' && strings.Trim(first[:4], "0123456789") == ""
}

// names takes a line that names an error: the last line of a Python trace, or
// the first below the message of another language's.
func (j *Joiner) names(line []byte) bool {
	head := string(j.event.Head[:min(len(j.event.Head), 256)])
	if j.trace == noTrace && (j.event.Lines > 1 || thrown(head)) {
		return false // one error after another: each is an event
	}
	if j.trace == python {
		j.trace = noTrace
	} else {
		j.trace = framed
	}
	j.event.Cause = clipped(line)
	return true
}

// thrown reports whether a line begins with the class of an error, as
// "java.net.SocketException: reset" and "ValueError: no number" do.
func thrown(text string) bool {
	class, _, _ := strings.Cut(text, ":")
	if strings.ContainsAny(class, " \t=[(\"") {
		return false
	}
	for _, end := range [...]string{"Exception", "Error", "Throwable", "Interrupt", "Warning"} {
		if strings.HasSuffix(class, end) && len(class) > len(end) {
			return true
		}
	}
	return false
}

// call reports whether a line is the function of a goroutine's frame:
// "main.(*server).run(0xc000)".
func call(text string) bool {
	name, _, found := strings.Cut(text, "(")
	return found && strings.Contains(name, ".") && !strings.Contains(name, " ") && strings.HasSuffix(strings.TrimSpace(text), ")")
}
