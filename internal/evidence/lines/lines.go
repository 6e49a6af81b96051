// Package lines turns log lines into evidence: templates that are new, have
// risen, fallen or vanished, a representative of each, and the stack traces seen
// with them. Pure: lines in, findings out; the same lines in any order give the
// same findings.
//
// A template is what the messages of one log statement have in common, mined
// from both windows together, with the error codes that they carry.
package lines

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/redact"
)

// Line is one log line as a store returned it, or an event of several (Join).
type Line struct {
	At     time.Time
	Text   string
	Labels map[string]string // of the stream; "level" is used when the text names none
	// Stream is the same for lines that one program wrote one after the other;
	// empty for a line that stands alone.
	Stream  string
	Entries int // of the store that the event was made of; 0 = 1
}

// Window is what was logged from From (excluded) to To. Lines outside of it
// count as if they were at its edge. A window without bounds is as long as the
// one that it is compared with.
type Window struct {
	Lines    []Line
	From, To time.Time
}

// Count is how many entries of the store the window was made of.
func (w Window) Count() int {
	n := 0
	for _, l := range w.Lines {
		n += max(l.Entries, 1)
	}
	return n
}

// The bounds of what one source says about one service.
const (
	maxTemplates = 20
	maxFallen    = 10
	maxStacks    = 5
	maxText      = 300
	maxSample    = 2000 // bytes of a line
	maxTrace     = 8000 // bytes of one with its stack trace
)

// Mine compares the lines of a window with those of a reference window, bin by
// bin (template.Shifts). It keeps the templates that are new or have risen,
// failures first, then by how often they occur; those that have fallen or
// vanished; and the stacks of failures, the most frequent first. r redacts
// before anything is cut, so that no half of a secret is left.
func Mine(now, before Window, r *redact.Redactor) evidence.Logs {
	m := miner{redacted: map[string]string{}, r: r}
	here, there := parseAll(now.Lines), parseAll(before.Lines)
	m.learn(here, there)
	m.apart(here, there)
	f := findings{miner: &m, now: m.tally(now.Lines, here), before: m.tally(before.Lines, there)}
	f.compare(spread(now, before))
	return evidence.Logs{
		Templates: f.notable(), Fallen: f.fallen(), Stacks: m.frequent(here), Lines: now.Count(),
	}
}

func parseAll(ls []Line) []parsed {
	out := make([]parsed, len(ls))
	for i, l := range ls {
		out[i] = parse(l)
	}
	return out
}

// seenStack is a stack of functions and files. Where the lines in them differ, as
// between two versions of a program, it is shown with those that it mostly has.
type seenStack struct {
	key   string
	lines map[string]*seenLines
	count int
}

type seenLines struct {
	key    string
	frames []evidence.Frame
	count  int
}

// frequent returns the stacks of failures.
func (m *miner) frequent(ps []parsed) [][]evidence.Frame {
	stacks := map[string]*seenStack{}
	for _, p := range ps {
		if p.stack == nil || !isFailure(p.level) {
			continue
		}
		var key, at strings.Builder
		for i := range p.stack {
			p.stack[i].Function = m.redact(p.stack[i].Function)
			p.stack[i].File = m.redact(p.stack[i].File)
			key.WriteString(p.stack[i].Function + "\x00" + p.stack[i].File + "\x00")
			fmt.Fprintf(&at, "%08d ", p.stack[i].Line)
		}
		s := stacks[key.String()]
		if s == nil {
			s = &seenStack{key: key.String(), lines: map[string]*seenLines{}}
			stacks[s.key] = s
		}
		l := s.lines[at.String()]
		if l == nil {
			l = &seenLines{key: at.String(), frames: p.stack}
			s.lines[l.key] = l
		}
		s.count, l.count = s.count+1, l.count+1
	}
	all := slices.SortedFunc(maps.Values(stacks), func(a, b *seenStack) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.key, b.key))
	})
	var out [][]evidence.Frame
	for _, s := range all[:min(len(all), maxStacks)] {
		most := slices.MinFunc(slices.Collect(maps.Values(s.lines)), func(a, b *seenLines) int {
			return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.key, b.key))
		})
		out = append(out, most.frames)
	}
	return out
}

// ranked are the levels, the worst first; the last is none.
var ranked = []string{"fatal", "error", "warn", "info", "debug", ""}

// rank orders levels: failures first, and what is no warning alike.
func rank(level string) int { return min(order(level), 3) }

func order(level string) int {
	if i := slices.Index(ranked, level); i >= 0 {
		return i
	}
	return len(ranked) - 1
}

func isFailure(level string) bool { return rank(level) < 2 }

func worse(a, b string) string {
	return ranked[min(order(a), order(b))]
}

// sample is a line as it is shown.
func (m *miner) sample(text string) string {
	text = m.redact(strings.TrimSpace(text))
	if !strings.Contains(text, "\n") {
		return clip(text, maxSample)
	}
	return clipMiddle(text, maxTrace)
}

// clip cuts s to n bytes at the border of a character and marks the cut.
func clip(s string, n int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= n {
		return s
	}
	n -= len("…")
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// clipMiddle cuts s to n bytes and leaves its end, where the innermost cause of a
// trace stands.
func clipMiddle(s string, n int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= n {
		return s
	}
	const mark = "\n…\n"
	head := clip(s, n/2)
	tail := s[len(s)-(n-len(head)-len(mark)):]
	for len(tail) > 0 && !utf8.RuneStart(tail[0]) {
		tail = tail[1:]
	}
	return head + mark + tail
}
