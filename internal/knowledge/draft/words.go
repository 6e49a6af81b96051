package draft

import (
	"regexp"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/document"
	"github.com/holdfast-sre/holdfast/internal/outside"
)

// maxText bounds one text from outside, in characters.
const maxText = 400

// ask is a question for a person.
func ask(question string) string { return document.Mark + " " + question }

// say shows text from outside: redacted, one line, escaped, and without IDs that
// would be read as links.
func (w *writer) say(s string) string {
	return inert(outside.Markdown(w.red.String(s), maxText))
}

// code is an identifier, path or command of the record. What a code span would
// still turn into a link stands as text.
func (w *writer) code(s string) string {
	s = w.red.String(s)
	if idLike.MatchString(s) {
		return inert(outside.Markdown(s, maxText))
	}
	return outside.Code(spacedID.ReplaceAllString(s, "$1$2\u00a0$3"), maxText)
}

// idLike is what the reader may take for an ID, or for a section or story of an
// artefact without one.
var (
	idLike   = regexp.MustCompile(`\b([A-Z][A-Z0-9]*)(-)([A-Z0-9])`)
	spacedID = regexp.MustCompile(`\b([A-Z][A-Z0-9]+)(,?)\s+(#?\d|(?i:section|user story|story|§))`)
)

// inert takes from text what would make it a reference; it looks the same when
// it is rendered.
func inert(s string) string {
	for range 2 { // matches that share a part
		s = idLike.ReplaceAllString(s, `$1\-$3`)
		s = spacedID.ReplaceAllString(s, "$1$2\u00a0$3")
	}
	return s
}

// quiet takes from text what Markdown or the reader would make of it where
// nothing can be escaped: in front matter.
func quiet(s string) string {
	s = strings.Map(func(r rune) rune {
		if strings.ContainsRune("[]<>`|{}", r) {
			return -1
		}
		return r
	}, s)
	for range 2 {
		s = idLike.ReplaceAllString(s, "$1\u2011$3")
		s = spacedID.ReplaceAllString(s, "$1$2\u00a0$3")
	}
	return s
}

// sentence ends s with one full stop.
func sentence(s string) string {
	s = strings.TrimRight(strings.TrimSpace(s), ".")
	if s == "" {
		return ""
	}
	return s + "."
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func day(t time.Time) string { return t.UTC().Format("2006-01-02") }

// lower begins s with a small letter.
func lower(s string) string {
	if len(s) > 1 && s[1] >= 'a' && s[1] <= 'z' {
		return strings.ToLower(s[:1]) + s[1:]
	}
	return s
}

// maxSlug bounds the part of a file name that says what it is about.
const maxSlug = 60

// slug makes a part of a file name of a title.
func slug(title, sep string) string {
	var words []string
	n := 0
	all := strings.FieldsFunc(strings.ToLower(title), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	for len(all) > 1 && (strings.Trim(all[0], "0123456789") == "" || all[0] == "of") { // "21.33 % of cancels fail": behind an ID the number would be part of it
		all = all[1:]
	}
	for _, f := range all {
		if n += len(f) + 1; n > maxSlug {
			break
		}
		words = append(words, f)
	}
	if len(words) == 0 {
		return "draft"
	}
	return strings.Join(words, sep)
}

// endings turns line ends into those of the repository.
func endings(s string, crlf bool) []byte {
	if crlf {
		s = strings.ReplaceAll(s, "\n", "\r\n")
	}
	return []byte(s)
}

func list(items []string) string {
	var b strings.Builder
	for _, it := range items {
		b.WriteString("- " + it + "\n")
	}
	return b.String()
}

func boxes(items []string) string {
	var b strings.Builder
	for _, it := range items {
		b.WriteString("- [ ] " + it + "\n")
	}
	return b.String()
}

func and(items []string) string {
	switch len(items) {
	case 0:
		return ""
	case 1:
		return items[0]
	}
	return strings.Join(items[:len(items)-1], ", ") + " and " + items[len(items)-1]
}
