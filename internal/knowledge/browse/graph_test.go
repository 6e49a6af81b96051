package browse_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/knowledge/browse"
)

func TestGraphIsFiltered(t *testing.T) {
	t.Parallel()
	r, _ := open(t, docs)
	tests := map[string]struct {
		filter browse.GraphFilter
		nodes  []string
		edges  int
		total  int
	}{
		"all":              {browse.GraphFilter{}, []string{"ADR-023", "ADR-024", "BOLT-044", "BOLT-045", "DAA-003", "PRD-015"}, 7, 6},
		"kinds":            {browse.GraphFilter{Kinds: []knowledge.Kind{knowledge.ADR, knowledge.DAA}}, []string{"ADR-023", "ADR-024", "DAA-003"}, 3, 3},
		"near":             {browse.GraphFilter{Around: "bolt-44", Depth: 1}, []string{"BOLT-044", "ADR-023"}, 1, 2},
		"farther":          {browse.GraphFilter{Around: "BOLT-044", Depth: 2}, []string{"BOLT-044", "ADR-023", "ADR-024", "BOLT-045", "DAA-003", "PRD-015"}, 7, 6},
		"the nearest":      {browse.GraphFilter{Around: "BOLT-044", Depth: 2, Limit: 3}, []string{"BOLT-044", "ADR-023", "ADR-024"}, 3, 6},
		"of another kind":  {browse.GraphFilter{Around: "BOLT-044", Depth: 2, Kinds: []knowledge.Kind{knowledge.PRD}}, []string{"BOLT-044", "PRD-015"}, 0, 2},
		"no depth":         {browse.GraphFilter{Around: "BOLT-044"}, []string{"BOLT-044"}, 0, 1},
		"depth past graph": {browse.GraphFilter{Around: "ADR-024", Depth: 9}, []string{"ADR-024", "ADR-023", "BOLT-044", "BOLT-045", "DAA-003", "PRD-015"}, 7, 6},
	}
	for name, tt := range tests {
		g, ok := r.Graph(tt.filter)
		if diff := cmp.Diff(tt.nodes, names(g.Nodes)); !ok || diff != "" || len(g.Edges) != tt.edges || g.Total != tt.total {
			t.Errorf("%s: %d edges of %d nodes\n%s", name, len(g.Edges), g.Total, diff)
		}
	}
	if _, ok := r.Graph(browse.GraphFilter{Around: "ADR-999"}); ok {
		t.Error("a graph around nothing")
	}
}

func TestChainLeadsUpAndDown(t *testing.T) {
	t.Parallel()
	r, _ := open(t, docs)
	for id, want := range map[string][2][]string{
		"ADR-023":  {{"PRD-015", "DAA-003"}, {"BOLT-044", "BOLT-045"}},
		"PRD-015":  {nil, {"DAA-003", "ADR-023", "BOLT-044", "BOLT-045"}},
		"BOLT-045": {{"PRD-015", "DAA-003", "ADR-023"}, nil},
		"ADR-024":  {nil, nil},
	} {
		c, ok := r.Chain(id)
		if diff := cmp.Diff(want, [2][]string{names(c.Up), names(c.Down)}); !ok || diff != "" {
			t.Errorf("%s:\n%s", id, diff)
		}
	}
	if _, ok := r.Chain("ADR-999"); ok {
		t.Error("a chain of nothing")
	}
}

func TestOverviewCountsLinksByKind(t *testing.T) {
	t.Parallel()
	r, _ := open(t, docs)
	o := r.Overview()
	want := []browse.KindLinks{
		{From: "daa", To: "prd", Count: 1},
		{From: "adr", To: "prd", Count: 1},
		{From: "adr", To: "daa", Count: 1},
		{From: "adr", To: "adr", Count: 2},
		{From: "bolt", To: "adr", Count: 2},
	}
	if diff := cmp.Diff(want, o.Links); diff != "" {
		t.Error(diff)
	}
	if o.Most[0].ID != "ADR-023" {
		t.Errorf("most linked %v", names(o.Most))
	}
}

// A drawing must not put one box over another, and must not change by itself.
func TestLayoutKeepsNodesApart(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var g browse.Graph
		n := rapid.IntRange(0, 40).Draw(t, "nodes")
		for i := range n {
			k := rapid.SampledFrom(knowledge.Kinds()).Draw(t, "kind")
			g.Nodes = append(g.Nodes, browse.Node{ID: fmt.Sprintf("X-%02d", i), Kind: k})
		}
		for range rapid.IntRange(0, 3*n).Draw(t, "edges") {
			from, to := rapid.IntRange(0, n-1).Draw(t, "from"), rapid.IntRange(0, n-1).Draw(t, "to")
			g.Edges = append(g.Edges, browse.Edge{From: g.Nodes[from].ID, To: g.Nodes[to].ID})
		}
		l := g.Layout()
		if diff := cmp.Diff(l, g.Layout()); diff != "" {
			t.Fatalf("drawn in two ways:\n%s", diff)
		}
		columns := map[int][]float64{}
		for i, p := range l.Nodes {
			if p.ID != g.Nodes[i].ID || p.Column != browse.Column(p.Kind) || !slices.Contains(l.Columns, p.Column) {
				t.Fatalf("node %d is %+v", i, p)
			}
			if p.Y < 0 || p.Y > l.Rows-1+1e-9 {
				t.Fatalf("%s at %v of %v rows", p.ID, p.Y, l.Rows)
			}
			columns[p.Column] = append(columns[p.Column], p.Y)
		}
		for c, ys := range columns {
			slices.Sort(ys)
			for i := 1; i < len(ys); i++ {
				if ys[i]-ys[i-1] < 1-1e-9 {
					t.Fatalf("column %d: %v", c, ys)
				}
			}
		}
	})
}

func TestLayoutPutsTheChainIntoOneLine(t *testing.T) {
	t.Parallel()
	r, _ := open(t, map[string]string{
		"a.md": "# PRD-1: A\n", "b.md": "# ADR-1: B\n\n**PRD**: PRD-1\n", "c.md": "# BOLT-1: C\n\n**ADR**: ADR-1\n",
		"d.md": "# PRD-2: A\n", "e.md": "# ADR-2: B\n\n**PRD**: PRD-2\n", "f.md": "# BOLT-2: C\n\n**ADR**: ADR-2\n",
	})
	g, _ := r.Graph(browse.GraphFilter{})
	at := map[string]float64{}
	for _, p := range g.Layout().Nodes {
		at[p.ID] = p.Y
	}
	near := func(a, b string) bool { return math.Abs(at[a]-at[b]) < .05 }
	if !near("PRD-1", "ADR-1") || !near("ADR-1", "BOLT-1") || !near("PRD-2", "BOLT-2") || near("PRD-1", "PRD-2") {
		t.Errorf("heights %v", at)
	}
}
