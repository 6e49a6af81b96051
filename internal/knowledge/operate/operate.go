// Package operate knows how what a design document says about its operation
// becomes what operations use: alerting rules with their unit tests, a dashboard,
// and drafts of runbooks. Nothing is invented: a number that is compared with
// nothing that the text names is listed as not understood, with its file and line.
// What is read into a text (a target turned round, a metric told by its words) is
// said beside what was made of it. Pure: the same documents make the same files,
// and text from documents stays text. English only.
//
// Every unit test is evaluated by Prometheus' own rule evaluation before it is
// printed; one that would not hold is left out, and said.
package operate

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/outside"
)

// Kind of what is made; a closed list.
type Kind string

// The kinds.
const (
	Rules     Kind = "rules"
	RuleTests Kind = "rule-tests"
	Dashboard Kind = "dashboard"
	Runbook   Kind = "runbook"
)

// Kinds returns all of them.
func Kinds() []Kind { return []Kind{Rules, RuleTests, Dashboard, Runbook} }

// Place is a line of a document.
type Place struct {
	Path string `json:"path"`
	Line int    `json:"line"`
}

// String is "path:line".
func (p Place) String() string { return fmt.Sprintf("%s:%d", p.Path, p.Line) }

// Left is what could not be understood.
type Left struct {
	Artefact string `json:"artefact"`
	Place
	Text string `json:"text"`
	Why  string `json:"why"`
	// Candidate is what it would become if the gap, marked TODO, were filled.
	Candidate string `json:"candidate,omitempty"`
	For       Kind   `json:"for"` // what lacks it
}

// Metric is a series that a document names.
type Metric struct {
	Name     string // as in Prometheus
	Selector string // with the matchers that the text gives
	Type     string // counter, gauge, histogram, summary, or "" when nothing tells
	Stated   bool   // the text says the type; else the name does
	About    string // what the text says of it
	Place    Place
}

// Rule is an alerting rule.
type Rule struct {
	Name     string
	Expr     string
	For      string // "" = at once
	Keep     string // keep_firing_for
	Severity string
	Priority string // SEV-2, P1: as the text says it
	Text     string // the line that it was made of
	Place    Place
	Runbook  string // place or URL of the runbook section
	Assumed  []string
	// Labels and Annotations are those of a rule that the document gives as YAML.
	Labels, Annotations map[string]string
	given               bool // as YAML
	fromWindow          bool // For is read of a window
	artefact            string
	about               []string
	limit               *limit
	test                *unitTest
}

// limit is a threshold on a panel.
type limit struct {
	expr  string
	op    string
	value float64
}

// Result is what one artefact says about its operation.
type Result struct {
	ID, Title string
	Place     Place
	Metrics   []Metric
	Rules     []Rule
	Books     []Book
	Left      []Left
}

// Empty reports whether nothing can be made of it.
func (r Result) Empty() bool { return len(r.Rules) == 0 && len(r.Metrics) == 0 && len(r.Books) == 0 }

// Generate reads what one artefact says. See Generator for many.
func Generate(ctx context.Context, base *knowledge.Base, a knowledge.Artefact) Result {
	return New(base, Options{}).Generate(ctx, a)
}

// Options say how documents are named in what is made of them.
type Options struct {
	Prefix map[string]string // of paths, by the name of the folder; its name when nil
	Link   string            // URL before the path of a document; "" = no URLs
}

// Generator reads the artefacts of one repository. It is immutable and safe for
// concurrent use.
type Generator struct {
	base *knowledge.Base
	opts Options
}

// New prepares a repository.
func New(base *knowledge.Base, opts Options) *Generator { return &Generator{base: base, opts: opts} }

// path is how a document is named.
func (g *Generator) path(repo, file string) string {
	if g.opts.Prefix != nil {
		repo = g.opts.Prefix[repo]
	}
	return path.Join(repo, file)
}

// Speaks reports whether an artefact is one whose operation is looked at when none
// is named: a decision, design, unit or runbook that holds.
func Speaks(a knowledge.Artefact) bool {
	switch a.Kind {
	case knowledge.ADR, knowledge.DAA, knowledge.TIP, knowledge.RFC, knowledge.Unit, knowledge.Bolt, knowledge.Runbook, knowledge.Pattern:
		return !a.Superseded()
	}
	return false
}

// Generate reads what one artefact says. When ctx ends, the rules that are not
// proved yet have no unit test.
func (g *Generator) Generate(ctx context.Context, a knowledge.Artefact) Result {
	r := &reader{Result: Result{ID: a.ID, Title: a.Title, Place: Place{g.path(a.Repo, a.Path), max(a.Line, 1)}}, promQL: newPromQL()}
	lines, steps := linesOf(a, func(file string) string { return g.path(a.Repo, cmp.Or(file, a.Path)) })
	r.metrics(lines)
	r.rules(ctx, lines, g.runbookOf(a, steps))
	r.books(steps)
	slices.SortStableFunc(r.Left, func(x, y Left) int {
		return cmp.Or(strings.Compare(x.Path, y.Path), x.Line-y.Line)
	})
	return r.Result
}

// runbookOf is where the runbook of an artefact stands: in it, or in a runbook that
// names it.
func (g *Generator) runbookOf(a knowledge.Artefact, steps []line) string {
	for _, l := range steps {
		if l.heading != "" {
			return g.link(l.place.Path + "#" + l.anchor)
		}
	}
	for _, in := range g.base.Incoming(a.ID) {
		if from, ok := g.base.Artefact(in.From); ok && from.Kind == knowledge.Runbook {
			return g.link(g.path(from.Repo, from.Path))
		}
	}
	return ""
}

// link is where people open a document.
func (g *Generator) link(place string) string {
	if g.opts.Link == "" {
		return place
	}
	return strings.TrimSuffix(g.opts.Link, "/") + "/" + place
}

// reader collects what one artefact says.
type reader struct {
	Result
	promQL promQL
	names  map[string]bool // of rules
}

// maxText bounds what is quoted of a line.
const maxText = 240

func shown(s string) string { return outside.Line(s, maxText) }

// maxLeft bounds what is listed of one artefact.
const maxLeft = 200

func (r *reader) left(k Kind, l line, why, candidate string) {
	if len(r.Left) < maxLeft {
		r.Left = append(r.Left, Left{Artefact: r.ID, Place: l.place, Text: shown(l.text), Why: why, Candidate: candidate, For: k})
	}
}
