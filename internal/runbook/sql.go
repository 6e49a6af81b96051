package runbook

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/holdfast-sre/holdfast/internal/problem"
)

const maxSQL = 4000

// sqlError is why a statement is refused.
type sqlError struct {
	what, hint string
	at         int // byte of the statement
}

func (e *sqlError) Error() string { return e.what }

func sqlHint(err error) string {
	if e, ok := errors.AsType[*sqlError](err); ok {
		return e.hint
	}
	return ""
}

// sqlWriters change data inside a statement that begins like a question.
var sqlWriters = []string{"insert", "update", "delete", "merge", "into"}

// sqlCalls are the functions that a question may call, all of which only compute
// or read. What is not listed may write, wait, read files or end sessions, and
// some of that a read-only transaction permits.
var sqlCalls = strings.Fields(`
	abs age array_agg array_length avg bool_and bool_or btrim cast ceil ceiling char_length coalesce concat
	count current_database current_setting date_part date_trunc dense_rank every exp extract first_value floor
	format_type greatest jsonb_array_length json_array_length jsonb_extract_path_text json_extract_path_text
	lag last_value lead least left length ln log lower max min mod now nullif obj_description octet_length
	percent_rank percentile_cont percentile_disc pg_blocking_pids pg_column_size pg_current_wal_lsn
	pg_database_size pg_get_indexdef pg_indexes_size pg_is_in_recovery pg_last_wal_receive_lsn
	pg_last_wal_replay_lsn pg_last_xact_replay_timestamp pg_postmaster_start_time pg_relation_size
	pg_size_pretty pg_table_size pg_tablespace_size pg_total_relation_size pg_wal_lsn_diff position power rank
	regexp_replace replace right round row_number sign split_part sqrt stddev stddev_pop stddev_samp
	string_agg strpos substr substring sum to_char to_timestamp trim trunc txid_current_if_assigned upper
	variance var_pop var_samp width_bucket`)

// sqlBefore are words that stand before a bracket without being a function.
var sqlBefore = strings.Fields(`
	all and any array as between by case char character decimal distinct else end except exists filter from
	group having ilike in intersect interval is join lateral like limit materialized not numeric offset on or
	order over partition select similar some then time timestamp timestamptz union unnest using values
	varchar when where with within`)

// CheckSQL refuses everything but one question: a SELECT, a WITH that ends in
// one, a SHOW or an EXPLAIN that does not execute. It reads the statement as
// PostgreSQL splits it into words, so that quotes and comments hide nothing.
// That it only reads is enforced once more by the transaction that it runs in.
func CheckSQL(text string) error {
	if len(text) > maxSQL {
		return &sqlError{what: fmt.Sprintf("the statement has %d bytes; at most %d are sent", len(text), maxSQL)}
	}
	words, err := sqlWords(text)
	if err != nil {
		return err
	}
	for len(words) > 0 && words[len(words)-1].is(";") {
		words = words[:len(words)-1]
	}
	if len(words) == 0 {
		return &sqlError{what: "the statement is empty", hint: "write a SELECT"}
	}
	words, err = sqlBegin(words)
	if err != nil {
		return err
	}
	for i, w := range words {
		if err := w.refused(words, i); err != nil {
			return sqlAt(err, w.at)
		}
	}
	return nil
}

// sqlBegin checks what the statement begins with and leaves out EXPLAIN.
func sqlBegin(words []sqlWord) ([]sqlWord, error) {
	const hint = "begin with SELECT, WITH, SHOW or EXPLAIN"
	switch {
	case words[0].is("select"), words[0].is("with"):
		return words, nil
	case words[0].is("show"):
		if len(words) > 3 || len(words) < 2 || slices.ContainsFunc(words, func(w sqlWord) bool { return !w.name && !w.quoted }) {
			return nil, &sqlError{what: "SHOW takes one name", hint: "write SHOW max_connections"}
		}
		return words[:1], nil
	case words[0].is("explain"):
		return sqlExplained(words[1:], hint)
	}
	return nil, &sqlError{what: fmt.Sprintf("it begins with %.40s", words[0].text), hint: hint}
}

// sqlExplained returns the statement behind EXPLAIN and its options. Options are
// bare words: in quotes "analyze" is ANALYZE all the same.
func sqlExplained(words []sqlWord, hint string) ([]sqlWord, error) {
	question := func(i int) bool {
		for i < len(words) && words[i].is("(") {
			i++
		}
		return i < len(words) && (words[i].is("select") || words[i].is("with"))
	}
	listed := len(words) > 0 && words[0].is("(")
	for i, w := range words {
		switch {
		case question(i):
			return words[i:], nil
		case w.is("analyze"), w.is("analyse"):
			return nil, &sqlError{what: "EXPLAIN ANALYZE executes the statement", hint: "leave ANALYZE out"}
		case !listed && w.is("verbose"):
		case listed && w.quoted:
			return nil, &sqlError{what: fmt.Sprintf("an option of EXPLAIN in quotes, %.40q", w.text), hint: "write options without quotes"}
		case listed && (w.name || w.text == "0" || i == 0 || w.is(",")):
		case listed && w.is(")"):
			listed = false
		default:
			return nil, &sqlError{what: "EXPLAIN of something that is not a SELECT", hint: hint}
		}
	}
	return nil, &sqlError{what: "EXPLAIN of something that is not a SELECT", hint: hint}
}

// sqlWord is one word or sign of a statement.
type sqlWord struct {
	text   string // of a word in lower case
	name   bool   // a word outside quotes
	quoted bool   // "an identifier in quotes"
	at     int    // byte of the statement
}

// sqlAt says where a mistake is.
func sqlAt(err error, at int) error {
	if e, ok := errors.AsType[*sqlError](err); ok {
		e.at = at
	}
	return err
}

func (w sqlWord) is(text string) bool { return !w.quoted && w.text == text }

// refused says why the word at i makes the statement more than a question.
func (w sqlWord) refused(words []sqlWord, i int) error {
	next := func(n int) sqlWord {
		if i+n < len(words) && i+n >= 0 {
			return words[i+n]
		}
		return sqlWord{}
	}
	switch {
	case w.is(";"):
		return &sqlError{what: "a second statement follows", hint: "ask one question a diagnostic"}
	case w.name && slices.Contains(sqlWriters, w.text):
		return &sqlError{what: strings.ToUpper(w.text) + " changes data", hint: fmt.Sprintf("ask a question that only reads; a column of that name is written %q", w.text)}
	case w.is("for") && slices.Contains([]string{"update", "no", "share", "key"}, next(1).text):
		return &sqlError{what: "FOR " + strings.ToUpper(next(1).text) + " locks rows", hint: "leave it out"}
	case w.is("$") || w.is("{"):
		return &sqlError{what: "a statement has no variables", hint: "write the value out: nothing is filled in"}
	case !next(1).is("(") || !w.name && !w.quoted:
		return nil
	case w.quoted:
		return &sqlError{what: fmt.Sprintf("a call of %q, in quotes", w.text), hint: "call functions without quotes"}
	case next(-1).is(".") && !next(-2).is("pg_catalog"):
		return &sqlError{what: fmt.Sprintf("a call of %s.%s", next(-2).text, w.text), hint: "only functions of PostgreSQL itself that read are called"}
	case slices.Contains(sqlCalls, w.text), slices.Contains(sqlBefore, w.text) && !next(-1).is("."):
		return nil
	}
	hint := "functions that only read are allowed; docs/runbooks.md lists them"
	if near := problem.Nearest(w.text, sqlCalls); near != "" {
		hint += fmt.Sprintf("; did you mean %q?", near)
	}
	return &sqlError{what: fmt.Sprintf("a call of %s()", w.text), hint: hint}
}

// sqlWords splits a statement as PostgreSQL does: comments are left out, text
// in single quotes or dollar quotes becomes one empty word.
func sqlWords(text string) ([]sqlWord, error) {
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r != '\r' && control(r) }) {
		return nil, &sqlError{what: "the statement has a control character", hint: "take it out"}
	}
	l := &sqlLexer{in: text}
	for l.at < len(l.in) {
		from, had := l.at, len(l.out)
		if err := l.next(); err != nil {
			return nil, sqlAt(err, from)
		}
		if len(l.out) > had {
			l.out[had].at = from
		}
	}
	return l.out, nil
}

type sqlLexer struct {
	in  string
	at  int
	out []sqlWord
}

func (l *sqlLexer) next() error {
	rest := l.in[l.at:]
	switch c := rest[0]; {
	case c == ' ' || c == '\t' || c == '\n' || c == '\r':
		l.at++
	case strings.HasPrefix(rest, "--"):
		end := strings.IndexAny(rest, "\r\n")
		if end < 0 {
			end = len(rest)
		}
		l.at += end
	case strings.HasPrefix(rest, "/*"):
		return l.comment()
	case c == '\'':
		return l.text(false)
	case c == '"':
		return l.identifier()
	case c == '$':
		return l.dollar(rest)
	case sqlLetter(c):
		return l.word(rest)
	case c >= '0' && c <= '9':
		// Letters begin a word of their own, as up to PostgreSQL 14: 1INTO is 1 INTO.
		n := 1
		for n < len(rest) && (rest[n] >= '0' && rest[n] <= '9' || rest[n] == '.') {
			n++
		}
		l.at += n
		l.out = append(l.out, sqlWord{text: "0"})
	default:
		l.at++
		l.out = append(l.out, sqlWord{text: rest[:1]})
	}
	return nil
}

func sqlLetter(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// word reads a word; E, B, X and N before a quote belong to the text.
func (l *sqlLexer) word(rest string) error {
	n := 1
	for n < len(rest) && (sqlLetter(rest[n]) || rest[n] >= '0' && rest[n] <= '9' || rest[n] == '$') {
		n++
	}
	w := strings.ToLower(rest[:n])
	l.at += n
	if n < len(rest) && rest[n] == '\'' && (w == "e" || w == "b" || w == "x" || w == "n") {
		return l.text(w == "e")
	}
	l.out = append(l.out, sqlWord{text: w, name: true})
	return nil
}

// text skips a string; a backslash escapes in E'…' only.
func (l *sqlLexer) text(escapes bool) error {
	for i := l.at + 1; i < len(l.in); i++ {
		switch {
		case escapes && l.in[i] == '\\':
			i++
		case l.in[i] == '\'' && i+1 < len(l.in) && l.in[i+1] == '\'':
			i++
		case l.in[i] == '\'':
			l.at = i + 1
			l.out = append(l.out, sqlWord{})
			return nil
		}
	}
	return &sqlError{what: "a text in quotes does not end", hint: "close the quote"}
}

func (l *sqlLexer) identifier() error {
	for i := l.at + 1; i < len(l.in); i++ {
		switch {
		case l.in[i] == '"' && i+1 < len(l.in) && l.in[i+1] == '"':
			i++
		case l.in[i] == '"':
			l.out = append(l.out, sqlWord{text: l.in[l.at+1 : i], quoted: true})
			l.at = i + 1
			return nil
		}
	}
	return &sqlError{what: "a name in quotes does not end", hint: "close the quote"}
}

// dollar skips $tag$…$tag$; any other dollar is a sign.
func (l *sqlLexer) dollar(rest string) error {
	end := strings.IndexByte(rest[1:], '$')
	if end < 0 || strings.ContainsFunc(rest[1:1+end], func(r rune) bool { return r > 0x7f || !sqlLetter(byte(r)) && (r < '0' || r > '9') }) || end > 0 && rest[1] >= '0' && rest[1] <= '9' {
		l.at++
		l.out = append(l.out, sqlWord{text: "$"})
		return nil
	}
	tag := rest[:end+2]
	stop := strings.Index(rest[len(tag):], tag)
	if stop < 0 {
		return &sqlError{what: "a text in dollar quotes does not end", hint: "close it with " + tag}
	}
	l.at += 2*len(tag) + stop
	l.out = append(l.out, sqlWord{})
	return nil
}

// comment skips /* … */, which nest.
func (l *sqlLexer) comment() error {
	depth := 0
	for i := l.at; i < len(l.in); {
		switch {
		case strings.HasPrefix(l.in[i:], "/*"):
			depth++
			i += 2
		case strings.HasPrefix(l.in[i:], "*/"):
			depth--
			i += 2
			if depth == 0 {
				l.at = i
				return nil
			}
		default:
			i++
		}
	}
	return &sqlError{what: "a comment does not end", hint: "close it with */"}
}
