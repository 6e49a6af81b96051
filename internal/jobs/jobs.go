// Package jobs is the contract of durable work: a job is enqueued in the
// transaction that made it necessary, runs at least once, and completes in the
// transaction that records its result. River keeps it on PostgreSQL, a small
// executor of ours on SQLite; jobstest states what both must do.
package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// MaxTimeout is the longest deadline of one run: on PostgreSQL a job whose
// worker died is rescued when it must have ended. Longer waits are snoozes.
const MaxTimeout = 15 * time.Second

// Job is one unit of work.
type Job struct {
	Kind  string          // names the handler; a closed list in respond and watch
	Key   string          // while an unfinished job with this Kind and Key exists, enqueueing is a no-op
	Args  json.RawMessage // JSON; may be reformatted on the way
	RunAt time.Time       // not before; zero = now
	// Attempt counts from 1 when the handler runs; a snooze does not raise it.
	Attempt int
	// MaxAttempts before the job is given up (its handler's OnGiveUp runs); 0 = 10.
	MaxAttempts int
}

// Handler does a job's slow work outside any transaction and returns commit,
// which runs inside the transaction that completes the job: state rows, the
// successor job and completion commit together. By then the job counts as
// finished: commit may enqueue the job's own Kind and Key again, and what
// another transaction added while its enqueueing of that key was a no-op is
// visible to commit, so a job that drains a list looks at it in commit. commit
// may run again after a serialization failure and may be nil; its error is a
// failed attempt. Retries back off with jitter. An attempt whose process dies
// counts.
type Handler[Tx any] func(ctx context.Context, j Job) (commit func(ctx context.Context, tx Tx) error, err error)

// Spec is a handler with its limits.
type Spec[Tx any] struct {
	Handle  Handler[Tx]
	Timeout time.Duration // deadline of one run; 0 = MaxTimeout, which is also the most
	// OnGiveUp runs in the transaction that gives the job up after its last
	// attempt or a Cancel; nil = only recorded. It may enqueue the job's own Kind and
	// Key, as commit may.
	OnGiveUp func(ctx context.Context, tx Tx, j Job, cause error) error
}

// SnoozeError asks to run the same job again after D, without counting an attempt.
type SnoozeError struct{ D time.Duration }

func (e *SnoozeError) Error() string { return "snooze " + e.D.String() }

// Snooze returns an error that puts the job back for d. With a non-nil commit,
// commit still runs in the transaction that puts it back.
func Snooze(d time.Duration) error { return &SnoozeError{D: d} }

// CancelError ends a job for good.
type CancelError struct{ Cause error }

func (e *CancelError) Error() string { return fmt.Sprintf("cancelled: %v", e.Cause) }
func (e *CancelError) Unwrap() error { return e.Cause }

// Cancel returns an error that ends the job without another attempt.
func Cancel(cause error) error {
	if cause == nil {
		cause = errors.New("no cause given")
	}
	return &CancelError{Cause: cause}
}

// Periodic is work that runs once per interval, whatever the number of
// replicas: it is enqueued with a key that names the interval.
type Periodic struct {
	Kind  string
	Every time.Duration
}
