package api

import (
	"context"
	"fmt"

	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/severity"
)

// badInput is a mistake in what the caller sent.
func badInput(what, hint string) error { return &problem.Problem{What: what, Hint: hint} }

// done is the answer of a command: the incident that it changed.
type done struct {
	Body struct {
		ID string `json:"id" doc:"The incident that was changed or made."`
	}
}

// reply answers id unless err is set; what says what was being done.
func reply(id, what string, err error) (*done, error) {
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	d := &done{}
	d.Body.ID = id
	return d, nil
}

type declareInput struct {
	Body struct {
		Title       string   `json:"title" minLength:"1" maxLength:"200" doc:"What is wrong, in the user's words."`
		Severity    string   `json:"severity" doc:"SEV-1 … SEV-4 or P1 … P4."`
		Environment string   `json:"environment,omitempty" maxLength:"100" doc:"Where; may be left out when there is only one."`
		Services    []string `json:"services,omitempty" maxItems:"50" doc:"Catalog names."`
		Description string   `json:"description,omitempty" maxLength:"4000"`
	}
}

func (a *API) declare(ctx context.Context, in *declareInput) (*done, error) {
	sev, err := parseSeverity(in.Body.Severity)
	if err != nil {
		return nil, err
	}
	id, err := a.o.Commands.Declare(ctx, caller(ctx).Name, Declaration{
		Title: in.Body.Title, Severity: sev, Environment: in.Body.Environment,
		Services: in.Body.Services, Description: in.Body.Description,
	})
	return reply(id, "declare", err)
}

// parseSeverity reads a severity that a person chose.
func parseSeverity(s string) (severity.Severity, error) {
	sev, err := severity.Parse(s)
	if err != nil {
		return severity.Unset, badInput("unknown severity "+clip(fmt.Sprintf("%q", s), 40), "use SEV-1, SEV-2, SEV-3 or SEV-4")
	}
	return sev, nil
}

func (a *API) acknowledge(ctx context.Context, in *OneIncident) (*done, error) {
	return reply(in.ID, "acknowledge "+in.ID, a.o.Commands.Acknowledge(ctx, caller(ctx).Name, in.ID))
}

type severityInput struct {
	OneIncident
	Body struct {
		Severity string `json:"severity" doc:"SEV-1 … SEV-4 or P1 … P4."`
		Reason   string `json:"reason" minLength:"1" maxLength:"1000"`
	}
}

func (a *API) severity(ctx context.Context, in *severityInput) (*done, error) {
	sev, err := parseSeverity(in.Body.Severity)
	if err != nil {
		return nil, err
	}
	return reply(in.ID, "severity of "+in.ID, a.o.Commands.SetSeverity(ctx, caller(ctx).Name, in.ID, sev, in.Body.Reason))
}

type commanderInput struct {
	OneIncident
	Body struct {
		Commander string `json:"commander,omitempty" maxLength:"100" doc:"A person's name; left out = the caller."`
	}
}

func (a *API) commander(ctx context.Context, in *commanderInput) (*done, error) {
	by := caller(ctx).Name
	who := in.Body.Commander
	if who == "" {
		who = by
	}
	return reply(in.ID, "commander of "+in.ID, a.o.Commands.SetCommander(ctx, by, in.ID, who))
}

type findingInput struct {
	OneIncident
	Body struct {
		Text string `json:"text" minLength:"1" maxLength:"4000"`
	}
}

func (a *API) finding(ctx context.Context, in *findingInput) (*done, error) {
	return reply(in.ID, "finding for "+in.ID, a.o.Commands.AddFinding(ctx, caller(ctx).Name, in.ID, in.Body.Text))
}

type splitInput struct {
	OneIncident
	Body struct {
		Signals []string `json:"signals" minItems:"1" maxItems:"1000" doc:"Identifiers of the signals that move."`
		Title   string   `json:"title" minLength:"1" maxLength:"200"`
	}
}

func (a *API) split(ctx context.Context, in *splitInput) (*done, error) {
	id, err := a.o.Commands.Split(ctx, caller(ctx).Name, in.ID, in.Body.Signals, in.Body.Title)
	return reply(id, "split "+in.ID, err)
}

type mergeInput struct {
	OneIncident
	Body struct {
		Into string `json:"into" maxLength:"32" pattern:"^INC-[0-9]{4}-[0-9]{4,}$" doc:"The incident that stays."`
	}
}

func (a *API) merge(ctx context.Context, in *mergeInput) (*done, error) {
	if in.Body.Into == in.ID {
		return nil, badInput("an incident can't be merged into itself", "name another incident in into")
	}
	return reply(in.Body.Into, "merge "+in.ID, a.o.Commands.Merge(ctx, caller(ctx).Name, in.ID, in.Body.Into))
}

type reasonInput struct {
	OneIncident
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"1000"`
	}
}

func (a *API) resolve(ctx context.Context, in *reasonInput) (*done, error) {
	return reply(in.ID, "resolve "+in.ID, a.o.Commands.Resolve(ctx, caller(ctx).Name, in.ID, in.Body.Reason))
}

// OneProposal names a proposal in the path.
type OneProposal struct {
	OneIncident
	Proposal string `path:"pid" maxLength:"80" pattern:"^[A-Za-z0-9_-]+$" doc:"The proposal."`
}

type approveInput struct {
	OneProposal
	Body struct {
		PlanSHA string `json:"plan_sha256" minLength:"8" maxLength:"128" doc:"The plan that was shown: an approval is for this plan alone."`
	}
}

func (a *API) approve(ctx context.Context, in *approveInput) (*done, error) {
	return reply(in.ID, "approve "+in.Proposal, a.o.Commands.Approve(ctx, caller(ctx).Name, in.ID, in.Proposal, in.Body.PlanSHA))
}

type rejectInput struct {
	OneProposal
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"1000"`
	}
}

func (a *API) reject(ctx context.Context, in *rejectInput) (*done, error) {
	return reply(in.ID, "reject "+in.Proposal, a.o.Commands.Reject(ctx, caller(ctx).Name, in.ID, in.Proposal, in.Body.Reason))
}

type pauseInput struct {
	Body struct {
		Paused bool   `json:"paused"`
		Reason string `json:"reason" minLength:"1" maxLength:"1000"`
	}
}

func (a *API) setPause(ctx context.Context, in *pauseInput) (*pauseOutput, error) {
	user := caller(ctx)
	if !in.Body.Paused && !user.Approver {
		return nil, fmt.Errorf("user %s may pause but not resume: %w", user.Name, ErrForbidden)
	}
	if err := a.o.Commands.SetPause(ctx, user.Name, in.Body.Paused, in.Body.Reason); err != nil {
		return nil, fmt.Errorf("set pause: %w", err)
	}
	return a.pause(ctx, nil)
}
