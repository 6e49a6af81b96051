package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/jobs"
	"github.com/holdfast-sre/holdfast/internal/store"
)

var jobTests = map[string]func(*testing.T, Database){
	"a job runs with what it was given":                     jobRuns,
	"a job takes any text":                                  anyText,
	"a job enqueued while others run starts at once":        jobWakes,
	"an unfinished key is enqueued once":                    uniqueKey,
	"a finished key may be enqueued again":                  keyAgain,
	"a job may enqueue its own key as it completes":         ownKey,
	"what arrives while a job drains is not left behind":    noLostWakeUp,
	"the same key never runs twice at once":                 oneAtATime,
	"successor and rows commit with the completion":         successor,
	"a commit that fails takes everything back and retries": commitFails,
	"a failed job is tried again":                           retries,
	"a panic is a failed attempt":                           jobPanics,
	"a snooze does not count and runs its commit":           snoozes,
	"a cancelled job is given up at once":                   cancels,
	"a job is given up after its last attempt":              givesUp,
	"giving up is tried until it works":                     giveUpFails,
	"a run ends at its deadline":                            deadline,
	"a delayed job waits for its time":                      delayed,
	"a delayed job survives a restart":                      delayedRestart,
	"a job of an unknown kind waits for its handler":        unknownKind,
	"running jobs finish before RunJobs returns":            finishes,
	"slow jobs leave workers to the others":                 slowJobs,
	"urgent jobs go before the others":                      urgentJobs,
	"a periodic job runs once per interval":                 periodic,
	"wrong specs are refused":                               wrongSpecs,
}

type (
	spec  = jobs.Spec[*store.Tx]
	specs = map[string]spec
)

// handlers makes handlers that tell their channel the key they ran.
func handlers(ran map[string]chan string) specs {
	out := specs{}
	for kind, c := range ran {
		out[kind] = spec{Handle: func(_ context.Context, j jobs.Job) (func(context.Context, *store.Tx) error, error) {
			c <- j.Key
			return nil, nil
		}}
	}
	return out
}

// handler makes a spec of one function without a commit.
func handler(fn func(ctx context.Context, j jobs.Job) error) spec {
	return spec{Handle: func(ctx context.Context, j jobs.Job) (func(context.Context, *store.Tx) error, error) {
		return nil, fn(ctx, j)
	}}
}

// note stores a value that a test looks for.
func note(key string, v any) func(context.Context, *store.Tx) error {
	return func(ctx context.Context, tx *store.Tx) error { return tx.Put(ctx, key, v) }
}

// noted waits until a value is stored.
func noted(t *testing.T, s *store.Store, key string) (v string) {
	t.Helper()
	until(t, "value "+key, func() bool {
		return s.View(t.Context(), func(tx *store.Tx) error { return tx.Get(t.Context(), key, &v) }) == nil
	})
	return v
}

// until looks again and again for what another goroutine does in its own time.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	limit := time.After(patience)
	for !ok() {
		select {
		case <-limit:
			t.Fatalf("waited in vain: %s", what)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func jobRuns(t *testing.T, db Database) {
	s := open(t, db)
	at := time.Now().Add(-time.Hour).UTC().Truncate(time.Microsecond)
	enqueue(t, s, jobs.Job{Kind: "decide", Key: "INC-1", Args: json.RawMessage(`{"b": [1, 2.5], "a": "x"}`), RunAt: at, MaxAttempts: 3})
	got := make(chan jobs.Job, 1)
	work(t, s, specs{"decide": handler(func(_ context.Context, j jobs.Job) error { got <- j; return nil })})
	j := await(t, got, "the job")
	var args struct {
		A string    `json:"a"`
		B []float64 `json:"b"`
	}
	if err := json.Unmarshal(j.Args, &args); err != nil || args.A != "x" || !slices.Equal(args.B, []float64{1, 2.5}) {
		t.Errorf("args %s: %v", j.Args, err)
	}
	j.Args = nil
	if diff := cmp.Diff(jobs.Job{Kind: "decide", Key: "INC-1", RunAt: at, Attempt: 1, MaxAttempts: 3}, j); diff != "" {
		t.Errorf("job (-want +got):\n%s", diff)
	}
}

func jobWakes(t *testing.T, db Database) {
	s := open(t, db)
	ran := make(chan string, 10)
	work(t, s, handlers(map[string]chan string{"a": ran}))
	for i := range 5 {
		key := fmt.Sprint(i)
		enqueue(t, s, jobs.Job{Kind: "a", Key: key})
		if got := await(t, ran, "job "+key); got != key {
			t.Errorf("ran %s, want %s", got, key)
		}
	}
}

func uniqueKey(t *testing.T, db Database) {
	s := open(t, db)
	got := []bool{
		enqueue(t, s, jobs.Job{Kind: "a", Key: "1", RunAt: time.Now().Add(time.Hour)}),
		enqueue(t, s, jobs.Job{Kind: "a", Key: "1"}),
		enqueue(t, s, jobs.Job{Kind: "a", Key: "2"}),
		enqueue(t, s, jobs.Job{Kind: "b", Key: "1", Args: json.RawMessage(`1`)}),
		enqueue(t, s, jobs.Job{Kind: "b", Key: "1", Args: json.RawMessage(`2`)}),
	}
	if want := []bool{true, false, true, true, false}; !slices.Equal(got, want) {
		t.Errorf("inserted %v, want %v", got, want)
	}
	for _, bad := range []jobs.Job{{Kind: "a"}, {Key: "1"}} {
		err := s.Tx(t.Context(), func(tx *store.Tx) error { _, err := tx.Enqueue(t.Context(), bad); return err })
		if err == nil {
			t.Errorf("%+v was enqueued", bad)
		}
	}
}

func keyAgain(t *testing.T, db Database) {
	s := open(t, db)
	ran := make(chan string, 1)
	work(t, s, handlers(map[string]chan string{"a": ran}))
	for range 3 {
		until(t, "key is free", func() bool { return enqueue(t, s, jobs.Job{Kind: "a", Key: "1"}) })
		await(t, ran, "job")
	}
}

func ownKey(t *testing.T, db Database) {
	s := open(t, db)
	var runs atomic.Int32
	done := make(chan struct{})
	work(t, s, specs{"a": {Handle: func(context.Context, jobs.Job) (func(context.Context, *store.Tx) error, error) {
		n := runs.Add(1)
		if n == 3 {
			close(done)
			return nil, nil
		}
		return func(ctx context.Context, tx *store.Tx) error {
			ok, err := tx.Enqueue(ctx, jobs.Job{Kind: "a", Key: "1"})
			if !ok {
				t.Error("a completing job could not enqueue its own key")
			}
			return err
		}, nil
	}}})
	enqueue(t, s, jobs.Job{Kind: "a", Key: "1"})
	await(t, done, "third run")
}

// noLostWakeUp is intake and triage: a writer adds a signal and enqueues the
// drain, which is a no-op while one runs; the drain looks at the signals as it
// completes. No signal may stay pending.
func noLostWakeUp(t *testing.T, db Database) {
	s := open(t, db)
	const n = 100
	triaged := make(chan string, n)
	work(t, s, specs{"triage": {Handle: func(context.Context, jobs.Job) (func(context.Context, *store.Tx) error, error) {
		var ids []string
		return func(ctx context.Context, tx *store.Tx) error {
			ids = nil
			list, err := tx.PendingSignals(ctx, n)
			if err != nil {
				return err
			}
			for _, sig := range list {
				ids = append(ids, sig.ID)
			}
			for _, id := range ids {
				select {
				case triaged <- id:
				default:
				}
			}
			return tx.MarkTriaged(ctx, ids, "")
		}, nil
	}}})
	for i := range n {
		do(t, s, func(tx *store.Tx) error {
			if err := saveOne(t.Context(), tx, fmt.Sprint(i)); err != nil {
				return err
			}
			_, err := tx.Enqueue(t.Context(), jobs.Job{Kind: "triage", Key: "pending"})
			return err
		})
	}
	until(t, "every signal is triaged", func() bool { return len(pending(t, s, n)) == 0 })
}

func oneAtATime(t *testing.T, db Database) {
	s := open(t, db)
	var now, most atomic.Int32
	ran := make(chan struct{}, 100)
	work(t, s, specs{"a": handler(func(context.Context, jobs.Job) error {
		most.Store(max(most.Load(), now.Add(1)))
		time.Sleep(20 * time.Millisecond) // long enough for another to start
		now.Add(-1)
		ran <- struct{}{}
		return nil
	})})
	for range 5 {
		until(t, "key is free", func() bool { return enqueue(t, s, jobs.Job{Kind: "a", Key: "1"}) })
		for range 3 {
			enqueue(t, s, jobs.Job{Kind: "a", Key: "1"})
		}
		await(t, ran, "job")
	}
	if most.Load() != 1 {
		t.Errorf("%d runs of one key at once", most.Load())
	}
}

func anyText(t *testing.T, db Database) {
	s := open(t, db)
	args, err := json.Marshal("a\x00b\xff\u2028\U0001F600\\u0000")
	if err != nil {
		t.Fatal(err)
	}
	enqueue(t, s, jobs.Job{Kind: "notify", Key: "1", Args: args})
	ran := make(chan string, 1)
	work(t, s, handlers(map[string]chan string{"notify": ran}))
	await(t, ran, "the job")
}

// slowJobs fills every worker that slow jobs may have, and more.
func slowJobs(t *testing.T, db Database) {
	o := quick()
	o.Workers, o.Slow = 3, []string{"investigate"}
	s := openWith(t, db, o)
	for i := range 6 {
		enqueue(t, s, jobs.Job{Kind: "investigate", Key: fmt.Sprint(i)})
	}
	paged, hold, begun := make(chan string, 1), make(chan struct{}), make(chan struct{}, 6)
	all := handlers(map[string]chan string{"page": paged})
	all["investigate"] = handler(func(ctx context.Context, _ jobs.Job) error {
		begun <- struct{}{}
		select {
		case <-hold:
		case <-ctx.Done():
		}
		return nil
	})
	work(t, s, all)
	for range 2 {
		await(t, begun, "a slow job")
	}
	enqueue(t, s, jobs.Job{Kind: "page", Key: "1"})
	await(t, paged, "a quick job beside the slow ones")
	close(hold)
	for range 4 {
		await(t, begun, "the other slow jobs")
	}
}

// urgentJobs lets one worker choose between much that waits and one page.
func urgentJobs(t *testing.T, db Database) {
	o := quick()
	o.Workers, o.Urgent = 1, []string{"page"}
	s := openWith(t, db, o)
	order, hold := make(chan string, 8), make(chan struct{})
	all := map[string]spec{}
	for _, kind := range []string{"decide", "page"} {
		all[kind] = handler(func(ctx context.Context, j jobs.Job) error {
			order <- j.Kind + " " + j.Key
			if j.Key == "first" {
				select {
				case <-hold:
				case <-ctx.Done():
				}
			}
			return nil
		})
	}
	enqueue(t, s, jobs.Job{Kind: "decide", Key: "first"})
	work(t, s, all)
	if got := await(t, order, "the first job"); got != "decide first" {
		t.Fatalf("%q began, want the first", got)
	}
	for i := range 4 {
		enqueue(t, s, jobs.Job{Kind: "decide", Key: fmt.Sprint(i)})
	}
	enqueue(t, s, jobs.Job{Kind: "page", Key: "1"})
	close(hold)
	if got := await(t, order, "the next job"); got != "page 1" {
		t.Errorf("%q began, want the page", got)
	}
	for range 4 {
		await(t, order, "the others")
	}
}

func successor(t *testing.T, db Database) {
	s := open(t, db)
	inc := opened(t, s, nil)
	ran := make(chan string, 1)
	all := handlers(map[string]chan string{"decide": ran})
	all["investigate"] = spec{Handle: func(_ context.Context, j jobs.Job) (func(context.Context, *store.Tx) error, error) {
		return func(ctx context.Context, tx *store.Tx) error {
			got, err := tx.Incident(ctx, j.Key)
			if err != nil {
				return err
			}
			got.State = incident.Investigating
			if err := tx.UpdateIncident(ctx, &got); err != nil {
				return err
			}
			_, err = tx.Enqueue(ctx, jobs.Job{Kind: "decide", Key: j.Key})
			return err
		}, nil
	}}
	work(t, s, all)
	enqueue(t, s, jobs.Job{Kind: "investigate", Key: inc.ID})
	if got := await(t, ran, "successor"); got != inc.ID {
		t.Errorf("successor of %s, want %s", got, inc.ID)
	}
	view(t, s, func(tx *store.Tx) error {
		got, err := tx.Incident(t.Context(), inc.ID)
		if got.State != incident.Investigating || got.Revision != 2 {
			t.Errorf("incident is %s at revision %d, want investigating at 2", got.State, got.Revision)
		}
		return err
	})
}

func commitFails(t *testing.T, db Database) {
	s := open(t, db)
	ran := make(chan string, 10)
	all := handlers(map[string]chan string{"next": ran})
	var attempts atomic.Int32
	all["a"] = spec{Handle: func(_ context.Context, j jobs.Job) (func(context.Context, *store.Tx) error, error) {
		attempts.Store(int32(j.Attempt))
		return func(ctx context.Context, tx *store.Tx) error {
			if _, err := tx.Enqueue(ctx, jobs.Job{Kind: "next", Key: fmt.Sprint(j.Attempt)}); err != nil {
				return err
			}
			switch j.Attempt {
			case 1:
				return errNo
			case 2:
				panic("in commit")
			}
			return nil
		}, nil
	}}
	work(t, s, all)
	enqueue(t, s, jobs.Job{Kind: "a", Key: "1"})
	if got := await(t, ran, "successor"); got != "3" {
		t.Errorf("successor of attempt %s ran, want that of attempt 3 alone", got)
	}
	none(t, ran, 100*time.Millisecond, "a successor that was rolled back ran")
}

func retries(t *testing.T, db Database) {
	s := open(t, db)
	got := make(chan int, 10)
	work(t, s, specs{"a": handler(func(_ context.Context, j jobs.Job) error {
		got <- j.Attempt
		if j.Attempt < 3 {
			return errNo
		}
		return nil
	})})
	enqueue(t, s, jobs.Job{Kind: "a", Key: "1"})
	for want := 1; want <= 3; want++ {
		if n := await(t, got, fmt.Sprintf("attempt %d", want)); n != want {
			t.Errorf("attempt %d, want %d", n, want)
		}
	}
	until(t, "key is free again", func() bool { return enqueue(t, s, jobs.Job{Kind: "a", Key: "1", RunAt: time.Now().Add(time.Hour)}) })
}

func jobPanics(t *testing.T, db Database) {
	s := open(t, db)
	gaveUp := make(chan error, 1)
	work(t, s, specs{"a": {
		Handle: func(context.Context, jobs.Job) (func(context.Context, *store.Tx) error, error) { panic("boom") },
		OnGiveUp: func(_ context.Context, _ *store.Tx, _ jobs.Job, cause error) error {
			gaveUp <- cause
			return nil
		},
	}})
	enqueue(t, s, jobs.Job{Kind: "a", Key: "1", MaxAttempts: 2})
	if cause := await(t, gaveUp, "the end"); !strings.Contains(cause.Error(), "boom") {
		t.Errorf("given up for %v, want boom", cause)
	}
}

func snoozes(t *testing.T, db Database) {
	s := open(t, db)
	var runs atomic.Int32
	got := make(chan int, 10)
	work(t, s, specs{"a": {Handle: func(_ context.Context, j jobs.Job) (func(context.Context, *store.Tx) error, error) {
		got <- j.Attempt
		if n := runs.Add(1); n <= 3 {
			return note(fmt.Sprintf("snooze-%d", n), "zzz"), jobs.Snooze(10 * time.Millisecond)
		}
		return nil, nil
	}}})
	enqueue(t, s, jobs.Job{Kind: "a", Key: "1", MaxAttempts: 2})
	for i := range 4 {
		if n := await(t, got, fmt.Sprintf("run %d", i+1)); n != 1 {
			t.Errorf("run %d is attempt %d, want 1", i+1, n)
		}
	}
	for n := 1; n <= 3; n++ {
		noted(t, s, fmt.Sprintf("snooze-%d", n))
	}
}

func cancels(t *testing.T, db Database) {
	s := open(t, db)
	var runs atomic.Int32
	work(t, s, specs{"a": {
		Handle: func(context.Context, jobs.Job) (func(context.Context, *store.Tx) error, error) {
			runs.Add(1)
			return note("commit", "ran"), jobs.Cancel(errNo)
		},
		OnGiveUp: func(ctx context.Context, tx *store.Tx, j jobs.Job, cause error) error {
			if !errors.Is(cause, errNo) || j.Key != "1" {
				t.Errorf("gave up %s for %v", j.Key, cause)
			}
			return tx.Put(ctx, "given-up", cause.Error())
		},
	}})
	enqueue(t, s, jobs.Job{Kind: "a", Key: "1"})
	noted(t, s, "given-up")
	var v string
	wantErr(t, s.View(t.Context(), func(tx *store.Tx) error { return tx.Get(t.Context(), "commit", &v) }), store.ErrNotFound)
	if runs.Load() != 1 {
		t.Errorf("%d runs, want 1", runs.Load())
	}
	if !enqueue(t, s, jobs.Job{Kind: "a", Key: "1", RunAt: time.Now().Add(time.Hour)}) {
		t.Error("the key of a job that was given up is not free")
	}
}

func givesUp(t *testing.T, db Database) {
	s := open(t, db)
	var runs atomic.Int32
	next := make(chan string, 1)
	all := handlers(map[string]chan string{"escalate": next})
	all["a"] = spec{
		Handle: func(context.Context, jobs.Job) (func(context.Context, *store.Tx) error, error) {
			runs.Add(1)
			return nil, errNo
		},
		OnGiveUp: func(ctx context.Context, tx *store.Tx, j jobs.Job, _ error) error {
			if ok, err := tx.Enqueue(ctx, jobs.Job{Kind: j.Kind, Key: j.Key, RunAt: time.Now().Add(time.Hour)}); err != nil || !ok {
				return fmt.Errorf("its own key is not free: %w", err)
			}
			_, err := tx.Enqueue(ctx, jobs.Job{Kind: "escalate", Key: fmt.Sprintf("%s after %d", j.Key, j.Attempt)})
			return err
		},
	}
	work(t, s, all)
	enqueue(t, s, jobs.Job{Kind: "a", Key: "x", MaxAttempts: 3})
	if got := await(t, next, "the job that giving up enqueued"); got != "x after 3" || runs.Load() != 3 {
		t.Errorf("got %q after %d runs, want \"x after 3\"", got, runs.Load())
	}
}

func giveUpFails(t *testing.T, db Database) {
	s := open(t, db)
	var runs, ends atomic.Int32
	causes := make(chan string, 10)
	work(t, s, specs{"a": {
		Handle: func(context.Context, jobs.Job) (func(context.Context, *store.Tx) error, error) {
			runs.Add(1)
			return nil, errNo
		},
		OnGiveUp: func(ctx context.Context, tx *store.Tx, _ jobs.Job, cause error) error {
			if err := tx.Put(ctx, "page", "sent"); err != nil {
				return err
			}
			if ends.Add(1) < 3 {
				return errors.New("not now")
			}
			causes <- cause.Error()
			return nil
		},
	}})
	enqueue(t, s, jobs.Job{Kind: "a", Key: "1", MaxAttempts: 1})
	if cause := await(t, causes, "giving up"); !strings.Contains(cause, errNo.Error()) {
		t.Errorf("cause %q does not name the failure", cause)
	}
	noted(t, s, "page")
	if runs.Load() != 1 {
		t.Errorf("the handler ran %d times, want once", runs.Load())
	}
}

func deadline(t *testing.T, db Database) {
	s := open(t, db)
	gaveUp := make(chan error, 1)
	work(t, s, specs{"a": {
		Timeout: 50 * time.Millisecond,
		Handle: func(ctx context.Context, _ jobs.Job) (func(context.Context, *store.Tx) error, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		},
		OnGiveUp: func(_ context.Context, _ *store.Tx, _ jobs.Job, cause error) error {
			gaveUp <- cause
			return nil
		},
	}})
	enqueue(t, s, jobs.Job{Kind: "a", Key: "1", MaxAttempts: 2})
	wantErr(t, await(t, gaveUp, "the end"), context.DeadlineExceeded)
}

func delayed(t *testing.T, db Database) {
	s := open(t, db)
	ran := make(chan string, 2)
	work(t, s, handlers(map[string]chan string{"a": ran}))
	start := time.Now()
	enqueue(t, s, jobs.Job{Kind: "a", Key: "later", RunAt: start.Add(700 * time.Millisecond)})
	enqueue(t, s, jobs.Job{Kind: "a", Key: "now"})
	first, second := await(t, ran, "first job"), await(t, ran, "second job")
	if first != "now" || second != "later" {
		t.Errorf("ran %s then %s, want now then later", first, second)
	}
	if took := time.Since(start); took < 690*time.Millisecond || took > 5*time.Second {
		t.Errorf("the delayed job ran after %s, want 0.7 s and a little", took)
	}
}

func delayedRestart(t *testing.T, db Database) {
	s := db(t, quick())
	ran := make(chan string, 1)
	stop := work(t, s, handlers(map[string]chan string{"a": ran}))
	enqueue(t, s, jobs.Job{Kind: "a", Key: "later", RunAt: time.Now().Add(500 * time.Millisecond)})
	stop()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, db)
	work(t, s, handlers(map[string]chan string{"a": ran}))
	await(t, ran, "the delayed job after a restart")
}

func unknownKind(t *testing.T, db Database) {
	s := open(t, db)
	ran := make(chan string, 2)
	stop := work(t, s, handlers(map[string]chan string{"a": ran}))
	enqueue(t, s, jobs.Job{Kind: "a", Key: "known"})
	await(t, ran, "the known job")
	stop()
	enqueue(t, s, jobs.Job{Kind: "b", Key: "new"})
	work(t, s, handlers(map[string]chan string{"b": ran}))
	if got := await(t, ran, "the job of the other kind"); got != "new" {
		t.Errorf("ran %s, want new", got)
	}
}

func finishes(t *testing.T, db Database) {
	s := open(t, db)
	started := make(chan struct{})
	stop := work(t, s, specs{"a": {Handle: func(ctx context.Context, _ jobs.Job) (func(context.Context, *store.Tx) error, error) {
		close(started)
		select {
		case <-ctx.Done():
			t.Errorf("the run was cut off: %v", context.Cause(ctx))
		case <-time.After(200 * time.Millisecond):
		}
		return note("finished", "yes"), nil
	}}})
	enqueue(t, s, jobs.Job{Kind: "a", Key: "1"})
	await(t, started, "the job")
	stop()
	var v string
	view(t, s, func(tx *store.Tx) error { return tx.Get(t.Context(), "finished", &v) })
}

func periodic(t *testing.T, db Database) {
	s := open(t, db)
	ran := make(chan string, 10)
	work(t, s, handlers(map[string]chan string{"poll": ran}), jobs.Periodic{Kind: "poll", Every: time.Second})
	var keys []string
	for range 3 {
		keys = append(keys, await(t, ran, "a periodic job"))
	}
	if slices.Sort(keys); len(slices.Compact(keys)) != 3 {
		t.Errorf("intervals %v, want three different ones", keys)
	}
	for _, key := range keys {
		if _, err := time.Parse(time.RFC3339, key); err != nil {
			t.Errorf("key %q does not name its interval: %v", key, err)
		}
	}
}

func wrongSpecs(t *testing.T, db Database) {
	s := open(t, db)
	ok := handler(func(context.Context, jobs.Job) error { return nil })
	long := ok
	long.Timeout = time.Minute
	for name, call := range map[string]func() error{
		"no handler": func() error { return s.RunJobs(t.Context(), specs{"a": {}}, nil) },
		"too long":   func() error { return s.RunJobs(t.Context(), specs{"a": long}, nil) },
		"periodic without handler": func() error {
			return s.RunJobs(t.Context(), specs{"a": ok}, []jobs.Periodic{{Kind: "b", Every: time.Minute}})
		},
		"periodic without interval": func() error { return s.RunJobs(t.Context(), specs{"a": ok}, []jobs.Periodic{{Kind: "a"}}) },
	} {
		if call() == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}
