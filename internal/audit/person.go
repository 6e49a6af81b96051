package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/holdfast-sre/holdfast/internal/outside"
)

// Gone stands where a name or a text was erased outside the chain.
const Gone = "[erased]"

// Person is somebody whose name and words are erased from what is stored beside
// the chain: incidents, timelines, approvals, grades, documents.
type Person struct {
	Name string
	// KeepMentions leaves alone what others wrote, also where it names the person.
	KeepMentions bool
	// words are what the person wrote, as far as it was found, the longest first.
	words []string
}

// MentionedIn reports whether the name stands in a text as a name and not as a
// part of another word, name or address.
func (p *Person) MentionedIn(text string) bool {
	return p.next(text, 0) >= 0
}

// next returns where the name stands at or behind from; -1 = nowhere.
func (p *Person) next(text string, from int) int {
	for p.Name != "" {
		i := strings.Index(text[from:], p.Name)
		if i < 0 {
			return -1
		}
		at := from + i
		end := at + len(p.Name)
		if !joinedBefore(text[:at]) && !joinedBehind(text[end:]) {
			return at
		}
		_, size := utf8.DecodeRuneInString(text[at:])
		from = at + size
	}
	return -1
}

// joinedBefore reports whether what comes behind text is part of a word that
// began in it; a dot, an @ or a + joins only what has a letter on both sides.
func joinedBefore(text string) bool {
	r, size := utf8.DecodeLastRuneInString(text)
	if strings.ContainsRune(".@+", r) && size > 0 {
		r, size = utf8.DecodeLastRuneInString(text[:len(text)-size])
	}
	return size > 0 && ofName(r)
}

func joinedBehind(text string) bool {
	r, size := utf8.DecodeRuneInString(text)
	if strings.ContainsRune(".@+", r) && size > 0 {
		r, size = utf8.DecodeRuneInString(text[size:])
	}
	return size > 0 && ofName(r)
}

func ofName(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || r == '_' || r == '-'
}

// Out returns a text without the name and without what the person wrote.
func (p *Person) Out(text string) string {
	if p.KeepMentions {
		return text
	}
	for _, w := range p.words {
		text = unquoted(text, w)
	}
	var b strings.Builder
	from := 0
	for {
		at := p.next(text, from)
		if at < 0 {
			b.WriteString(text[from:])
			return b.String()
		}
		b.WriteString(text[from:at])
		b.WriteString(Gone)
		from = at + len(p.Name)
	}
}

// head is how much of a longer text finds it where only its beginning is quoted.
const head = 60

// unquoted replaces words, or a part from their beginning on, in a text.
func unquoted(text, words string) string {
	begin := words
	if len(begin) > head {
		begin = strings.ToValidUTF8(begin[:head], "")
	}
	var b strings.Builder
	for {
		i := strings.Index(text, begin)
		if i < 0 {
			b.WriteString(text)
			return b.String()
		}
		b.WriteString(text[:i])
		b.WriteString(Gone)
		text = text[i:]
		n := len(begin)
		for n < min(len(text), len(words)) && text[n] == words[n] {
			n++
		}
		for n < len(text) && !utf8.RuneStart(text[n]) { // the rest of a character that differs
			n++
		}
		text = text[n:]
	}
}

// shortest is the length of a text that is looked for elsewhere: a shorter one,
// such as "restart relay", says nothing of anybody and stands everywhere.
const shortest = 20

// wrote remembers a text of the person, also as a document quotes it.
func (p *Person) wrote(text string) {
	for _, form := range []string{text, strings.TrimSpace(text), outside.Line(text, len(text)), outside.Markdown(text, len(text))} {
		if len(form) >= shortest && !strings.HasSuffix(form, byPerson) && !slices.Contains(p.words, form) {
			p.words = append(p.words, form)
		}
	}
	slices.SortStableFunc(p.words, func(a, b string) int { return len(b) - len(a) })
}

// byPerson ends the reasons that Holdfast itself gives for what a person did.
const byPerson = "by a person"

// Learn remembers what the person wrote in a stored JSON text, so that Forget
// finds it where others quote it.
func (p *Person) Learn(body string) error {
	v, err := tree(body)
	if err == nil {
		p.walk(v, place{}, true)
	}
	return err
}

// Reset drops what Learn remembered: it was of one incident.
func (p *Person) Reset() { p.words = nil }

// Forget returns a stored JSON text without the name and the words of the
// person; changed reports whether there were any. What names something other
// than a person, such as a service, a label or a query, stays.
func (p *Person) Forget(body string) (_ string, changed bool, err error) {
	v, err := tree(body)
	if err != nil {
		return body, false, err
	}
	before, err := canonical(v)
	if err != nil {
		return body, false, err
	}
	after, err := canonical(p.walk(v, place{}, false))
	if err != nil || bytes.Equal(before, after) {
		return body, false, err
	}
	return string(after), true, nil
}

// place says what a value is part of.
type place struct {
	key   string // of the object that holds it
	own   bool   // the person did what the object tells
	fixed bool   // in Holdfast's words, see generated
}

func tree(body string) (v any, err error) {
	dec := json.NewDecoder(strings.NewReader(body))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		return nil, fmt.Errorf("stored text: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF { //nolint:errorlint // Token returns it bare
		return nil, errors.New("stored text: more than one value")
	}
	return v, nil
}

// walk returns v without the person; with learn it remembers the person's words
// instead.
func (p *Person) walk(v any, at place, learn bool) any {
	switch v := v.(type) {
	case map[string]any:
		return p.object(v, at, learn)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = p.walk(v[i], at, learn)
		}
		return out
	case string:
		return p.text(v, at, learn)
	}
	return v
}

func (p *Person) object(o map[string]any, at place, learn bool) any {
	inner := at
	if by, ok := doer(o); ok {
		inner.own = by == p.Name
		kind, _ := o["kind"].(string)
		inner.fixed = generated(kind)
	}
	out := make(map[string]any, len(o))
	for _, k := range slices.Sorted(maps.Keys(o)) {
		if technical(k) {
			out[k] = p.named(o[k], learn)
			continue
		}
		inner.key = k
		out[k] = p.walk(o[k], inner, learn)
	}
	return out
}

// named erases, of what is no prose, who declared an incident.
func (p *Person) named(v any, learn bool) any {
	labels, ok := v.(map[string]any)
	if !ok || labels["declared_by"] != p.Name || learn {
		return v
	}
	out := maps.Clone(labels)
	out["declared_by"] = Gone
	return out
}

func (p *Person) text(s string, at place, learn bool) any {
	switch {
	case s == p.Name:
		return Gone
	case at.key == "approved_by" && !learn:
		return p.unlisted(s)
	case at.own && !at.fixed && spoken(at.key):
		if learn {
			p.wrote(s)
		}
		if s == "" || strings.HasSuffix(s, byPerson) {
			return s
		}
		return Gone
	case learn:
		return s
	}
	return p.Out(s)
}

// unlisted takes the name out of a list of names.
func (p *Person) unlisted(list string) string {
	names := strings.Split(list, listed)
	for i, n := range names {
		if n == p.Name {
			names[i] = Gone
		}
	}
	return strings.Join(names, listed)
}

// listed separates the names of those who agreed.
const listed = ", "

// doer returns who did what an object tells.
func doer(o map[string]any) (string, bool) {
	for _, k := range []string{"actor", "by"} {
		if s, ok := o[k].(string); ok {
			return s, true
		}
	}
	labels, _ := o["labels"].(map[string]any)
	s, ok := labels["declared_by"].(string)
	return s, ok
}

// spoken reports whether a field holds the words of whoever did it.
func spoken(key string) bool {
	switch key {
	case "text", "cause", "reason", "comment", "description", "task":
		return true
	}
	return false
}

// generated reports whether the text of an event is Holdfast's own, with
// nothing in it that a person wrote but names.
func generated(kind string) bool {
	switch kind {
	case "acknowledged", "approved", "commander_set", "opened", "split", "merged":
		return true
	}
	return false
}

// technical reports whether a field names something that is no person, also
// where somebody has the same name.
func technical(key string) bool {
	switch key {
	case "id", "incident", "incident_id", "proposal", "proposal_id", "intent", "delegation", "kind", "state", "status", "grade", "stage",
		"service", "services", "environment", "name", "source", "collector", "runbook", "option", "action", "target", "targets", "component",
		"params", "labels", "facts", "query", "queries", "expr", "fingerprint", "group_key", "path", "url", "link", "unit", "class", "urgency",
		"generation", "revision", "version", "previous", "files", "to", "from", "into", "signals", "sha", "hash", "plan_sha256",
		"runbook_sha256", "boundary_sha256", "commands":
		return true
	}
	return false
}
