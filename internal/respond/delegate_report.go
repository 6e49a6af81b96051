package respond

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/jobs"
	"github.com/holdfast-sre/holdfast/internal/recovery"
	"github.com/holdfast-sre/holdfast/internal/store"
)

type delegationArgs struct {
	Incident   string `json:"incident"`
	Delegation string `json:"delegation"`
	Step       string `json:"step,omitempty"`
}

// asks reports whether a job is about the approval of a task alone.
func (a delegationArgs) asks() bool {
	return a.Step == stepRemind || strings.HasPrefix(a.Step, stepExpiry)
}

func delegationJob(incidentID, delegationID, step string, at time.Time) jobs.Job {
	args, _ := json.Marshal(delegationArgs{Incident: incidentID, Delegation: delegationID, Step: step}) // strings always marshal
	return jobs.Job{Kind: JobDelegation, Key: delegationID + "/" + step, Args: args, RunAt: at}
}

// delegation withdraws a task that nobody approved in time, asks for approval
// once more before that, and reports on one whose action ended.
func (r *Responder) delegation(ctx context.Context, j jobs.Job) (commit, error) {
	args, err := readArgs[delegationArgs](j)
	if err != nil {
		return nil, err
	}
	if args.Step == stepRemind {
		return r.remindApprovers(args), nil
	}
	s, err := r.load(ctx, args.Incident)
	if err != nil {
		return nil, err
	}
	d := s.delegation(args.Delegation)
	if d == nil {
		return nil, jobs.Cancel(fmt.Errorf("no task %s in %s", args.Delegation, args.Incident))
	}
	state, _ := d.Progress(s.proposals, s.intents, s.events)
	switch {
	case state == incident.DelegationWaiting:
		return r.withdrawDelegation(args), nil
	case args.asks():
		return nil, nil // another job watches
	}
	in, ok := s.intentOf(d.ProposalID)
	if !ok || in.FinishedAt.IsZero() || in.State == action.Cancelled || d.ReportedAt != nil {
		return nil, nil
	}
	if !r.watchOver(s, *d, in) {
		return r.watchTask(ctx, s, args, *d, in)
	}
	text, outcome := r.report(ctx, s, *d, in)
	return func(ctx context.Context, tx *store.Tx) error {
		s, err := r.loadIn(ctx, tx, args.Incident)
		if err != nil {
			return err
		}
		d := s.delegation(args.Delegation)
		if d == nil || d.ReportedAt != nil {
			return nil
		}
		at := s.now
		d.Report, d.ReportedAt, d.Outcome = text, &at, outcome
		if w := s.progress.Delegated[d.ID].Watched; outcome == incident.OutcomeWorse && (w == nil || !w.Told) {
			if err := r.tellWorse(ctx, tx, s, *d, in, text); err != nil {
				return err
			}
		}
		if err := r.record(ctx, tx, s, incident.NewEvent(incident.EventReported, incident.ActorAgent, text, "delegated by "+d.By, s.now).
			With("delegation", d.ID).With("intent", in.ID).With("state", string(in.State))); err != nil {
			return err
		}
		return r.store(ctx, tx, &s)
	}, nil
}

// intentOf is the action that a proposal led to.
func (s snapshot) intentOf(proposalID string) (action.Intent, bool) {
	i := slices.IndexFunc(s.intents, func(in action.Intent) bool { return proposalID != "" && in.ProposalID == proposalID })
	if i < 0 {
		return action.Intent{}, false
	}
	return s.intents[i], true
}

// reportDue is when a task is reported: after the watch, or at once where there
// is nothing to watch.
func reportDue(d incident.Delegation, in action.Intent) time.Time {
	if in.State != action.Done {
		return in.FinishedAt
	}
	return in.FinishedAt.Add(d.Watch)
}

// followUp enqueues the report on the task that an ended action was done for.
func (r *Responder) followUp(ctx context.Context, tx *store.Tx, s snapshot, in action.Intent) error {
	d := s.delegation(in.Delegation)
	if d == nil {
		return nil
	}
	at := reportDue(*d, in)
	if soon := in.FinishedAt.Add(r.lookEvery(d.Watch)); d.Watch > 0 && soon.Before(at) {
		at = soon // the first look
	}
	return enqueue(ctx, tx, delegationJob(in.IncidentID, d.ID, "report", at))
}

// expireDelegated withdraws the proposal of a task that can't be approved any more.
func (r *Responder) expireDelegated(ctx context.Context, tx *store.Tx, s *snapshot, i int) error {
	p := s.proposals[i]
	why := r.delegationVoid(*s, p)
	if why == "" {
		return nil
	}
	p.State = incident.Expired
	s.proposals[i] = p
	if err := tx.SaveProposal(ctx, p); err != nil {
		return err
	}
	if err := r.auditProposal(ctx, tx, incident.ActorRule, "withdraw", p, "withdrawn: "+why); err != nil {
		return err
	}
	return r.record(ctx, tx, *s, incident.NewEvent(incident.EventExpired, incident.ActorRule, "withdrawn: "+p.Title, why, s.now).With("proposal", p.ID))
}

func (r *Responder) withdrawDelegation(args delegationArgs) commit {
	return func(ctx context.Context, tx *store.Tx) error {
		s, err := r.loadIn(ctx, tx, args.Incident)
		if err != nil {
			return err
		}
		for i, p := range s.proposals {
			if p.Delegation != args.Delegation || p.State != incident.Waiting {
				continue
			}
			if err := r.expireDelegated(ctx, tx, &s, i); err != nil {
				return err
			}
			if s.proposals[i].State == incident.Waiting { // its first approval gave it more time
				return enqueue(ctx, tx, delegationJob(args.Incident, args.Delegation, stepExpiry+" "+p.ExpiresAt.UTC().Format(time.RFC3339Nano), p.ExpiresAt))
			}
		}
		return nil
	}
}

// report says what was done and, where that was asked for, what became of the
// signals of the target and of the affected services.
func (r *Responder) report(ctx context.Context, s snapshot, d incident.Delegation, in action.Intent) (string, incident.Outcome) {
	text := fmt.Sprintf("%s, asked for by %s: %s", describe(in.Action), d.By, in.State)
	if !in.StartedAt.IsZero() {
		text += " at " + in.StartedAt.UTC().Format("15:04:05") + " UTC"
	}
	if in.Outcome != "" {
		text += " (" + in.Outcome + ")"
	}
	if in.State != action.Done || d.Watch == 0 {
		return text, ""
	}
	names := watchedServices(s, in)
	check := r.measureOf(ctx, s, names)
	w := s.progress.Delegated[d.ID].Watched
	outcome, compared := w.compared(check)
	text += ". After " + max(s.now.Sub(in.FinishedAt), 0).Round(time.Second).String()
	if w != nil && w.Looks > 0 {
		text += fmt.Sprintf(" and %d looks", w.Looks+1)
	}
	if d.StoppedAt != nil {
		text += fmt.Sprintf(" (%s stopped the watch; %s was asked for)", d.StoppedBy, d.Watch)
	}
	if s.now.Before(in.FinishedAt) {
		text += " (the clock was put back: how long was watched is not known)"
	}
	return text + ": " + compared + ". " + signalsInWords(check, names), outcome
}

// signalsInWords says of each service what is in its usual range, what is not,
// and what could not be measured.
func signalsInWords(c recovery.Check, names []string) string {
	var parts []string
	for _, name := range names {
		in, out, missing := 0, []string{}, []string{}
		for _, m := range c.Metrics {
			if m.Service != name {
				continue
			}
			if m.Stale || len(m.Now.Points) == 0 {
				missing = append(missing, string(m.Signal))
				continue
			}
			if ok, why := recovery.InBand(m.Metric); !ok {
				out = append(out, why)
				continue
			}
			in++
		}
		parts = append(parts, oneInWords(name, in, out, missing))
	}
	if len(c.Firing) > 0 {
		parts = append(parts, "still firing: "+strings.Join(c.Firing, ", "))
	}
	for _, source := range c.Down {
		parts = append(parts, source+" did not answer")
	}
	return strings.Join(parts, "; ")
}

func oneInWords(name string, in int, out, missing []string) string {
	var said []string
	switch {
	case in+len(out)+len(missing) == 0:
		return name + " could not be measured"
	case len(out) == 0 && in > 0:
		said = append(said, fmt.Sprintf("%d signals in their usual range", in))
		if in == 1 {
			said[0] = "its one signal in its usual range"
		}
	case len(out) > 0:
		said = append(said, "not in its usual range: "+strings.Join(out, ", "))
	}
	if len(missing) > 0 {
		said = append(said, "not measured: "+strings.Join(missing, ", "))
	}
	return name + " " + strings.Join(said, "; ")
}

// delegationGaveUp reports a task whose signals could not be looked at.
func (r *Responder) delegationGaveUp(ctx context.Context, tx *store.Tx, j jobs.Job, cause error) error {
	args, err := readArgs[delegationArgs](j)
	if err != nil {
		return err
	}
	s, err := r.loadIn(ctx, tx, args.Incident)
	if err != nil {
		return err
	}
	d := s.delegation(args.Delegation)
	if d == nil || d.ReportedAt != nil {
		return nil
	}
	in, ok := s.intentOf(d.ProposalID)
	switch {
	case !ok:
		return r.withdrawDelegation(args)(ctx, tx)
	case args.asks():
		return nil // its report is another job's
	}
	at := s.now
	d.Report, d.ReportedAt = fmt.Sprintf("%s: %s; the report could not be made: %v", describe(in.Action), in.State, cause), &at
	if err := r.record(ctx, tx, s, incident.NewEvent(incident.EventReported, incident.ActorAgent, d.Report, "delegated by "+d.By, s.now).With("delegation", d.ID)); err != nil {
		return err
	}
	return r.store(ctx, tx, &s)
}
