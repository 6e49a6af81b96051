package main

import (
	"bufio"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/api"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/severity"
)

// incidentCmd is `holdfast incident`: everything over the HTTP API.
type incidentCmd struct {
	Server    string `name:"server" placeholder:"URL" help:"The server. Default: HOLDFAST_URL, or http://127.0.0.1:8080."`
	TokenFile string `name:"token-file" placeholder:"FILE" help:"File with the API token. Default: HOLDFAST_TOKEN_FILE, or the token itself in HOLDFAST_TOKEN."`

	List      incidentListCmd      `cmd:"" help:"List incidents, newest first."`
	Show      incidentShowCmd      `cmd:"" help:"Show one incident with cause, proposals and timeline."`
	Declare   incidentDeclareCmd   `cmd:"" help:"Declare an incident without any alert."`
	Ack       incidentAckCmd       `cmd:"" help:"Acknowledge as a person."`
	Severity  incidentSeverityCmd  `cmd:"" help:"Set the severity."`
	Commander incidentCommanderCmd `cmd:"" help:"Set who commands."`
	Approve   incidentApproveCmd   `cmd:"" help:"Approve a proposed action; shows exactly what will run."`
	Reject    incidentRejectCmd    `cmd:"" help:"Reject a proposed action."`
	Grade     incidentGradeCmd     `cmd:"" help:"Say whether what a runbook did, or would have done, was right."`
	Resolve   incidentResolveCmd   `cmd:"" help:"Resolve as a person."`
	Split     incidentSplitCmd     `cmd:"" help:"Move signals into an incident of their own."`
	Merge     incidentMergeCmd     `cmd:"" help:"Merge an incident into another."`
}

// Help is shown below the usage.
func (incidentCmd) Help() string {
	return `Speaks only HTTP to a running server. Changing something needs a token.

Examples:
  holdfast incident list --state open,mitigating
  holdfast incident show INC-2026-0042
  holdfast incident show INC-2026-0042 -o json
  holdfast incident declare "Cancelling bookings fails" --severity SEV-2 --service booking-api
  holdfast incident approve INC-2026-0042 prop_… --yes`
}

// output is how data is printed.
type output struct {
	Output string `short:"o" enum:"table,json,yaml,markdown" default:"table" help:"How to print: ${enum}."`
}

type incidentListCmd struct {
	output
	State       []string      `placeholder:"STATE" help:"Only these states: open, investigating, mitigating, monitoring, watching, resolved, closed, merged."`
	Service     string        `placeholder:"NAME" help:"Only incidents that affect this service."`
	Environment string        `placeholder:"NAME" help:"Only this environment."`
	Since       time.Duration `placeholder:"DURATION" help:"Only incidents that started within this time, such as 24h."`
	Limit       int           `default:"100" help:"At most so many, up to 500."`
}

// Help is shown below the usage.
func (incidentListCmd) Help() string {
	return `Examples:
  holdfast incident list
  holdfast incident list --state open,investigating,mitigating --since 24h
  holdfast incident list --service booking-api -o json`
}

// Run lists incidents.
func (c *incidentListCmd) Run(e *env, root *incidentCmd) error {
	if c.Limit < 1 || c.Limit > 500 {
		return usage(fmt.Errorf("--limit %d: use 1 to 500", c.Limit))
	}
	q := url.Values{"limit": {strconv.Itoa(c.Limit)}}
	if len(c.State) > 0 {
		q.Set("state", strings.Join(c.State, ","))
	}
	if c.Service != "" {
		q.Set("service", c.Service)
	}
	if c.Environment != "" {
		q.Set("environment", c.Environment)
	}
	now := e.now()
	if c.Since > 0 {
		q.Set("since", now.Add(-c.Since).UTC().Format(time.RFC3339))
	}
	cl, err := newClient(e, root)
	if err != nil {
		return err
	}
	var list struct {
		Incidents []api.Summary `json:"incidents"`
	}
	raw, err := cl.get("/api/v1/incidents?"+q.Encode(), &list)
	if err != nil {
		return err
	}
	return c.print(e, raw, func(p *page) { p.list(list.Incidents, now) })
}

type incidentShowCmd struct {
	output
	ID string `arg:"" help:"The incident, such as INC-2026-0001."`
}

// Help is shown below the usage.
func (incidentShowCmd) Help() string {
	return `Examples:
  holdfast incident show INC-2026-0042
  holdfast incident show INC-2026-0042 -o json | jq .hypotheses[0]`
}

// Run shows one incident.
func (c *incidentShowCmd) Run(e *env, root *incidentCmd) error {
	cl, err := newClient(e, root)
	if err != nil {
		return err
	}
	var v incident.View
	raw, err := cl.get(incidentPath(c.ID), &v)
	if err != nil {
		return err
	}
	return c.print(e, raw, func(p *page) { p.incident(&v, e.now()) })
}

type incidentDeclareCmd struct {
	Title       string   `arg:"" help:"What is wrong, in the user's words."`
	Severity    string   `required:"" placeholder:"SEV" help:"SEV-1, SEV-2, SEV-3 or SEV-4 (P1 … P4)."`
	Service     []string `placeholder:"NAME" help:"Affected services of the catalog."`
	Environment string   `placeholder:"NAME" help:"Where; may be left out when there is only one."`
	Description string   `placeholder:"TEXT" help:"What is known so far."`
}

// Help is shown below the usage.
func (incidentDeclareCmd) Help() string {
	return `Examples:
  holdfast incident declare "Checkout is slow for everyone" --severity SEV-2
  holdfast incident declare "Wrong totals on invoices" --severity P1 --service billing,billing-db`
}

// Run declares an incident.
func (c *incidentDeclareCmd) Run(e *env, root *incidentCmd) error {
	if err := knownSeverity(c.Severity); err != nil {
		return err
	}
	body := map[string]any{"title": c.Title, "severity": c.Severity}
	if len(c.Service) > 0 {
		body["services"] = c.Service
	}
	if c.Environment != "" {
		body["environment"] = c.Environment
	}
	if c.Description != "" {
		body["description"] = c.Description
	}
	return command(e, root, "/api/v1/incidents", body, "%s declared")
}

// knownSeverity refuses a severity that the server would refuse.
func knownSeverity(s string) error {
	if _, err := severity.Parse(s); err != nil {
		return usage(err)
	}
	return nil
}

type incidentAckCmd struct {
	ID string `arg:"" help:"The incident."`
}

// Help is shown below the usage.
func (incidentAckCmd) Help() string {
	return "Examples:\n  holdfast incident ack INC-2026-0042"
}

// Run acknowledges.
func (c *incidentAckCmd) Run(e *env, root *incidentCmd) error {
	return command(e, root, incidentPath(c.ID, "acknowledge"), nil, "%s acknowledged")
}

type incidentSeverityCmd struct {
	ID       string `arg:"" help:"The incident."`
	Severity string `arg:"" help:"SEV-1, SEV-2, SEV-3 or SEV-4 (P1 … P4)."`
	Reason   string `required:"" placeholder:"TEXT" help:"Why; goes to the timeline."`
}

// Help is shown below the usage.
func (incidentSeverityCmd) Help() string {
	return `Examples:
  holdfast incident severity INC-2026-0042 SEV-3 --reason "only the staging importer"`
}

// Run sets the severity.
func (c *incidentSeverityCmd) Run(e *env, root *incidentCmd) error {
	if err := knownSeverity(c.Severity); err != nil {
		return err
	}
	return command(e, root, incidentPath(c.ID, "severity"), map[string]any{"severity": c.Severity, "reason": c.Reason}, "severity of %s set")
}

type incidentCommanderCmd struct {
	ID   string `arg:"" help:"The incident."`
	Name string `arg:"" optional:"" help:"Who commands; left out = you."`
}

// Help is shown below the usage.
func (incidentCommanderCmd) Help() string {
	return "Examples:\n  holdfast incident commander INC-2026-0042\n  holdfast incident commander INC-2026-0042 ana"
}

// Run sets the commander.
func (c *incidentCommanderCmd) Run(e *env, root *incidentCmd) error {
	body := map[string]any{}
	if c.Name != "" {
		body["commander"] = c.Name
	}
	return command(e, root, incidentPath(c.ID, "commander"), body, "commander of %s set")
}

type incidentApproveCmd struct {
	ID       string `arg:"" help:"The incident."`
	Proposal string `arg:"" help:"The proposal, as 'incident show' lists it."`
	Plan     string `placeholder:"SHA" help:"Approve only this plan; its SHA-256, or at least eight of its digits."`
	Yes      bool   `help:"Do not ask; the plan is printed all the same."`
}

// Help is shown below the usage.
func (incidentApproveCmd) Help() string {
	return `Prints exactly what will run and asks. The approval is for that plan alone and
lives 15 minutes; the verdict is worked out once more before anything starts.

Examples:
  holdfast incident approve INC-2026-0042 prop_…
  holdfast incident approve INC-2026-0042 prop_… --yes
  holdfast incident approve INC-2026-0042 prop_… --plan 3b8f01c2 --yes`
}

// Run approves the plan that it has shown.
func (c *incidentApproveCmd) Run(e *env, root *incidentCmd) error {
	cl, err := newClient(e, root)
	if err != nil {
		return err
	}
	var v incident.View
	if _, err := cl.get(incidentPath(c.ID), &v); err != nil {
		return err
	}
	i := slices.IndexFunc(v.Proposals, func(p incident.ProposalView) bool { return p.ID == c.Proposal })
	if i < 0 {
		return problem.Hinted(fmt.Errorf("%s has no proposal %s", c.ID, c.Proposal), "see: holdfast incident show "+c.ID)
	}
	prop := &v.Proposals[i]
	p := newPage(e)
	p.plan(prop)
	if err := p.flush(); err != nil {
		return err
	}
	if err := c.bind(prop.PlanSHA256); err != nil {
		return err
	}
	if !c.Yes {
		if err := confirm(e); err != nil {
			return err
		}
	}
	return command(e, root, incidentPath(c.ID, "proposals", c.Proposal, "approve"),
		map[string]any{"plan_sha256": prop.PlanSHA256}, "approved for %s")
}

// bind refuses another plan than the one that was asked for.
func (c *incidentApproveCmd) bind(sha string) error {
	switch {
	case c.Plan == "":
		return nil
	case len(c.Plan) < 8:
		return usage(fmt.Errorf("--plan %s: give at least eight digits", c.Plan))
	case !strings.HasPrefix(sha, strings.ToLower(c.Plan)):
		return problem.Hinted(errors.New("not approved: the plan is another one by now"), "read it above; it is "+sha)
	}
	return nil
}

// confirm asks on a terminal, and refuses where nobody can answer.
func confirm(e *env) error {
	if !isTerminalReader(e.stdin) {
		return usage(problem.Hinted(errors.New("nobody is there to confirm"), "add --yes to approve without being asked"))
	}
	if _, err := fmt.Fprint(e.stdout, "Approve? Type yes: "); err != nil {
		return err
	}
	line, err := bufio.NewReader(e.stdin).ReadString('\n')
	if err != nil || strings.TrimSpace(line) != "yes" {
		return errors.New("not approved")
	}
	return nil
}

type incidentRejectCmd struct {
	ID       string `arg:"" help:"The incident."`
	Proposal string `arg:"" help:"The proposal, as 'incident show' lists it."`
	Reason   string `required:"" placeholder:"TEXT" help:"Why; goes to the timeline."`
}

// Help is shown below the usage.
func (incidentRejectCmd) Help() string {
	return `Examples:
  holdfast incident reject INC-2026-0042 prop_… --reason "a restart loses the in-memory queue"`
}

// Run rejects a proposal.
func (c *incidentRejectCmd) Run(e *env, root *incidentCmd) error {
	return command(e, root, incidentPath(c.ID, "proposals", c.Proposal, "reject"), map[string]any{"reason": c.Reason}, "rejected for %s")
}

type incidentGradeCmd struct {
	ID      string `arg:"" help:"The incident."`
	Grade   string `required:"" enum:"right,one_hop_off,wrong,not_an_incident,noise" placeholder:"GRADE" help:"right, one_hop_off, wrong, not_an_incident or noise."`
	Runbook string `placeholder:"NAME" help:"Which runbook; may be left out when one was in play."`
	Comment string `placeholder:"TEXT" help:"What was so; goes to the timeline."`
}

// Help is shown below the usage.
func (incidentGradeCmd) Help() string {
	return `Grades decide what a runbook may do alone on a service: see docs/autonomy.md and
'holdfast autonomy list'. right needs an approver's token and an incident that is
over; a later grade replaces an earlier one, and both are kept.

  right            the named cause was the cause, and the repair the right one
  one_hop_off      the cause was a neighbour of the named one
  wrong            another cause, or a repair that did harm
  not_an_incident  something happened that needs no repair, such as planned work
  noise            nothing happened: the alert is bad

Examples:
  holdfast incident grade INC-2026-0042 --grade right
  holdfast incident grade INC-2026-0042 --grade one_hop_off --comment "the database, not the relay"`
}

// Run grades.
func (c *incidentGradeCmd) Run(e *env, root *incidentCmd) error {
	body := map[string]any{"grade": c.Grade}
	if c.Runbook != "" {
		body["runbook"] = c.Runbook
	}
	if c.Comment != "" {
		body["comment"] = c.Comment
	}
	return command(e, root, incidentPath(c.ID, "grade"), body, "%s graded")
}

type incidentResolveCmd struct {
	ID     string `arg:"" help:"The incident."`
	Reason string `required:"" placeholder:"TEXT" help:"How it ended; goes to the timeline."`
}

// Help is shown below the usage.
func (incidentResolveCmd) Help() string {
	return `Examples:
  holdfast incident resolve INC-2026-0042 --reason "provider confirmed the fix at 14:40"`
}

// Run resolves an incident.
func (c *incidentResolveCmd) Run(e *env, root *incidentCmd) error {
	return command(e, root, incidentPath(c.ID, "resolve"), map[string]any{"reason": c.Reason}, "%s resolved")
}

type incidentSplitCmd struct {
	ID     string   `arg:"" help:"The incident that the signals leave."`
	Signal []string `arg:"" help:"Signals that move."`
	Title  string   `required:"" placeholder:"TEXT" help:"Title of the new incident."`
}

// Help is shown below the usage.
func (incidentSplitCmd) Help() string {
	return `Examples:
  holdfast incident split INC-2026-0042 sig_… sig_… --title "Search is slow"`
}

// Run splits an incident.
func (c *incidentSplitCmd) Run(e *env, root *incidentCmd) error {
	return command(e, root, incidentPath(c.ID, "split"), map[string]any{"signals": c.Signal, "title": c.Title}, "%s made")
}

type incidentMergeCmd struct {
	ID   string `arg:"" help:"The incident that ends."`
	Into string `arg:"" help:"The incident that stays."`
}

// Help is shown below the usage.
func (incidentMergeCmd) Help() string {
	return "Examples:\n  holdfast incident merge INC-2026-0043 INC-2026-0042"
}

// Run merges an incident into another.
func (c *incidentMergeCmd) Run(e *env, root *incidentCmd) error {
	return command(e, root, incidentPath(c.ID, "merge"), map[string]any{"into": c.Into}, "merged into %s")
}
