package triage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-sre/holdfast/internal/jobs"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// drainFor is how long one run of the job works before it makes room; the job
// has 15 seconds.
const drainFor = 8 * time.Second

// turnKey is written first in every transaction of triage: they wait for each
// other, on every replica.
const turnKey = "triage/turn"

// drain takes pending signals chunk by chunk, worst first, each chunk in a
// transaction of its own. What arrived during the last one is taken in the
// transaction that completes the job, so that no wake-up is lost.
func (s *Service) drain(ctx context.Context, _ jobs.Job) (func(context.Context, *store.Tx) error, error) {
	start := time.Now()
	for time.Since(start) < drainFor {
		n, err := s.Drain(ctx)
		if err != nil {
			return nil, err
		}
		if n < s.o.Chunk {
			return func(ctx context.Context, tx *store.Tx) error {
				_, err := s.chunk(ctx, tx)
				return err
			}, nil
		}
	}
	return nil, jobs.Snooze(0)
}

// Drain triages one chunk of pending signals and returns how many there were;
// fewer than a full chunk means that nothing is left.
func (s *Service) Drain(ctx context.Context) (n int, err error) {
	for range 3 { // an incident may be changed under us
		err = s.store.Tx(ctx, func(tx *store.Tx) (err error) {
			n, err = s.chunk(ctx, tx)
			return err
		})
		if !errors.Is(err, store.ErrConflict) {
			break
		}
	}
	if err != nil {
		return 0, fmt.Errorf("triage: %w", err)
	}
	return n, nil
}

func (s *Service) chunk(ctx context.Context, tx *store.Tx) (int, error) {
	if err := tx.Put(ctx, turnKey, tx.Now()); err != nil {
		return 0, err
	}
	pending, err := tx.PendingSignals(ctx, s.o.Chunk)
	if err != nil || len(pending) == 0 {
		return 0, err
	}
	r, err := s.newRound(ctx, tx)
	if err != nil {
		return 0, err
	}
	for _, sig := range pending {
		if err := r.place(ctx, sig); err != nil {
			return 0, fmt.Errorf("signal %s: %w", sig.ID, err)
		}
	}
	if err := r.finish(ctx); err != nil {
		return 0, err
	}
	return len(pending), nil
}
