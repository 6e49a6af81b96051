// Package postgres reads what a PostgreSQL server (14 or later) says about
// itself: sessions, locks, statements, waits and standbys. Read-only and safe
// for concurrent use.
//
// It does so over one connection that is kept open, since a server whose slots
// are all taken turns a new one away: that refusal is evidence, and the standing
// connection still answers. Its transactions are read-only, a statement may
// take two seconds and wait for no lock longer than half of one. Text of
// statements is kept without values.
//
// The role needs pg_monitor (or pg_read_all_stats) to see other users' sessions,
// and must not be a superuser: it would take one of the slots that are reserved
// for repairs.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

const (
	defaultTimeout   = 3 * time.Second
	statementTimeout = 2 * time.Second
	lockTimeout      = 500 * time.Millisecond
	// sampleEvery is how often Run counts sessions and reads the statements'
	// totals; kept for two windows and what lies between.
	sampleEvery = 30 * time.Second
	keepSamples = 3 * time.Hour
	// maxMessage bounds a row: a text may have up to 1 GB.
	maxMessage = 8 << 20
	// The waits between attempts to connect.
	firstBackoff = time.Second
	lastBackoff  = time.Minute
)

// strength: the server's own record.
const strength = 0.9

// tooManyConnections is the SQLSTATE of a refusal for lack of a slot.
const tooManyConnections = "53300"

// Options of a source.
type Options struct {
	Name        string        // configured name
	Environment string        // empty = serves every environment
	Service     string        // what the catalog calls this database; empty = Name
	DSN         string        // postgres://…; not through a pooler
	Password    string        // empty = that of the DSN, if any
	Timeout     time.Duration // of one answer; 0 = 3 s
	Now         func() time.Time
}

// Source is one server.
type Source struct {
	o   Options
	cfg *pgx.ConnConfig

	turn chan struct{} // holds one value: whoever took it may use conn
	conn *pgx.Conn

	mu      sync.Mutex
	samples []sample
	max     int // connections, as last read
}

// New checks the options; it does not connect.
func New(o Options) (*Source, error) {
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Service == "" {
		o.Service = o.Name
	}
	cfg, err := pgx.ParseConfig(o.DSN)
	if err != nil {
		return nil, fmt.Errorf("postgres %s: the DSN can't be read: use postgres://USER@HOST:PORT/DATABASE", o.Name)
	}
	cfg.ConnectTimeout = o.Timeout
	if o.Password != "" {
		cfg.Password = o.Password
	}
	for k, v := range map[string]string{
		"application_name":                    "holdfast",
		"default_transaction_read_only":       "on",
		"statement_timeout":                   millis(statementTimeout),
		"lock_timeout":                        millis(lockTimeout),
		"idle_in_transaction_session_timeout": millis(2 * statementTimeout),
		"search_path":                         "pg_catalog",
		"standard_conforming_strings":         "on", // else a backslash hides the end of a text
		"timezone":                            "UTC",
	} {
		cfg.RuntimeParams[k] = v
	}
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	cfg.MaxProtocolMessageBodyLen = maxMessage
	s := &Source{o: o, cfg: cfg, turn: make(chan struct{}, 1)}
	s.turn <- struct{}{}
	return s, nil
}

func millis(d time.Duration) string { return fmt.Sprint(d.Milliseconds()) }

// Name is the configured name.
func (s *Source) Name() string { return s.o.Name }

// Address is the host and port, for messages.
func (s *Source) Address() string { return fmt.Sprintf("%s:%d", s.cfg.Host, s.cfg.Port) }

// Ready connects where that is needed and asks for the settings.
func (s *Source) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	err := s.use(ctx, func(conn *pgx.Conn) error {
		_, err := settingsOf(ctx, conn)
		return err
	})
	if err != nil {
		return fmt.Errorf("postgres %s: %w", s.o.Name, err)
	}
	return nil
}

// Run keeps the connection and samples the server until ctx ends, then closes
// the connection. Without it, Collect connects when it is first asked, and sees
// no history.
func (s *Source) Run(ctx context.Context) error {
	defer s.close()
	backoff := firstBackoff
	for {
		wait := sampleEvery
		if err := s.take(ctx); err != nil {
			wait = backoff/2 + rand.N(backoff) //nolint:gosec // jitter
			backoff = min(2*backoff, lastBackoff)
		} else {
			backoff = firstBackoff
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
}

// Close ends the connection; for those who do not Run.
func (s *Source) Close() error {
	s.close()
	return nil
}

func (s *Source) close() {
	<-s.turn
	defer func() { s.turn <- struct{}{} }()
	if s.conn != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = s.conn.Close(ctx)
		s.conn = nil
	}
}

// use gives fn the connection, a new one when there is none or it broke. One
// caller at a time.
func (s *Source) use(ctx context.Context, fn func(*pgx.Conn) error) error {
	select {
	case <-s.turn:
	case <-ctx.Done():
		return fmt.Errorf("wait for the connection to %s: %w", s.Address(), ctx.Err())
	}
	defer func() { s.turn <- struct{}{} }()
	fresh := s.conn == nil || s.conn.IsClosed()
	if fresh {
		if err := s.dial(ctx); err != nil {
			return err
		}
	}
	err := fn(s.conn)
	if err == nil || !s.conn.IsClosed() || fresh || ctx.Err() != nil {
		return err
	}
	// The standing connection had been cut, by a restart perhaps.
	if err := s.dial(ctx); err != nil {
		return err
	}
	return fn(s.conn)
}

func (s *Source) dial(ctx context.Context) error {
	s.conn = nil
	conn, err := pgx.ConnectConfig(ctx, s.cfg.Copy())
	if err != nil {
		return fmt.Errorf("connect to %s: %w", s.Address(), plain(err))
	}
	s.conn = conn
	return nil
}

// plain is what the server said, without user and database names.
func plain(err error) error {
	if pe, ok := errors.AsType[*pgconn.PgError](err); ok {
		return &serverError{code: pe.Code, text: pe.Message}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return context.DeadlineExceeded
	}
	if ce, ok := errors.AsType[*pgconn.ConnectError](err); ok && ce.Unwrap() != nil {
		return ce.Unwrap() //nolint:wrapcheck // its own words start with the names
	}
	return err
}

// serverError is an answer of the server.
type serverError struct{ code, text string }

func (e *serverError) Error() string { return fmt.Sprintf("%s (SQLSTATE %s)", e.text, e.code) }

// refused reports whether the server has no slot left. A limit of the role's
// own has the same code; its message names the role, in whatever language.
func (s *Source) refused(err error) bool {
	var code, text string
	if se, ok := errors.AsType[*serverError](err); ok {
		code, text = se.code, se.text
	} else if pe, ok := errors.AsType[*pgconn.PgError](err); ok {
		code, text = pe.Code, pe.Message
	}
	return code == tooManyConnections && (!strings.Contains(text, s.cfg.User) || strings.Contains(text, "database"))
}

// serves reports whether the request is about this environment and about a
// service that is this database or needs it.
func (s *Source) serves(req evidence.Request) bool {
	if s.o.Environment != "" && req.Environment != "" && s.o.Environment != req.Environment {
		return false
	}
	for _, svc := range req.Services {
		if svc.Name == s.o.Service {
			return true
		}
	}
	return false
}
