package app

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// results reads what became of the incidents.
func (r *replay) results(ctx context.Context) (out []PastIncident, err error) {
	out = []PastIncident{}
	err = r.st.View(ctx, func(tx *store.Tx) error {
		all, err := tx.Incidents(ctx, store.IncidentFilter{})
		if err != nil {
			return err
		}
		for _, inc := range slices.Backward(all) {
			if inc.State == incident.Merged {
				continue
			}
			one, err := r.result(ctx, tx, inc)
			if err != nil {
				return err
			}
			out = append(out, one)
		}
		return nil
	})
	return out, err
}

func (r *replay) result(ctx context.Context, tx *store.Tx, inc incident.Incident) (PastIncident, error) {
	vs, err1 := tx.Verdicts(ctx, inc.ID)
	items, err2 := tx.Evidence(ctx, inc.ID)
	one := PastIncident{
		ID: inc.ID, StartedAt: inc.StartedAt, Title: inc.Title, Severity: inc.Severity.String(), Environment: inc.Environment,
		Services: inc.Services, Flapping: inc.Flapping, Evidence: len(items), Verdict: pastSkipped,
		Urgency: string(decide.NoUrgency), Why: []string{}, Paged: []string{},
	}
	if inc.ResolvedAt != nil {
		one.EndedAt = *inc.ResolvedAt
	}
	if l := r.known[inc.ID]; l != nil {
		one.Alerts, one.Runbook = l.alerts, l.runbook
		if l.looked > 0 {
			one.Verdict, one.After = pastEnded, l.after.String()
		}
	}
	if top, ok := (diagnose.Diagnosis{Hypotheses: inc.Hypotheses}).Top(); ok {
		one.Cause, one.Component, one.Probability = string(top.CauseClass), top.Component, top.Probability
	}
	for _, it := range items {
		if it.Kind == evidence.KindFailure {
			one.Silent++
		}
	}
	for _, p := range inc.Paged {
		one.Paged, one.pagedAt = append(one.Paged, p.Urgency), append(one.pagedAt, p.At)
	}
	one.judge(vs)
	return one, errors.Join(err1, err2)
}

// judge reads the last verdict.
func (p *PastIncident) judge(vs []decide.Verdict) {
	if len(vs) == 0 {
		return
	}
	v := vs[len(vs)-1]
	p.Urgency, p.Why = string(v.Urgency), v.Reasons
	switch {
	case v.Shadow && v.Approvers == 0:
		p.Verdict = pastWould
	case v.Hold:
		p.Verdict = pastEnded
	default:
		p.Verdict = string(v.Kind)
	}
	for _, rule := range v.Rules {
		if p.Verdict == pastWould && rule.ID == "autonomy" {
			p.Why = []string{rule.Text}
		}
		p.SymptomRelief = p.SymptomRelief || rule.ID == "symptom_relief" && rule.Held
	}
}

func (r *replay) caveats(o BacktestOptions) []string {
	out := []string{
		"Times are as exact as the samples: an alert that fired and ended between two of them, " + o.Step.String() + " apart, is not seen.",
		"The record has no silences, inhibitions, routes and annotations, and no maintenance but that of today's boundaries: people were told of fewer alerts than are counted here.",
		"What people did then is not known: an incident ends when its alerts stay away, and an action that the agent would have taken is taken for done.",
		"Boundaries, catalog, runbooks and rules are today's. Nothing is earned in a replay: only an override lets a runbook act.",
		"These alerts are not graded. What would have been right, only people know.",
	}
	if len(r.nothing) > 0 {
		out = append(out, "Not asked, since they know only the present: "+strings.Join(r.nothing, ", ")+".")
	}
	return out
}
