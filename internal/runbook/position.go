package runbook

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/holdfast-sre/holdfast/internal/strict"
)

// problemWithin is problem at a byte of a text of the file. Where YAML's folding
// hides which place of the file that is, the text's own place is named.
func (c *checker) problemWithin(rule string, p place, offset int, hint, format string, args ...any) {
	pr := strict.Problem(c.r.file, c.node, p, hint, format, args...)
	pr.Rule = rule
	pr.Line, pr.Column = locate(strict.At(c.node, p...), c.r.data, offset)
	c.errs = append(c.errs, pr)
}

// locate is the line and column of a byte of a scalar's value in the file.
func locate(n *yaml.Node, data []byte, offset int) (line, column int) {
	if n.Kind != yaml.ScalarNode || n.Line < 1 || offset < 0 || offset > len(n.Value) {
		return n.Line, n.Column
	}
	before := n.Value[:offset]
	if n.Style&yaml.LiteralStyle != 0 {
		return inBlock(n, data, before)
	}
	raw := lineOf(data, n.Line)
	for range n.Column - 1 {
		_, size := utf8.DecodeRune(raw)
		raw = raw[size:]
	}
	column = n.Column
	advance := func(size int) {
		column += utf8.RuneCount(raw[:size])
		raw = raw[size:]
	}
	single, double := n.Style&yaml.SingleQuotedStyle != 0, n.Style&yaml.DoubleQuotedStyle != 0
	if (single || double) && len(raw) > 0 {
		advance(1)
	}
	for before != "" {
		written, read := 1, 1
		switch {
		case len(raw) == 0:
			return n.Line, n.Column
		case single && bytes.HasPrefix(raw, []byte("''")):
			written = 2
		case double && raw[0] == '\\':
			if len(raw) < 2 || strings.IndexByte(`"\/nt`, raw[1]) < 0 {
				return n.Line, n.Column
			}
			written = 2
		case raw[0] != before[0]:
			return n.Line, n.Column
		}
		advance(written)
		before = before[read:]
	}
	return n.Line, column
}

// inBlock locates within a block scalar, "|": its lines stand as they are.
func inBlock(n *yaml.Node, data []byte, before string) (line, column int) {
	down := strings.Count(before, "\n")
	indent := -1
	for i := range down + 1 {
		raw := lineOf(data, n.Line+1+i)
		if trimmed := bytes.TrimLeft(raw, " "); indent < 0 && len(trimmed) > 0 {
			indent = len(raw) - len(trimmed)
		}
	}
	if indent < 0 {
		return n.Line, n.Column
	}
	last := before[strings.LastIndexByte(before, '\n')+1:]
	raw := lineOf(data, n.Line+1+down)
	if len(raw) < indent || !bytes.HasPrefix(raw[indent:], []byte(last)) { // indented by an indicator, or folded
		return n.Line, n.Column
	}
	return n.Line + 1 + down, indent + utf8.RuneCountInString(last) + 1
}

// lineOf is a line of the file, counted from 1.
func lineOf(data []byte, line int) []byte {
	for range line - 1 {
		i := bytes.IndexByte(data, '\n')
		if i < 0 {
			return nil
		}
		data = data[i+1:]
	}
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		data = data[:i]
	}
	return bytes.TrimSuffix(data, []byte("\r"))
}

// unfill is the byte of a text with variables that stands where offset is once
// they are filled in; inside of one it is its beginning.
func unfill(text string, offset int, with func(string) string) int {
	at, filled := 0, 0
	for _, hole := range holeRE.FindAllStringIndex(text, -1) {
		plain := hole[0] - at
		if offset < filled+plain {
			break
		}
		filled += plain
		at = hole[0]
		value := len(with(text[hole[0]:hole[1]]))
		if offset < filled+value {
			return at
		}
		filled += value
		at = hole[1]
	}
	return min(at+offset-filled, len(text))
}
