// Package browse is the knowledge repository as readers see it: the list of its
// artefacts, one artefact with its text and the links both ways, and the graph of
// all. It does no I/O: the text of a file is handed in.
//
// What documents say comes from people. Texts pass through the Redactor on their
// way out, and Render makes HTML in which nothing runs, nothing is loaded, and
// every link leads to a page of ours or is plainly one to elsewhere.
package browse

import (
	"cmp"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/outside"
)

// Node is the head of an artefact.
type Node struct {
	ID     string         `json:"id"`
	Kind   knowledge.Kind `json:"kind"`
	Title  string         `json:"title"`
	Status string         `json:"status" doc:"As written; empty when the artefact has none."`
	Repo   string         `json:"repo" doc:"The folder that it was read from; empty when there is one."`
	Path   string         `json:"path"`
	Line   int            `json:"line" doc:"Of the title."`
	In     int            `json:"links_in" doc:"Artefacts that link to it."`
	Out    int            `json:"links_out" doc:"Artefacts that it links to."`
}

// StatusWord is the first word of the status, in lower case: "superseded".
func (n Node) StatusWord() string { return statusWord(n.Status) }

func statusWord(status string) string {
	word, _, _ := strings.Cut(strings.ToLower(strings.TrimLeft(status, " *_\"'`[(")), " ")
	return strings.Trim(word, ".,;:()[]*_\"'`")
}

// Superseded reports whether the artefact says that it no longer holds.
func (n Node) Superseded() bool { return knowledge.Artefact{Status: n.Status}.Superseded() }

// Repository is a Base made ready for readers. It is immutable and safe for
// concurrent use.
type Repository struct {
	base  *knowledge.Base
	hide  func(string) string
	nodes []Node         // in order of ID
	at    map[string]int // by ID
	edges []edge         // by from, then to
	out   [][]int        // of each node: edges
	in    [][]int
	files map[place]int // in base.Files
	// places are those that were asked for, by ID: finding them takes time.
	places sync.Map
}

type place struct{ repo, path string }

// edge joins two nodes; several links between two are one edge.
type edge struct {
	from, to int
	label    string
}

// The most that is shown of a title, and of a status or another field, in characters.
const (
	maxTitle = 200
	maxField = 400
)

// New makes base ready. hide takes secrets out of a text; nil = there are none.
func New(base *knowledge.Base, hide func(string) string) *Repository {
	if hide == nil {
		hide = func(s string) string { return s }
	}
	r := &Repository{base: base, hide: hide, at: map[string]int{}, files: map[place]int{}}
	for i, f := range base.Files() {
		r.files[place{f.Repo, f.Path}] = i
	}
	all := base.Artefacts()
	for i, a := range all {
		r.at[a.ID] = i
		r.nodes = append(r.nodes, Node{
			ID: a.ID, Kind: a.Kind, Title: r.line(a.Title, maxTitle), Status: r.line(a.Status, maxField), Repo: a.Repo, Path: a.Path, Line: a.Line,
		})
	}
	r.in, r.out = make([][]int, len(all)), make([][]int, len(all))
	for i, a := range all {
		r.join(i, a)
	}
	return r
}

// join adds the edges from an artefact.
func (r *Repository) join(from int, a knowledge.Artefact) {
	seen := map[int]int{} // node → edge
	for _, l := range a.Links {
		to, ok := r.find(l.To)
		if !ok || to == from {
			continue
		}
		if e, twice := seen[to]; twice {
			if r.edges[e].label == "" {
				r.edges[e].label = r.line(l.Label, maxField)
			}
			continue
		}
		seen[to] = len(r.edges)
		r.out[from] = append(r.out[from], len(r.edges))
		r.in[to] = append(r.in[to], len(r.edges))
		r.edges = append(r.edges, edge{from, to, r.line(l.Label, maxField)})
		r.nodes[from].Out++
		r.nodes[to].In++
	}
}

// find is the node of an ID in any form.
func (r *Repository) find(id string) (int, bool) {
	if i, ok := r.at[id]; ok || id == "" {
		return i, ok
	}
	a, ok := r.base.Artefact(id)
	return r.at[a.ID], ok
}

// line makes a text one line without secrets.
func (r *Repository) line(s string, n int) string {
	if s == "" {
		return ""
	}
	return outside.Line(r.hide(s), n)
}

// Node returns the head of the artefact with an ID, in any case and with any zeros.
func (r *Repository) Node(id string) (Node, bool) {
	i, ok := r.find(id)
	if !ok {
		return Node{}, false
	}
	return r.nodes[i], true
}

// Len is the number of artefacts.
func (r *Repository) Len() int { return len(r.nodes) }

// Filter selects artefacts; its zero value selects all.
type Filter struct {
	Kinds  []knowledge.Kind
	Status string // the first word: "accepted"
	Text   string // words of ID and title, in any case
	Limit  int    // 0 = all
	Offset int
}

// List is a page of artefacts.
type List struct {
	Artefacts []Node `json:"artefacts" doc:"In order of their IDs."`
	Total     int    `json:"total" doc:"Artefacts that match."`
}

// List returns the artefacts that a filter selects, by kind from requirement to
// incident when it names none, then by ID.
func (r *Repository) List(f Filter) List {
	words := strings.Fields(strings.ToLower(f.Text))
	found := make([]Node, 0, 64)
	for _, n := range r.nodes {
		if f.wants(n, words) {
			found = append(found, n)
		}
	}
	out := List{Total: len(found)}
	from := min(max(f.Offset, 0), len(found))
	to := len(found)
	if f.Limit > 0 {
		to = min(from+f.Limit, to)
	}
	out.Artefacts = found[from:to]
	return out
}

func (f Filter) wants(n Node, words []string) bool {
	if len(f.Kinds) > 0 && !slices.Contains(f.Kinds, n.Kind) || f.Status != "" && !strings.EqualFold(f.Status, n.StatusWord()) {
		return false
	}
	if len(words) == 0 {
		return true
	}
	text := strings.ToLower(n.ID + " " + n.Title)
	return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) })
}

// Count is how many artefacts have a value.
type Count struct {
	Value string
	Count int
}

// Kinds counts artefacts by kind, from requirement to incident.
func (r *Repository) Kinds() []Count {
	n := map[knowledge.Kind]int{}
	for _, node := range r.nodes {
		n[node.Kind]++
	}
	var out []Count
	for _, k := range knowledge.Kinds() {
		if n[k] > 0 {
			out = append(out, Count{string(k), n[k]})
		}
	}
	return out
}

// maxStatuses is how many statuses are offered.
const maxStatuses = 12

// Statuses counts artefacts by the first word of their status, the most used first.
func (r *Repository) Statuses() []Count {
	n := map[string]int{}
	for _, node := range r.nodes {
		if w := node.StatusWord(); w != "" {
			n[w]++
		}
	}
	out := make([]Count, 0, len(n))
	for w, c := range n {
		out = append(out, Count{w, c})
	}
	slices.SortFunc(out, func(a, b Count) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value)) })
	return out[:min(len(out), maxStatuses)]
}

// Pages is the path below which all pages are.
const Pages = "/knowledge"

// Address is the page of an artefact; anchor is that of a section, or empty.
func Address(id, anchor string) string {
	return Pages + "/" + url.PathEscape(id) + fragment(anchor)
}

// LineAddress is the page of an artefact at a line of its file; 0 = none.
func LineAddress(id string, line int) string {
	if line <= 0 {
		return Address(id, "")
	}
	return Pages + "/" + url.PathEscape(id) + "?at=" + strconv.Itoa(line) + "#" + atLine
}

// FileAddress is the page of a file that is no artefact, or holds several.
func FileAddress(repo, file, anchor string) string {
	segments := strings.Split(path.Clean(file), "/")
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	a := Pages + "/files/" + strings.Join(segments, "/")
	if repo != "" {
		a += "?repo=" + url.QueryEscape(repo)
	}
	return a + fragment(anchor)
}

// sectionPrefix keeps the IDs of a document's sections apart from those of the
// page around it, and atLine is the ID of the place that a line stands for.
const (
	sectionPrefix = "s-"
	atLine        = "at"
)

// Anchor is what a link to a section ends with: its own anchor is made of its
// heading, so where hide finds a secret in that its line is told instead.
func Anchor(s knowledge.Section, hide func(string) string) string {
	return anchorOf(s.Heading, s.Anchor, s.Line, hide)
}

func anchorOf(heading, anchor string, line int, hide func(string) string) string {
	if anchor == "" || heading == "" || hide(heading) == heading && hide(anchor) == anchor {
		return anchor
	}
	return "line-" + strconv.Itoa(line)
}

// fragment leads to a section.
func fragment(anchor string) string {
	if anchor == "" {
		return ""
	}
	return "#" + sectionPrefix + url.PathEscape(anchor)
}
