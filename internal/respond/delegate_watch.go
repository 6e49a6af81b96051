package respond

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/escalate"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/jobs"
	"github.com/holdfast-sre/holdfast/internal/recovery"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// How a task's signals are watched.
const (
	looksOfAWatch = 20          // as many at least, where VerifyEvery allows it
	longestLook   = time.Minute // between two looks
	worseTwice    = 2           // looks in a row after which people are told
)

// watched is what is kept of the watch after a task's action.
type watched struct {
	Before  []recovery.Reading `json:"before,omitempty"` // just before the action
	Looks   int                `json:"looks,omitempty"`
	Blind   int                `json:"blind,omitempty"` // looks at which nothing could be read
	InARow  int                `json:"in_a_row,omitempty"`
	Bad     int                `json:"bad,omitempty"`   // looks at which something was worse than before
	BadAt   time.Time          `json:"bad_at,omitzero"` // the first of them
	BadText string             `json:"bad_text,omitempty"`
	Told    bool               `json:"told,omitempty"` // people were told that it is worse
}

// lookEvery is the time between two looks of a watch.
func (r *Responder) lookEvery(watch time.Duration) time.Duration {
	return min(max(watch/looksOfAWatch, r.Windows.VerifyEvery), longestLook)
}

// baseline reads the signals that a task's watch will compare with, just before
// its action; nil when there is no watch.
func (r *Responder) baseline(ctx context.Context, s snapshot, in action.Intent) []recovery.Reading {
	d := s.delegation(in.Delegation)
	if d == nil || d.Watch == 0 {
		return nil
	}
	return recovery.Readings(r.measureOf(ctx, s, watchedServices(s, in)))
}

// keepBaseline puts the baseline into the loop's memory, with the start.
func (r *Responder) keepBaseline(ctx context.Context, tx *store.Tx, s snapshot, in action.Intent, before []recovery.Reading) error {
	if len(before) == 0 {
		return nil
	}
	d := s.progress.Delegated[in.Delegation]
	d.Watched = &watched{Before: before}
	s.progress.Delegated[in.Delegation] = d
	if err := tx.Put(ctx, progressKey(s.inc.ID), s.progress); err != nil {
		return fmt.Errorf("store progress of %s: %w", s.inc.ID, err)
	}
	return nil
}

// watchedServices are the target of an action and the incident's own services.
func watchedServices(s snapshot, in action.Intent) []string {
	names := []string{in.Action.Service}
	for _, n := range s.inc.Services {
		if !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return names
}

// watchOver reports whether a watch has ended: by its time, by a person, or
// because the clock was put back so far that its time says nothing.
func (r *Responder) watchOver(s snapshot, d incident.Delegation, in action.Intent) bool {
	if d.StoppedAt != nil || in.State != action.Done || d.Watch == 0 || !s.now.Before(reportDue(d, in)) {
		return true
	}
	w := s.progress.Delegated[d.ID].Watched
	return w != nil && w.Looks > 2*int(d.Watch/r.lookEvery(d.Watch))+looksOfAWatch
}

// watchTask measures once during a watch, and comes back.
func (r *Responder) watchTask(ctx context.Context, s snapshot, args delegationArgs, d incident.Delegation, in action.Intent) (commit, error) {
	r.Step("looking")
	check := r.measureOf(ctx, s, watchedServices(s, in))
	every := r.lookEvery(d.Watch)
	left := reportDue(d, in).Sub(s.now)
	return func(ctx context.Context, tx *store.Tx) error {
		s, err := r.loadIn(ctx, tx, args.Incident)
		if err != nil {
			return err
		}
		d := s.delegation(args.Delegation)
		if d == nil || d.ReportedAt != nil || d.StoppedAt != nil {
			return nil
		}
		if err := r.looked(ctx, tx, &s, *d, in, check); err != nil {
			return err
		}
		if err := tx.Put(ctx, progressKey(s.inc.ID), s.progress); err != nil {
			return fmt.Errorf("store progress of %s: %w", s.inc.ID, err)
		}
		return nil
	}, jobs.Snooze(min(every, max(left, time.Millisecond)))
}

// looked keeps what one look gave; what is worse twice in a row is told at once.
func (r *Responder) looked(ctx context.Context, tx *store.Tx, s *snapshot, d incident.Delegation, in action.Intent, check recovery.Check) error {
	kept, ok := s.progress.Delegated[d.ID]
	if !ok {
		return nil
	}
	w := watched{}
	if kept.Watched != nil {
		w = *kept.Watched
	}
	now := recovery.Readings(check)
	c := recovery.Compare(w.Before, now)
	w.Looks++
	if len(now) == 0 {
		w.Blind++
	}
	if len(c.Worse) == 0 {
		w.InARow = 0
	} else {
		w.InARow++
		if w.Bad++; w.BadAt.IsZero() {
			w.BadAt = s.now
		}
		w.BadText = strings.Join(c.Worse, "; ")
	}
	if w.InARow >= worseTwice && !w.Told {
		w.Told = true
		if err := r.tellWorse(ctx, tx, *s, d, in, w.BadText); err != nil {
			return err
		}
	}
	kept.Watched = &w
	s.progress.Delegated[d.ID] = kept
	return nil
}

// tellWorse puts on the timeline that it is worse since the action, and tells
// people.
func (r *Responder) tellWorse(ctx context.Context, tx *store.Tx, s snapshot, d incident.Delegation, in action.Intent, text string) error {
	m := escalate.Worse(escalate.Worsened{
		Now: s.now, Incident: s.inc, Action: in.Action, At: in.FinishedAt, By: d.By, Task: d.Task, Text: text, URL: r.URL(s.inc.ID),
	}, "worse/"+d.ID)
	if err := r.send(ctx, tx, s.inc.ID, m); err != nil {
		return err
	}
	return r.record(ctx, tx, s, incident.NewEvent(incident.EventRecovery, incident.ActorRule,
		"worse since "+describe(in.Action)+": "+text, "the watch of a task", s.now).With("delegation", d.ID).With("intent", in.ID).With("key", m.Key))
}

// compared says what became of the signals over a watch, and in one word.
func (w *watched) compared(check recovery.Check) (incident.Outcome, string) {
	now := recovery.Readings(check)
	if w == nil || len(w.Before) == 0 {
		return incident.OutcomeUnknown, "how it was before is not known"
	}
	c := recovery.Compare(w.Before, now)
	var said []string
	outcome := incident.OutcomeUnchanged
	switch {
	case len(c.Worse) > 0:
		outcome = incident.OutcomeWorse
		said = append(said, "WORSE than before: "+strings.Join(c.Worse, ", "))
	case c.Both == 0 || len(c.New) > 0 || len(c.Lost) > 0:
		outcome = incident.OutcomeUnknown
		said = append(said, "whether it is worse than before can't be said")
	case len(c.Better) > 0:
		outcome = incident.OutcomeBetter
		how := "better than before: "
		if slices.ContainsFunc(now, func(r recovery.Reading) bool { return !r.InBand }) {
			how = "partly better than before: "
		}
		said = append(said, how+strings.Join(c.Better, ", "))
	default:
		said = append(said, "no worse than before")
	}
	for _, part := range []struct {
		what string
		list []string
	}{{"out of its usual range, and not measured before: ", c.New}, {"measured before and not any more: ", c.Lost}} {
		if len(part.list) > 0 {
			said = append(said, part.what+strings.Join(part.list, ", "))
		}
	}
	if w.Bad > 0 && outcome != incident.OutcomeWorse {
		said = append(said, fmt.Sprintf("it was worse at %d of %d looks, first at %s UTC: %s", w.Bad, w.Looks, w.BadAt.UTC().Format("15:04:05"), w.BadText))
	}
	if w.Blind > 0 {
		said = append(said, fmt.Sprintf("%d of %d looks saw nothing", w.Blind, w.Looks))
	}
	return outcome, strings.Join(said, "; ")
}
