package search

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"

	"modernc.org/sqlite" // also the driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// These say whose file it is, and of which release. A file of another release
// is emptied.
const (
	application = 0x48467378 // "HFsx"
	release     = 4
)

// readers is how many searches run at once.
const readers = 4

// schema has a row of text for each section: its rowid is the document's id,
// shifted, and the number of the section. labels of a document are those values
// of fields that are compared as they are, each between two separators. FTS5
// collects 32 MB of words before it writes a part of the index: of few large parts
// it seeks a row in a fraction of the time that many small ones take. By itself it
// would merge sixteen parts at once, large ones of the first day among them, and
// the writer of the sixteenth would wait for that; tidy merges a little at a time.
const schema = `
CREATE TABLE files(id INTEGER PRIMARY KEY, repo TEXT NOT NULL, path TEXT NOT NULL, hash TEXT NOT NULL, UNIQUE(repo, path));
CREATE TABLE docs(id INTEGER PRIMARY KEY, file INTEGER NOT NULL, repo TEXT NOT NULL, path TEXT NOT NULL,
  artefact TEXT NOT NULL, key TEXT NOT NULL, kind TEXT NOT NULL, title TEXT NOT NULL, status TEXT NOT NULL,
  day TEXT NOT NULL, labels TEXT NOT NULL, folded TEXT NOT NULL);
CREATE INDEX docs_key ON docs(key, repo);
CREATE INDEX docs_file ON docs(file);
CREATE TABLE links(doc INTEGER NOT NULL, target TEXT NOT NULL, key TEXT NOT NULL, label TEXT NOT NULL,
  section TEXT NOT NULL, line INTEGER NOT NULL);
CREATE INDEX links_doc ON links(doc);
CREATE INDEX links_key ON links(key);
CREATE VIRTUAL TABLE text USING fts5(artefact, title, heading, body, number UNINDEXED, anchor UNINDEXED,
  line UNINDEXED, first UNINDEXED, tokenize = "porter unicode61 remove_diacritics 2");
INSERT INTO text(text, rank) VALUES('automerge', 16);
INSERT INTO text(text, rank) VALUES('usermerge', 16);
INSERT INTO text(text, rank) VALUES('crisismerge', 500);
INSERT INTO text(text, rank) VALUES('hashsize', 33554432);
`

// errForeign is a database that is not ours to touch.
var errForeign = errors.New("the file is a database of another program")

// open makes or opens the database; what is damaged is set aside first. Who
// repairs holds the lock beside the file, so that two don't at once.
func (ix *Index) open(ctx context.Context) error {
	if ix.path == "" {
		return ix.connect(ctx)
	}
	if err := os.MkdirAll(filepath.Dir(ix.path), 0o700); err != nil {
		return err
	}
	if info, err := os.Stat(ix.path); err == nil && !info.Mode().IsRegular() {
		return errors.New("not a regular file")
	}
	unlock, err := lock(ctx, ix.path+".lock")
	if err != nil {
		return err
	}
	defer unlock()
	err = ix.connect(ctx)
	if err == nil || !repairable(err) {
		return err
	}
	if err := ix.setAside(); err != nil {
		return err
	}
	return ix.connect(ctx)
}

// setAside moves a damaged file out of the way. It is not deleted: a mistaken
// path may have named something dear.
func (ix *Index) setAside() error {
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(ix.path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	err := os.Rename(ix.path, ix.path+".damaged")
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// connect opens the two pools and makes the schema; on an error nothing stays
// open.
func (ix *Index) connect(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, ix.shut())
		}
	}()
	name := ix.path
	if name == "" {
		name = "/" + rand.Text()
	}
	if ix.writer, err = sql.Open("sqlite", uri(name, ix.path == "", false)); err != nil {
		return err
	}
	ix.writer.SetMaxOpenConns(1)
	ix.writer.SetConnMaxLifetime(0) // a database in memory lives as long as its connection
	if err := inTx(ctx, ix.writer, func(tx *sql.Tx) error { return prepare(ctx, tx) }); err != nil {
		return err
	}
	if ix.reader, err = sql.Open("sqlite", uri(name, ix.path == "", true)); err != nil {
		return err
	}
	ix.reader.SetMaxOpenConns(readers)
	ix.reader.SetMaxIdleConns(readers)
	return ix.reader.PingContext(ctx)
}

// uri names the database with the settings of a connection. synchronous is
// NORMAL: a crash may lose the last changes, which the hashes then show, and
// damages nothing. Checkpoints, which sync the disk, come at 32 MB: fewer while
// much is written, at the price of a larger log beside the file.
func uri(name string, memory, readOnly bool) string {
	q := url.Values{"_pragma": {"busy_timeout(10000)"}}
	switch {
	case readOnly:
		q["_pragma"] = append(q["_pragma"], "query_only(1)", "cache_size(-8000)")
	case memory:
		q["_pragma"] = append(q["_pragma"], "journal_mode(MEMORY)")
	default:
		q["_pragma"] = append(q["_pragma"], "journal_mode(WAL)", "synchronous(NORMAL)", "cache_size(-32000)", "wal_autocheckpoint(8000)", "journal_size_limit(32000000)")
	}
	if !readOnly {
		q.Set("_txlock", "immediate")
	}
	if memory {
		q.Set("vfs", "memdb")
	}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: name, RawQuery: q.Encode()}).String()
}

// prepare makes the schema where it lacks, and empties a file of another
// release.
func prepare(ctx context.Context, tx *sql.Tx) error {
	var app, rel, tables int
	err := tx.QueryRowContext(ctx, `SELECT (SELECT application_id FROM pragma_application_id),
		(SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)`).Scan(&app, &rel, &tables)
	switch {
	case err != nil:
		return err
	case tables > 0 && app != application:
		return errForeign
	case tables > 0 && rel == release:
		_, err := tx.ExecContext(ctx, `SELECT count(*) FROM (SELECT rowid FROM text WHERE text MATCH 'a' LIMIT 1)`)
		return err
	}
	for _, table := range []string{"text", "links", "docs", "files"} {
		if _, err := tx.ExecContext(ctx, "DROP TABLE IF EXISTS "+table); err != nil {
			return err
		}
	}
	_, err = tx.ExecContext(ctx, schema+
		"PRAGMA application_id = "+strconv.Itoa(application)+"; PRAGMA user_version = "+strconv.Itoa(release))
	return err
}

// repairable reports whether a new file would help: the present one is damaged
// or can't be read. A lock, a full disk and a cancelled call pass by themselves.
func repairable(err error) bool {
	if errors.Is(err, errForeign) {
		return false
	}
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return false
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CANTOPEN:
		return true
	}
	return false
}

// heal replaces a database whose damage a call ran into, and tells the caller.
func (ix *Index) heal(ctx context.Context, cause error) error {
	e, ok := errors.AsType[*sqlite.Error](cause)
	if !ok || e.Code()&0xff != sqlite3.SQLITE_CORRUPT && e.Code()&0xff != sqlite3.SQLITE_NOTADB {
		return cause
	}
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if ix.writer == nil {
		return cause // closed meanwhile
	}
	ix.anew++
	if err := errors.Join(ix.shut(), ix.replace(ctx)); err != nil {
		return fmt.Errorf("search index %s: %w", ix.path, errors.Join(cause, err))
	}
	return fmt.Errorf("%w (%w)", ErrRebuilt, cause)
}

// replace sets the file aside, unless another process did so already, and makes
// a new one.
func (ix *Index) replace(ctx context.Context) error {
	if ix.path == "" {
		return ix.connect(ctx)
	}
	unlock, err := lock(ctx, ix.path+".lock")
	if err != nil {
		return err
	}
	defer unlock()
	if err := ix.connect(ctx); err == nil {
		if ix.sound(ctx) {
			return nil
		}
		if err := ix.shut(); err != nil {
			return err
		}
	}
	if err := ix.setAside(); err != nil {
		return err
	}
	return ix.connect(ctx)
}

// sound has SQLite look at every page, and FTS5 at its index.
func (ix *Index) sound(ctx context.Context) bool {
	var verdict string
	if err := ix.writer.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil || verdict != "ok" {
		return false
	}
	_, err := ix.writer.ExecContext(ctx, "INSERT INTO text(text) VALUES('integrity-check')")
	return err == nil
}
