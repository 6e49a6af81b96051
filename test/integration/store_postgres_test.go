//go:build integration

package integration

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast-sre/holdfast/internal/jobs"
	"github.com/holdfast-sre/holdfast/internal/store"
	"github.com/holdfast-sre/holdfast/test/servers"
)

// replica opens one more store on a database and runs jobs on it until the
// function that it returns is called.
func replica(t *testing.T, dsn string, specs map[string]jobs.Spec[*store.Tx], periodic ...jobs.Periodic) (s *store.Store, stop func()) {
	t.Helper()
	s, err := store.Open(t.Context(), dsn, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.RunJobs(ctx, specs, periodic) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("run jobs: %v", err)
			}
			if err := s.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return s, stop
}

// statement runs SQL behind the store's back.
func statement(t *testing.T, dsn, sql string) int64 {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	tag, err := conn.Exec(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	return tag.RowsAffected()
}

// TestReplicas: three replicas start together on an empty database, and a
// periodic job runs once per interval and each job once.
func TestReplicas(t *testing.T) {
	t.Parallel()
	dsn := servers.PostgresSchema(t, servers.Postgres(t))
	var mu sync.Mutex
	runs := map[string]int{}
	ran := make(chan string, 100)
	specs := map[string]jobs.Spec[*store.Tx]{}
	for _, kind := range []string{"poll", "work"} {
		specs[kind] = jobs.Spec[*store.Tx]{Handle: func(_ context.Context, j jobs.Job) (func(context.Context, *store.Tx) error, error) {
			mu.Lock()
			defer mu.Unlock()
			runs[j.Kind+" "+j.Key]++
			ran <- j.Kind
			return nil, nil
		}}
	}
	stops := make(chan func(), 3)
	for range 3 {
		go func() {
			_, stop := replica(t, dsn, specs, jobs.Periodic{Kind: "poll", Every: time.Second})
			stops <- stop
		}()
	}
	var all []func()
	for range 3 {
		all = append(all, <-stops)
	}
	s, stop := replica(t, dsn, specs)
	defer stop()
	const n = 20
	for i := range n {
		err := s.Tx(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Enqueue(t.Context(), jobs.Job{Kind: "work", Key: time.Duration(i).String()})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	limit := time.After(time.Minute)
	for polls, works := 0, 0; polls < 4 || works < n; {
		select {
		case kind := <-ran:
			if kind == "poll" {
				polls++
			} else {
				works++
			}
		case <-limit:
			t.Fatalf("%d polls and %d works after a minute, want 4 and %d", polls, works, n)
		}
	}
	for _, stop := range all {
		stop()
	}
	stop()
	for job, n := range runs {
		if n != 1 {
			t.Errorf("%s ran %d times, want once", job, n)
		}
	}
}

// TestDeadWorker: the job of a worker that died runs again, as its next
// attempt, within the promised minute; a run that was taken over in the
// meantime ends nothing.
func TestDeadWorker(t *testing.T) {
	t.Parallel()
	dsn := servers.PostgresSchema(t, servers.Postgres(t))
	attempts := make(chan int, 10)
	release := make(chan struct{})
	specs := map[string]jobs.Spec[*store.Tx]{"work": {
		Handle: func(_ context.Context, j jobs.Job) (func(context.Context, *store.Tx) error, error) {
			attempts <- j.Attempt
			if j.Attempt == 1 {
				<-release
				return func(context.Context, *store.Tx) error {
					t.Error("a run that was taken over committed")
					return nil
				}, nil
			}
			return nil, nil
		},
	}}
	s, _ := replica(t, dsn, specs)
	err := s.Tx(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Enqueue(t.Context(), jobs.Job{Kind: "work", Key: "1"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	<-attempts
	start := time.Now()
	if n := statement(t, dsn, `UPDATE river_job SET attempted_at = now() - interval '1 minute' WHERE state = 'running'`); n != 1 {
		t.Fatalf("%d running jobs, want 1", n)
	}
	select {
	case got := <-attempts:
		if got != 2 {
			t.Errorf("ran again as attempt %d, want 2", got)
		}
		t.Logf("ran again after %s", time.Since(start).Round(time.Second))
	case <-time.After(time.Minute):
		t.Error("not run again within a minute")
	}
	close(release)
}
