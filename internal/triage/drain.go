package triage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-sre/holdfast/internal/jobs"
	"github.com/holdfast-sre/holdfast/internal/signal"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// drainFor is how long one run of the job works before it makes room; the job
// has 15 seconds.
const drainFor = 8 * time.Second

// pace is the least time between two runs of the job: in a storm a run then
// takes many deliveries at once instead of writing every incident for each.
const pace = 100 * time.Millisecond

// turnKey is written first in every transaction of triage: they wait for each
// other, on every replica.
const turnKey = "triage/turn"

// drain takes pending signals chunk by chunk, worst first, each chunk in a
// transaction of its own. What arrived during the last one is taken in the
// transaction that completes the job, so that no wake-up is lost.
func (s *Service) drain(ctx context.Context, _ jobs.Job) (func(context.Context, *store.Tx) error, error) {
	if err := s.keepPace(ctx); err != nil {
		return nil, err
	}
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

// keepPace waits until the last run is long enough ago; the first run after a
// pause starts at once.
func (s *Service) keepPace(ctx context.Context) error {
	s.mu.Lock()
	now := time.Now()
	next := s.lastRun.Add(pace)
	if next.Before(now) {
		next = now
	}
	s.lastRun = next
	s.mu.Unlock()
	if next.Equal(now) {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(next.Sub(now)):
		return nil
	}
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
	// The worst are in this chunk; among them the first to fire is nearest to the
	// cause, so it is placed first.
	slices.SortStableFunc(pending, func(a, b signal.Signal) int { return a.ReceivedAt.Compare(b.ReceivedAt) })
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
