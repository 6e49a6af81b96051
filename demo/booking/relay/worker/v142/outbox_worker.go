// Package v142 publishes the events of an outbox: every event at once, each in
// a transaction of its own.
package v142

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/time/rate"

	"github.com/holdfast-sre/holdfast/demo/booking/relay"
	"github.com/holdfast-sre/holdfast/demo/booking/service"
)

const (
	batchSize  = 1000
	pollEvery  = 100 * time.Millisecond
	pace       = 5 * time.Millisecond // between two events, to go easy on the broker
	retryAfter = time.Second
)

// Worker publishes the events of one outbox. It is safe to run once per topic:
// two workers on one outbox would publish every event twice.
type Worker struct {
	relay.Deps
	pool *pgxpool.Pool

	mu       sync.Mutex
	inFlight map[int64]bool
}

// Run publishes until ctx ends. BOLT-045: in version 1.4.1 one event that the
// broker was slow to acknowledge held up the whole batch, and customers got
// their confirmations late. Events are independent of each other, so a
// slow one must not hold up the rest: each gets a goroutine and a connection.
func Run(ctx context.Context, d relay.Deps) error {
	pool, err := relay.Connect(ctx, d.DSN, batchSize)
	if err != nil {
		return err
	}
	defer pool.Close()
	d.Metrics.Limit.Set(batchSize)
	w := &Worker{Deps: d, pool: pool, inFlight: map[int64]bool{}}
	limiter := rate.NewLimiter(rate.Every(pace), 1)
	var wg sync.WaitGroup
	defer wg.Wait()
	for ctx.Err() == nil {
		wait := pollEvery
		events, err := service.Traced(w.Outbox.Pending(ctx, w.pool, batchSize))
		if err != nil && ctx.Err() == nil {
			w.Log.Error("reading the outbox failed", "error", err, service.Stack(err))
			wait = retryAfter
		}
		for _, e := range events {
			if ctx.Err() == nil && w.claim(e) {
				wg.Go(func() { w.process(ctx, e) })
				_ = limiter.Wait(ctx) // ends early with ctx only
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	return nil
}

// process publishes one event and marks it in the same transaction, so that an
// event is never marked without having been published. A crash in between
// publishes it once more; consumers recognise it by its id. The transaction
// ends with the broker's answer.
func (w *Worker) process(ctx context.Context, e relay.Event) {
	defer w.release(e)
	w.Metrics.Busy.Inc()
	defer w.Metrics.Busy.Dec()
	tx, err := service.Traced(w.pool.Begin(ctx))
	if err != nil {
		w.fail(ctx, "no connection for an event", e, err)
		return
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	start := time.Now()
	if err := w.Broker.Publish(ctx, w.Outbox.Topic, e); err != nil {
		w.fail(ctx, "publishing an event failed", e, err)
		return
	}
	w.Metrics.Duration.Observe(time.Since(start).Seconds())
	if err := w.Outbox.MarkProcessed(ctx, tx, e); err != nil {
		w.fail(ctx, "marking an event failed", e, err)
		return
	}
	if err := tx.Commit(ctx); err != nil {
		w.fail(ctx, "committing an event failed", e, err)
		return
	}
	w.Metrics.Published.Inc()
}

func (w *Worker) fail(ctx context.Context, msg string, e relay.Event, err error) {
	w.Metrics.Failed.Inc()
	if ctx.Err() == nil {
		w.Log.Error(msg, "event", e.ID, "error", err, service.Stack(err))
	}
}

// claim reports whether nobody in this process works on e yet.
func (w *Worker) claim(e relay.Event) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.inFlight[e.ID] {
		return false
	}
	w.inFlight[e.ID] = true
	return true
}

func (w *Worker) release(e relay.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.inFlight, e.ID)
}
