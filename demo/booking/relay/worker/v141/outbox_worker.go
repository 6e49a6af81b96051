// Package v141 publishes the events of an outbox: one transaction for a whole
// batch, a handful of workers inside it.
package v141

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/holdfast-sre/holdfast/demo/booking/relay"
	"github.com/holdfast-sre/holdfast/demo/booking/service"
)

const (
	batchSize   = 50
	workers     = 8
	connections = 4
	pollEvery   = 100 * time.Millisecond
	retryAfter  = time.Second
)

// Worker publishes the events of one outbox.
type Worker struct {
	relay.Deps
	pool *pgxpool.Pool
}

// Run publishes until ctx ends.
func Run(ctx context.Context, d relay.Deps) error {
	pool, err := relay.Connect(ctx, d.DSN, connections)
	if err != nil {
		return err
	}
	defer pool.Close()
	d.Metrics.Limit.Set(workers)
	w := &Worker{Deps: d, pool: pool}
	for ctx.Err() == nil {
		wait := pollEvery
		if err := w.publishBatch(ctx); err != nil && ctx.Err() == nil {
			w.Log.Error("publishing a batch failed", "error", err, service.Stack(err))
			wait = retryAfter
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	return nil
}

// publishBatch publishes the oldest events and marks them, in one transaction.
func (w *Worker) publishBatch(ctx context.Context) (err error) {
	tx, err := service.Traced(w.pool.Begin(ctx))
	if err != nil {
		return err
	}
	defer func() {
		if end := tx.Rollback(context.WithoutCancel(ctx)); !errors.Is(end, pgx.ErrTxClosed) {
			err = errors.Join(err, end)
		}
	}()
	events, err := service.Traced(w.Outbox.Pending(ctx, tx, batchSize))
	if err != nil {
		return err
	}
	for _, e := range w.publishAll(ctx, events) {
		if err := w.Outbox.MarkProcessed(ctx, tx, e); err != nil {
			return err
		}
	}
	return tx.Commit(ctx)
}

// publishAll returns the events that the broker acknowledged.
func (w *Worker) publishAll(ctx context.Context, events []relay.Event) []relay.Event {
	queue := make(chan relay.Event)
	acknowledged := make(chan relay.Event, len(events))
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for e := range queue {
				if w.publish(ctx, e) {
					acknowledged <- e
				}
			}
		})
	}
	for _, e := range events {
		queue <- e
	}
	close(queue)
	wg.Wait()
	close(acknowledged)
	var done []relay.Event
	for e := range acknowledged {
		done = append(done, e)
	}
	return done
}

// publish waits for the broker: ADR-023 names no time limit.
func (w *Worker) publish(ctx context.Context, e relay.Event) bool {
	w.Metrics.Busy.Inc()
	defer w.Metrics.Busy.Dec()
	slow := time.AfterFunc(5*time.Second, func() {
		w.Log.Warn("worker waits for the broker since 5 s", "event", e.ID, "topic", w.Outbox.Topic)
	})
	defer slow.Stop()
	start := time.Now()
	if err := w.Broker.Publish(ctx, w.Outbox.Topic, e); err != nil {
		w.Metrics.Failed.Inc()
		return false
	}
	w.Metrics.Duration.Observe(time.Since(start).Seconds())
	w.Metrics.Published.Inc()
	return true
}
