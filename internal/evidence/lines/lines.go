// Package lines turns log lines into evidence: templates that are new or have
// risen, a representative of each, and the stack traces seen with them. Pure:
// lines in, findings out; the same lines in any order give the same findings.
//
// A template is what the messages of one log statement have in common, mined
// from both windows together, with the error codes that they carry.
package lines

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/holdfast-sre/holdfast/internal/detect/template"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/id"
	"github.com/holdfast-sre/holdfast/internal/redact"
)

// Line is one log line as a store returned it.
type Line struct {
	At     time.Time
	Text   string
	Labels map[string]string // of the stream; "level" is used when the text names none
}

// The bounds of what one source says about one service.
const (
	maxTemplates = 20
	maxStacks    = 5
	maxText      = 300
	maxSample    = 2000
)

// Mine compares the lines of a window with those of a reference window of the
// same length. It keeps the templates that are new or have risen, failures
// first, then by how often they occur; and the stacks of failures, the most
// frequent first. r redacts before anything is cut, so that no half of a
// secret is left.
func Mine(now, before []Line, r *redact.Redactor) evidence.Logs {
	m := miner{templates: map[string]*evidence.Template{}, stacks: map[string]*stack{}, redacted: map[string]string{}, r: r}
	here, there := parseAll(now), parseAll(before)
	m.masked = m.learn(here, there)
	for i, l := range now {
		m.add(l, here[i])
	}
	for _, p := range there {
		if t := m.templates[m.masked[p.message]]; t != nil {
			t.Before++
		}
	}
	return evidence.Logs{Templates: m.notable(), Stacks: m.frequent(), Lines: len(now)}
}

func parseAll(ls []Line) []parsed {
	out := make([]parsed, len(ls))
	for i, l := range ls {
		out[i] = parse(l)
	}
	return out
}

type miner struct {
	templates map[string]*evidence.Template
	stacks    map[string]*stack
	masked    map[string]string // template by message
	redacted  map[string]string // by text: a message is often its whole line
	r         *redact.Redactor
}

// learn finds the template of every message of both windows. Each message counts
// once and they are read in order, so that the order of the lines means nothing.
// Lines with different error codes are never of one template: codes tell
// failures apart.
func (m *miner) learn(windows ...[]parsed) map[string]string {
	out := map[string]string{}
	for _, w := range windows {
		for _, p := range w {
			out[p.message] = ""
		}
	}
	miner := template.New(0)
	ids := make(map[string]template.ID, len(out))
	for _, message := range slices.Sorted(maps.Keys(out)) {
		ids[message] = miner.Add([]byte(m.redact(message)))
	}
	miner.Settle()
	for message, id := range ids {
		clean := m.redact(message)
		t, ok := miner.Template(id)
		text := t.Text
		if !ok {
			text = template.Mask([]byte(clean))
		}
		out[message] = clip(withCodes(text, clean), maxText)
	}
	return out
}

type stack struct {
	key    string
	frames []evidence.Frame
	count  int
}

func (m *miner) add(l Line, p parsed) {
	text := m.masked[p.message]
	t := m.templates[text]
	if t == nil {
		t = &evidence.Template{
			ID: id.Of("tpl", text), Text: text, Level: p.level,
			First: l.At, Sample: m.sample(l.Text),
		}
		m.templates[text] = t
	}
	t.Count++
	t.Level = worse(t.Level, p.level)
	if l.At.Before(t.First) || l.At.Equal(t.First) && l.Text < t.Sample {
		t.First, t.Sample = l.At, m.sample(l.Text)
	}
	if p.stack != nil && isFailure(p.level) {
		m.addStack(p.stack)
	}
}

func (m *miner) addStack(frames []evidence.Frame) {
	var b strings.Builder
	for i := range frames {
		frames[i].Function = m.r.String(frames[i].Function)
		b.WriteString(frames[i].Function)
		b.WriteByte(0)
		b.WriteString(frames[i].File)
		b.WriteByte(0)
	}
	key := b.String()
	s := m.stacks[key]
	if s == nil {
		s = &stack{key: key, frames: frames}
		m.stacks[key] = s
	}
	s.count++
}

func (m *miner) sample(text string) string {
	return clip(m.redact(strings.TrimSpace(text)), maxSample)
}

func (m *miner) redact(text string) string {
	out, ok := m.redacted[text]
	if !ok {
		out = m.r.String(text)
		m.redacted[text] = out
	}
	return out
}

// notable returns what is new or has risen. A failure that was there before,
// as often as now, is kept as well when nothing else fails: a problem older
// than the reference window must not hide.
func (m *miner) notable() []evidence.Template {
	var out, steady []evidence.Template
	for _, t := range m.templates {
		t.New = t.Before == 0
		switch {
		case t.New || risen(t.Count, t.Before):
			out = append(out, *t)
		case isFailure(t.Level):
			steady = append(steady, *t)
		}
	}
	if !slices.ContainsFunc(out, func(t evidence.Template) bool { return isFailure(t.Level) }) {
		out = append(out, steady...)
	}
	slices.SortFunc(out, func(a, b evidence.Template) int {
		return cmp.Or(cmp.Compare(rank(a.Level), rank(b.Level)), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Text, b.Text))
	})
	return out[:min(len(out), maxTemplates)]
}

func (m *miner) frequent() [][]evidence.Frame {
	all := make([]*stack, 0, len(m.stacks))
	for _, s := range m.stacks {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *stack) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.key, b.key))
	})
	var out [][]evidence.Frame
	for _, s := range all[:min(len(all), maxStacks)] {
		out = append(out, s.frames)
	}
	return out
}

// risen reports whether a count is at least twice the reference and further
// from it than chance explains: three standard deviations of a Poisson count
// whose mean is the reference.
func risen(now, before int) bool {
	excess := now - before
	return now >= 2*before && excess > 0 && excess*excess >= 9*max(before, 1)
}

// rank orders levels: failures first.
func rank(level string) int {
	i := slices.Index([]string{"fatal", "error", "warn"}, level)
	if i < 0 {
		return 3
	}
	return i
}

func isFailure(level string) bool { return rank(level) < 2 }

func worse(a, b string) string {
	if rank(b) < rank(a) {
		return b
	}
	return a
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
