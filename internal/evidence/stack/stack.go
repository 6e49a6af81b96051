// Package stack reads the stack traces that programs of eight languages leave
// in logs and terminals (Go, Java and its relatives, Python, JavaScript and
// TypeScript, .NET, Ruby, Rust, PHP) and those that people write by hand, and
// finds the files of a repository that their frames mean. Pure: text in, values
// out; the time is linear in the text, and what outsiders write can cost no
// more than that.
//
// Text may be as a log store returns it: with a prefix on each line (time,
// level, container, syslog), with line breaks escaped inside JSON or logfmt,
// with Windows line ends, tabs and colours. Nothing is redacted here.
package stack

import (
	"slices"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// Language is what a trace was printed by.
type Language string

// The languages. JVM languages other than Java are Java here: they print the
// same traces. Plain is a trace in no runtime's form, such as one that a person
// wrote down, in files that tell no language.
const (
	Go     Language = "go"
	Java   Language = "java"
	Python Language = "python"
	Node   Language = "node"
	DotNet Language = "dotnet"
	Ruby   Language = "ruby"
	Rust   Language = "rust"
	PHP    Language = "php"
	Plain  Language = "plain"
)

// Origin says whose code a frame is, as far as the frame alone tells. What is
// neither of the runtime nor of a known library is the program's own.
type Origin string

// The origins.
const (
	Own     Origin = "own"
	Library Origin = "library" // a dependency: vendored, from a package manager's folder, or well known
	Runtime Origin = "runtime" // the language and its standard library
)

// The bounds of what is read and kept.
const (
	MaxFrames  = 128     // frames of a trace
	maxErrors  = 64      // errors of a chain
	maxText    = 1 << 20 // bytes of text: the first and the last half of a longer one
	maxLine    = 8 << 10 // bytes of a line
	maxName    = 512     // bytes of a function
	maxFile    = 1 << 10 // bytes of a file
	maxMessage = 500     // bytes of a message
)

// Frame is one line of code that was being executed. File is as the trace gives
// it, except that Java's base names are completed with the package's folders
// (com/acme/Relay.java); Line is positive.
type Frame struct {
	evidence.Frame
	Origin Origin
}

// Error is what was raised. Type is as the language names it, "panic" or "fatal
// error" in Go, "panic" in Rust; Message is its first line.
type Error struct {
	Type    string
	Message string
}

// Trace is one stack trace.
type Trace struct {
	Language Language
	Error            // the root cause
	Around   []Error // the errors that wrapped the root cause or were raised while it was handled, the next one first
	Frames   []Frame // innermost first, where the root cause was raised
}

// Own returns the frames that may be of the program itself, innermost first.
func (t Trace) Own() []Frame {
	var out []Frame
	for _, f := range t.Frames {
		if f.Origin == Own {
			out = append(out, f)
		}
	}
	return out
}

// Innermost returns at most n frames. When there are more, the outer ones are
// left out, and those of libraries before the program's own: half of the places
// are for the program's own.
func (t Trace) Innermost(n int) []Frame {
	if len(t.Frames) <= n {
		return t.Frames
	}
	foreign := n - min(len(t.Own()), n/2)
	out := make([]Frame, 0, n)
	for _, f := range t.Frames {
		if len(out) == n {
			break
		}
		if f.Origin != Own {
			if foreign == 0 {
				continue
			}
			foreign--
		}
		out = append(out, f)
	}
	return out
}

// Parse reads the stack trace in a text; its Frames are empty when there is
// none. Of several traces in one text
//
//   - the language with the most frames counts;
//   - a chain of causes is one trace: the frames start where the root cause was
//     raised and go on with the callers that only the outer errors name;
//   - of errors that were raised together (exception groups, AggregateError)
//     the first one counts;
//   - of traces that have nothing to do with each other the last one counts, as
//     the one raised last. Where one panic brings others down (Rust), and in
//     dumps of all threads or goroutines, the first one counts that was
//     running, that is: the one that failed.
//
// A trace that a runtime printed is preferred to text that looks like one.
func Parse(text string) Trace {
	ls := split(text)
	var best Trace
	may := marksOf(ls)
	for _, r := range readers {
		if !may[r.language] {
			continue
		}
		t := r.read(ls).trace(r.language)
		if len(t.Frames) > len(best.Frames) || best.Language == "" && t.Type != "" {
			best = t
		}
	}
	if len(best.Frames) > 0 {
		return best
	}
	if t := readPlain(ls); len(t.Frames) > 0 {
		if t.Error == (Error{}) {
			t.Error, t.Around = best.Error, best.Around
		}
		return t
	}
	return best
}

// readers read the traces of one language and choose among them. When two find
// as many frames, the first one counts: the stricter forms come first.
var readers = []struct {
	language Language
	read     func([]line) chain
}{
	{Go, readGo},
	{Python, readPython},
	{Ruby, readRuby},
	{PHP, readPHP},
	{Rust, readRust},
	{DotNet, readDotNet},
	{Java, readJava},
	{Node, readNode},
}

// section is one raised error and its frames, innermost first.
type section struct {
	err    Error
	frames []evidence.Frame
	whole  bool // the frames reach to the program's start
}

// chain is an error and what it caused: the root cause first.
type chain []section

func (c chain) hasFrames() bool {
	return slices.ContainsFunc(c, func(s section) bool { return len(s.frames) > 0 })
}

// trace makes one trace of a chain.
func (c chain) trace(l Language) Trace {
	if len(c) == 0 {
		return Trace{}
	}
	c = c[:min(len(c), maxErrors)]
	t := Trace{Language: l, Error: c[0].err}
	var frames []evidence.Frame
	whole := false
	for i, s := range c {
		if i > 0 && s.err != (Error{}) {
			t.Around = append(t.Around, s.err)
		}
		if whole && slices.ContainsFunc(frames, func(f evidence.Frame) bool { return origin(l, f) == Own }) {
			continue
		}
		frames = callers(frames, s.frames)
		whole = whole || s.whole && len(frames) > 0
	}
	for _, f := range frames {
		t.Frames = append(t.Frames, Frame{f, origin(l, f)})
	}
	t.Frames = t.Innermost(MaxFrames)
	return t
}

// callers adds to the frames of an inner error those of an outer one that lie
// further out: the outermost function of the inner one is where it was caught.
func callers(inner, outer []evidence.Frame) []evidence.Frame {
	if len(inner) == 0 || len(outer) == 0 {
		return append(inner, outer...)
	}
	caught := inner[len(inner)-1]
	i := slices.IndexFunc(outer, func(f evidence.Frame) bool {
		return f.File == caught.File && f.Function == caught.Function
	})
	return append(inner[:len(inner):len(inner)], outer[i+1:]...)
}

// last returns the last chain that has frames, or else the last one.
func last(cs []chain) chain {
	for _, c := range slices.Backward(cs) {
		if c.hasFrames() {
			return c
		}
	}
	if len(cs) == 0 {
		return nil
	}
	return cs[len(cs)-1]
}
