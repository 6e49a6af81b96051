package browse

import (
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
)

// Artefact is one artefact with everything that a reader asks of it.
type Artefact struct {
	Node
	Fields    []Field    `json:"fields" doc:"What its front matter says by name."`
	Documents []Document `json:"documents" doc:"The files that it stands in: its own, then those of its amendments."`
	Outgoing  []Relation `json:"links_to" doc:"In order of the text."`
	Incoming  []Relation `json:"linked_from" doc:"In order of ID."`
	Problems  []Problem  `json:"problems" doc:"What is wrong with it, the worst first."`
	// Unchecked says that Problems are not known yet.
	Unchecked bool `json:"unchecked,omitempty" doc:"The repository is still being checked: ask again."`
}

// Field is what a document says of itself by name.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Document is one file, or the part of one that is the artefact.
type Document struct {
	Repo     string    `json:"repo"`
	Path     string    `json:"path"`
	Part     bool      `json:"part" doc:"The file holds more than this artefact."`
	Sections []Section `json:"sections"`
	Notes    []string  `json:"notes" doc:"What of the file is not shown, and why."`
}

// Relation is a link between two artefacts, seen from one of them.
type Relation struct {
	ID      string         `json:"id" doc:"The other artefact."`
	Kind    knowledge.Kind `json:"kind"`
	Title   string         `json:"title"`
	Status  string         `json:"status"`
	Known   bool           `json:"known" doc:"Whether there is such an artefact."`
	Label   string         `json:"label" doc:"What introduces the link: \"ADR\" in \"**ADR**: ADR-023\"."`
	Section string         `json:"section" doc:"Number of the section that is meant, or the heading that the link stands under."`
	Story   string         `json:"story,omitempty" doc:"Number of the user story that is meant."`
	Line    int            `json:"line" doc:"Of the link."`
	Address string         `json:"address" doc:"The page at that section."`
}

// Superseded reports whether the other artefact no longer holds.
func (r Relation) Superseded() bool { return knowledge.Artefact{Status: r.Status}.Superseded() }

// Problem is something that is wrong with an artefact.
type Problem struct {
	Severity string `json:"severity" enum:"error,warning,note"`
	Rule     string `json:"rule" doc:"Of the check; empty for what could not be read."`
	What     string `json:"what"`
	Fix      string `json:"fix"`
	Line     int    `json:"line"`
}

// maxRelations bounds the links of one artefact that are listed each way.
const maxRelations = 500

// Artefact returns an artefact with its links, without documents and problems.
func (r *Repository) Artefact(id string) (Artefact, bool) {
	i, ok := r.find(id)
	if !ok {
		return Artefact{}, false
	}
	a := r.base.Artefacts()[i]
	out := Artefact{Node: r.nodes[i], Fields: []Field{}, Documents: []Document{}, Problems: []Problem{}}
	out.Outgoing, out.Incoming = r.outgoing(a), r.incoming(a)
	return out, true
}

func (r *Repository) outgoing(a knowledge.Artefact) []Relation {
	out := []Relation{}
	for _, l := range a.Links {
		if l.To == "" || l.To == a.ID || len(out) == maxRelations {
			continue
		}
		rel := r.relation(l.To, l)
		rel.Address = ""
		if to, ok := r.base.Artefact(l.To); ok {
			rel.Section, rel.Address = r.meant(to, l)
		}
		out = append(out, rel)
	}
	return out
}

// relation is a link, with what is known of the artefact id at its other end.
func (r *Repository) relation(id string, l knowledge.Link) Relation {
	rel := Relation{ID: r.line(id, maxField), Kind: l.Kind, Label: r.line(l.Label, maxField), Section: l.Section, Story: r.line(l.Story, maxField), Line: l.Line}
	if n, ok := r.Node(id); ok {
		rel.ID, rel.Kind, rel.Title, rel.Status, rel.Known = n.ID, n.Kind, n.Title, n.Status, true
	}
	return rel
}

// meant is the section or story that a link means, by number, and its page.
func (r *Repository) meant(to knowledge.Artefact, l knowledge.Link) (section, address string) {
	if s, ok := to.Section(l.Section); ok {
		return s.Number, r.sectionAddress(to, s)
	}
	if s, ok := to.Story(l.Story); ok {
		return l.Section, r.storyAddress(to, s)
	}
	if s, ok := to.At(l.Anchor); ok {
		if s.Number != "" {
			return s.Number, r.sectionAddress(to, s)
		}
		return r.line(s.Heading, maxTitle), r.sectionAddress(to, s)
	}
	return l.Section, Address(to.ID, "")
}

// sectionAddress is the page of an artefact at one of its sections, which may stand
// in an amendment.
func (r *Repository) sectionAddress(a knowledge.Artefact, s knowledge.Section) string {
	within := 0
	if s.File != "" {
		within = max(slices.Index(r.Places(a.ID), knowledge.Place{Repo: a.Repo, Path: s.File}), 0)
	}
	return Address(a.ID, anchorWithin(Anchor(s, r.hide), within))
}

// storyAddress is the page of a requirement at one of its stories: at its line, or at
// the section of the amendment that it stands in, since lines are those of the first
// file.
func (r *Repository) storyAddress(a knowledge.Artefact, s knowledge.UserStory) string {
	if s.File == "" {
		return LineAddress(a.ID, s.Line)
	}
	return r.sectionAddress(a, sectionAt(a, s.File, s.Line))
}

func (r *Repository) incoming(a knowledge.Artefact) []Relation {
	out := []Relation{}
	for _, in := range r.base.Incoming(a.ID) {
		from, ok := r.base.Artefact(in.From)
		if !ok || len(out) == maxRelations {
			continue
		}
		rel := r.relation(from.ID, in.Link)
		rel.Address = LineAddress(from.ID, in.Line)
		under := sectionAt(from, in.File, in.Line)
		if in.File != "" { // a line of an amendment is none of the artefact's own file
			rel.Address = r.sectionAddress(from, under)
		}
		if rel.Section == "" && under.Line != from.Line {
			rel.Section = r.line(under.Heading, maxTitle)
		}
		out = append(out, rel)
	}
	return out
}

// sectionAt is the section that a line of one of the artefact's files stands in.
func sectionAt(a knowledge.Artefact, file string, line int) (best knowledge.Section) {
	for _, s := range a.Sections {
		if s.File == file && s.Line <= line && s.Line >= best.Line {
			best = s
		}
	}
	return best
}

// Places lists the files that an artefact stands in, its own first. They are not to
// be changed.
func (r *Repository) Places(id string) []knowledge.Place {
	n, ok := r.Node(id)
	if !ok {
		return nil
	}
	if known, ok := r.places.Load(n.ID); ok {
		out, _ := known.([]knowledge.Place)
		return out
	}
	own := knowledge.Place{Repo: n.Repo, Path: n.Path}
	out := []knowledge.Place{own}
	for _, p := range r.base.Places(n.ID) {
		if p != own {
			out = append(out, p)
		}
	}
	r.places.Store(n.ID, out)
	return out
}

// File is a file that was read, and the artefacts that stand in it.
type File struct {
	Repo, Path string
	Title      string
	Artefacts  []Node
	// Is is the artefact that the whole file is; empty when it is prose, holds
	// artefacts without being one, or bears the ID of another file.
	Is string
}

// File returns a file of the repository.
func (r *Repository) File(repo, path string) (File, bool) {
	i, ok := r.files[place{repo, path}]
	if !ok {
		return File{}, false
	}
	file := r.base.Files()[i]
	f := File{Repo: repo, Path: path, Title: path}
	for n, a := range file.Artefacts {
		if n == 0 && a.Title != "" {
			f.Title = r.line(a.Title, maxTitle)
		}
		node, ok := r.Node(r.base.IDIn(repo, path, a.ID))
		if !ok || node.Repo != repo || node.Path != path {
			continue
		}
		f.Artefacts = append(f.Artefacts, node)
		if n == 0 {
			f.Is = node.ID
		}
	}
	return f, true
}

// sections are the headed sections of a file, of all its artefacts, by line.
func (r *Repository) sections(repo, path string) []knowledge.Section {
	i, ok := r.files[place{repo, path}]
	if !ok {
		return nil
	}
	var out []knowledge.Section
	for _, a := range r.base.Files()[i].Artefacts {
		for _, s := range a.Sections {
			if s.Heading != "" || s.Level > 0 {
				out = append(out, s)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b knowledge.Section) int { return a.Line - b.Line })
	return out
}

// part returns the lines of the headings that belong to an artefact which is only
// a part of its file; nil when it is all of it.
func (r *Repository) part(id, repo, path string) map[int]bool {
	i, ok := r.files[place{repo, path}]
	if !ok {
		return nil
	}
	for n, a := range r.base.Files()[i].Artefacts {
		if n == 0 || !strings.EqualFold(r.base.IDIn(repo, path, a.ID), id) {
			continue
		}
		lines := map[int]bool{}
		for _, s := range a.Sections {
			lines[s.Line] = true
		}
		return lines
	}
	return nil
}

// fields are what the front matter of an artefact says, but for what its page
// shows in its head.
func (r *Repository) fields(id string, until int) []Field {
	out := []Field{}
	a, _ := r.base.Artefact(id)
	for _, f := range a.Meta {
		switch strings.ToLower(f.Name) {
		case "id", "title", "status":
			continue
		}
		if f.Line < until && f.Value != "" {
			out = append(out, Field{r.line(f.Name, maxField), r.line(f.Value, maxField)})
		}
	}
	return out
}
