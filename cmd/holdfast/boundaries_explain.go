package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/app"
	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/severity"
)

// boundariesExplainCmd says what would happen to one action, and why.
type boundariesExplainCmd struct {
	output
	Config      string            `default:"." placeholder:"DIR" help:"Configuration folder, or holdfast.yaml itself."`
	Action      string            `required:"" placeholder:"NAME" help:"The action, such as process.restart."`
	Service     string            `required:"" placeholder:"NAME" help:"Service of the target."`
	Environment string            `placeholder:"NAME" help:"Environment of the target; the configuration's when left out."`
	Severity    string            `default:"SEV-3" placeholder:"SEV" help:"Severity of the incident."`
	Runbook     string            `placeholder:"NAME" help:"The runbook that proposes it; left out when only one does."`
	Param       map[string]string `placeholder:"KEY=VALUE" help:"Parameter of the action. May be given again."`
	Replicas    int               `placeholder:"N" help:"How many replicas of the target run."`
	At          string            `placeholder:"TIME" help:"At this moment, RFC 3339; now when left out."`
	BudgetSpent bool              `help:"The error budget of the service is spent."`
	By          string            `placeholder:"NAME" help:"Who asked for it or declared the incident."`
}

// Help shows examples.
func (boundariesExplainCmd) Help() string {
	return `Says what would become of one action: allowed, asked for (how many must approve, and
who may) or denied; which rule says so, with FILE:LINE; which rules nearly matched,
and why not; and what the floor answers. Reads the configuration folder and contacts
nothing: what only a running server knows is assumed to speak for the action, and
listed.

Exit codes: 0 allowed, 3 a person must approve, 1 denied, 2 bad input.

Examples:
  holdfast boundaries explain --action process.restart --service outbox-relay
  holdfast boundaries explain --config /etc/holdfast --action process.restart --service billing \
    --environment production --severity SEV-2 --at 2026-12-24T22:00:00Z
  holdfast boundaries explain --action http.call --service search --param method=POST -o json`
}

// Run explains.
func (c *boundariesExplainCmd) Run(e *env) error {
	sev, err := severity.Parse(c.Severity)
	if err != nil {
		return usage(err)
	}
	at := e.now().UTC()
	if c.At != "" {
		if at, err = time.Parse(time.RFC3339, c.At); err != nil {
			return usage(problem.Hinted(fmt.Errorf("--at %q is not a time", c.At), "write it as 2026-03-01T14:00:00Z"))
		}
	}
	folder, err := openFolder(e, c.Config)
	if err != nil {
		return err
	}
	x, err := app.ExplainBoundaries(folder, app.BoundaryQuestion{
		Action: c.Action, Service: c.Service, Environment: c.Environment, Severity: sev, Runbook: c.Runbook,
		Params: c.Param, Replicas: c.Replicas, At: at, BudgetSpent: c.BudgetSpent, By: c.By,
	})
	if err != nil {
		return usage(err)
	}
	raw, err := json.Marshal(x)
	if err != nil {
		return fmt.Errorf("explain: %w", err)
	}
	if err := c.print(e, raw, func(p *page) { p.explained(x) }); err != nil {
		return err
	}
	switch x.Outcome {
	case app.OutcomeAllow:
		return nil
	case app.OutcomeAsk:
		return &exitError{code: exitWaiting}
	}
	return &exitError{code: exitFailed}
}

// explained prints the answer first, then who says so, then what nearly did.
func (p *page) explained(x app.BoundaryExplanation) {
	p.line("%s: %s", strings.ToUpper(x.Outcome), plain(x.Summary))
	if x.Who != "" {
		p.line("%s", plain(x.Who))
	}
	p.heading("Why")
	for _, r := range x.Reasons {
		p.line("- %s", plain(r.Text))
		if r.Where != "" {
			p.line("  %s", plain(r.Where))
		}
	}
	p.heading("The floor")
	p.line("%s", plain(x.Floor))
	p.rules("Rules that match", x.Matching())
	p.rules("Rules that nearly match", x.Near())
	if n := len(x.Rules) - len(x.Matching()) - len(x.Near()); n > 0 {
		p.line("\n%s more about other actions, or with more than two reasons against", plural(n, "rule"))
	}
	p.heading("Assumed")
	for _, a := range x.Assumed {
		p.line("- %s", plain(a))
	}
	p.line("\nboundaries sha256 %s, at %s", x.SHA256[:12], x.At.Format(time.RFC3339))
}

func (p *page) rules(title string, rules []app.BoundaryReading) {
	if len(rules) == 0 {
		return
	}
	p.heading(title)
	for _, r := range rules {
		p.line("- %s (%s), %s", plain(r.Rule), r.Autonomy, plain(r.Place()))
		for _, why := range slices.Clone(r.Missing) {
			p.line("  %s", plain(why))
		}
	}
}
