package browse

import "github.com/holdfast-sre/holdfast/internal/knowledge"

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

// Found makes a hit of what a search found, with the address of its section.
func (r *Repository) Found(h Hit, anchor string) Hit {
	h.Title, h.Status, h.Heading = r.line(h.Title, maxTitle), r.line(h.Status, maxField), r.line(h.Heading, maxTitle)
	h.Snippet = r.spans(h.Snippet)
	if n, ok := r.Node(r.base.IDIn(h.Repo, h.Path, h.ID)); ok && n.Repo == h.Repo && n.Path == h.Path {
		h.Address = Address(n.ID, anchor)
	} else {
		h.Address = FileAddress(h.Repo, h.Path, anchor)
	}
	return h
}

// spans hides secrets, which may reach over the marks: then the marks go.
func (r *Repository) spans(in []Span) []Span {
	whole := ""
	out := make([]Span, 0, len(in))
	for _, s := range in {
		whole += s.Text
		out = append(out, s)
	}
	if hidden := r.hide(whole); hidden != whole {
		return []Span{{Text: hidden}}
	}
	return out
}
