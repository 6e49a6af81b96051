package impact

import (
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/outside"
)

// maxText bounds what is quoted of a line, and maxClaims what is quoted at all.
const (
	maxText   = 240
	maxClaims = 6
)

func shown(text string) string { return outside.Line(text, maxText) }

// line is one line of an artefact.
type line struct {
	text    string
	before  string // the line above it in the same text
	where   Place
	heading bool
	item    bool // begins an item of a list
	section int  // index in the artefact; -1 = its fields
}

// linesOf lists what an artefact says, in order: title, fields, headings, text and
// code.
func (w *world) linesOf(a knowledge.Artefact) []line {
	own := path.Join(w.in.Prefix[a.Repo], a.Path)
	file := own
	at := func(n int) Place { return Place{ID: a.ID, Path: file, Line: max(n, 1)} }
	out := []line{{text: a.Title, where: at(a.Line), heading: true, section: -1}}
	for _, f := range a.Meta {
		out = append(out, line{text: f.Name + ": " + f.Value, where: at(f.Line), section: -1})
	}
	for i, s := range a.Sections {
		if file = own; s.File != "" {
			file = path.Join(w.in.Prefix[a.Repo], s.File)
		}
		if s.Heading != "" {
			out = append(out, line{text: s.Heading, where: at(s.Line), heading: true, section: i})
		}
		before := ""
		for j, t := range strings.Split(s.Text, "\n") {
			if t != "" {
				n := s.TextLine + j
				out = append(out, line{text: t, before: before, where: at(n), section: i, item: slices.Contains(s.Items, n)})
			}
			before = t
		}
		for _, c := range s.Code {
			before = ""
			for j, t := range strings.Split(c.Text, "\n") {
				if strings.TrimSpace(t) != "" {
					out = append(out, line{text: t, before: before, where: at(c.Line + j), section: i})
				}
				before = t
			}
		}
	}
	return slices.Clip(out)
}

// fold makes names that differ in case and separators only equal.
func fold(name string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		if r == '_' || r == ' ' {
			return '-'
		}
		return r
	}, strings.ToLower(strings.TrimSpace(name))), "-`*\"'")
}

// find is where a text names something, as a whole word in any case and with any
// separators, or -1. With endings, "restarts" names restart.
func find(text, name string, endings bool) int {
	t, n := strings.ToLower(text), strings.ToLower(name)
	if len(t) != len(text) || n == "" { // a case that changes the length of a text
		t = text
	}
	for from := 0; from+len(n) <= len(t); {
		at := indexFolded(t[from:], n)
		if at < 0 {
			return -1
		}
		at += from
		before, _ := utf8.DecodeLastRuneInString(t[:at])
		after := t[at+len(n):]
		if endings {
			for _, e := range []string{"ing", "ed", "es", "s", "d"} {
				if rest, ok := strings.CutPrefix(after, e); ok {
					after = rest
					break
				}
			}
		}
		if (at == 0 || !inName(before)) && ends(after) {
			return at
		}
		from = at + 1
	}
	return -1
}

// ends reports whether a name ends before rest: "a-b" does not end in "a-b-c", and
// does in "a-b. Next" and "a-b-".
func ends(rest string) bool {
	r, size := utf8.DecodeRuneInString(rest)
	if size == 0 || !inName(r) {
		return true
	}
	next, size := utf8.DecodeRuneInString(rest[size:])
	return r == '-' && (size == 0 || !inName(next))
}

func inName(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' || r == '-'
}

// indexFolded is strings.Index with all separators equal.
func indexFolded(text, name string) int {
	separator := func(c byte) bool { return c == '-' || c == '_' || c == ' ' }
	for i := 0; i+len(name) <= len(text); i++ {
		j := 0
		for j < len(name) && (text[i+j] == name[j] || separator(text[i+j]) && separator(name[j])) {
			j++
		}
		if j == len(name) {
			return i
		}
	}
	return -1
}

// distinct reports whether a name is no ordinary word, so that every mention of
// it means it.
func distinct(name string) bool {
	return strings.ContainsAny(strings.TrimSpace(name), "-_./ 0123456789") || strings.ToLower(name[min(1, len(name)):]) != name[min(1, len(name)):]
}

// names reports whether a line names a service. An ordinary word ("payments") must
// stand beside a word that says what it is, or in a heading.
func (l line) names(name string) bool {
	at := find(l.text, name, false)
	switch {
	case at < 0:
		return false
	case distinct(name) || l.heading:
		return true
	}
	next := strings.Fields(strings.ToLower(l.text[at+len(name):]))
	if len(next) > 0 && slices.Contains(kindWords(), strings.Trim(next[0], ".,;:)")) {
		return true
	}
	before := strings.Fields(strings.ToLower(l.text[:at]))
	return len(before) > 0 && slices.Contains(kindWords(), strings.Trim(before[len(before)-1], ":(`"))
}

// kindWords say what kind of thing the name beside them is.
func kindWords() []string {
	return []string{
		"service", "services", "component", "database", "db", "table", "api", "endpoint", "queue", "topic", "worker", "server", "cluster", "broker",
		"cache", "job", "application", "app", "system", "module", "store", "bucket", "column", "schema",
	}
}
