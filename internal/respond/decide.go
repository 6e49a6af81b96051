package respond

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/autonomy"
	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/escalate"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/id"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/jobs"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// decide gives the verdict on what is known now and does what follows from it,
// in one transaction.
func (r *Responder) decide(ctx context.Context, j jobs.Job) (commit, error) {
	args, err := readArgs[incidentArgs](j)
	if err != nil {
		return nil, err
	}
	pause := r.Paused(ctx)
	signals, err := r.signalsOf(ctx, args.Incident)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, tx *store.Tx) error {
		s, err := r.loadAround(ctx, tx, args.Incident, signals)
		if err != nil || s.over() {
			return errors.Join(err, r.afterwards(ctx, tx, &s))
		}
		if _, busy := s.openIntent(); busy {
			return nil // its end decides again
		}
		if s.inc.State == incident.Monitoring {
			return r.whileMonitoring(ctx, tx, &s)
		}
		if len(s.firing()) == 0 && !s.declaredOnly() {
			return r.quiet(ctx, tx, &s, pause)
		}
		if s.progress.Round == 0 && s.now.Before(s.inc.StartedAt.Add(r.Windows.Undiagnosed)) {
			return enqueue(ctx, tx, incidentJob(JobInvestigate, s.inc.ID, "", time.Time{}))
		}
		return r.rule(ctx, tx, &s, decide.Decide(r.input(s, pause, "")))
	}, nil
}

// afterwards sees to what a person's resolution leaves: proposals are withdrawn
// and the documents written, once.
func (r *Responder) afterwards(ctx context.Context, tx *store.Tx, s *snapshot) error {
	if s.inc.State != incident.Resolved || s.inc.ResolvedAt == nil {
		return nil
	}
	if slices.ContainsFunc(s.events, func(ev incident.Event) bool {
		return ev.Kind == incident.EventDocument && !ev.At.Before(*s.inc.ResolvedAt)
	}) {
		return nil
	}
	if err := r.expire(ctx, tx, s, nil); err != nil {
		return err
	}
	return enqueue(ctx, tx, incidentJob(JobDocument, s.inc.ID, "", time.Time{}))
}

// rule stores a verdict and follows it.
func (r *Responder) rule(ctx context.Context, tx *store.Tx, s *snapshot, v decide.Verdict) error {
	if err := r.tellVerdict(ctx, tx, s, v); err != nil {
		return err
	}
	if err := r.wouldAct(ctx, tx, s, v); err != nil {
		return err
	}
	switch v.Kind {
	case decide.Remediate:
		p := s.progress.Plan
		if err := r.expire(ctx, tx, s, nil); err != nil {
			return err
		}
		return r.intend(ctx, tx, s, action.Intent{
			Runbook: p.Runbook, RunbookSHA: p.RunbookSHA, PlanSHA: p.PlanSHA, Action: p.Action, Generation: p.Generation,
			BoundarySHA: v.BoundarySHA256,
		})
	case decide.Escalate:
		return r.escalate(ctx, tx, s, v)
	default:
		return r.watch(ctx, tx, s, v)
	}
}

// tellVerdict records the verdict; the same one again is neither stored nor told.
func (r *Responder) tellVerdict(ctx context.Context, tx *store.Tx, s *snapshot, v decide.Verdict) error {
	if n := len(s.verdicts); n > 0 && sameVerdict(s.verdicts[n-1], v) {
		return nil
	}
	if err := tx.AddVerdict(ctx, s.inc.ID, v); err != nil {
		return fmt.Errorf("store verdict of %s: %w", s.inc.ID, err)
	}
	s.verdicts = append(s.verdicts, v)
	r.metrics.verdicts.WithLabelValues(string(v.Kind)).Inc()
	text := fmt.Sprintf("%s: %s", v.Kind, strings.Join(v.Reasons, "; "))
	if v.Hold {
		text = "investigate on: " + strings.Join(v.Reasons, "; ")
	}
	return r.record(ctx, tx, *s, incident.NewEvent(incident.EventVerdict, incident.ActorRule, text, "rules", s.now).
		With("kind", string(v.Kind)).With("urgency", string(v.Urgency)))
}

func sameVerdict(a, b decide.Verdict) bool {
	return a.Kind == b.Kind && a.Urgency == b.Urgency && a.Hold == b.Hold && a.Approvers == b.Approvers &&
		a.BoundarySHA256 == b.BoundarySHA256 && slices.Equal(a.Reasons, b.Reasons)
}

// escalate hands the incident to people: proposals first, so that the page can
// name them, then the page if one is due. The investigation goes on.
func (r *Responder) escalate(ctx context.Context, tx *store.Tx, s *snapshot, v decide.Verdict) error {
	if err := r.propose(ctx, tx, s, v); err != nil {
		return err
	}
	if need, _ := escalate.NeedsPage(s.inc, v.Urgency); need {
		if err := r.page(ctx, tx, s, &v, v.Urgency); err != nil {
			return err
		}
	}
	if err := r.move(ctx, tx, s, incident.Mitigating, "handed to people"); err != nil {
		return err
	}
	return r.store(ctx, tx, s,
		incidentJob(JobInvestigate, s.inc.ID, "again", s.after(r.Windows.LookAgain)),
		incidentJob(JobDocument, s.inc.ID, "", time.Time{})) // a draft for those who take over
}

// watch comes back later; while the cause is not sure it investigates on.
func (r *Responder) watch(ctx context.Context, tx *store.Tx, s *snapshot, v decide.Verdict) error {
	next := v.NextLook
	if soon := s.after(r.Windows.LookAgain); v.Hold && soon.Before(next) {
		next = soon
	}
	if !v.Hold {
		if err := r.expire(ctx, tx, s, nil); err != nil {
			return err
		}
		if s.inc.State != incident.Mitigating { // people have it: they let go of it
			if err := r.move(ctx, tx, s, incident.Watching, "low impact"); err != nil {
				return err
			}
		}
	}
	return r.store(ctx, tx, s, incidentJob(JobInvestigate, s.inc.ID, "again", next))
}

// propose offers what people may approve or do by hand, each plan once.
func (r *Responder) propose(ctx context.Context, tx *store.Tx, s *snapshot, v decide.Verdict) error {
	var offers []incident.Proposal
	for _, p := range s.progress.Options {
		offers = append(offers, r.proposal(*s, p, v))
	}
	if s.progress.Undo != nil {
		offers = append(offers, r.undoProposal(*s))
	}
	if err := r.expire(ctx, tx, s, offers); err != nil {
		return err
	}
	for i, prop := range offers {
		if s.answered(prop) || !prop.IsUndo && s.progress.Stopped && s.progress.Options[i].Executable {
			continue
		}
		if err := tx.SaveProposal(ctx, prop); err != nil {
			return fmt.Errorf("store proposal of %s: %w", s.inc.ID, err)
		}
		s.proposals = append(s.proposals, prop)
		if err := r.record(ctx, tx, *s, incident.NewEvent(incident.EventProposal, incident.ActorAgent,
			fmt.Sprintf("%s (%s risk, %s)", prop.Title, prop.Action.Risk, prop.Action.Lasting), "runbook "+prop.Runbook, s.now).
			With("proposal", prop.ID)); err != nil {
			return err
		}
		if p := s.progress.Plan; prop.Recommend && !prop.IsUndo && p != nil {
			if _, err := r.addCase(ctx, tx, *s, *p, autonomy.Offered); err != nil {
				return err
			}
		}
	}
	return nil
}

// stands reports whether an earlier proposal offers the same: an approval binds
// the plan and the target's generation, and says who must give it.
func stands(old, now incident.Proposal) bool {
	return old.PlanSHA == now.PlanSHA && old.Generation == now.Generation && old.RunbookSHA == now.RunbookSHA &&
		old.BoundarySHA == now.BoundarySHA && slices.Equal(old.MayApprove, now.MayApprove) && old.FourEyes == now.FourEyes &&
		old.Executable == now.Executable && old.Recommend == now.Recommend && (old.Approvers == now.Approvers || !now.Executable)
}

// key identifies a plan; what only a person can do is known by its name.
func (p plan) key() string {
	if p.PlanSHA != "" {
		return p.PlanSHA
	}
	return p.Runbook + "/" + p.Option
}

// answered reports whether an offer waits for people already, or they decided
// it. One that they approved counts as open again when its action was cancelled
// before it started.
func (s snapshot) answered(offer incident.Proposal) bool {
	return slices.ContainsFunc(s.proposals, func(q incident.Proposal) bool {
		return q.PlanSHA == offer.PlanSHA && q.State != incident.Expired && !s.cancelled(q)
	})
}

// cancelled reports whether the action that a proposal led to never started.
func (s snapshot) cancelled(p incident.Proposal) bool {
	return p.State == incident.Approved && slices.ContainsFunc(s.intents, func(in action.Intent) bool {
		return in.ProposalID == p.ID && in.State == action.Cancelled
	})
}

func (r *Responder) proposal(s snapshot, p plan, v decide.Verdict) incident.Proposal {
	chosen := s.progress.Plan
	recommended := chosen != nil && chosen.key() == p.key()
	prop := incident.Proposal{
		ID: id.New("prop", s.now), IncidentID: s.inc.ID, Runbook: p.Runbook, RunbookSHA: p.RunbookSHA,
		Option: p.Option, Title: title(p), Action: p.Action, Cost: p.CostText, Pros: p.Pros, Cons: p.Cons, Check: p.Check,
		Recommend: recommended, Commands: p.Commands, PlanSHA: p.key(), Generation: p.Generation,
		Approvers: v.Approvers, MayApprove: v.MayApprove, FourEyes: v.FourEyes, Requesters: s.declaredBy(), BoundarySHA: r.Boundaries.SHA256(),
		Changes: changes(p, replicas(s.evidence, p.Action.Service), r.Redactor), State: incident.Waiting, At: s.now,
		Why: title(p),
	}
	if len(s.inc.Hypotheses) > 0 {
		prop.Why = s.inc.Hypotheses[0].Mechanism
	}
	// Only the remediation that the cause and the facts call for can be
	// executed: the rest is for people's hands.
	prop.Executable = recommended && p.Executable && v.Approvers >= 0
	if prop.Executable && !s.undoing && s.earned.Stage == boundary.Shadow {
		prop.Executable = false
		prop.Cons = strings.TrimSpace(prop.Cons + " (runbook " + p.Runbook + " is in stage shadow on " + p.Action.Service + ": Holdfast shows what it would do and does nothing)")
	}
	if s.progress.Run != nil && s.progress.Run.Runbook == p.Runbook {
		prop.Facts = s.progress.Run.Facts
	}
	return prop
}

// whileMonitoring puts what fires again after an action back to people.
func (r *Responder) whileMonitoring(ctx context.Context, tx *store.Tx, s *snapshot) error {
	return enqueue(ctx, tx, incidentJob(JobVerify, s.inc.ID, "", time.Time{}))
}

// quiet watches for recovery when nothing fires any more: a resolved alert
// alone proves nothing. Where it does not come, the verdict goes on.
func (r *Responder) quiet(ctx context.Context, tx *store.Tx, s *snapshot, pause decide.Pause) error {
	if s.progress.VerifyUntil.Before(s.now) {
		s.progress.VerifyUntil = s.after(r.Windows.VerifyTimeout)
	}
	if err := enqueue(ctx, tx, incidentJob(JobVerify, s.inc.ID, "", time.Time{})); err != nil {
		return err
	}
	if s.progress.Stopped || s.progress.Unrecovered {
		return r.rule(ctx, tx, s, decide.Decide(r.input(*s, pause, "")))
	}
	return r.store(ctx, tx, s)
}

// recheckInput reads the world once more just before an action starts.
func (r *Responder) recheckInput(ctx context.Context, s snapshot, in action.Intent, ex action.Executor) (decide.RecheckInput, error) {
	generation, err := ex.Generation(ctx, in.Action)
	if err != nil {
		return decide.RecheckInput{}, fmt.Errorf("read %s: %w", in.Action.Target, err)
	}
	if in.IsUndo {
		s.progress.Plan, s.undoing = s.progress.Undo, true
	}
	bounds := cmp.Or(in.BoundarySHA, decidedBounds(s))
	if in.Delegation != "" {
		s = r.asDelegated(ctx, s, s.progress.Delegated[in.Delegation])
	}
	facts := r.refresh(ctx, &s, in)
	check := decide.RecheckInput{
		Input: r.input(s, r.Paused(ctx), in.ID), PlanSHA: in.PlanSHA, Generation: generation,
		DecidedPlanSHA: in.PlanSHA, DecidedGen: in.Generation, DecidedBounds: bounds, FactsHold: facts,
	}
	if in.ApprovedBy != "" || in.Delegation != "" {
		check.Approval = r.approvalOf(s, in)
	}
	return check, nil
}

// refresh measures again: fresh samples, and the runbook's facts, over which
// the remediation must still be called for.
func (r *Responder) refresh(ctx context.Context, s *snapshot, in action.Intent) catalog.Flag {
	req := r.request(*s)
	items := evidence.Gather(ctx, r.Golden(s.inc.Environment), req, r.Windows.SourceTimeout, r.Redactor)
	s.progress.SampleAt = sampleAt(items, judged(s.inc.Services, in.Action.Service))
	if in.IsUndo {
		return stillWorse(*s, items)
	}
	if d, ok := s.progress.Delegated[in.Delegation]; ok && !d.Asks && in.Runbook == "" {
		return catalog.True // a person said so
	}
	rb, ok := r.Runbooks.Runbook(in.Runbook)
	if !ok || rb.SHA256() != in.RunbookSHA || s.progress.Run == nil {
		return catalog.False
	}
	if d, ok := s.progress.Delegated[in.Delegation]; ok && !d.Asks {
		return catalog.True // a person said so, and the runbook's promises are the same
	}
	v := r.vars(*s, s.progress.Run.Service)
	run := rb.Ask(ctx, r.Diagnostics(s.inc.Environment), v).Redacted(r.Redactor)
	for _, o := range rb.Options(run, v) {
		if s.progress.Plan != nil && o.Name == s.progress.Plan.Option {
			return decide.Is(o.Held)
		}
	}
	return catalog.False
}

// decidedBounds is the boundary file that the latest verdict saw: for intents
// from before they kept their own.
func decidedBounds(s snapshot) string {
	if len(s.verdicts) == 0 {
		return ""
	}
	return s.verdicts[len(s.verdicts)-1].BoundarySHA256
}

// approvalOf is who agreed to an action, from when the first of them did.
func (r *Responder) approvalOf(s snapshot, in action.Intent) *decide.Approval {
	for _, p := range s.proposals {
		if p.ID == in.ProposalID && p.State == incident.Approved {
			return &decide.Approval{
				By: r.approving(p.ApprovedBy), Requesters: s.requesters(p), At: p.ExpiresAt.Add(-r.approvalLives()), ExpiresAt: p.ExpiresAt,
				PlanSHA: p.PlanSHA, Generation: p.Generation,
			}
		}
	}
	return &decide.Approval{} // approved by nobody: refused
}

// title is what a plan does, in words.
func title(p plan) string {
	switch {
	case p.Title != "":
		return p.Title
	case p.Action.Name != "":
		return describe(p.Action)
	}
	return strings.ReplaceAll(p.Option, "-", " ")
}
