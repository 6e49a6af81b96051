package watch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-sre/holdfast/internal/jobs"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/signal"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// lookedKey holds when watchdogs were last looked after: while Holdfast was
// down, nothing could arrive, and that is not the sender's fault.
const lookedKey = "watchdog-looked"

// watchdogs raises a signal for each always-firing alert that stays away, and
// ends it when the alert is back.
func (w *Watch) watchdogs(ctx context.Context, _ jobs.Job) (func(context.Context, *store.Tx) error, error) {
	var out signal.Delivery
	err := w.store.Tx(ctx, func(tx *store.Tx) error {
		out = signal.Delivery{Source: internalSource, ReceivedAt: tx.Now()}
		var looked time.Time
		if err := get(ctx, tx, lookedKey, &looked); err != nil {
			return err
		}
		wasDown := tx.Now().Sub(looked) > 3*watchdogEvery
		for _, src := range w.o.Sources {
			if src.Watchdog == "" {
				continue
			}
			s, changed, err := w.watchdog(ctx, tx, src, wasDown)
			if err != nil {
				return fmt.Errorf("watchdog of %s: %w", src.Name, err)
			}
			if changed {
				out.Signals = append(out.Signals, s)
			}
		}
		return tx.Put(ctx, lookedKey, tx.Now())
	})
	if err != nil || len(out.Signals) == 0 {
		return nil, err //nolint:wrapcheck // the store names itself
	}
	return nil, w.accept.Accept(ctx, out) //nolint:wrapcheck // says it all
}

// watchdog looks after one source. A source never heard of, and every source
// after Holdfast was down, has a whole limit to report.
func (w *Watch) watchdog(ctx context.Context, tx *store.Tx, src Source, wasDown bool) (signal.Signal, bool, error) {
	limit := src.WatchdogLimit
	if limit == 0 {
		limit = watchdogLimit
	}
	now := tx.Now()
	var seen signal.Seen
	if err := get(ctx, tx, signal.WatchdogKey(src.Name), &seen); err != nil {
		return signal.Signal{}, false, err
	}
	if seen.At.IsZero() || wasDown && now.Sub(seen.At) > limit {
		seen.At = now
		if err := tx.Put(ctx, signal.WatchdogKey(src.Name), seen); err != nil {
			return signal.Signal{}, false, err
		}
	}
	s := missing(src, seen.At.Add(limit), limit)
	old, err := tx.Signal(ctx, s.Source, s.Fingerprint)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return signal.Signal{}, false, err
	}
	firing := err == nil && old.Status == signal.Firing
	switch away := now.Sub(seen.At) > limit; {
	case away && !firing:
		s.ReceivedAt = now
		return s, true, nil
	case !away && firing:
		old.Status, old.EndsAt, old.ReceivedAt = signal.Resolved, now, now
		return old, true, nil
	}
	return signal.Signal{}, false, nil
}

func missing(src Source, since time.Time, limit time.Duration) signal.Signal {
	return internal(src.Environment, "WatchdogMissing", src.Name, since, severity.SEV2, map[string]string{
		"summary": fmt.Sprintf("No alert can arrive from %s: its %s stayed away for more than %s", src.Name, src.Watchdog, limit),
		"description": "The always-firing alert proves that Prometheus, Alertmanager and the way to Holdfast work. " +
			"While it is missing, silence means nothing.",
	})
}

// get reads a small state; one that is not there stays zero.
func get(ctx context.Context, tx *store.Tx, key string, v any) error {
	err := tx.Get(ctx, key, v)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err //nolint:wrapcheck // the store names itself
}
