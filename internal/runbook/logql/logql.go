// Package logql checks queries in the language of Loki without a Loki: the whole
// grammar, and what Loki refuses of a query beside it, such as a parser without a
// capture. It is held to a real Loki by a test that asks both. It keeps no tree:
// the answer is what the query gives, or where and why it is none.
package logql

import (
	"fmt"
	"slices"
	"strings"
)

// Gives is what a query gives.
type Gives int

// What queries give.
const (
	Lines   Gives = iota // log lines
	Number               // one number for each group
	Literal              // the same number always
)

// MaxLength of a query, and how deep it may nest.
const (
	MaxLength = 20_000
	maxDepth  = 100
)

// Error is what is wrong with a query, and at which byte.
type Error struct {
	At   int
	What string
}

func (e *Error) Error() string { return e.What }

// Check reads a query. The error is an *Error.
func Check(query string) (Gives, error) {
	if len(query) > MaxLength {
		return Lines, &Error{What: fmt.Sprintf("the query has %d bytes; at most %d are read", len(query), MaxLength)}
	}
	tokens, bad := lex(query)
	if bad != nil {
		return Lines, bad
	}
	p := &parser{tokens: tokens}
	gives := p.expression(0)
	if p.err == nil && p.peek().kind != end {
		p.unexpected("the end of the query")
	}
	if p.err != nil {
		return Lines, p.err
	}
	return gives, nil
}

// parser reads tokens; after the first mistake it reads no further.
type parser struct {
	tokens []token
	i      int
	depth  int
	err    *Error
}

func (p *parser) peek() token { return p.tokens[p.i] }

func (p *parser) ahead(n int) token { return p.tokens[min(p.i+n, len(p.tokens)-1)] }

func (p *parser) next() token {
	t := p.tokens[p.i]
	if t.kind != end {
		p.i++
	}
	return t
}

func (p *parser) fail(at int, format string, args ...any) {
	if p.err == nil {
		p.err = &Error{At: at, What: fmt.Sprintf(format, args...)}
		p.i = len(p.tokens) - 1
	}
}

func (p *parser) unexpected(want string) {
	t := p.peek()
	if t.kind == end {
		p.fail(t.at, "the query ends where %s is expected", want)
		return
	}
	p.fail(t.at, "%.30q where %s is expected", t.text, want)
}

// is reports whether the next token is this sign.
func (p *parser) is(op string) bool { t := p.peek(); return t.kind == sign && t.text == op }

func (p *parser) isWord(w string) bool {
	t := p.peek()
	return t.kind == word && strings.EqualFold(t.text, w)
}

func (p *parser) accept(op string) bool {
	if p.is(op) {
		p.next()
		return true
	}
	return false
}

func (p *parser) acceptWord(w string) bool {
	if p.isWord(w) {
		p.next()
		return true
	}
	return false
}

func (p *parser) expect(op string) {
	if !p.accept(op) {
		p.unexpected(op)
	}
}

func (p *parser) text(what string) token {
	if p.peek().kind != text {
		p.unexpected(what)
	}
	return p.next()
}

func (p *parser) name(what string) token {
	t := p.peek()
	if t.kind != word || reserved(t.text) {
		p.unexpected(what)
	}
	return p.next()
}

// reserved words can't be names.
func reserved(w string) bool {
	return slices.Contains([]string{
		"by", "without", "bool", "and", "or", "unless", "on", "ignoring", "group_left", "group_right", "offset",
		"json", "regexp", "logfmt", "pattern", "unpack", "unwrap", "line_format", "label_format", "decolorize", "drop", "keep",
	}, strings.ToLower(w))
}

// enter bounds how deep a query nests.
func (p *parser) enter() func() {
	p.depth++
	if p.depth > maxDepth {
		p.fail(p.peek().at, "nested deeper than %d", maxDepth)
	}
	return func() { p.depth-- }
}
