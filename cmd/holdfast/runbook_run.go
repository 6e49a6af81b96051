package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/holdfast-sre/holdfast/internal/app"
	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/runbook"
	"github.com/holdfast-sre/holdfast/internal/severity"
)

// runbookRunCmd asks what a runbook asks, now.
type runbookRunCmd struct {
	Name        string `arg:"" help:"Name of the runbook."`
	Service     string `required:"" placeholder:"NAME" help:"Service that it is asked about: its name in the catalog."`
	DryRun      bool   `name:"dry-run" help:"Ask and judge, never act. Required: a running server acts, in an incident."`
	Environment string `placeholder:"NAME" help:"Environment; that of the service's first target when left out."`
	Severity    string `placeholder:"SEV" default:"SEV-3" help:"Severity that conditions see: SEV-1 to SEV-4."`
	Cause       string `placeholder:"CLASS" help:"Cause class of the leading hypothesis; any when left out."`
	Config      string `default:"holdfast.yaml" placeholder:"FILE" help:"Configuration file."`
	Output      string `short:"o" help:"How to print: ${enum}." enum:"table,json" default:"table"`
}

// Help shows examples.
func (runbookRunCmd) Help() string {
	return `Asks the configured sources every question of a runbook, all at once and read-only,
reports each answer as it comes, and says what every condition gives and which
remediation would follow. Never acts, stores nothing and needs no server. Changes
that were reported to a server are not known here, only those that the runtime
recorded itself.

Exit codes: 0 asked, 1 not one question had an answer, 2 bad input.

Examples:
  holdfast runbook run high-latency --service checkout --dry-run
  holdfast runbook run high-latency --service checkout --dry-run --cause bad_deploy
  holdfast runbook run disk-filling --service ledger --dry-run -o json`
}

// Run asks and prints.
func (c *runbookRunCmd) Run(e *env) error {
	if !c.DryRun {
		return usage(problem.Hinted(errors.New("runbook run acts only in an incident of a running server"), "add --dry-run to ask and judge; approve a proposal with holdfast incident approve"))
	}
	sev, err := severity.Parse(c.Severity)
	if err != nil {
		return usage(problem.Hinted(fmt.Errorf("--severity: %w", err), "write SEV-1, SEV-2, SEV-3 or SEV-4"))
	}
	folder, err := config.Open(c.Config, e.getenv)
	if err != nil {
		return usage(err)
	}
	began := time.Now()
	var answered int
	d, err := app.DryRunRunbook(e.ctx, folder, app.DryRunQuestion{
		Runbook: c.Name, Service: c.Service, Environment: c.Environment, Severity: sev, Cause: c.Cause,
	}, e.now().UTC(), func(s runbook.Step) {
		if s.Answered {
			answered++
		}
		c.step(e, s, time.Since(began))
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		return usage(err)
	}
	if c.Output == "json" {
		err = encodeJSON(e.stdout, d)
	} else {
		err = printDryRun(e.stdout, d)
	}
	if err == nil && answered == 0 && len(d.Evidence) > 0 {
		return &exitError{code: exitFailed, err: problem.Hinted(fmt.Errorf("none of %s had an answer", plural(len(d.Evidence), "question")), "holdfast check --connect asks every source whether it is ready")}
	}
	return err
}

// step reports an answer as it comes.
func (c *runbookRunCmd) step(e *env, s runbook.Step, after time.Duration) {
	w := e.stdout
	if c.Output == "json" {
		if w = e.stderr; !isTerminal(w) {
			return
		}
	}
	state := "answered"
	if !s.Answered {
		state = "no answer"
	}
	fmt.Fprintf(w, "%*d/%d  %5.1f s  %-9s  %s\n", len(fmt.Sprint(s.Of)), s.Done, s.Of, after.Seconds(), state, oneLine(s.Summary))
}

func printDryRun(w io.Writer, d app.DryRun) error {
	if len(d.Evidence) > 0 {
		fmt.Fprintln(w)
	}
	if err := printExplanation(w, d.Explanation); err != nil {
		return err
	}
	p := &pagePrinter{}
	switch {
	case d.Would != nil:
		a := d.Would.Action
		p.line("  It would be %s on %s, risk %s, %s.", a.Name, oneLine(a.Target.String()), a.Risk, a.Lasting)
		if d.Would.Verify != nil {
			p.line("  Checked by: %s within %s.", oneLine(d.Would.Verify.Condition), d.Would.Verify.Within)
		}
		for _, r := range d.Ruled {
			p.line("  Boundaries at %s: %s; stage %s.", d.Severity, rulingText(d.Severity, r.BySeverity[d.Severity]), stageText(r))
		}
	case d.Explanation.Chosen != "":
		p.line("  A person does it.")
	}
	if d.WhyNot != "" {
		p.line("  Note: %s.", oneLine(d.WhyNot))
	}
	p.line("  Nothing was done, and nothing is stored.")
	_, err := io.WriteString(w, p.String())
	return err
}
