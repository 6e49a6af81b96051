package api

import (
	"context"
	"fmt"
	"time"

	"github.com/holdfast-sre/holdfast/internal/delegate"
	"github.com/holdfast-sre/holdfast/internal/incident"
)

// Order is a task that a person gives the agent: words, or its parts.
type Order struct {
	Text string
	Task delegate.Task // when Text is empty
}

// Delegator takes tasks that people give the agent.
type Delegator interface {
	// PlanDelegation says what a task comes to; it changes nothing.
	PlanDelegation(ctx context.Context, by User, id string, o Order) (incident.DelegationPlan, error)
	// Delegate takes the task whose plan was shown; another plan is ErrConflict.
	Delegate(ctx context.Context, by User, id string, o Order, planSHA string) (incident.DelegationPlan, error)
	// CancelDelegation ends a task; what has started is ErrConflict.
	CancelDelegation(ctx context.Context, by, id, delegation, reason string) error
}

type cancelInput struct {
	OneIncident
	Delegation string `path:"did" maxLength:"80" pattern:"^[A-Za-z0-9_-]+$" doc:"The task."`
	Body       struct {
		Reason string `json:"reason" minLength:"1" maxLength:"1000"`
	}
}

func (a *API) cancelDelegation(ctx context.Context, in *cancelInput) (*done, error) {
	return reply(in.ID, "cancel "+in.Delegation, a.o.Commands.CancelDelegation(ctx, caller(ctx).Name, in.ID, in.Delegation, in.Body.Reason))
}

type delegateInput struct {
	OneIncident
	Body struct {
		Text        string            `json:"text,omitempty" maxLength:"500" example:"restart relay on staging and watch for 10 min" doc:"The task in words, or left out for its parts below."`
		Action      string            `json:"action,omitempty" maxLength:"60" example:"process.restart"`
		Service     string            `json:"service,omitempty" maxLength:"200" doc:"Catalog name."`
		Environment string            `json:"environment,omitempty" maxLength:"100" doc:"Must be the incident's; left out = it."`
		Params      map[string]string `json:"params,omitempty" maxProperties:"20" doc:"Of the action."`
		Runbook     string            `json:"runbook,omitempty" maxLength:"100" doc:"Instead of an action: the remediation whose conditions hold is taken."`
		Watch       string            `json:"watch,omitempty" maxLength:"20" example:"10m" doc:"Measure the signals so long after the action, then report; 1s to 24h."`
		Why         string            `json:"why,omitempty" maxLength:"300" doc:"With parts: your reason; it stands on the timeline and in the audit."`
		Confirm     bool              `json:"confirm,omitempty" doc:"Do it. Without it the answer is the plan, and nothing changes."`
		PlanSHA     string            `json:"plan_sha256,omitempty" maxLength:"128" doc:"The plan that was shown: a confirmation is for this plan alone."`
	}
}

type delegateOutput struct {
	Body incident.DelegationPlan
}

func (a *API) delegate(ctx context.Context, in *delegateInput) (*delegateOutput, error) {
	b := in.Body
	o := Order{Text: b.Text, Task: delegate.Task{
		Action: b.Action, Runbook: b.Runbook, Service: b.Service, Environment: b.Environment, Params: b.Params, Why: b.Why,
	}}
	if b.Text != "" && (b.Action != "" || b.Runbook != "" || b.Service != "" || b.Environment != "" || len(b.Params) > 0 || b.Watch != "" || b.Why != "") {
		return nil, badInput("the task is given twice", "give text, or the parts of the task")
	}
	if b.Watch != "" {
		d, err := time.ParseDuration(b.Watch)
		if err != nil || d <= 0 {
			return nil, badInput("watch is not a time: "+clip(b.Watch, 20), "write it as 10m or 1h30m")
		}
		o.Task.Watch = d
	}
	if !b.Confirm {
		p, err := a.o.Commands.PlanDelegation(ctx, caller(ctx), in.ID, o)
		return delegation(p, in.ID, err)
	}
	if len(b.PlanSHA) < 8 {
		return nil, badInput("a confirmation names its plan", "send plan_sha256 as the plan was shown")
	}
	p, err := a.o.Commands.Delegate(ctx, caller(ctx), in.ID, o, b.PlanSHA)
	return delegation(p, in.ID, err)
}

func delegation(p incident.DelegationPlan, id string, err error) (*delegateOutput, error) {
	if err != nil {
		return nil, fmt.Errorf("delegate in %s: %w", id, err)
	}
	return &delegateOutput{Body: p}, nil
}
