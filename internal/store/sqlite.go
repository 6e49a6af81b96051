package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/holdfast-sre/holdfast/internal/problem"
)

//go:embed migrations
var migrations embed.FS

// Readers is how many snapshots of a SQLite file may be read at once.
const readers = 4

// A group of writers commits when nobody waits, and in any case after so many
// or so long, so that the first of a crowd doesn't wait for the last.
const (
	groupSize = 64
	groupAge  = 10 * time.Millisecond
)

// sqliteDB is a SQLite file: one connection that writes, several that read.
type sqliteDB struct {
	now    func() time.Time
	log    *slog.Logger
	owner  *os.File // the lock that says who owns the file
	writer *sql.DB
	conn   *sql.Conn // of writer
	reader *sql.DB
	wake   chan struct{} // holds a token when a job may be due
	looks  func()        // called at every look for due jobs; a test counts them

	turn    chan struct{} // holds a token while someone writes
	waiting atomic.Int32  // writers that wait for their turn
	group   *group        // the open transaction; belongs to whose turn it is
	closed  sync.Once
}

// group is one transaction that several writers share.
type group struct {
	began   time.Time
	members int
	done    chan struct{} // closed when err is final
	err     error
}

func openSQLite(ctx context.Context, path string, o Options) (_ *sqliteDB, err error) {
	if path == "" || path == ":memory:" {
		return nil, errors.New(`a SQLite store needs a file: use "sqlite:PATH"`)
	}
	d := &sqliteDB{now: o.Now, log: o.Log, wake: make(chan struct{}, 1), turn: make(chan struct{}, 1)}
	if d.now == nil {
		d.now = time.Now
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("%s: %w", path, err), d.close())
		}
	}()
	if d.owner, err = own(path); err != nil {
		return nil, err
	}
	if err := create(path); err != nil {
		return nil, err
	}
	if d.writer, err = sql.Open("sqlite", sqliteURI(path, o.vfs, false)); err != nil {
		return nil, err
	}
	d.writer.SetMaxOpenConns(1)
	if err := migrate(ctx, goose.DialectSQLite3, d.writer, "migrations/sqlite"); err != nil {
		return nil, err
	}
	if d.conn, err = d.writer.Conn(ctx); err != nil {
		return nil, err
	}
	if o.Scratch {
		if _, err := d.conn.ExecContext(ctx, "PRAGMA synchronous = OFF"); err != nil {
			return nil, err
		}
	}
	if d.reader, err = sql.Open("sqlite", sqliteURI(path, o.vfs, true)); err != nil {
		return nil, err
	}
	d.reader.SetMaxOpenConns(readers)
	d.reader.SetMaxIdleConns(readers)
	return d, d.ping(ctx)
}

// readSQLite opens a file that another process may have open.
func readSQLite(ctx context.Context, path string) (_ *sqliteDB, err error) {
	d := &sqliteDB{now: time.Now, turn: make(chan struct{}, 1)}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("%s: %w", path, err), d.close())
		}
	}()
	if _, err := os.Stat(path); err != nil {
		return nil, errors.New("no such file")
	}
	if d.reader, err = sql.Open("sqlite", sqliteURI(path, "", true)+"&mode=ro"); err != nil {
		return nil, err
	}
	return d, d.ping(ctx)
}

// sqliteURI names the file with the settings of a connection. synchronous is
// FULL: with WAL, NORMAL would lose the last commits when the power goes.
func sqliteURI(path, vfs string, readOnly bool) string {
	q := url.Values{"_pragma": {"busy_timeout(5000)", "foreign_keys(1)"}}
	if readOnly {
		q["_pragma"] = append(q["_pragma"], "query_only(1)")
	} else {
		q["_pragma"] = append(q["_pragma"], "journal_mode(WAL)", "synchronous(FULL)", "cache_size(-16000)")
		q.Set("_txlock", "immediate")
	}
	if vfs != "" {
		q.Set("vfs", vfs)
	}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}).String()
}

// own takes the lock beside the file, which the process holds until it ends.
func own(path string) (*os.File, error) {
	f, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the path is the operator's
	if err != nil {
		return nil, err
	}
	free, err := tryLock(f)
	if err == nil && !free {
		err = problem.Hinted(errors.New("another process has this database open"),
			"end the other holdfast, or speak to it over HTTP: holdfast incident list")
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// create makes the file for its owner alone, and its name durable: SQLite
// syncs what is in the file, not the folder that lists it.
func create(path string) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the path is the operator's
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path)) //nolint:gosec // the path is the operator's
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	return dir.Sync()
}

func migrate(ctx context.Context, dialect goose.Dialect, db *sql.DB, dir string) error {
	sub, err := fs.Sub(migrations, dir)
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(dialect, db, sub, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate the schema: %w", err)
	}
	return nil
}

// compactUpTo bounds the file that settle writes anew: writers wait meanwhile.
const compactUpTo = 256 << 20

// settle sees that nothing deleted lies in the file or its log any more: a page
// that was filled anew may still hold what stood there before. A large file is
// left to whoever can stop the server. A reader may keep the log; then the next
// commits overwrite it.
func (d *sqliteDB) settle(ctx context.Context) error {
	select {
	case d.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer d.sweep()
	defer func() { <-d.turn }()
	d.commit()
	ctx = context.WithoutCancel(ctx)
	var pages, size, busy, log, moved int64
	err := d.conn.QueryRowContext(ctx, `SELECT page_count, page_size FROM pragma_page_count, pragma_page_size`).Scan(&pages, &size)
	if err == nil && pages*size <= compactUpTo {
		err = d.do("VACUUM")
	}
	if err == nil {
		err = d.conn.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &log, &moved)
	}
	return err
}

func (d *sqliteDB) ping(ctx context.Context) error { return d.reader.PingContext(ctx) }

func (d *sqliteDB) close() (err error) {
	d.closed.Do(func() {
		d.turn <- struct{}{} // the writer of the moment finishes first
		defer func() { <-d.turn }()
		if d.reader != nil {
			err = errors.Join(err, d.reader.Close())
		}
		if d.conn != nil {
			err = errors.Join(err, d.conn.Close())
		}
		if d.writer != nil {
			err = errors.Join(err, d.writer.Close())
		}
		if d.owner != nil {
			err = errors.Join(err, d.owner.Close())
		}
	})
	return err
}

func (d *sqliteDB) read(ctx context.Context, fn func(*Tx) error) (err error) {
	conn, err := d.reader.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if _, err := conn.ExecContext(ctx, "BEGIN"); err != nil {
		return err
	}
	tx := &Tx{conn: conn, be: d, now: d.time()}
	defer func() {
		tx.ended = true
		_, end := conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		err = errors.Join(err, end)
	}()
	return fn(tx)
}

func (d *sqliteDB) time() time.Time { return d.now().UTC().Truncate(time.Microsecond) }

// write waits for its turn, runs fn inside the open transaction, which it
// begins when there is none, and returns when that transaction is on disk. The
// last of those that wait commits for all.
func (d *sqliteDB) write(ctx context.Context, fn func(*Tx) error) error {
	d.waiting.Add(1)
	select {
	case d.turn <- struct{}{}:
		d.waiting.Add(-1)
	case <-ctx.Done():
		d.waiting.Add(-1)
		d.sweep() // the group may have waited for us alone
		return context.Cause(ctx)
	}
	g, enqueued, err := d.member(ctx, fn)
	if err != nil {
		return err
	}
	<-g.done
	if g.err == nil && enqueued {
		d.poke()
	}
	return g.err
}

// member runs fn as one member of the open group, and gives the turn back
// however fn ends.
func (d *sqliteDB) member(ctx context.Context, fn func(*Tx) error) (g *group, enqueued bool, err error) {
	defer d.sweep()
	defer func() { <-d.turn }()
	defer d.commitWhenLast()
	if err := context.Cause(ctx); err != nil {
		return nil, false, err
	}
	if err := d.begin(); err != nil {
		return nil, false, fmt.Errorf("begin: %w", err)
	}
	g = d.group
	g.members++
	if err := d.do("SAVEPOINT member"); err != nil {
		d.abandon(err)
		return nil, false, err
	}
	tx := &Tx{conn: d.conn, be: d, write: true, now: d.time()}
	kept := false
	defer func() {
		tx.ended = true
		if !kept {
			d.undoMember()
		}
	}()
	if err := fn(tx); err != nil {
		return nil, false, err
	}
	if err := d.do("RELEASE member"); err != nil {
		return nil, false, err
	}
	kept = true
	return g, tx.enqueued, nil
}

// undoMember takes back what the present member wrote. When that is impossible
// (SQLite itself rolled everything back, as on a full disk) the group fails.
func (d *sqliteDB) undoMember() {
	if err := d.do("ROLLBACK TO member"); err != nil {
		d.abandon(err)
		return
	}
	if err := d.do("RELEASE member"); err != nil {
		d.abandon(err)
	}
}

// sweep commits a group that nobody is left to commit.
func (d *sqliteDB) sweep() {
	if d.waiting.Load() > 0 {
		return // whoever waits will do it
	}
	select {
	case d.turn <- struct{}{}:
		d.commitWhenLast()
		<-d.turn
	default: // whoever has the turn will do it
	}
}

func (d *sqliteDB) begin() error {
	if d.group != nil {
		return nil
	}
	err := d.do("BEGIN IMMEDIATE")
	if err != nil {
		_ = d.do("ROLLBACK") // left over from a commit that failed
		err = d.do("BEGIN IMMEDIATE")
	}
	if err != nil {
		return err
	}
	d.group = &group{began: time.Now(), done: make(chan struct{})}
	return nil
}

func (d *sqliteDB) commitWhenLast() {
	g := d.group
	if g == nil {
		return
	}
	if d.waiting.Load() > 0 && g.members < groupSize && time.Since(g.began) < groupAge {
		return
	}
	d.commit()
}

// commit ends the open group, if there is one.
func (d *sqliteDB) commit() {
	g := d.group
	if g == nil {
		return
	}
	if err := d.do("COMMIT"); err != nil {
		d.abandon(fmt.Errorf("commit: %w", err))
		return
	}
	d.group = nil
	close(g.done)
}

// abandon fails every member of the open group.
func (d *sqliteDB) abandon(cause error) {
	_ = d.do("ROLLBACK") // fails when SQLite did it already
	if g := d.group; g != nil {
		d.group = nil
		g.err = cause
		close(g.done)
	}
}

// do runs a statement of the transaction itself, which no caller may interrupt.
func (d *sqliteDB) do(statement string) error {
	_, err := d.conn.ExecContext(context.Background(), statement)
	return err
}

// poke tells the executor that a job may be due.
func (d *sqliteDB) poke() {
	select {
	case d.wake <- struct{}{}:
	default: // it will look anyway
	}
}
