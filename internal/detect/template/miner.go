// Package template mines the templates of log lines: what the statements that
// wrote them have in common, with <*> for what varies. One setting serves every
// system; nothing is configured.
//
// Online, line by line: values are masked by their look, and the masked line is
// looked up by its hash. Only a form that was not seen before is compared with
// others: shapes that differ in one place are joined as soon as the place shows
// more different values than a statement has variants. After a window Settle
// joins shapes that differ in two places at once, for which no single place is
// evidence. What was joined stays reachable by its earlier IDs.
//
// IDs are hashes of what does not vary, so that they are the same on every
// machine and after every restart. The size is bounded: the templates that were
// not seen for the longest time are forgotten. Lines in, templates out; no
// clock, no I/O. A Miner is not safe for concurrent use.
package template

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// ID names a template. It is a hash of its words and of the places that vary.
type ID uint64

// String is the ID as 16 hexadecimal digits.
func (id ID) String() string { return fmt.Sprintf("%016x", uint64(id)) }

// Template is what lines have in common.
type Template struct {
	ID   ID
	Text string // with <*> for what varies; valid UTF-8
	// Count is the number of lines since the template was first seen or, when it
	// was forgotten in between, seen again.
	Count int
}

// DefaultLimit is how many shapes of lines a miner keeps; fewer when they are
// long: some 20 MB when every line is short and different, at most some 40 MB.
const DefaultLimit = 16384

// Miner finds the templates of the lines that it is given.
type Miner struct {
	limit    int
	scan     scanner
	forms    map[uint64]*shape // by hash of the masked line
	shapes   map[ID]*shape
	contexts map[ID]*context // by contextID
	wide     map[ID]bool     // shapes that Settle made
	size     int             // of the shapes in bytes, about
	lines    int64           // that were added
	made     int64           // shapes that were ever made
	evicted  int64
}

// New returns an empty miner that keeps limit shapes of lines (0 =
// DefaultLimit). There are at least as many shapes as templates.
func New(limit int) *Miner {
	if limit <= 0 {
		limit = DefaultLimit
	}
	return &Miner{limit: limit, forms: map[uint64]*shape{}, shapes: map[ID]*shape{}, contexts: map[ID]*context{}, wide: map[ID]bool{}}
}

// shape is a line without its values.
type shape struct {
	id       ID
	elements []element
	parent   *shape // what it was joined into
	count    int    // lines of its own
	used     int64  // the last line, by number
	born     int64  // order in which shapes were made
	bytes    int    // about what it takes of memory
	gone     bool   // forgotten
}

// size is about what the shape takes of memory, with the contexts that it can be
// in, in bytes, when it is made.
func (x *shape) size() int {
	n := min(anchors(x.elements), maxPlaces) * bytesOfContext
	for _, e := range x.elements {
		n += bytesOfPlace + len(e.text)
	}
	return n
}

// root is what the shape was joined into in the end.
func (x *shape) root() *shape {
	for x.parent != nil {
		if x.parent.parent != nil {
			x.parent = x.parent.parent
		}
		x = x.parent
	}
	return x
}

// text is the template as shown.
func (x *shape) text() string {
	var b strings.Builder
	for _, e := range x.elements {
		b.WriteString(e.text)
	}
	return b.String()
}

// Add reads one line and returns the ID of its template as it is known now;
// Current says what became of it later. The line is not kept. Of a JSON or
// logfmt line its message counts, of a longer line its first 4096 bytes.
func (m *Miner) Add(line []byte) ID {
	m.scan.scan(Message(line))
	m.lines++
	x, known := m.forms[m.scan.form]
	if !known {
		x = m.insert(m.scan.elements())
		m.forms[m.scan.form] = x
	}
	r := x.root()
	x.count++
	x.used, r.used = m.lines, m.lines
	if !known {
		m.bound()
	}
	return r.id
}

// Mask is the template of a line on its own: what varies by its look is <*>.
// Masking what was masked changes nothing.
func Mask(line []byte) string {
	var s scanner
	s.scan(Message(line))
	return (&shape{elements: s.elements()}).text()
}

// Current returns the template that id has become: id itself unless it was
// joined into another. An ID that was never known or was forgotten is its own.
func (m *Miner) Current(id ID) ID {
	if x, ok := m.shapes[id]; ok {
		return x.root().id
	}
	return id
}

// Template returns the template that id has become.
func (m *Miner) Template(id ID) (t Template, ok bool) {
	x, ok := m.shapes[id]
	if !ok {
		return Template{}, false
	}
	r := x.root()
	t = Template{ID: r.id, Text: r.text()}
	for _, y := range m.shapes {
		if y.root() == r {
			t.Count += y.count
		}
	}
	return t, true
}

// Templates returns all templates, the most frequent first, equals by ID.
func (m *Miner) Templates() []Template {
	counts := map[*shape]int{}
	for _, x := range m.shapes {
		counts[x.root()] += x.count
	}
	out := make([]Template, 0, len(counts))
	for r, n := range counts {
		out = append(out, Template{r.id, r.text(), n})
	}
	slices.SortFunc(out, func(a, b Template) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.ID, b.ID)) })
	return out
}

// Size tells how many shapes are kept and how many were forgotten so far.
func (m *Miner) Size() (kept int, forgotten int64) { return len(m.shapes), m.evicted }
