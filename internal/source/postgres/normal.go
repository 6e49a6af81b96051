package postgres

import (
	"regexp"
	"strings"
)

// maxStatement bounds a normalised statement, in bytes.
const maxStatement = 500

// listOfMarks is a list in which only the number of values differs.
var listOfMarks = regexp.MustCompile(`\(\?(?:, ?\?)+\)`)

// Normalise takes every value out of a statement: strings, numbers and bit
// strings become ?, comments and line breaks one space, and a list of values
// one mark. Placeholders ($1), identifiers and key words stay. Where a string
// does not end, nothing after its start is kept.
func Normalise(statement string) string {
	n := normaliser{in: statement}
	for n.at < len(n.in) && n.out.Len() <= maxStatement {
		n.next()
	}
	s := strings.TrimSpace(n.out.String())
	s = listOfMarks.ReplaceAllString(s, "(?, …)")
	if len(s) > maxStatement {
		s = strings.ToValidUTF8(s[:maxStatement], "") + "…"
	}
	return strings.ToValidUTF8(s, "")
}

type normaliser struct {
	in  string
	at  int
	out strings.Builder
}

// next copies or replaces one token.
func (n *normaliser) next() {
	c := n.in[n.at]
	rest := n.in[n.at:]
	switch {
	case c == '\'':
		n.value(quoted(rest, '\'', n.escapes()))
	case c == '"':
		n.copy(quoted(rest, '"', false))
	case strings.HasPrefix(rest, "--"):
		n.space(lineEnd(rest))
	case strings.HasPrefix(rest, "/*"):
		n.space(commentEnd(rest))
	case c == '$':
		n.dollar(rest)
	case c >= '0' && c <= '9' && !n.inWord():
		n.value(span(rest, numeric))
	case c <= ' ':
		n.space(span(rest, func(b byte) bool { return b <= ' ' }))
	default:
		n.copy(1)
	}
}

// dollar is a placeholder ($1), or a string between $tag$ and $tag$.
func (n *normaliser) dollar(rest string) {
	if len(rest) > 1 && rest[1] >= '0' && rest[1] <= '9' {
		n.copy(1 + span(rest[1:], func(b byte) bool { return b >= '0' && b <= '9' }))
		return
	}
	tag := 1 + span(rest[1:], word)
	if tag >= len(rest) || rest[tag] != '$' || n.inWord() {
		n.copy(1)
		return
	}
	tag++
	end := strings.Index(rest[tag:], rest[:tag])
	if end < 0 {
		n.value(len(rest))
		return
	}
	n.value(tag + end + tag)
}

// escapes reports whether the string that starts here knows backslashes: E'…'.
// Where it does not, taking a backslash for an escape would only hide more, but
// would lose the end of the string.
func (n *normaliser) escapes() bool {
	return n.at > 0 && (n.in[n.at-1] == 'e' || n.in[n.at-1] == 'E') && (n.at < 2 || !word(n.in[n.at-2]))
}

// inWord reports whether what stands before belongs to an identifier.
func (n *normaliser) inWord() bool { return n.at > 0 && word(n.in[n.at-1]) }

func (n *normaliser) value(length int) {
	n.out.WriteByte('?')
	n.at += length
}

func (n *normaliser) copy(length int) {
	n.out.WriteString(n.in[n.at : n.at+length])
	n.at += length
}

func (n *normaliser) space(length int) {
	if s := n.out.String(); s != "" && !strings.HasSuffix(s, " ") {
		n.out.WriteByte(' ')
	}
	n.at += length
}

// quoted is the length of what stands between quotes, doubled quotes inside.
func quoted(s string, quote byte, escapes bool) int {
	for i := 1; i < len(s); i++ {
		switch {
		case escapes && s[i] == '\\':
			i++
		case s[i] == quote && i+1 < len(s) && s[i+1] == quote:
			i++
		case s[i] == quote:
			return i + 1
		}
	}
	return len(s)
}

func lineEnd(s string) int {
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		return i + 1
	}
	return len(s)
}

// commentEnd: comments nest.
func commentEnd(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch {
		case strings.HasPrefix(s[i:], "/*"):
			depth++
			i++
		case strings.HasPrefix(s[i:], "*/"):
			depth--
			i++
			if depth == 0 {
				return i + 1
			}
		}
	}
	return len(s)
}

func span(s string, in func(byte) bool) int {
	i := 0
	for i < len(s) && in(s[i]) {
		i++
	}
	return i
}

func word(b byte) bool {
	return b == '_' || b >= 0x80 || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}

// numeric takes 12, 1.5, 1e9, 0x1F and 1_000.
func numeric(b byte) bool { return b == '.' || word(b) }
