// Package storetest states what every database of the store must do. It runs
// on SQLite in the unit tests and on PostgreSQL in test/integration, where each
// test has a schema of its own.
package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/jobs"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// Database opens one database again and again, as a process that restarts does.
type Database func(t *testing.T, o store.Options) *store.Store

// Run runs the suite; fresh makes an empty database for one test.
func Run(t *testing.T, fresh func(t *testing.T) Database) {
	t.Helper()
	groups := map[string]map[string]func(*testing.T, Database){
		"records":      records,
		"signals":      signals,
		"transactions": transactions,
		"jobs":         jobTests,
		"autonomy":     autonomyTests,
	}
	for group, tests := range groups {
		t.Run(group, func(t *testing.T) {
			t.Parallel()
			for name, test := range tests {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					test(t, fresh(t))
				})
			}
		})
	}
}

// patience is how long something that must happen may take.
const patience = 30 * time.Second

// quick retries at once.
func quick() store.Options {
	return store.Options{Backoff: func(int) time.Duration { return 10 * time.Millisecond }}
}

// open opens the database until the end of the test.
func open(t *testing.T, db Database) *store.Store {
	t.Helper()
	return openWith(t, db, quick())
}

func openWith(t *testing.T, db Database, o store.Options) *store.Store {
	t.Helper()
	s := db(t, o)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// do runs fn in a transaction that must succeed.
func do(t *testing.T, s *store.Store, fn func(*store.Tx) error) {
	t.Helper()
	if err := s.Tx(t.Context(), fn); err != nil {
		t.Fatalf("transaction: %v", err)
	}
}

// view runs fn on a snapshot, which must succeed.
func view(t *testing.T, s *store.Store, fn func(*store.Tx) error) {
	t.Helper()
	if err := s.View(t.Context(), fn); err != nil {
		t.Fatalf("view: %v", err)
	}
}

// work runs jobs until the function that it returns is called or the test ends.
func work(t *testing.T, s *store.Store, specs map[string]jobs.Spec[*store.Tx], periodic ...jobs.Periodic) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.RunJobs(ctx, specs, periodic) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("RunJobs: %v", err)
			}
		case <-time.After(patience):
			t.Error("RunJobs did not end")
		}
	}
	t.Cleanup(stop)
	return stop
}

// await receives a value, or fails the test when none comes.
func await[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("waited in vain: %s", what)
		panic("unreachable")
	}
}

// none checks that nothing comes within d.
func none[T any](t *testing.T, c <-chan T, d time.Duration, what string) {
	t.Helper()
	select {
	case v := <-c:
		t.Errorf("%s: %v", what, v)
	case <-time.After(d):
	}
}

// enqueue adds a job in a transaction of its own.
func enqueue(t *testing.T, s *store.Store, j jobs.Job) (inserted bool) {
	t.Helper()
	do(t, s, func(tx *store.Tx) error {
		var err error
		inserted, err = tx.Enqueue(t.Context(), j)
		return err
	})
	return inserted
}

func wantErr(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("got error %v, want %v", got, want)
	}
}
