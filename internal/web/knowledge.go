package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/knowledge/browse"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

// Knowledge answers what the pages show of the knowledge repository. It is safe for
// concurrent use.
type Knowledge interface {
	Repository(ctx context.Context) (*browse.Repository, error)
	// Artefact answers with text, links and problems; at is a line of its file, or 0.
	Artefact(ctx context.Context, id string, at int) (browse.Artefact, error)
	File(ctx context.Context, repo, path string, at int) (browse.File, browse.Document, error)
	// Search answers a *problem.Problem for a query that can't be understood.
	Search(ctx context.Context, query string, limit, offset int) (browse.Hits, error)
	// Notice says in one line what could not be read; empty = all was.
	Notice(ctx context.Context) string
}

// perPage is how many artefacts the list shows at once, and maxPage its last page.
const (
	perPage = 50
	maxPage = 10_000
)

// knowledgePage is what the page of the repository shows.
type knowledgePage struct {
	Paused, Notice string
	Missing        bool // no repository is configured
	Q, Status      string
	Kinds          []choice
	Statuses       []choice
	Filtered       bool
	All, Total     int
	Rows           []browse.Node
	Hits           *browse.Hits
	Error, Hint    string
	From, To       int
	Prev, Next     string
	Graph          *graphBox
	Most           []pair
	Depth          int
	Large          bool // too large to draw as a whole
	Chain          string
	NoChain        string // that was asked for and is not there
}

// choice is one value of a filter.
type choice struct {
	Value, Name string
	Count       int
	On          bool
}

// asked is what a reader asked of the repository's page.
type asked struct {
	q, status, chain string
	kinds            []knowledge.Kind
	page, depth      int
}

// Bounds of what a reader may ask for.
const (
	maxAsked = 2000
	maxDepth = 6
)

func newAsked(v url.Values) asked {
	cut := func(name string) string {
		s := strings.TrimSpace(v.Get(name))
		return s[:min(len(s), maxAsked)]
	}
	a := asked{q: cut("q"), status: cut("status"), chain: cut("chain"), depth: 2}
	for _, k := range knowledge.Kinds() {
		if slices.Contains(v["kind"], string(k)) {
			a.kinds = append(a.kinds, k)
		}
	}
	if n, err := strconv.Atoi(v.Get("page")); err == nil && n > 0 {
		a.page = min(n, maxPage)
	}
	if n, err := strconv.Atoi(v.Get("depth")); err == nil && n > 0 {
		a.depth = min(n, maxDepth)
	}
	return a
}

// url is the address of the page as it is asked for, with changes.
func (a asked) url(change func(*asked)) string {
	change(&a)
	v := url.Values{}
	set := func(name, value string) {
		if value != "" {
			v.Set(name, value)
		}
	}
	set("q", a.q)
	set("status", a.status)
	set("chain", a.chain)
	for _, k := range a.kinds {
		v.Add("kind", string(k))
	}
	if a.page > 0 {
		set("page", strconv.Itoa(a.page))
	}
	if a.depth != 2 && a.chain != "" {
		set("depth", strconv.Itoa(a.depth))
	}
	if len(v) == 0 {
		return browse.Pages
	}
	return browse.Pages + "?" + v.Encode()
}

func (w *Web) knowledge(rw http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	p := knowledgePage{Paused: w.paused(ctx)}
	if w.o.Knowledge == nil {
		p.Missing = true
		w.render(rw, r, http.StatusOK, "knowledge", p)
		return
	}
	repo, err := w.o.Knowledge.Repository(ctx)
	if err != nil {
		w.unread(rw, r, err)
		return
	}
	a := newAsked(r.URL.Query())
	p.Notice, p.Q, p.Status, p.Depth, p.All = w.o.Knowledge.Notice(ctx), a.q, a.status, a.depth, repo.Len()
	p.Filtered = a.q != "" || a.status != "" || len(a.kinds) > 0
	p.filters(repo, a)
	if a.q != "" {
		err = w.hits(ctx, &p, a)
	} else {
		list := repo.List(browse.Filter{Kinds: a.kinds, Status: a.status, Limit: perPage, Offset: a.page * perPage})
		p.Rows = list.Artefacts
		p.pages(a, list.Total, len(list.Artefacts))
		p.graph(repo, a)
	}
	if err != nil {
		w.unread(rw, r, err)
		return
	}
	w.render(rw, r, http.StatusOK, "knowledge", p)
}

// filters offers the kinds and statuses that there are.
func (p *knowledgePage) filters(repo *browse.Repository, a asked) {
	for _, c := range repo.Kinds() {
		k := knowledge.Kind(c.Value)
		p.Kinds = append(p.Kinds, choice{c.Value, kindName(k), c.Count, slices.Contains(a.kinds, k)})
	}
	known := a.status == ""
	for _, c := range repo.Statuses() {
		on := strings.EqualFold(c.Value, a.status)
		known = known || on
		p.Statuses = append(p.Statuses, choice{c.Value, c.Value, c.Count, on})
	}
	if !known {
		p.Statuses = append(p.Statuses, choice{a.status, a.status, 0, true})
	}
}

// hits searches; a query that can't be understood is told on the page.
func (w *Web) hits(ctx context.Context, p *knowledgePage, a asked) error {
	query := a.q
	if len(a.kinds) > 0 {
		var kinds []string
		for _, k := range a.kinds {
			kinds = append(kinds, string(k))
		}
		query += " kind:" + strings.Join(kinds, ",")
	}
	if a.status != "" {
		query += " status:" + strconv.Quote(a.status)
	}
	hits, err := w.o.Knowledge.Search(ctx, query, perPage, a.page*perPage)
	if bad, ok := errors.AsType[*problem.Problem](err); ok {
		p.Error, p.Hint = bad.What, bad.Hint
		return nil
	}
	if err != nil {
		return fmt.Errorf("search: %w", err)
	}
	p.Hits = &hits
	p.pages(a, hits.Total, len(hits.Hits))
	return nil
}

// pages says which part of the list is shown, and where the others are.
func (p *knowledgePage) pages(a asked, total, shown int) {
	p.Total = total
	if shown > 0 {
		p.From, p.To = a.page*perPage+1, a.page*perPage+shown
	}
	if a.page > 0 {
		p.Prev = a.url(func(b *asked) { b.page = min(a.page, (total+perPage-1)/perPage) - 1 }) + "#list"
	}
	if p.To > 0 && p.To < total {
		p.Next = a.url(func(b *asked) { b.page++ }) + "#list"
	}
}

// graph draws what is selected: all of it, what is near the chosen artefact, or the
// kinds where it is too much.
func (p *knowledgePage) graph(repo *browse.Repository, a asked) {
	var chosen browse.Node
	if a.chain != "" {
		n, ok := repo.Node(a.chain)
		if !ok {
			p.NoChain = a.chain
		}
		chosen, p.Chain = n, n.ID
	}
	filter := browse.GraphFilter{Kinds: a.kinds, Status: a.status, Limit: drawn}
	g, _ := repo.Graph(filter)
	note := ""
	p.Large = g.Total > drawn
	if p.Large && chosen.ID != "" {
		filter.Around, filter.Depth = chosen.ID, a.depth
		g, _ = repo.Graph(filter)
		note = fmt.Sprintf("What is at most %s from %s.", many(a.depth, "link"), chosen.ID)
		if g.Total > len(g.Nodes) {
			note = fmt.Sprintf("The nearest %d of %d artefacts that are at most %s from %s.", len(g.Nodes), g.Total, many(a.depth, "link"), chosen.ID)
		}
	} else if p.Large {
		o := repo.Overview()
		p.Graph = drawOverview(o, func(k knowledge.Kind) string {
			return a.url(func(b *asked) { b.kinds, b.page = []knowledge.Kind{k}, 0 }) + "#list"
		})
		p.Graph.Note = fmt.Sprintf("%d artefacts are too many to draw each: choose one, or narrow them down to %d.", g.Total, drawn)
		for _, n := range o.Most {
			p.Most = append(p.Most, pair{n.ID, a.chainURL(n.ID)})
		}
		return
	}
	p.Graph = drawGraph(g, func(n browse.Node) string { return a.chainURL(n.ID) })
	p.Graph.Note = note
	if c, ok := repo.Chain(chosen.ID); ok && chosen.ID != "" {
		p.Graph.choose(chosen, c)
		p.Graph.Chosen = a.chosen(chosen, c)
	}
}

func (a asked) chainURL(id string) string {
	return a.url(func(b *asked) { b.chain, b.page = id, 0 }) + "#graph"
}

// chosen names what lies on the chain.
func (a asked) chosen(n browse.Node, c browse.Chain) *chosenNode {
	out := &chosenNode{
		ID: n.ID, Title: n.Title, Kind: kindName(n.Kind), Status: n.Status, Superseded: n.Superseded(),
		Clear: a.url(func(b *asked) { b.chain = "" }) + "#graph",
	}
	for _, u := range c.Up {
		out.Up = append(out.Up, pair{u.ID, browse.Address(u.ID, "")})
	}
	for _, d := range c.Down {
		out.Down = append(out.Down, pair{d.ID, browse.Address(d.ID, "")})
	}
	return out
}

// unread says that the repository can't be read; why is in the log.
func (w *Web) unread(rw http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // the reader left
	}
	w.o.Log.ErrorContext(r.Context(), "page failed", "route", r.Pattern, "error", err)
	w.message(rw, r, http.StatusServiceUnavailable, "The knowledge repository can't be read: the server's log has the reason.")
}
