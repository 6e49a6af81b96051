package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlitelib "modernc.org/sqlite/lib"
)

// Tx is one transaction; it is valid until the function it was given to
// returns, and for one goroutine at a time.
type Tx struct {
	conn     *sql.Conn
	pgx      pgx.Tx // the same transaction as River sees it; nil on SQLite
	be       backend
	write    bool
	now      time.Time
	enqueued bool
	ended    bool
}

// Now is the time of the transaction in UTC, in whole microseconds: the
// database's clock on PostgreSQL, so that replicas agree, and ours on SQLite.
func (tx *Tx) Now() time.Time { return tx.now }

var (
	errEnded    = errors.New("the transaction has ended")
	errReadOnly = errors.New("write in a View: use Tx")
)

func (tx *Tx) exec(ctx context.Context, query string, args ...any) (int64, error) {
	if !tx.write {
		return 0, errReadOnly
	}
	ctx, query, err := tx.prepare(ctx, query)
	if err != nil {
		return 0, err
	}
	res, err := tx.conn.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, meaning(err)
	}
	return res.RowsAffected()
}

// each calls scan for every row of the answer.
func (tx *Tx) each(ctx context.Context, scan func(*sql.Rows) error, query string, args ...any) (err error) {
	ctx, query, err = tx.prepare(ctx, query)
	if err != nil {
		return err
	}
	rows, err := tx.conn.QueryContext(ctx, query, args...)
	if err != nil {
		return meaning(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return meaning(rows.Err())
}

// row scans the only row of the answer into dest, or returns ErrNotFound.
func (tx *Tx) row(ctx context.Context, dest []any, query string, args ...any) error {
	ctx, query, err := tx.prepare(ctx, query)
	if err != nil {
		return err
	}
	err = tx.conn.QueryRowContext(ctx, query, args...).Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return meaning(err)
}

// prepare fits a statement to the database. On SQLite a statement of a writer
// is not interrupted: an interrupt rolls back the whole transaction, and with
// it what others in the same group wrote. A cancelled caller stops before its
// next statement instead.
func (tx *Tx) prepare(ctx context.Context, query string) (context.Context, string, error) {
	if tx.ended {
		return nil, "", errEnded
	}
	if err := context.Cause(ctx); err != nil {
		return nil, "", err
	}
	if tx.pgx != nil {
		return ctx, query, nil
	}
	if tx.write {
		ctx = context.WithoutCancel(ctx)
	}
	return ctx, strings.ReplaceAll(query, "$", "?"), nil
}

// lock makes a SELECT of a writer hold the row until the transaction ends.
// SQLite has one writer and needs no locks.
func (tx *Tx) lock() string {
	if tx.write && tx.pgx != nil {
		return " FOR UPDATE"
	}
	return ""
}

// meaning turns a driver's error into one of ours where callers branch on it.
func meaning(err error) error {
	if lite, ok := errors.AsType[*sqlite.Error](err); ok && lite.Code() == sqlitelib.SQLITE_CONSTRAINT_FOREIGNKEY {
		return fmt.Errorf("the record that it belongs to: %w", ErrNotFound)
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "23503" {
		return fmt.Errorf("the record that it belongs to: %w", ErrNotFound)
	}
	return err
}

// bodies reads the one JSON column of an answer.
func bodies[T any](ctx context.Context, tx *Tx, query string, args ...any) ([]T, error) {
	var out []T
	err := tx.each(ctx, func(rows *sql.Rows) error {
		var body string
		if err := rows.Scan(&body); err != nil {
			return err
		}
		v, err := decode[T](body)
		out = append(out, v)
		return err
	}, query, args...)
	return out, err
}

// body reads the one JSON column of the only row, or returns ErrNotFound.
func body[T any](ctx context.Context, tx *Tx, query string, args ...any) (T, error) {
	var text string
	if err := tx.row(ctx, []any{&text}, query, args...); err != nil {
		var zero T
		return zero, err
	}
	return decode[T](text)
}

func decode[T any](body string) (T, error) {
	var v T
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		return v, fmt.Errorf("stored %T: %w", v, err)
	}
	return v, nil
}

func encode(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("encode %T: %w", v, err)
	}
	return string(b), nil
}

// params writes "$from, …" for n parameters.
func params(from, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(from + i))
	}
	return b.String()
}

// filter collects the conditions of a WHERE and their arguments.
type filter struct {
	conds []string
	args  []any
}

// add appends a condition in which every %s stands for the next arguments.
func (f *filter) add(cond string, args ...any) {
	f.conds = append(f.conds, strings.Replace(cond, "%s", params(len(f.args)+1, len(args)), 1))
	f.args = append(f.args, args...)
}

func (f *filter) where() string {
	if len(f.conds) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(f.conds, " AND ")
}

func anys[T any](in []T) []any {
	out := make([]any, len(in))
	for i, v := range in {
		out[i] = v
	}
	return out
}

// about says to what an error happened.
func about(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}
