package triage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-sre/holdfast/internal/jobs"
	"github.com/holdfast-sre/holdfast/internal/signal"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// Accept commits a delivery and the work that it makes necessary in one
// transaction, shared with whoever commits at the same moment.
func (s *Service) Accept(ctx context.Context, d signal.Delivery) error {
	err := s.store.TxGrouped(ctx, func(tx *store.Tx) error { return s.accept(ctx, tx, d) })
	if err != nil {
		return fmt.Errorf("accept from %s: %w", d.Source, err)
	}
	return nil
}

func (s *Service) accept(ctx context.Context, tx *store.Tx, d signal.Delivery) error {
	if d.Key != "" {
		fresh, err := tx.AcceptDelivery(ctx, d.Source+"/"+d.Key)
		if err != nil || !fresh {
			return err
		}
	}
	if d.Watchdog {
		if err := tx.Put(ctx, signal.WatchdogKey(d.Source), signal.Seen{At: d.ReceivedAt}); err != nil {
			return err
		}
	}
	for _, c := range d.Changes {
		if _, err := tx.SaveChange(ctx, c); err != nil {
			return err
		}
	}
	if d.Missing != 0 {
		rest := signal.Rest{Source: d.Source, Labels: d.Group, Missing: d.Missing}
		key := d.Source + "/" + signal.Fingerprint(d.Group)
		if err := enqueue(ctx, tx, signal.ReadRestJob, key, rest, time.Time{}); err != nil {
			return err
		}
	}
	if len(d.Signals) == 0 {
		return nil
	}
	signals, err := keepStarts(ctx, tx, d.Signals)
	if err != nil {
		return err
	}
	changed, err := tx.SaveSignals(ctx, signals)
	if err != nil || changed == 0 {
		return err
	}
	return enqueue(ctx, tx, KindTriage, signal.PendingKey, nil, time.Time{})
}

// keepStarts gives a firing signal whose start had to be guessed the start that
// was guessed when it first arrived, so that the same notification twice
// changes nothing.
func keepStarts(ctx context.Context, tx *store.Tx, in []signal.Signal) ([]signal.Signal, error) {
	if !slices.ContainsFunc(in, signal.Signal.StartGuessed) {
		return in, nil
	}
	out := slices.Clone(in)
	for i, s := range out {
		if !s.StartGuessed() {
			continue
		}
		old, err := tx.Signal(ctx, s.Source, s.Fingerprint)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if old.Status == signal.Firing {
			out[i].StartsAt = old.StartsAt
		}
	}
	return out, nil
}

// enqueue adds a job; one with its kind and key that is not finished stands for it.
func enqueue(ctx context.Context, tx *store.Tx, kind, key string, args any, at time.Time) error {
	_, err := tryEnqueue(ctx, tx, kind, key, args, at)
	return err
}

func tryEnqueue(ctx context.Context, tx *store.Tx, kind, key string, args any, at time.Time) (bool, error) {
	if args == nil {
		args = struct{}{}
	}
	body, err := json.Marshal(args)
	if err != nil {
		return false, err
	}
	inserted, err := tx.Enqueue(ctx, jobs.Job{Kind: kind, Key: key, Args: body, RunAt: at})
	if err != nil {
		return false, fmt.Errorf("enqueue %s %s: %w", kind, key, err)
	}
	return inserted, nil
}
