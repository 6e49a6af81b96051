package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/holdfast-sre/holdfast/internal/app"
	"github.com/holdfast-sre/holdfast/internal/finding"
	"github.com/holdfast-sre/holdfast/internal/runbook"
)

// runbookLintCmd finds what is wrong with runbooks.
type runbookLintCmd struct {
	Paths  []string `arg:"" optional:"" name:"path" help:"Runbook, folder of runbooks, or configuration folder; the current folder when left out."`
	Output string   `short:"o" help:"How to print: ${enum}." enum:"table,json,sarif,markdown" default:"table"`
	FailOn string   `name:"fail-on" help:"Exit with 1 when a finding is at least so grave: ${enum}." enum:"error,warning,note,never" default:"error"`
	List   bool     `help:"List the rules and check nothing."`
}

// Help shows examples.
func (runbookLintCmd) Help() string {
	return `Checks runbooks and their test tables without the network: keys, units, queries,
statements, conditions, actions, and what can never happen. In a configuration
folder (one with holdfast.yaml) services, sources and boundaries are checked too.
Each finding has FILE:LINE:COLUMN, rule and hint. Executes nothing.

Exit codes: 0 nothing as grave as --fail-on, 1 findings, 2 bad input.

Examples:
  holdfast runbook lint
  holdfast runbook lint /etc/holdfast --fail-on warning
  holdfast runbook lint runbooks/high-latency.yaml
  holdfast runbook lint . -o sarif > runbooks.sarif
  holdfast runbook lint --list`
}

// Run prints the findings.
func (c *runbookLintCmd) Run(e *env) error {
	if c.List {
		t := tabwriter.NewWriter(e.stdout, 0, 4, 2, ' ', 0)
		fmt.Fprintln(t, "RULE\tSEVERITY\tFINDS")
		for _, r := range runbook.Rules() {
			fmt.Fprintf(t, "%s\t%s\t%s\n", r.Name, r.Severity, r.What)
		}
		return t.Flush()
	}
	books, err := app.OpenBooks(c.Paths, e.getenv)
	if err != nil {
		return usage(err)
	}
	rep := books.Lint()
	if err := printFindings(e.stdout, rep, c.Output); err != nil {
		return fmt.Errorf("print findings: %w", err)
	}
	if books.Unchecked != nil && c.Output == "table" {
		fmt.Fprintf(e.stderr, "note: services, sources and boundaries are not checked: %s\n", oneLine(books.Unchecked.Error()))
	}
	if c.FailOn != "never" && rep.Count(finding.Severity(c.FailOn)) > 0 {
		return &exitError{code: exitFailed} // the findings say why
	}
	return nil
}

// printFindings prints a linter's report in one of its forms.
func printFindings(w io.Writer, rep finding.Report, form string) error {
	switch form {
	case "json":
		return rep.JSON(w)
	case "sarif":
		return rep.SARIF(w, version())
	case "markdown":
		return rep.Markdown(w)
	}
	return rep.Table(w)
}
