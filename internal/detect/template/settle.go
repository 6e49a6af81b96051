package template

import (
	"cmp"
	"maps"
	"slices"
)

// Bounds of the search for two places that vary together.
const (
	maxPairPlaces = 12
	maxSettled    = 4096 // templates, those that were used last
	// pairEvidence must be exceeded by each of the two places.
	pairEvidence = 4.0
)

// pair is a shape with two places left open.
type pair struct {
	p, q    int
	members []*shape
}

// Settle joins templates that differ in several places at once, when each shows
// many values, and returns how many templates became fewer. It looks at the 4096
// templates that were used last and belongs at the end of a window; of lines that
// come later those that differ in two places are joined at once.
func (m *Miner) Settle() int {
	before := m.templates()
	pairs := map[ID]*pair{}
	for _, x := range recent(before, maxSettled) {
		eachPair(x, func(id ID, p, q int) {
			g := pairs[id]
			if g == nil {
				g = &pair{p: p, q: q}
				pairs[id] = g
			}
			g.members = append(g.members, x)
		})
	}
	for _, id := range slices.Sorted(maps.Keys(pairs)) {
		g := pairs[id]
		if g.weigh(g.p) <= pairEvidence || g.weigh(g.q) <= pairEvidence {
			continue
		}
		for _, x := range g.members[1:] {
			m.union(g.members[0].root(), x.root())
		}
		m.wide[g.members[0].root().id] = true
	}
	m.settleMany()
	m.bound()
	return max(len(before)-len(m.templates()), 0)
}

// templates are the shapes that were not joined into others, by age.
func (m *Miner) templates() []*shape {
	var out []*shape
	for _, x := range m.shapes {
		if x.parent == nil {
			out = append(out, x)
		}
	}
	slices.SortFunc(out, func(a, b *shape) int { return cmp.Compare(a.born, b.born) })
	return out
}

// recent are the n shapes that were used last, by age.
func recent(all []*shape, n int) []*shape {
	if len(all) <= n {
		return all
	}
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b *shape) int { return cmp.Compare(b.used, a.used) })
	all = all[:n]
	slices.SortFunc(all, func(a, b *shape) int { return cmp.Compare(a.born, b.born) })
	return all
}

// eachPair yields the ID of a shape with two places open, for every two that
// leave two words to hold it together.
func eachPair(x *shape, yield func(id ID, p, q int)) {
	es := x.elements
	if anchors(es) < 4 {
		return
	}
	var places []int
	for p, e := range es {
		if e.says() && len(places) < maxPairPlaces {
			places = append(places, p)
		}
	}
	for i, p := range places {
		one := open(x.id, es, p)
		for _, q := range places[i+1:] {
			yield(open(one, es, q), p, q)
		}
	}
}

// weigh is the evidence that place p varies.
func (g *pair) weigh(p int) float64 {
	sum, seen := 0.0, map[uint64]bool{}
	for _, x := range g.members {
		if key := x.elements[p].key; !seen[key] {
			seen[key] = true
			sum += x.weight(p)
		}
	}
	return sum
}

// widen joins a new shape with what Settle made of others like it.
func (m *Miner) widen(x *shape) {
	if len(m.wide) == 0 {
		return
	}
	eachPair(x, func(id ID, _, _ int) {
		if wide, ok := m.shapes[id]; ok && m.wide[id] {
			m.union(x.root(), wide.root())
		}
	})
}
