package triage

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/audit"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/signal"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// open makes the incident of a new group.
func (r *round) open(ctx context.Context, w *work) error {
	inc := incident.FromSignals(w.firing, r.s.catalog.Owner, r.now)
	inc.Earlier = w.earlier
	cause := w.why
	opened := incident.NewEvent(incident.EventOpened, incident.ActorAgent,
		fmt.Sprintf("%s opened by %s.", inc.Severity, tell(w.firing)), cause, inc.StartedAt).
		With("signals", few(w.firing)).With("count", len(w.firing))
	if err := r.s.begin(ctx, r.tx, &inc, opened, w.firing[0]); err != nil {
		return err
	}
	return r.tx.MarkTriaged(ctx, ids(w.firing), inc.ID)
}

// begin stores a new incident with its first events, its context package and
// its first jobs. The claim is the agent's own: it acknowledges nothing anywhere.
func (s *Service) begin(ctx context.Context, tx *store.Tx, inc *incident.Incident, opened incident.Event, lead signal.Signal) error {
	now := tx.Now()
	triaged, err := inc.Apply(incident.NewEvent(incident.EventTriaged, incident.ActorAgent,
		"Claimed by the agent: "+scopeText(inc)+".", "new incident", now).
		With("severity", inc.Severity.String()).With("services", inc.Services).With("owners", inc.Owners))
	if err != nil {
		return err
	}
	if err := tx.CreateIncident(ctx, inc); err != nil {
		return err
	}
	changes, err := tx.Changes(ctx, store.ChangeFilter{
		Environment: inc.Environment, Services: inc.Services, From: now.Add(-s.o.Lookback), To: now,
	})
	if err != nil {
		return err
	}
	if len(inc.Services) == 0 {
		changes = nil // whose changes would they be?
	}
	inc.Contexts = incident.Context{Incident: *inc, Lead: lead, Changes: changes, Now: now}.Package()
	if err := tx.UpdateIncident(ctx, inc); err != nil {
		return err
	}
	rows := []incident.Event{opened, triaged}
	if len(inc.Earlier) > 0 {
		rows = append(rows, incident.NewEvent(incident.EventNote, incident.ActorAgent,
			"The same alert led to "+strings.Join(inc.Earlier, ", ")+" within 30 days.", "recurrence", now).
			With("earlier", inc.Earlier))
	}
	if err := tx.AddEvents(ctx, inc.ID, rows...); err != nil {
		return err
	}
	if err := tx.AppendAudit(ctx, audit.Record{
		At: now, Actor: opened.Actor, Action: "incident.open", Target: inc.ID, Reason: reasonOf(opened),
		Params: []byte("{}"), Outcome: string(inc.State), Incident: inc.ID,
	}); err != nil {
		return err
	}
	s.o.Log.InfoContext(ctx, "incident opened", "incident", inc.ID, "severity", inc.Severity,
		"services", inc.Services, "environment", inc.Environment)
	return s.firstJobs(ctx, tx, inc, now)
}

func (s *Service) firstJobs(ctx context.Context, tx *store.Tx, inc *incident.Incident, now time.Time) error {
	if err := about(ctx, tx, KindInvestigate, inc.ID, time.Time{}); err != nil {
		return err
	}
	// Whatever becomes of the investigation, a person looks after ten minutes.
	args, late := map[string]string{"incident": inc.ID}, inc.StartedAt.Add(decide.DiagnoseWithin)
	if err := enqueue(ctx, tx, KindDecide, inc.ID+"/undiagnosed", args, late); err != nil {
		return err
	}
	return s.pageSoon(ctx, tx, inc, now)
}

// pageSoon has people paged in time whatever else goes on with the incident; the
// job looks whether they still have to be.
func (s *Service) pageSoon(ctx context.Context, tx *store.Tx, inc *incident.Incident, now time.Time) error {
	if inc.Severity != severity.SEV1 && inc.Severity != severity.SEV2 {
		return nil
	}
	return about(ctx, tx, KindFirstPage, inc.ID, now.Add(FirstPageAfter))
}

// about enqueues work on an incident, now or at a time.
func about(ctx context.Context, tx *store.Tx, kind, id string, at time.Time) error {
	return enqueue(ctx, tx, kind, id, map[string]string{"incident": id}, at)
}

// again enqueues work that must see what this transaction writes. While the
// same work runs, or waits for a later time, its key is taken; a second key
// makes sure that it runs once more.
func again(ctx context.Context, tx *store.Tx, kind, id string) error {
	args := map[string]string{"incident": id}
	inserted, err := tryEnqueue(ctx, tx, kind, id, args, time.Time{})
	if err != nil || inserted {
		return err
	}
	return enqueue(ctx, tx, kind, id+"/again", args, time.Time{})
}

func reasonOf(ev incident.Event) string {
	cause, _ := ev.Data["cause"].(string)
	return cause
}

func scopeText(inc *incident.Incident) string {
	if len(inc.Services) == 0 {
		return fmt.Sprintf("%s in %s, mapped to no service", inc.Severity, inc.Environment)
	}
	text := fmt.Sprintf("%s in %s, affects %s", inc.Severity, inc.Environment, strings.Join(inc.Services, ", "))
	if len(inc.Owners) > 0 {
		text += ", owned by " + strings.Join(inc.Owners, ", ")
	}
	return text
}

// tellAtMost bounds how many alert names stand in one row of a timeline.
const tellAtMost = 3

// tell names signals in words: "alert PoolExhausted (booking-api)", or a count
// with the commonest names when there are many.
func tell(signals []signal.Signal) string {
	counts := map[string]int{}
	for _, s := range signals {
		name := signal.Clean(strings.Join(strings.Fields(s.Name), " "), 100)
		if s.Service != "" {
			name += " (" + s.Service + ")"
		}
		counts[name]++
	}
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		if counts[a] != counts[b] {
			return counts[b] - counts[a]
		}
		return strings.Compare(a, b)
	})
	for n, name := range names {
		if counts[name] > 1 {
			names[n] = fmt.Sprintf("%s ×%d", name, counts[name])
		}
	}
	if len(signals) == 1 {
		return kindWord(signals[0]) + " " + names[0]
	}
	more := ""
	if len(names) > tellAtMost {
		more = fmt.Sprintf(" and %d more", len(names)-tellAtMost)
		names = names[:tellAtMost]
	}
	return fmt.Sprintf("%d signals: %s%s", len(signals), strings.Join(names, ", "), more)
}

func kindWord(s signal.Signal) string {
	if s.Kind == signal.Internal {
		return "Holdfast's own signal"
	}
	return string(s.Kind)
}

// few returns the identifiers of at most 20 signals: a row stays small.
func few(signals []signal.Signal) []string { return ids(signals[:min(len(signals), 20)]) }

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
