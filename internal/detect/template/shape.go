package template

import (
	"bytes"
	"slices"
	"strings"
)

// mask stands for what varies.
const mask = "<*>"

// variableKey is the key of every place that varies.
const variableKey uint64 = 1

// element is one place of a shape: a word, or a variable with what belongs to
// it (its unit, brackets, further variables next to it).
type element struct {
	kind byte
	key  uint64 // equal for equal words; variableKey when the place varies
	like uint64 // the same without any digit, to find lists; only while building
	text string // as shown, with what separates it from the place before
}

// builder makes the elements of the line that a scanner has read.
type builder struct {
	*scanner
	out []element
	end int // how far the line is in out
}

// elements returns the shape of the line that was read last: its words in
// order, with every run of values as one place.
func (s *scanner) elements() []element {
	b := builder{scanner: s}
	for i := 0; i < len(s.pieces); i++ {
		if end := b.quotedEnd(i); end > i+1 {
			b.quoted(s.pieces[i:end])
			i = end - 1
			continue
		}
		b.place(i)
	}
	rest := strings.TrimRight(oneBlank(s.line[b.end:], len(b.out) > 0), " ")
	if len(b.out) == 0 { // nothing but marks
		return []element{{kind: symbols, key: hashBytes(hashStart, []byte(rest)), text: rest}}
	}
	b.out[len(b.out)-1].text += strings.ToValidUTF8(rest, "�")
	return unrepeated(b.out)
}

// place adds a piece, as a place of its own or to the one before.
func (b *builder) place(i int) {
	p := b.pieces[i]
	core := b.line[p.start:p.end]
	gap := oneBlank(b.line[b.end:p.start], len(b.out) > 0)
	text := strings.ToValidUTF8(gap+masked(core, p.kind), "�")
	b.end = p.end
	date := p.kind == word && b.date(i)
	var last *element
	if n := len(b.out); n > 0 {
		last = &b.out[n-1]
	}
	switch {
	case last != nil && p.kind == variable && b.index(last, gap):
		last.kind, last.text = mixed, last.text+text
		last.key, last.like = hashByte(last.key, 0), hashByte(last.like, '#')
		return
	case last != nil && last.kind == variable && (p.kind == variable || date || b.unit(i, gap)):
		switch {
		case p.kind == variable && strings.Trim(gap, ":,;./-_@") == "": // parts of one value
		case date:
			last.text += gap + mask
		default:
			last.text += text
		}
		return
	case date:
		p.kind, text = variable, gap+mask
	}
	e := element{kind: p.kind, key: variableKey, text: text}
	if p.kind != variable {
		e.key = hashMasked(hashStart, core)
		e.like = hashBytes(hashStart, []byte(withoutDigits(masked(core, p.kind))))
	}
	b.out = append(b.out, e)
	if b.emptyValue() {
		b.out = append(b.out, element{kind: variable, key: variableKey, text: "="})
		b.end++
	}
}

// quotedEnd returns the piece behind the value in quotes that begins with piece
// i, as in name="two words": i when there is none.
func (b *builder) quotedEnd(i int) int {
	start := b.pieces[i].start
	if start < b.end+2 || b.line[start-1] != '"' || b.line[start-2] != '=' {
		return i
	}
	for n := i; n < len(b.pieces); n++ {
		gapEnd := len(b.line)
		if n+1 < len(b.pieces) {
			gapEnd = b.pieces[n+1].start
		}
		if bytes.IndexByte(b.line[b.pieces[n].end:gapEnd], '"') >= 0 {
			return n + 1
		}
	}
	return i
}

// quoted adds the pieces of one value in quotes as one place.
func (b *builder) quoted(ps []piece) {
	text := oneBlank(b.line[b.end:ps[0].start], len(b.out) > 0)
	e := element{kind: word, key: hashStart}
	for i, p := range ps {
		if i > 0 {
			text += oneBlank(b.line[ps[i-1].end:p.start], true)
			e.key = hashByte(e.key, ' ')
		}
		core := b.line[p.start:p.end]
		text += masked(core, p.kind)
		if p.kind == variable {
			e.key = hashByte(e.key, 0)
		} else {
			e.key = hashMasked(e.key, core)
		}
		if p.kind == variable || p.kind == mixed {
			e.kind = mixed
		}
	}
	b.end = ps[len(ps)-1].end
	e.like = e.key
	e.text = strings.ToValidUTF8(text, "�")
	b.out = append(b.out, e)
}

// index reports whether the value at b.end is the index of the word before it,
// as in POOL(0): together they are one name.
func (b *builder) index(last *element, gap string) bool {
	if last.kind != word || b.end >= len(b.line) {
		return false
	}
	return gap == "(" && b.line[b.end] == ')' || gap == "[" && b.line[b.end] == ']'
}

// emptyValue reports whether a key without a value ends at b.end, as "user= ":
// nothing is a value too.
func (b *builder) emptyValue() bool {
	if b.end >= len(b.line) || b.line[b.end] != '=' {
		return false
	}
	if b.end+1 == len(b.line) {
		return true
	}
	c := b.line[b.end+1]
	return classes[c] == space || c == ',' || c == ';' || c == ')'
}

// unit reports whether piece i is the unit of the number before it.
func (b *builder) unit(i int, gap string) bool {
	p, before := b.pieces[i], b.pieces[i-1]
	return gap == " " && p.kind == word && classes[b.line[before.end-1]] == digit && belongsToNumber(b.line[p.start:p.end])
}

// date reports whether piece i is the name of a day or a month in a date: a
// number follows, possibly behind another such name.
func (b *builder) date(i int) bool {
	p := b.pieces[i]
	if i+1 == len(b.pieces) || !dateWord(b.line[p.start:p.end]) {
		return false
	}
	next := b.pieces[i+1].kind
	return next == variable || next == word && b.date(i+1)
}

// masked is a piece as it is shown.
func masked(core []byte, kind byte) string {
	switch kind {
	case variable:
		return mask
	case mixed:
	default:
		return string(core)
	}
	var out []byte
	for i := 0; i < len(core); {
		if j := numberEnd(core, i); j > i {
			out, i = append(out, mask...), j
			continue
		}
		out = append(out, core[i])
		i++
	}
	return string(out)
}

// oneBlank is a gap with every run of blanks as one; at the start of a line
// there is none.
func oneBlank(gap []byte, inside bool) string {
	var out []byte
	for i := 0; i < len(gap); i++ {
		c := gap[i]
		switch {
		case c == escape:
			i = sequenceEnd(gap, i) - 1
		case classes[c] != space:
			out = append(out, c)
		case len(out) == 0 && inside, len(out) > 0 && out[len(out)-1] != ' ':
			out = append(out, ' ')
		}
	}
	return string(out)
}

// withoutDigits replaces every number of a name.
func withoutDigits(s string) string {
	var out []byte
	for i := range len(s) {
		switch {
		case classes[s[i]] != digit:
			out = append(out, s[i])
		case i == 0 || classes[s[i-1]] != digit:
			out = append(out, '#')
		}
	}
	return string(out)
}

// longestPeriod bounds how many places one entry of a list may have.
const longestPeriod = 4

// unrepeated says a list of equal places once, however long it is.
func unrepeated(es []element) []element {
	for period := 1; period <= longestPeriod; period++ {
		for i := 0; i+2*period <= len(es); i++ {
			if !slices.ContainsFunc(es[i:i+period], func(e element) bool { return e.kind == variable || e.kind == mixed }) {
				continue // words that are said twice are no list
			}
			n := i + period
			for n+period <= len(es) && slices.EqualFunc(es[i:i+period], es[n:n+period], func(a, b element) bool { return a.kind == b.kind && a.like == b.like }) {
				n += period
			}
			es = slices.Delete(es, i+period, n)
		}
	}
	return es
}

// joined is the text of a place at which two shapes meet: what both have at the
// ends stays, and what is between varies.
func joined(x, y string) string {
	if x == y {
		return x
	}
	i, j := lead(x), lead(y)
	sep := common(x[:i], y[:j])
	if sep == "" && (strings.HasPrefix(x, " ") || strings.HasPrefix(y, " ")) {
		sep = " "
	}
	x, y = x[i:], y[j:]
	if x == y {
		return sep + x
	}
	n := 0
	for n < min(len(x), len(y)) && x[len(x)-1-n] == y[len(y)-1-n] && classes[x[len(x)-1-n]] == delim && x[len(x)-1-n] != '>' {
		n++
	}
	return sep + mask + x[len(x)-n:]
}

// lead is the length of what separates a place from the one before.
func lead(s string) int {
	i := 0
	for i < len(s) && classes[s[i]] != letter && classes[s[i]] != digit && !strings.HasPrefix(s[i:], mask) {
		i++
	}
	return i
}

func common(x, y string) string {
	n := 0
	for n < min(len(x), len(y)) && x[n] == y[n] {
		n++
	}
	return x[:n]
}
