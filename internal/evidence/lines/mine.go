package lines

import (
	"hash/fnv"
	"maps"
	"slices"
	"time"

	"github.com/holdfast-sre/holdfast/internal/detect/template"
	"github.com/holdfast-sre/holdfast/internal/redact"
)

// miner knows the template of each message.
type miner struct {
	kinds    map[statement]kind
	redacted map[string]string // by text: a message is often its whole line
	r        *redact.Redactor
}

// statement is a message with whether it was said as a failure.
type statement struct {
	message string
	failure bool
}

func (p parsed) statement() statement { return statement{p.message, isFailure(p.level)} }

// kind is the template of a message. Its ID is the miner's, a hash of what does
// not vary and the same in every run, of the error codes, and of whether it is a
// failure: unlike a hash of the text, it depends neither on where the text is cut
// nor on how a place that varies is shown.
type kind struct {
	id   template.ID
	text string
}

// learn finds the template of every message of both windows. Each message counts
// once and they are read in order, so that the order of the lines means nothing.
// Lines with different error codes are never of one template: codes tell
// failures apart. Nor are a failure and what is none, in the same words: a first
// FATAL is new however often the same was said calmly.
func (m *miner) learn(windows ...[]parsed) {
	m.kinds = map[statement]kind{}
	known := map[string]bool{}
	for _, w := range windows {
		for _, p := range w {
			known[p.message] = true
		}
	}
	messages := slices.Sorted(maps.Keys(known))
	found, _ := templates(messages, m.redact)
	for i, message := range messages {
		t := found[i]
		text := clip(t.Text, maxText)
		m.kinds[statement{message, false}] = kind{t.ID, text}
		m.kinds[statement{message, true}] = kind{with(t.ID, " failure"), text}
	}
}

// oftener is how many times as often as any like it did before a failure says the
// same until it is told apart from them.
const oftener = 3

// apart makes templates of their own of what failures say again and again now
// where they said something else each time before: a place that takes any words
// hides no new ones.
func (m *miner) apart(now, before []parsed) {
	was, is := m.formsOf(before), m.formsOf(now)
	for id, forms := range is {
		most := 0
		for _, f := range was[id] {
			most = max(most, f.count)
		}
		for text, f := range forms {
			if most == 0 || f.count <= oftener*most {
				continue // all of it is new, or this is no news
			}
			messages := f.messages
			if w := was[id][text]; w != nil {
				messages = slices.Concat(messages, w.messages)
			}
			for _, message := range messages {
				m.kinds[statement{message, true}] = kind{with(id, " "+text), clip(text, maxText)}
			}
		}
	}
}

// form is what some messages of a template have in common by the look of their
// values alone.
type form struct {
	messages []string
	count    int
}

// formsOf are the forms of the failures of a window, by template and text.
func (m *miner) formsOf(ps []parsed) map[template.ID]map[string]*form {
	counts := map[string]int{}
	for _, p := range ps {
		if isFailure(p.level) {
			counts[p.message]++
		}
	}
	out := map[template.ID]map[string]*form{}
	for message, n := range counts {
		mined := redact.ReplaceMarks(m.redact(message), value)
		text, _ := withCodes(template.Mask([]byte(mined)), mined)
		id := m.kinds[statement{message, true}].id
		if out[id] == nil {
			out[id] = map[string]*form{}
		}
		f := out[id][text]
		if f == nil {
			f = &form{}
			out[id][text] = f
		}
		f.messages, f.count = append(f.messages, message), f.count+n
	}
	return out
}

// Template is what a message has in common with others of its log statement.
type Template struct {
	ID   template.ID
	Text string // redacted, with <*> for what varies, and with error codes
}

// Templates returns the template of each message, as Mine makes them, and the
// miner that did, which has seen each message once.
func Templates(messages []string, r *redact.Redactor) ([]Template, *template.Miner) {
	distinct := slices.Compact(slices.Sorted(slices.Values(messages)))
	found, miner := templates(distinct, func(s string) string { return r.Text(s) })
	out := make([]Template, len(messages))
	for i, message := range messages {
		at, _ := slices.BinarySearch(distinct, message)
		out[i] = found[at]
	}
	return out, miner
}

// value stands for whatever was redacted when templates are made, so that it is
// one place with what no rule took: one in ten long numbers looks like that of a
// card. No secret gets into a template, as the miner sees none.
const value = "0000000000000000"

// templates is Templates for messages that differ, in order.
func templates(messages []string, redacted func(string) string) ([]Template, *template.Miner) {
	miner := template.New(0)
	ids, mined := make([]template.ID, len(messages)), make([]string, len(messages))
	for i, message := range messages {
		mined[i] = redact.ReplaceMarks(redacted(message), value)
		ids[i] = miner.Add([]byte(mined[i]))
	}
	miner.Settle()
	texts := map[template.ID]string{}
	for _, t := range miner.Templates() {
		texts[t.ID] = t.Text
	}
	out := make([]Template, len(messages))
	for i, id := range ids {
		id = miner.Current(id)
		text, ok := texts[id]
		if !ok { // forgotten: there are more templates than the miner keeps
			text = template.Mask([]byte(mined[i]))
		}
		text, codes := withCodes(text, mined[i])
		out[i] = Template{with(id, codes), text}
	}
	return out, miner
}

// with is the ID of a template with something that is no part of its words.
func with(id template.ID, what string) template.ID {
	if what == "" {
		return id
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(id.String() + what)) // never fails
	return template.ID(h.Sum64())
}

func (m *miner) redact(text string) string {
	out, ok := m.redacted[text]
	if !ok {
		out = m.r.Text(text)
		m.redacted[text] = out
	}
	return out
}

// seen is a template in one window.
type seen struct {
	text        string
	level       string // the worst of its lines
	count       int
	first, last *Line // first by time, then by text
	times       []time.Time
}

// tally counts the templates of the lines of one window.
func (m *miner) tally(ls []Line, ps []parsed) map[template.ID]*seen {
	out := map[template.ID]*seen{}
	for i := range ls {
		l, k := &ls[i], m.kinds[ps[i].statement()]
		s := out[k.id]
		if s == nil {
			s = &seen{text: k.text, level: ps[i].level, first: l, last: l}
			out[k.id] = s
		}
		s.count++
		s.times = append(s.times, l.At)
		s.level = worse(s.level, ps[i].level)
		if l.At.Before(s.first.At) || l.At.Equal(s.first.At) && l.Text < s.first.Text {
			s.first = l
		}
		if l.At.After(s.last.At) {
			s.last = l
		}
	}
	return out
}
