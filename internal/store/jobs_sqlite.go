package store

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/holdfast-sre/holdfast/internal/jobs"
)

// The executor of a SQLite file. One process owns the file, so there are no
// leases: at the start every running job is available again. Nothing polls: a
// commit that enqueued, a run that ended, or a timer for the next RunAt wakes it.

const (
	longestSleep = time.Minute // the wall clock may jump
	errorPause   = time.Second // after a claim or a settlement that failed
)

func (d *sqliteDB) enqueue(ctx context.Context, tx *Tx, j jobs.Job) (bool, error) {
	n, err := tx.exec(ctx, `INSERT INTO jobs
			(kind, key, args, state, run_at, attempt, max_attempts, error, created_at, finished_at)
		VALUES ($1, $2, $3, 'waiting', $4, 0, $5, '', $6, 0)
		ON CONFLICT (kind, key) WHERE state IN ('waiting', 'running') DO NOTHING`,
		j.Kind, j.Key, string(j.Args), j.RunAt.UnixMicro(), j.MaxAttempts, tx.now.UnixMicro())
	return n == 1, err
}

type executor struct {
	d        *sqliteDB
	s        *Store
	specs    map[string]jobs.Spec[*Tx]
	urgent   []string // kinds
	quick    []string
	slow     []string
	running  int
	slowly   int           // of those that run, the slow ones
	finished chan struct{} // a quick one
	slowDone chan struct{}
}

func (d *sqliteDB) work(ctx context.Context, s *Store, specs map[string]jobs.Spec[*Tx]) error {
	err := d.write(ctx, func(tx *Tx) error {
		_, err := tx.exec(ctx, `UPDATE jobs SET state = 'waiting' WHERE state = 'running'`)
		return err
	})
	if err != nil {
		if ctx.Err() != nil {
			return nil //nolint:nilerr // told to stop before the start
		}
		return err
	}
	e := &executor{
		d: d, s: s, specs: specs, finished: make(chan struct{}, s.workers), slowDone: make(chan struct{}, s.workers),
	}
	for _, kind := range sortedKinds(specs) {
		switch {
		case slices.Contains(s.slow, kind):
			e.slow = append(e.slow, kind)
		case slices.Contains(s.urgent, kind):
			e.urgent = append(e.urgent, kind)
		default:
			e.quick = append(e.quick, kind)
		}
	}
	e.loop(ctx)
	for e.running > 0 {
		select {
		case <-e.finished:
			e.running--
		case <-e.slowDone:
			e.running--
		}
	}
	return nil
}

func (e *executor) loop(ctx context.Context) {
	for ctx.Err() == nil {
		wait := e.start(ctx)
		var due <-chan time.Time
		if wait > 0 {
			due = time.After(wait)
		}
		select {
		case <-ctx.Done():
		case <-e.d.wake:
		case <-e.finished:
			e.running--
		case <-e.slowDone:
			e.running--
			e.slowly--
		case <-due:
		}
	}
}

// start starts what is due while workers are free, and returns how long to
// sleep when nothing wakes us: 0 = until something does. Where all workers are
// taken, one that becomes free wakes us: a due job must not.
func (e *executor) start(ctx context.Context) time.Duration {
	if e.running == e.s.workers {
		return 0
	}
	if e.d.looks != nil {
		e.d.looks()
	}
	wait := e.startOf(ctx, e.urgent, e.s.workers-e.running)
	wait = sooner(wait, e.startOf(ctx, e.quick, e.s.workers-e.running))
	wait = sooner(wait, e.startOf(ctx, e.slow, min(e.s.workers-e.running, e.s.slowWorkers()-e.slowly)))
	if e.running == e.s.workers {
		return 0
	}
	return wait
}

// sooner is the shorter of two waits, of which 0 is none.
func sooner(a, b time.Duration) time.Duration {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}

// startOf does it for some kinds, of which at most free may start.
func (e *executor) startOf(ctx context.Context, kinds []string, free int) time.Duration {
	if free <= 0 || len(kinds) == 0 {
		return 0
	}
	due, next, err := e.due(ctx, kinds, free)
	if err == nil && len(due) > 0 {
		err = e.claim(ctx, due)
	}
	if err != nil {
		if ctx.Err() == nil {
			e.s.log.ErrorContext(ctx, "jobs could not be read", "error", err)
		}
		return errorPause
	}
	if next.IsZero() || len(due) == free {
		return 0
	}
	return min(max(next.Sub(e.d.time()), time.Millisecond), longestSleep)
}

// due returns the jobs of some kinds that may run now, at most free, and when
// the first of the others may.
func (e *executor) due(ctx context.Context, kinds []string, free int) (ids []any, next time.Time, err error) {
	now := e.d.time().UnixMicro()
	args := append(anys(kinds), free+1)
	query := `SELECT id, run_at FROM jobs WHERE state = 'waiting' AND kind IN (` + params(1, len(kinds)) + `)
		ORDER BY run_at, id LIMIT ` + params(len(args), 1)
	err = e.d.read(ctx, func(tx *Tx) error {
		return tx.each(ctx, func(rows *sql.Rows) error {
			var id, runAt int64
			if err := rows.Scan(&id, &runAt); err != nil {
				return err
			}
			if runAt <= now && len(ids) < free {
				ids = append(ids, id)
			} else if next.IsZero() {
				next = time.UnixMicro(runAt)
			}
			return nil
		}, query, args...)
	})
	return ids, next, err
}

type claimed struct {
	id        int64
	job       jobs.Job
	lastError string
}

// claim marks jobs as running, durably, so that an attempt that kills the
// process counts, and starts them.
func (e *executor) claim(ctx context.Context, ids []any) error {
	var got []claimed
	err := e.d.write(ctx, func(tx *Tx) error {
		got = got[:0]
		return tx.each(ctx, func(rows *sql.Rows) error {
			var c claimed
			var args string
			var runAt int64
			err := rows.Scan(&c.id, &c.job.Kind, &c.job.Key, &args, &runAt, &c.job.Attempt, &c.job.MaxAttempts, &c.lastError)
			c.job.Args, c.job.RunAt = []byte(args), time.UnixMicro(runAt).UTC()
			got = append(got, c)
			return err
		}, `UPDATE jobs SET state = 'running', attempt = attempt + 1
			WHERE state = 'waiting' AND id IN (`+params(1, len(ids))+`)
			RETURNING id, kind, key, args, run_at, attempt, max_attempts, error`, ids...)
	})
	if err != nil {
		return err
	}
	for _, c := range got {
		e.running++
		ended := e.finished
		if slices.Contains(e.slow, c.job.Kind) {
			e.slowly++
			ended = e.slowDone
		}
		go func() {
			defer func() { ended <- struct{}{} }()
			e.perform(ctx, c)
		}()
	}
	return nil
}

// perform runs a job and, when its end can't be recorded, tries to record one
// until that works or the store closes: a job must not stay running.
func (e *executor) perform(ctx context.Context, c claimed) {
	r := run{
		job: c.job, lastError: c.lastError,
		done: func(ctx context.Context, tx *Tx) error {
			return owned(tx.exec(ctx, `UPDATE jobs SET state = 'done', error = '', finished_at = $1
				WHERE id = $2 AND state = 'running'`, tx.now.UnixMicro(), c.id))
		},
		again: func(ctx context.Context, tx *Tx, at time.Time, attempts int, lastError string) error {
			tx.enqueued = true
			return owned(tx.exec(ctx, `UPDATE jobs SET state = 'waiting', run_at = $1, attempt = $2, error = $3
				WHERE id = $4 AND state = 'running'`, at.UnixMicro(), attempts, lastError, c.id))
		},
		giveUp: func(ctx context.Context, tx *Tx, lastError string) error {
			return owned(tx.exec(ctx, `UPDATE jobs SET state = 'given_up', error = $1, finished_at = $2
				WHERE id = $3 AND state = 'running'`, lastError, tx.now.UnixMicro(), c.id))
		},
	}
	err := e.s.perform(ctx, e.specs[c.job.Kind], r)
	for err != nil && ctx.Err() == nil {
		e.s.log.ErrorContext(ctx, "the end of a job could not be recorded", "kind", c.job.Kind, "key", c.job.Key, "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(errorPause):
			err = e.s.putBack(ctx, r, c.job.Attempt, err)
		}
	}
}

func owned(n int64, err error) error {
	if err == nil && n == 0 {
		return errLost
	}
	return err
}
