package main

import (
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/holdfast-sre/holdfast/internal/app"
	"github.com/holdfast-sre/holdfast/internal/knowledge/operate"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

// knowledgeGenerateCmd makes of documents what operations use.
type knowledgeGenerateCmd struct {
	output
	repository
	Kind  string   `arg:"" enum:"rules,rule-tests,dashboard,runbook,all" help:"What to make: ${enum}."`
	IDs   []string `arg:"" optional:"" name:"id" help:"Artefacts to read; every decision, design, deployment unit and runbook that holds when left out."`
	Out   string   `placeholder:"DIR" help:"Write into this folder. Without it one kind is printed."`
	Check bool     `help:"With --out: write nothing, and fail when a file would change."`
	Link  string   `placeholder:"URL" help:"URL of the folder that paths begin in, such as https://git.example.com/shop/docs/blob/main: alerts then link to the runbook."`
}

// Help shows examples.
func (knowledgeGenerateCmd) Help() string {
	return `Reads sections such as "Monitoring & Observability", "Alerts", "SLO" and "Runbook"
and makes Prometheus alerting rules, their unit tests for promtool, a Grafana
dashboard, and drafts of machine-readable runbooks. English only.

Nothing is invented: a line that compares what no metric of the document is called
is printed as a note, with its place and the reason, and stands in the file as
TODO(human). What is read into a text is said beside the rule.

Examples:
  holdfast knowledge generate rules ADR-023 --repo docs
  holdfast knowledge generate all --repo docs --out operations
  holdfast knowledge generate all --repo docs --out operations --check
  holdfast knowledge generate runbook ADR-023 --repo docs -o json
  promtool check rules operations/rules/*.yaml && promtool test rules operations/rule-tests/*.yaml`
}

// generated is what was made, and what was not understood.
type generated struct {
	Files []generatedFile `json:"files"`
	Left  []operate.Left  `json:"not_understood"`
}

type generatedFile struct {
	operate.File
	Written app.Written `json:"written,omitempty"`
	Text    string      `json:"text,omitempty"` // without --out
}

// Run makes the files.
func (c *knowledgeGenerateCmd) Run(e *env) error {
	kinds := operate.Kinds()
	if c.Kind != "all" {
		kinds = []operate.Kind{operate.Kind(c.Kind)}
	}
	switch {
	case c.Check && c.Out == "":
		return usage(problem.Hinted(errors.New("--check compares with a folder"), "give --out DIR"))
	case c.Kind == "all" && c.Out == "" && c.Output == "table":
		return usage(problem.Hinted(errors.New("several kinds can't be printed as one"), "give --out DIR, one kind, or -o json"))
	}
	k, err := c.open(e)
	if err != nil {
		return err
	}
	defer func() { _ = k.Close() }() // only read from
	results, err := k.Operate(e.ctx, c.IDs, c.Link)
	switch {
	case e.ctx.Err() != nil:
		return err
	case err != nil:
		return usage(err)
	}
	out := generated{Files: []generatedFile{}, Left: []operate.Left{}}
	for _, r := range results {
		for _, kind := range kinds {
			for _, f := range r.Files(kind) {
				out.Files = append(out.Files, generatedFile{File: f})
			}
		}
		for _, l := range r.Left {
			if slices.Contains(kinds, l.For) {
				out.Left = append(out.Left, l)
			}
		}
	}
	if err := c.deliver(e, kinds, results, &out); err != nil {
		return err
	}
	if c.Output == "table" {
		notUnderstood(e, out.Left)
	}
	return c.verdict(out)
}

// verdict fails when nothing was made, or a file differs.
func (c *knowledgeGenerateCmd) verdict(out generated) error {
	switch {
	case !slices.ContainsFunc(out.Files, func(f generatedFile) bool { return f.Artefact != "" }):
		return problem.Hinted(fmt.Errorf("nothing can be made: no document gives %s that is understood", c.wanted()),
			"a section \"Monitoring & Observability\" with metrics by name and alerts such as \"`queue_depth` > 100 for 5m → page\" is read; see docs/design-to-operations.md")
	case c.Check && slices.ContainsFunc(out.Files, func(f generatedFile) bool { return f.Written == app.WouldChange }):
		return problem.Hinted(errors.New("files differ from what the documents say"), "write them again without --check, and delete those that no document makes")
	}
	return nil
}

func (c *knowledgeGenerateCmd) wanted() string {
	switch c.Kind {
	case "dashboard":
		return "a metric"
	case "runbook":
		return "a runbook section"
	case "all":
		return "a metric, alert or runbook section"
	}
	return "an alert"
}

func (c *knowledgeGenerateCmd) deliver(e *env, kinds []operate.Kind, results []operate.Result, out *generated) error {
	if c.Out != "" {
		if err := c.save(out, kinds); err != nil {
			return err
		}
		return c.report(e, out, func(p *page) { p.generated(c.Out, *out) })
	}
	if c.Output != "table" {
		for i := range out.Files {
			out.Files[i].Text = string(out.Files[i].File.Text)
		}
		return c.report(e, out, func(p *page) { p.generated("", *out) })
	}
	text, err := c.text(results, *out)
	if err != nil {
		return usage(err)
	}
	if _, err := e.stdout.Write(text); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// save writes the files, and adds those of earlier that no document makes any more:
// of all documents, so not when some are named.
func (c *knowledgeGenerateCmd) save(out *generated, kinds []operate.Kind) error {
	var files []operate.File
	for _, f := range out.Files {
		files = append(files, f.File)
	}
	if len(files) > 0 {
		written, err := app.SaveGenerated(c.Out, files, c.Check)
		for i, w := range written {
			out.Files[i].Written = w
		}
		if err != nil {
			return err
		}
	}
	if len(c.IDs) > 0 {
		return nil
	}
	stale, err := app.StaleGenerated(c.Out, kinds, files)
	for _, f := range stale {
		w := app.Stale
		if c.Check {
			w = app.WouldChange
		}
		out.Files = append(out.Files, generatedFile{File: f, Written: w})
	}
	return err
}

// text is one document of one kind: rules and tests of several artefacts go
// together, dashboards and runbooks do not.
func (c *knowledgeGenerateCmd) text(results []operate.Result, out generated) ([]byte, error) {
	switch {
	case len(out.Files) == 0:
		return nil, nil
	case c.Kind == "rules":
		return operate.RulesOf(results...), nil
	case c.Kind == "rule-tests":
		return operate.TestsOf("rules.yaml", results...), nil
	case len(out.Files) > 1:
		return nil, problem.Hinted(fmt.Errorf("%d files can't be printed as one", len(out.Files)), "give --out DIR, the ID of one artefact, or -o json")
	}
	return out.Files[0].File.Text, nil
}

// notUnderstood prints notes for people beside what was made.
func notUnderstood(e *env, left []operate.Left) {
	for _, l := range left {
		fmt.Fprintf(e.stderr, "note: %s: %s\n      %s\n", plain(l.Place.String()), plain(l.Text), plain(l.Why))
		if l.Candidate != "" {
			fmt.Fprintf(e.stderr, "      it would be: %s\n", plain(l.Candidate))
		}
	}
	if len(left) > 0 {
		fmt.Fprintf(e.stderr, "%s not understood\n", plural(len(left), "line"))
	}
}

func (p *page) generated(dir string, g generated) {
	rows := [][]string{{"KIND", "FROM", "FILE", ""}}
	for _, f := range g.Files {
		rows = append(rows, []string{string(f.Kind), plain(f.Artefact), plain(path.Join(dir, f.Path)), string(f.Written)})
	}
	if len(g.Files) > 0 {
		p.table(rows)
	}
	if p.markdown {
		for _, l := range g.Left {
			p.line("- %s: %s: %s", escapeMarkdown(l.Place.String()), escapeMarkdown(l.Text), escapeMarkdown(l.Why))
		}
	}
}
