package template

import (
	"cmp"
	"maps"
	"slices"
)

const (
	// leastKept is how many words must agree, and at least as many as vary.
	leastKept = 3
	// rarer is how many times rarer what varies is than what agrees.
	rarer = 4
	// manyEvidence must be exceeded by each of the places.
	manyEvidence = 8.0
)

// many is a shape with several places left open.
type many struct {
	places  []int
	members []*shape
}

// settleMany joins templates that differ in any number of places, when the words
// elsewhere are far more frequent in their places and agree.
func (m *Miner) settleMany() {
	all := recent(m.templates(), maxSettled)
	seen := map[ID]int{}
	for _, x := range all {
		for p, e := range x.elements {
			if e.says() {
				seen[x.wordAt(p)]++
			}
		}
	}
	groups := map[ID]*many{}
	for _, x := range all {
		places := x.rare(seen)
		if len(places) == 0 {
			continue
		}
		id := x.id
		for _, p := range places {
			id = open(id, x.elements, p)
		}
		if groups[id] == nil {
			groups[id] = &many{places: places}
		}
		groups[id].members = append(groups[id].members, x)
	}
	for _, id := range slices.Sorted(maps.Keys(groups)) {
		g := groups[id]
		if slices.ContainsFunc(g.places, func(p int) bool { return (&pair{members: g.members}).weigh(p) <= manyEvidence }) {
			continue
		}
		for _, x := range g.members[1:] {
			m.union(g.members[0].root(), x.root())
		}
	}
}

// wordAt names the word at a place among the shapes of the same length.
func (x *shape) wordAt(p int) ID {
	return mix(x.elements[p].key, p) + mix(uint64(len(x.elements)), -3)
}

// rare returns the places, in order, whose words are far rarer there than the
// others of the shape; none where there are too many of them.
func (x *shape) rare(seen map[ID]int) []int {
	var places []int
	for p, e := range x.elements {
		if e.says() {
			places = append(places, p)
		}
	}
	often := func(i int) int { return seen[x.wordAt(places[i])] }
	slices.SortStableFunc(places, func(p, q int) int { return cmp.Compare(seen[x.wordAt(q)], seen[x.wordAt(p)]) })
	at, widest := 0, rarer
	for i := max(leastKept, (len(places)+1)/2); i < len(places); i++ {
		if drop := often(i-1) / often(i); drop >= widest {
			at, widest = i, drop+1
		}
	}
	if at == 0 {
		return nil
	}
	places = places[at:]
	slices.Sort(places)
	return places
}
