package postgres

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// The bounds of one look.
const (
	maxClients    = 50
	maxLocks      = 50
	maxStatements = 20
	maxRunning    = 100
	// maxTotals is how many statements' totals are compared between samples.
	maxTotals = 500
)

// slow is how long a statement must run to be listed.
const slow = time.Second

// settings are what bounds the server.
type settings struct {
	max, reserved int
	recovery      bool
	uptime        time.Duration
}

func settingsOf(ctx context.Context, conn *pgx.Conn) (out settings, err error) {
	rows, err := conn.Query(ctx, `SELECT name, setting FROM pg_settings
		WHERE name IN ('max_connections', 'superuser_reserved_connections', 'reserved_connections')`)
	if err != nil {
		return out, fmt.Errorf("read the settings: %w", plain(err))
	}
	var name, value string
	_, err = pgx.ForEachRow(rows, []any{&name, &value}, func() error {
		n, err := strconv.Atoi(value)
		if err != nil {
			return fmt.Errorf("setting %s is %q: %w", name, value, err)
		}
		if name == "max_connections" {
			out.max = n
		} else {
			out.reserved += n
		}
		return nil
	})
	if err != nil {
		return out, fmt.Errorf("read the settings: %w", plain(err))
	}
	var up float64
	row := conn.QueryRow(ctx, `SELECT pg_is_in_recovery(), extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())::float8`)
	if err := row.Scan(&out.recovery, &up); err != nil {
		return out, fmt.Errorf("read the settings: %w", plain(err))
	}
	out.uptime = duration(up)
	return out, nil
}

// clients counts the sessions by who opened them and what they do. Sessions
// whose state this role may not see have none, and no type either: then those
// of a user in a database are the clients'.
func clients(ctx context.Context, conn *pgx.Conn) ([]evidence.DBConnections, error) {
	return list(ctx, conn, `SELECT coalesce(usename::text, ''), coalesce(application_name, ''), coalesce(state, ''), count(*)::int,
			coalesce(max(extract(epoch FROM clock_timestamp() - state_change)), 0)::float8
		FROM pg_stat_activity WHERE (backend_type = 'client backend' OR backend_type IS NULL AND datid IS NOT NULL AND usesysid IS NOT NULL)
			AND pid <> pg_backend_pid()
		GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3 LIMIT $1`, maxClients, func(row pgx.CollectableRow) (c evidence.DBConnections, err error) {
		var oldest float64
		err = row.Scan(&c.User, &c.Application, &c.State, &c.Count, &oldest)
		c.Oldest = duration(oldest)
		return c, err
	})
}

// locks are sessions that wait for others. The relation of a session that waits
// for a row is the one whose row it has queued for.
func locks(ctx context.Context, conn *pgx.Conn) ([]evidence.DBLock, error) {
	return list(ctx, conn, `SELECT coalesce(nullif(w.application_name, ''), w.usename::text, ''), coalesce(nullif(b.application_name, ''), b.usename::text, ''),
			coalesce((SELECT l.relation::regclass::text FROM pg_locks l
				WHERE l.pid = w.pid AND l.relation IS NOT NULL AND (NOT l.granted OR l.locktype = 'tuple')
				AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY l.granted LIMIT 1), ''),
			coalesce((SELECT l.mode FROM pg_locks l WHERE l.pid = w.pid AND NOT l.granted LIMIT 1), ''),
			coalesce(extract(epoch FROM clock_timestamp() - coalesce((SELECT min(l.waitstart) FROM pg_locks l WHERE l.pid = w.pid AND NOT l.granted), w.query_start)), 0)::float8,
			coalesce(b.state, '')
		FROM pg_stat_activity w CROSS JOIN LATERAL unnest(pg_blocking_pids(w.pid)) AS x(pid) JOIN pg_stat_activity b ON b.pid = x.pid
		WHERE w.wait_event_type = 'Lock' ORDER BY 5 DESC LIMIT $1`, maxLocks, func(row pgx.CollectableRow) (l evidence.DBLock, err error) {
		var waiting float64
		err = row.Scan(&l.Blocked, &l.Blocking, &l.Relation, &l.Mode, &waiting, &l.HolderState)
		l.Waiting = duration(waiting)
		return l, err
	})
}

// active is one session that does something or keeps a transaction open.
type active struct {
	user, application, text, state string
	running                        time.Duration
	wait                           evidence.DBWait
}

func activity(ctx context.Context, conn *pgx.Conn) ([]active, error) {
	return list(ctx, conn, `SELECT coalesce(usename::text, ''), coalesce(application_name, ''), coalesce(left(query, 4000), ''), state,
			coalesce(extract(epoch FROM clock_timestamp() - query_start), 0)::float8, coalesce(wait_event_type, ''), coalesce(wait_event, '')
		FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND state IN ('active', 'idle in transaction')
		ORDER BY query_start LIMIT $1`, maxRunning, func(row pgx.CollectableRow) (a active, err error) {
		var running float64
		err = row.Scan(&a.user, &a.application, &a.text, &a.state, &running, &a.wait.Type, &a.wait.Name)
		a.running, a.text = duration(running), Normalise(a.text)
		return a, err
	})
}

// replicas are the standbys of a primary, or on a standby itself how far it is
// behind.
func replicas(ctx context.Context, conn *pgx.Conn, recovery bool) ([]evidence.DBReplica, error) {
	query := `SELECT coalesce(nullif(application_name, ''), client_addr::text, ''), coalesce(state, ''),
			coalesce(extract(epoch FROM replay_lag), 0)::float8, coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn), 0)::float8
		FROM pg_stat_replication ORDER BY 4 DESC LIMIT $1`
	if recovery {
		query = `SELECT 'this server', 'standby', CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
				ELSE coalesce(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()), 0) END::float8,
				coalesce(pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), 0)::float8 LIMIT $1`
	}
	return list(ctx, conn, query, maxClients, func(row pgx.CollectableRow) (r evidence.DBReplica, err error) {
		var lag float64
		err = row.Scan(&r.Name, &r.State, &lag, &r.Bytes)
		r.Lag = duration(lag)
		return r, err
	})
}

// statement identifies one in pg_stat_statements.
type statement struct {
	user, database uint32
	query          int64
}

// total is what one statement took since the statistics were reset.
type total struct {
	calls   int64
	seconds float64
	user    string
	text    string
}

// totals reads pg_stat_statements where the extension is; nil where it is not.
func totals(ctx context.Context, conn *pgx.Conn) (map[statement]total, error) {
	var schema string
	err := conn.QueryRow(ctx, `SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
		WHERE e.extname = 'pg_stat_statements'`).Scan(&schema)
	if err != nil {
		return nil, ignoreNone(err)
	}
	rows, err := conn.Query(ctx, `SELECT s.userid, s.dbid, coalesce(s.queryid, 0), s.calls, s.total_exec_time / 1000, coalesce(r.rolname::text, ''), coalesce(left(s.query, 4000), '')
		FROM `+schema+`.pg_stat_statements s LEFT JOIN pg_roles r ON r.oid = s.userid WHERE s.userid <> (SELECT oid FROM pg_roles WHERE rolname = current_user)
		ORDER BY s.total_exec_time DESC LIMIT $1`, maxTotals)
	if err != nil {
		return nil, fmt.Errorf("read pg_stat_statements: %w", plain(err))
	}
	out := map[statement]total{}
	var k statement
	var t total
	_, err = pgx.ForEachRow(rows, []any{&k.user, &k.database, &k.query, &t.calls, &t.seconds, &t.user, &t.text}, func() error {
		// The same statement may stand there twice: called by people and by functions.
		sum := out[k]
		out[k] = total{calls: sum.calls + t.calls, seconds: sum.seconds + t.seconds, user: t.user, text: t.text}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read pg_stat_statements: %w", plain(err))
	}
	return out, nil
}

// disk is the size of the database and the bytes that its statements have
// written to temporary files.
func disk(ctx context.Context, conn *pgx.Conn) (size, temp float64, err error) {
	err = conn.QueryRow(ctx, `SELECT pg_database_size(datid)::float8, temp_bytes::float8 FROM pg_stat_database WHERE datname = current_database()`).Scan(&size, &temp)
	if err != nil {
		return 0, 0, fmt.Errorf("read the size: %w", plain(err))
	}
	return size, temp, nil
}

func list[T any](ctx context.Context, conn *pgx.Conn, query string, limit int, one func(pgx.CollectableRow) (T, error)) ([]T, error) {
	rows, err := conn.Query(ctx, query, limit)
	if err != nil {
		return nil, plain(err)
	}
	out, err := pgx.CollectRows(rows, one)
	if err != nil {
		return nil, plain(err)
	}
	return out, nil
}

// duration of seconds as the server gives them; a clock that was set back does
// not make it negative.
func duration(seconds float64) time.Duration {
	const most = 10 * 366 * 24 * 3600
	if math.IsNaN(seconds) {
		return 0
	}
	return time.Duration(min(max(seconds, 0), most) * float64(time.Second)).Round(time.Millisecond)
}
