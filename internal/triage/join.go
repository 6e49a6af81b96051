package triage

import (
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/audit"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/signal"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// join takes signals into an incident that exists, and whatever else the round
// found out about it.
func (r *round) join(ctx context.Context, w *work) error {
	inc, err := r.tx.Incident(ctx, w.key)
	if err != nil {
		return err
	}
	j := &joining{round: r, inc: &inc, w: w}
	for _, step := range []func(context.Context) error{j.reopen, j.take, j.merge, j.end, j.flap} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if err := r.tx.UpdateIncident(ctx, &inc); err != nil {
		return err
	}
	if err := r.tx.AddEvents(ctx, inc.ID, j.rows...); err != nil {
		return err
	}
	if err := r.tx.MarkTriaged(ctx, append(ids(w.firing), ids(w.ended)...), inc.ID); err != nil {
		return err
	}
	return j.enqueue(ctx)
}

type joining struct {
	*round
	inc        *incident.Incident
	w          *work
	rows       []incident.Event
	reopened   bool
	crowded    bool // signals joined a moment ago as well
	scope      incident.Scope
	mergedMore bool
}

// note adds a row that only tells.
func (j *joining) note(kind, text, cause string, data map[string]any) {
	ev := incident.NewEvent(kind, incident.ActorAgent, text, cause, j.now)
	for _, k := range sorted(data) {
		ev = ev.With(k, data[k])
	}
	j.rows = append(j.rows, ev)
}

func (j *joining) apply(ev incident.Event) error {
	row, err := j.inc.Apply(ev)
	if err == nil {
		j.rows = append(j.rows, row)
	}
	return err
}

// reopen brings a resolved incident back when one of its alerts fires again.
func (j *joining) reopen(context.Context) error {
	if len(j.w.firing) == 0 || j.inc.State != incident.Resolved {
		return nil
	}
	j.reopened = true
	return j.apply(incident.Transition(incident.Investigating, incident.ActorRule,
		"a resolved alert fired again within "+short(j.s.o.Group.Window), j.now))
}

// take lets signals join; the severity rises with them.
func (j *joining) take(context.Context) error {
	if len(j.w.firing) == 0 {
		return nil
	}
	j.crowded = j.now.Sub(j.inc.LastSignalAt) < crowd
	j.scope = j.inc.Join(j.w.firing, j.s.catalog.Owner)
	text := j.verb() + ": " + tell(j.w.firing) + "."
	j.note(incident.EventSignal, text, j.w.why, map[string]any{
		"signals": few(j.w.firing), "count": len(j.w.firing), "status": "firing",
	})
	if len(j.scope.NewServices) > 0 || len(j.scope.NewOwners) > 0 {
		j.note(incident.EventTriaged, "Scope grew: "+scopeText(j.inc)+".", "joined signals", map[string]any{
			"services": j.scope.NewServices, "owners": j.scope.NewOwners,
		})
	}
	return j.raise(j.scope.Raised, j.scope.Reason)
}

// verb says what the firing signals do: join, fire again, or (all of them known)
// change their labels, severity or silence.
func (j *joining) verb() string {
	switch {
	case len(j.w.again) > 0:
		return "Fired again"
	case slices.ContainsFunc(j.w.firing, func(s signal.Signal) bool { return s.IncidentID != j.inc.ID }):
		return "Joined"
	case !slices.ContainsFunc(j.w.firing, func(s signal.Signal) bool { return !s.Silenced }):
		return "Silenced by people"
	}
	return "Changed"
}

func (j *joining) raise(to severity.Severity, why string) error {
	if to == severity.Unset {
		return nil
	}
	return j.apply(incident.SeverityChange(to, incident.ActorRule, why, j.now))
}

// merge takes incidents that turned out to be about the same problem.
func (j *joining) merge(ctx context.Context) error {
	for _, id := range j.w.took {
		from, err := j.tx.Incident(ctx, id)
		if err != nil {
			return err
		}
		if err := j.s.mergeInto(ctx, j.tx, j.inc, &from, incident.ActorAgent, "same problem: "+j.w.why, &j.rows); err != nil {
			return fmt.Errorf("merge %s: %w", id, err)
		}
		j.mergedMore = true
	}
	return nil
}

// end notes resolved signals. That an alert ended is no proof of recovery: the
// verdict looks at the measurements.
func (j *joining) end(context.Context) error {
	if len(j.w.ended) > 0 {
		j.note(incident.EventSignal, "Resolved: "+tell(j.w.ended)+".", "the sender says so", map[string]any{
			"signals": few(j.w.ended), "count": len(j.w.ended), "status": "resolved",
		})
	}
	return nil
}

// flap counts alerts that fired again. Twice within the window is flapping: one
// notice, with the keep_firing_for that would have held the alert through its
// longest gap.
func (j *joining) flap(context.Context) error {
	if len(j.w.again) == 0 {
		return nil
	}
	gap := time.Duration(0)
	for _, a := range j.w.again {
		gap = max(gap, a.gap)
	}
	flapping := j.inc.FiredAgain(j.now, j.s.o.Flapping)
	if !flapping || j.inc.Flapping {
		return nil
	}
	hold := keepFiringFor(gap)
	names := tell(j.w.firing)
	return j.apply(incident.NewEvent(incident.EventFlapping, incident.ActorRule,
		fmt.Sprintf("Flapping: %s fired again twice within %s. No action is taken. Proposed for the rule: keep_firing_for: %s.",
			names, short(j.s.o.Flapping), short(hold)),
		"fired again twice", j.now).With("keep_firing_for", short(hold)))
}

// keepFiringFor returns a usual duration of at least one and a half gaps.
func keepFiringFor(gap time.Duration) time.Duration {
	for _, d := range []time.Duration{5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute} {
		if d >= gap*3/2 {
			return d
		}
	}
	return time.Hour
}

// short writes a duration as Prometheus does: "30m", not "30m0s".
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// In a storm signals join every moment. More of the same, which neither raise
// the severity nor widen the scope, then share a verdict: it waits as long again
// as the incident is old, so that reading thousands of signals stays rare.
const (
	crowd       = time.Second      // signals that join this close to each other are a crowd
	ruleSoonest = 3 * time.Second  // its verdict waits about so long at least
	ruleLatest  = 15 * time.Second // and at most so long
)

// enqueue has the verdict made again on every change; a wider scope is looked
// at anew first.
func (j *joining) enqueue(ctx context.Context) error {
	if j.crowded && j.moreOfTheSame() {
		_, err := tryEnqueue(ctx, j.tx, KindDecide, j.inc.ID+"/crowd", map[string]string{"incident": j.inc.ID}, j.now.Add(j.crowdWait()))
		return err
	}
	if j.reopened || j.mergedMore || len(j.scope.NewServices) > 0 {
		if err := again(ctx, j.tx, KindInvestigate, j.inc.ID); err != nil {
			return err
		}
	}
	if j.reopened || j.mergedMore || j.scope.Wider() {
		if err := j.s.pageSoon(ctx, j.tx, j.inc, j.now); err != nil {
			return err
		}
	}
	return again(ctx, j.tx, KindDecide, j.inc.ID)
}

// crowdWait is how long the verdict on a crowd waits. A storm opens many
// incidents at once: up to a third less, by the incident's ID, keeps their
// verdicts apart.
func (j *joining) crowdWait() time.Duration {
	wait := min(max(j.now.Sub(j.inc.StartedAt), ruleSoonest), ruleLatest)
	h := fnv.New32a()
	_, _ = io.WriteString(h, j.inc.ID)
	return wait - wait/3*time.Duration(h.Sum32()%100)/100
}

// moreOfTheSame reports whether new signals joined and nothing else changed.
func (j *joining) moreOfTheSame() bool {
	known := slices.ContainsFunc(j.w.firing, func(s signal.Signal) bool { return s.IncidentID == j.inc.ID })
	return !known && !j.reopened && !j.mergedMore && len(j.w.ended) == 0 && len(j.w.again) == 0 &&
		len(j.scope.NewServices) == 0 && len(j.scope.NewOwners) == 0 && j.scope.Raised == severity.Unset
}

// mergeInto ends from in favour of into: signals move, both timelines and the
// audit say so. The caller stores into and its rows.
func (s *Service) mergeInto(ctx context.Context, tx *store.Tx, into, from *incident.Incident, actor, cause string, rows *[]incident.Event) error {
	now := tx.Now()
	intoRows, fromRows, err := incident.Merge(into, from, actor, cause, now)
	if err != nil {
		return err
	}
	moved, err := tx.Signals(ctx, from.ID)
	if err != nil {
		return err
	}
	if err := tx.AttachSignals(ctx, ids(moved), into.ID); err != nil {
		return err
	}
	if err := tx.UpdateIncident(ctx, from); err != nil {
		return err
	}
	if err := tx.AddEvents(ctx, from.ID, fromRows...); err != nil {
		return err
	}
	*rows = append(*rows, intoRows...)
	s.o.Log.InfoContext(ctx, "incident merged", "incident", from.ID, "into", into.ID, "actor", actor)
	return tx.AppendAudit(ctx, audit.Record{
		At: now, Actor: actor, Action: "incident.merge", Target: from.ID, Reason: cause,
		Params: []byte("{}"), Outcome: "merged into " + into.ID, Incident: from.ID,
	})
}
