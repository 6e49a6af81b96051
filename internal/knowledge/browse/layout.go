package browse

import (
	"cmp"
	"slices"
)

// Placed is a node in a drawing: its column from the left, and its height from the
// top, in rows. Nodes of a column are at least one row apart.
type Placed struct {
	Node
	Column int
	Y      float64
}

// Layout is a graph in columns.
type Layout struct {
	Nodes   []Placed // in the order of the graph
	Edges   [][2]int // indices of nodes: from, to
	Columns []int    // of Columns(), those that have nodes
	Rows    float64  // from the highest node to the lowest, and its own
}

// sweeps is how often the rows are put in order from left to right and back.
const sweeps = 8

// Layout puts nodes into columns by kind, and in each of them near what they are
// linked with. The same graph is always drawn alike.
func (g Graph) Layout() Layout {
	l := Layout{Nodes: make([]Placed, 0, len(g.Nodes))}
	at := make(map[string]int, len(g.Nodes))
	columns := make([][]int, len(Columns()))
	for i, n := range g.Nodes {
		at[n.ID] = i
		c := Column(n.Kind)
		l.Nodes = append(l.Nodes, Placed{Node: n, Column: c})
		columns[c] = append(columns[c], i)
	}
	linked := make([][]int, len(g.Nodes))
	for _, e := range g.Edges {
		from, to := at[e.From], at[e.To]
		l.Edges = append(l.Edges, [2]int{from, to})
		linked[from], linked[to] = append(linked[from], to), append(linked[to], from)
	}
	for _, c := range columns {
		slices.SortFunc(c, func(a, b int) int { return compareNodes(g.Nodes[a], g.Nodes[b]) })
	}
	l.order(columns, linked)
	l.settle(columns, linked)
	for c, nodes := range columns {
		if len(nodes) > 0 {
			l.Columns = append(l.Columns, c)
		}
	}
	return l
}

func compareNodes(a, b Node) int {
	switch {
	case a.Kind != b.Kind:
		return Column(a.Kind)*100 + slices.Index(Columns()[Column(a.Kind)], a.Kind) - Column(b.Kind)*100 - slices.Index(Columns()[Column(b.Kind)], b.Kind)
	case a.ID < b.ID:
		return -1
	case a.ID > b.ID:
		return 1
	}
	return 0
}

// order puts each column in the order of the mean height of the neighbours in other
// columns, from left to right and back. Heights are shares of a column, so that short
// columns stand beside the middle of long ones.
func (l *Layout) order(columns, linked [][]int) {
	set := func(c []int) {
		for row, i := range c {
			l.Nodes[i].Y = (float64(row) + .5) / float64(len(c))
		}
	}
	for _, c := range columns {
		set(c)
	}
	for s := range sweeps {
		for k := range columns {
			if s%2 == 1 {
				k = len(columns) - 1 - k
			}
			want := l.wanted(columns[k], linked)
			slices.SortStableFunc(columns[k], func(a, b int) int { return cmp.Compare(want[a], want[b]) })
			set(columns[k])
		}
	}
}

// wanted is, for each node of a column, the mean height of its neighbours in other
// columns; its own when it has none.
func (l *Layout) wanted(c []int, linked [][]int) map[int]float64 {
	want := make(map[int]float64, len(c))
	for _, i := range c {
		sum, n := 0.0, 0
		for _, j := range linked[i] {
			if l.Nodes[j].Column != l.Nodes[i].Column {
				sum += l.Nodes[j].Y
				n++
			}
		}
		want[i] = l.Nodes[i].Y
		if n > 0 {
			want[i] = sum / float64(n)
		}
	}
	return want
}

// settle turns the orders into heights: the longest column is packed, and each node
// of the others stands as near to its neighbours as the order lets it.
func (l *Layout) settle(columns, linked [][]int) {
	longest := 0
	for c := range columns {
		if len(columns[c]) > len(columns[longest]) {
			longest = c
		}
	}
	rows := float64(len(columns[longest]))
	for _, c := range columns {
		for _, i := range c {
			l.Nodes[i].Y *= rows // the share of the column as rows
		}
	}
	for row, i := range columns[longest] {
		l.Nodes[i].Y = float64(row)
	}
	for range sweeps {
		for k := range columns {
			for _, c := range []int{longest - 1 - k, longest + 1 + k} {
				if c >= 0 && c < len(columns) {
					l.spread(columns[c], l.wanted(columns[c], linked))
				}
			}
		}
	}
	low, high := 0.0, 0.0
	for i, n := range l.Nodes {
		if i == 0 || n.Y < low {
			low = n.Y
		}
		if i == 0 || n.Y > high {
			high = n.Y
		}
	}
	for i := range l.Nodes {
		l.Nodes[i].Y -= low
	}
	if len(l.Nodes) > 0 {
		l.Rows = high - low + 1
	}
}

// spread gives the nodes of a column the heights that are nearest to the wanted ones
// in the sum of squares, in their order and a row apart: pools of adjacent nodes
// that want the same place share its middle.
func (l *Layout) spread(c []int, want map[int]float64) {
	type pool struct {
		sum float64
		n   int
	}
	var pools []pool
	for row, i := range c {
		pools = append(pools, pool{want[i] - float64(row), 1})
		for n := len(pools); n > 1 && pools[n-2].sum/float64(pools[n-2].n) > pools[n-1].sum/float64(pools[n-1].n); n-- {
			pools[n-2].sum += pools[n-1].sum
			pools[n-2].n += pools[n-1].n
			pools = pools[:n-1]
		}
	}
	row := 0
	for _, p := range pools {
		for range p.n {
			l.Nodes[c[row]].Y = p.sum/float64(p.n) + float64(row)
			row++
		}
	}
}
