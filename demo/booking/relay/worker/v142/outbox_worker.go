// Package v142 publishes the events of an outbox: every event at once, each in
// a transaction of its own.
package v142

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/holdfast-sre/holdfast/demo/booking/relay"
	"github.com/holdfast-sre/holdfast/demo/booking/service"
)

// An outbox rarely holds more than a few events; the batch is large so that a
// backlog is gone quickly.
const (
	batchSize  = 1000
	pollEvery  = 100 * time.Millisecond
	pace       = 10 * time.Millisecond // between two events, to go easy on the broker
	retryAfter = time.Second
)

// Worker publishes the events of one outbox. It is safe to run once per topic:
// two workers on one outbox would publish every event twice.
type Worker struct {
	relay.Deps
	pool *pgxpool.Pool

	running  sync.WaitGroup
	refused  chan struct{} // an event got no connection
	mu       sync.Mutex
	inFlight map[int64]bool
}

// Run publishes until ctx ends. BOLT-045: in version 1.4.1 one event that the
// broker was slow to acknowledge held up the whole batch, and customers got
// their confirmations late. Events are independent of each other, so a slow
// one must not hold up the rest: each gets a goroutine and a connection.
//
// The connection for reading is taken first and kept, so that reading the
// outbox never waits behind publishing.
func Run(ctx context.Context, d relay.Deps) error {
	pool, err := relay.Connect(ctx, d.DSN, batchSize)
	if err != nil {
		return err
	}
	defer pool.Close()
	reader, err := pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connection for reading: %w", err)
	}
	defer reader.Release()
	d.Metrics.Limit.Set(batchSize)
	w := &Worker{Deps: d, pool: pool, refused: make(chan struct{}, 1), inFlight: map[int64]bool{}}
	defer w.running.Wait() // before the pool closes
	for ctx.Err() == nil {
		events, err := w.Outbox.Pending(ctx, reader, batchSize)
		if err != nil && ctx.Err() == nil {
			return err
		}
		w.startAll(ctx, events)
	}
	return nil
}

// process publishes one event and marks it in the same transaction, so that an
// event is never marked without having been published. A crash in between
// publishes it once more; consumers recognise it by its id. The transaction
// ends with the broker's answer, however late that comes: the database, not
// this process, remembers what is under way.
func (w *Worker) process(ctx context.Context, e relay.Event) {
	defer w.release(e)
	w.Metrics.Busy.Inc()
	defer w.Metrics.Busy.Dec()
	tx, err := service.Traced(w.pool.Begin(ctx))
	if err != nil {
		w.fail(ctx, "no connection for an event", e, err)
		select {
		case w.refused <- struct{}{}:
		default:
		}
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

// startAll starts what is not running yet, at the broker's pace, and waits a
// while when the database takes no more connections.
func (w *Worker) startAll(ctx context.Context, events []relay.Event) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	wait := pollEvery
	for _, e := range events {
		if !w.claim(e) {
			continue
		}
		w.running.Go(func() { w.process(ctx, e) })
		select {
		case <-ctx.Done():
			return
		case <-w.refused:
			wait = retryAfter
		case <-tick.C:
			continue
		}
		break
	}
	select {
	case <-ctx.Done():
	case <-time.After(wait):
	}
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
