package search

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
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
// more match, those with the words in title or heading come first.
const rankedRows = 1500

// The weights of the columns artefact, title, heading and body.
const (
	weights        = "10, 8, 4, 1"
	sectionWeights = "0, 0, 4, 1"
)

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
	row   int64
	count int
	hit   Hit
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
	from, limit := page.bounds()
	all = all[min(from, len(all)):min(from+limit, len(all))]
	if err := s.choose(all); err != nil {
		return Result{}, err
	}
	for i := range all {
		if err := s.show(&all[i]); err != nil {
			return Result{}, err
		}
		out.Hits = append(out.Hits, all[i].hit)
	}
	return out, nil
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
	rows, err := int64s(s.ctx, s.tx, "SELECT rowid FROM text WHERE text MATCH ?"+cond, append([]any{s.expr}, args...)...)
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
		ids, err := int64s(s.ctx, s.tx, "SELECT DISTINCT rowid >> 14 FROM text WHERE text MATCH ?", clause)
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

// rank orders the documents of the rows.
func (s *finder) rank() ([]found, error) {
	named, err := s.named()
	if err != nil {
		return nil, err
	}
	inTitle, err := s.within("{artefact title}")
	if err != nil {
		return nil, err
	}
	inHeads, err := s.within("{artefact title heading}")
	if err != nil {
		return nil, err
	}
	scores, err := s.scores(s.worth(inTitle, inHeads))
	if err != nil {
		return nil, err
	}
	docs := map[int64]*found{}
	var order []*found
	for _, row := range s.rows {
		id := docOf(row)
		f := docs[id]
		if f == nil {
			f = &found{doc: id, row: row}
			docs[id] = f
			order = append(order, f)
		}
		score := scores[row] / (1 + scores[row])
		switch {
		case named[id]:
			score += 3
		case inTitle[row]:
			score += 2
		case inHeads[row]:
			score++
		}
		f.score = max(f.score, score)
	}
	return s.sorted(order)
}

// sorted puts the found in order; those of one score by artefact.
func (s *finder) sorted(order []*found) ([]found, error) {
	out := make([]found, len(order))
	ids := make([]int64, len(order))
	for i, f := range order {
		out[i], ids[i] = *f, f.doc
	}
	slices.SortFunc(out, func(a, b found) int { return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.doc, b.doc)) })
	tied := false
	for i := 1; i < len(out) && !tied; i++ {
		tied = out[i].score == out[i-1].score
	}
	if !tied {
		return out, nil
	}
	places, err := int64s(s.ctx, s.tx, "SELECT id FROM docs WHERE id IN (SELECT value FROM json_each(?)) ORDER BY artefact, repo, path, id", list64(ids))
	if err != nil {
		return nil, err
	}
	place := make(map[int64]int, len(places))
	for i, id := range places {
		place[id] = i
	}
	slices.SortFunc(out, func(a, b found) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(place[a.doc], place[b.doc]))
	})
	return out, nil
}

// named are the documents whose ID the query gives.
func (s *finder) named() (map[int64]bool, error) {
	out := map[int64]bool{}
	for _, key := range s.m.ids {
		ids, err := int64s(s.ctx, s.tx, "SELECT id FROM docs WHERE key = ?", key)
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
	rows, err := int64s(s.ctx, s.tx, "SELECT rowid FROM text WHERE text MATCH ?", columns+" : ("+s.expr+")")
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
	take(func(r int64) bool { return inTitle[r] && !seen[docOf(r)] })
	take(func(r int64) bool { return inHeads[r] && !inTitle[r] })
	take(func(r int64) bool { return !seen[docOf(r)] })
	slices.Sort(out)
	return out
}

// scores are bm25 of the rows; the greater the better.
func (s *finder) scores(rows []int64) (map[int64]float64, error) {
	out := make(map[int64]float64, len(rows))
	err := s.bm25("SELECT rowid, -bm25(text, "+weights+") FROM text WHERE text MATCH ? AND +rowid IN (SELECT value FROM json_each(?))",
		s.expr, rows, func(row int64, score float64) { out[row] = score })
	return out, err
}

func (s *finder) bm25(query, expr string, ids []int64, each func(row int64, score float64)) error {
	rows, err := s.tx.QueryContext(s.ctx, query, expr, list64(ids))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var row int64
		var score float64
		if err := rows.Scan(&row, &score); err != nil {
			return err
		}
		each(row, score)
	}
	return rows.Err()
}

// choose points each document to its best section: the one whose heading and
// text match best, or its first when only the title matches.
func (s *finder) choose(all []found) error {
	ids := make([]int64, len(all))
	at := map[int64]*found{}
	best := map[int64]float64{}
	for i := range all {
		ids[i], at[all[i].doc] = all[i].doc, &all[i]
	}
	matching := map[int64]bool{}
	for _, r := range s.rows {
		matching[r] = true
	}
	err := s.bm25("SELECT rowid, -bm25(text, "+sectionWeights+") FROM text WHERE text MATCH ? AND (rowid >> 14) IN (SELECT value FROM json_each(?)) ORDER BY rowid",
		"{heading body} : ("+s.m.any()+")", ids, func(row int64, score float64) {
			f := at[docOf(row)]
			if f == nil || !matching[row] {
				return
			}
			f.count++
			if f.count == 1 || score > best[f.doc] {
				f.row, best[f.doc] = row, score
			}
		})
	return err
}

// show reads what a hit tells.
func (s *finder) show(f *found) error {
	var body string
	err := s.tx.QueryRowContext(s.ctx, "SELECT highlight(text, 3, char(1), char(2)) FROM text WHERE text MATCH ? AND rowid = ?",
		s.m.any(), f.row).Scan(&body)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if f.hit, err = place(s.ctx, s.tx, f.row); err != nil {
		return err
	}
	f.hit.Score, f.hit.Sections = f.score, max(f.count, 1)
	line := 0
	f.hit.Snippet, line = snippet(body)
	if line >= 0 {
		f.hit.Line += line
	} else {
		f.hit.Line = f.hit.Section.Line
	}
	return nil
}

// place reads the artefact and the section of a row; Line is the first of the
// section's text.
func place(ctx context.Context, tx *sql.Tx, row int64) (Hit, error) {
	var h Hit
	var day string
	err := tx.QueryRowContext(ctx, `SELECT d.repo, d.path, d.artefact, d.kind, d.title, d.status, d.day, t.heading, t.number, t.anchor, t.line, t.first
		FROM text AS t, docs AS d WHERE t.rowid = ? AND d.id = ?`, row, docOf(row)).
		Scan(&h.Repo, &h.Path, &h.ID, &h.Kind, &h.Title, &h.Status, &day, &h.Section.Heading, &h.Section.Number, &h.Section.Anchor, &h.Section.Line, &h.Line)
	h.Date = dayOf(day)
	return h, err
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
	ids, err := int64s(ctx, tx, "SELECT d.id FROM docs AS d WHERE "+cond+" ORDER BY d.artefact, d.repo, d.path, d.id", args...)
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
		var body string
		h, err := place(ctx, tx, id<<sectionBits)
		if err != nil {
			return out, err
		}
		if err := tx.QueryRowContext(ctx, "SELECT substr(body, 1, 2000) FROM text WHERE rowid = ?", id<<sectionBits).Scan(&body); err != nil {
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
