package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/knowledge/browse"
	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/store/search"
)

// knowledgeSearchCmd finds sections.
type knowledgeSearchCmd struct {
	output
	repository
	Words   []string `arg:"" optional:"" help:"Words, \"phrases\", fields such as kind:adr, or a question about an artefact."`
	Similar string   `placeholder:"FILE" help:"Find what is like the error, stack or log in this file; - reads standard input. Words may only be fields."`
	Cause   string   `placeholder:"WORDS" help:"With --similar: the cause in words, such as \"connection pool\"."`
	Limit   int      `default:"10" help:"At most so many, up to 100."`
}

// Help shows examples.
func (knowledgeSearchCmd) Help() string {
	return `Words must all occur in a section; -word must not, word* finds beginnings, OR
offers another. Fields: ` + strings.Join(search.Fields(), ", ") + `.

Examples:
  holdfast knowledge search connection pool --repo docs
  holdfast knowledge search 'kind:adr status:accepted timeout OR deadline' --repo docs
  holdfast knowledge search 'what does ADR-023 say about connection pools?' --repo docs
  holdfast knowledge search --similar panic.txt kind:incident --repo docs
  kubectl logs deploy/relay --tail 50 | holdfast knowledge search --similar - --repo docs -o json`
}

// foundSection is one line of the answer.
type foundSection struct {
	ID      string   `json:"id"`
	Kind    string   `json:"kind"`
	Title   string   `json:"title"`
	Section string   `json:"section"`
	Path    string   `json:"path"`
	Line    int      `json:"line"`
	Score   float64  `json:"score,omitempty"`
	Text    string   `json:"text,omitempty"`
	Words   []string `json:"words,omitempty"` // of --similar: what it shares
	Open    bool     `json:"open,omitempty"`  // names the topic only to leave it open
}

// searched is what is printed.
type searched struct {
	Query     string         `json:"query"`
	Total     int            `json:"total"`
	Hits      []foundSection `json:"hits"`
	Scattered bool           `json:"scattered,omitempty"` // words in different sections
	// Silent says that the artefact that was asked about says nothing.
	Silent string `json:"silent,omitempty"`
}

const maxHits = 100

// Run prints what was found.
func (c *knowledgeSearchCmd) Run(e *env) error {
	if len(c.Words) == 0 && c.Similar == "" {
		return usage(problem.Hinted(errors.New("say what to look for"), "give words, a question, or --similar FILE"))
	}
	if c.Limit < 1 || c.Limit > maxHits {
		return usage(fmt.Errorf("--limit %d: use 1 to %d", c.Limit, maxHits))
	}
	k, err := c.openIndexed(e)
	if err != nil {
		return err
	}
	defer func() { _ = k.Close() }() // only read from
	ix, note, err := k.Index(e.ctx)
	if err != nil {
		return err
	}
	defer func() { _ = ix.Close() }() // can be made again
	if note != "" {
		fmt.Fprintf(e.stderr, "note: %s\n", plain(note))
	}
	s := searcher{Index: ix}
	if s.show, err = k.Show(); err != nil {
		return err
	}
	out, err := c.find(e, s)
	if err != nil {
		return usage(err)
	}
	return c.report(e, out, func(p *page) { p.searched(out) })
}

// searcher asks an index and shows what people may see of the answers.
type searcher struct {
	*search.Index
	show func(browse.Hit, search.Place) browse.Hit
}

func (c *knowledgeSearchCmd) find(e *env, ix searcher) (searched, error) {
	text := strings.Join(c.Words, " ")
	if c.Similar != "" {
		return c.similar(e, ix, text)
	}
	if id, about, ok := search.Question(text); ok {
		return says(e.ctx, ix, text, id, about)
	}
	q, err := search.Parse(text)
	if err != nil {
		return searched{}, err
	}
	res, err := ix.Search(e.ctx, q, search.Page{Limit: c.Limit})
	if err != nil {
		return searched{}, err
	}
	out := searched{Query: text, Total: res.Total, Hits: []foundSection{}, Scattered: res.Scattered}
	for _, h := range res.Hits {
		f := ix.found(h.Artefact, h.Section, h.Line, h.Snippet)
		f.Score = h.Score
		out.Hits = append(out.Hits, f)
	}
	return out, nil
}

func (c *knowledgeSearchCmd) similar(e *env, ix searcher, fields string) (searched, error) {
	where, err := search.Parse(fields)
	if err != nil {
		return searched{}, err
	}
	in := e.stdin
	if c.Similar != "-" {
		f, err := os.Open(c.Similar)
		if err != nil {
			return searched{}, fmt.Errorf("similar: %w", err)
		}
		defer func() { _ = f.Close() }() // only read from
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxStack))
	if err != nil {
		return searched{}, fmt.Errorf("similar: %w", err)
	}
	all, err := ix.Similar(e.ctx, search.Trouble{Text: string(text), Cause: c.Cause, Where: where, Limit: c.Limit})
	if err != nil {
		return searched{}, err
	}
	out := searched{Query: fields, Total: len(all), Hits: []foundSection{}}
	for _, s := range all {
		f := ix.found(s.Artefact, s.Section, s.Section.Line, nil)
		f.Score, f.Words = s.Score, s.Words
		out.Hits = append(out.Hits, f)
	}
	return out, nil
}

// says answers a question about one artefact.
func says(ctx context.Context, ix searcher, text, id, about string) (searched, error) {
	passages, err := ix.Says(ctx, search.Ref{ID: id}, about)
	if errors.Is(err, search.ErrNoArtefact) {
		return searched{}, problem.Hinted(fmt.Errorf("no artefact has the ID %q", id), "give an ID of the repository")
	}
	if err != nil {
		return searched{}, err
	}
	out := searched{Query: text, Total: len(passages), Hits: []foundSection{}}
	for _, p := range passages {
		f := ix.found(p.Artefact, p.Section, p.Line, p.Text)
		f.Open = p.Open
		out.Hits = append(out.Hits, f)
	}
	if len(passages) == 0 {
		out.Silent = fmt.Sprintf("%s says nothing about %s", strings.ToUpper(id), about)
	}
	return out, nil
}

func (s searcher) found(a search.Artefact, at search.Place, line int, text []search.Span) foundSection {
	h := browse.Hit{ID: a.ID, Title: a.Title, Repo: a.Repo, Path: a.Path}
	for _, t := range text {
		h.Snippet = append(h.Snippet, browse.Span{Text: t.Text})
	}
	h = s.show(h, at)
	out := foundSection{ID: a.ID, Kind: a.Kind, Title: h.Title, Section: h.Heading, Path: a.Path, Line: line}
	for _, t := range h.Snippet {
		out.Text += t.Text
	}
	return out
}

func (p *page) searched(s searched) {
	if s.Silent != "" {
		p.line("%s", plain(s.Silent))
		return
	}
	if len(s.Hits) == 0 {
		p.line("nothing found")
		return
	}
	for _, h := range s.Hits {
		name := strings.TrimSpace(h.ID + " " + h.Title)
		if h.Section != "" && !strings.Contains(h.Section, h.Title) {
			name += " · " + h.Section
		}
		lead := fmt.Sprintf("%s:%d", h.Path, h.Line)
		if p.markdown {
			p.line("- %s (%s)", escapeMarkdown(name), escapeMarkdown(lead))
		} else {
			p.line("%s", p.fit(plain(name+"  "+lead), 0))
		}
		text := h.Text
		if len(h.Words) > 0 {
			text = fmt.Sprintf("%.0f %% alike: %s", 100*h.Score, strings.Join(h.Words, ", "))
		}
		if h.Open {
			text += " (left open)"
		}
		if text != "" {
			p.line("    %s", p.fit(plain(text), 4))
		}
	}
	switch {
	case s.Scattered:
		p.line("\nno section has all of it; these have the words in different sections")
	case s.Total > len(s.Hits):
		p.line("\n%d of %d; --limit shows more", len(s.Hits), s.Total)
	}
}
