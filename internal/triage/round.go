package triage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/signal"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// round is the triage of one chunk: signals are placed one by one, then each
// incident that they touch is written once.
type round struct {
	s       *Service
	tx      *store.Tx
	now     time.Time
	grouper *signal.Grouper
	work    map[string]*work // by group key: an incident's ID, or of a new group
	united  map[string]string
	orphans []string // IDs of signals that need no incident
}

// work is what one chunk does to one incident.
type work struct {
	key     string
	why     string
	firing  []signal.Signal
	ended   []signal.Signal // resolved ones
	again   []refire
	earlier []string // ended incidents of the same alerts
	took    []string // incidents that turned out to be the same problem
}

// refire is a resolved signal that fired again.
type refire struct {
	sig signal.Signal
	gap time.Duration
}

func (s *Service) newRound(ctx context.Context, tx *store.Tx) (*round, error) {
	r := &round{
		s: s, tx: tx, now: tx.Now(), grouper: signal.NewGrouper(s.catalog, s.o.Group),
		work: map[string]*work{}, united: map[string]string{},
	}
	active, err := tx.Incidents(ctx, store.IncidentFilter{States: incident.ActiveStates()})
	if err != nil {
		return nil, err
	}
	for i := range active {
		r.seed(&active[i])
	}
	return r, nil
}

// seed tells the grouper about an incident. One that people or an action are at
// work on is never united into another behind their back.
func (r *round) seed(inc *incident.Incident) {
	held := inc.AcknowledgedAt != nil || inc.Commander != "" ||
		inc.State == incident.Mitigating || inc.State == incident.Monitoring
	r.grouper.Seed(signal.Group{
		Key: inc.ID, Environment: inc.Environment, Lone: inc.GroupKey, Services: inc.Services,
		StartedAt: inc.StartedAt, LastAt: inc.LastSignalAt, Held: held,
	})
}

// place finds the incident of one signal.
func (r *round) place(ctx context.Context, sig signal.Signal) error {
	if sig.Status == signal.Resolved {
		return r.resolved(ctx, sig)
	}
	again, err := r.firedAgain(ctx, sig)
	if err != nil {
		return err
	}
	earlier := ""
	if sig.IncidentID != "" {
		sig.IncidentID, earlier, err = r.former(ctx, sig.IncidentID)
		if err != nil {
			return err
		}
	}
	p := r.grouper.Add(sig)
	for _, key := range p.United {
		r.united[key] = p.Key
	}
	w := r.at(p.Key)
	if w.why == "" {
		w.why = p.Why
	}
	w.firing = append(w.firing, sig)
	if earlier != "" && !slices.Contains(w.earlier, earlier) {
		w.earlier = append(w.earlier, earlier)
	}
	if again != nil && sig.Kind != signal.Internal {
		w.again = append(w.again, *again)
	}
	return nil
}

func (r *round) at(key string) *work {
	w := r.work[key]
	if w == nil {
		w = &work{key: key}
		r.work[key] = w
	}
	return w
}

// former follows the incident that a signal belonged to. It returns the one
// that takes the signal back (going on, or resolved inside the window), or the
// ended one to link to.
func (r *round) former(ctx context.Context, id string) (current, earlier string, err error) {
	for range 8 { // merged incidents point on
		if r.known(id) {
			return id, "", nil
		}
		inc, err := r.tx.Incident(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			return "", "", nil
		}
		if err != nil {
			return "", "", err
		}
		switch {
		case inc.State == incident.Merged:
			id = inc.MergedInto
		case inc.State == incident.Resolved && inc.ResolvedAt != nil && r.now.Sub(*inc.ResolvedAt) <= r.s.o.Group.Window:
			r.seed(&inc)
			return id, "", nil
		case inc.State.Active():
			return id, "", nil
		case r.now.Sub(inc.StartedAt) <= r.s.o.Recurs:
			return "", id, nil
		default:
			return "", "", nil
		}
	}
	return "", "", fmt.Errorf("incident %s: merged in a circle", id)
}

func (r *round) known(id string) bool { return r.grouper.Has(id) }

// quiet is what is remembered of a signal between its end and its next start.
type quiet struct {
	Since time.Time `json:"since"`
}

func quietKey(sig signal.Signal) string { return "quiet/" + sig.ID }

// resolved notes the end of a signal with its incident; without one there is
// nothing to do.
func (r *round) resolved(ctx context.Context, sig signal.Signal) error {
	id := sig.IncidentID
	if id == "" {
		r.orphans = append(r.orphans, sig.ID)
		return nil
	}
	if err := r.tx.Put(ctx, quietKey(sig), quiet{Since: r.now}); err != nil {
		return err
	}
	w := r.at(id)
	w.ended = append(w.ended, sig)
	return nil
}

// firedAgain says whether a signal was resolved before, and for how long.
func (r *round) firedAgain(ctx context.Context, sig signal.Signal) (*refire, error) {
	if sig.IncidentID == "" {
		return nil, nil
	}
	var q quiet
	err := r.tx.Get(ctx, quietKey(sig), &q)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := r.tx.Delete(ctx, quietKey(sig)); err != nil {
		return nil, err
	}
	return &refire{sig: sig, gap: r.now.Sub(q.Since)}, nil
}

// finish writes what the round found, the worst incident first.
func (r *round) finish(ctx context.Context) error {
	if len(r.orphans) > 0 {
		if err := r.tx.MarkTriaged(ctx, r.orphans, ""); err != nil {
			return err
		}
	}
	r.fold()
	all := make([]*work, 0, len(r.work))
	for _, w := range r.work {
		all = append(all, w)
	}
	slices.SortFunc(all, func(a, b *work) int {
		return cmp.Or(cmp.Compare(a.worst(), b.worst()), cmp.Compare(a.key, b.key))
	})
	for _, w := range all {
		if err := r.write(ctx, w); err != nil {
			return fmt.Errorf("incident %s: %w", w.key, err)
		}
	}
	return nil
}

// fold moves the work of united groups to the group that took them.
func (r *round) fold() {
	for _, key := range sorted(r.united) {
		into := r.at(r.grouper.Find(key))
		if !signal.Opened(key) {
			into.took = append(into.took, key)
		}
		if from := r.work[key]; from != nil && from != into {
			into.firing = append(into.firing, from.firing...)
			into.ended = append(into.ended, from.ended...)
			into.again = append(into.again, from.again...)
			into.earlier = append(into.earlier, from.earlier...)
			into.why = cmp.Or(into.why, from.why)
			delete(r.work, key)
		}
	}
	for _, w := range r.work {
		slices.SortStableFunc(w.firing, func(a, b signal.Signal) int { return cmp.Compare(a.Severity, b.Severity) })
	}
}

// worst orders incidents; one without a firing signal comes last.
func (w *work) worst() severity.Severity {
	if len(w.firing) == 0 {
		return severity.SEV4 + 1
	}
	return w.firing[0].Severity
}

func (r *round) write(ctx context.Context, w *work) error {
	if signal.Opened(w.key) {
		return r.open(ctx, w)
	}
	return r.join(ctx, w)
}

func ids(signals []signal.Signal) []string {
	out := make([]string, 0, len(signals))
	for _, s := range signals {
		out = append(out, s.ID)
	}
	return out
}
