// Package relay moves events from an outbox table to the broker. What differs
// between its versions, how many events are in flight and over how many
// connections, is in the package worker.
package relay

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

// Outbox names one outbox table and the topic that its events go to.
type Outbox struct {
	Table string // booking_outbox | refund_outbox
	Topic string // bookings | refunds
}

// Outboxes lists the known outboxes by topic.
func Outboxes() map[string]Outbox {
	return map[string]Outbox{
		"bookings": {Table: "booking_outbox", Topic: "bookings"},
		"refunds":  {Table: "refund_outbox", Topic: "refunds"},
	}
}

// Event is one row of an outbox.
type Event struct {
	ID        int64  `json:"id"`
	Kind      string `json:"kind"`
	BookingID int64  `json:"booking_id"`
}

// Deps is what a worker works with.
type Deps struct {
	Outbox  Outbox
	DSN     string
	Broker  *Broker
	Log     *slog.Logger
	Metrics *Metrics
}

// Connect opens a pool of at most size connections to the database.
func Connect(ctx context.Context, dsn string, size int) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("database address: %w", err)
	}
	cfg.MaxConns = int32(size)
	cfg.MinConns = int32(min(size, 8))
	cfg.MaxConnIdleTime = 2 * time.Second
	cfg.HealthCheckPeriod = time.Second
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	return pool, nil
}

// Querier is a pool or a transaction.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Share is one of several equal parts of an outbox, by the events' numbers.
type Share struct{ Of, Is int }

// Pending returns the oldest events that nobody has published, at most limit.
func (o Outbox) Pending(ctx context.Context, db Querier, limit int) ([]Event, error) {
	return o.PendingShare(ctx, db, Share{Of: 1}, limit)
}

// PendingShare returns the oldest events of a share that nobody has published.
func (o Outbox) PendingShare(ctx context.Context, db Querier, s Share, limit int) ([]Event, error) {
	rows, err := db.Query(ctx,
		"SELECT id, kind, booking_id FROM "+o.Table+" WHERE processed_at IS NULL AND id % $1 = $2 ORDER BY id LIMIT $3",
		s.Of, s.Is, limit)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", o.Table, err)
	}
	events, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Event])
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", o.Table, err)
	}
	return events, nil
}

// MarkProcessed records that e was published.
func (o Outbox) MarkProcessed(ctx context.Context, tx pgx.Tx, e Event) error {
	_, err := tx.Exec(ctx, "UPDATE "+o.Table+" SET processed_at = $1 WHERE id = $2", time.Now().UnixMicro(), e.ID)
	if err != nil {
		return fmt.Errorf("mark event %d: %w", e.ID, err)
	}
	return nil
}

// Broker publishes events over HTTP and waits for the acknowledgement, however
// long that takes.
type Broker struct {
	URL    string
	Client *http.Client
}

// Publish returns when the broker has acknowledged e.
func (b *Broker) Publish(ctx context.Context, topic string, e Event) error {
	body, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode event %d: %w", e.ID, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.URL+"/topics/"+topic+"/events", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("publish event %d: %w", e.ID, err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := b.Client.Do(req)
	if err != nil {
		return fmt.Errorf("publish event %d: %w", e.ID, err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return fmt.Errorf("publish event %d: %w", e.ID, err)
	}
	if resp.StatusCode != http.StatusAccepted {
		return fmt.Errorf("publish event %d: broker answered %s", e.ID, resp.Status)
	}
	return nil
}

// WatchPending keeps the gauge of pending events up to date over a connection
// of its own until ctx ends.
func (d Deps) WatchPending(ctx context.Context) error {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	var conn *pgx.Conn
	defer func() {
		if conn != nil {
			_ = conn.Close(context.WithoutCancel(ctx))
		}
	}()
	for {
		if conn == nil || conn.IsClosed() {
			conn, _ = pgx.Connect(ctx, d.DSN) // tried again at the next tick
		}
		if conn != nil {
			var n int64
			if err := conn.QueryRow(ctx, "SELECT count(*) FROM "+d.Outbox.Table+" WHERE processed_at IS NULL").Scan(&n); err == nil {
				d.Metrics.Pending.Set(float64(n))
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// Metrics of a relay.
type Metrics struct {
	Pending     prometheus.Gauge
	Busy, Limit prometheus.Gauge
	Published   prometheus.Counter
	Failed      prometheus.Counter
	Duration    prometheus.Histogram
}

// NewMetrics registers on reg.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		Pending:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "outbox_pending_events", Help: "Events in the outbox that are not published yet."}),
		Busy:      prometheus.NewGauge(prometheus.GaugeOpts{Name: "relay_workers_busy", Help: "Workers that are publishing an event."}),
		Limit:     prometheus.NewGauge(prometheus.GaugeOpts{Name: "relay_workers_limit", Help: "Workers that publish at the same time at most."}),
		Published: prometheus.NewCounter(prometheus.CounterOpts{Name: "relay_published_total", Help: "Events published."}),
		Failed:    prometheus.NewCounter(prometheus.CounterOpts{Name: "relay_failed_total", Help: "Attempts to publish an event that failed."}),
		Duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "relay_publish_duration_seconds", Help: "Time until the broker acknowledged an event.",
			Buckets: []float64{.001, .005, .01, .05, .1, .5, 1, 5, 10, 30},
		}),
	}
	reg.MustRegister(m.Pending, m.Busy, m.Limit, m.Published, m.Failed, m.Duration)
	return m
}
