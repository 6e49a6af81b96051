package store

import (
	"context"
	"sync"
	"time"

	"github.com/holdfast-sre/holdfast/internal/jobs"
)

// Finished jobs of SQLite and the keys of accepted deliveries are kept so long.
const (
	keepFor        = 24 * time.Hour
	sweepEvery     = time.Hour
	sweepAtOnce    = 5000
	periodicErrors = 5 * time.Second // wait after an enqueueing that failed
)

// runPeriodics enqueues every periodic job once per interval, and forgets what
// nobody needs any more, until ctx ends.
func (s *Store) runPeriodics(ctx context.Context, periodic []jobs.Periodic) {
	var wg sync.WaitGroup
	for _, p := range periodic {
		wg.Go(func() {
			s.every(ctx, p.Every, p.Kind, func(tx *Tx, slot time.Time) error { return tx.enqueueSlot(ctx, p, slot) })
		})
	}
	wg.Go(func() {
		s.every(ctx, sweepEvery, "sweep", func(tx *Tx, _ time.Time) error { return tx.sweep(ctx) })
	})
	wg.Wait()
}

// every calls do at once and then at the start of each interval.
func (s *Store) every(ctx context.Context, d time.Duration, name string, do func(*Tx, time.Time) error) {
	for {
		wait := periodicErrors
		err := s.Tx(ctx, func(tx *Tx) error {
			slot := tx.now.Truncate(d)
			wait = slot.Add(d).Sub(tx.now)
			return do(tx, slot)
		})
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			s.log.WarnContext(ctx, "periodic work not enqueued", "kind", name, "error", err)
			wait = periodicErrors
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// enqueueSlot enqueues p for the interval that starts at slot, unless some
// replica did.
func (tx *Tx) enqueueSlot(ctx context.Context, p jobs.Periodic, slot time.Time) error {
	n, err := tx.exec(ctx, `INSERT INTO periodics (kind, slot) VALUES ($1, $2)
		ON CONFLICT (kind) DO UPDATE SET slot = excluded.slot WHERE periodics.slot < excluded.slot`,
		p.Kind, slot.UnixMicro())
	if err != nil || n == 0 {
		return err
	}
	_, err = tx.Enqueue(ctx, jobs.Job{Kind: p.Kind, Key: slot.Format(time.RFC3339)})
	return err
}

func (tx *Tx) sweep(ctx context.Context) error {
	before := tx.now.Add(-keepFor).UnixMicro()
	_, err := tx.exec(ctx, `DELETE FROM deliveries WHERE key IN
		(SELECT key FROM deliveries WHERE at < $1 ORDER BY at LIMIT $2)`, before, sweepAtOnce)
	if err != nil || tx.pgx != nil {
		return err // River clears its own table
	}
	_, err = tx.exec(ctx, `DELETE FROM jobs WHERE id IN
		(SELECT id FROM jobs WHERE state IN ('done', 'given_up') AND finished_at < $1 ORDER BY finished_at LIMIT $2)`,
		before, sweepAtOnce)
	return err
}
