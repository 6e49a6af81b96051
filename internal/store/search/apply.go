package search

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
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

// Apply makes the changes, all or none, as they come: none is held longer than it
// takes to write it. Of two changes of one file the later wins; a file whose hash is
// known costs little. Another process waits meanwhile.
func (ix *Index) Apply(ctx context.Context, changes iter.Seq[Change]) error {
	return ix.write(ctx, func(tx *sql.Tx) (err error) {
		w, err := newFiler(ctx, tx)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, w.close()) }()
		for c := range changes {
			if err := w.file(&c); err != nil {
				return fmt.Errorf("index %s: %w", c.Path, err)
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
}

func newFiler(ctx context.Context, tx *sql.Tx) (*filer, error) {
	w := &filer{ctx: ctx, tx: tx}
	if err := tx.QueryRowContext(ctx, "SELECT coalesce(max(id), 0) + 1 FROM docs").Scan(&w.next); err != nil {
		return nil, err
	}
	for _, s := range []struct {
		stmt **sql.Stmt
		sql  string
	}{
		{&w.known, "SELECT id, hash FROM files WHERE repo = $1 AND path = $2"},
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
	for _, s := range []*sql.Stmt{w.known, w.doc, w.text, w.link} {
		if s != nil {
			err = errors.Join(err, s.Close())
		}
	}
	return err
}

// file makes one change.
func (w *filer) file(c *Change) error {
	var id int64
	var hash string
	err := w.known.QueryRowContext(w.ctx, clean(c.Repo), clean(c.Path)).Scan(&id, &hash)
	switch {
	case errors.Is(err, sql.ErrNoRows) && c.Remove:
		return nil
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return err
	case !c.Remove && c.Hash != "" && hash == clean(c.Hash):
		return nil
	default:
		if err := w.forget(id); err != nil {
			return err
		}
		if c.Remove {
			return nil
		}
	}
	res, err := w.tx.ExecContext(w.ctx, "INSERT INTO files(repo, path, hash) VALUES($1, $2, $3)", clean(c.Repo), clean(c.Path), clean(c.Hash))
	if err != nil {
		return err
	}
	if id, err = res.LastInsertId(); err != nil {
		return err
	}
	for i := range c.Documents {
		if err := w.document(id, c.Key, &c.Documents[i]); err != nil {
			return err
		}
	}
	return nil
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

func (w *filer) document(file int64, k Key, d *Document) error {
	id := w.next
	w.next++
	day := ""
	if !d.Date.IsZero() {
		day = d.Date.UTC().Format(dayForm)
	}
	artefact, title := clean(d.ID), oneLine(d.Title)
	if _, err := w.doc.ExecContext(w.ctx, id, file, clean(k.Repo), clean(k.Path), artefact, idKey(artefact), clean(d.Kind), title,
		clean(d.Status), day, labels(k, d), fold("/"+k.Path)); err != nil {
		return err
	}
	for i, s := range fit(d.Sections) {
		first := s.TextLine
		if first == 0 {
			first = s.Line + 1
		}
		if _, err := w.text.ExecContext(w.ctx, id<<sectionBits|int64(i), artefact, title, oneLine(s.Heading), clean(s.Text),
			clean(s.Number), clean(s.Anchor), s.Line, first); err != nil {
			return err
		}
	}
	for _, l := range d.Links {
		if idKey(clean(l.To)) == "" {
			continue
		}
		if _, err := w.link.ExecContext(w.ctx, id, clean(l.To), idKey(clean(l.To)), clean(l.Label), clean(l.Section), l.Line); err != nil {
			return err
		}
	}
	return nil
}

// maxText bounds the text of one row, in bytes: to mark the words that were found
// costs the square of their number. A longer section takes several rows.
const maxText = 32 << 10

// fit returns the rows of a document: at least one, so that a title alone is found,
// and at most maxSections.
func fit(sections []Section) []Section {
	if len(sections) == 0 {
		return []Section{{Line: 1}}
	}
	out := make([]Section, 0, len(sections))
	for _, s := range sections {
		for len(s.Text) > maxText {
			n := cutAt(s.Text, maxText)
			piece, line := s, s.TextLine
			if line == 0 {
				line = s.Line + 1
			}
			piece.Text, piece.TextLine = s.Text[:n], line
			s.TextLine, s.Text = line+strings.Count(piece.Text, "\n"), s.Text[n:]
			out = append(out, piece)
		}
		out = append(out, s)
	}
	if len(out) <= maxSections {
		return out
	}
	last := out[maxSections-1]
	var b strings.Builder
	b.WriteString(last.Text)
	for _, s := range out[maxSections:] {
		if b.Len()+len(s.Heading)+len(s.Text) > maxText {
			break
		}
		b.WriteString("\n" + s.Heading + "\n" + s.Text)
	}
	last.Text = b.String()
	return append(out[:maxSections-1:maxSections-1], last)
}

// cutAt is where text is cut to at most n bytes: behind a line, or a word, or at
// least a character.
func cutAt(s string, n int) int {
	for _, end := range []string{"\n", " "} {
		if i := strings.LastIndex(s[:n], end); i > n/2 {
			return i + 1
		}
	}
	for i := n; i > n-utf8.UTFMax; i-- {
		if utf8.RuneStart(s[i]) {
			return i
		}
	}
	return n
}

// separator stands around each label. clean keeps it, and the marks of
// snippets, out of all text.
const separator = "\x1f"

// labels are what fields compare: "kind:adr", "status:accepted".
func labels(k Key, d *Document) string {
	var b strings.Builder
	add := func(name, value string) {
		if value = fold(value); value != "" {
			b.WriteString(separator + name + ":" + value)
		}
	}
	add("repo", k.Repo)
	add("kind", d.Kind)
	add("id", d.ID)
	add("id", idKey(d.ID))
	add("status", d.Status)
	for _, word := range words(d.Status) {
		add("status", word)
	}
	for _, s := range d.Services {
		add("service", s)
	}
	for _, t := range d.Tags {
		add("tag", t)
	}
	return b.String() + separator
}

// fold makes values comparable.
func fold(s string) string { return strings.ToLower(strings.TrimSpace(oneLine(s))) }

// idKey is an ID without what people write in two ways: ADR-23 is ADR-023.
func idKey(id string) string {
	var b strings.Builder
	number := false // inside one
	for i := 0; i < len(id); i++ {
		c := id[i]
		if c == '0' && !number && i+1 < len(id) && id[i+1] >= '0' && id[i+1] <= '9' {
			continue // a leading zero
		}
		number = c >= '0' && c <= '9'
		b.WriteByte(c)
	}
	return strings.ToUpper(strings.TrimSpace(b.String()))
}

// clean makes text valid UTF-8 without control characters; tabs and line breaks
// stay.
func clean(s string) string {
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		plain = s[i] >= ' ' || s[i] == '\n' || s[i] == '\t'
	}
	if plain && utf8.ValidString(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// oneLine is clean text without breaks.
func oneLine(s string) string {
	s = clean(s)
	if !strings.ContainsAny(s, "\n\t") {
		return s
	}
	return strings.NewReplacer("\n", " ", "\t", " ").Replace(s)
}

// words splits text as the index does.
func words(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return !wordly(r) })
}

func wordly(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.Is(unicode.Co, r)
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
