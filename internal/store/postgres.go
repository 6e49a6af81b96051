package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/holdfast-sre/holdfast/internal/problem"
)

// maxConns is the size of the pool unless the DSN sets pool_max_conns: the
// workers, River's own three, and room for intake and readers.
const maxConns = 28

// migrationLock keeps replicas that start together from migrating at once. The
// number is arbitrary and must not change.
const migrationLock = 7_402_663_170_001

// postgresDB is a PostgreSQL database, shared by any number of replicas.
type postgresDB struct {
	now    func() time.Time // nil = the database's clock
	log    *slog.Logger
	pool   *pgxpool.Pool
	db     *sql.DB // on the same pool
	river  *river.Client[pgx.Tx]
	slow   []string // Options.Slow
	urgent []string // Options.Urgent
}

func openPostgres(ctx context.Context, dsn string, o Options) (_ *postgresDB, err error) {
	d, err := dialPostgres(ctx, dsn, o)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close())
		}
	}()
	if err := d.migrate(ctx); err != nil {
		return nil, err
	}
	d.river, err = river.NewClient(riverpgxv5.New(d.pool), &river.Config{Logger: quiet(o.Log)})
	return d, err
}

// dialPostgres opens the pool and asks the database whether it answers.
func dialPostgres(ctx context.Context, dsn string, o Options) (*postgresDB, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		// The cause may quote the DSN, and with it the password.
		return nil, problem.Hinted(errors.New("the PostgreSQL DSN is malformed"),
			"write postgres://USER:PASSWORD@HOST:PORT/DATABASE, with special characters of the password percent-encoded")
	}
	if !strings.Contains(dsn, "pool_max_conns") {
		cfg.MaxConns = maxConns
	}
	limits := map[string]string{"statement_timeout": "30s", "lock_timeout": "10s", "idle_in_transaction_session_timeout": "60s"}
	for name, value := range limits { //nolint:gocritic // the order does not matter: into a map
		if _, set := cfg.ConnConfig.RuntimeParams[name]; !set {
			cfg.ConnConfig.RuntimeParams[name] = value
		}
	}
	cfg.AfterConnect = durable
	d := &postgresDB{now: o.Now, log: o.Log, slow: o.Slow, urgent: o.Urgent}
	if d.pool, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
		return nil, err
	}
	d.db = stdlib.OpenDBFromPool(d.pool)
	if err := d.ping(ctx); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// durable refuses a session that would report commits before they are on disk.
func durable(ctx context.Context, c *pgx.Conn) error {
	_, err := c.Exec(ctx, `SELECT set_config('synchronous_commit', 'on', false)
		WHERE current_setting('synchronous_commit') = 'off'`)
	return err
}

// quiet hands River's warnings on and leaves its chatter out.
func quiet(log *slog.Logger) *slog.Logger { return slog.New(&warnings{log.Handler()}) }

type warnings struct{ slog.Handler }

func (w *warnings) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && w.Handler.Enabled(ctx, l)
}

func (w *warnings) WithAttrs(as []slog.Attr) slog.Handler { return &warnings{w.Handler.WithAttrs(as)} }

func (w *warnings) WithGroup(name string) slog.Handler { return &warnings{w.Handler.WithGroup(name)} }

func (d *postgresDB) migrate(ctx context.Context) (err error) {
	conn, err := d.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	// Replicas wait for the one that migrates, however long that takes.
	if _, err := conn.Exec(ctx, `SET statement_timeout = 0; SET lock_timeout = 0`); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, int64(migrationLock)); err != nil {
		return err
	}
	defer func() {
		// Ending the session frees the lock and forgets the settings.
		err = errors.Join(err, conn.Conn().Close(context.WithoutCancel(ctx)))
	}()
	if err := migrate(ctx, goose.DialectPostgres, d.db, "migrations/postgres"); err != nil {
		return err
	}
	m, err := rivermigrate.New(riverpgxv5.New(d.pool), &rivermigrate.Config{Logger: quiet(d.log)})
	if err != nil {
		return fmt.Errorf("migrations of the job queue: %w", err)
	}
	if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("migrate the job queue: %w", err)
	}
	return nil
}

func (d *postgresDB) ping(ctx context.Context) error { return d.db.PingContext(ctx) }

func (d *postgresDB) close() error {
	err := d.db.Close()
	d.pool.Close()
	return err
}

// tries is how often a transaction is run when the database asks to run it again.
const tries = 5

func (d *postgresDB) write(ctx context.Context, fn func(*Tx) error) error {
	for try := 1; ; try++ {
		err := d.once(ctx, pgx.TxOptions{}, true, fn)
		if err == nil || try == tries || !worthAgain(err) {
			return err
		}
		wait := time.Duration(try)*10*time.Millisecond + rand.N(20*time.Millisecond)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(wait):
		}
	}
}

func (d *postgresDB) read(ctx context.Context, fn func(*Tx) error) error {
	return d.once(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, false, fn)
}

// worthAgain reports a serialization failure or a deadlock.
func worthAgain(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pg.Code == "40001" || pg.Code == "40P01")
}

// once runs fn in one transaction on one connection. The transaction is begun
// through pgx, so that River inserts and completes jobs in it, and fn's
// statements run on the same connection through database/sql.
func (d *postgresDB) once(ctx context.Context, o pgx.TxOptions, write bool, fn func(*Tx) error) (err error) {
	conn, err := d.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ignoreDone(conn.Close())) }()
	tx := &Tx{conn: conn, be: d, write: write}
	err = conn.Raw(func(c any) error {
		std, ok := c.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("driver connection is %T, not pgx's", c)
		}
		var err error
		tx.pgx, err = std.Conn().BeginTx(ctx, o)
		return err
	})
	if err != nil {
		return err
	}
	committed := false
	defer func() {
		tx.ended = true
		if !committed {
			back, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			_ = tx.pgx.Rollback(back) // the connection is closed when this fails
		}
	}()
	if err := d.clock(ctx, tx); err != nil {
		return err
	}
	if err := fn(tx); err != nil {
		return err
	}
	if err := tx.pgx.Commit(ctx); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	committed = true
	return nil
}

func (d *postgresDB) clock(ctx context.Context, tx *Tx) error {
	if d.now != nil {
		tx.now = d.now().UTC().Truncate(time.Microsecond)
		return nil
	}
	err := tx.pgx.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&tx.now)
	tx.now = tx.now.UTC()
	return err
}

func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrConnDone) {
		return nil
	}
	return err
}
