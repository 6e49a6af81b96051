package respond

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/audit"
	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/id"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// ErrMoved reports that the world moved on since the person looked: the
// proposal was decided, another action runs, or the plan is another one.
var ErrMoved = errors.New("not any more")

// ErrNotApprover reports that this person may not approve.
var ErrNotApprover = errors.New("may not approve")

// ErrNever reports an action that no approval allows.
var ErrNever = errors.New("never executed by the agent")

// Approve records one person's consent to a proposal. When enough people have
// consented, the action is intended in the same transaction; it still passes
// every check just before it starts. planSHA is the plan that the person saw.
func (r *Responder) Approve(ctx context.Context, by, incidentID, proposalID, planSHA string) error {
	return r.Store.Tx(ctx, func(tx *store.Tx) error {
		s, p, err := r.waiting(ctx, tx, incidentID, proposalID)
		if err != nil {
			return err
		}
		if err := r.mayAgree(s, p, by, planSHA); err != nil {
			return err
		}
		if _, busy := s.openIntent(); busy {
			return fmt.Errorf("another action is under way: %w", ErrMoved)
		}
		why, err := r.allowed(ctx, tx, s, action.Intent{Runbook: p.Runbook, Action: p.Action, ApprovedBy: by, IsUndo: p.IsUndo, Delegation: p.Delegation})
		if err != nil {
			return err
		}
		if why != "" {
			return fmt.Errorf("%s: %w", why, ErrMoved)
		}
		return r.agree(ctx, tx, &s, by, &p)
	})
}

// mayAgree says why a person can't approve a proposal as it was shown.
func (r *Responder) mayAgree(s snapshot, p incident.Proposal, by, planSHA string) error {
	refused := r.Boundaries.Refuses(boundary.Decision{From: p.MayApprove, FourEyes: p.FourEyes}, by, s.requesters(p))
	switch {
	case !incident.IsPerson(by):
		return fmt.Errorf("only people approve: %w", ErrNotApprover)
	case !r.MayApprove(by):
		return fmt.Errorf("%s is no approver: %w", by, ErrNotApprover)
	case planSHA != p.PlanSHA:
		return fmt.Errorf("the plan is another one than was shown: %w", ErrMoved)
	case slices.ContainsFunc(p.ApprovedBy, func(o string) bool { return strings.EqualFold(o, strings.TrimSpace(by)) }):
		return fmt.Errorf("%s approved already; another person is needed: %w", by, ErrMoved)
	case p.Executable && p.BoundarySHA != r.Boundaries.SHA256():
		return fmt.Errorf("the boundary file changed since it was offered: %w", ErrMoved)
	case refused != "":
		return fmt.Errorf("%s: %w", refused, ErrNotApprover)
	case p.FourEyes && slices.Contains(s.requesters(p), audit.Gone):
		return fmt.Errorf("who asked for it was erased, so whether these are other eyes is not known: %w", ErrNotApprover)
	case !p.Executable || p.Approvers < 0:
		return fmt.Errorf("%s: %w", p.Action.Name, ErrNever)
	}
	if why := r.outdated(p); why != "" {
		return fmt.Errorf("%s: %w", why, ErrMoved)
	}
	return nil
}

// outdated says what of the files behind an offer is another by now; empty =
// nothing is.
func (r *Responder) outdated(p incident.Proposal) string {
	if !r.sameTarget(p.Action) {
		return anotherTarget
	}
	if p.Runbook == "" || p.IsUndo { // what takes an action back was fixed with it
		return ""
	}
	if rb, ok := r.Runbooks.Runbook(p.Runbook); !ok || rb.SHA256() != p.RunbookSHA {
		return "runbook " + p.Runbook + " changed since it was asked for"
	}
	return ""
}

const anotherTarget = "the catalog names another target by now"

// approving are those of some people who may still approve.
func (r *Responder) approving(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !r.MayApprove(n) })
}

// agree counts one person's consent, and intends the action when enough people
// have consented. Who is no approver any more is not counted.
func (r *Responder) agree(ctx context.Context, tx *store.Tx, s *snapshot, by string, p *incident.Proposal) error {
	if still := r.approving(p.ApprovedBy); len(still) < len(p.ApprovedBy) {
		if err := r.record(ctx, tx, *s, incident.NewEvent(incident.EventNote, incident.ActorRule,
			fmt.Sprintf("of %s only those count who are approvers still", strings.Join(p.ApprovedBy, ", ")), "holdfast.yaml", s.now).With("proposal", p.ID)); err != nil {
			return err
		}
		p.ApprovedBy = still
	}
	p.ApprovedBy = append(p.ApprovedBy, by)
	if len(p.ApprovedBy) == 1 {
		p.ExpiresAt = s.after(r.approvalLives())
	}
	if err := r.auditProposal(ctx, tx, by, "approve", *p, "approved"); err != nil {
		return err
	}
	if err := r.record(ctx, tx, *s, incident.Event{
		Kind: incident.EventApproved, Actor: by,
		Text: fmt.Sprintf("approved %s of %s", p.Action.Name, p.Action.Target.Name),
		Data: map[string]any{"cause": "a person", "proposal": p.ID, "plan_sha256": p.PlanSHA},
	}); err != nil {
		return err
	}
	if len(p.ApprovedBy) < max(p.Approvers, 1) {
		return tx.SaveProposal(ctx, *p)
	}
	p.State = incident.Approved
	if err := tx.SaveProposal(ctx, *p); err != nil {
		return err
	}
	return r.intend(ctx, tx, s, s.onBehalf(p, action.Intent{
		ProposalID: p.ID, Runbook: p.Runbook, RunbookSHA: p.RunbookSHA, PlanSHA: p.PlanSHA,
		Action: p.Action, ApprovedBy: strings.Join(p.ApprovedBy, ", "), Generation: p.Generation, IsUndo: p.IsUndo, BoundarySHA: p.BoundarySHA,
	}))
}

// Reject declines a proposal.
func (r *Responder) Reject(ctx context.Context, by, incidentID, proposalID, reason string) error {
	return r.Store.Tx(ctx, func(tx *store.Tx) error {
		s, p, err := r.waiting(ctx, tx, incidentID, proposalID)
		if err != nil {
			return err
		}
		return r.decline(ctx, tx, s, p, by, reason)
	})
}

// decline records that a person does not want what a proposal offers.
func (r *Responder) decline(ctx context.Context, tx *store.Tx, s snapshot, p incident.Proposal, by, reason string) error {
	p.State = incident.Rejected
	if err := tx.SaveProposal(ctx, p); err != nil {
		return err
	}
	if err := r.auditProposal(ctx, tx, by, "reject", p, "rejected: "+reason, "outcome"); err != nil {
		return err
	}
	return r.record(ctx, tx, s, incident.Event{
		Kind: incident.EventRejected, Actor: by,
		Text: fmt.Sprintf("rejected %s of %s: %s", p.Action.Name, p.Action.Target.Name, reason),
		Data: map[string]any{"cause": reason, "proposal": p.ID},
	})
}

// waiting reads a proposal that can still be decided.
func (r *Responder) waiting(ctx context.Context, tx *store.Tx, incidentID, proposalID string) (snapshot, incident.Proposal, error) {
	s, err := r.loadIn(ctx, tx, incidentID)
	if err != nil {
		return s, incident.Proposal{}, err
	}
	i := slices.IndexFunc(s.proposals, func(p incident.Proposal) bool { return p.ID == proposalID })
	if i < 0 {
		return s, incident.Proposal{}, fmt.Errorf("proposal %s of %s: %w", proposalID, incidentID, store.ErrNotFound)
	}
	p := s.proposals[i]
	switch {
	case s.over():
		return s, p, fmt.Errorf("%s is %s: %w", incidentID, s.inc.State, ErrMoved)
	case p.State != incident.Waiting:
		return s, p, fmt.Errorf("the proposal is %s: %w", p.State, ErrMoved)
	case r.late(s, p):
		return s, p, fmt.Errorf("the first approval has expired: %w", ErrMoved)
	}
	return s, p, nil
}

// approvalLives is how long the first approval of a proposal lives.
func (r *Responder) approvalLives() time.Duration {
	return min(r.Windows.Approval, decide.ApprovalLives)
}

// late reports whether a proposal's first approval has expired, or was given
// later than now: when the clock was put back nobody knows how old it is.
func (r *Responder) late(s snapshot, p incident.Proposal) bool {
	return !p.ExpiresAt.IsZero() && (!s.now.Before(p.ExpiresAt) || p.ExpiresAt.After(s.after(r.approvalLives())))
}

// intend writes the intent of an action and enqueues it. s.inc is stored.
func (r *Responder) intend(ctx context.Context, tx *store.Tx, s *snapshot, in action.Intent) error {
	in.ID, in.IncidentID = id.New("act", s.now), s.inc.ID
	in.State, in.By, in.IntendedAt = action.Intended, cmp.Or(in.By, incident.ActorAgent), s.now
	if err := tx.SaveIntent(ctx, in); err != nil {
		return fmt.Errorf("intent for %s: %w", s.inc.ID, err)
	}
	if err := r.auditAction(ctx, tx, in, string(action.Intended)); err != nil {
		return err
	}
	if err := r.record(ctx, tx, *s, incident.Event{
		Kind: incident.EventAction, Actor: incident.ActorAgent,
		Text: fmt.Sprintf("will %s", describe(in.Action)),
		Data: map[string]any{"cause": "verdict", "intent": in.ID, "state": string(action.Intended)},
	}); err != nil {
		return err
	}
	if err := r.move(ctx, tx, s, incident.Mitigating, "an action is intended"); err != nil {
		return err
	}
	return r.store(ctx, tx, s, actJob(in))
}

// expire voids approvals that were not used in time, and withdraws proposals
// that are not among what would be offered now.
func (r *Responder) expire(ctx context.Context, tx *store.Tx, s *snapshot, offers []incident.Proposal) error {
	for i, p := range s.proposals {
		if p.State != incident.Waiting {
			continue
		}
		if p.Delegation != "" {
			if err := r.expireDelegated(ctx, tx, s, i); err != nil {
				return err
			}
			continue
		}
		late := r.late(*s, p)
		if !late && slices.ContainsFunc(offers, func(now incident.Proposal) bool { return stands(p, now) }) {
			continue
		}
		why := "the plan no longer fits what is known"
		switch {
		case s.over():
			why = "the incident is over"
		case late:
			why = "the approval was not completed in time"
		case p.BoundarySHA != r.Boundaries.SHA256():
			why = "the boundary file changed"
		}
		p.State = incident.Expired
		s.proposals[i] = p
		if err := tx.SaveProposal(ctx, p); err != nil {
			return err
		}
		if err := r.record(ctx, tx, *s, incident.Event{
			Kind: incident.EventExpired, Actor: incident.ActorRule, Text: "withdrawn: " + p.Option,
			Data: map[string]any{"cause": why, "proposal": p.ID},
		}); err != nil {
			return err
		}
	}
	return nil
}

func (r *Responder) auditProposal(ctx context.Context, tx *store.Tx, by, what string, p incident.Proposal, outcome string, personal ...string) error {
	params, err := json.Marshal(map[string]any{"proposal": p.ID, "plan_sha256": p.PlanSHA, "generation": p.Generation})
	if err != nil {
		return fmt.Errorf("audit %s: %w", p.ID, err)
	}
	if p.Delegation != "" { // its reason is what a person asked for, in that person's words
		personal = append(personal, "reason")
	}
	return tx.AppendAudit(ctx, audit.Record{
		At: tx.Now(), Actor: by, Action: what + " " + p.Action.Name, Target: p.Action.Target.String(),
		Reason: p.Why, Params: params, Outcome: outcome, Incident: p.IncidentID,
		BoundarySHA256: r.Boundaries.SHA256(), RunbookSHA256: p.RunbookSHA,
	}, personal...)
}

// describe says in words what an action does.
func describe(a action.Action) string {
	switch a.Name {
	case action.ProcessRestart:
		return "restart " + a.Target.Name
	case action.HTTPCall:
		return "call " + a.Params["url"]
	}
	return a.Name + " on " + a.Target.String()
}
