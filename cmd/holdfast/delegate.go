package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

// delegateCmd gives the agent a task.
type delegateCmd struct {
	connection
	Task        string            `arg:"" optional:"" help:"The task in words, such as 'restart relay on staging and watch for 10 min'."`
	Incident    string            `required:"" placeholder:"ID" help:"The incident that it is for."`
	Action      string            `placeholder:"NAME" help:"Instead of words: the action, such as process.restart."`
	Service     string            `placeholder:"NAME" help:"Its service in the catalog."`
	Environment string            `placeholder:"NAME" help:"Must be the incident's; may be left out."`
	Param       map[string]string `placeholder:"KEY=VALUE" mapsep:"none" help:"A parameter of the action; may be given again."`
	Runbook     string            `placeholder:"NAME" help:"Instead of an action: take the remediation whose conditions hold."`
	Watch       time.Duration     `placeholder:"DURATION" help:"Measure the signals so long after the action, then report."`
	Yes         bool              `help:"Do not ask; the plan is printed all the same."`
	Plan        string            `placeholder:"SHA" help:"Confirm only this plan; its SHA-256, or at least twelve of its digits."`
	Wait        bool              `help:"Wait for the report."`
	Cancel      string            `placeholder:"TASK" help:"Instead of a task: end this one, as 'incident show' lists it. What has started goes on."`
	Reason      string            `placeholder:"TEXT" help:"Why it is cancelled; goes to the timeline."`
	JSON        string            `name:"output" short:"o" enum:"table,json" default:"table" help:"How to print: ${enum}."`
}

// Help is shown below the usage.
func (delegateCmd) Help() string {
	return `Says back exactly what the task comes to: action, target, who depends on it,
what the boundaries say, and who must approve. Nothing happens until that is
confirmed. A confirmation is one approval if you are an approver; otherwise the
task waits for one. What is not understood whole is refused.

Exit codes: 0 done, or taken without --wait; 1 failed, refused, or worse after
the watch; 2 not understood; 3 waits for people: to confirm, or to approve.

Examples:
  holdfast delegate "restart relay on staging and watch for 10 min" --incident INC-2026-0042
  holdfast delegate "run queue-backlog for outbox-relay" --incident INC-2026-0042 --yes --wait
  holdfast delegate --action process.restart --service outbox-relay --watch 10m --incident INC-2026-0042
  holdfast delegate "restart relay" --incident INC-2026-0042 --plan 3b8f01c2e5aa
  holdfast delegate --cancel del_… --reason "the queue drains" --incident INC-2026-0042`
}

// Run shows the plan, and confirms it.
func (c *delegateCmd) Run(e *env) error {
	if c.Cancel != "" {
		return c.cancel(e)
	}
	body, err := c.body()
	if err != nil {
		return err
	}
	cl, err := newClient(e, &incidentCmd{Server: c.Server, TokenFile: c.TokenFile})
	if err != nil {
		return err
	}
	plan, raw, err := c.ask(cl, body)
	if err != nil {
		return err
	}
	if err := c.echo(e, &plan, raw); err != nil {
		return err
	}
	if sure, err := c.sure(e, &plan); err != nil || !sure {
		return err
	}
	body["confirm"], body["plan_sha256"] = true, plan.PlanSHA256
	taken, raw, err := c.ask(cl, body)
	if err != nil {
		return err
	}
	return c.follow(e, cl, &taken, raw)
}

// cancel ends a task.
func (c *delegateCmd) cancel(e *env) error {
	switch {
	case c.Task != "" || c.Action != "" || c.Runbook != "" || c.Plan != "" || c.Yes:
		return usage(problem.Hinted(errors.New("--cancel takes no task"), "name the task that ends, as 'holdfast incident show "+c.Incident+"' lists it"))
	case c.Reason == "":
		return usage(problem.Hinted(errors.New("--cancel needs a reason"), "add --reason TEXT: it goes to the timeline"))
	}
	return command(e, &incidentCmd{Server: c.Server, TokenFile: c.TokenFile}, incidentPath(c.Incident, "delegations", c.Cancel, "cancel"),
		map[string]any{"reason": c.Reason}, "cancelled in %s")
}

// body is the task as the API takes it.
func (c *delegateCmd) body() (map[string]any, error) {
	parts := c.Action != "" || c.Service != "" || c.Environment != "" || len(c.Param) > 0 || c.Runbook != "" || c.Watch != 0
	switch {
	case c.Task == "" && !parts:
		return nil, usage(problem.Hinted(errors.New("the task is missing"), `say it, such as "restart relay and watch for 10 min", or give --action and --service`))
	case c.Task != "" && parts:
		return nil, usage(problem.Hinted(errors.New("the task is given twice"), "give it in words, or in parts"))
	case c.Plan != "" && len(c.Plan) < 12:
		return nil, usage(fmt.Errorf("--plan %s: give at least twelve digits", c.Plan))
	case c.Reason != "":
		return nil, usage(problem.Hinted(errors.New("--reason is for --cancel"), "leave it out"))
	}
	body := map[string]any{}
	for k, v := range map[string]string{"text": c.Task, "action": c.Action, "service": c.Service, "environment": c.Environment, "runbook": c.Runbook} {
		if v != "" {
			body[k] = v
		}
	}
	if len(c.Param) > 0 {
		body["params"] = c.Param
	}
	if c.Watch != 0 {
		body["watch"] = c.Watch.String()
	}
	return body, nil
}

func (c *delegateCmd) ask(cl *client, body map[string]any) (p incident.DelegationPlan, raw []byte, err error) {
	if raw, err = cl.do(http.MethodPost, incidentPath(c.Incident, "delegations"), body); err != nil {
		return p, nil, err
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return p, nil, fmt.Errorf("answer of %s: %w", cl.base, err)
	}
	return p, raw, nil
}

// echo prints the plan; as JSON only when nothing follows it.
func (c *delegateCmd) echo(e *env, p *incident.DelegationPlan, raw []byte) error {
	if c.JSON == "json" {
		if c.Yes || c.Plan != "" {
			return nil // the answer to the confirmation is printed
		}
		return indent(e.stdout, raw)
	}
	pg := newPage(e)
	pg.delegationPlan(p)
	return pg.flush()
}

// sure asks whether the plan is meant. Where nobody can answer, the plan was
// shown and waits for somebody who confirms it. One that is refused has nothing
// to confirm.
func (c *delegateCmd) sure(e *env, p *incident.DelegationPlan) (bool, error) {
	switch {
	case c.Plan != "" && !strings.HasPrefix(p.PlanSHA256, strings.ToLower(c.Plan)):
		return false, problem.Hinted(errors.New("not confirmed: the plan is another one by now"), "read it again; it is "+p.PlanSHA256)
	case c.Plan != "" || c.Yes:
		return true, nil // a plan that is refused goes on record as that
	case p.Action != "" && p.Why != "":
		return false, refusedPlan(p)
	case c.JSON == "json" || !isTerminalReader(e.stdin):
		return false, &exitError{code: exitWaiting, err: problem.Hinted(errors.New("nothing was done: the plan is not confirmed"), "confirm it with: --plan "+p.PlanSHA256[:min(len(p.PlanSHA256), 12)])}
	}
	if _, err := fmt.Fprint(e.stdout, "Do it? Type yes: "); err != nil {
		return false, err
	}
	line, err := bufio.NewReader(e.stdin).ReadString('\n')
	if err != nil || strings.TrimSpace(line) != "yes" {
		return false, errors.New("not confirmed: nothing was done")
	}
	return true, nil
}

// refusedPlan is the end of a plan that nobody's yes lets run.
func refusedPlan(p *incident.DelegationPlan) error {
	explain := "holdfast boundaries explain --action " + plain(p.Action) + " --service " + plain(p.Service)
	return problem.Hinted(errors.New("refused: "+plain(p.Why)),
		"do it by hand, or let Holdfast: "+explain+" says what the rules want, actions: in holdfast.yaml names what acts")
}

// follow says what became of a task that was confirmed, and waits for its
// report when that is asked for.
func (c *delegateCmd) follow(e *env, cl *client, p *incident.DelegationPlan, raw []byte) error {
	if !c.Wait || p.State.Ended() {
		if c.JSON == "json" {
			if err := indent(e.stdout, raw); err != nil {
				return err
			}
		}
		return c.end(e, incident.DelegationView{ID: p.Delegation, State: p.State, Why: p.Why, Proposal: p.Proposal, Succeeded: true})
	}
	said := incident.DelegationState("")
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		d, raw, err := c.look(cl, p.Delegation)
		if err != nil {
			return err
		}
		if d.State.Ended() {
			if c.JSON == "json" {
				if err := indent(e.stdout, raw); err != nil {
					return err
				}
			}
			return c.end(e, d)
		}
		if d.State != said && isTerminal(e.stderr) {
			said = d.State
			_, _ = fmt.Fprintf(e.stderr, "%s  %s\n", e.now().UTC().Format("15:04:05"), stateOf(d))
		}
		select {
		case <-tick.C:
		case <-e.ctx.Done():
			return &exitError{code: exitWaiting, err: problem.Hinted(errors.New("not waiting any more: the task goes on"), "see: holdfast incident show "+c.Incident)}
		}
	}
}

// look reads how far a task has come.
func (c *delegateCmd) look(cl *client, id string) (incident.DelegationView, []byte, error) {
	var v incident.View
	if _, err := cl.get(incidentPath(c.Incident), &v); err != nil {
		return incident.DelegationView{}, nil, err
	}
	i := slices.IndexFunc(v.Delegations, func(d incident.DelegationView) bool { return d.ID == id })
	if i < 0 {
		return incident.DelegationView{}, nil, fmt.Errorf("%s has no task %s", c.Incident, plain(id))
	}
	raw, err := json.Marshal(v.Delegations[i])
	if err != nil {
		return v.Delegations[i], nil, fmt.Errorf("task %s: %w", plain(id), err)
	}
	return v.Delegations[i], raw, nil
}

// end says how a task stands and sets the exit code by it.
func (c *delegateCmd) end(e *env, d incident.DelegationView) error {
	out := e.stdout
	if c.JSON == "json" {
		out = io.Discard
	}
	if d.State == incident.DelegationRefused {
		return errors.New("refused: " + plain(d.Why))
	}
	text := stateOf(d)
	if d.State == incident.DelegationWaiting {
		text += "\n  holdfast incident approve " + c.Incident + " " + plain(d.Proposal)
	}
	if _, err := fmt.Fprintln(out, text); err != nil {
		return err
	}
	switch {
	case d.State == incident.DelegationWaiting:
		return &exitError{code: exitWaiting}
	case !d.Succeeded, d.Outcome == incident.OutcomeWorse:
		return &exitError{code: exitFailed}
	}
	return nil
}

// stateOf says in one line how far a task has come.
func stateOf(d incident.DelegationView) string {
	switch d.State {
	case incident.DelegationWaiting:
		return "waits for approval"
	case incident.DelegationRunning:
		return "running"
	case incident.DelegationWatching:
		return "done; the signals are watched for " + d.Watch
	case incident.DelegationReported:
		if d.Report == "" {
			return "nothing to do" // the plan above says why
		}
		return plain(d.Report)
	case incident.DelegationRefused:
		return "refused: " + plain(d.Why)
	}
	return plain(string(d.State))
}

// delegationPlan prints what a task comes to.
func (p *page) delegationPlan(d *incident.DelegationPlan) {
	does := d.Does
	if does == "" {
		does = "nothing: " + d.Why
	}
	p.pairs([][2]string{{"Task", d.Task}, {"Does", does}, {"Plan", d.PlanSHA256}})
	if d.Action != "" {
		p.pairs([][2]string{{"Runs", d.Action}, {"On", d.Target.String()}, {"Generation", d.Generation}})
		for _, k := range slices.Sorted(maps.Keys(d.Params)) {
			p.pairs([][2]string{{"  " + k, d.Params[k]}})
		}
		from := "none: it stands outside approved runbooks"
		if d.Runbook != "" {
			from = d.Runbook + ", remediation " + d.Option
		}
		undo, affected := d.Undo, strings.Join(d.Dependants, ", ")
		if undo == "" {
			undo = "nothing takes it back"
		}
		if affected == "" {
			affected = "no service of the catalog depends on " + d.Service
		}
		p.pairs([][2]string{
			{"Runbook", from},
			{"Risk", string(d.Risk) + ", " + string(d.Lasting)},
			{"Affects", affected},
			{"Check", d.Check},
			{"Undo", undo},
			{"Boundary", d.Boundary},
			{"Floor", d.Floor},
			{"Approvals", d.WhoMust()},
		})
	}
	if d.Watch != "" {
		p.pairs([][2]string{{"Then", "the signals are watched for " + d.Watch + ", and reported"}})
	}
	for _, n := range d.Notes {
		p.pairs([][2]string{{"Note", n}})
	}
	if d.Action != "" && d.Why != "" {
		p.pairs([][2]string{{"Refused", d.Why}})
	}
	for _, c := range d.Commands {
		p.pairs([][2]string{{"By hand", c}})
	}
}

// delegations prints the tasks that people gave the agent.
func (p *page) delegations(v *incident.View) {
	if len(v.Delegations) > 0 {
		p.heading("Delegated")
	}
	for _, d := range v.Delegations {
		more := []string{"by " + d.By}
		if !d.State.Ended() {
			more = append(more, d.ID)
		}
		if d.State == incident.DelegationWaiting {
			more = append(more, "approve: holdfast incident approve "+v.ID+" "+d.Proposal)
		}
		p.item(string(d.State), d.Task, append(more, strings.TrimPrefix(strings.TrimPrefix(stateOf(d), string(d.State)), ": "))...)
	}
}
