package respond

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/escalate"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/jobs"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// firstPage pages for a SEV-1 or SEV-2 whose diagnosis did not come in time, and
// for what joined one that an action or the watch for recovery keeps from a new
// verdict; the investigation goes on.
func (r *Responder) firstPage(ctx context.Context, j jobs.Job) (commit, error) {
	args, err := readArgs[incidentArgs](j)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, tx *store.Tx) error {
		s, err := r.loadIn(ctx, tx, args.Incident)
		if err != nil || s.over() {
			return err
		}
		if need, _ := escalate.NeedsPage(s.inc, decide.PageUrgency); !need {
			return nil
		}
		if at, ok := decide.FirstPage(r.decideIncident(s)); !ok || s.now.Before(at) {
			return nil
		}
		if err := r.page(ctx, tx, &s, nil, decide.PageUrgency); err != nil {
			return err
		}
		return tx.UpdateIncident(ctx, &s.inc)
	}, nil
}

// notice is one message to one notifier, as the arguments of its job.
type notice struct {
	Incident string           `json:"incident"`
	Notifier string           `json:"notifier"`
	Message  escalate.Message `json:"message"`
}

// page writes a page for the incident into s.inc and enqueues its delivery to
// every notifier. The caller stores s.inc in the same transaction.
func (r *Responder) page(ctx context.Context, tx *store.Tx, s *snapshot, v *decide.Verdict, urgency decide.Urgency) error {
	_, why := escalate.NeedsPage(s.inc, urgency)
	r.metrics.pages.WithLabelValues(string(urgency)).Inc()
	content := escalate.Page(r.escalation(*s, v), urgency)
	s.inc.Paged = append(s.inc.Paged, incident.Page{
		At: s.now, Urgency: string(urgency), Severity: s.inc.Severity,
		Services: s.inc.Services, Owners: s.inc.Owners,
	})
	m := content.Message("page/" + s.inc.ID + "/" + strconv.Itoa(len(s.inc.Paged)))
	if err := r.send(ctx, tx, s.inc.ID, m); err != nil {
		return err
	}
	switch {
	case v != nil:
		why = strings.Join(v.Reasons, "; ")
	case s.progress.Round == 0:
		why = "the first diagnosis is not there yet"
	}
	return r.record(ctx, tx, *s, incident.Event{
		Kind: incident.EventPaged, Actor: incident.ActorAgent,
		Text: fmt.Sprintf("%s to %s: %s", urgency, recipients(content), content.Summary),
		Data: map[string]any{"cause": why, "urgency": string(urgency), "key": m.Key},
	})
}

func recipients(c escalate.Content) string {
	var names []string
	for _, to := range c.To {
		names = append(names, to.Name)
	}
	if len(names) == 0 {
		return "on-call"
	}
	return strings.Join(names, ", ")
}

func (r *Responder) escalation(s snapshot, v *decide.Verdict) escalate.Snapshot {
	return escalate.Snapshot{
		Now: s.now, Incident: s.inc, Signals: s.signals, Evidence: s.evidence, Verdict: v,
		Proposals: s.proposals, Intents: s.intents, Events: s.events,
		Services: r.services(s.inc.Services), URL: r.URL(s.inc.ID),
	}
}

// notify delivers one message; the queue retries it until the receiver takes
// or finally refuses it.
func (r *Responder) notify(ctx context.Context, j jobs.Job) (commit, error) {
	args, err := readArgs[notice](j)
	if err != nil {
		return nil, err
	}
	for _, n := range r.Notifiers {
		if n.Name() != args.Notifier {
			continue
		}
		err := n.Notify(ctx, args.Message)
		r.pagers.note(n.Name(), err)
		if err != nil {
			if errors.Is(err, escalate.ErrRefused) {
				return nil, jobs.Cancel(err)
			}
			return nil, err
		}
		return nil, nil
	}
	return nil, jobs.Cancel(fmt.Errorf("notifier %q is not configured any more", args.Notifier))
}

// notifyGaveUp puts a page that reached nobody on the timeline, where the
// incident page shows it.
func (r *Responder) notifyGaveUp(ctx context.Context, tx *store.Tx, j jobs.Job, cause error) error {
	args, err := readArgs[notice](j)
	if err != nil {
		return err
	}
	r.metrics.undelivered.Inc()
	r.Log.ErrorContext(ctx, "page not delivered", "incident", args.Incident, "notifier", args.Notifier, "error", cause)
	return tx.AddEvents(ctx, args.Incident, incident.Event{
		At: tx.Now(), Kind: incident.EventNote, Actor: incident.ActorSystem,
		Text: "could not reach " + args.Notifier, Data: map[string]any{"cause": cause.Error()},
	})
}

// record adds events to the timeline at the transaction's time.
func (r *Responder) record(ctx context.Context, tx *store.Tx, s snapshot, events ...incident.Event) error {
	for i := range events {
		if events[i].At.IsZero() {
			events[i].At = s.now
		}
		if events[i].Actor == "" {
			events[i].Actor = incident.ActorAgent
		}
	}
	return tx.AddEvents(ctx, s.inc.ID, events...)
}

// move changes the state of the incident in s and puts it on the timeline.
// Moving to where it stands is nothing.
func (r *Responder) move(ctx context.Context, tx *store.Tx, s *snapshot, to incident.State, why string) error {
	if s.inc.State == to {
		return nil
	}
	ev, err := s.inc.Apply(incident.Transition(to, incident.ActorAgent, why, s.now))
	if err != nil {
		return fmt.Errorf("%s: %w", s.inc.ID, err)
	}
	return r.record(ctx, tx, *s, ev)
}

// after returns the time d from the snapshot.
func (s snapshot) after(d time.Duration) time.Time { return s.now.Add(d) }
