package main

import (
	"cmp"
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

// runbookRunCmd runs a runbook by a server, or asks what it asks without one.
type runbookRunCmd struct {
	connection
	Name        string `arg:"" help:"Name of the runbook."`
	Service     string `required:"" placeholder:"NAME" help:"Service that it is run for: its name in the catalog."`
	Environment string `placeholder:"NAME" help:"Environment; the incident's, or with --dry-run that of the service's first target."`
	Incident    string `placeholder:"ID" help:"The incident that it belongs to; the open one of the service when left out."`
	Why         string `placeholder:"TEXT" help:"Your reason; it stands on the timeline and in the audit."`
	Yes         bool   `help:"Do not ask; the plan is printed all the same."`
	Plan        string `placeholder:"SHA" help:"Confirm only this plan; its SHA-256, or at least eight of its digits."`
	Wait        bool   `help:"Where others must approve: wait for them instead of ending with 3."`
	Output      string `short:"o" help:"How to print: ${enum}." enum:"table,json,jsonl" default:"table"`

	DryRun   bool   `name:"dry-run" help:"Ask and judge from here, never act; needs no server."`
	Severity string `placeholder:"SEV" help:"With --dry-run: severity that conditions see, SEV-1 to SEV-4; SEV-3 when left out."`
	Cause    string `placeholder:"CLASS" help:"With --dry-run: cause class of the leading hypothesis; any when left out."`
	Config   string `placeholder:"FILE" help:"With --dry-run: configuration file; holdfast.yaml when left out."`
}

// Help shows examples.
func (runbookRunCmd) Help() string {
	return `Has the server ask every question of a runbook, prints the plan (answers,
conditions, what would be done to what, what the boundaries say, who must approve),
asks for a yes, and reports each step until the effect is verified. It is a task
as 'holdfast delegate' gives it: same boundaries, approvals, timeline and audit;
docs/delegation.md. Ctrl-C stops watching, not the run.

With --dry-run it asks the sources of a configuration from here, read-only, stores
nothing and never acts. Changes that were reported to a server are not known then.

Exit codes: 0 repaired, or nothing was called for; 1 failed, refused, or no
answer; 2 bad input; 3 waits for people: to confirm, to approve, or to do it.

Examples:
  holdfast runbook run queue-backlog --service outbox-relay
  holdfast runbook run queue-backlog --service outbox-relay --incident INC-2026-0042 --why "orders are late" --yes
  holdfast runbook run queue-backlog --service outbox-relay --yes -o jsonl
  holdfast runbook run high-latency --service checkout --dry-run
  holdfast runbook run high-latency --service checkout --dry-run --cause bad_deploy -o json`
}

// Run asks the sources from here, or has the server act.
func (c *runbookRunCmd) Run(e *env) error {
	if err := c.fits(); err != nil {
		return usage(err)
	}
	if !c.DryRun {
		return c.act(e)
	}
	return c.dry(e)
}

// fits refuses flags that say nothing beside each other.
func (c *runbookRunCmd) fits() error {
	for _, f := range []struct {
		name       string
		given, dry bool
	}{
		{"--incident", c.Incident != "", false},
		{"--why", c.Why != "", false},
		{"--yes", c.Yes, false},
		{"--plan", c.Plan != "", false},
		{"--wait", c.Wait, false},
		{"--server", c.Server != "", false},
		{"--token-file", c.TokenFile != "", false},
		{"--output jsonl", c.Output == "jsonl", false},
		{"--severity", c.Severity != "", true},
		{"--cause", c.Cause != "", true},
		{"--config", c.Config != "", true},
	} {
		switch {
		case f.given && c.DryRun && !f.dry:
			return problem.Hinted(fmt.Errorf("%s says nothing with --dry-run", f.name), "leave out one of the two: a dry run needs no server and never acts")
		case f.given && !c.DryRun && f.dry:
			return problem.Hinted(fmt.Errorf("%s needs --dry-run", f.name), "the server has its own configuration, and the incident its severity and cause")
		}
	}
	if c.Plan != "" && len(c.Plan) < 8 {
		return fmt.Errorf("--plan %s: give at least eight digits", plain(c.Plan))
	}
	return nil
}

// dry asks what the runbook asks, now and from here.
func (c *runbookRunCmd) dry(e *env) error {
	sev, err := severity.Parse(cmp.Or(c.Severity, "SEV-3"))
	if err != nil {
		return usage(problem.Hinted(fmt.Errorf("--severity: %w", err), "write SEV-1, SEV-2, SEV-3 or SEV-4"))
	}
	folder, err := config.Open(cmp.Or(c.Config, config.FileName), e.getenv)
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
	return p.put(w)
}
