package document

import (
	"slices"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/change"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

// start is the onset where it was found, and the first signal otherwise.
func (r Record) start() time.Time {
	if at := r.Incident.OnsetAt; at != nil && at.Before(r.Incident.StartedAt) {
		return *at
	}
	return r.Incident.StartedAt
}

// end is the resolution, or now while the incident goes on.
func (r Record) end() time.Time {
	if at := r.Incident.ResolvedAt; at != nil {
		return *at
	}
	return r.Now
}

func (r Record) top() (diagnose.Hypothesis, bool) {
	return diagnose.Diagnosis{Hypotheses: r.Incident.Hypotheses}.Top()
}

// confirmed is the event with which a person or a validation query confirmed
// the cause.
func (r Record) confirmed() (incident.Event, bool) {
	i := slices.IndexFunc(r.Events, func(e incident.Event) bool { return e.Kind == incident.EventCauseConfirmed })
	if i < 0 {
		return incident.Event{}, false
	}
	return r.Events[i], true
}

// firstSignal is the earliest signal, as it was received when the incident
// started: a signal itself only knows when it was last heard of.
func (r Record) firstSignal() (signal.Signal, bool) {
	if len(r.Signals) == 0 {
		return signal.Signal{}, false
	}
	first := slices.MinFunc(r.Signals, func(a, b signal.Signal) int { return a.StartsAt.Compare(b.StartsAt) })
	if !r.Incident.StartedAt.IsZero() && first.ReceivedAt.After(r.Incident.StartedAt) {
		first.ReceivedAt = r.Incident.StartedAt
	}
	return first, true
}

func (r Record) service(name string) (catalog.Service, bool) {
	i := slices.IndexFunc(r.Services, func(s catalog.Service) bool { return s.Name == name })
	if i < 0 {
		return catalog.Service{}, false
	}
	return r.Services[i], true
}

// owner of a service, escaped, or a question.
func (r Record) owner(name string) string {
	if s, ok := r.service(name); ok && s.Owner != "" {
		return say(s.Owner)
	}
	return ask("who owns this?")
}

func (r Record) major() bool {
	return r.Incident.Severity == severity.SEV1 || r.Incident.Severity == severity.SEV2
}

// suspects are the changes that may have brought the cause: of the component at
// fault, before the onset, newest first.
func (r Record) suspects() []change.Change {
	top, ok := r.top()
	if !ok {
		return nil
	}
	var out []change.Change
	for _, c := range r.Changes {
		if c.Service == top.Component && !c.At.After(r.start()) {
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b change.Change) int { return b.At.Compare(a.At) })
	return out
}

// step is the first step of a kind in the trace.
func (r Record) step(kinds ...string) (incident.TraceStep, bool) {
	i := slices.IndexFunc(r.Incident.Trace, func(s incident.TraceStep) bool { return slices.Contains(kinds, s.Kind) })
	if i < 0 {
		return incident.TraceStep{}, false
	}
	return r.Incident.Trace[i], true
}

// gaps are what artefacts do not specify about the mechanism at fault.
func (r Record) gaps() []incident.TraceStep {
	var out []incident.TraceStep
	for _, s := range r.Incident.Trace {
		if len(s.Missing) > 0 {
			out = append(out, s)
		}
	}
	return out
}

func (r Record) item(id string) (evidence.Item, bool) {
	i := slices.IndexFunc(r.Evidence, func(it evidence.Item) bool { return it.ID == id })
	if i < 0 {
		return evidence.Item{}, false
	}
	return r.Evidence[i], true
}

// silent are the sources that did not answer.
func (r Record) silent() []evidence.Item {
	var out []evidence.Item
	for _, it := range r.Evidence {
		if it.Kind == evidence.KindFailure || it.Error != "" {
			out = append(out, it)
		}
	}
	return out
}

// done are the actions that ran.
func (r Record) done() []action.Intent {
	var out []action.Intent
	for _, in := range r.Intents {
		if in.State == action.Done {
			out = append(out, in)
		}
	}
	return out
}

// rule is a rule of the last verdict.
func (r Record) rule(id string) (decide.Rule, bool) {
	if len(r.Verdicts) == 0 {
		return decide.Rule{}, false
	}
	rules := r.Verdicts[len(r.Verdicts)-1].Rules
	i := slices.IndexFunc(rules, func(x decide.Rule) bool { return x.ID == id })
	if i < 0 {
		return decide.Rule{}, false
	}
	return rules[i], true
}

func (r Record) has(kind string) bool {
	return slices.ContainsFunc(r.Events, func(e incident.Event) bool { return e.Kind == kind })
}
