package main

import (
	"errors"
	"fmt"

	"github.com/holdfast-sre/holdfast/internal/app"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

// runbookImportCmd makes drafts of a Markdown document.
type runbookImportCmd struct {
	File   string `arg:"" help:"Markdown document that says what to do."`
	Out    string `placeholder:"DIR" help:"Write the drafts into this folder. Without it a single draft is printed."`
	Output string `short:"o" help:"How to print: ${enum}." enum:"table,json" default:"table"`
}

// Help shows examples.
func (runbookImportCmd) Help() string {
	return `Makes drafts of runbooks of what a Markdown document says: its steps become
questions where they name what to ask, its remedies remediations, its rules of
escalation conditions. Drafts are never approved. What is not understood is listed
with its place, and stands in the draft as TODO(human); a remedy without a
condition that facts decide is switched off (when: "false"). English only.
Nothing of the document is executed, and no file is written over.

Exit codes: 0 made, 2 no runbook is in the document, or bad input.

Examples:
  holdfast runbook import wiki/payment-errors.md
  holdfast runbook import wiki/payment-errors.md --out runbooks
  holdfast runbook import wiki/payment-errors.md -o json`
}

// Run prints or writes the drafts.
func (c *runbookImportCmd) Run(e *env) error {
	in, err := app.ImportRunbook(e.ctx, c.File)
	if err != nil {
		return usage(err)
	}
	if c.Out != "" {
		if err := app.SaveImported(c.Out, &in); err != nil {
			return usage(err)
		}
	}
	switch {
	case c.Output == "json":
		return encodeJSON(e.stdout, in)
	case c.Out != "":
		for _, d := range in.Drafts {
			fmt.Fprintf(e.stdout, "%s  new, not approved\n", plain(d.File))
		}
	case len(in.Drafts) > 1:
		return usage(problem.Hinted(errors.New("several drafts can't be printed as one"), "give --out DIR, or -o json"))
	default:
		if _, err := fmt.Fprint(e.stdout, in.Drafts[0].Text); err != nil {
			return fmt.Errorf("print draft: %w", err)
		}
	}
	notUnderstood(e, in.Left)
	return nil
}
