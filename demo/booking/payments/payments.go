// Package payments refunds cancelled bookings. A refund is written together
// with its event; the refund relay publishes it, and the refund counts as
// confirmed once its event was published.
package payments

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/holdfast-sre/holdfast/demo/booking/service"
)

const (
	connections    = 4
	queryTimeout   = 2 * time.Second
	confirmTimeout = 1500 * time.Millisecond
	confirmPoll    = 50 * time.Millisecond
)

var errNotConfirmed = errors.New("refund was not confirmed in time")

// Payments answers HTTP requests.
type Payments struct {
	db  *pgxpool.Pool
	log *slog.Logger
}

// New connects to the database and registers the routes.
func New(ctx context.Context, s *service.Service, dsn string) (*Payments, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("database address: %w", err)
	}
	cfg.MaxConns, cfg.MinConns, cfg.MaxConnIdleTime = connections, 1, time.Hour
	db, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	p := &Payments{db: db, log: s.Log}
	m := service.NewHTTPMetrics(s.Reg)
	s.Mux.Handle("POST /v1/refunds/{booking}", m.Handle("refund", p.HandleRefund, http.StatusAccepted, http.StatusServiceUnavailable))
	s.Mux.Handle("POST /v1/refunds/{booking}/confirm", m.Handle("refund_confirm", p.HandleConfirm, http.StatusOK, http.StatusGatewayTimeout))
	s.Mux.Handle("GET /v1/refunds", m.Handle("refund_count", p.HandleCount, http.StatusOK, http.StatusServiceUnavailable))
	return p, nil
}

// Close ends the connections.
func (p *Payments) Close() { p.db.Close() }

// HandleRefund writes a refund and its event; the money moves later.
func (p *Payments) HandleRefund(w http.ResponseWriter, r *http.Request) {
	id, ok := booking(w, r)
	if !ok {
		return
	}
	if _, err := p.refund(r.Context(), id); err != nil {
		p.log.Error("refund failed", "error", err, service.Stack(err))
		service.WriteError(w, http.StatusServiceUnavailable, "try again later")
		return
	}
	service.WriteJSON(w, http.StatusAccepted, map[string]any{"booking": id, "status": "pending"})
}

// HandleConfirm refunds and waits until the refund is confirmed.
func (p *Payments) HandleConfirm(w http.ResponseWriter, r *http.Request) {
	id, ok := booking(w, r)
	if !ok {
		return
	}
	event, err := p.refund(r.Context(), id)
	if err == nil {
		_, err = service.Traced(event, p.confirmed(r.Context(), event))
	}
	if err != nil {
		p.log.Error("refund was not confirmed", "error", err, service.Stack(err))
		service.WriteError(w, http.StatusGatewayTimeout, "the refund is not confirmed yet")
		return
	}
	service.WriteJSON(w, http.StatusOK, map[string]any{"booking": id, "status": "confirmed"})
}

// HandleCount says how many refunds were asked for.
func (p *Payments) HandleCount(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), queryTimeout)
	defer cancel()
	var n int64
	if err := p.db.QueryRow(ctx, "SELECT count(*) FROM refunds").Scan(&n); err != nil {
		p.log.Error("counting refunds failed", "error", err, service.Stack(err))
		service.WriteError(w, http.StatusServiceUnavailable, "try again later")
		return
	}
	service.WriteJSON(w, http.StatusOK, map[string]any{"refunds": n})
}

// refund returns the number of the event that announces the refund.
func (p *Payments) refund(ctx context.Context, bookingID int64) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var event int64
	err := pgx.BeginFunc(ctx, p.db, func(tx pgx.Tx) error {
		now := time.Now().UnixMicro()
		_, err := tx.Exec(ctx, "INSERT INTO refunds (booking_id, status, created_at) VALUES ($1, 'pending', $2)", bookingID, now)
		if err != nil {
			return err
		}
		return tx.QueryRow(ctx, "INSERT INTO refund_outbox (kind, booking_id, created_at) VALUES ('RefundRequested', $1, $2) RETURNING id",
			bookingID, now).Scan(&event)
	})
	_, err = service.Traced(event, err)
	if err != nil {
		return 0, fmt.Errorf("refund booking %d: %w", bookingID, err)
	}
	return event, nil
}

// confirmed waits until the relay has published the event.
func (p *Payments) confirmed(ctx context.Context, event int64) error {
	ctx, cancel := context.WithTimeout(ctx, confirmTimeout)
	defer cancel()
	tick := time.NewTicker(confirmPoll)
	defer tick.Stop()
	for {
		var done bool
		err := p.db.QueryRow(ctx, "SELECT CASE WHEN processed_at IS NULL THEN 0 ELSE 1 END FROM refund_outbox WHERE id = $1", event).Scan(&flag{&done})
		if err == nil && done {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("event %d after %s: %w", event, confirmTimeout, errNotConfirmed)
		case <-tick.C:
		}
	}
}

// flag scans 0 and 1, which is how the database says false and true.
type flag struct{ v *bool }

// Scan reads a number.
func (f *flag) Scan(src any) error {
	n, ok := src.(int64)
	if !ok {
		return fmt.Errorf("scan %T as a flag", src)
	}
	*f.v = n != 0
	return nil
}

func booking(w http.ResponseWriter, r *http.Request) (int64, bool) {
	id, err := strconv.ParseInt(r.PathValue("booking"), 10, 64)
	if err != nil || id < 1 {
		service.WriteError(w, http.StatusBadRequest, "booking is not a number")
		return 0, false
	}
	return id, true
}
