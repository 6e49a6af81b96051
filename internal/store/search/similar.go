package search

import (
	"cmp"
	"context"
	"database/sql"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/detect/template"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

// Trouble is what similar artefacts are looked for.
type Trouble struct {
	// Text is an error message, a stack, a log template; of a long one the first
	// 16 KiB count.
	Text string
	// Cause in words, such as "connection pool exhaustion". A mechanism in it is
	// looked for under all its names.
	Cause string
	// Where may hold fields only: kind:incident,post-mortem -id:INC-2026-007.
	Where Query
	// Limit 0 means 10; at most 100.
	Limit int
	// Least score of what is returned.
	Least float64
}

// Similar is an artefact that resembles a Trouble, at the section that does.
type Similar struct {
	Artefact
	Section Place
	// Score is in [0,1]: the share of the trouble's information that the section,
	// with the artefact's title, repeats. Each telling word counts by its rarity in
	// the whole index; 1 means that the section has them all. Words that the index
	// has nowhere count too, each as a third of the rarest: a trouble that is
	// unheard of scores low, whatever common words it shares. Words of stack frames
	// count half, and those that the index has nowhere nothing. In a made
	// repository of 500 artefacts those with the same message score over 0.5, all
	// others under 0.45 (a test holds it to that).
	Score float64
	// Words of the trouble that the section has, the rarest first.
	Words []string
}

const (
	maxTrouble = 16 << 10
	maxAsked   = 80 // different words that are looked up
	maxTerms   = 24 // of those, the rarest that are compared
	// A word in more sections than a third tells nothing; nor does it in more than
	// commonMost, and it would cost. In few sections no word is common.
	commonShare = 3
	commonLeast = 200
	commonMost  = 4000
	// frameShare is what a word of a stack frame counts, and unheard what one
	// counts that the index lacks.
	frameShare = 0.5
	unheard    = 1.0 / 3
)

// term is a word that is compared.
type term struct {
	word   string
	expr   string
	framed bool    // it stands in stack frames only
	rows   []int64 // sections that have it
	weight float64
}

// Similar finds the artefacts that resemble the trouble, the most similar
// first; of one score by ID, repository and path. Two words at least must agree
// when the trouble has two. Numbers, IDs and words of no meaning are left out.
func (ix *Index) Similar(ctx context.Context, t Trouble) ([]Similar, error) {
	for _, c := range t.Where.clauses {
		if _, text := c.atoms[0].column(); text {
			return nil, &problem.Problem{File: "query", What: "similar artefacts are filtered by fields only, not by words", Hint: "fields: " + strings.Join(Fields(), ", ")}
		}
	}
	var out []Similar
	err := ix.read(ctx, func(tx *sql.Tx) error {
		s := similarity{ctx: ctx, tx: tx}
		err := s.weigh(t)
		if err == nil && len(s.terms) > 0 {
			out, err = s.find(t)
		}
		return err
	})
	return out, err
}

// similarity is one search for what resembles.
type similarity struct {
	ctx   context.Context //nolint:containedctx // lives as long as the call
	tx    *sql.Tx
	terms []term
	total float64 // of all weights, those of unknown words included
}

// weigh looks the words up and keeps the telling ones.
func (s *similarity) weigh(t Trouble) error {
	var sections int
	if err := s.tx.QueryRowContext(s.ctx, "SELECT count(*) FROM text_docsize").Scan(&sections); err != nil {
		return err
	}
	common := min(max(sections/commonShare, commonLeast), commonMost)
	for _, c := range terms(t) {
		rows, err := int64s(s.ctx, s.tx, "SELECT rowid AS n FROM text WHERE text MATCH ? LIMIT ?", c.expr, common+1)
		if err != nil {
			return err
		}
		c.rows, c.weight = rows, rarity(sections, len(rows))
		if c.framed {
			c.weight *= frameShare
		}
		switch {
		case len(rows) == 0 && c.framed:
		case len(rows) == 0:
			s.total += unheard * c.weight
		case len(rows) <= common:
			s.terms = append(s.terms, c)
		}
	}
	slices.SortStableFunc(s.terms, func(a, b term) int { return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(a.word, b.word)) })
	s.terms = s.terms[:min(len(s.terms), maxTerms)]
	for _, c := range s.terms {
		s.total += c.weight
	}
	return nil
}

// rarity is the information of a word that so many sections of all have.
func rarity(all, having int) float64 {
	n, k := float64(all), float64(having)
	return math.Log(1 + (n-k+0.5)/(k+0.5))
}

// find adds up the weights of each section's words, and takes the best section
// of each artefact.
func (s *similarity) find(t Trouble) ([]Similar, error) {
	allowed, err := s.allowed(t.Where)
	if err != nil {
		return nil, err
	}
	type sum struct {
		weight float64
		words  int
	}
	sums := map[int64]sum{}
	for _, c := range s.terms {
		for _, row := range c.rows {
			if allowed == nil || allowed[docOf(row)] {
				sums[row] = sum{sums[row].weight + c.weight, sums[row].words + 1}
			}
		}
	}
	best := map[int64]int64{}
	for row, got := range sums {
		if got.words < min(2, len(s.terms)) || got.weight < t.Least*s.total {
			continue
		}
		was, ok := best[docOf(row)]
		if !ok || got.weight > sums[was].weight || got.weight == sums[was].weight && row < was {
			best[docOf(row)] = row
		}
	}
	rows := make([]int64, 0, len(best))
	for _, row := range best {
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b int64) int {
		return cmp.Or(cmp.Compare(sums[b].weight, sums[a].weight), cmp.Compare(a, b))
	})
	return s.top(t, rows, func(row int64) float64 { return sums[row].weight / s.total })
}

// top reads the artefacts of the best rows. Those that score as the last one are
// read too, so that the order doesn't hang on when a file was indexed.
func (s *similarity) top(t Trouble, rows []int64, score func(row int64) float64) ([]Similar, error) {
	limit := min(t.Limit, 100)
	if limit <= 0 {
		limit = 10
	}
	var out []Similar
	for i, row := range rows {
		if i >= limit && (score(row) < score(rows[limit-1]) || i >= 2*limit) {
			break
		}
		h, _, err := place(s.ctx, s.tx, row)
		if err != nil {
			return nil, err
		}
		x := Similar{Artefact: h.Artefact, Section: h.Section, Score: score(row)}
		for _, c := range s.terms {
			if _, has := slices.BinarySearch(c.rows, row); has {
				x.Words = append(x.Words, c.word)
			}
		}
		out = append(out, x)
	}
	slices.SortStableFunc(out, func(a, b Similar) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Repo, b.Repo), cmp.Compare(a.Path, b.Path))
	})
	return out[:min(len(out), limit)], nil
}

// allowed are the documents that the fields let through; nil for all.
func (s *similarity) allowed(q Query) (map[int64]bool, error) {
	if q.IsZero() {
		return nil, nil
	}
	m, err := compile(s.ctx, s.tx, q)
	if err != nil {
		return nil, err
	}
	ids, err := int64s(s.ctx, s.tx, "SELECT d.id AS n FROM docs AS d WHERE "+m.docs, m.args...)
	out := make(map[int64]bool, len(ids))
	for _, id := range ids {
		out[id] = true
	}
	return out, err
}

// codes are parts of a text that tell one occurrence from another: IDs, times,
// addresses, hashes, placeholders of a log template.
var codes = regexp.MustCompile(`<[^<>\s]{0,24}>|\b[A-Z][A-Z0-9]+-[0-9][0-9-]*\b|\b0x[0-9a-fA-F]+\b|\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b`)

// location is a frame of a language whose frames are told by their line alone:
// "/app/relay.go:44 +0x1d".
var location = regexp.MustCompile(`^\s+\S+\.\w{1,5}:[0-9]+(?::[0-9]+)?(?:\s+\+0x[0-9a-f]+|:in .*)?\s*$`)

// levelWords stand in every log line.
var levelWords = set(`fatal error err warn warning info debug trace critical severe notice level msg message time timestamp log logger
	exception panic goroutine caused thread main stack traceback recent call line file java lang org com net github golang
	null nil none true false jan feb mar apr may jun jul aug sep oct nov dec mon tue wed thu fri sat sun utc gmt`)

// terms are the different words of the trouble that may tell something, the
// cause first, then in the order of the text; those of frames last.
func terms(t Trouble) []term {
	var l lookups
	cause := words(strings.ToLower(clean(t.Cause)))
	if m, rest, ok := mechanismOf(cause); ok {
		var alternatives []string
		for _, way := range m.ways {
			alternatives = append(alternatives, nearby(way))
		}
		l.add(m.names[0], strings.Join(alternatives, " OR "), false)
		cause = rest
	}
	l.words(cause, false)
	text := t.Text
	if len(text) > maxTrouble {
		text = text[:maxTrouble]
	}
	text = clean(codes.ReplaceAllString(clean(text), " "))
	var frames []string
	for line := range strings.Lines(text) {
		if template.IsFrame([]byte(strings.TrimRight(line, "\n"))) || location.MatchString(line) {
			frames = append(frames, line)
			continue
		}
		l.words(words(strings.ToLower(line)), false)
	}
	for _, line := range frames {
		l.words(words(strings.ToLower(line)), true)
	}
	return l.terms
}

// lookups collects words.
type lookups struct {
	terms []term
	seen  map[string]bool
}

func (l *lookups) words(all []string, framed bool) {
	for _, w := range all {
		if telling(w) {
			l.add(w, quote(w), framed)
		}
	}
}

func (l *lookups) add(word, expr string, framed bool) {
	stem := singular(word)
	if len(l.terms) == maxAsked || l.seen[stem] {
		return
	}
	if l.seen == nil {
		l.seen = map[string]bool{}
	}
	l.seen[stem] = true
	l.terms = append(l.terms, term{word: word, expr: expr, framed: framed})
}

// telling reports whether a word may tell something: it is no number, no hash and
// none of the words that stand everywhere.
func telling(w string) bool {
	if n := len(w); n < 3 || n > 64 || stopWords[w] || levelWords[w] {
		return false
	}
	digits := 0
	for _, r := range w {
		if r >= '0' && r <= '9' {
			digits++
		}
	}
	return digits == 0 || digits == 1 && len(w) >= 4 // http2, log4j
}
