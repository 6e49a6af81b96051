// Package store keeps what happened: signals, incidents, evidence, verdicts,
// proposals, intents, documents, audit and durable jobs, in one SQLite file or
// a PostgreSQL database. What Tx returned nil for survives a power loss, and
// the jobs that it enqueued are durable with it. The repository's files
// (runbooks, catalog, boundaries) are not kept here, nor are metrics and logs.
package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/jobs"
)

// Errors that callers branch on.
var (
	// ErrNotFound reports a record that does not exist, or that a new record refers to.
	ErrNotFound = errors.New("not found")
	// ErrConflict reports an incident that was stored by someone else since it was read.
	ErrConflict = errors.New("changed by someone else in the meantime")

	errKind = errors.New(`unknown kind of database: use "sqlite:PATH" or "postgres://USER@HOST/DATABASE"`)
)

// Options are what Open needs beside the DSN; the zero value works.
type Options struct {
	Log *slog.Logger     // nil = discard
	Now func() time.Time // nil = time.Now on SQLite, the database's clock on PostgreSQL
	// Workers is how many jobs run at once; 0 = 12.
	Workers int
	// Slow are kinds of jobs that ask the world and may use their whole
	// deadline. They leave a third of the workers, and at least one of several,
	// to the others: in a storm people are paged while investigations go on.
	Slow []string
	// Urgent are kinds that start before the others when workers are scarce.
	Urgent []string
	// Backoff is the wait after the given failed attempt (from 1); nil doubles
	// from one second to five minutes, less up to a quarter at random.
	Backoff func(attempt int) time.Duration
	// Scratch: what is written need not survive a loss of power, since it is
	// thrown away (a replay, a test). SQLite waits for no disk then.
	Scratch bool

	vfs string // SQLite's file layer, replaced by the power-loss test
}

// Store is an open database. It is safe for concurrent use.
type Store struct {
	be      backend
	log     *slog.Logger
	workers int
	slow    []string
	urgent  []string
	backoff func(attempt int) time.Duration
	working chan struct{} // holds a token while RunJobs runs
}

// backend is what the two databases do differently.
type backend interface {
	// write runs fn in a transaction that is durable when write returns nil.
	write(ctx context.Context, fn func(*Tx) error) error
	// read runs fn on one snapshot.
	read(ctx context.Context, fn func(*Tx) error) error
	enqueue(ctx context.Context, tx *Tx, j jobs.Job) (inserted bool, err error)
	// work runs jobs until ctx ends and returns when the running ones are finished.
	work(ctx context.Context, s *Store, specs map[string]jobs.Spec[*Tx]) error
	ping(ctx context.Context) error
	close() error
}

// Open opens the database that dsn names and brings its schema up to date.
// "sqlite:PATH" is a file, created when missing, that one process at a time may
// open; "postgres://…" is a PostgreSQL database (15 or later) that replicas share.
// Errors never hold the DSN's password.
func Open(ctx context.Context, dsn string, o Options) (*Store, error) {
	o = o.withDefaults()
	s := &Store{log: o.Log, workers: o.Workers, slow: o.Slow, urgent: o.Urgent, backoff: o.Backoff, working: make(chan struct{}, 1)}
	scheme, rest, _ := strings.Cut(dsn, ":")
	var err error
	switch scheme {
	case "sqlite":
		s.be, err = openSQLite(ctx, strings.TrimPrefix(rest, "//"), o)
	case "postgres", "postgresql":
		s.be, err = openPostgres(ctx, dsn, o)
	default:
		err = errKind
	}
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return s, nil
}

// OpenReader opens a database only to read it, also while a server has it open,
// and changes nothing in it: no schema is brought up to date.
func OpenReader(ctx context.Context, dsn string) (*Store, error) {
	o := Options{}.withDefaults()
	s := &Store{log: o.Log}
	scheme, rest, _ := strings.Cut(dsn, ":")
	var be backend
	var err error
	switch scheme {
	case "sqlite":
		be, err = readSQLite(ctx, strings.TrimPrefix(rest, "//"))
	case "postgres", "postgresql":
		be, err = dialPostgres(ctx, dsn, o)
	default:
		err = errKind
	}
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s.be = reader{be}
	return s, nil
}

// reader is a backend that refuses to write.
type reader struct{ backend }

func (reader) write(context.Context, func(*Tx) error) error { return errReadOnly }

func (reader) work(context.Context, *Store, map[string]jobs.Spec[*Tx]) error { return errReadOnly }

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Workers <= 0 {
		o.Workers = 12
	}
	if o.Backoff == nil {
		o.Backoff = defaultBackoff
	}
	return o
}

// slowWorkers is how many slow jobs run at once.
func (s *Store) slowWorkers() int { return max(min(s.workers-1, s.workers*2/3), 1) }

// Close releases the database. End RunJobs first.
func (s *Store) Close() error {
	if err := s.be.close(); err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.be.ping(ctx); err != nil {
		return fmt.Errorf("ping store: %w", err)
	}
	return nil
}

// Tx runs fn in one transaction: committed and durable when fn and Tx return
// nil, rolled back when fn returns an error or panics. fn uses only the
// transaction it is given, calls nothing outside (nor the store itself), and
// may run again after a serialization failure. It returns the error of a write
// that failed: PostgreSQL takes no statement after one. Writers of one SQLite
// file take turns; those that wait for each other share one commit.
func (s *Store) Tx(ctx context.Context, fn func(*Tx) error) error {
	return s.be.write(ctx, fn)
}

// TxGrouped is Tx for callers that come in crowds, such as intake: concurrent
// callers share one commit and so one wait for the disk, and the error of one
// rolls back only its own part. On SQLite our own queue groups them; PostgreSQL
// flushes its log once for all that commit together.
func (s *Store) TxGrouped(ctx context.Context, fn func(*Tx) error) error {
	return s.be.write(ctx, fn)
}

// View runs fn on one snapshot of the database, without holding up writers.
func (s *Store) View(ctx context.Context, fn func(*Tx) error) error {
	return s.be.read(ctx, fn)
}
