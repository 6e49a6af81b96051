package web

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/knowledge/browse"
)

// artefactPage is what the page of one artefact, or of one file, shows.
type artefactPage struct {
	Paused, Notice string
	browse.Artefact
	KindName  string
	Place     string // file and line, for people
	Documents []browse.Document
	Contents  []pair // sections, where there are several
	To, From  []relationRow
	Graph     *graphBox
	Chain     string // its page in the graph of all
	File      bool   // this is a file and no artefact
	Parts     []browse.Node
	Whole     string // the page of the file that this is a part of
}

// relationRow is another artefact, and the links to it or from it.
type relationRow struct {
	browse.Relation
	KindName string
	Places   []relationPlace
}

type relationPlace struct {
	Text, Href string
}

func (w *Web) artefact(rw http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	if w.o.Knowledge == nil {
		w.knowledge(rw, r)
		return
	}
	a, err := w.o.Knowledge.Artefact(ctx, r.PathValue("id"), line(r))
	if err != nil {
		w.noArtefact(rw, r, err, "The knowledge repository has no artefact of this ID. It may have been renamed or removed since the link was made.")
		return
	}
	repo, err := w.o.Knowledge.Repository(ctx)
	if err != nil {
		w.unread(rw, r, err)
		return
	}
	w.render(rw, r, http.StatusOK, "artefact", w.newArtefact(ctx, a, repo))
}

// line is the line of a file that a reader asked for.
func line(r *http.Request) int {
	n, err := strconv.Atoi(r.URL.Query().Get("at"))
	if err != nil {
		return 0
	}
	return n
}

func (w *Web) noArtefact(rw http.ResponseWriter, r *http.Request, err error, text string) {
	if w.o.NotFound(err) {
		w.message(rw, r, http.StatusNotFound, text)
		return
	}
	w.unread(rw, r, err)
}

func (w *Web) newArtefact(ctx context.Context, a browse.Artefact, repo *browse.Repository) artefactPage {
	p := artefactPage{
		Paused: w.paused(ctx), Notice: w.o.Knowledge.Notice(ctx), Artefact: a, KindName: kindName(a.Kind),
		Place: placeOf(a.Repo, a.Path, a.Line), Documents: a.Documents, Contents: contents(a.Documents),
		To: relations(a.Outgoing, true), From: relations(a.Incoming, false), Chain: asked{chain: a.ID, depth: 2}.chainURL(a.ID),
	}
	if len(a.Documents) > 0 && a.Documents[0].Part {
		p.Whole = browse.FileAddress(a.Repo, a.Path, "")
	}
	if g, ok := repo.Graph(browse.GraphFilter{Around: a.ID, Depth: 1, Limit: drawnSmall}); ok && len(g.Nodes) > 1 {
		p.Graph = drawGraph(g, func(n browse.Node) string { return browse.Address(n.ID, "") })
		p.Graph.Small = true
		if g.Total > len(g.Nodes) {
			p.Graph.Note = "The nearest " + strconv.Itoa(len(g.Nodes)) + " of " + strconv.Itoa(g.Total) + "."
		}
		for i := range p.Graph.Rows {
			if p.Graph.Rows[i].Name == a.ID {
				p.Graph.Nodes[i].Class += " chosen"
			}
		}
	}
	return p
}

// placeOf is a place as people write it: docs/adr/0023.md:1.
func placeOf(repo, path string, line int) string {
	if repo != "" {
		path = repo + "/" + path
	}
	if line > 0 {
		path += ":" + strconv.Itoa(line)
	}
	return path
}

// minContents is from how many sections on a page lists them.
const minContents = 4

// contents are the sections of the two upper levels.
func contents(docs []browse.Document) (out []pair) {
	for _, d := range docs {
		for _, s := range d.Sections {
			if s.Level > 0 && s.Level < 3 && !s.Title && s.Anchor != "" {
				out = append(out, pair{s.Heading, "#" + s.ID()})
			}
		}
	}
	if len(out) < minContents {
		return nil
	}
	return out
}

// relations puts the links between two artefacts into one row.
func relations(all []browse.Relation, out bool) (rows []relationRow) {
	at := map[string]int{}
	for _, rel := range all {
		i, ok := at[rel.ID]
		if !ok {
			i = len(rows)
			at[rel.ID] = i
			rows = append(rows, relationRow{Relation: rel, KindName: kindName(rel.Kind)})
		}
		text := []string{}
		if rel.Label != "" {
			text = append(text, rel.Label)
		}
		if rel.Section != "" {
			text = append(text, "section "+rel.Section)
		}
		if rel.Story != "" {
			text = append(text, "user story "+rel.Story)
		}
		if rel.Line > 0 {
			text = append(text, "line "+strconv.Itoa(rel.Line))
		}
		href := rel.Address
		if out && rel.Section == "" && rel.Story == "" {
			href = "" // the row itself leads there
		}
		rows[i].Places = append(rows[i].Places, relationPlace{strings.Join(text, ", "), href})
	}
	return rows
}

func (w *Web) knowledgeFile(rw http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	if w.o.Knowledge == nil {
		w.knowledge(rw, r)
		return
	}
	repo := r.URL.Query().Get("repo")
	f, doc, err := w.o.Knowledge.File(ctx, repo, r.PathValue("path"), line(r))
	if err != nil {
		w.noArtefact(rw, r, err, "The knowledge repository has no such file. It may have been renamed or removed since the link was made.")
		return
	}
	if f.Is != "" { // the fragment goes along by itself
		http.Redirect(rw, r, browse.LineAddress(f.Is, line(r)), http.StatusFound)
		return
	}
	p := artefactPage{
		Paused: w.paused(ctx), Notice: w.o.Knowledge.Notice(ctx), File: true, KindName: kindName(""), Place: placeOf(f.Repo, f.Path, 0),
		Documents: []browse.Document{doc}, Contents: contents([]browse.Document{doc}), Parts: f.Artefacts,
	}
	p.Title = f.Title
	w.render(rw, r, http.StatusOK, "artefact", p)
}
