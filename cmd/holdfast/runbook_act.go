package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/api"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

// act has the server run the runbook: the plan, a yes, and then every step until
// its effect is known.
func (c *runbookRunCmd) act(e *env) error {
	cl, err := newClient(e, &incidentCmd{Server: c.Server, TokenFile: c.TokenFile})
	if err != nil {
		return err
	}
	w := &runWatch{c: c, e: e, cl: cl}
	if w.rec.Incident, err = c.incident(cl); err != nil {
		return err
	}
	w.rec.Runbook, w.rec.Service, w.rec.Steps, w.rec.Offered = c.Name, c.Service, []runStep{}, []incident.ProposalView{}
	slow := time.AfterFunc(quiet, func() {
		if isTerminal(e.stderr) {
			fmt.Fprintln(e.stderr, "the server asks the runbook's questions …")
		}
	})
	err = w.ask(nil)
	slow.Stop()
	if err != nil {
		return err
	}
	plan := &w.rec.Plan
	w.rec.Environment = plan.Target.Environment
	if err := w.show(); err != nil {
		return err
	}
	if out, why := withoutAsking(plan); out != "" {
		return w.end(out, why)
	}
	if sure, err := c.sure(e, w); err != nil || !sure {
		return err
	}
	return w.confirm()
}

// incident finds the incident that the run belongs to.
func (c *runbookRunCmd) incident(cl *client) (string, error) {
	if c.Incident != "" {
		return c.Incident, nil
	}
	q := url.Values{"service": {c.Service}, "limit": {"500"}}
	for _, s := range incident.ActiveStates() {
		q.Set("state", strings.TrimPrefix(q.Get("state")+","+string(s), ","))
	}
	if c.Environment != "" {
		q.Set("environment", c.Environment)
	}
	var list struct {
		Incidents []api.Summary `json:"incidents"`
	}
	if _, err := cl.get("/api/v1/incidents?"+q.Encode(), &list); err != nil {
		return "", err
	}
	affected := plain(c.Service)
	if c.Environment != "" {
		affected += " in " + plain(c.Environment)
	}
	switch n := len(list.Incidents); n {
	case 1:
		return list.Incidents[0].ID, nil
	case 0:
		return "", usage(problem.Hinted(fmt.Errorf("no open incident affects %s: what is done belongs to one", affected),
			fmt.Sprintf("give --incident, or declare one: holdfast incident declare \"…\" --severity SEV-3 --service %s", plain(c.Service))))
	default:
		ids := make([]string, 0, n)
		for _, s := range list.Incidents[:min(n, 8)] {
			ids = append(ids, plain(s.ID))
		}
		return "", usage(problem.Hinted(fmt.Errorf("%d open incidents affect %s", n, affected), "give --incident: "+strings.Join(ids, ", ")))
	}
}

// ask has the server plan the run, or with extra fields confirm it.
func (w *runWatch) ask(extra map[string]any) error {
	body := map[string]any{"runbook": w.c.Name, "service": w.c.Service}
	for k, v := range map[string]string{"environment": w.c.Environment, "why": w.c.Why} {
		if v != "" {
			body[k] = v
		}
	}
	for k, v := range extra {
		body[k] = v
	}
	raw, err := w.cl.do(http.MethodPost, incidentPath(w.rec.Incident, "delegations"), body)
	if err != nil {
		return err
	}
	reading := w.rec.Plan.Reading // what the person saw and confirmed
	w.rec.Plan = incident.DelegationPlan{}
	if err := json.Unmarshal(raw, &w.rec.Plan); err != nil {
		return fmt.Errorf("answer of %s: %w", w.cl.base, err)
	}
	if reading != nil {
		w.rec.Plan.Reading = reading
	}
	return nil
}

// show prints the plan for people; machines get it with the record.
func (w *runWatch) show() error {
	if w.c.Output != "table" {
		return nil
	}
	p := newPage(w.e)
	p.runPlan(&w.rec.Plan)
	return p.flush()
}

// withoutAsking says how a run ends whose plan leaves nothing to confirm.
func withoutAsking(p *incident.DelegationPlan) (outcome, why string) {
	switch {
	case p.Action != "" && p.Why != "":
		return outcomeRefused, p.Why
	case p.Action != "":
		return "", ""
	case len(p.Commands) > 0 || forPeople(p):
		return outcomeByHand, p.Why
	case unsure(p):
		return outcomeUnsure, p.Why
	}
	return outcomeNothing, p.Why
}

// forPeople reports whether what the runbook calls for is not an action.
func forPeople(p *incident.DelegationPlan) bool {
	return p.Reading != nil && p.Reading.Judged.Chosen != ""
}

// unsure reports whether an answer is missing, so that nothing being called for
// says little.
func unsure(p *incident.DelegationPlan) bool {
	if p.Reading == nil {
		return true
	}
	if slices.ContainsFunc(p.Reading.Asked, func(a incident.Asked) bool { return !a.Answered }) {
		return true
	}
	for _, c := range p.Reading.Judged.Preconditions {
		if !c.Held {
			return true
		}
	}
	for _, m := range p.Reading.Judged.Remediations {
		if m.When.Error != "" {
			return true
		}
	}
	return false
}

// sure asks whether the plan is meant.
func (c *runbookRunCmd) sure(e *env, w *runWatch) (bool, error) {
	sha := w.rec.Plan.PlanSHA256
	switch {
	case c.Plan != "" && !strings.HasPrefix(sha, strings.ToLower(c.Plan)):
		return false, problem.Hinted(errors.New("not confirmed: the plan is another one by now"), "read it again; it is "+plain(sha))
	case c.Plan != "" || c.Yes:
		return true, nil
	case c.Output != "table" || !isTerminalReader(e.stdin):
		return false, w.end(outcomePlanned, "confirm this plan with --plan "+plain(sha[:min(len(sha), 12)])+", or whatever it is by then with --yes")
	}
	if _, err := fmt.Fprint(e.stdout, "\nRun it? Type yes: "); err != nil {
		return false, err
	}
	line := make(chan string, 1)
	go func() { // ends with the process: nothing else reads from the terminal
		text, _ := bufio.NewReader(e.stdin).ReadString('\n')
		line <- text
	}()
	select {
	case text := <-line:
		if strings.TrimSpace(text) == "yes" {
			return true, nil
		}
	case <-e.ctx.Done():
		fmt.Fprintln(e.stdout)
	}
	return false, errors.New("not confirmed: nothing was done")
}

// confirm has the server do it and follows the run. A Ctrl-C does not cut the
// confirmation itself off: whether it was taken would not be known.
func (w *runWatch) confirm() error {
	watching := w.cl.ctx
	w.cl.ctx = context.WithoutCancel(watching)
	err := w.ask(map[string]any{"confirm": true, "plan_sha256": w.rec.Plan.PlanSHA256})
	w.cl.ctx = watching
	if err != nil {
		return w.notTaken(err)
	}
	p := &w.rec.Plan
	if p.State == incident.DelegationRefused {
		return w.end(outcomeRefused, p.Why)
	}
	return w.follow()
}

// notTaken adds to an answer that is missing what to do about it.
func (w *runWatch) notTaken(err error) error {
	if s, ok := errors.AsType[*statusError](err); ok && s.status < http.StatusInternalServerError {
		return err
	}
	return problem.Hinted(fmt.Errorf("it is not known whether the run was taken: %w", err),
		"look at holdfast incident show "+plain(w.rec.Incident)+" before you run it again")
}
