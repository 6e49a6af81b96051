package browse

import (
	"strings"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
)

// Hits is a page of what a search found.
type Hits struct {
	Hits      []Hit `json:"hits" doc:"The best first."`
	Total     int   `json:"total" doc:"Artefacts that match."`
	Scattered bool  `json:"scattered" doc:"No section has all the words: these artefacts have them in different ones."`
}

// Hit is an artefact, or a file that is none, at its best section.
type Hit struct {
	ID       string         `json:"id" doc:"Empty for a file that is no artefact."`
	Kind     knowledge.Kind `json:"kind"`
	Title    string         `json:"title"`
	Status   string         `json:"status"`
	Repo     string         `json:"repo"`
	Path     string         `json:"path"`
	Line     int            `json:"line" doc:"Of the match."`
	Heading  string         `json:"heading" doc:"Of the section; empty for the text before the first."`
	Number   string         `json:"number" doc:"Of the section."`
	Score    float64        `json:"score"`
	Snippet  []Span         `json:"snippet"`
	Sections int            `json:"sections" doc:"How many sections match."`
	Address  string         `json:"address" doc:"The page at that section."`
}

// Superseded reports whether the artefact no longer holds.
func (h Hit) Superseded() bool { return knowledge.Artefact{Status: h.Status}.Superseded() }

// Span is a piece of text; Match marks the words that were looked for.
type Span struct {
	Text  string `json:"text"`
	Match bool   `json:"match,omitempty"`
}

// Found makes a hit of what a search found in the section of a line and an anchor,
// with its address. text is what snippets of a section are cut out of.
func (r *Repository) Found(h Hit, line int, anchor string, text func(knowledge.Section) string) Hit {
	anchor = anchorOf(h.Heading, anchor, line, r.hide)
	h.Title, h.Status, h.Heading = r.line(h.Title, maxTitle), r.line(h.Status, maxField), r.line(h.Heading, maxTitle)
	h.Snippet = r.spans(h.Snippet, r.textsAt(h.Repo, h.Path, line, text))
	if n, ok := r.Node(r.base.IDIn(h.Repo, h.Path, h.ID)); ok && n.Repo == h.Repo && n.Path == h.Path {
		h.Address = Address(n.ID, anchor)
	} else {
		h.Address = FileAddress(h.Repo, h.Path, anchor)
	}
	return h
}

// textsAt is the text of the sections that begin on a line of a file.
func (r *Repository) textsAt(repo, path string, line int, text func(knowledge.Section) string) (out []string) {
	i, ok := r.files[place{repo, path}]
	if !ok {
		return nil
	}
	for _, a := range r.base.Files()[i].Artefacts {
		for _, s := range a.Sections {
			if s.Line == line {
				out = append(out, s.Heading+"\n"+text(s)) // a secret may begin in its heading
			}
		}
	}
	return out
}

// notShown stands for a snippet that would give away a secret.
const notShown = "[not shown: a secret stands in it]"

// spans hides secrets, which may reach over the marks: then the marks go. A snippet
// may begin behind the name that tells a secret, so it must stand in the section
// without secrets too.
func (r *Repository) spans(in []Span, texts []string) []Span {
	whole := ""
	out := make([]Span, 0, len(in))
	for _, s := range in {
		whole += s.Text
		out = append(out, s)
	}
	if hidden := r.hide(whole); hidden != whole {
		out, whole = []Span{{Text: hidden}}, hidden
	}
	for _, t := range texts {
		if clean := r.hide(t); clean != t && !strings.Contains(oneSpaced(clean), oneSpaced(strings.Trim(whole, "… \n"))) {
			return []Span{{Text: notShown}}
		}
	}
	return out
}

func oneSpaced(s string) string { return strings.Join(strings.Fields(s), " ") }
