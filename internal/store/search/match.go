package search

import (
	"context"
	"database/sql"
	"errors"
	"strings"
)

// fold of words that carry no meaning alone; a query may contain them.
var stopWords = set(`a about above after all also am an and any are as at be because been before being below between both but by
	can could did do does doing don down during each few for from further had has have having he her here hers him his how i if in
	into is it its just may me might more most must my no nor not now of off on once only or other our out over own per same shall
	she should so some such than that the their them then there these they this those through to too under until up upon us very was
	we were what when where which while who whom why will with would you your`)

func set(s string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(s) {
		out[w] = true
	}
	return out
}

// matcher is a query in the words of the database.
type matcher struct {
	all []string // FTS5 expressions, all of which must match
	not string   // FTS5 expression of what may not; empty: nothing
	// docs is a condition on docs AS d, with its arguments; empty: none.
	docs string
	args []any
	// ids are the keys of artefacts that the query names.
	ids []string
	// prefix says that some of all look for the beginnings of words.
	prefix bool
}

// and is the expression that needs every clause, or that needs any.
func (m matcher) and() string   { return strings.Join(m.all, " AND ") }
func (m matcher) any() string   { return strings.Join(m.all, " OR ") }
func (m matcher) hasText() bool { return len(m.all) > 0 }

// compile translates the query. It reads the database for IDs that are written
// otherwise than in the query.
func compile(ctx context.Context, tx *sql.Tx, q Query) (matcher, error) {
	var m matcher
	var not, docs []string
	for _, c := range withoutStopWords(q.clauses) {
		_, text := c.atoms[0].column()
		if !text {
			cond, args := condition(c)
			docs, m.args = append(docs, cond), append(m.args, args...)
			if c.atoms[0].field == "id" && !c.not {
				for _, a := range c.atoms {
					m.ids = append(m.ids, idKey(a.value))
				}
			}
			continue
		}
		expr, err := m.expression(ctx, tx, c)
		if err != nil {
			return matcher{}, err
		}
		if c.not {
			not = append(not, expr)
			continue
		}
		m.all = append(m.all, expr)
	}
	m.not, m.docs = strings.Join(not, " OR "), strings.Join(docs, " AND ")
	return m, nil
}

// withoutStopWords leaves out bare stop words beside which the query has other
// words: they cost much and tell nothing.
func withoutStopWords(clauses []clause) []clause {
	var out []clause
	telling := false
	for _, c := range clauses {
		a := c.atoms[0]
		if len(c.atoms) == 1 && !c.not && a.field == "" && !a.quoted && !a.prefix && stopWords[strings.ToLower(a.value)] {
			continue
		}
		out = append(out, c)
		if _, text := a.column(); text && !c.not {
			telling = true
		}
	}
	if !telling {
		return clauses
	}
	return out
}

func (m *matcher) expression(ctx context.Context, tx *sql.Tx, c clause) (string, error) {
	var out []string
	for _, a := range c.atoms {
		out = append(out, a.fts())
		m.prefix = m.prefix || a.prefix && !c.not
		if a.field != "" || a.prefix || c.not || !looksLikeID(a.value) {
			continue
		}
		key := idKey(a.value)
		m.ids = append(m.ids, key)
		var written string
		err := tx.QueryRowContext(ctx, "SELECT artefact FROM docs WHERE key = $1 AND artefact <> $2 ORDER BY artefact LIMIT 1", key, a.value).Scan(&written)
		if err == nil {
			out = append(out, quote(written))
		} else if !errors.Is(err, sql.ErrNoRows) {
			return "", err
		}
	}
	return "(" + strings.Join(out, " OR ") + ")", nil
}

// looksLikeID: letters, then a number, as in ADR-023 or INC-2024-001.
func looksLikeID(s string) bool {
	return len(s) <= 64 && strings.ContainsAny(s, "0123456789") && strings.ContainsAny(s, "-_") && !strings.ContainsAny(s, " /.")
}

// fts is the atom as an FTS5 expression. Nothing of it but quoted words reaches
// FTS5.
func (a atom) fts() string {
	s := quote(a.value)
	if a.prefix {
		s = prefixed(a.value)
	}
	if column, _ := a.column(); column != "" {
		return "{" + column + "} : (" + s + ")"
	}
	return s
}

// quote makes a string of FTS5, in which only the quotation mark means anything.
func quote(s string) string { return `"` + strings.ReplaceAll(clean(s), `"`, `""`) + `"` }

// endings are what stemming takes off words.
var endings = strings.Fields(`abilities ability able ably al als ance ances ate ated ates ating ation ations ator ators ed ement ements
	ence ences ency er ers es ibility ible ied ies ing ings ion ions ities ity ive ively ives ization ly ment ments ness or ors ous
	ously`)

// prefixed is the expression for words that begin with s. The index has stems,
// so that "connectio" begins nothing there: where s may reach into an ending, the
// words that it may become are looked for too.
func prefixed(s string) string {
	out := quote(s) + " *"
	parts := words(s)
	if len(parts) != 1 || len(parts[0]) < 4 || len(parts[0]) > 32 {
		return out
	}
	word := strings.ToLower(parts[0])
	for n := len(word) - 1; n >= 3; n-- {
		for _, e := range endings {
			if strings.HasPrefix(e, word[n:]) {
				out += " OR " + quote(word[:n]+e)
			}
		}
	}
	for _, e := range doubled(word) {
		out += " OR " + quote(word+e)
	}
	return "(" + out + ")"
}

// doubled are endings of words whose stem ends otherwise than the prefix: "logg"
// of "logging" is kept as "log", "deploy" as "deploi" but "deployment" as
// "deploy".
func doubled(word string) []string {
	last := word[len(word)-1]
	switch {
	case last == 'y':
		return []string{"ment", "ed"}
	case last == word[len(word)-2] && !strings.ContainsRune("aeiou", rune(last)):
		return []string{"ing", "ed", "er"}
	}
	return nil
}

// condition is a clause of fields as SQL on docs AS d.
func condition(c clause) (string, []any) {
	var out []string
	var args []any
	for _, a := range c.atoms {
		value := fold(a.value)
		switch a.field {
		case "after":
			out, args = append(out, "d.day >= ?"), append(args, a.value)
		case "before":
			out, args = append(out, "(d.day <> '' AND d.day < ?)"), append(args, a.value)
		case "path":
			out, args = append(out, "instr(d.folded, ?) > 0"), append(args, "/"+strings.TrimPrefix(value, "/"))
		case "links":
			out, args = append(out, "d.id IN (SELECT doc FROM links WHERE key = ?)"), append(args, idKey(clean(a.value)))
		default:
			if a.field == "id" && !a.prefix {
				value = fold(idKey(value))
			}
			value = separator + a.field + ":" + value
			if !a.prefix {
				value += separator
			}
			out, args = append(out, "instr(d.labels, ?) > 0"), append(args, value)
		}
	}
	s := "(" + strings.Join(out, " OR ") + ")"
	if c.not {
		s = "NOT " + s
	}
	return s, args
}
