package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// maxRows bounds how far an answer is counted.
const maxRows = 1000

// Select asks one question: it returns how many rows there are, at most a
// thousand, and the first column of the first one as float64, bool or string;
// nil for NULL and without rows. Times of day and intervals are refused with
// advice, since a unit must be chosen.
//
// The question runs in a read-only transaction of its own and, where it is a
// SELECT, behind a cursor: the server refuses one that changes data, and only
// the first row is sent. What the statement may be is the caller's to check.
func (s *Source) Select(ctx context.Context, statement string, timeout time.Duration) (rows int, value any, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err = s.use(ctx, func(conn *pgx.Conn) error {
		tx, err := conn.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly})
		if err != nil {
			return plain(err)
		}
		rows, value, err = question(ctx, tx, statement, min(timeout*9/10, statementTimeout)) // the server gives up first
		// There is nothing to keep; a connection that can't roll back is closed.
		end, stop := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer stop()
		return errors.Join(err, rolledBack(tx.Rollback(end)))
	})
	if err != nil {
		return 0, nil, fmt.Errorf("postgres %s: %w", s.o.Name, err)
	}
	return rows, value, nil
}

func rolledBack(err error) error {
	if errors.Is(err, pgx.ErrTxClosed) {
		return nil
	}
	return err
}

func question(ctx context.Context, tx pgx.Tx, statement string, timeout time.Duration) (rows int, value any, err error) {
	if _, err := tx.Exec(ctx, "SELECT set_config('statement_timeout', $1, true)", millis(timeout)); err != nil {
		return 0, nil, plain(err)
	}
	statement = strings.TrimRight(strings.TrimSpace(statement), "; \t\r\n")
	ask := statement
	cursor := !begins(statement, "show") && !begins(statement, "explain")
	if cursor {
		// Query, not Exec: without arguments Exec sends what may be several
		// statements, and one of them could end the transaction.
		rows, err := tx.Query(ctx, "DECLARE question NO SCROLL CURSOR FOR "+statement)
		if err != nil {
			return 0, nil, plain(err)
		}
		rows.Close()
		if err := rows.Err(); err != nil {
			return 0, nil, plain(err)
		}
		ask = "FETCH FORWARD 1 FROM question"
	}
	rows, value, err = one(ctx, tx, ask)
	if err != nil || !cursor || rows == 0 {
		return rows, value, err
	}
	more, err := tx.Exec(ctx, fmt.Sprintf("MOVE FORWARD %d IN question", maxRows-1))
	if err != nil {
		return 0, nil, plain(err)
	}
	return rows + int(more.RowsAffected()), value, nil
}

func begins(statement, word string) bool {
	return len(statement) >= len(word) && strings.EqualFold(statement[:len(word)], word)
}

// one reads the first row and counts the others.
func one(ctx context.Context, tx pgx.Tx, ask string) (n int, value any, err error) {
	rows, err := tx.Query(ctx, ask)
	if err != nil {
		return 0, nil, plain(err)
	}
	defer rows.Close()
	for n < maxRows && rows.Next() {
		n++
		if n > 1 {
			continue
		}
		all, err := rows.Values()
		if err != nil {
			return 0, nil, plain(err)
		}
		if len(all) != 1 {
			return 0, nil, fmt.Errorf("the answer has %d columns: select one", len(all))
		}
		if value, err = scalar(all[0]); err != nil {
			return 0, nil, err
		}
	}
	rows.Close()
	if err := rows.Err(); err != nil {
		return 0, nil, plain(err)
	}
	return n, value, nil
}

// scalar turns a column into what a fact can be.
func scalar(v any) (any, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil //nolint:nilnil // NULL is a value here
	case bool, string:
		return v, nil
	case float64:
		return finite(v)
	case float32:
		return finite(float64(v))
	case int16:
		return float64(v), nil
	case int32:
		return float64(v), nil
	case uint32:
		return float64(v), nil
	case int64:
		return float64(v), nil
	case pgtype.Numeric:
		f, err := v.Float64Value()
		if err != nil || !f.Valid {
			return nil, errors.New("the number is too large or not a number")
		}
		return finite(f.Float64)
	case time.Time, pgtype.Interval, pgtype.Time:
		return nil, errors.New("the answer is a time: write extract(epoch FROM …) and its unit")
	}
	return nil, fmt.Errorf("the answer is a %T: cast it to a number, bool or text", v)
}

// finite refuses what conditions would take for a value: NaN is not over any limit.
func finite(v float64) (any, error) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil, errors.New("the answer is not a number: write nullif(divisor, 0)")
	}
	return v, nil
}
