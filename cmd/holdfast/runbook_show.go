package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/app"
	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/runbook"
)

// runbookShowCmd shows one runbook, or lists them all.
type runbookShowCmd struct {
	connection
	Name   string `arg:"" optional:"" help:"Name of the runbook; all are listed when left out."`
	Config string `default:"holdfast.yaml" placeholder:"FILE" help:"Configuration file."`
	Output string `short:"o" help:"How to print: ${enum}." enum:"table,json,yaml" default:"table"`
}

// Help shows examples.
func (runbookShowCmd) Help() string {
	return `Shows a runbook as a person reads it: what it is for, what it asks, its facts with
their units, what they prove, and each remediation with its risk, what it leaves
behind, and what the boundaries say about every target that it may act on. Reads the
configuration; a running server is asked only for the stages that were earned by
graded cases, and without one they are not known.

Examples:
  holdfast runbook show
  holdfast runbook show high-latency
  holdfast runbook show high-latency --config /etc/holdfast/holdfast.yaml -o json`
}

// Run prints the runbook.
func (c *runbookShowCmd) Run(e *env) error {
	folder, err := config.Open(c.Config, e.getenv)
	if err != nil {
		return usage(err)
	}
	if c.Name == "" {
		return c.list(e.stdout, folder.Runbooks.All())
	}
	shown, err := app.ShowRunbook(folder, c.Name, e.now())
	if err != nil {
		return usage(err)
	}
	switch c.Output {
	case "json":
		doc := shown.Document()
		doc["earned"] = earnedBy(e, c.connection, shown.Name)
		return encodeJSON(e.stdout, doc)
	case "yaml":
		b, err := shown.Print()
		if err != nil {
			return err
		}
		_, err = e.stdout.Write(b)
		return err
	}
	p := &pagePrinter{}
	showRunbook(p, shown)
	if slices.ContainsFunc(shown.Remediations, func(m runbook.Remediation) bool { return m.Action != "" }) {
		showEarned(p, earnedBy(e, c.connection, shown.Name), shown.SHA256())
	}
	return p.put(e.stdout)
}

func encodeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

func (c *runbookShowCmd) list(w io.Writer, books []*runbook.Runbook) error {
	type row struct {
		Name     string `json:"name"`
		Title    string `json:"title"`
		Approved bool   `json:"approved"`
		File     string `json:"file"`
	}
	rows := []row{}
	for _, r := range books {
		rows = append(rows, row{r.Name, r.Title, r.Approved, r.File()})
	}
	if c.Output != "table" {
		return encodeJSON(w, rows)
	}
	p := &pagePrinter{}
	width := 0
	for _, r := range rows {
		width = max(width, len(r.Name))
	}
	for _, r := range rows {
		state := "approved    "
		if !r.Approved {
			state = "not approved"
		}
		p.line("%-*s  %s  %s", width, r.Name, state, oneLine(r.Title))
	}
	return p.put(w)
}

func showRunbook(p *pagePrinter, s app.Shown) {
	p.line("%s: %s", s.Name, oneLine(cmp.Or(s.Title, s.Name)))
	p.line("%s, sha256 %s", oneLine(s.File()), s.SHA256()[:12])
	if s.Approved {
		p.line("approved: its remediations may run where boundaries, stage and verdict allow it")
	} else {
		p.line("not approved: it diagnoses and proposes, and is never executed without a person")
	}
	if s.Description != "" {
		p.line("\n%s", oneLine(s.Description))
	}
	showTrigger(p, s.Trigger)
	showQuestions(p, s)
	showFindings(p, s.Runbook)
	for i, m := range s.Remediations {
		if i == 0 {
			p.head("Remediations, best first")
		}
		showRemediation(p, i, m, s.Ruled[m.Name])
	}
	if len(s.EscalateWhen) > 0 {
		p.head("Needs a person when any of these holds or can't be evaluated")
		for _, e := range s.EscalateWhen {
			p.line("  %s", oneLine(e))
		}
	}
	if len(s.PostActions) > 0 {
		var after []string
		for _, a := range s.PostActions {
			after = append(after, string(a))
		}
		p.line("\nAfterwards: %s", strings.Join(after, ", "))
	}
}

func showTrigger(p *pagePrinter, t runbook.Trigger) {
	p.head("For signals with all of these")
	if len(t.Alerts) > 0 {
		p.line("  alert    %s", oneLine(strings.Join(t.Alerts, ", ")))
	}
	if len(t.Services) > 0 {
		p.line("  service  %s", oneLine(strings.Join(t.Services, ", ")))
	}
	labels := make([]string, 0, len(t.Labels))
	for l := range t.Labels {
		labels = append(labels, l)
	}
	slices.Sort(labels)
	for _, l := range labels {
		p.line("  label    %s matches %s", oneLine(l), oneLine(t.Labels[l]))
	}
}

func showQuestions(p *pagePrinter, s app.Shown) {
	if len(s.Preconditions) > 0 {
		p.head("Before a remediation is considered, all must hold")
		for _, c := range s.Preconditions {
			p.line("  %s", oneLine(c.String()))
		}
	}
	if len(s.Diagnostics) == 0 {
		return
	}
	p.head("Asks")
	for _, d := range s.Diagnostics {
		p.line("  %s: %s", d.Name, oneLine(cmp.Or(d.Title, d.Name)))
		p.line("    %s", oneLine(d.Question()))
		for _, f := range s.Facts {
			if f.Diagnostic == d.Name {
				p.line("    → %s  %s", f.Name, oneLine(cmp.Or(f.Unit, f.Type)))
			}
		}
	}
}

func showFindings(p *pagePrinter, r *runbook.Runbook) {
	if len(r.Findings) == 0 {
		return
	}
	p.head("Proves")
	for _, f := range r.Findings {
		p.line("  %s of %s, by", f.CauseClass, f.Component)
		for _, c := range f.Confirm {
			p.line("    %s", oneLine(c))
		}
		for _, x := range f.Exclude {
			p.line("    and excludes %s when %s", x.CauseClass, oneLine(x.When))
		}
	}
}

func showRemediation(p *pagePrinter, i int, m runbook.Remediation, ruled []app.Ruled) {
	p.line("  %d. %s: %s", i+1, m.Name, oneLine(cmp.Or(m.Title, m.Name)))
	p.line("     when    %s", oneLine(m.When))
	treats := make([]string, 0, len(m.Treats))
	for _, t := range m.Treats {
		treats = append(treats, string(t))
	}
	p.line("     treats  %s", strings.Join(treats, ", "))
	what := "by a person"
	if m.Action != "" {
		what = m.Action
	}
	p.line("     does    %s on %s; risk %s, %s", what, m.Target.Service, m.Risk, cmp.Or(string(m.Lasting), "lasting"))
	for _, c := range m.Commands {
		p.line("             %s", oneLine(c))
	}
	for _, t := range []struct{ name, text string }{{"pros", m.Pros}, {"cons", m.Cons}, {"cost", m.Cost.Text}} {
		if t.text != "" {
			p.line("     %s    %s", t.name, oneLine(t.text))
		}
	}
	if m.Verify != nil {
		p.line("     verify  %s within %s", oneLine(m.Verify.Condition), m.Verify.Within)
	}
	if m.Undo != nil {
		p.line("     undo    %s", m.Undo.Action)
	}
	for _, r := range ruled {
		p.line("     rules   %s (%s), stage %s", r.Service, oneLine(r.Target), stageText(r))
		for _, sev := range []string{"SEV-1", "SEV-2", "SEV-3", "SEV-4"} {
			d := r.BySeverity[sev]
			p.line("             %s  %s", sev, rulingText(sev, d))
		}
	}
}

func stageText(r app.Ruled) string {
	if r.By == "" {
		return string(r.Stage) + " unless earned"
	}
	return fmt.Sprintf("%s, set by %s", r.Stage, oneLine(r.By))
}

func rulingText(sev string, d boundary.Decision) string {
	text := fmt.Sprintf("%s by %s: %s", d.Ruling, oneLine(d.Rule), oneLine(d.Reason))
	if d.Ruling == boundary.Allow && (sev == "SEV-1" || sev == "SEV-2") {
		text += "; the floor asks a person all the same"
	}
	return text
}
