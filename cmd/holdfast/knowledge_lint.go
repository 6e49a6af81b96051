package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/holdfast-sre/holdfast/internal/knowledge/lint"
)

// knowledgeLintCmd finds what is wrong with a knowledge repository.
type knowledgeLintCmd struct {
	repository
	Output string   `short:"o" help:"How to print: ${enum}." enum:"table,json,sarif,markdown" default:"table"`
	FailOn string   `name:"fail-on" help:"Exit with 1 when a finding is at least so grave: ${enum}." enum:"error,warning,note,never" default:"error"`
	Rule   []string `placeholder:"RULE" help:"Check only this rule. May be given again."`
	Skip   []string `placeholder:"RULE" help:"Leave this rule out. May be given again."`
	List   bool     `help:"List the rules and check nothing."`
}

// Help shows examples.
func (knowledgeLintCmd) Help() string {
	return `Checks every Markdown file of the folders: references that lead nowhere, Bolts
without a decision, decisions without requirement, monitoring or runbook,
superseded decisions that are still used, duplicate IDs, and rollback procedures
that destroy data. Each finding has FILE:LINE, rule and hint; each rule a page in
docs/lint. Read-only; executes nothing.

A comment switches a rule off for its file:
  <!-- holdfast-lint: off RULE -- reason -->

Exit codes: 0 nothing as grave as --fail-on, 1 findings, 2 bad input.

Examples:
  holdfast knowledge lint --repo docs
  holdfast knowledge lint --repo docs --repo ../booking --fail-on warning
  holdfast knowledge lint --repo . -o sarif > knowledge.sarif
  holdfast knowledge lint --repo . --rule rollback-destroys-data
  holdfast knowledge lint --list`
}

// Run prints the findings.
func (c *knowledgeLintCmd) Run(e *env) error {
	if c.List {
		return listRules(e.stdout)
	}
	k, err := c.open(e)
	if err != nil {
		return err
	}
	defer func() { _ = k.Close() }() // only read from
	rep, err := k.Lint(e.ctx, lint.Options{Rules: c.Rule, Skip: c.Skip})
	if err != nil {
		return usage(err)
	}
	if err := printFindings(e.stdout, rep, c.Output); err != nil {
		return fmt.Errorf("print findings: %w", err)
	}
	if c.FailOn != "never" && rep.Count(lint.Severity(c.FailOn)) > 0 {
		return &exitError{code: exitFailed} // the findings say why
	}
	return nil
}

func listRules(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "RULE\tSEVERITY\tFINDS")
	for _, r := range lint.Rules() {
		fmt.Fprintf(t, "%s\t%s\t%s\n", r.Name, r.Severity, r.What)
	}
	return t.Flush()
}
