package respond

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/audit"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// CancelDelegation ends a task that a person does not want any more: one that
// waits is not approved any more, one that has not started does not start, and a
// watch ends with its report. What has started can't be called back.
func (r *Responder) CancelDelegation(ctx context.Context, by, incidentID, delegationID, reason string) error {
	return r.Store.Tx(ctx, func(tx *store.Tx) error {
		s, err := r.loadIn(ctx, tx, incidentID)
		if err != nil {
			return err
		}
		d := s.delegation(delegationID)
		if d == nil {
			return fmt.Errorf("task %s of %s: %w", delegationID, incidentID, store.ErrNotFound)
		}
		state, _ := d.Progress(s.proposals, s.intents, s.events)
		reason = r.Redactor.String(reason)
		switch in, acted := s.intentOf(d.ProposalID); {
		case state == incident.DelegationWaiting:
			return r.cancelWaiting(ctx, tx, s, *d, by, reason) // a rejection, and audited as one
		case state == incident.DelegationRunning && acted && in.State == action.Intended:
			err = r.cancel(in, "a person cancelled the task")(ctx, tx)
		case state == incident.DelegationWatching && d.StoppedAt == nil:
			err = r.stopWatch(ctx, tx, &s, d, by, reason)
		case state == incident.DelegationRunning && acted && in.State == action.Started:
			return fmt.Errorf("%s has started and can't be called back: %w", describe(in.Action), ErrMoved)
		default:
			return fmt.Errorf("the task is %s: %w", state, ErrMoved)
		}
		if err != nil {
			return err
		}
		return r.auditCancel(ctx, tx, s, *d, by, reason, state)
	})
}

// cancelWaiting takes back what nobody approved yet.
func (r *Responder) cancelWaiting(ctx context.Context, tx *store.Tx, s snapshot, d incident.Delegation, by, reason string) error {
	i := slices.IndexFunc(s.proposals, func(p incident.Proposal) bool { return p.ID == d.ProposalID })
	if i < 0 {
		return fmt.Errorf("proposal %s: %w", d.ProposalID, store.ErrNotFound)
	}
	return r.decline(ctx, tx, s, s.proposals[i], by, reason)
}

// stopWatch ends a watch before its time: what was seen so far is reported.
func (r *Responder) stopWatch(ctx context.Context, tx *store.Tx, s *snapshot, d *incident.Delegation, by, reason string) error {
	at := s.now
	d.StoppedBy, d.StoppedAt = by, &at
	if err := r.record(ctx, tx, *s, incident.NewEvent(incident.EventNote, by, by+" stopped the watch of a task: "+reason, reason, s.now).With("delegation", d.ID)); err != nil {
		return err
	}
	return r.store(ctx, tx, s, delegationJob(s.inc.ID, d.ID, "stopped", at))
}

func (r *Responder) auditCancel(ctx context.Context, tx *store.Tx, s snapshot, d incident.Delegation, by, reason string, was incident.DelegationState) error {
	params, err := json.Marshal(map[string]any{"delegation": d.ID, "plan_sha256": d.PlanSHA, "was": was})
	if err != nil {
		return fmt.Errorf("audit %s: %w", d.ID, err)
	}
	return tx.AppendAudit(ctx, audit.Record{
		At: s.now, Actor: by, Action: "incident.delegate.cancel", Target: d.Target.String(), Reason: reason, Params: params, Outcome: "cancelled",
		Incident: s.inc.ID, BoundarySHA256: r.Boundaries.SHA256(),
	})
}
