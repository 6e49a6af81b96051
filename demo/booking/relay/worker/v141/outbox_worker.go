// Package v141 publishes the events of an outbox: a handful of workers, each
// with its share of the events, and one transaction for a whole batch.
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
	workers    = 8
	batchSize  = 20
	pollEvery  = 250 * time.Millisecond
	retryAfter = time.Second
)

// Worker publishes its share of one outbox.
type Worker struct {
	relay.Deps
	pool  *pgxpool.Pool
	share relay.Share
}

// Run publishes until ctx ends.
func Run(ctx context.Context, d relay.Deps) error {
	pool, err := relay.Connect(ctx, d.DSN, workers)
	if err != nil {
		return err
	}
	defer pool.Close()
	d.Metrics.Limit.Set(workers)
	var wg sync.WaitGroup
	for i := range workers {
		w := &Worker{Deps: d, pool: pool, share: relay.Share{Of: workers, Is: i}}
		wg.Go(func() { w.run(ctx) })
	}
	wg.Wait()
	return nil
}

func (w *Worker) run(ctx context.Context) {
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
}

// publishBatch publishes the oldest events of the share and marks them, in one
// transaction.
func (w *Worker) publishBatch(ctx context.Context) (err error) {
	events, err := service.Traced(w.Outbox.PendingShare(ctx, w.pool, w.share, batchSize))
	if err != nil || len(events) == 0 {
		return err
	}
	w.Metrics.Busy.Inc()
	defer w.Metrics.Busy.Dec()
	tx, err := service.Traced(w.pool.BeginTx(ctx, pgx.TxOptions{}))
	if err != nil {
		return err
	}
	defer func() {
		if end := tx.Rollback(context.WithoutCancel(ctx)); !errors.Is(end, pgx.ErrTxClosed) {
			err = errors.Join(err, end)
		}
	}()
	var done []relay.Event
	for _, e := range events {
		if _, err := service.Traced(e, w.publish(ctx, e)); err != nil {
			return err
		}
		done = append(done, e)
	}
	for _, e := range done {
		if err := w.Outbox.MarkProcessed(ctx, tx, e); err != nil {
			return err
		}
	}
	return tx.Commit(ctx)
}

// publish waits for the broker: ADR-023 names no time limit.
func (w *Worker) publish(ctx context.Context, e relay.Event) error {
	stack := service.Stack(nil)
	slow := time.AfterFunc(5*time.Second, func() {
		w.Log.Error("worker waits for the broker since 5 s", "event", e.ID, "topic", w.Outbox.Topic, stack)
	})
	defer slow.Stop()
	start := time.Now()
	if err := w.Broker.Publish(ctx, w.Outbox.Topic, e); err != nil {
		w.Metrics.Failed.Inc()
		return err
	}
	w.Metrics.Duration.Observe(time.Since(start).Seconds())
	w.Metrics.Published.Inc()
	return nil
}
