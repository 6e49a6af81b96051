package search

import (
	"iter"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// rows are a Change as the tables take it.
type rows struct {
	repo, path, hash string
	folded           string
	remove, linked   bool
	docs             []docRow
	size             int // of their text
}

func (r *rows) key() Key { return Key{r.repo, r.path} }

type docRow struct {
	artefact, key, kind, title, status, day, labels string
	text                                            []textRow
	links                                           []linkRow
}

type textRow struct {
	heading, body, number, anchor string
	line, first                   int
}

type linkRow struct {
	target, key, label, section string
	line                        int
}

// rowsOf prepares a Change: whatever can be done without the database.
func rowsOf(c *Change) rows {
	r := rows{
		repo: clean(c.Repo), path: clean(c.Path), hash: clean(c.Hash), folded: fold("/" + c.Path), remove: c.Remove, linked: c.Linked,
		docs: make([]docRow, 0, len(c.Documents)),
	}
	for i := range c.Documents {
		d := docRow{links: linksOf(c.Documents[i].Links)}
		if !c.Linked {
			r.size += describe(&d, c.Key, &c.Documents[i])
		}
		r.docs = append(r.docs, d)
	}
	return r
}

// describe fills in all but the links, and returns the size of the text.
func describe(to *docRow, k Key, d *Document) (size int) {
	if !d.Date.IsZero() {
		to.day = d.Date.UTC().Format(dayForm)
	}
	to.artefact, to.title, to.kind, to.status = clean(d.ID), oneLine(d.Title), clean(d.Kind), clean(d.Status)
	to.key, to.labels = idKey(to.artefact), labels(k, d)
	sections := fit(d.Sections)
	to.text = make([]textRow, 0, len(sections))
	for _, s := range sections {
		first := s.TextLine
		if first == 0 {
			first = s.Line + 1
		}
		to.text = append(to.text, textRow{oneLine(s.Heading), clean(s.Text), clean(s.Number), clean(s.Anchor), s.Line, first})
		size += len(s.Text)
	}
	return size
}

func linksOf(links []Link) []linkRow {
	out := make([]linkRow, 0, len(links))
	for _, l := range links {
		target := clean(l.To)
		if key := idKey(target); key != "" {
			out = append(out, linkRow{target, key, clean(l.Label), clean(l.Section), l.Line})
		}
	}
	return out
}

// Rows are handed over some files at once, for to wake who waits costs as much as to
// write one; and no more than a few megabytes wait.
const (
	handedFiles = 16
	handedBytes = 1 << 20
	handedOver  = 4
)

// ahead yields the rows of changes, and prepares the next ones meanwhile.
func ahead(changes iter.Seq[Change]) iter.Seq[[]rows] {
	return func(yield func([]rows) bool) {
		next, stop := make(chan []rows, handedOver), make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			defer close(next)
			prepareAll(changes, func(some []rows) bool {
				select {
				case next <- some:
					return true
				case <-stop:
					return false
				}
			})
		})
		defer wg.Wait()
		defer close(stop)
		for some := range next {
			if !yield(some) {
				return
			}
		}
	}
}

func prepareAll(changes iter.Seq[Change], hand func([]rows) bool) {
	var some []rows
	size := 0
	for c := range changes {
		some = append(some, rowsOf(&c))
		if size += some[len(some)-1].size; len(some) < handedFiles && size < handedBytes {
			continue
		}
		if !hand(some) {
			return
		}
		some, size = make([]rows, 0, handedFiles), 0
	}
	if len(some) > 0 {
		hand(some)
	}
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
