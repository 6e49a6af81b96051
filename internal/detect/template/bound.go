package template

import (
	"cmp"
	"maps"
	"slices"
)

const (
	// formsPerShape bounds the forms, which only save work: the same shape with
	// other marks, units or longer lists.
	formsPerShape = 4
	// bytesOfPlace is what a place of a shape takes beside its text,
	// bytesOfContext what the context of a place does, and bytesOfShape what
	// shapes take on average when the miner is full.
	bytesOfPlace   = 48
	bytesOfContext = 128
	bytesOfShape   = 2560
	// share of the shapes that is forgotten at a time.
	share = 4
)

// bound keeps the miner within its limit: the least recently used quarter of the
// shapes is forgotten. A template goes after all that was joined into it.
func (m *Miner) bound() {
	if len(m.forms) > formsPerShape*m.limit {
		clear(m.forms)
	}
	most := m.limit * bytesOfShape
	if len(m.shapes) <= m.limit && m.size <= most {
		return
	}
	all := slices.Collect(maps.Values(m.shapes))
	for _, x := range all {
		x.root() // shortens the way, so that parents are templates
	}
	slices.SortFunc(all, func(a, b *shape) int {
		return cmp.Or(cmp.Compare(a.used, b.used), cmp.Compare(rank(a), rank(b)), cmp.Compare(a.born, b.born))
	})
	for _, x := range all {
		if len(m.shapes) <= m.limit-m.limit/share && m.size <= most-most/share {
			break
		}
		m.size -= x.bytes
		if x.parent != nil {
			x.parent.count += x.count
		}
		delete(m.shapes, x.id)
		delete(m.wide, x.id)
		x.gone = true
		m.evicted++
	}
	maps.DeleteFunc(m.forms, func(_ uint64, x *shape) bool { return x.gone })
	for key, c := range m.contexts {
		c.members = slices.DeleteFunc(c.members, func(x *shape) bool { return x.gone })
		if len(c.members) == 0 && (!c.varies || m.shapes[c.shape] == nil) {
			delete(m.contexts, key)
		}
	}
}

// rank puts what was joined before what it was joined into.
func rank(x *shape) int {
	if x.parent != nil {
		return 0
	}
	return 1
}
