package store

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/holdfast-sre/holdfast/internal/jobs"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

func openTemp(t testing.TB, o Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "holdfast.db"), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func sqliteOf(t testing.TB, s *Store) *sqliteDB {
	t.Helper()
	d, ok := s.be.(*sqliteDB)
	if !ok {
		t.Fatalf("store on %T", s.be)
	}
	return d
}

// within fails the test when fn takes longer than d.
func within(t *testing.T, d time.Duration, what string, fn func() error) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- fn() }()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	case <-time.After(d):
		t.Fatalf("%s: still not done after %s", what, d)
	}
}

// TestManyStatementsInOneTx: on a single connection, a statement that is
// prepared elsewhere while a transaction holds it waits for ever. Every
// statement goes through the transaction's own connection.
func TestManyStatementsInOneTx(t *testing.T) {
	t.Parallel()
	s := openTemp(t, Options{})
	within(t, 20*time.Second, "a transaction with nested reads and writes", func() error {
		return s.Tx(t.Context(), func(tx *Tx) error {
			for i := range 200 {
				var n int
				if err := tx.Get(t.Context(), "n", &n); err != nil && !errors.Is(err, ErrNotFound) {
					return err
				}
				if err := tx.Put(t.Context(), "n", n+i); err != nil {
					return err
				}
				// A reader beside the writer uses the other pool.
				if err := s.View(t.Context(), func(v *Tx) error { _, err := v.Incidents(t.Context(), IncidentFilter{}); return err }); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// TestSleepingExecutorSleeps: neither a job that is due while all workers are
// busy, nor one of a kind that nobody handles, nor a wake-up that nobody waited
// for may keep the executor busy.
func TestSleepingExecutorSleeps(t *testing.T) {
	t.Parallel()
	s := openTemp(t, Options{Workers: 1})
	d := sqliteOf(t, s)
	var looks atomic.Int32
	d.looks = func() { looks.Add(1) }
	started, release := make(chan struct{}), make(chan struct{})
	handle := func(context.Context, jobs.Job) (func(context.Context, *Tx) error, error) {
		close(started)
		<-release
		return nil, nil
	}
	later := time.Now().Add(time.Hour)
	err := s.Tx(t.Context(), func(tx *Tx) error {
		_, err1 := tx.Enqueue(t.Context(), jobs.Job{Kind: "busy", Key: "1"})
		_, err2 := tx.Enqueue(t.Context(), jobs.Job{Kind: "later", Key: "1", RunAt: later})
		_, err3 := tx.Enqueue(t.Context(), jobs.Job{Kind: "unknown", Key: "1"})
		return errors.Join(err1, err2, err3)
	})
	if err != nil {
		t.Fatal(err)
	}
	d.poke()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- s.RunJobs(ctx, map[string]jobs.Spec[*Tx]{"busy": {Handle: handle}, "later": {Handle: handle}}, nil)
	}()
	<-started
	if err := s.Tx(t.Context(), func(tx *Tx) error { // due, but the only worker is busy
		_, err := tx.Enqueue(t.Context(), jobs.Job{Kind: "later", Key: "2", RunAt: time.Now().Add(time.Hour)})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond) // a spinning executor looks thousands of times
	close(release)
	time.Sleep(300 * time.Millisecond)
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if n := looks.Load(); n > 8 {
		t.Errorf("the executor looked for jobs %d times in 0.6 s with nothing to do, want a few", n)
	}
}

// TestNoUntypedParametersInCase: PostgreSQL can't tell the type of a parameter
// that is the result of a CASE, and SQLite, where the unit tests run, can.
func TestNoUntypedParametersInCase(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	untyped := regexp.MustCompile(`(?i)\b(then|else)\s+\$\d+\b[^:]`)
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if found := untyped.FindString(string(text)); found != "" && !strings.HasSuffix(name, "_test.go") {
			t.Errorf("%s: %q: write a cast, such as $1::bigint", name, found)
		}
	}
}

func TestOneOwner(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "holdfast.db")
	first, err := Open(t.Context(), "sqlite:"+path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), "sqlite:"+path, Options{})
	if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "another process") {
		t.Errorf("second opener got %v, want an error that names the file and the cause", err)
	}
	if all := problem.All(err); len(all) != 1 || all[0].Hint == "" {
		t.Errorf("second opener got no hint: %+v", all)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(t.Context(), "sqlite:"+path, Options{})
	if err != nil {
		t.Fatalf("open after close: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

func TestFileIsPrivate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "odd name%3F&#.db")
	s, err := Open(t.Context(), "sqlite:"+path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Tx(t.Context(), func(tx *Tx) error { return tx.Put(t.Context(), "k", 1) }); err != nil {
		t.Error(err)
	}
	for _, suffix := range []string{"", "-wal", ".lock"} {
		info, err := os.Stat(path + suffix)
		if err != nil {
			t.Error(err)
		} else if info.Mode().Perm() != 0o600 {
			t.Errorf("%s is %v, want -rw-------", info.Name(), info.Mode())
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	s := openTemp(t, Options{})
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000"} {
		err := s.Tx(t.Context(), func(tx *Tx) error {
			var got string
			err := tx.row(t.Context(), []any{&got}, "PRAGMA "+pragma)
			if got != want {
				t.Errorf("%s = %s, want %s", pragma, got, want)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for name, dsn := range map[string]string{
		"no scheme":         "holdfast.db",
		"no file":           "sqlite:",
		"memory":            "sqlite::memory:",
		"no such folder":    "sqlite:" + filepath.Join(t.TempDir(), "none", "holdfast.db"),
		"malformed":         "postgres://ana:hunter2@%zz/db",
		"malformed option":  "postgres://ana:hunter2@127.0.0.1:1/db?pool_max_conns=many",
		"nobody listens":    "postgres://ana:hunter2@127.0.0.1:1/db?sslmode=disable",
		"keywords":          "host=127.0.0.1 port=1 user=ana password=hunter2",
		"mysql, and secret": "mysql://ana:hunter2@127.0.0.1/db",
	} {
		s, err := Open(t.Context(), dsn, Options{})
		if err == nil {
			t.Errorf("%s: opened %v", name, s)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error holds the password: %v", name, err)
		}
	}
}

// TestInterrupted: an attempt that the process did not survive counts, and
// after the last one the job is given up without running.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	s := openTemp(t, Options{})
	err := s.Tx(t.Context(), func(tx *Tx) error {
		for _, key := range []string{"first", "last"} {
			if _, err := tx.Enqueue(t.Context(), jobs.Job{Kind: "a", Key: key, MaxAttempts: 3}); err != nil {
				return err
			}
		}
		_, err := tx.exec(t.Context(), `UPDATE jobs SET state = 'running', attempt = CASE key WHEN 'last' THEN 3 ELSE 1 END, error = 'disk full'`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	type end struct {
		key     string
		attempt int
		cause   error
	}
	ends := make(chan end, 2)
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	ended := make(chan error, 1)
	go func() {
		ended <- s.RunJobs(ctx, map[string]jobs.Spec[*Tx]{"a": {
			Handle: func(_ context.Context, j jobs.Job) (func(context.Context, *Tx) error, error) {
				ends <- end{j.Key, j.Attempt, nil}
				return nil, nil
			},
			OnGiveUp: func(_ context.Context, _ *Tx, j jobs.Job, cause error) error {
				ends <- end{j.Key, j.Attempt, cause}
				return nil
			},
		}}, nil)
	}()
	for range 2 {
		switch got := <-ends; {
		case got.key == "first" && (got.attempt != 2 || got.cause != nil):
			t.Errorf("first: attempt %d, given up for %v; want attempt 2 to run", got.attempt, got.cause)
		case got.key == "last" && (!errors.Is(got.cause, errInterrupted) || !strings.Contains(got.cause.Error(), "disk full")):
			t.Errorf("last: %v, want it given up as interrupted, with the failure before", got.cause)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestSweep(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	s := openTemp(t, Options{Now: func() time.Time { return now }})
	tx := func(fn func(*Tx) error) {
		t.Helper()
		if err := s.Tx(t.Context(), fn); err != nil {
			t.Fatal(err)
		}
	}
	tx(func(tx *Tx) error {
		_, err1 := tx.AcceptDelivery(t.Context(), "old")
		_, err2 := tx.Enqueue(t.Context(), jobs.Job{Kind: "a", Key: "waiting"})
		_, err3 := tx.exec(t.Context(), `INSERT INTO jobs (kind, key, args, state, run_at, attempt, max_attempts, error, created_at, finished_at)
			VALUES ('a', 'done', 'null', 'done', 1, 1, 1, '', 1, $1)`, now.UnixMicro())
		return errors.Join(err1, err2, err3)
	})
	now = now.Add(keepFor + time.Second)
	tx(func(tx *Tx) error { return tx.sweep(t.Context()) })
	tx(func(tx *Tx) error {
		fresh, err := tx.AcceptDelivery(t.Context(), "old")
		var left int
		err = errors.Join(err, tx.row(t.Context(), []any{&left}, `SELECT count(*) FROM jobs`))
		if !fresh || left != 1 {
			t.Errorf("delivery forgotten = %v, %d jobs left; want true and the waiting one", fresh, left)
		}
		return err
	})
}

func TestMigrationsGoDownAndUp(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("sqlite", sqliteURI(filepath.Join(t.TempDir(), "holdfast.db"), "", false))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	p, err := goose.NewProvider(goose.DialectSQLite3, db, os.DirFS("migrations/sqlite"), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := p.Up(t.Context()); err != nil {
			t.Fatalf("up: %v", err)
		}
		if _, err := p.DownTo(t.Context(), 0); err != nil {
			t.Fatalf("down: %v", err)
		}
	}
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	for attempt, most := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 8: 128 * time.Second, 9: 5 * time.Minute, 400: 5 * time.Minute} {
		for range 100 {
			if got := defaultBackoff(attempt); got > most || got < most*3/4 {
				t.Fatalf("attempt %d waits %s, want between %s and %s", attempt, got, most*3/4, most)
			}
		}
	}
}
