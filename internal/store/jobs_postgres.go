package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"github.com/holdfast-sre/holdfast/internal/jobs"
)

// River runs the jobs of a PostgreSQL database. To River every job is an
// envelope; a run always ends by completing its envelope inside our
// transaction, and what goes on (snooze, next attempt) is a new envelope in the
// same transaction. River's own retries remain for what we can't record, and its
// rescuer for workers that died: it looks every 30 s, so that promises 60 s.

const (
	rescueAfter = 20 * time.Second // River: more than the longest run
	runMargin   = 3 * time.Second  // to record the end of a run that used all its time
	pollEvery   = 500 * time.Millisecond
	// River moves scheduled jobs to the front every five seconds; what is due
	// sooner is put there at once and waits for its time among the available.
	soon = 10 * time.Second
	// riverAttempts is out of the way: perform counts attempts, so that the
	// last one is given up by us and not thrown away by the rescuer.
	riverAttempts = 30000
	// slowQueue keeps slow jobs from taking the workers of the others.
	slowQueue = "slow"
	// Priorities of River: a lower number goes first.
	urgent, ordinary = 1, 2
)

// envelope is a job as River stores it.
type envelope struct {
	Of          string          `json:"of" river:"unique"` // jobs.Job.Kind
	Key         string          `json:"key" river:"unique"`
	Args        json.RawMessage `json:"args"`
	Attempts    int             `json:"attempts"` // that count, before this envelope
	MaxAttempts int             `json:"max_attempts"`
	LastError   string          `json:"last_error,omitempty"`
}

// Kind names all our jobs to River.
func (envelope) Kind() string { return "holdfast" }

// enqueue replaces the character NUL, which jsonb does not hold and which text
// from outside may: a page must not fail on a line of a log.
func (d *postgresDB) enqueue(ctx context.Context, tx *Tx, j jobs.Job) (bool, error) {
	j.Args = bytes.ReplaceAll(j.Args, []byte(`\u0000`), []byte(`\ufffd`))
	return d.insert(ctx, tx, envelope{Of: j.Kind, Key: j.Key, Args: j.Args, MaxAttempts: j.MaxAttempts}, j.RunAt)
}

func (d *postgresDB) insert(ctx context.Context, tx *Tx, e envelope, at time.Time) (bool, error) {
	queue := river.QueueDefault
	if slices.Contains(d.slow, e.Of) {
		queue = slowQueue
	}
	priority := ordinary
	if slices.Contains(d.urgent, e.Of) {
		priority = urgent
	}
	res, err := d.river.InsertTx(ctx, tx.pgx, e, &river.InsertOpts{
		Queue:       queue,
		Priority:    priority,
		MaxAttempts: riverAttempts,
		ScheduledAt: at,
		UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
			rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning,
			rivertype.JobStateRetryable, rivertype.JobStateScheduled,
		}},
	})
	if err != nil || res.UniqueSkippedAsDuplicate {
		return false, err
	}
	if res.Job.State == rivertype.JobStateScheduled && at.Sub(tx.now) < soon {
		_, err = tx.pgx.Exec(ctx, `UPDATE river_job SET state = 'available' WHERE id = $1 AND state = 'scheduled'`, res.Job.ID)
	}
	return true, err
}

func (d *postgresDB) work(ctx context.Context, s *Store, specs map[string]jobs.Spec[*Tx]) error {
	workers := river.NewWorkers()
	if err := river.AddWorkerSafely(workers, &riverWorker{d: d, s: s, specs: specs}); err != nil {
		return err
	}
	client, err := river.NewClient(riverpgxv5.New(d.pool), &river.Config{
		Logger:  quiet(d.log),
		Workers: workers,
		Queues: map[string]river.QueueConfig{
			river.QueueDefault: {MaxWorkers: s.workers}, slowQueue: {MaxWorkers: s.slowWorkers()},
		},
		JobTimeout:           jobs.MaxTimeout + runMargin,
		RescueStuckJobsAfter: rescueAfter,
		FetchPollInterval:    pollEvery,
		MaxAttempts:          riverAttempts,
	})
	if err != nil {
		return err
	}
	if err := client.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("start the job queue: %w", err)
	}
	<-ctx.Done()
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), jobs.MaxTimeout+2*runMargin)
	defer cancel()
	if err := client.Stop(stop); err != nil {
		return fmt.Errorf("stop the job queue: %w", err)
	}
	return nil
}

type riverWorker struct {
	river.WorkerDefaults[envelope]
	d     *postgresDB
	s     *Store
	specs map[string]jobs.Spec[*Tx]
}

// Timeout leaves a run that used all its time enough to record its end.
func (w *riverWorker) Timeout(*river.Job[envelope]) time.Duration { return jobs.MaxTimeout + runMargin }

// Work runs one envelope.
func (w *riverWorker) Work(ctx context.Context, j *river.Job[envelope]) error {
	e := j.Args
	spec, ok := w.specs[e.Of]
	if !ok { // another replica, of another release, may know it
		return river.JobSnooze(30 * time.Second)
	}
	return w.s.perform(ctx, spec, run{
		job: jobs.Job{
			Kind: e.Of, Key: e.Key, Args: e.Args, RunAt: j.ScheduledAt.UTC(),
			Attempt: e.Attempts + j.Attempt, MaxAttempts: e.MaxAttempts,
		},
		lastError: e.LastError,
		done:      func(ctx context.Context, tx *Tx) error { return w.complete(ctx, tx, j) },
		again: func(ctx context.Context, tx *Tx, at time.Time, attempts int, lastError string) error {
			if err := w.complete(ctx, tx, j); err != nil {
				return err
			}
			next := e
			next.Attempts, next.LastError = attempts, lastError
			_, err := w.d.insert(ctx, tx, next, at)
			return err
		},
		giveUp: func(ctx context.Context, tx *Tx, lastError string) error {
			if err := w.complete(ctx, tx, j); err != nil {
				return err
			}
			_, err := tx.pgx.Exec(ctx, `UPDATE river_job SET state = 'discarded',
				metadata = metadata || jsonb_build_object('given_up', $2::text) WHERE id = $1`, j.ID, lastError)
			return err
		},
	})
}

// complete ends the envelope in our transaction, if it is still this run's.
func (w *riverWorker) complete(ctx context.Context, tx *Tx, j *river.Job[envelope]) error {
	var attempt int
	var state string
	err := tx.pgx.QueryRow(ctx, `SELECT attempt, state FROM river_job WHERE id = $1 FOR UPDATE`, j.ID).Scan(&attempt, &state)
	if errors.Is(err, pgx.ErrNoRows) {
		return errLost
	}
	if err != nil {
		return err
	}
	if attempt != j.Attempt || state != string(rivertype.JobStateRunning) {
		return errLost
	}
	_, err = river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx.pgx, j)
	return err
}
