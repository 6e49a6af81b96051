package stack

import (
	"regexp"
	"slices"
	"strings"
)

// pyGroup is an exception group whose sub-exceptions are being read.
type pyGroup struct {
	around chain // the group itself and what it caused
	skip   bool  // a later one than the first sub-exception
}

type pyReader struct {
	chains  []chain
	current chain
	groups  []pyGroup
	inTrace bool // a traceback began and its error was not read yet
	linked  bool // the next traceback belongs to the chain
	first   bool // most recent call first: faulthandler
	skip    bool
	indent  int // of the frames
	error   Error
	fatal   Error  // of "Fatal Python error"
	note    string // the line read last outside of a traceback
	above   string // that which stood above frames without a head
}

var (
	pyFrame  = regexp.MustCompile(`File "([^"]+)", line (\d{1,7})(?:,? in (\S+).*)?$`)
	pyError  = regexp.MustCompile(`^((?:[A-Za-z_]\w*\.)*(?:[A-Za-z_]\w*|<locals>\.\w+))(?:: (.*)|:?$)`)
	pyGroupN = regexp.MustCompile(`^\+(?:-\+)?-{4,} (\d+|\.\.\.) -{4,}$`)
)

// readPython reads tracebacks, chained ones and exception groups, and what
// faulthandler prints.
func readPython(ls []line) chain {
	var r pyReader
	for _, l := range ls {
		r.line(l)
	}
	r.endSection()
	for len(r.groups) > 0 {
		r.endGroup()
	}
	r.endChain()
	return last(r.chains)
}

func (r *pyReader) line(l line) {
	switch {
	case l.text == "":
		return
	case strings.HasPrefix(l.text, "+"):
		r.group(l.text)
		l.text = strings.TrimLeft(l.text, "+ ")
	}
	switch {
	case strings.Contains(l.text, "Traceback (most recent call last)"):
		r.begin(false)
	case strings.Contains(l.text, "(most recent call first)"):
		current := strings.HasPrefix(l.text, "Current thread")
		r.begin(true)
		r.skip = !current && len(r.chains) > 0
	case strings.HasPrefix(l.text, "Fatal Python error: "):
		r.fatal = newError("Fatal Python error", strings.TrimPrefix(l.text, "Fatal Python error: "))
	case strings.HasPrefix(l.text, "The above exception was the direct cause of"), strings.HasPrefix(l.text, "During handling of the above exception"):
		r.endSection()
		r.linked = true
	case strings.Contains(l.text, `File "`) && r.frame(l):
	default:
		r.other(l)
		if !r.inTrace {
			r.note = l.text
		}
	}
}

func (r *pyReader) begin(first bool) {
	r.endSection()
	if !r.linked {
		r.endChain()
	}
	r.linked, r.inTrace, r.first = false, true, first
	r.skip = false
	r.current = append(r.current, section{})
	if first {
		r.current[len(r.current)-1].err = r.fatal
	}
}

func (r *pyReader) frame(l line) bool {
	m := pyFrame.FindStringSubmatch(l.text)
	if m == nil {
		return false
	}
	if !r.inTrace { // frames without a head: what format_tb returns, a syntax error
		r.begin(false)
		r.above = r.note // exports put the error first
	}
	r.indent = l.indent
	s := &r.current[len(r.current)-1]
	n, _ := number(m[2])
	if f, ok := newFrame(m[3], m[1], n); ok && !r.skip {
		s.frames = append(s.frames, f)
		if len(s.frames) > 16*MaxFrames {
			s.frames = slices.Delete(s.frames, 0, 8*MaxFrames) // the outermost
		}
	}
	return true
}

// other looks for the error below the frames: less indented than they are, or,
// where the indentation was lost, the last line that reads like an error.
func (r *pyReader) other(l line) {
	if !r.inTrace || r.first || len(r.current) == 0 || len(r.current[len(r.current)-1].frames) == 0 {
		return
	}
	lost := r.indent == 0
	if l.indent >= r.indent && !lost {
		return
	}
	m := pyError.FindStringSubmatch(l.text)
	if m == nil || lost && !strings.Contains(l.text, ":") && !strings.HasSuffix(l.text, "Error") {
		return
	}
	r.error = newError(m[1], m[2])
	if !lost {
		r.endSection()
	}
}

func (r *pyReader) endSection() {
	if !r.inTrace || len(r.current) == 0 {
		return
	}
	s := &r.current[len(r.current)-1]
	if r.first {
		s.whole = true
	} else {
		slices.Reverse(s.frames)
		s.err = r.error
		if m := pyError.FindStringSubmatch(r.above); m != nil && s.err == (Error{}) && (m[2] != "" || strings.HasSuffix(m[1], "Error")) {
			s.err = newError(m[1], m[2])
		}
	}
	r.error, r.inTrace, r.indent, r.above = Error{}, false, 0, ""
}

func (r *pyReader) endChain() {
	if len(r.current) > 0 && !r.inSkippedGroup() {
		r.chains = append(r.chains, r.current)
	}
	r.current = nil
}

func (r *pyReader) inSkippedGroup() bool {
	return slices.ContainsFunc(r.groups, func(g pyGroup) bool { return g.skip })
}

// group reads the rules that exception groups draw around their parts.
func (r *pyReader) group(text string) {
	if m := pyGroupN.FindStringSubmatch(text); m != nil {
		r.endSection()
		if m[1] == "1" && strings.HasPrefix(text, "+-+") && len(r.groups) < maxErrors {
			r.groups = append(r.groups, pyGroup{around: r.current})
			r.current = nil
			return
		}
		if n := len(r.groups); n > 0 && !r.groups[n-1].skip {
			r.groups[n-1].around = joined(r.current, r.groups[n-1].around)
			r.groups[n-1].skip = true
		}
		r.current = nil
		return
	}
	if strings.Trim(text, "+-") == "" {
		r.endGroup()
	}
}

func (r *pyReader) endGroup() {
	r.endSection()
	n := len(r.groups)
	if n == 0 {
		return
	}
	g := r.groups[n-1]
	r.groups = r.groups[:n-1]
	if g.skip {
		r.current = g.around
		return
	}
	r.current = joined(r.current, g.around)
}

// joined is an error's chain and what it caused.
func joined(c, around chain) chain {
	out := append(c[:len(c):len(c)], around...)
	return out[:min(len(out), maxErrors)]
}
