package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/holdfast-sre/holdfast/internal/app"
	"github.com/holdfast-sre/holdfast/internal/runbook"
)

// runbookTestCmd runs test tables.
type runbookTestCmd struct {
	Paths  []string `arg:"" optional:"" name:"path" help:"Folder of runbooks with a folder tests, or configuration folder; the current folder when left out."`
	Output string   `short:"o" help:"How to print: ${enum}." enum:"table,json" default:"table"`
	Quiet  bool     `short:"q" help:"Print failed cases only."`
}

// Help shows examples.
func (runbookTestCmd) Help() string {
	return `Judges each case of tests/*.yaml with the runbook that the table names, as an
incident would: facts in, chosen remediation out. Asks nothing and changes nothing.
The format is described in docs/runbooks.md; holdfast check runs the tables too.

Exit codes: 0 every case gives what it expects, 1 one does not, 2 bad input.

Examples:
  holdfast runbook test
  holdfast runbook test /etc/holdfast
  holdfast runbook test runbooks -o json`
}

// Run prints every case.
func (c *runbookTestCmd) Run(e *env) error {
	books, err := app.OpenBooks(c.Paths, e.getenv)
	if err != nil {
		return usage(err)
	}
	out, err := books.Test()
	if err != nil {
		return usage(err)
	}
	failed := 0
	for _, o := range out {
		if len(o.Failed) > 0 {
			failed++
		}
	}
	if c.Output == "json" {
		enc := json.NewEncoder(e.stdout)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		if err := enc.Encode(map[string]any{"cases": append([]runbook.Outcome{}, out...), "failed": failed}); err != nil {
			return err
		}
	} else if err := c.print(e.stdout, out, failed); err != nil {
		return err
	}
	if failed > 0 {
		return &exitError{code: exitFailed} // the cases say why
	}
	return nil
}

func (c *runbookTestCmd) print(w io.Writer, out []runbook.Outcome, failed int) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for _, o := range out {
		if len(o.Failed) == 0 {
			if !c.Quiet {
				fmt.Fprintf(t, "ok\t%s\t%s\n", o.Runbook, oneLine(o.Case))
			}
			continue
		}
		fmt.Fprintf(t, "FAILED\t%s\t%s\n", o.Runbook, oneLine(o.Case))
		for _, what := range o.Failed {
			fmt.Fprintf(t, "\t\t%s:%d: %s\n", oneLine(o.Table), o.Line, what)
		}
		for _, m := range o.Explanation.Remediations {
			fmt.Fprintf(t, "\t\t  %s: %s (%s)\n", m.Name, m.Why, oneLine(valuesOf(m.When)))
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(out) == 0 {
		_, err := fmt.Fprintln(w, "No test tables. Write tests/NAME.yaml beside the runbooks; docs/runbooks.md says how.")
		return err
	}
	_, err := fmt.Fprintf(w, "%s, %d failed.\n", plural(len(out), "case"), failed)
	return err
}
