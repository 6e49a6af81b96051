package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"time"

	"github.com/holdfast-sre/holdfast/internal/jobs"
)

const (
	defaultAttempts = 10
	settleTimeout   = 10 * time.Second // of the transaction that ends a run
)

// errInterrupted is the cause when a process ended during the last attempt.
var errInterrupted = errors.New("interrupted in its last attempt")

// errLost reports that a run is no longer ours: it took so long that the job
// was started again.
var errLost = errors.New("the job was taken over")

// Enqueue adds a job to the transaction. inserted is false, and nothing
// changes, while an unfinished job with this Kind and Key exists; in the
// transaction that completes a job, that job no longer counts as unfinished, so
// its commit may enqueue its own key again.
func (tx *Tx) Enqueue(ctx context.Context, j jobs.Job) (inserted bool, err error) {
	if !tx.write {
		return false, errReadOnly
	}
	if j.Kind == "" || j.Key == "" {
		return false, fmt.Errorf("enqueue %q %q: a job needs a kind and a key", j.Kind, j.Key)
	}
	if len(j.Args) == 0 {
		j.Args = []byte("null")
	}
	if j.RunAt.IsZero() {
		j.RunAt = tx.now
	}
	if j.MaxAttempts <= 0 {
		j.MaxAttempts = defaultAttempts
	}
	inserted, err = tx.be.enqueue(ctx, tx, j)
	tx.enqueued = tx.enqueued || inserted
	return inserted, about(err, "enqueue %s %s", j.Kind, j.Key)
}

// RunJobs runs the jobs of the given kinds, and the periodic ones, until ctx
// ends; then it lets the running ones finish and returns nil. Jobs of other
// kinds wait. One call at a time.
func (s *Store) RunJobs(ctx context.Context, specs map[string]jobs.Spec[*Tx], periodic []jobs.Periodic) error {
	specs, err := checked(specs, periodic)
	if err != nil {
		return fmt.Errorf("run jobs: %w", err)
	}
	select {
	case s.working <- struct{}{}:
	default:
		return errors.New("run jobs: already running")
	}
	defer func() { <-s.working }()

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	aside := make(chan struct{})
	go func() {
		defer close(aside)
		s.runPeriodics(ctx, periodic)
	}()
	err = s.be.work(ctx, s, specs)
	stop()
	<-aside
	return about(err, "run jobs")
}

func checked(specs map[string]jobs.Spec[*Tx], periodic []jobs.Periodic) (map[string]jobs.Spec[*Tx], error) {
	out := make(map[string]jobs.Spec[*Tx], len(specs))
	for kind, spec := range specs {
		if spec.Handle == nil {
			return nil, fmt.Errorf("%s has no handler", kind)
		}
		if spec.Timeout <= 0 {
			spec.Timeout = jobs.MaxTimeout
		}
		if spec.Timeout > jobs.MaxTimeout {
			return nil, fmt.Errorf("%s may run %s: the most is %s, longer waits are snoozes", kind, spec.Timeout, jobs.MaxTimeout)
		}
		out[kind] = spec
	}
	for _, p := range periodic {
		if _, ok := out[p.Kind]; !ok || p.Every < time.Second {
			return nil, fmt.Errorf("periodic %s every %s: it needs a handler and at least a second", p.Kind, p.Every)
		}
	}
	return out, nil
}

func sortedKinds(specs map[string]jobs.Spec[*Tx]) []string {
	kinds := make([]string, 0, len(specs))
	for kind := range specs {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	return kinds
}

// run is one run of a job as the executor of a database sees it.
type run struct {
	job       jobs.Job
	lastError string // of the attempt before, if any
	// The three ways to end it, inside the transaction that does; each returns
	// errLost when the job is no longer ours to end.
	done   func(ctx context.Context, tx *Tx) error
	again  func(ctx context.Context, tx *Tx, at time.Time, attempts int, lastError string) error
	giveUp func(ctx context.Context, tx *Tx, lastError string) error
}

// perform runs the handler and ends the run. It returns an error only when the
// end could not be recorded.
func (s *Store) perform(ctx context.Context, spec jobs.Spec[*Tx], r run) error {
	log := s.log.With("kind", r.job.Kind, "key", r.job.Key, "attempt", r.job.Attempt)
	if r.job.Attempt > r.job.MaxAttempts {
		cause := errInterrupted
		if r.lastError != "" {
			cause = fmt.Errorf("%w; before: %s", errInterrupted, r.lastError)
		}
		return s.fail(ctx, spec, r, jobs.Cancel(cause))
	}
	commit, err := handle(ctx, spec, r.job)
	snooze, snoozed := errors.AsType[*jobs.SnoozeError](err)
	if err != nil && !snoozed {
		log.WarnContext(ctx, "job failed", "error", err)
		return s.fail(ctx, spec, r, err)
	}
	err = s.settle(ctx, func(ctx context.Context, tx *Tx) error {
		var err error
		if snoozed {
			err = r.again(ctx, tx, tx.now.Add(snooze.D), r.job.Attempt-1, "")
		} else {
			err = r.done(ctx, tx)
		}
		if err != nil || commit == nil {
			return err
		}
		return commit(ctx, tx)
	})
	if err == nil || errors.Is(err, errLost) {
		return s.lost(ctx, r, err)
	}
	log.WarnContext(ctx, "job could not record its result", "error", err)
	return s.fail(ctx, spec, r, err)
}

// fail puts a job back for its next attempt or, after the last one or a
// Cancel, gives it up.
func (s *Store) fail(ctx context.Context, spec jobs.Spec[*Tx], r run, cause error) error {
	cancelled, isCancel := errors.AsType[*jobs.CancelError](cause)
	if isCancel {
		cause = cancelled.Cause
	}
	if !isCancel && r.job.Attempt < r.job.MaxAttempts {
		return s.putBack(ctx, r, r.job.Attempt, cause)
	}
	err := s.settle(ctx, func(ctx context.Context, tx *Tx) error {
		if err := r.giveUp(ctx, tx, cause.Error()); err != nil || spec.OnGiveUp == nil {
			return err
		}
		return protect(func() error { return spec.OnGiveUp(ctx, tx, r.job, cause) })
	})
	if err == nil || errors.Is(err, errLost) {
		s.log.ErrorContext(ctx, "job given up", "kind", r.job.Kind, "key", r.job.Key,
			"attempt", r.job.Attempt, "error", cause)
		return s.lost(ctx, r, err)
	}
	// What giving up must do is not done: try that again, without the handler.
	s.log.ErrorContext(ctx, "job could not be given up", "kind", r.job.Kind, "key", r.job.Key, "error", err)
	return s.putBack(ctx, r, max(r.job.Attempt, r.job.MaxAttempts), cause)
}

func (s *Store) putBack(ctx context.Context, r run, attempts int, cause error) error {
	err := s.settle(ctx, func(ctx context.Context, tx *Tx) error {
		return r.again(ctx, tx, tx.now.Add(s.backoff(r.job.Attempt)), attempts, cause.Error())
	})
	return s.lost(ctx, r, err)
}

// lost forgives a run that was taken over: whoever has the job ends it.
func (s *Store) lost(ctx context.Context, r run, err error) error {
	if errors.Is(err, errLost) {
		s.log.WarnContext(ctx, "job was taken over while it ran", "kind", r.job.Kind, "key", r.job.Key)
		return nil
	}
	return err
}

func (s *Store) settle(ctx context.Context, fn func(context.Context, *Tx) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	return s.Tx(ctx, func(tx *Tx) error {
		return protect(func() error { return fn(ctx, tx) })
	})
}

// handle runs the handler under its deadline. A shutdown does not cut it off.
func handle(ctx context.Context, spec jobs.Spec[*Tx], j jobs.Job) (commit func(context.Context, *Tx) error, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), spec.Timeout)
	defer cancel()
	err = protect(func() error {
		var err error
		commit, err = spec.Handle(ctx, j)
		return err
	})
	return commit, err
}

// protect turns a panic into an error.
func protect(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return fn()
}

// defaultBackoff doubles from one second to five minutes, less up to a quarter
// at random, so that what failed together does not come back together.
func defaultBackoff(attempt int) time.Duration {
	d := 5 * time.Minute
	if attempt < 9 {
		d = time.Second << max(attempt-1, 0)
	}
	return d - rand.N(d/4)
}
