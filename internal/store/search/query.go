package search

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/holdfast-sre/holdfast/internal/problem"
)

// Bounds of a query; more is a mistake, or an attempt to be expensive.
const (
	maxQuery   = 2000 // bytes
	maxClauses = 32
)

const dayForm = "2006-01-02"

// Query is a parsed search. The zero Query finds everything.
//
//	pool size              both words
//	"pool size"            the phrase
//	idempoten*             words that begin so
//	-kafka                 not in the artefact
//	pool OR thread wait    (pool or thread) and wait
//	kind:adr,rfc           a field; a comma is an OR
//	title:outbox           words of the title; section: of the headings, text: below them
//	id:ADR-023 links:PRD-015 status:accepted service:relay tag:x repo:shop path:docs/
//	after:2024-01-01       on that day or later; before: earlier than it; 2024 and 2024-06 will do
//
// Words match in any inflexion; case and accents don't count. Text that isn't
// words is passed over.
type Query struct {
	clauses []clause // all must hold
}

// clause is a set of alternatives; negated, none may hold.
type clause struct {
	not   bool
	atoms []atom // of one sort: all text, or all fields
}

// atom is the smallest condition.
type atom struct {
	field  string // a key of fields; empty for words anywhere
	value  string
	quoted bool
	prefix bool
}

// fields of a query, and the columns of text that some stand for.
var fields = []struct{ name, column string }{
	{"after", ""},
	{"before", ""},
	{"id", ""},
	{"kind", ""},
	{"links", ""},
	{"path", ""},
	{"repo", ""},
	{"section", "heading"},
	{"service", ""},
	{"status", ""},
	{"tag", ""},
	{"text", "body"},
	{"title", "title"},
}

// Fields lists the names that may stand before a colon.
func Fields() []string {
	var out []string
	for _, f := range fields {
		out = append(out, f.name)
	}
	return out
}

// column is the column of text that the atom looks into; ok is false for a
// field that is no text.
func (a atom) column() (name string, ok bool) {
	if a.field == "" {
		return "", true
	}
	for _, f := range fields {
		if f.name == a.field {
			return f.column, f.column != ""
		}
	}
	return "", false
}

// IsZero reports whether the query finds everything.
func (q Query) IsZero() bool { return len(q.clauses) == 0 }

// String is a text that parses to the same query.
func (q Query) String() string {
	var out []string
	for _, c := range q.clauses {
		var alternatives []string
		for _, a := range c.atoms {
			alternatives = append(alternatives, a.String())
		}
		// Alternatives of one field came from a list, or from OR; both mean it.
		s := strings.Join(alternatives, " OR ")
		if c.not {
			s = "-" + listed(c.atoms)
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

// listed writes alternatives of a negated field as the list that they were.
func listed(atoms []atom) string {
	s := atoms[0].String()
	for _, a := range atoms[1:] {
		a.field = ""
		s += "," + strings.TrimSuffix(a.String(), "*")
		if a.prefix {
			s += "*"
		}
	}
	return s
}

func (a atom) String() string {
	s := a.value
	if a.quoted || s == "OR" && a.field == "" && !a.prefix {
		s = `"` + s + `"`
	}
	if a.field != "" {
		s = a.field + ":" + s
	}
	if a.prefix {
		s += "*"
	}
	return s
}

// Parse reads a query as people type it. The error is a *problem.Problem with
// the column, counted in characters from 1.
func Parse(text string) (Query, error) {
	p := &parser{rest: text, all: text}
	if len(text) > maxQuery {
		return Query{}, p.wrong(0, "a query has at most 2,000 bytes", "search for a part of it; similar incidents take longer texts")
	}
	if !utf8.ValidString(text) {
		return Query{}, p.wrong(0, "the query is not UTF-8", "")
	}
	for {
		p.space()
		if p.rest == "" {
			break
		}
		if err := p.term(); err != nil {
			return Query{}, err
		}
	}
	switch {
	case p.or > 0:
		return Query{}, p.wrong(p.or-1, "OR needs a term on both sides", `write "OR" in quotes to find the word`)
	case len(p.q.clauses) > maxClauses:
		return Query{}, p.wrong(0, fmt.Sprintf("a query has at most %d conditions, this has %d", maxClauses, len(p.q.clauses)), "")
	case len(p.q.clauses) == 0 && strings.TrimSpace(text) != "":
		return Query{}, p.wrong(0, "nothing to search for: no letter and no digit", "")
	}
	return p.q, nil
}

type parser struct {
	all, rest string
	q         Query
	or        int // 1 + offset of an OR that waits for its right side
}

func (p *parser) offset() int { return len(p.all) - len(p.rest) }

func (p *parser) wrong(offset int, what, hint string) error {
	return &problem.Problem{File: "query", Line: 1, Column: utf8.RuneCountInString(p.all[:offset]) + 1, What: what, Hint: hint}
}

func (p *parser) space() {
	p.rest = strings.TrimLeftFunc(p.rest, blank)
}

// blank is what separates terms: white space and what can't be seen.
func blank(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

// term reads one term and adds it to the query.
func (p *parser) term() error {
	at := p.offset()
	if word, after, _ := cutBlank(p.rest); word == "OR" {
		if len(p.q.clauses) == 0 || p.or > 0 {
			return p.wrong(at, "OR needs a term on both sides", `write "OR" in quotes to find the word`)
		}
		p.or, p.rest = at+1, after
		return nil
	}
	c := clause{}
	if rest, ok := strings.CutPrefix(p.rest, "-"); ok && rest != "" && !blank(first(rest)) {
		c.not, p.rest = true, rest
	}
	field, err := p.field()
	if err != nil {
		return err
	}
	if c.atoms, err = p.values(field); err != nil {
		return err
	}
	if len(c.atoms) == 0 {
		return nil // punctuation
	}
	return p.add(c, at)
}

// add appends a clause, or joins it to the one before when OR stands between.
func (p *parser) add(c clause, at int) error {
	if p.or == 0 {
		p.q.clauses = append(p.q.clauses, c)
		return nil
	}
	p.or = 0
	last := &p.q.clauses[len(p.q.clauses)-1]
	if c.not || last.not {
		return p.wrong(at, "a term with - can't be an alternative", "leave out the OR: everything with - is excluded")
	}
	_, lastText := last.atoms[0].column()
	if _, text := c.atoms[0].column(); text != lastText {
		return p.wrong(at, "OR can't join words with a field such as kind:", "alternatives of a field are a list: kind:adr,rfc")
	}
	last.atoms = append(last.atoms, c.atoms...)
	return nil
}

// field reads "kind:" when one stands here. A colon at the end of a word, as in
// "FATAL: sorry", or of a URL is no field's.
func (p *parser) field() (string, error) {
	n := strings.IndexFunc(p.rest, func(r rune) bool { return !unicode.IsLetter(r) && r != '_' })
	if n <= 0 || p.rest[n] != ':' {
		return "", nil
	}
	name, value := p.rest[:n], p.rest[n+1:]
	if value == "" || blank(first(value)) || strings.HasPrefix(value, "//") || strings.HasPrefix(value, ":") {
		return "", nil
	}
	known := strings.ToLower(name)
	if !slices.Contains(Fields(), known) {
		hint := "fields: " + strings.Join(Fields(), ", ") + "; quote what is no field"
		if near := problem.Nearest(name, Fields()); near != "" {
			hint = fmt.Sprintf("did you mean %s:? %s", near, hint)
		}
		return "", p.wrong(p.offset(), fmt.Sprintf("unknown field %q", name), hint)
	}
	p.rest = value
	return known, nil
}

// values reads a phrase, a word, or the comma-separated values of a field.
func (p *parser) values(field string) ([]atom, error) {
	var out []atom
	for {
		at := p.offset()
		a, err := p.value(field)
		if err != nil {
			return nil, err
		}
		switch {
		case len(words(a.value)) > 0:
			if a, err = p.check(a, at); err != nil {
				return nil, err
			}
			out = append(out, a)
		case field != "":
			return nil, p.wrong(at, field+": needs a value", "")
		}
		rest, more := strings.CutPrefix(p.rest, ",")
		if _, text := a.column(); text || !more {
			return out, nil
		}
		p.rest = rest
	}
}

// value reads one value with its star.
func (p *parser) value(field string) (atom, error) {
	a := atom{field: field}
	if body, ok := strings.CutPrefix(p.rest, `"`); ok {
		n := strings.IndexByte(body, '"')
		if n < 0 {
			return atom{}, p.wrong(p.offset(), "the quotation has no end", `add a closing "`)
		}
		a.quoted, a.value, p.rest = true, strings.Join(strings.FieldsFunc(body[:n], blank), " "), body[n+1:]
		if rest, star := strings.CutPrefix(p.rest, "*"); star {
			a.prefix, p.rest = true, rest
		}
		return a, nil
	}
	_, text := a.column()
	n := strings.IndexFunc(p.rest, func(r rune) bool { return blank(r) || r == '"' || r == ',' && !text })
	if n < 0 {
		n = len(p.rest)
	}
	a.value, p.rest = p.rest[:n], p.rest[n:]
	if v, star := strings.CutSuffix(a.value, "*"); star {
		a.prefix, a.value = true, strings.TrimRight(v, "*")
	}
	return a, nil
}

// check refuses what the field can't mean.
func (p *parser) check(a atom, at int) (atom, error) {
	if a.field != "after" && a.field != "before" {
		return a, nil
	}
	for _, form := range []string{dayForm, "2006-01", "2006"} {
		if t, err := time.Parse(form, a.value); err == nil && !a.prefix {
			a.value, a.quoted = t.Format(dayForm), false
			return a, nil
		}
	}
	return a, p.wrong(at, fmt.Sprintf("%q is no date", a.value), "write 2024-06-30, 2024-06 or 2024")
}

// cutBlank splits text at its first blank.
func cutBlank(s string) (before, after string, found bool) {
	n := strings.IndexFunc(s, blank)
	if n < 0 {
		return s, "", false
	}
	return s[:n], s[n:], true
}

func first(s string) rune {
	r, _ := utf8.DecodeRuneInString(s)
	return r
}
