package template

import (
	"slices"
	"strings"
)

// context is a shape with one place left open: which shapes fill it.
type context struct {
	shape   ID  // with the place open
	at      int // the place
	members []*shape
	varies  bool // there was evidence enough
}

// The evidence for a place that varies, in plain words seen there: more than
// evidence must be there. A statement with a word for a state in it has about
// as many variants as that.
const (
	evidence = 3.0
	// fewAnchors adds to it for each word that is missing to three that hold the
	// shape together: of "<*> started" anything could be a variant.
	fewAnchors = 1.0
	// valued is the weight of shapes that have a value there already.
	valued = 2.0
	// numberedValue is what a name with a digit adds where there are values.
	numberedValue = 0.5
	// alike is what a series of names adds: "cpu0", "cpu1".
	alike = 3.0
)

// maxPlaces bounds how many places of a shape can turn out to vary.
const maxPlaces = 24

// mix hashes one place.
func mix(key uint64, place int) ID {
	key ^= uint64(place+1) * 0x9e3779b97f4a7c15 //nolint:gosec // a hash
	key ^= key >> 31
	key *= 0xbf58476d1ce4e5b9
	key ^= key >> 29
	key *= 0x94d049bb133111eb
	return ID(key ^ key>>32)
}

// idOf is the ID of a shape. It is a sum over places, so that the ID with one
// place open takes one step.
func idOf(es []element) ID {
	id := mix(uint64(len(es)), -1)
	for i, e := range es {
		id += mix(e.key, i)
	}
	return id
}

// open is the ID of a shape when place p varies.
func open(id ID, es []element, p int) ID { return id - mix(es[p].key, p) + mix(variableKey, p) }

// says reports whether something is said at a place.
func (e element) says() bool { return e.kind != variable && e.kind != symbols }

// insert returns the shape with these elements, new or known, joined with all
// that it turns out to be a variant of.
func (m *Miner) insert(es []element) *shape {
	id := idOf(es)
	if x, ok := m.shapes[id]; ok {
		for i := range min(len(x.elements), len(es)) { // equal but for a collision of hashes
			x.elements[i].text = joined(x.elements[i].text, es[i].text)
		}
		return x
	}
	m.made++
	x := &shape{id: id, elements: slices.Clone(es), used: m.lines, born: m.made}
	m.shapes[id] = x
	x.bytes = x.size()
	m.size += x.bytes
	m.relate(x, true)
	for p, e := range es {
		if c := m.contexts[contextID(id, p)]; c != nil && e.kind == variable {
			m.judge(c)
		}
	}
	m.widen(x)
	return x
}

// relate enters a shape into the context of each of its places; with judge it
// is joined where the evidence is enough.
func (m *Miner) relate(x *shape, judge bool) {
	words := anchors(x.elements)
	places := 0
	for p, e := range x.elements {
		if !e.says() || words < 2 || places == maxPlaces {
			continue
		}
		places++
		c := m.context(open(x.id, x.elements, p), p)
		if !c.fits(x, p) {
			continue
		}
		c.members = append(c.members, x)
		if judge {
			m.judge(c)
		}
	}
}

// context returns the context in which place p of a shape is open.
func (m *Miner) context(id ID, p int) *context {
	key := contextID(id, p)
	c := m.contexts[key]
	if c == nil {
		c = &context{shape: id, at: p}
		m.contexts[key] = c
	}
	return c
}

// contextID tells the places of a shape apart: two that are next to each other
// can lead to the same shape.
func contextID(id ID, p int) ID { return id + mix(uint64(p), -2) } //nolint:gosec // a place

// fits reports whether a shape belongs to the context with place p open: false
// when two hashes collide, so that outsiders can spoil templates but not break
// the miner.
func (c *context) fits(x *shape, p int) bool {
	return c.at == p && (len(c.members) == 0 || len(c.members[0].elements) == len(x.elements))
}

// anchors counts the words of a shape.
func anchors(es []element) int {
	n := 0
	for _, e := range es {
		if e.says() {
			n++
		}
	}
	return n
}

// judge joins the members of a context once its place varies.
func (m *Miner) judge(c *context) {
	joint := m.shapes[c.shape]
	if len(c.members) == 0 || !c.varies && c.weigh(joint != nil) <= c.needed() {
		return
	}
	c.varies = true
	if joint == nil {
		es := slices.Clone(c.members[0].elements)
		es[c.at].kind, es[c.at].key = variable, variableKey
		for _, x := range c.members {
			es[c.at].text = joined(es[c.at].text, x.elements[c.at].text)
		}
		joint = m.insert(es)
	}
	for _, x := range c.members {
		m.union(x.root(), joint.root())
	}
	c.members = c.members[:1] // one is enough to know what the place looks like
}

// needed is the evidence that the context asks for.
func (c *context) needed() float64 {
	others := anchors(c.members[0].elements) - 1
	return evidence + fewAnchors*float64(max(3-others, 0))
}

// weigh is the evidence that the place of a context varies.
func (c *context) weigh(valuesToo bool) float64 {
	sum := 0.0
	if valuesToo {
		sum = valued
	}
	names := map[string]int{}
	for _, x := range c.members {
		sum += x.weight(c.at)
		e := x.elements[c.at]
		if e.kind == mixed && valuesToo {
			sum += numberedValue
		}
		name, enough := series(e)
		if names[name]++; name != "" && names[name] == enough {
			sum += alike
		}
	}
	return sum
}

// series is what the names of a series have in common, and how many of them it
// takes to see one: two that differ in a number, as eth0 and eth1, or three
// short ones that differ in the last letter, as sda, sdb and sdc.
func series(e element) (name string, enough int) {
	text := bare(e.text)
	switch {
	case e.kind == mixed:
		return withoutDigits(text), 2
	case e.kind == word && len(text) >= 3 && len(text) <= 5 && classes[text[len(text)-1]] == letter:
		return text[:len(text)-1] + "?", 3
	}
	return "", 0
}

// weight is how much the word at place p speaks for a place that varies: names
// do, states and the subject of the sentence hardly.
func (x *shape) weight(p int) float64 {
	e, w := x.elements[p], 1.0
	switch {
	case e.kind == mixed && strings.Contains(e.text, mask):
		w = 3
	case e.kind != mixed && capitals(e.text):
		w = 0.5
	case e.kind == dotted:
		w = 1.5
	}
	switch {
	case p == 0 && e.kind == word:
		w /= 4
	case p == 0:
		w /= 2
	case e.text[0] == ' ' && x.elements[p-1].kind == word && namesWhatFollows(bare(x.elements[p-1].text)):
		w *= 2
	case e.kind == word && strings.HasSuffix(strings.TrimRight(e.text[:lead(e.text)], " "), "="):
		w *= 0.75 // the value of a key is a state more often, but not in quotes
	}
	return w
}

// bare is the text of a place without what separates it.
func bare(s string) string { return s[lead(s):] }

// union joins two templates: where they differ, the joint one varies.
func (m *Miner) union(a, b *shape) {
	if a == b || len(a.elements) != len(b.elements) {
		return
	}
	es := slices.Clone(b.elements)
	for i, e := range a.elements {
		es[i].text = joined(es[i].text, e.text)
		if es[i].key != e.key {
			es[i].kind, es[i].key = variable, variableKey
		}
	}
	joint := m.insert(es).root()
	for _, x := range [...]*shape{a.root(), b.root()} {
		if x != joint {
			x.parent = joint
			joint.used = max(joint.used, x.used)
		}
	}
}
