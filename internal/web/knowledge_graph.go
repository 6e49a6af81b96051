package web

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/knowledge/browse"
)

// graphBox is a drawing of artefacts, or of kinds, with the table behind it.
type graphBox struct {
	Width, Height int
	Heads         []graphHead
	Nodes         []graphNode
	Edges         []graphEdge
	Rows          []graphRow
	Small         bool // beside an artefact: a node leads to its page
	Note          string
	Label         string
	Chosen        *chosenNode
}

// graphHead names a column.
type graphHead struct {
	X    int
	Text string
}

// graphNode is one box. Class tells whether it lies on the chain.
type graphNode struct {
	N, Column  int
	X, Y       int
	Name, Text string
	Title      string // all of it
	Href, Open string
	Class      string
}

// graphEdge joins two boxes.
type graphEdge struct {
	From, To int
	D        string
	Class    string
	Width    string
	Text     string // at its middle
	X, Y     int
}

// graphRow is one line of the table.
type graphRow struct {
	Name, Title, Kind, Status, Href string
	Count                           string
	To, From                        []pair
}

// chosenNode is the artefact whose chain is shown.
type chosenNode struct {
	ID, Title, Kind, Status string
	Superseded              bool
	Up, Down                []pair
	Clear                   string
}

// Sizes of a drawing in pixels.
const (
	boxWidth    = 196
	boxHeight   = 44
	boxRow      = 56  // from one box to the next below
	boxColumn   = 256 // and to the next column
	graphTop    = 28  // for the heads
	graphMargin = 4
)

// drawn is how many artefacts a drawing has at most, and drawnSmall how many one
// beside an artefact.
const (
	drawn      = 150
	drawnSmall = 40
)

// kindNames are the kinds as people write them.
func kindName(k knowledge.Kind) string {
	switch k {
	case knowledge.PRD, knowledge.DAA, knowledge.TIP, knowledge.RFC, knowledge.ADR:
		return strings.ToUpper(string(k))
	case knowledge.Unit:
		return "Deployment unit"
	case knowledge.Story:
		return "User story"
	case knowledge.Fix:
		return "Fix-It Bolt"
	case "":
		return "File"
	}
	return strings.ToUpper(string(k[:1])) + string(k[1:])
}

// columnNames are the heads of browse.Columns.
func columnNames() []string {
	return []string{"Requirement", "Analysis", "Decision", "Work item", "Operation and learning"}
}

// drawGraph draws artefacts. href is where a box leads to.
func drawGraph(g browse.Graph, href func(browse.Node) string) *graphBox {
	l := g.Layout()
	b := &graphBox{Label: fmt.Sprintf("Graph of %s and %s. The table below it says the same.", many(len(g.Nodes), "artefact"), many(len(g.Edges), "link"))}
	left := b.columns(l.Columns, l.Rows)
	for i, n := range l.Nodes {
		title := n.ID + ": " + n.Title + " · " + kindName(n.Kind)
		class := "node"
		if n.Status != "" {
			title += " · " + n.Status
		}
		if n.Superseded() {
			class += " old"
		}
		b.Nodes = append(b.Nodes, graphNode{
			N: i, Column: n.Column, X: left[n.Column], Y: graphTop + int(n.Y*boxRow), Name: fit(n.ID, 22), Text: fit(n.Title, 24), Title: title,
			Href: href(n.Node), Open: browse.Address(n.ID, ""), Class: class,
		})
	}
	b.edges(l)
	b.rows(l, href)
	return b
}

// columns sets the size of the drawing, and returns the left of each column.
func (b *graphBox) columns(used []int, rows float64) map[int]int {
	x := map[int]int{}
	for i, c := range used {
		x[c] = graphMargin + i*boxColumn
		b.Heads = append(b.Heads, graphHead{x[c], columnNames()[c]})
	}
	b.Width = 2*graphMargin + max(len(used)-1, 0)*boxColumn + boxWidth + 44 // room for links within the last column
	b.Height = graphTop + int(max(rows, 1)*boxRow)
	return x
}

func (b *graphBox) edges(l browse.Layout) {
	joined := map[[2]int]bool{}
	for _, e := range l.Edges {
		from, to := e[0], e[1]
		if joined[[2]int{from, to}] || joined[[2]int{to, from}] {
			continue
		}
		joined[e] = true
		class := "edge"
		if abs(b.Nodes[from].X-b.Nodes[to].X) > boxColumn {
			class += " long"
		}
		b.Edges = append(b.Edges, graphEdge{From: from, To: to, D: curve(b.Nodes[from], b.Nodes[to]), Class: class})
	}
}

// curve is the path between two boxes: from the right of the left one to the left of
// the right one, or on the right of both.
func curve(a, b graphNode) string {
	if a.X > b.X {
		a, b = b, a
	}
	y1, y2 := a.Y+boxHeight/2, b.Y+boxHeight/2
	x1 := a.X + boxWidth
	if a.X == b.X {
		out := x1 + min(16+abs(y2-y1)/12, 40)
		return fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x1, y1, out, y1, out, y2, x1, y2)
	}
	mid := (x1 + b.X) / 2
	return fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x1, y1, mid, y1, mid, y2, b.X, y2)
}

func abs(n int) int { return max(n, -n) }

func (b *graphBox) rows(l browse.Layout, href func(browse.Node) string) {
	b.Rows = make([]graphRow, len(l.Nodes))
	for i, n := range l.Nodes {
		b.Rows[i] = graphRow{Name: n.ID, Title: n.Title, Kind: kindName(n.Kind), Status: n.Status, Href: browse.Address(n.ID, "")}
	}
	for _, e := range l.Edges {
		from, to := l.Nodes[e[0]], l.Nodes[e[1]]
		b.Rows[e[0]].To = append(b.Rows[e[0]].To, pair{to.ID, href(to.Node)})
		b.Rows[e[1]].From = append(b.Rows[e[1]].From, pair{from.ID, href(from.Node)})
	}
}

// choose shows the chain of an artefact and dims the rest.
func (b *graphBox) choose(n browse.Node, c browse.Chain) {
	side := map[string]int{n.ID: 3} // 1 = up, 2 = down
	for _, u := range c.Up {
		side[u.ID] = 1
	}
	for _, d := range c.Down {
		side[d.ID] = 2
	}
	on := make([]int, len(b.Nodes))
	for i := range b.Nodes {
		on[i] = side[b.Rows[i].Name]
		if on[i] == 0 {
			b.Nodes[i].Class += " off"
		} else {
			b.Nodes[i].Class += " on"
		}
		if on[i] == 3 {
			b.Nodes[i].Class += " chosen"
		}
	}
	for i, e := range b.Edges {
		if on[e.From]&on[e.To] != 0 && b.Nodes[e.From].Column != b.Nodes[e.To].Column {
			b.Edges[i].Class += " on"
		} else {
			b.Edges[i].Class += " off"
		}
	}
}

// drawOverview draws the kinds of a repository that is too large to draw.
func drawOverview(o browse.Overview, href func(k knowledge.Kind) string) *graphBox {
	at, count := map[knowledge.Kind]int{}, map[knowledge.Kind]int{}
	b := &graphBox{}
	rows := 0.0
	var used []int
	for c, kinds := range browse.Columns() {
		n := 0
		for _, k := range o.Kinds {
			if slices.Contains(kinds, knowledge.Kind(k.Value)) {
				n++
			}
		}
		if n > 0 {
			used, rows = append(used, c), max(rows, float64(n))
		}
	}
	left := b.columns(used, rows)
	row := map[int]int{}
	for i, k := range o.Kinds {
		kind := knowledge.Kind(k.Value)
		c := browse.Column(kind)
		at[kind], count[kind] = i, k.Count
		text := many(k.Count, "artefact")
		b.Nodes = append(b.Nodes, graphNode{
			N: i, Column: c, X: left[c], Y: graphTop + row[c]*boxRow, Name: kindName(kind), Text: text, Title: kindName(kind) + ": " + text, Href: href(kind), Class: "node",
		})
		b.Rows = append(b.Rows, graphRow{Name: kindName(kind), Href: href(kind), Count: strconv.Itoa(k.Count)})
		row[c]++
	}
	b.kindLinks(o.Links, at)
	b.Label = fmt.Sprintf("Artefacts by kind, and how many links join them: %s. The table below it says the same.", many(len(o.Kinds), "kind"))
	return b
}

// kindLinks joins kinds; links both ways are one line.
func (b *graphBox) kindLinks(links []browse.KindLinks, at map[knowledge.Kind]int) {
	line := map[[2]int]int{}
	total := map[[2]int]int{}
	deepest := 0
	for _, l := range links {
		from, to := at[l.From], at[l.To]
		b.Rows[from].To = append(b.Rows[from].To, pair{fmt.Sprintf("%s %d", kindName(l.To), l.Count), b.Nodes[to].Href})
		b.Rows[to].From = append(b.Rows[to].From, pair{fmt.Sprintf("%s %d", kindName(l.From), l.Count), b.Nodes[from].Href})
		if from == to {
			continue
		}
		key := [2]int{min(from, to), max(from, to)}
		if _, there := line[key]; !there {
			line[key] = len(b.Edges)
			b.Edges = append(b.Edges, b.kindLink(from, to, &deepest))
		}
		total[key] += l.Count
		e := &b.Edges[line[key]]
		e.Width = strconv.FormatFloat(1+math.Log10(float64(total[key])), 'f', 1, 64)
		e.Text = strconv.Itoa(total[key])
	}
	b.Height = max(b.Height, deepest+12)
}

// kindLink joins two kinds. One that leads past a column bows below all boxes.
func (b *graphBox) kindLink(from, to int, deepest *int) graphEdge {
	a, z := b.Nodes[from], b.Nodes[to]
	if a.X > z.X {
		a, z = z, a
	}
	e := graphEdge{From: from, To: to, D: curve(a, z), Class: "edge", X: (a.X + boxWidth + z.X) / 2, Y: (a.Y+z.Y+boxHeight)/2 - 4}
	switch {
	case a.X == z.X:
		e.X = a.X + boxWidth + 26
	case z.X-a.X > boxColumn:
		*deepest = max(*deepest, b.Height-8) + 26
		x1, x2 := a.X+boxWidth/2, z.X+boxWidth/2
		e.D = fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x1, a.Y+boxHeight, x1, *deepest, x2, *deepest, x2, z.Y+boxHeight)
		e.X, e.Y = (x1+x2)/2, (a.Y+z.Y+2*boxHeight)/8+*deepest*3/4+4
	}
	return e
}

// fit cuts a text to about so many Latin letters.
func fit(s string, n int) string {
	width := 0
	for i, r := range s {
		width++
		if r > 0x2e80 || unicode.IsUpper(r) && width%2 == 0 {
			width++
		}
		if width > n {
			return strings.TrimRight(s[:i], " ,;:") + "…"
		}
	}
	return s
}

func many(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}
