package browse

import (
	"cmp"
	"slices"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
)

// Edge is that one artefact links to another.
type Edge struct {
	From  string `json:"from"`
	To    string `json:"to"`
	Label string `json:"label" doc:"What introduces the link, where something does."`
}

// Graph is a part of the graph of artefacts.
type Graph struct {
	Nodes []Node `json:"nodes" doc:"In order of ID, or of distance and ID around an artefact."`
	Edges []Edge `json:"edges" doc:"Between the nodes, in their order."`
	Total int    `json:"total" doc:"Nodes that match; more than nodes when the limit cut them."`
}

// GraphFilter selects a part of the graph; its zero value selects all.
type GraphFilter struct {
	Kinds  []knowledge.Kind
	Status string
	Around string // ID: only what is at most Depth links from it, in any direction
	Depth  int
	Limit  int // 0 = all; of what is around an artefact the nearest are kept
}

// Graph returns a part of the graph. ok is false when there is no artefact to look
// around.
func (r *Repository) Graph(f GraphFilter) (g Graph, ok bool) {
	var wanted []int
	if f.Around != "" {
		from, found := r.find(f.Around)
		if !found {
			return Graph{}, false
		}
		wanted = r.around(from, f.Depth)
	} else {
		wanted = make([]int, len(r.nodes))
		for i := range wanted {
			wanted[i] = i
		}
	}
	filter := Filter{Kinds: f.Kinds, Status: f.Status}
	wanted = slices.DeleteFunc(wanted, func(i int) bool {
		return !filter.wants(r.nodes[i], nil) && (f.Around == "" || i != wanted[0])
	})
	g.Total = len(wanted)
	if f.Limit > 0 && len(wanted) > f.Limit {
		wanted = wanted[:f.Limit]
	}
	g.Nodes, g.Edges = make([]Node, 0, len(wanted)), []Edge{}
	in := make(map[int]bool, len(wanted))
	for _, i := range wanted {
		in[i] = true
		g.Nodes = append(g.Nodes, r.nodes[i])
	}
	for _, i := range wanted {
		for _, e := range r.out[i] {
			if in[r.edges[e].to] {
				g.Edges = append(g.Edges, Edge{r.nodes[i].ID, r.nodes[r.edges[e].to].ID, r.edges[e].label})
			}
		}
	}
	return g, true
}

// around lists what is at most so many links away, the nearest first, those of one
// distance by ID.
func (r *Repository) around(from, depth int) []int {
	seen := map[int]bool{from: true}
	out, ring := []int{from}, []int{from}
	for range depth {
		var next []int
		for _, i := range ring {
			for _, j := range r.neighbours(i) {
				if !seen[j] {
					seen[j] = true
					next = append(next, j)
				}
			}
		}
		slices.Sort(next)
		out, ring = append(out, next...), next
	}
	return out
}

// neighbours are the nodes that a node links to, and those that link to it.
func (r *Repository) neighbours(i int) []int {
	out := make([]int, 0, len(r.out[i])+len(r.in[i]))
	for _, e := range r.out[i] {
		out = append(out, r.edges[e].to)
	}
	for _, e := range r.in[i] {
		out = append(out, r.edges[e].from)
	}
	return out
}

// Columns are the kinds from left to right: from what is wanted to what runs.
func Columns() [][]knowledge.Kind {
	return [][]knowledge.Kind{
		{knowledge.PRD, knowledge.Story},
		{knowledge.DAA, knowledge.TIP, knowledge.RFC},
		{knowledge.ADR},
		{knowledge.Bolt},
		{knowledge.Fix, knowledge.Unit, knowledge.Runbook, knowledge.Playbook, knowledge.Pattern, knowledge.Incident},
	}
}

// Column is the place of a kind among them.
func Column(k knowledge.Kind) int {
	for i, kinds := range Columns() {
		if slices.Contains(kinds, k) {
			return i
		}
	}
	return len(Columns()) - 1
}

// Chain is the way from an artefact up to the requirement and down to the code.
type Chain struct {
	Up   []Node // left of it, the farthest first
	Down []Node // right of it, the nearest first
}

// Chain follows links in either direction, as long as each step leads to a column
// farther to the left, or to the right.
func (r *Repository) Chain(id string) (Chain, bool) {
	from, ok := r.find(id)
	if !ok {
		return Chain{}, false
	}
	walk := func(onward func(from, to int) bool) (out []Node) {
		seen := map[int]bool{from: true}
		for queue := []int{from}; len(queue) > 0; queue = queue[1:] {
			at := Column(r.nodes[queue[0]].Kind)
			for _, j := range r.neighbours(queue[0]) {
				if !seen[j] && onward(at, Column(r.nodes[j].Kind)) {
					seen[j] = true
					queue = append(queue, j)
					out = append(out, r.nodes[j])
				}
			}
		}
		slices.SortFunc(out, func(a, b Node) int {
			return cmp.Or(cmp.Compare(Column(a.Kind), Column(b.Kind)), cmp.Compare(a.ID, b.ID))
		})
		return out
	}
	return Chain{
		Up:   walk(func(from, to int) bool { return to < from }),
		Down: walk(func(from, to int) bool { return to > from }),
	}, true
}

// Overview is the graph by kind, for a repository too large to draw.
type Overview struct {
	Kinds []Count
	Links []KindLinks // by from, then to
	Most  []Node      // the artefacts with the most links, the most first
}

// KindLinks is how many links lead from artefacts of one kind to those of another.
type KindLinks struct {
	From, To knowledge.Kind
	Count    int
}

// maxMost is how many of the most linked artefacts are named.
const maxMost = 12

// Overview counts by kind.
func (r *Repository) Overview() Overview {
	o := Overview{Kinds: r.Kinds()}
	type pair struct{ from, to knowledge.Kind }
	links := map[pair]int{}
	for _, e := range r.edges {
		links[pair{r.nodes[e.from].Kind, r.nodes[e.to].Kind}]++
	}
	for _, from := range knowledge.Kinds() {
		for _, to := range knowledge.Kinds() {
			if n := links[pair{from, to}]; n > 0 {
				o.Links = append(o.Links, KindLinks{from, to, n})
			}
		}
	}
	most := slices.Clone(r.nodes)
	slices.SortStableFunc(most, func(a, b Node) int { return cmp.Compare(b.In+b.Out, a.In+a.Out) })
	o.Most = most[:min(len(most), maxMost)]
	return o
}
