package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/app"
	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/runbook"
)

// runbookPlanCmd says which remediation facts call for.
type runbookPlanCmd struct {
	connection
	Name    string `arg:"" help:"Name of the runbook."`
	Service string `required:"" placeholder:"NAME" help:"Service that the incident is about: its name in the catalog."`
	Facts   string `placeholder:"FILE" help:"YAML with facts and what else the conditions see; without it no fact is known."`
	Config  string `default:"holdfast.yaml" placeholder:"FILE" help:"Configuration file."`
	Output  string `short:"o" help:"How to print: ${enum}." enum:"table,json" default:"table"`
}

// Help shows examples.
func (runbookPlanCmd) Help() string {
	return `Judges every condition of a runbook with given facts and says which remediation
they call for. Asks no source and changes nothing. Whether Holdfast would then act
alone depends on the verdict too: severity, boundaries, the stage that the runbook
has earned on the service (a running server is asked for it; without one it is not
known), and everything that always needs people.

The file of facts:
  facts: {errors: 0.12, deploy_minutes: 14}
  cause: bad_deploy          # of the leading hypothesis; any when left out
  severity: SEV-3            # and environment, component, minutes, maintenance, changes

Examples:
  holdfast runbook plan high-error-rate --service checkout --facts facts.yaml
  holdfast runbook plan high-error-rate --service checkout
  holdfast runbook plan disk-filling --service ledger --facts facts.yaml -o json`
}

// Run prints what the conditions give.
func (c *runbookPlanCmd) Run(e *env) error {
	folder, err := config.Open(c.Config, e.getenv)
	if err != nil {
		return usage(err)
	}
	ex, err := app.PlanRunbook(folder, c.Name, c.Service, c.Facts)
	if err != nil {
		return usage(err)
	}
	var targets []string
	for _, m := range ex.Remediations {
		if m.Action != "" {
			targets = append(targets, m.Target)
		}
	}
	if c.Output == "json" {
		return encodeJSON(e.stdout, struct {
			runbook.Explanation
			Earned earned `json:"earned"`
		}{ex, earnedBy(e, c.connection, ex.Runbook, targets...)})
	}
	if err := printExplanation(e.stdout, ex); err != nil {
		return err
	}
	p := &pagePrinter{}
	showEarned(p, earnedBy(e, c.connection, ex.Runbook, targets...), ex.SHA256)
	return p.put(e.stdout)
}

// printExplanation prints each condition with its value, and what follows.
func printExplanation(w io.Writer, ex runbook.Explanation) error {
	p := &pagePrinter{}
	p.line("%s for %s", ex.Runbook, ex.Service)
	p.head("Facts")
	for _, f := range ex.Facts {
		p.line("  %s = %s", f.Name, factText(f))
	}
	p.judged("Preconditions: all must hold", ex.Preconditions)
	for _, f := range ex.Findings {
		state := "not proved"
		if f.Proved {
			state = "proved"
		}
		p.judged(fmt.Sprintf("Finding: %s of %s, %s", f.CauseClass, f.Component, state), f.Confirm)
		for _, x := range f.Exclude {
			p.line("  %s excludes a rival when %s", mark(x), judgedText(x))
		}
	}
	p.head("Remediations")
	for i, m := range ex.Remediations {
		by := "by a person"
		if m.Action != "" {
			by = m.Action
		}
		p.line("  %d. %s on %s (%s)", i+1, m.Name, m.Target, by)
		p.line("     %s when %s", mark(m.When), judgedText(m.When))
		p.line("     %s", oneLine(m.Why))
	}
	p.judged("Escalate when", ex.Escalate)
	p.head("Result")
	if ex.Chosen == "" {
		p.line("  No remediation is chosen.")
	} else {
		p.line("  %s is chosen.", ex.Chosen)
	}
	if ex.Escalates {
		p.line("  A condition of escalate_when holds: a person decides.")
	}
	return p.put(w)
}

// pagePrinter collects lines of a page for a terminal.
type pagePrinter struct{ strings.Builder }

// put writes the page; a terminal gets no line that is wider than it is.
func (p *pagePrinter) put(w io.Writer) error {
	if _, err := io.WriteString(w, folded(p.String(), widthOf(w))); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// folded breaks the lines that are wider than width between words, and goes on
// below where the text of the line began; width 0 leaves all as it is.
func folded(text string, width int) string {
	if width < 2*minLast {
		return text
	}
	var out strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if len([]rune(line)) <= width {
			out.WriteString(line + "\n")
			continue
		}
		lead, rest := column(line)
		for _, part := range broken(rest, width-len([]rune(lead))) {
			out.WriteString(lead + part + "\n")
			lead = strings.Repeat(" ", len([]rune(lead)))
		}
	}
	return out.String()
}

// column splits a line before the last of its columns that begin in its first
// third: columns have two spaces or more between them.
func column(line string) (lead, rest string) {
	at := len(line) - len(strings.TrimLeft(line, " "))
	for i := at; i < min(len(line), minLast+4); i++ {
		if strings.HasPrefix(line[i:], "  ") && line[i+2:] != "" && line[i+2] != ' ' {
			at = i + 2
		}
	}
	return line[:at], line[at:]
}

func (p *pagePrinter) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

func (p *pagePrinter) head(text string) { p.line("\n%s", text) }

func (p *pagePrinter) judged(title string, list []runbook.Judged) {
	if len(list) == 0 {
		return
	}
	p.head(title)
	for _, j := range list {
		p.line("  %s %s", mark(j), judgedText(j))
	}
}

// mark is whether a condition holds, in words of one width.
func mark(j runbook.Judged) string {
	switch {
	case j.Error != "" && !j.Held:
		return "unknown"
	case j.Held:
		return "holds  "
	}
	return "no     "
}

func judgedText(j runbook.Judged) string {
	text := oneLine(j.Name)
	if v := valuesOf(j); v != "" {
		text += "   (" + v + ")"
	}
	if j.Error != "" {
		text += ": " + oneLine(j.Error)
	}
	return text
}

// valuesOf lists the facts of a condition with their values.
func valuesOf(j runbook.Judged) string {
	var out []string
	for _, f := range j.Facts {
		out = append(out, f.Name+" = "+factText(f))
	}
	return strings.Join(out, ", ")
}

func factText(f runbook.FactValue) string {
	unit := oneLine(f.Unit)
	if unit == "count" { // the number says it
		unit = ""
	}
	switch v := f.Value.(type) {
	case nil:
		return "missing"
	case float64:
		text := strconv.FormatFloat(v, 'g', 6, 64)
		if v == math.Trunc(v) && math.Abs(v) < 1e15 {
			text = strconv.FormatFloat(v, 'f', 0, 64)
		}
		return strings.TrimSpace(text + " " + unit)
	case string:
		return strconv.Quote(oneLine(v))
	default:
		return fmt.Sprint(v)
	}
}
