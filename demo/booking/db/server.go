// Package db is the booking system's database: SQLite behind a server that
// speaks the PostgreSQL wire protocol and refuses clients above a fixed number
// of connections, as PostgreSQL does (SQLSTATE 53300, no queue).
//
// It understands what the demo's services need: the simple query protocol, the
// extended one with text parameters (pgx's "exec" mode), and read-committed
// transactions whose write lock is taken at the first write. One client at a
// time writes; the others wait for at most the lock timeout (SQLSTATE 55P03).
package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/prometheus/client_golang/prometheus"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

const (
	startupTimeout = 5 * time.Second
	lockTimeout    = 5 * time.Second
	readers        = 4
	maxMessage     = 1 << 20
)

// Options of a server.
type Options struct {
	Dir   string // where the SQLite file lives
	Limit int    // connections; the next one is refused
	Log   *slog.Logger
	Reg   prometheus.Registerer
}

// Server accepts clients until its context ends.
type Server struct {
	limit   int
	log     *slog.Logger
	metrics *metrics
	read    *sql.DB
	write   *sql.DB

	mu       sync.Mutex
	active   int
	sessions map[net.Conn]struct{}
}

// Open creates the tables and returns a server that is ready to Serve.
func Open(ctx context.Context, o Options) (*Server, error) {
	dsn := "file:" + filepath.Join(o.Dir, "bookings.db") +
		"?_pragma=journal_mode(wal)&_pragma=synchronous(off)&_pragma=busy_timeout(5000)"
	write, err := sql.Open("sqlite", dsn+"&_txlock=immediate")
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dsn, err)
	}
	write.SetMaxOpenConns(1)
	if _, err := write.ExecContext(ctx, schema); err != nil {
		return nil, errors.Join(fmt.Errorf("create tables: %w", err), write.Close())
	}
	read, err := sql.Open("sqlite", dsn+"&_pragma=query_only(1)")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", dsn, err), write.Close())
	}
	read.SetMaxOpenConns(readers)
	s := &Server{limit: o.Limit, log: o.Log, read: read, write: write, sessions: map[net.Conn]struct{}{}}
	s.metrics = newMetrics(o.Reg, o.Limit)
	return s, nil
}

const schema = `
CREATE TABLE IF NOT EXISTS bookings (
  id INTEGER PRIMARY KEY, room TEXT NOT NULL, status TEXT NOT NULL, created_at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS booking_outbox (
  id INTEGER PRIMARY KEY, kind TEXT NOT NULL, booking_id INTEGER NOT NULL,
  created_at INTEGER NOT NULL, processed_at INTEGER);
CREATE INDEX IF NOT EXISTS booking_outbox_pending ON booking_outbox (id) WHERE processed_at IS NULL;
CREATE TABLE IF NOT EXISTS refunds (
  id INTEGER PRIMARY KEY, booking_id INTEGER NOT NULL, status TEXT NOT NULL, created_at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS refund_outbox (
  id INTEGER PRIMARY KEY, kind TEXT NOT NULL, booking_id INTEGER NOT NULL,
  created_at INTEGER NOT NULL, processed_at INTEGER);
CREATE INDEX IF NOT EXISTS refund_outbox_pending ON refund_outbox (id) WHERE processed_at IS NULL;
`

// Serve answers clients on ln until ctx ends, then closes every connection and
// waits for the sessions.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	var wg sync.WaitGroup
	stop := context.AfterFunc(ctx, func() {
		_ = ln.Close()
		s.closeSessions()
	})
	defer stop()
	for {
		conn, err := ln.Accept()
		if err != nil {
			s.closeSessions()
			wg.Wait()
			closed := errors.Join(s.read.Close(), s.write.Close())
			if ctx.Err() != nil {
				return closed
			}
			return errors.Join(fmt.Errorf("accept: %w", err), closed)
		}
		wg.Go(func() { s.session(ctx, conn) })
	}
}

func (s *Server) closeSessions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.sessions {
		_ = c.Close()
	}
}

// enter takes one of the limited places; it reports false when none is left.
func (s *Server) enter(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.active >= s.limit {
		return false
	}
	s.active++
	s.sessions[conn] = struct{}{}
	return true
}

func (s *Server) leave(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active--
	delete(s.sessions, conn)
}

func (s *Server) session(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	backend := pgproto3.NewBackend(conn, conn)
	backend.SetMaxBodyLen(maxMessage)
	_ = conn.SetDeadline(time.Now().Add(startupTimeout))
	application, err := startup(conn, backend)
	if err != nil {
		s.log.DebugContext(ctx, "startup failed", "error", err)
		return
	}
	if !s.enter(conn) {
		s.metrics.refused.WithLabelValues(application).Inc()
		backend.Send(&pgproto3.ErrorResponse{
			Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: "53300",
			Message: "sorry, too many clients already",
		})
		_ = backend.Flush()
		return
	}
	defer s.leave(conn)
	_ = conn.SetDeadline(time.Time{})
	active := s.metrics.active.WithLabelValues(application)
	active.Inc()
	defer active.Dec()
	c := &client{server: s, backend: backend, idleInTx: s.metrics.idleInTx.WithLabelValues(application), statements: map[string]statement{}}
	defer c.abandon()
	if err := c.run(ctx); err != nil {
		s.log.DebugContext(ctx, "session ended", "application", application, "error", err)
	}
}

// startup answers the client's first messages and returns its application name.
func startup(conn net.Conn, b *pgproto3.Backend) (string, error) {
	for {
		msg, err := b.ReceiveStartupMessage()
		if err != nil {
			return "", fmt.Errorf("startup message: %w", err)
		}
		switch m := msg.(type) {
		case *pgproto3.SSLRequest, *pgproto3.GSSEncRequest:
			if _, err := conn.Write([]byte{'N'}); err != nil {
				return "", fmt.Errorf("refuse encryption: %w", err)
			}
		case *pgproto3.StartupMessage:
			name := m.Parameters["application_name"]
			if name == "" {
				name = "unnamed"
			}
			return clamp(name, 63), nil
		default:
			return "", fmt.Errorf("startup message %T is not supported", msg)
		}
	}
}

func clamp(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}
