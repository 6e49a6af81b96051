package template

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// stateVersion changes when IDs or masks do: a state of another version can't
// be restored, as its IDs mean nothing any more.
const stateVersion = 1

// State is all that a miner knows, to go on with after a restart. It is plain
// data for encoding/json; its size is bounded by the limit of the miner.
type State struct {
	Version int          `json:"version"`
	Limit   int          `json:"limit"`
	Lines   int64        `json:"lines"`
	Made    int64        `json:"made"`
	Evicted int64        `json:"evicted"`
	Shapes  []SavedShape `json:"shapes"` // by age
	Varying []SavedPlace `json:"varying,omitempty"`
	Wide    []ID         `json:"wide,omitempty"`
}

// SavedShape is one shape of lines.
type SavedShape struct {
	Elements []SavedElement `json:"e"`
	Parent   int            `json:"p,omitempty"` // 1 + index of what it was joined into; 0 = nothing
	Count    int            `json:"n,omitempty"`
	Used     int64          `json:"u"`
	Born     int64          `json:"b"`
}

// SavedElement is one place of a shape.
type SavedElement struct {
	Kind byte   `json:"k,omitempty"`
	Key  uint64 `json:"h"`
	Text string `json:"t"`
}

// SavedPlace is a place that varies, by the ID of the shape in which it does.
type SavedPlace struct {
	ID ID  `json:"id"`
	At int `json:"at"`
}

// Save returns the state of the miner; the miner goes on.
func (m *Miner) Save() State {
	s := State{Version: stateVersion, Limit: m.limit, Lines: m.lines, Made: m.made, Evicted: m.evicted}
	all := slices.SortedFunc(maps.Values(m.shapes), func(a, b *shape) int { return cmp.Compare(a.born, b.born) })
	at := make(map[*shape]int, len(all))
	for i, x := range all {
		at[x] = i + 1
	}
	for _, x := range all {
		saved := SavedShape{Count: x.count, Used: x.used, Born: x.born}
		if r := x.root(); r != x {
			saved.Parent = at[r]
		}
		for _, e := range x.elements {
			saved.Elements = append(saved.Elements, SavedElement{e.kind, e.key, e.text})
		}
		s.Shapes = append(s.Shapes, saved)
	}
	for _, key := range slices.Sorted(maps.Keys(m.contexts)) {
		if c := m.contexts[key]; c.varies {
			s.Varying = append(s.Varying, SavedPlace{c.shape, c.at})
		}
	}
	s.Wide = slices.Sorted(maps.Keys(m.wide))
	return s
}

// Restore returns a miner that goes on where Save was called: the same lines
// lead to the same templates and IDs.
func Restore(s State) (*Miner, error) {
	if s.Version != stateVersion {
		return nil, fmt.Errorf("templates: the state has version %d, and this program reads %d: begin without it", s.Version, stateVersion)
	}
	m := New(s.Limit)
	m.lines, m.made, m.evicted = s.Lines, s.Made, s.Evicted
	all := make([]*shape, len(s.Shapes))
	for i, saved := range s.Shapes {
		x, err := saved.shape()
		if err != nil {
			return nil, fmt.Errorf("templates: shape %d of the state: %w", i+1, err)
		}
		all[i] = x
		m.shapes[x.id] = x
	}
	for i, saved := range s.Shapes {
		if saved.Parent == 0 {
			continue
		}
		p := saved.Parent - 1
		if p < 0 || p >= len(all) || p == i || s.Shapes[p].Parent != 0 || len(all[p].elements) != len(all[i].elements) {
			return nil, fmt.Errorf("templates: shape %d of the state is part of %d, which can't be", i+1, saved.Parent)
		}
		all[i].parent = all[p]
	}
	for _, v := range s.Varying {
		m.context(v.ID, v.At).varies = true
	}
	for _, x := range all {
		m.relate(x, false)
	}
	for _, c := range m.contexts {
		if c.varies && len(c.members) > 1 {
			c.members = c.members[:1]
		}
	}
	for _, id := range s.Wide {
		if m.shapes[id] != nil {
			m.wide[id] = true
		}
	}
	for _, x := range m.shapes {
		x.bytes = x.size()
		m.size += x.bytes
	}
	m.bound()
	return m, nil
}

func (s SavedShape) shape() (*shape, error) {
	if len(s.Elements) == 0 || len(s.Elements) > 2*maxPieces {
		return nil, fmt.Errorf("%d places", len(s.Elements))
	}
	x := &shape{count: max(s.Count, 0), used: s.Used, born: s.Born}
	for _, e := range s.Elements {
		if e.Kind > symbols || e.Text == "" && len(s.Elements) > 1 || (e.Kind == variable) != (e.Key == variableKey) {
			return nil, fmt.Errorf("a place of kind %d that shows %q", e.Kind, e.Text)
		}
		x.elements = append(x.elements, element{kind: e.Kind, key: e.Key, text: e.Text})
	}
	x.id = idOf(x.elements)
	return x, nil
}
