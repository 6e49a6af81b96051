package respond

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/delegate"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/runbook"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

// askDelegated works out a task that names a runbook: its diagnostics are asked,
// and the remediation is taken whose conditions hold.
func (r *Responder) askDelegated(ctx context.Context, o *order) error {
	rb, ok := r.Runbooks.Runbook(o.task.Runbook)
	switch {
	case !ok:
		return fmt.Errorf("there is no runbook %q", o.task.Runbook)
	case !rb.Approved:
		return problem.Hinted(fmt.Errorf("runbook %s is not approved", rb.Name), "have it reviewed and set approved: true in "+rb.File())
	}
	if only := rb.Trigger.Services; len(only) > 0 && !slices.Contains(only, o.task.Service) {
		return problem.Hinted(fmt.Errorf("runbook %s is not for %s", rb.Name, o.task.Service), "it is for "+strings.Join(only, ", "))
	}
	v := r.vars(o.s, o.task.Service)
	run, asked := r.askAloud(ctx, rb, r.Diagnostics(o.s.inc.Environment), v)
	options := rb.Options(run, v)
	o.reading = reading(rb, run, v, asked, o.s.progress.Hypotheses)
	chosen, ok := pick(rb, run, v, options, o.s.progress.Hypotheses)
	if !ok {
		o.nothing = "no condition of runbook " + rb.Name + " holds"
		for _, x := range options {
			o.notes = append(o.notes, why(x))
		}
		if !run.Ready() {
			o.nothing = "a precondition of runbook " + rb.Name + " does not hold"
		}
		return nil
	}
	p := r.resolve(ctx, o.s, rb, chosen, v)
	if chosen.Action == "" {
		o.d.Plan.Commands = p.Commands
		o.nothing = "what runbook " + rb.Name + " calls for is for people: " + title(p)
		return nil
	}
	if p.PlanSHA == "" {
		return fmt.Errorf("%s of runbook %s can't be planned: %s", chosen.Name, rb.Name, p.Cons)
	}
	o.d = delegated{Plan: p, Run: &run, Asks: true}
	if p.Action.Service != o.task.Service {
		o.notes = append(o.notes, fmt.Sprintf("runbook %s acts on %s, not on %s", rb.Name, p.Action.Service, o.task.Service))
	}
	return nil
}

// pick takes the remediation that treats the leading cause, else the first one
// that the agent can do, else the first one.
func pick(rb *runbook.Runbook, run runbook.Run, v runbook.Vars, options []runbook.Option, hs []diagnose.Hypothesis) (runbook.Option, bool) {
	held := slices.DeleteFunc(slices.Clone(options), func(x runbook.Option) bool { return !x.Held })
	if len(held) == 0 {
		return runbook.Option{}, false
	}
	if top, ok := (diagnose.Diagnosis{Hypotheses: hs}).Top(); ok {
		if x, found := rb.Choose(run, v, top); found && x.Action != "" {
			return x, true
		}
	}
	if i := slices.IndexFunc(held, func(x runbook.Option) bool { return x.Action != "" }); i >= 0 {
		return held[i], true
	}
	return held[0], true
}

// why says why a remediation is not taken.
func why(x runbook.Option) string {
	if x.Error != "" {
		return x.Name + ": " + x.Error
	}
	return x.Name + ": its condition does not hold (" + x.When + ")"
}

// findDelegated works out a task that names an action. An approved runbook that
// does the same to the same service lends its promises, its check and its undo;
// without one, the action stands outside approved runbooks.
func (r *Responder) findDelegated(ctx context.Context, o *order) error {
	for _, rb := range r.inOrder(o.s) {
		run := runbook.Run{Runbook: rb.Name, SHA256: rb.SHA256(), Service: o.task.Service, Facts: map[string]any{}}
		v := r.vars(o.s, o.task.Service)
		for _, x := range rb.Options(run, v) {
			if !rb.Approved || !speaksFor(rb, x, o.task.Service, o.s) || x.Action != o.task.Action || x.Service != o.task.Service || len(o.task.Params) > 0 && !maps.Equal(x.Params, o.task.Params) {
				continue
			}
			p := r.resolve(ctx, o.s, rb, x, v)
			if p.PlanSHA == "" {
				return errors.New(strings.Trim(p.Cons, "()"))
			}
			p.Approved = false // its conditions were not asked: a person decided
			o.d = delegated{Plan: p, Run: &run}
			o.notes = append(o.notes, "runbook "+rb.Name+" has this remediation: its promises, check and undo hold; its conditions were not asked")
			return nil
		}
	}
	o.notes = append(o.notes, "no approved runbook does this to "+o.task.Service)
	p, err := r.bare(o.s, o.task)
	if err != nil {
		return err
	}
	r.askExecutor(ctx, &p)
	o.d = delegated{Plan: p}
	return nil
}

// speaksFor reports whether what a runbook promises of a remediation is about a
// service: it names the service, or a signal called the runbook for it. That a
// restart of any relay loses nothing says nothing of a restart of payments.
func speaksFor(rb *runbook.Runbook, x runbook.Option, service string, s snapshot) bool {
	return x.Target.Service == service || slices.Contains(rb.Trigger.Services, service) ||
		slices.ContainsFunc(s.firing(), func(sig signal.Signal) bool { return sig.Service == service && rb.Matches(sig) })
}

// inOrder is every runbook, those that are for the incident first.
func (r *Responder) inOrder(s snapshot) []*runbook.Runbook {
	var out []*runbook.Runbook
	for _, m := range r.Runbooks.Match(s.firing()) {
		if !slices.Contains(out, m.Runbook) {
			out = append(out, m.Runbook)
		}
	}
	for _, rb := range r.Runbooks.All() {
		if !slices.Contains(out, rb) {
			out = append(out, rb)
		}
	}
	return out
}

// bare is an action outside every runbook. Nobody vouches for it: what is not
// known to be safe counts as unsafe. Only of a restart that the catalog calls
// safe is it known.
func (r *Responder) bare(s snapshot, t delegate.Task) (plan, error) {
	spec, ok := action.Known(t.Action)
	svc, known := r.Catalog.Service(t.Service)
	if !ok || !known {
		return plan{}, fmt.Errorf("%s of %s is not known", t.Action, t.Service)
	}
	for _, p := range spec.Params {
		if p.Required && t.Params[p.Name] == "" {
			return plan{}, problem.Hinted(fmt.Errorf("%s needs the parameter %s", t.Action, p.Name), p.Doc)
		}
	}
	var target catalog.Target
	for _, kind := range spec.TargetKinds {
		if found, ok := svc.Target(s.inc.Environment, kind); ok {
			target = found
			break
		}
	}
	if target.Name == "" {
		return plan{}, problem.Hinted(fmt.Errorf("the catalog does not name exactly one target of %s in %s that %s acts on", t.Service, s.inc.Environment, t.Action),
			"it acts on targets of kind "+strings.Join(spec.TargetKinds, ", ")+": see targets in the catalog")
	}
	facts := action.Facts{RestartSafe: svc.RestartSafe, Stateless: svc.Flags.Stateless.IsTrue(), Replicas: replicas(s.evidence, svc.Name).N}
	p := plan{Action: action.Action{
		Name: t.Action, Target: target, Service: svc.Name, Params: maps.Clone(t.Params), Risk: action.High,
		Lasting: action.LastingOf(t.Action, spec.Lasting, facts),
	}}
	if t.Action == action.ProcessRestart && svc.RestartSafe {
		p.LosesData, p.CustomerData, p.Action.Risk = catalog.False, catalog.False, action.Low
	}
	return p, nil
}
