// Package api is the booking API: rooms are booked and bookings are cancelled.
// Every change writes the booking and its event into one transaction
// (ADR-023), so that an event exists if and only if the change does.
package api

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/holdfast-sre/holdfast/demo/booking/service"
)

// The states of a booking.
const (
	statusConfirmed = "confirmed"
	statusCancelled = "cancelled"
)

// The events of the booking aggregate (DAA 3).
const (
	eventCreated   = "BookingCreated"
	eventReserved  = "RoomReserved"
	eventCancelled = "BookingCancelled"
)

const (
	bookingConnections = 6
	cancelConnections  = 4
	acquireTimeout     = 2 * time.Second
)

// Errors that a handler turns into an answer of their own.
var (
	errNotFound  = errors.New("no such booking")
	errCancelled = errors.New("booking is cancelled already")
)

// Booking is one booking as clients see it.
type Booking struct {
	ID     int64  `json:"id"`
	Room   string `json:"room"`
	Status string `json:"status"`
}

// BookingService changes bookings. It is safe for concurrent use; Close ends it.
type BookingService struct {
	bookings *pgxpool.Pool // create and read: connections are kept
	cancels  *pgxpool.Pool // cancel: a connection per operation, see NewBookingService
}

// NewBookingService connects to the database at dsn. Cancelling runs with the
// role of the customer who asks for it (BOLT-044), and a session that took a
// customer's role is never used for another one: its connection is closed.
func NewBookingService(ctx context.Context, dsn string) (*BookingService, error) {
	bookings, err := connect(ctx, dsn, func(c *pgxpool.Config) {
		c.MaxConns, c.MinConns = bookingConnections, 2
		c.MaxConnIdleTime = time.Hour
	})
	if err != nil {
		return nil, err
	}
	cancels, err := connect(ctx, dsn, func(c *pgxpool.Config) {
		c.MaxConns = cancelConnections
		c.AfterRelease = func(*pgx.Conn) bool { return false }
	})
	if err != nil {
		bookings.Close()
		return nil, err
	}
	return &BookingService{bookings: bookings, cancels: cancels}, nil
}

func connect(ctx context.Context, dsn string, set func(*pgxpool.Config)) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("database address: %w", err)
	}
	set(cfg)
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	return pool, nil
}

// Close ends the connections.
func (s *BookingService) Close() {
	s.cancels.Close()
	s.bookings.Close()
}

// CreateBooking books a room and announces it.
func (s *BookingService) CreateBooking(ctx context.Context, room string) (Booking, error) {
	ctx, cancel := context.WithTimeout(ctx, acquireTimeout)
	defer cancel()
	b := Booking{Room: room, Status: statusConfirmed}
	tx, err := service.Traced(s.bookings.Begin(ctx))
	if err != nil {
		return b, fmt.Errorf("create booking: %w", err)
	}
	defer rollback(ctx, tx)
	now := time.Now().UnixMicro()
	err = tx.QueryRow(ctx, "INSERT INTO bookings (room, status, created_at) VALUES ($1, $2, $3) RETURNING id",
		room, statusConfirmed, now).Scan(&b.ID)
	if err != nil {
		return b, fmt.Errorf("create booking: %w", err)
	}
	for _, kind := range []string{eventCreated, eventReserved} {
		if err := announce(ctx, tx, kind, b.ID, now); err != nil {
			return b, err
		}
	}
	if err := tx.Commit(ctx); err != nil {
		return b, fmt.Errorf("create booking: %w", err)
	}
	return b, nil
}

// GetBooking reads one booking.
func (s *BookingService) GetBooking(ctx context.Context, id int64) (Booking, error) {
	ctx, cancel := context.WithTimeout(ctx, acquireTimeout)
	defer cancel()
	b := Booking{ID: id}
	err := s.bookings.QueryRow(ctx, "SELECT room, status FROM bookings WHERE id = $1", id).Scan(&b.Room, &b.Status)
	if errors.Is(err, pgx.ErrNoRows) {
		return b, errNotFound
	}
	if err != nil {
		return b, fmt.Errorf("read booking %d: %w", id, err)
	}
	return b, nil
}

// CancelBooking cancels a booking and announces it, both or neither (ADR-023).
//
// Cancelling twice is an error of its own and changes nothing, so that a client
// that lost our answer may simply ask again. A refund is not started here: the
// payments service hears of the cancellation through the event.
//
// The connection is opened for this one operation. When the database accepts
// none within acquireTimeout the customer is told to try again later, and the
// booking stands as it was. Nothing is retried here: the client knows best
// whether it still wants to.
func (s *BookingService) CancelBooking(ctx context.Context, id int64) error {
	ctx, cancel := context.WithTimeout(ctx, acquireTimeout)
	defer cancel()
	tx, err := service.Traced(s.cancels.Begin(ctx))
	if err != nil {
		return fmt.Errorf("cancel booking %d: database connection: %w", id, err)
	}
	defer rollback(ctx, tx)
	var status string
	err = tx.QueryRow(ctx, "SELECT status FROM bookings WHERE id = $1", id).Scan(&status)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return errNotFound
	case err != nil:
		return fmt.Errorf("cancel booking %d: %w", id, err)
	case status == statusCancelled:
		return errCancelled
	}
	if _, err := tx.Exec(ctx, "UPDATE bookings SET status = $1 WHERE id = $2", statusCancelled, id); err != nil {
		return fmt.Errorf("cancel booking %d: %w", id, err)
	}
	if err := announce(ctx, tx, eventCancelled, id, time.Now().UnixMicro()); err != nil {
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("cancel booking %d: %w", id, err)
	}
	return nil
}

// announce writes an event into the outbox; the relay publishes it.
func announce(ctx context.Context, tx pgx.Tx, kind string, id, now int64) error {
	_, err := tx.Exec(ctx, "INSERT INTO booking_outbox (kind, booking_id, created_at) VALUES ($1, $2, $3)", kind, id, now)
	if err != nil {
		return fmt.Errorf("announce %s of booking %d: %w", kind, id, err)
	}
	return nil
}

func rollback(ctx context.Context, tx pgx.Tx) {
	_ = tx.Rollback(context.WithoutCancel(ctx)) // nothing to roll back after a commit
}
