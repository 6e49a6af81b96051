package search

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"strings"
)

// Passage is what an artefact says about a topic, in one place.
type Passage struct {
	Artefact
	Section Place
	Line    int // of the file, where the passage begins
	EndLine int
	// Text is the paragraph, list item or table row, on one line.
	Text []Span
	// Open: the passage names the topic only to leave it open ("to be decided").
	Open bool
}

// maxPassages is how many passages an answer has at most.
const maxPassages = 50

// Says answers what an artefact says about a topic, such as "connection pool":
// the passages in the order of repository, path and line, or none, which means
// that it says nothing. A topic that is one of Mechanisms is looked for under
// all its names. Words are found, not meaning: none is strong, a passage may be
// beside the point. The error is ErrNoArtefact when the index has none of that
// ID.
func (ix *Index) Says(ctx context.Context, ref Ref, about string) ([]Passage, error) {
	var out []Passage
	err := ix.read(ctx, func(tx *sql.Tx) error {
		ids, err := resolve(ctx, tx, ref)
		if err != nil {
			return err
		}
		expr, least := topic(about)
		if expr == "" {
			return nil
		}
		for _, id := range ids {
			if out, err = says(ctx, tx, id, expr, least, out); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// resolve returns the documents of a Ref; at least one.
func resolve(ctx context.Context, tx *sql.Tx, ref Ref) ([]int64, error) {
	query, args := "SELECT id AS n FROM docs WHERE key = ?", []any{idKey(clean(ref.ID))}
	if ref.Repo != "" {
		query, args = query+" AND repo = ?", append(args, clean(ref.Repo))
	}
	ids, err := int64s(ctx, tx, query+" ORDER BY repo, path, id", args...)
	if err == nil && len(ids) == 0 || ref.ID == "" {
		return nil, fmt.Errorf("%q: %w", ref.ID, ErrNoArtefact)
	}
	return ids, err
}

// says adds what a document says; a passage has least words that match.
func says(ctx context.Context, tx *sql.Tx, doc int64, expr string, least int, out []Passage) ([]Passage, error) {
	rows, err := tx.QueryContext(ctx, `SELECT rowid, highlight(text, 2, char(1), char(2)), highlight(text, 3, char(1), char(2))
		FROM text WHERE text MATCH ? AND rowid BETWEEN ? AND ? ORDER BY rowid`,
		"{heading body} : ("+expr+")", doc<<sectionBits, doc<<sectionBits+maxSections-1)
	if err != nil {
		return out, err
	}
	defer rows.Close()
	type match struct {
		row           int64
		heading, body string
	}
	var all []match
	for rows.Next() {
		var m match
		if err := rows.Scan(&m.row, &m.heading, &m.body); err != nil {
			return out, err
		}
		all = append(all, m)
	}
	if err := rows.Err(); err != nil {
		return out, err
	}
	for _, m := range all {
		h, _, err := place(ctx, tx, m.row)
		if err != nil {
			return out, err
		}
		out = append(out, passages(h, marks(m.heading) >= least, least, m.body)...)
		if len(out) >= maxPassages {
			return out[:maxPassages], nil
		}
	}
	return out, nil
}

// marks counts the words that match.
func marks(marked string) int {
	n := 0
	for _, s := range spans(marked) {
		if s.Match {
			n += len(words(s.Text))
		}
	}
	return n
}

// passages are the blocks with enough words that match; when only the heading
// has them, the first block below it.
func passages(h Hit, byHeading bool, least int, body string) []Passage {
	var out []Passage
	all := blocks(body)
	for i := 0; i < len(all); i++ {
		b := all[i]
		if marks(b.text) < least {
			continue
		}
		for n := 0; b.leadsIn && n < maxLed && i+1 < len(all) && all[i+1].item; n++ {
			i++
			b.text, b.last = b.text+all[i].text, all[i].last
		}
		out = append(out, b.passage(h))
	}
	if len(out) > 0 || !byHeading {
		return out
	}
	for _, b := range all {
		return []Passage{b.passage(h)}
	}
	p := block{}.passage(h)
	p.Line, p.EndLine = h.Section.Line, h.Section.Line
	return []Passage{p}
}

// block is a paragraph, list item or table row.
type block struct {
	first, last int // lines of the text, from 0
	text        string
	item        bool // of a list
	leadsIn     bool // it ends with a colon: the list below belongs to it
}

// maxLed is how many items of a list follow the words that lead in to it.
const maxLed = 6

func (b block) passage(h Hit) Passage {
	p := Passage{Artefact: h.Artefact, Section: h.Section, Line: h.Line + b.first, EndLine: h.Line + b.last}
	for _, s := range spans(b.text) {
		p.Text = append(p.Text, Span{Text: squeeze(s.Text), Match: s.Match})
	}
	p.Text = ends(p.Text)
	p.Open = leftOpen.MatchString(unmarked(b.text))
	return p
}

// unmarked takes the marks out.
func unmarked(s string) string { return strings.NewReplacer("\x01", "", "\x02", "").Replace(s) }

// leftOpen marks a passage that names something only to leave it open.
var leftOpen = regexp.MustCompile(`(?i)\bnot\s+(?:yet\s+)?(?:specified|defined|decided|covered|addressed|settled)\b|\bout\s+of\s+scope\b|` +
	`\bto\s+be\s+(?:decided|defined|determined|confirmed)\b|\b(?:TBD|TODO|unspecified|undefined|undecided)\b|\bleft\s+open\b|\bopen\s+question\b`)

var (
	listItem = regexp.MustCompile(`^\s*(?:[-*+]|[0-9]{1,3}[.)])\s`)
	tableRow = regexp.MustCompile(`^\s*\|`)
)

// blocks splits text where Markdown would begin something new.
func blocks(text string) []block {
	var out []block
	begun := false // the last block may go on
	number := -1
	for line := range strings.Lines(text) {
		number++
		plain := unmarked(line)
		switch {
		case strings.TrimSpace(plain) == "":
			begun = false
		case begun && !listItem.MatchString(plain) && !tableRow.MatchString(plain):
			out[len(out)-1].text += line
			out[len(out)-1].last = number
		default:
			out = append(out, block{first: number, last: number, text: line, item: listItem.MatchString(plain)})
			begun = !tableRow.MatchString(plain)
		}
	}
	for i := range out {
		out[i].leadsIn = strings.HasSuffix(strings.TrimRight(unmarked(out[i].text), " *_\n"), ":")
	}
	return out
}

// question is "what does ADR-023 say about connection pools?" and the like.
var question = regexp.MustCompile(`(?i)^\s*what\s+(?:does|do|did|has|is\s+said\s+in)\s+(?:the\s+)?([\pL\pN][\pL\pN_.-]*[0-9][\pL\pN_.-]*)\s+(?:say|says|said|specif(?:y|ies)|state|tell(?:\s+us)?|to\s+say)?\s*(?:about|on|regarding|for)\s+(.+?)[\s?.!]*$`)

// Question reads "what does ADR-023 say about connection pools?" into the ID and
// the topic that Says takes; ok is false for any other text.
func Question(text string) (id, about string, ok bool) {
	m := question.FindStringSubmatch(text)
	if m == nil || len(text) > maxQuery {
		return "", "", false
	}
	return m[1], m[2], true
}
