package watch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-sre/holdfast/internal/id"
	"github.com/holdfast-sre/holdfast/internal/jobs"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/signal"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// absence is when each firing signal of a source was first absent.
type absence map[string]time.Time // by fingerprint

func absenceKey(source string) string { return "absent/" + source }

// reconcile asks every Alertmanager what it holds. A silence there suppresses
// the resolved notification, so webhooks alone are not the truth.
func (w *Watch) reconcile(ctx context.Context, _ jobs.Job) (func(context.Context, *store.Tx) error, error) {
	var g errgroup.Group
	for _, src := range w.o.Sources {
		if src.Alerts != nil {
			g.Go(func() error { return w.reconcileOne(ctx, src) })
		}
	}
	return nil, g.Wait() //nolint:wrapcheck // each says its source
}

func (w *Watch) reconcileOne(ctx context.Context, src Source) error {
	now, err := w.clock(ctx) // before the question: a newer delivery wins
	if err != nil {
		return fmt.Errorf("reconcile %s: %w", src.Name, err)
	}
	poll, cancel := context.WithTimeout(ctx, pollTimeout)
	active, healthy, err := src.Alerts.Active(poll)
	cancel()
	w.note(ctx, "alertmanager of "+src.Name, err)
	if err != nil || !healthy {
		// What it does not hold says nothing: the count begins anew.
		return w.remember(ctx, src, absence{})
	}
	var firing []signal.Signal
	seen := absence{}
	err = w.store.View(ctx, func(tx *store.Tx) (err error) {
		if firing, err = tx.FiringSignals(ctx, src.Name); err != nil {
			return err
		}
		if err = tx.Get(ctx, absenceKey(src.Name), &seen); errors.Is(err, store.ErrNotFound) {
			err = nil
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("reconcile %s: %w", src.Name, err)
	}
	changed, still := compare(firing, active, seen, now, w.o.Absent)
	if len(changed) > 0 {
		if err := w.accept.Accept(ctx, signal.Delivery{Source: src.Name, Signals: changed, ReceivedAt: now}); err != nil {
			return fmt.Errorf("reconcile %s: %w", src.Name, err)
		}
	}
	return w.remember(ctx, src, still)
}

func (w *Watch) remember(ctx context.Context, src Source, a absence) error {
	err := w.store.Tx(ctx, func(tx *store.Tx) error {
		var old absence
		if err := tx.Get(ctx, absenceKey(src.Name), &old); err == nil && len(old) == 0 && len(a) == 0 {
			return nil
		}
		return tx.Put(ctx, absenceKey(src.Name), a)
	})
	if err != nil {
		return fmt.Errorf("reconcile %s: %w", src.Name, err)
	}
	return nil
}

// compare returns the firing signals that changed (silenced or not any more,
// or resolved because they were absent for long enough) and since when the
// others are absent. A resolved signal is marked: absence is no recovery.
func compare(firing, active []signal.Signal, seen absence, now time.Time, limit time.Duration) (changed []signal.Signal, still absence) {
	held := make(map[string]signal.Signal, len(active))
	for _, a := range active {
		held[a.Fingerprint] = a
	}
	still = absence{}
	for _, s := range firing {
		a, ok := held[s.Fingerprint]
		if ok {
			if a.Silenced != s.Silenced {
				s.Silenced, s.ReceivedAt = a.Silenced, now
				changed = append(changed, s)
			}
			continue
		}
		if s.ReceivedAt.After(now) {
			continue // it arrived while we asked
		}
		since, absent := seen[s.Fingerprint]
		if !absent || since.Before(s.ReceivedAt) {
			since = now
		}
		if now.Sub(since) < limit {
			still[s.Fingerprint] = since
			continue
		}
		s.Status, s.EndsAt, s.ReceivedAt = signal.Resolved, now, now
		s.Marks = append(slices.Clip(s.Marks), "absent from Alertmanager since "+since.UTC().Format(time.TimeOnly)+" UTC: taken as resolved, no proof of recovery")
		changed = append(changed, s)
	}
	return changed, still
}

// readRest reads the alerts that a delivery left out. A sender that can't be
// asked has lost them: that is a signal.
func (w *Watch) readRest(ctx context.Context, j jobs.Job) (func(context.Context, *store.Tx) error, error) {
	var rest signal.Rest
	if err := json.Unmarshal(j.Args, &rest); err != nil {
		return nil, jobs.Cancel(fmt.Errorf("arguments of %s %s: %w", j.Kind, j.Key, err))
	}
	now, err := w.clock(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the rest from %s: %w", rest.Source, err)
	}
	src, ok := w.source(rest.Source)
	if !ok || src.Alerts == nil {
		return nil, w.accept.Accept(ctx, signal.Delivery{ //nolint:wrapcheck // says it all
			Source: internalSource, Signals: []signal.Signal{lost(src, rest, now)}, ReceivedAt: now,
		})
	}
	poll, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	active, _, err := src.Alerts.Active(poll)
	if err != nil {
		return nil, fmt.Errorf("read the rest from %s: %w", rest.Source, err)
	}
	d := signal.Delivery{Source: src.Name, ReceivedAt: now}
	for _, s := range active {
		if s.Silenced || s.Name == src.Watchdog || !covers(rest.Labels, s.Labels) {
			continue
		}
		s.Source, s.Environment, s.ReceivedAt = src.Name, src.Environment, now
		s.ID = id.Of("sig", s.Source, s.Fingerprint)
		d.Signals = append(d.Signals, s)
	}
	return nil, w.accept.Accept(ctx, d) //nolint:wrapcheck // says it all
}

// covers reports whether labels hold everything in group.
func covers(group, labels map[string]string) bool {
	for k, v := range group {
		if labels[k] != v {
			return false
		}
	}
	return true
}

const internalSource = "holdfast"

// lost is the signal that alerts were left out and can't be read.
func lost(src Source, rest signal.Rest, now time.Time) signal.Signal {
	what := fmt.Sprintf("%d alerts", rest.Missing)
	if rest.Missing < 0 {
		what = "Some alerts"
	}
	return internal(src.Environment, "AlertsTruncated", rest.Source, now, severity.SEV2, map[string]string{
		"summary":     fmt.Sprintf("%s of source %s were left out and can't be read", what, rest.Source),
		"description": "The source names no Alertmanager to ask. Raise max_alerts in its webhook_config, or configure its URL.",
	})
}

// internal is a signal of Holdfast about itself.
func internal(environment, name, source string, at time.Time, sev severity.Severity, text map[string]string) signal.Signal {
	labels := map[string]string{"alertname": name, "source": source}
	fp := signal.Fingerprint(labels)
	if environment == "" {
		environment = internalSource
	}
	return signal.Signal{
		ID: id.Of("sig", internalSource, fp), Kind: signal.Internal, Source: internalSource, Environment: environment,
		Fingerprint: fp, Name: name, Status: signal.Firing, Severity: sev, Labels: labels, Annotations: text,
		StartsAt: at, ReceivedAt: at,
	}
}
