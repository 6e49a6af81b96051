package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/holdfast-sre/holdfast/internal/prove"
)

// boundariesProveCmd shows that no combination breaks the floor.
type boundariesProveCmd struct {
	output
	boundaryFile
	Depth int `default:"3" help:"How many of the things that decide leave their starting value at once: 1, 2 or 3. 3 adds the full product of the floor's own."`
}

// Help shows examples.
func (boundariesProveCmd) Help() string {
	return `Combines what a verdict depends on (actions, severities, flags of target and
dependants that are true, false or unset, environments, lastingness, suspicions,
history, what the boundary file answers, stages, approvals) and compares what the
code decides with a table of the floor that shares nothing with it: docs/verdict.md,
"The floor". Every disagreement is reduced to what is needed for it.

Without --config and --file the floor alone; with one of them the file's answers
as well. Reads files, contacts nothing.

Exit codes: 0 they agree, 1 they do not, 2 bad input.

Examples:
  holdfast boundaries prove
  holdfast boundaries prove --config /etc/holdfast
  holdfast boundaries prove --file boundaries.yaml --depth 2 -o json`
}

// Run proves.
func (c *boundariesProveCmd) Run(e *env) error {
	if c.Depth < 1 || c.Depth > 3 {
		return usage(fmt.Errorf("--depth %d: use 1, 2 or 3", c.Depth))
	}
	set, name, err := c.read(e)
	if err != nil {
		return err
	}
	bar := newProgress(e, "proving")
	rep, err := prove.Run(e.ctx, prove.Options{
		Subject: prove.Code(), Depth: c.Depth, Product: c.Depth == 3, Boundaries: set,
		Progress: func(done, total int64) { bar.step(int(done), int(total)) },
	})
	bar.end()
	if err != nil {
		return fmt.Errorf("prove: %w", err)
	}
	raw, err := json.Marshal(rep)
	if err != nil {
		return fmt.Errorf("prove: %w", err)
	}
	if err := c.print(e, raw, func(p *page) { p.proof(rep, name) }); err != nil {
		return err
	}
	if rep.Disagreed > 0 {
		return &exitError{code: exitFailed} // the violations say why
	}
	return nil
}

// proof prints the counts first and the outcome last.
func (p *page) proof(r prove.Report, file string) {
	p.heading("Compared with the table of the floor")
	rows := [][]string{
		{"COMPARED", "COMBINATIONS", ""},
		{"verdicts", thousands(r.Decided), ""},
		{"starts", thousands(r.StartsTried), "the check just before an action"},
		{"floor", thousands(r.Floors), fmt.Sprintf("%s of them need nobody", thousands(r.FloorOpen))},
	}
	p.table(append(rows, []string{"all", thousands(r.Combinations), fmt.Sprintf("in %s, %d rows in the table", r.Took.Round(100*time.Millisecond), r.Rows)}))
	p.heading("Verdicts")
	p.table(append([][]string{{"VERDICT", "COMBINATIONS"}}, counted(r.Verdicts)...))
	p.table(append([][]string{{"APPROVALS", "COMBINATIONS"}}, counted(r.Approvers)...))
	p.heading("Actions that may start, by their approval")
	p.table(append([][]string{{"APPROVAL", "COMBINATIONS"}}, counted(r.Started)...))
	if f := r.File; f != nil {
		p.heading("Boundary file")
		p.line("%s, sha256 %s, %s", plain(cmp.Or(file, "no file: nothing is named")), f.SHA256[:12], plural(f.Rules, "rule"))
		p.line("%s questions: %s allow, %s ask, %s deny", thousands(f.Asked), thousands(f.Allow), thousands(f.Ask), thousands(f.Deny))
	}
	p.heading("Enumerated")
	for _, s := range r.Enumerated {
		p.line("- %s", plain(s))
	}
	p.heading("Not enumerated")
	for _, s := range r.Not {
		p.line("- %s", plain(s))
	}
	p.heading("Outcome")
	if r.Disagreed == 0 {
		p.line("no violation: no combination breaks the floor, and %s act alone", thousands(r.Acts))
		return
	}
	p.line("%s combinations disagree; the smallest:", thousands(r.Disagreed))
	for _, v := range r.Violations {
		p.line("- %s", plain(v.String()))
	}
}

// counted are the rows of a count, the largest first.
func counted(m map[string]int64) [][]string {
	names := slices.SortedFunc(maps.Keys(m), func(a, b string) int { return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b)) })
	var out [][]string
	for _, n := range names {
		out = append(out, []string{n, thousands(m[n])})
	}
	return out
}

// thousands writes a count in groups of three digits.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
