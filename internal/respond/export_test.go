package respond

import (
	"context"
	"time"

	"github.com/holdfast-sre/holdfast/internal/autonomy"
	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/jobs"
	"github.com/holdfast-sre/holdfast/internal/signal"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// VerdictOn is the verdict on an incident that fires and whose cause is proved,
// with nothing in its history: the first remediation of a runbook that fits.
func (r *Responder) VerdictOn(ctx context.Context, inc incident.Incident, book, service string, cause diagnose.CauseClass, now time.Time) decide.Verdict {
	s := snapshot{now: now, inc: inc, signals: []signal.Signal{{Kind: signal.Alert, Status: signal.Firing, Service: service, Name: "Fires"}}}
	rb, ok := r.Runbooks.Runbook(book)
	if !ok {
		panic("no runbook " + book)
	}
	v := r.vars(s, service)
	run := rb.Ask(ctx, r.Diagnostics(inc.Environment), v)
	for _, o := range rb.Options(run, v) {
		p := r.resolve(ctx, s, rb, o, v)
		s.progress = progress{
			Plan: &p, Round: 1, Abnormal: 1, SampleAt: now, InvestigatedAt: now,
			Hypotheses:  []diagnose.Hypothesis{{CauseClass: cause, Component: service, Probability: 1, Basis: diagnose.BasisRunbook}},
			BudgetSpent: r.budgetSpent(ctx, r.Diagnostics(inc.Environment).Metrics, s, service),
		}
		k := s.key(p.Runbook, p.Action)
		s.earned = autonomy.Standing{Key: k, Stage: boundary.Shadow}.Under(r.Boundaries.Stage(k.Runbook, k.Service, k.Environment))
		break
	}
	return decide.Decide(r.input(s, decide.Running, ""))
}

// TaskJobFails is what follows when a job of a task is given up.
func (r *Responder) TaskJobFails(ctx context.Context, tx *store.Tx, incidentID, delegationID, step string, cause error) error {
	return r.delegationGaveUp(ctx, tx, jobs.Job{Args: delegationJob(incidentID, delegationID, step, time.Time{}).Args}, cause)
}

// TaskJob is what a job of a task comes to; an error = it comes again.
func (r *Responder) TaskJob(ctx context.Context, incidentID, delegationID, step string) error {
	_, err := r.delegation(ctx, jobs.Job{Args: delegationJob(incidentID, delegationID, step, time.Time{}).Args})
	return err
}
