package search

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
)

// sectionBits is how many bits of a row number count the rows of a document. What
// a document has beyond that many joins its last row, as far as it fits in.
const (
	sectionBits = 14
	maxSections = 1 << sectionBits
)

// Known returns the hash of every indexed file; what it has not, Apply must
// bring. It is empty after a rebuild.
func (ix *Index) Known(ctx context.Context) (map[Key]string, error) {
	out, err := ix.known(ctx)
	if errors.Is(err, ErrRebuilt) {
		return ix.known(ctx)
	}
	return out, err
}

func (ix *Index) known(ctx context.Context) (map[Key]string, error) {
	out := map[Key]string{}
	err := ix.read(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, "SELECT repo, path, hash FROM files")
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var k Key
			var hash string
			if err := rows.Scan(&k.Repo, &k.Path, &hash); err != nil {
				return err
			}
			out[k] = hash
		}
		return rows.Err()
	})
	return out, err
}

// Apply makes the changes, all or none, as they come: few are held at once. Of two
// changes of one file the later wins; a file whose hash is known costs little. Another
// process waits meanwhile. changes runs in a goroutine that Apply waits for, so that
// the next ones are made while some are written.
func (ix *Index) Apply(ctx context.Context, changes iter.Seq[Change]) error {
	return ix.write(ctx, func(tx *sql.Tx) (err error) {
		w, err := newFiler(ctx, tx)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, w.close()) }()
		for some := range ahead(changes) {
			for i := range some {
				if err := w.file(&some[i]); err != nil {
					return fmt.Errorf("index %s: %w", some[i].path, err)
				}
			}
		}
		return w.tidy()
	})
}

// tidied is how many pages of the full-text index one Apply merges at most.
const tidied = 64

// tidy goes on with merging the parts of the full-text index: where there are
// sixteen, one is made of them, a bounded number of pages at a time, for parts of
// the first index are large.
func (w *filer) tidy() error {
	_, err := w.tx.ExecContext(w.ctx, "INSERT INTO text(text, rank) VALUES('merge', $1)", tidied)
	return err
}

// filer writes files within one transaction.
type filer struct {
	ctx   context.Context //nolint:containedctx // lives as long as the transaction
	tx    *sql.Tx
	next  int64 // id of the next document
	doc   *sql.Stmt
	text  *sql.Stmt
	link  *sql.Stmt
	known *sql.Stmt
	add   *sql.Stmt
	hash  *sql.Stmt

	empty bool            // the index was, at first
	made  map[Key]written // files that this filer wrote
}

// written is where a file's rows are: its documents have ids that follow each other.
type written struct {
	file, first int64
	docs        int
}

func newFiler(ctx context.Context, tx *sql.Tx) (*filer, error) {
	w := &filer{ctx: ctx, tx: tx, made: map[Key]written{}}
	if err := tx.QueryRowContext(ctx, "SELECT coalesce(max(id), 0) + 1, NOT EXISTS (SELECT 1 FROM files) FROM docs").Scan(&w.next, &w.empty); err != nil {
		return nil, err
	}
	for _, s := range []struct {
		stmt **sql.Stmt
		sql  string
	}{
		{&w.known, "SELECT id, hash FROM files WHERE repo = $1 AND path = $2"},
		{&w.add, "INSERT INTO files(repo, path, hash) VALUES($1, $2, $3)"},
		{&w.hash, "UPDATE files SET hash = $1 WHERE id = $2"},
		{&w.doc, `INSERT INTO docs(id, file, repo, path, artefact, key, kind, title, status, day, labels, folded)
			VALUES($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`},
		{&w.text, `INSERT INTO text(rowid, artefact, title, heading, body, number, anchor, line, first)
			VALUES($1, $2, $3, $4, $5, $6, $7, $8, $9)`},
		{&w.link, "INSERT INTO links(doc, target, key, label, section, line) VALUES($1, $2, $3, $4, $5, $6)"},
	} {
		stmt, err := tx.PrepareContext(ctx, s.sql) //nolint:sqlclosecheck // close closes it
		if err != nil {
			return nil, errors.Join(err, w.close())
		}
		*s.stmt = stmt
	}
	return w, nil
}

func (w *filer) close() (err error) {
	for _, s := range []*sql.Stmt{w.known, w.add, w.hash, w.doc, w.text, w.link} {
		if s != nil {
			err = errors.Join(err, s.Close())
		}
	}
	return err
}

// file makes one change.
func (w *filer) file(r *rows) error {
	if r.linked {
		return w.relink(r)
	}
	id, hash, err := w.find(r)
	switch known := id != 0; {
	case err != nil:
		return err
	case known && !r.remove && r.hash != "" && hash == r.hash:
		return nil
	case known:
		if err := w.forget(id); err != nil {
			return err
		}
		delete(w.made, r.key())
	}
	if r.remove {
		return nil
	}
	res, err := w.add.ExecContext(w.ctx, r.repo, r.path, r.hash)
	if err != nil {
		return err
	}
	if id, err = res.LastInsertId(); err != nil {
		return err
	}
	w.made[r.key()] = written{file: id, first: w.next, docs: len(r.docs)}
	for i := range r.docs {
		if err := w.document(id, r, &r.docs[i]); err != nil {
			return err
		}
	}
	return nil
}

// find is the id of a file, and its hash; 0 = the index has none.
func (w *filer) find(r *rows) (id int64, hash string, err error) {
	if _, made := w.made[r.key()]; w.empty && !made {
		return 0, "", nil
	}
	err = w.known.QueryRowContext(w.ctx, r.repo, r.path).Scan(&id, &hash)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, "", nil
	}
	return id, hash, err
}

// relink gives the documents of a file that this filer wrote their links, and the file
// its hash.
func (w *filer) relink(r *rows) error {
	at, ok := w.made[r.key()]
	if !ok || at.docs != len(r.docs) {
		return errors.New("links of a file that was not brought before")
	}
	for i := range r.docs {
		if err := w.links(at.first+int64(i), r.docs[i].links); err != nil {
			return err
		}
	}
	_, err := w.hash.ExecContext(w.ctx, r.hash, at.file)
	return err
}

// forget removes a file and all that came from it.
func (w *filer) forget(file int64) error {
	ids, err := int64s(w.ctx, w.tx, "SELECT id AS n FROM docs WHERE file = $1", file)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if _, err := w.tx.ExecContext(w.ctx, "DELETE FROM text WHERE rowid BETWEEN $1 AND $2", id<<sectionBits, id<<sectionBits+maxSections-1); err != nil {
			return err
		}
		if _, err := w.tx.ExecContext(w.ctx, "DELETE FROM links WHERE doc = $1", id); err != nil {
			return err
		}
	}
	if _, err := w.tx.ExecContext(w.ctx, "DELETE FROM docs WHERE file = $1", file); err != nil {
		return err
	}
	_, err = w.tx.ExecContext(w.ctx, "DELETE FROM files WHERE id = $1", file)
	return err
}

func (w *filer) document(file int64, r *rows, d *docRow) error {
	id := w.next
	w.next++
	if _, err := w.doc.ExecContext(w.ctx, id, file, r.repo, r.path, d.artefact, d.key, d.kind, d.title, d.status, d.day, d.labels, r.folded); err != nil {
		return err
	}
	for i, t := range d.text {
		if _, err := w.text.ExecContext(w.ctx, id<<sectionBits|int64(i), d.artefact, d.title, t.heading, t.body, t.number, t.anchor, t.line, t.first); err != nil {
			return err
		}
	}
	return w.links(id, d.links)
}

func (w *filer) links(doc int64, links []linkRow) error {
	for _, l := range links {
		if _, err := w.link.ExecContext(w.ctx, doc, l.target, l.key, l.label, l.section, l.line); err != nil {
			return err
		}
	}
	return nil
}

// int64s reads a column of integers. SQLite joins them to one text, which costs
// a fraction of handing over each row; the order is that of the query.
func int64s(ctx context.Context, tx *sql.Tx, query string, args ...any) ([]int64, error) {
	var joined sql.NullString
	if err := tx.QueryRowContext(ctx, "SELECT group_concat(n) FROM (SELECT n FROM ("+query+") LIMIT -1)", args...).Scan(&joined); err != nil {
		return nil, err
	}
	if joined.String == "" {
		return nil, nil
	}
	out := make([]int64, 0, strings.Count(joined.String, ",")+1)
	for part := range strings.SplitSeq(joined.String, ",") {
		n, err := strconv.ParseInt(part, 10, 64)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}
