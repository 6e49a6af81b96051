package respond

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/escalate"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/jobs"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// maxWaiting bounds how many tasks of one incident wait for people at a time:
// each of them asks the approvers.
const maxWaiting = 5

// remindBefore is how long before a task runs out its approvers are asked again;
// a third of an approval's life where that is shorter.
const remindBefore = 5 * time.Minute

// The steps of a task's jobs that ask its approvers again, and withdraw it when
// they did not approve in time.
const (
	stepRemind = "remind"
	stepExpiry = "expiry"
)

// remindAt is when the approvers of a task are asked again.
func (r *Responder) remindAt(p incident.Proposal) time.Time {
	return p.ExpiresAt.Add(-min(remindBefore, r.approvalLives()/3))
}

// askApprovers tells people that a task waits for them, once, and enqueues the
// reminder.
func (r *Responder) askApprovers(ctx context.Context, tx *store.Tx, s snapshot, p incident.Proposal, boundary string) error {
	if err := r.sendAsking(ctx, tx, s, p, boundary, false); err != nil {
		return err
	}
	return enqueue(ctx, tx, delegationJob(s.inc.ID, p.Delegation, stepRemind, r.remindAt(p)))
}

// remindApprovers asks once more, shortly before a task that still waits runs out.
func (r *Responder) remindApprovers(args delegationArgs) commit {
	return func(ctx context.Context, tx *store.Tx) error {
		s, err := r.loadIn(ctx, tx, args.Incident)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(s.proposals, func(p incident.Proposal) bool { return p.Delegation == args.Delegation })
		if i < 0 || s.proposals[i].State != incident.Waiting || r.delegationVoid(s, s.proposals[i]) != "" {
			return nil
		}
		p := s.proposals[i]
		if at := r.remindAt(p); s.now.Before(at) { // a first approval gave it more time
			return enqueue(ctx, tx, delegationJob(args.Incident, args.Delegation, stepRemind, at))
		}
		in := r.input(s.withTask(s.progress.Delegated[args.Delegation]), decide.Running, "")
		return r.sendAsking(ctx, tx, s, p, in.Boundary.Reason, true)
	}
}

func (r *Responder) sendAsking(ctx context.Context, tx *store.Tx, s snapshot, p incident.Proposal, boundary string, last bool) error {
	d := s.delegation(p.Delegation)
	if d == nil {
		return fmt.Errorf("no task %s in %s", p.Delegation, s.inc.ID)
	}
	a := escalate.Asking{
		Now: s.now, Incident: s.inc, Proposal: p, By: d.By, Task: d.Task, Watch: d.Watch, Last: last,
		Affects: r.Catalog.Dependants(p.Action.Service), URL: r.URL(s.inc.ID), Boundary: boundary,
	}
	if u := s.progress.Delegated[d.ID].Plan.Undo; u != nil {
		a.Undo = describe(*u)
	}
	key, text := "approve/"+p.ID, "asked for approval of "+describe(p.Action)
	if last {
		key, text = key+"/last", "asked once more for approval of "+describe(p.Action)
	}
	m := escalate.Ask(a, key)
	if err := r.send(ctx, tx, s.inc.ID, m); err != nil {
		return err
	}
	return r.record(ctx, tx, s, incident.NewEvent(incident.EventNote, incident.ActorAgent,
		text+", until "+p.ExpiresAt.UTC().Format("15:04:05")+" UTC: "+escalate.Approvals(p), "delegated by "+d.By, s.now).
		With("delegation", d.ID).With("proposal", p.ID).With("urgency", m.Urgency).With("key", m.Key))
}

// send enqueues the delivery of a message to every notifier.
func (r *Responder) send(ctx context.Context, tx *store.Tx, incidentID string, m escalate.Message) error {
	for _, n := range r.Notifiers {
		args, err := json.Marshal(notice{Incident: incidentID, Notifier: n.Name(), Message: m})
		if err != nil {
			return fmt.Errorf("message %s: %w", m.Key, err)
		}
		if err := enqueue(ctx, tx, jobs.Job{Kind: JobNotify, Key: m.Key + "/" + n.Name(), Args: args, MaxAttempts: 20}); err != nil {
			return err
		}
	}
	return nil
}

// waitingTasks counts the tasks that wait for people.
func (s *snapshot) waitingTasks() (n int) {
	for _, p := range s.proposals {
		if p.Delegation != "" && p.State == incident.Waiting {
			n++
		}
	}
	return n
}
