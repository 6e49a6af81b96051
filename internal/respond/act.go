package respond

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/audit"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/jobs"
	"github.com/holdfast-sre/holdfast/internal/recovery"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// startGrace is how long after the intent was marked as started the call may
// still begin: a process that slept in between (a stopped machine, a rescued
// job) leaves the action alone and settles it instead.
const startGrace = 3 * time.Second

type actArgs struct {
	Incident string `json:"incident"`
	Intent   string `json:"intent"`
}

func actJob(in action.Intent) jobs.Job {
	args, _ := json.Marshal(actArgs{Incident: in.IncidentID, Intent: in.ID}) // two strings always marshal
	return jobs.Job{Kind: JobAct, Key: in.ID, Args: args, MaxAttempts: 5}
}

// act brings one intent to its end. The states of the intent make it run at
// most once: only the transaction that moves it from intended to started lets
// the executor be called, and an intent that is found started is settled by
// reading the target.
func (r *Responder) act(ctx context.Context, j jobs.Job) (commit, error) {
	args, err := readArgs[actArgs](j)
	if err != nil {
		return nil, err
	}
	s, err := r.load(ctx, args.Incident)
	if err != nil {
		return nil, err
	}
	in, err := s.intent(args.Intent)
	if err != nil {
		return nil, jobs.Cancel(err)
	}
	ex, ok := r.Executors[in.Action.Name]
	missing := fmt.Sprintf("nothing here can do %s", in.Action.Name)
	switch {
	case in.State == action.Intended && !ok:
		return r.cancel(in, missing), nil
	case in.State == action.Intended && s.over():
		return r.cancel(in, "the incident is "+string(s.inc.State)), nil
	case in.State == action.Intended && !r.sameTarget(in.Action):
		return r.cancel(in, anotherTarget), nil
	case in.State == action.Intended:
		return r.start(ctx, s, in, ex)
	case in.State == action.Started && !ok:
		return r.finish(in, action.Unknown, missing+" any more: what became of it is not known"), nil
	case in.State == action.Started:
		return r.settle(ctx, in, ex)
	}
	return nil, nil // ended before
}

func (s snapshot) intent(id string) (action.Intent, error) {
	for _, in := range s.intents {
		if in.ID == id {
			return in, nil
		}
	}
	return action.Intent{}, fmt.Errorf("no action %s in %s", id, s.inc.ID)
}

// start rechecks, saves what would be lost, marks the intent as started, and
// only then acts.
func (r *Responder) start(ctx context.Context, s snapshot, in action.Intent, ex action.Executor) (commit, error) {
	r.Step("intended")
	before := r.baseline(ctx, s, in)
	check, err := r.recheckInput(ctx, s, in, ex)
	if err != nil {
		return nil, err
	}
	if ok, reason := decide.Recheck(check); !ok {
		return r.cancel(in, reason), nil
	}
	saved, err := ex.Save(ctx, in.Action)
	if err != nil {
		return r.cancel(in, fmt.Sprintf("what the action would destroy could not be saved: %v", err)), nil
	}
	r.Step("saved")
	startedAt, err := r.markStarted(ctx, in, check.Generation, saved, before)
	if err != nil {
		return nil, err // intended still: the job comes again
	}
	in.StartedAt, in.Generation = startedAt, check.Generation
	r.Step("started")
	owned, err := r.owns(ctx, startedAt)
	if err != nil || !owned {
		return r.settle(ctx, in, ex)
	}
	outcome, err := ex.Do(ctx, in.Action, in.ID)
	r.Step("done")
	switch {
	case err == nil:
		return r.finish(in, action.Done, outcome), nil
	case errors.Is(err, action.ErrUnknownOutcome):
		r.Log.WarnContext(ctx, "outcome of an action is unknown", "intent", in.ID, "error", err)
		return r.settle(context.WithoutCancel(ctx), in, ex)
	default:
		return r.finish(in, action.Failed, err.Error()), nil
	}
}

// markStarted moves the intent from intended to started. Whoever commits this
// first owns the action; nobody else will call the executor.
func (r *Responder) markStarted(ctx context.Context, in action.Intent, generation string, saved []byte, before []recovery.Reading) (at time.Time, err error) {
	err = r.Store.Tx(ctx, func(tx *store.Tx) error {
		s, err := r.loadIn(ctx, tx, in.IncidentID) // locks the incident
		if err != nil {
			return err
		}
		now, err := s.intent(in.ID)
		if err != nil {
			return err
		}
		if err := r.mayStart(ctx, tx, s, now); err != nil {
			return err
		}
		if err := r.ran(ctx, tx, s, now); err != nil {
			return err
		}
		if err := r.keepBaseline(ctx, tx, s, now, before); err != nil {
			return err
		}
		now.State, now.StartedAt, now.Generation = action.Started, tx.Now(), generation
		at = now.StartedAt
		if err := tx.SaveIntent(ctx, now); err != nil {
			return err
		}
		if len(saved) > 0 {
			saved = []byte(r.Redactor.String(string(saved)))
			if err := tx.SaveArtifact(ctx, in.IncidentID, in.ID, "before", saved); err != nil {
				return err
			}
		}
		return r.record(ctx, tx, s, incident.Event{
			Kind: incident.EventAction, Actor: incident.ActorAgent,
			Text: fmt.Sprintf("started %s of %s", now.Action.Name, now.Action.Target.Name),
			Data: map[string]any{"cause": "verdict", "intent": in.ID, "saved_bytes": len(saved)},
		})
	})
	return at, err
}

// mayStart says whether an intent may still start as the transaction sees it.
func (r *Responder) mayStart(ctx context.Context, tx *store.Tx, s snapshot, in action.Intent) error {
	if in.State != action.Intended {
		return fmt.Errorf("action %s is %s by now: %w", in.ID, in.State, store.ErrConflict)
	}
	if s.over() {
		return fmt.Errorf("%s is %s by now: %w", s.inc.ID, s.inc.State, store.ErrConflict)
	}
	if p := r.Paused(ctx); p != decide.Running {
		return fmt.Errorf("actions are stopped (%s): %w", p, store.ErrConflict)
	}
	why, err := r.allowed(ctx, tx, s, in)
	if err != nil {
		return err
	}
	if why != "" {
		return fmt.Errorf("%s: %w", why, store.ErrConflict)
	}
	return nil
}

// owns re-checks by the database's clock that the intent was started just now
// by this run.
func (r *Responder) owns(ctx context.Context, startedAt time.Time) (bool, error) {
	var now time.Time
	err := r.Store.View(ctx, func(tx *store.Tx) error {
		now = tx.Now()
		return nil
	})
	return err == nil && now.Sub(startedAt) < startGrace, err
}

// settle reads the target after an interrupted or unanswered action.
func (r *Responder) settle(ctx context.Context, in action.Intent, ex action.Executor) (commit, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r.Step("settling")
	state, outcome, err := ex.Settle(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("settle %s: %w", in.ID, err) // the target may answer later
	}
	return r.finish(in, state, outcome), nil
}

// actGaveUp ends an action that could not be settled as unknown: a person
// decides.
func (r *Responder) actGaveUp(ctx context.Context, tx *store.Tx, j jobs.Job, cause error) error {
	args, err := readArgs[actArgs](j)
	if err != nil {
		return err
	}
	in, err := tx.Intent(ctx, args.Intent)
	if err != nil {
		return err
	}
	switch in.State {
	case action.Intended:
		return r.cancel(in, "could not be started: "+cause.Error())(ctx, tx)
	case action.Started:
		return r.finish(in, action.Unknown, cause.Error())(ctx, tx)
	}
	return nil
}

// finish stores the end of an action and what follows from it.
func (r *Responder) finish(in action.Intent, state action.State, outcome string) commit {
	return func(ctx context.Context, tx *store.Tx) error {
		s, err := r.loadIn(ctx, tx, in.IncidentID)
		if err != nil {
			return err
		}
		in, err := s.intent(in.ID)
		if err != nil {
			return err
		}
		in.State, in.Outcome, in.FinishedAt = state, outcome, s.now
		if in.IsUndo {
			s.progress.Undo = nil // offered once
		}
		if err := tx.SaveIntent(ctx, in); err != nil {
			return err
		}
		r.metrics.actions.WithLabelValues(string(in.State)).Inc()
		if err := r.auditAction(ctx, tx, in, string(state)); err != nil {
			return err
		}
		if err := r.record(ctx, tx, s, incident.Event{
			Kind: incident.EventAction, Actor: incident.ActorAgent,
			Text: fmt.Sprintf("%s of %s: %s (%s)", in.Action.Name, in.Action.Target.Name, state, outcome),
			Data: map[string]any{"cause": "action", "intent": in.ID, "state": string(state)},
		}); err != nil {
			return err
		}
		if err := r.followUp(ctx, tx, s, in); err != nil {
			return err
		}
		if s.over() {
			return nil // people ended it meanwhile
		}
		if state != action.Done {
			return r.stop(ctx, tx, &s, fmt.Sprintf("%s of %s ended %s", in.Action.Name, in.Action.Target.Name, state))
		}
		if err := r.move(ctx, tx, &s, incident.Monitoring, "action done"); err != nil {
			return err
		}
		s.progress.VerifyUntil = s.after(r.Windows.VerifyTimeout)
		s.progress.Recovery.GoodSince = time.Time{}
		s.progress.Verification = r.beginVerification(s, in)
		s.progress.ErrorsAtAction, s.progress.Recovery.Worst = failingShare(s.progress.Measured), 0
		return r.store(ctx, tx, &s, incidentJob(JobVerify, in.IncidentID, "", time.Time{}))
	}
}

// cancel withdraws an action that must not start, and decides again.
func (r *Responder) cancel(in action.Intent, reason string) commit {
	return func(ctx context.Context, tx *store.Tx) error {
		s, err := r.loadIn(ctx, tx, in.IncidentID)
		if err != nil {
			return err
		}
		in, err := s.intent(in.ID)
		if err != nil || in.State != action.Intended {
			return err
		}
		in.State, in.Outcome, in.FinishedAt = action.Cancelled, reason, s.now
		if err := tx.SaveIntent(ctx, in); err != nil {
			return err
		}
		r.metrics.actions.WithLabelValues(string(in.State)).Inc()
		if err := r.auditAction(ctx, tx, in, "cancelled: "+reason); err != nil {
			return err
		}
		if err := r.record(ctx, tx, s, incident.Event{
			Kind: incident.EventAction, Actor: incident.ActorRule,
			Text: fmt.Sprintf("%s of %s cancelled before it started: %s", in.Action.Name, in.Action.Target.Name, reason),
			Data: map[string]any{"cause": reason, "intent": in.ID, "state": string(action.Cancelled)},
		}); err != nil {
			return err
		}
		return enqueue(ctx, tx, incidentJob(JobInvestigate, in.IncidentID, "", time.Time{}))
	}
}

// stop ends acting on an incident: a person takes over.
func (r *Responder) stop(ctx context.Context, tx *store.Tx, s *snapshot, why string) error {
	if s.progress.Stopped { // said before
		return r.store(ctx, tx, s, incidentJob(JobDecide, s.inc.ID, "", time.Time{}))
	}
	s.progress.Stopped = true
	if err := r.record(ctx, tx, *s, incident.Event{
		Kind: incident.EventNote, Actor: incident.ActorRule, Text: "no further action: " + why,
		Data: map[string]any{"cause": why},
	}); err != nil {
		return err
	}
	return r.store(ctx, tx, s, incidentJob(JobDecide, s.inc.ID, "", time.Time{}))
}

// store writes the incident and the loop's memory, and enqueues what is next.
func (r *Responder) store(ctx context.Context, tx *store.Tx, s *snapshot, next ...jobs.Job) error {
	if err := tx.UpdateIncident(ctx, &s.inc); err != nil {
		return fmt.Errorf("store %s: %w", s.inc.ID, err)
	}
	if err := tx.Put(ctx, progressKey(s.inc.ID), s.progress); err != nil {
		return fmt.Errorf("store progress of %s: %w", s.inc.ID, err)
	}
	for _, j := range next {
		if err := enqueue(ctx, tx, j); err != nil {
			return err
		}
	}
	return nil
}

// auditAction appends what became of an action.
func (r *Responder) auditAction(ctx context.Context, tx *store.Tx, in action.Intent, outcome string) error {
	params, err := json.Marshal(map[string]any{
		"intent": in.ID, "params": in.Action.Params, "risk": in.Action.Risk, "lasting": in.Action.Lasting,
		"plan_sha256": in.PlanSHA, "approved_by": in.ApprovedBy, "generation": in.Generation,
	})
	if err != nil {
		return fmt.Errorf("audit %s: %w", in.ID, err)
	}
	return tx.AppendAudit(ctx, audit.Record{
		At: tx.Now(), Actor: in.By, Action: in.Action.Name, Target: in.Action.Target.String(),
		Reason: cmp.Or(in.Reason, "runbook "+in.Runbook), Params: params, Outcome: outcome, Incident: in.IncidentID,
		BoundarySHA256: r.Boundaries.SHA256(), RunbookSHA256: in.RunbookSHA,
	}, "params.approved_by")
}
