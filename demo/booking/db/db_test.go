package db_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/holdfast-sre/holdfast/demo/booking/db"
)

// open starts a server that accepts limit connections and returns how to reach it.
func open(t *testing.T, limit int) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s, err := db.Open(ctx, db.Options{Dir: t.TempDir(), Limit: limit, Log: slog.New(slog.DiscardHandler), Reg: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return "postgres://test@" + ln.Addr().String() + "/x?sslmode=disable&application_name=test"
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.WithoutCancel(t.Context())) })
	return c
}

func TestTheConnectionAboveTheLimitIsRefusedAsPostgreSQLDoes(t *testing.T) {
	t.Parallel()
	dsn := open(t, 2)
	first := connect(t, dsn)
	connect(t, dsn)
	_, err := pgx.Connect(t.Context(), dsn)
	refused, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || refused.Code != "53300" || refused.Severity != "FATAL" {
		t.Fatalf("third connection: got %v, want FATAL 53300", err)
	}
	if err := first.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(5 * time.Second)
	for {
		c, err := pgx.Connect(t.Context(), dsn)
		if err == nil {
			_ = c.Close(t.Context())
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("a place that was given back is not given out: %v", err)
		}
	}
}

func TestStatementsAndTransactions(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"exec", "simple_protocol"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			dsn := open(t, 10) + "&default_query_exec_mode=" + mode
			a, b := connect(t, dsn), connect(t, dsn)
			ctx := t.Context()
			tx, err := a.Begin(ctx)
			if err != nil {
				t.Fatal(err)
			}
			var id int64
			err = tx.QueryRow(ctx, "INSERT INTO bookings (room, status, created_at) VALUES ($1, $2, $3) RETURNING id", "it's $1", "confirmed", int64(7)).Scan(&id)
			if err != nil {
				t.Fatal(err)
			}
			count := func(c *pgx.Conn) (n int64) {
				t.Helper()
				if err := c.QueryRow(ctx, "SELECT count(*) FROM bookings").Scan(&n); err != nil {
					t.Fatal(err)
				}
				return n
			}
			if got := count(b); got != 0 {
				t.Errorf("another client sees %d rows before the commit, want 0", got)
			}
			if err := tx.Commit(ctx); err != nil {
				t.Fatal(err)
			}
			if got := count(b); got != 1 {
				t.Errorf("another client sees %d rows after the commit, want 1", got)
			}
			var room string
			if err := b.QueryRow(ctx, "SELECT room FROM bookings WHERE id = $1", id).Scan(&room); err != nil || room != "it's $1" {
				t.Errorf("got %q, %v; want the text as it was written", room, err)
			}
			if err := b.QueryRow(ctx, "SELECT room FROM bookings WHERE id = $1", id+1).Scan(&room); !errors.Is(err, pgx.ErrNoRows) {
				t.Errorf("got %v, want no rows", err)
			}
		})
	}
}

func TestAFailedTransactionTakesNothingUntilItsRollback(t *testing.T) {
	t.Parallel()
	c := connect(t, open(t, 2)+"&default_query_exec_mode=exec")
	ctx := t.Context()
	tx, err := c.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(ctx, "INSERT INTO nowhere (x) VALUES ($1)", 1); err == nil {
		t.Fatal("a table that is not there was written")
	}
	_, err = tx.Exec(ctx, "SELECT 1")
	if e, ok := errors.AsType[*pgconn.PgError](err); !ok || e.Code != "25P02" {
		t.Errorf("got %v, want 25P02", err)
	}
	if err := tx.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
	var n int64
	if err := c.QueryRow(ctx, "SELECT 1").Scan(&n); err != nil || n != 1 {
		t.Errorf("after the rollback: %d, %v", n, err)
	}
}
