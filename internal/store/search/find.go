package search

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Artefact is the head of an indexed document.
type Artefact struct {
	Key
	ID     string
	Kind   string
	Title  string
	Status string
	Date   time.Time // zero when unknown; a day, in UTC
}

// Place is a section of an artefact.
type Place struct {
	Heading string
	Number  string
	Anchor  string
	Line    int // of the heading
}

// Hit is an artefact that a search found, at its best section.
type Hit struct {
	Artefact
	Section Place
	// Line of the file with the match; the section's own when only its heading
	// or the title match.
	Line int
	// Score orders hits. Its whole part says where the words were found: 3 the
	// artefact is the one whose ID was asked for, 2 all in title or ID, 1 all in
	// title, ID or headings, 0 in the text; the fraction is bm25, squeezed.
	Score float64
	// Snippet is text around the match, on one line.
	Snippet []Span
	// Sections counts those that match.
	Sections int
}

// Span is a piece of text; Match marks the words that were looked for.
type Span struct {
	Text  string
	Match bool
}

// Result is a page of hits.
type Result struct {
	Hits  []Hit
	Total int // artefacts that match
	// Scattered: no section has all the words, so these are artefacts that have
	// them in different sections.
	Scattered bool
}

// Page cuts a result. Limit 0 means 20; at most 500.
type Page struct {
	Limit  int
	Offset int
}

func (p Page) bounds() (from, limit int) {
	limit = min(p.Limit, 500)
	if limit <= 0 {
		limit = 20
	}
	return max(p.Offset, 0), limit
}

// rankedRows is how many rows bm25 looks at: it costs microseconds a row. When
// more match, those with the words in title or heading come first, then one of
// each artefact, in the order in which they were indexed.
const rankedRows = 500

// Search finds artefacts. Words are looked for in one section together with the
// artefact's ID and title; when no artefact has them so, anywhere in the
// artefact. The order is by score, then ID, repository and path. A query
// without words lists by ID. Mechanisms are not widened to their synonyms here:
// a search finds what it says.
func (ix *Index) Search(ctx context.Context, q Query, page Page) (Result, error) {
	var out Result
	err := ix.read(ctx, func(tx *sql.Tx) error {
		m, err := compile(ctx, tx, q)
		if err != nil {
			return err
		}
		if !m.hasText() {
			out, err = list(ctx, tx, m, page)
			return err
		}
		s := finder{ctx: ctx, tx: tx, m: m, expr: m.and()}
		out, err = s.find(page)
		return err
	})
	return out, err
}

// finder is one search for words.
type finder struct {
	ctx  context.Context //nolint:containedctx // lives as long as the call
	tx   *sql.Tx
	m    matcher
	expr string  // the expression that rows match
	rows []int64 // that match, ascending
}

// found is an artefact before its details are read.
type found struct {
	doc   int64
	score float64
	row   int64   // of its best section: its first when only the title matches
	best  float64 // of the section
	count int     // sections that match
}

func (s *finder) find(page Page) (Result, error) {
	var out Result
	err := s.match()
	if err == nil && len(s.rows) == 0 && len(s.m.all) > 1 {
		out.Scattered = true
		err = s.matchScattered()
	}
	if err != nil || len(s.rows) == 0 {
		return Result{}, err
	}
	all, err := s.rank()
	if err != nil {
		return Result{}, err
	}
	out.Total = len(all)
	shown, err := s.page(all, page)
	if err == nil {
		out.Hits, err = s.show(shown)
	}
	return out, err
}

// filter is the condition on rows of text that fields and negations make.
func (m matcher) filter() (string, []any) {
	cond, args := "", slices.Clone(m.args)
	if m.docs != "" {
		cond = " AND (rowid >> 14) IN (SELECT d.id FROM docs AS d WHERE " + m.docs + ")"
	}
	if m.not != "" {
		cond += " AND (rowid >> 14) NOT IN (SELECT rowid >> 14 FROM text WHERE text MATCH ?)"
		args = append(args, m.not)
	}
	return cond, args
}

// match finds the rows that hold all the words.
func (s *finder) match() error {
	cond, args := s.m.filter()
	rows, err := int64s(s.ctx, s.tx, "SELECT rowid AS n FROM text WHERE text MATCH ?"+cond, append([]any{s.expr}, args...)...)
	s.rows = rows
	return err
}

// matchScattered finds the rows that hold some of the words, in artefacts that
// hold all.
func (s *finder) matchScattered() error {
	s.expr = s.m.any()
	if err := s.match(); err != nil || len(s.rows) == 0 {
		return err
	}
	count := map[int64]int{} // clauses that the document holds
	for n, clause := range s.m.all {
		ids, err := int64s(s.ctx, s.tx, "SELECT DISTINCT rowid >> 14 AS n FROM text WHERE text MATCH ?", clause)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if count[id] == n {
				count[id]++
			}
		}
	}
	s.rows = slices.DeleteFunc(s.rows, func(r int64) bool { return count[docOf(r)] < len(s.m.all) })
	return nil
}

func docOf(row int64) int64 { return row >> sectionBits }

// rank scores the documents of the rows.
func (s *finder) rank() ([]*found, error) {
	named, err := s.named()
	if err != nil {
		return nil, err
	}
	inHeads, err := s.within("{artefact title heading}")
	if err != nil {
		return nil, err
	}
	inTitle := inHeads
	if len(inHeads) > 0 {
		if inTitle, err = s.within("{artefact title}"); err != nil {
			return nil, err
		}
	}
	scores, err := s.scores(s.worth(inTitle, inHeads))
	if err != nil {
		return nil, err
	}
	var order []*found // rows of a document are neighbours
	for _, row := range s.rows {
		id, x := docOf(row), scores[row]
		if len(order) == 0 || order[len(order)-1].doc != id {
			order = append(order, &found{doc: id, row: row})
		}
		f := order[len(order)-1]
		if x.section > 0 || !inTitle[row] && !inHeads[row] {
			f.count++
		}
		if x.section > f.best {
			f.best, f.row = x.section, row
		}
		total := x.row / (1 + x.row)
		switch {
		case named[id]:
			total += 3
		case inTitle[row]:
			total += 2
		case inHeads[row]:
			total++
		}
		f.score = max(f.score, total)
	}
	return order, nil
}

// page puts the found in order and cuts the page; those of one score are in
// order of artefact. Only the ties that the page shows are looked up.
func (s *finder) page(all []*found, page Page) ([]*found, error) {
	from, limit := page.bounds()
	to := min(from+limit, len(all))
	if from >= to {
		return nil, nil
	}
	slices.SortFunc(all, func(a, b *found) int { return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.doc, b.doc)) })
	lo, hi := from, to
	for lo > 0 && all[lo-1].score == all[from].score {
		lo--
	}
	for hi < len(all) && all[hi].score == all[to-1].score {
		hi++
	}
	ids := make([]int64, 0, hi-lo)
	for _, f := range all[lo:hi] {
		ids = append(ids, f.doc)
	}
	places, err := int64s(s.ctx, s.tx, "SELECT id AS n FROM docs WHERE id IN (SELECT value FROM json_each(?)) ORDER BY artefact, repo, path, id", list64(ids))
	if err != nil {
		return nil, err
	}
	at := make(map[int64]int, len(places))
	for i, id := range places {
		at[id] = i
	}
	slices.SortFunc(all[lo:hi], func(a, b *found) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(at[a.doc], at[b.doc]))
	})
	return all[from:to], nil
}

// named are the documents whose ID the query gives.
func (s *finder) named() (map[int64]bool, error) {
	out := map[int64]bool{}
	for _, key := range s.m.ids {
		ids, err := int64s(s.ctx, s.tx, "SELECT id AS n FROM docs WHERE key = ?", key)
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			out[id] = true
		}
	}
	return out, nil
}

// within are the rows that match with these columns alone.
func (s *finder) within(columns string) (map[int64]bool, error) {
	rows, err := int64s(s.ctx, s.tx, "SELECT rowid AS n FROM text WHERE text MATCH ?", columns+" : ("+s.expr+")")
	if err != nil {
		return nil, err
	}
	out := make(map[int64]bool, len(rows))
	for _, r := range rows {
		out[r] = true
	}
	return out, nil
}

// worth are the rows that bm25 shall look at: all when they are few.
func (s *finder) worth(inTitle, inHeads map[int64]bool) []int64 {
	if len(s.rows) <= rankedRows {
		return s.rows
	}
	var out []int64
	taken := map[int64]bool{}
	seen := map[int64]bool{} // documents
	take := func(wanted func(row int64) bool) {
		for _, r := range s.rows {
			if len(out) < rankedRows && !taken[r] && wanted(r) {
				taken[r], seen[docOf(r)] = true, true
				out = append(out, r)
			}
		}
	}
	take(func(r int64) bool { return inTitle[r] })
	take(func(r int64) bool { return inHeads[r] && !inTitle[r] })
	take(func(r int64) bool { return !seen[docOf(r)] })
	slices.Sort(out)
	return out
}

// score is bm25 of a row, the greater the better: of all columns, and of the
// section without ID and title.
type score struct{ row, section float64 }

func (s *finder) scores(rows []int64) (map[int64]score, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	// The rows are ascending: FTS5 begins at the first and stops behind the last.
	got, err := s.tx.QueryContext(s.ctx, `SELECT rowid, -bm25(text, 10, 8, 4, 1), -bm25(text, 0, 0, 4, 1) FROM text
		WHERE text MATCH ? AND rowid BETWEEN ? AND ? AND +rowid IN (SELECT value FROM json_each(?))`, s.expr, rows[0], rows[len(rows)-1], list64(rows))
	if err != nil {
		return nil, err
	}
	defer got.Close()
	out := make(map[int64]score, len(rows))
	for got.Next() {
		var row int64
		var x score
		if err := got.Scan(&row, &x.row, &x.section); err != nil {
			return nil, err
		}
		out[row] = x
	}
	return out, got.Err()
}

// headColumns are what place scans, of docs AS d and text.
const headColumns = "d.repo, d.path, d.artefact, d.kind, d.title, d.status, d.day, heading, number, anchor, line, first"

// show reads what the hits tell.
func (s *finder) show(all []*found) ([]Hit, error) {
	at := make(map[int64]int, len(all))
	ids := make([]int64, len(all))
	for i, f := range all {
		at[f.row], ids[i] = i, f.row
	}
	// FTS5 seeks each row, unless it would put together the words of a prefix each
	// time: then it goes through all that match.
	row := "text.rowid"
	if s.m.prefix {
		row = "+text.rowid"
	}
	rows, err := s.tx.QueryContext(s.ctx, "SELECT text.rowid, "+headColumns+`, highlight(text, 3, char(1), char(2))
		FROM text CROSS JOIN docs AS d ON d.id = text.rowid >> 14 WHERE text MATCH ? AND `+row+" IN (SELECT value FROM json_each(?))", s.expr, list64(ids))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := make([]Hit, len(all))
	for rows.Next() {
		var row int64
		h, body, err := scanHit(rows, &row)
		if err != nil {
			return nil, err
		}
		f := all[at[row]]
		h.Score, h.Sections = f.score, max(f.count, 1)
		var line int
		if h.Snippet, line = snippet(body); line >= 0 {
			h.Line += line
		} else {
			h.Line = h.Section.Line
		}
		out[at[row]] = h
	}
	return out, rows.Err()
}

// place reads the artefact and the section of a row, and the beginning of its
// text, on whose first line Line is.
func place(ctx context.Context, tx *sql.Tx, row int64) (Hit, string, error) {
	return scanHit(tx.QueryRowContext(ctx, "SELECT "+headColumns+", substr(body, 1, 2000) FROM text, docs AS d WHERE text.rowid = ? AND d.id = ?", row, docOf(row)))
}

// scanHit scans headColumns and a text, after other columns.
func scanHit(row interface{ Scan(...any) error }, before ...any) (h Hit, body string, err error) {
	var day string
	err = row.Scan(append(before, &h.Repo, &h.Path, &h.ID, &h.Kind, &h.Title, &h.Status, &day, &h.Section.Heading, &h.Section.Number,
		&h.Section.Anchor, &h.Section.Line, &h.Line, &body)...)
	h.Date = dayOf(day)
	return h, body, err
}

func dayOf(day string) time.Time {
	t, err := time.Parse(dayForm, day)
	if err != nil {
		return time.Time{} // unknown
	}
	return t
}

// list answers a query without words.
func list(ctx context.Context, tx *sql.Tx, m matcher, page Page) (Result, error) {
	var out Result
	cond, args := "1", slices.Clone(m.args)
	if m.docs != "" {
		cond = m.docs
	}
	if m.not != "" {
		cond += " AND d.id NOT IN (SELECT rowid >> 14 FROM text WHERE text MATCH ?)"
		args = append(args, m.not)
	}
	ids, err := int64s(ctx, tx, "SELECT d.id AS n FROM docs AS d WHERE "+cond+" ORDER BY d.artefact, d.repo, d.path, d.id", args...)
	if err != nil {
		return out, err
	}
	named := map[string]bool{}
	for _, key := range m.ids {
		named[key] = true
	}
	out.Total = len(ids)
	from, limit := page.bounds()
	for _, id := range ids[min(from, len(ids)):min(from+limit, len(ids))] {
		h, body, err := place(ctx, tx, id<<sectionBits)
		if err != nil {
			return out, err
		}
		if named[idKey(h.ID)] {
			h.Score = 3
		}
		h.Snippet, _ = snippet(body)
		h.Line, h.Sections = h.Section.Line, 1
		out.Hits = append(out.Hits, h)
	}
	return out, nil
}

// list64 is a list for json_each.
func list64(ids []int64) string {
	if ids == nil {
		return "[]"
	}
	b, err := json.Marshal(ids)
	if err != nil {
		return "[]" // integers always marshal
	}
	return strings.TrimSpace(string(b))
}
