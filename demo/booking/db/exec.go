package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// PostgreSQL's numbers of the types that the demo uses.
const (
	oidBool   = 16
	oidInt8   = 20
	oidInt2   = 21
	oidInt4   = 23
	oidText   = 25
	oidFloat4 = 700
	oidFloat8 = 701
)

// maxRows bounds what one query may return.
const maxRows = 10_000

type result struct {
	fields []pgproto3.FieldDescription // nil: no rows are returned
	rows   [][][]byte
	tag    string
}

// sqlError is an error as PostgreSQL would send it.
type sqlError struct{ code, message string }

func (e *sqlError) Error() string { return e.message + " (SQLSTATE " + e.code + ")" }

func asSQLError(err error) *sqlError {
	if e, ok := errors.AsType[*sqlError](err); ok {
		return e
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &sqlError{code: "55P03", message: "canceling statement due to lock timeout"}
	}
	return &sqlError{code: "XX000", message: err.Error()}
}

func blank(query string) bool {
	for line := range strings.Lines(query) {
		line = strings.TrimSpace(line)
		if line != "" && line != ";" && !strings.HasPrefix(line, "--") {
			return false
		}
	}
	return true
}

// exec runs one statement inside or outside the client's transaction.
func (c *client) exec(session context.Context, query string, args []any) (*result, error) {
	verb := firstWord(query)
	switch verb {
	case "BEGIN", "START":
		c.inTx = true
		return &result{tag: "BEGIN"}, nil
	case "COMMIT", "END":
		return c.commit()
	case "ROLLBACK", "ABORT":
		c.abandon()
		c.inTx, c.failed = false, false
		return &result{tag: "ROLLBACK"}, nil
	case "SET", "RESET", "DISCARD":
		return &result{tag: verb}, nil
	}
	if c.failed {
		return nil, &sqlError{code: "25P02", message: "current transaction is aborted, commands ignored until end of transaction block"}
	}
	ctx, cancel := context.WithTimeout(session, lockTimeout)
	defer cancel()
	query = placeholders(query)
	if verb == "SELECT" || verb == "WITH" || verb == "VALUES" {
		if c.tx != nil {
			return readRows(ctx, c.tx, query, args, "SELECT ")
		}
		return readRows(ctx, c.server.read, query, args, "SELECT ")
	}
	return c.write(session, ctx, verb, query, args)
}

func (c *client) commit() (*result, error) {
	defer func() { c.inTx, c.failed = false, false }()
	defer c.abandon()
	if c.failed {
		return &result{tag: "ROLLBACK"}, nil
	}
	if c.tx != nil {
		if err := c.tx.Commit(); err != nil {
			return nil, fmt.Errorf("commit: %w", err)
		}
	}
	return &result{tag: "COMMIT"}, nil
}

// write takes the write lock, for the rest of the transaction if there is one.
func (c *client) write(session, ctx context.Context, verb, query string, args []any) (*result, error) {
	var db interface {
		querier
		ExecContext(context.Context, string, ...any) (sql.Result, error)
	} = c.server.write
	if c.inTx {
		if c.tx == nil {
			if err := c.begin(session); err != nil {
				return nil, err
			}
		}
		db = c.tx
	}
	tag := verb + " "
	if verb == "INSERT" {
		tag = "INSERT 0 "
	}
	if strings.Contains(strings.ToUpper(query), " RETURNING ") {
		return readRows(ctx, db, query, args, tag)
	}
	res, err := db.ExecContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("execute: %w", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return nil, fmt.Errorf("rows affected: %w", err)
	}
	return &result{tag: tag + strconv.FormatInt(n, 10)}, nil
}

// begin waits for the write connection for at most the lock timeout. The
// transaction lives until its end, or until the session's context does.
func (c *client) begin(ctx context.Context) error {
	txCtx, cancel := context.WithCancel(ctx)
	timer := time.AfterFunc(lockTimeout, cancel)
	tx, err := c.server.write.BeginTx(txCtx, nil)
	if !timer.Stop() && err == nil {
		err = errors.Join(context.DeadlineExceeded, tx.Rollback())
	}
	if err != nil {
		cancel()
		if ctx.Err() == nil && txCtx.Err() != nil {
			return context.DeadlineExceeded
		}
		return fmt.Errorf("begin: %w", err)
	}
	c.tx, c.txEnd = tx, cancel
	return nil
}

type querier interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}

func readRows(ctx context.Context, db querier, query string, args []any, tag string) (*result, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return nil, fmt.Errorf("columns: %w", err)
	}
	r := &result{fields: make([]pgproto3.FieldDescription, len(names))}
	for i, name := range names {
		r.fields[i] = pgproto3.FieldDescription{Name: []byte(name), DataTypeOID: oidText, DataTypeSize: -1, TypeModifier: -1}
	}
	values, pointers := make([]any, len(names)), make([]any, len(names))
	for i := range values {
		pointers[i] = &values[i]
	}
	for rows.Next() && len(r.rows) < maxRows {
		if err := rows.Scan(pointers...); err != nil {
			return nil, fmt.Errorf("scan: %w", err)
		}
		row := make([][]byte, len(values))
		for i, v := range values {
			row[i], r.fields[i].DataTypeOID = text(v, r.fields[i].DataTypeOID)
		}
		r.rows = append(r.rows, row)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("rows: %w", err)
	}
	r.tag = tag + strconv.Itoa(len(r.rows))
	return r, nil
}

// text encodes a value as PostgreSQL's text format and says its type.
func text(v any, oid uint32) ([]byte, uint32) {
	switch x := v.(type) {
	case nil:
		return nil, oid
	case int64:
		return strconv.AppendInt(nil, x, 10), oidInt8
	case float64:
		return strconv.AppendFloat(nil, x, 'g', -1, 64), oidFloat8
	case []byte:
		return x, oidText
	default:
		return fmt.Append(nil, x), oidText
	}
}

// arguments decodes text parameters by their declared types.
func arguments(st statement, m *pgproto3.Bind) ([]any, error) {
	for _, f := range m.ParameterFormatCodes {
		if f != 0 {
			return nil, &sqlError{code: "0A000", message: "parameters are read as text only: use pgx's exec mode"}
		}
	}
	args := make([]any, len(m.Parameters))
	for i, raw := range m.Parameters {
		if raw == nil {
			continue
		}
		var oid uint32
		if i < len(st.oids) {
			oid = st.oids[i]
		}
		v, err := argument(string(raw), oid)
		if err != nil {
			return nil, &sqlError{code: "22P02", message: fmt.Sprintf("parameter $%d: %v", i+1, err)}
		}
		args[i] = v
	}
	return args, nil
}

func argument(s string, oid uint32) (any, error) {
	switch oid {
	case oidInt2, oidInt4, oidInt8:
		return strconv.ParseInt(s, 10, 64)
	case oidFloat4, oidFloat8:
		return strconv.ParseFloat(s, 64)
	case oidBool:
		return s == "t" || s == "true", nil
	case 0:
		// PostgreSQL infers the type from where the parameter stands; SQLite
		// converts to the column's type, but compares a bare text with a
		// number as different.
		if n, err := strconv.ParseInt(s, 10, 64); err == nil && strconv.FormatInt(n, 10) == s {
			return n, nil
		}
	}
	return s, nil
}

func firstWord(query string) string {
	query = strings.TrimLeft(query, " \t\r\n(")
	end := strings.IndexFunc(query, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') })
	if end < 0 {
		end = len(query)
	}
	return strings.ToUpper(query[:end])
}

// placeholders rewrites $1 to SQLite's ?1 outside quotes.
func placeholders(query string) string {
	out := []byte(query)
	var quote byte
	for i, b := range out {
		switch {
		case quote != 0:
			if b == quote {
				quote = 0
			}
		case b == '\'' || b == '"':
			quote = b
		case b == '$' && i+1 < len(out) && out[i+1] >= '0' && out[i+1] <= '9':
			out[i] = '?'
		}
	}
	return string(out)
}
