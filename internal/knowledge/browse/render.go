package browse

import (
	"bytes"
	"cmp"
	"fmt"
	"html/template"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	table "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/outside"
)

// Section is a part of a document under a heading, up to the next one.
type Section struct {
	Heading string        `json:"heading" doc:"Empty for the text before the first."`
	Level   int           `json:"level" doc:"1 to 6; 0 for the text before the first heading."`
	Number  string        `json:"number" doc:"\"3.2\" when the heading is numbered."`
	Anchor  string        `json:"anchor" doc:"The page's part after #s-."`
	Line    int           `json:"line" doc:"Of the heading."`
	HTML    template.HTML `json:"html" doc:"What stands below the heading; without scripts, styles, images and raw HTML."`
	// Title says that the heading is that of the whole document, which the page
	// shows in its head.
	Title bool `json:"-"`
	// Here says that the heading itself is the place that was asked for.
	Here bool `json:"-"`
}

// Rank is the level of the heading on a page whose title is the document's.
func (s Section) Rank() int { return min(max(s.Level, 2), 6) }

// ID is what a link to the section ends with; empty for one that has none.
func (s Section) ID() string {
	if s.Anchor == "" {
		return ""
	}
	return sectionPrefix + s.Anchor
}

// maxHTML bounds the HTML of one document in bytes.
const maxHTML = 4 << 20

// Source says which text to show, and how.
type Source struct {
	Repo, Path string
	Text       []byte
	Artefact   string // of which the file is, or holds, a part; empty for a whole file
	At         int    // line that a reader asked for; 0 = none
	// Within tells apart the documents of one page: their sections may be named
	// alike. 0 is the first.
	Within int
}

// Render makes HTML of a document. Whatever the document holds, nothing in the
// result runs or is loaded, and its size is bounded.
func (r *Repository) Render(src Source) (doc Document) {
	doc = Document{Repo: src.Repo, Path: src.Path, Sections: []Section{}, Notes: []string{}}
	// The document comes from people and the parser from elsewhere: one that trips
	// it must not cost the page.
	defer func() {
		if e := recover(); e != nil {
			doc.Sections, doc.Notes = nil, append(doc.Notes, "the text can't be shown: the parser of Markdown failed on it")
		}
	}()
	body, lines := knowledge.Body(src.Text)
	if knowledge.Costly(body) {
		doc.Notes = append(doc.Notes, "the text is not shown: it nests or marks too much, or has tables with too many cells missing")
		return doc
	}
	clean, hidden := visible(body)
	if hidden > 0 {
		doc.Notes = append(doc.Notes, fmt.Sprintf("%s that can't be seen, such as those that turn the direction of text, left out", count(hidden, "character")))
	}
	p := &printer{
		repository: r, source: src, known: r.sections(src.Repo, src.Path),
		heading: map[ast.Node]knowledge.Section{}, anchors: map[place]map[string]string{},
	}
	p.hidden(string(clean), lines+1)
	if src.Artefact != "" {
		p.only = r.part(src.Artefact, src.Repo, src.Path)
		doc.Part = p.only != nil
	}
	p.print(&doc)
	return doc
}

// Shown returns an artefact with the documents that it stands in; read returns the
// text of a file. What can't be read is a note.
func (r *Repository) Shown(id string, at int, read func(repo, path string) ([]byte, error)) (Artefact, bool) {
	a, ok := r.Artefact(id)
	if !ok {
		return a, false
	}
	for i, place := range r.Places(a.ID) {
		src, err := read(place.Repo, place.Path)
		if err != nil {
			a.Documents = append(a.Documents, Document{
				Repo: place.Repo, Path: place.Path, Sections: []Section{}, Notes: []string{"the file can't be read: " + r.line(err.Error(), maxField)},
			})
			continue
		}
		if i == 0 {
			_, lines := knowledge.Body(src)
			a.Fields = r.fields(a.ID, lines)
		} else {
			at = 0 // a line is one of its own file
		}
		a.Documents = append(a.Documents, r.Render(Source{Repo: place.Repo, Path: place.Path, Text: src, Artefact: a.ID, At: at, Within: i}))
	}
	return a, true
}

// visible is text without control characters and those that can't be seen. Where a
// line begins, a mark stands for one: what comes behind it is no heading.
func visible(src []byte) (out []byte, left int) {
	begins := true // no letter on this line yet
	out = bytes.Map(func(c rune) rune {
		switch {
		case c == '\n':
			begins = true
			return c
		case c == '\t':
			return c
		case c == '\r':
			return -1
		case unicode.IsControl(c), unicode.Is(unicode.Bidi_Control, c), c == '\u2028', c == '\u2029', c == '\ufeff':
			left++
			if begins {
				return unicode.ReplacementChar
			}
			return -1
		}
		begins = begins && !unicode.IsLetter(c)
		return c
	}, src)
	return out, left
}

// printer makes HTML of one document.
type printer struct {
	repository *Repository
	source     Source
	src        []byte // without secrets
	pieces     []piece
	breaks     []int
	known      []knowledge.Section // headings in their order
	heading    map[ast.Node]knowledge.Section
	only       map[int]bool                // lines of the headings that are wanted; nil = all
	anchors    map[place]map[string]string // of files that links lead to, by their lower case
	inLink     int
}

// piece is a part of the text whose lines are those of the file, counted from its
// first: without its secrets a text may have fewer.
type piece struct {
	offset, line int
	section      int // in known, when it begins with its heading; -1 = none
}

// hidden takes the secrets out of text, whose first line is the given one, section
// by section: one that seems to reach over a heading must not take it along.
func (p *printer) hidden(text string, line int) {
	known, section, from, begins := p.known, -1, 0, line
	var out bytes.Buffer
	cut := func(to int) {
		p.pieces = append(p.pieces, piece{out.Len(), begins, section})
		out.WriteString(p.repository.hiddenSection(text[from:to], section >= 0))
		from, begins = to, line
	}
	for at := 0; at < len(text); line++ {
		for len(known) > 0 && known[0].Line < line {
			known = known[1:]
		}
		if len(known) > 0 && known[0].Line == line {
			cut(at)
			section = len(p.known) - len(known)
		}
		end := strings.IndexByte(text[at:], '\n')
		if end < 0 {
			break
		}
		at += end + 1
	}
	cut(len(text))
	p.src = out.Bytes()
	for i, c := range p.src {
		if c == '\n' {
			p.breaks = append(p.breaks, i)
		}
	}
}

// hiddenSection takes the secrets out of a section. Its heading stays one, also
// where what underlines it would be taken for a password.
func (r *Repository) hiddenSection(text string, headed bool) string {
	body := strings.TrimRight(text, "\n")
	end := text[len(body):]
	if !headed {
		return r.hide(body) + end
	}
	heading, rest := cutLine(body)
	under, below := cutLine(rest)
	if underline(under) {
		rest = below
	} else {
		under = ""
	}
	first, below := cutLine(r.hide(heading + rest))
	if rest != "" && below == "" {
		if opensKey(heading) {
			rest = behindKey(rest)
		}
		first, below = r.hide(strings.TrimRight(heading, "\n"))+"\n", r.hide(rest)
	}
	return first + under + below + end
}

// opensKey reports whether a private key begins in a line and does not end there.
func opensKey(line string) bool {
	_, key, begins := strings.Cut(line, "-----BEGIN ")
	return begins && strings.Contains(key, "PRIVATE KEY") && !strings.Contains(key, "-----END ")
}

// behindKey is what follows the end of a key; nothing when it has none.
func behindKey(text string) string {
	_, rest, _ := strings.Cut(text, "-----END ")
	_, rest = cutLine(rest)
	return rest
}

// cutLine cuts a text behind its first line.
func cutLine(s string) (line, rest string) {
	i := strings.IndexByte(s, '\n') + 1
	if i == 0 {
		return s, ""
	}
	return s[:i], s[i:]
}

// underline reports whether a line makes a heading of the one before.
func underline(line string) bool {
	line = strings.TrimSpace(line)
	return line != "" && (strings.Trim(line, "=") == "" || strings.Trim(line, "-") == "")
}

func (p *printer) print(doc *Document) {
	md := goldmark.New(
		goldmark.WithExtensions(extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignNone)), extension.Strikethrough),
		goldmark.WithParserOptions(knowledge.WikiLinks(), parser.WithInlineParsers(util.Prioritized(calloutParser{}, 140))),
		goldmark.WithRendererOptions(renderer.WithNodeRenderers(util.Prioritized(p, 100))),
	)
	root := md.Parser().Parse(text.NewReader(p.src))
	p.learn(root)
	var html bytes.Buffer // of the last section
	open, total := -1, 0
	ended := func() {
		if open >= 0 {
			doc.Sections[open].HTML = template.HTML(html.String()) //nolint:gosec // written by this package, which escapes every text
		}
		total += html.Len()
		html.Reset()
	}
	begin := func(s Section) {
		ended()
		open = len(doc.Sections)
		doc.Sections = append(doc.Sections, s)
	}
	defer ended()
	wanted := p.only == nil
	for n := root.FirstChild(); n != nil; n = n.NextSibling() {
		if h, ok := n.(*ast.Heading); ok {
			s, named := p.heading[h]
			if p.only != nil {
				wanted = named && p.only[s.Line]
			}
			if wanted {
				begin(p.section(h, s, named))
			}
			continue
		}
		if !wanted {
			continue
		}
		if open < 0 {
			begin(Section{Line: p.line(0)})
		}
		size := html.Len()
		if err := md.Renderer().Render(&limited{&html, maxHTML - total}, p.src, n); err != nil {
			html.Truncate(size)
			doc.Notes = append(doc.Notes, fmt.Sprintf("the rest from line %d on is not shown: it is too large", p.lineOf(n)))
			return
		}
	}
}

// learn finds the sections of headings, in their order, and the place that was
// asked for.
func (p *printer) learn(root ast.Node) {
	var headings []*ast.Heading
	best, bestLine := ast.Node(nil), 0
	// The walk has no error of its own.
	_ = ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering || n.Type() == ast.TypeInline {
			return ast.WalkContinue, nil
		}
		if h, ok := n.(*ast.Heading); ok {
			headings = append(headings, h)
		}
		if line := p.lineOf(n); addressable(n) && line > 0 && line <= p.source.At && line >= bestLine {
			best, bestLine = n, line
		}
		return ast.WalkContinue, nil
	})
	if best != nil {
		best.SetAttributeString("id", []byte(atLine))
	}
	p.name(headings)
}

// name finds the sections of headings by their lines, and by their words where a
// file has changed since it was read.
func (p *printer) name(headings []*ast.Heading) {
	at := make([]int, len(headings))
	found := 0
	for i, h := range headings {
		if at[i] = p.beginsAt(h); at[i] >= 0 {
			p.heading[h] = p.known[at[i]]
			found++
		}
	}
	if found == len(p.known) {
		return
	}
	next := 0
	for i, h := range headings {
		switch {
		case at[i] >= 0:
			next = at[i] + 1
		case next < len(p.known) && p.words(h) == p.repository.line(p.known[next].Heading, maxTitle):
			p.heading[h] = p.known[next]
			next++
		}
	}
}

// beginsAt is the section, of known, whose first line a heading stands on; -1 = none.
func (p *printer) beginsAt(h *ast.Heading) int {
	offset := offsetOf(h)
	if offset < 0 {
		return -1
	}
	in := p.pieces[p.pieceAt(offset)]
	if before(p.breaks, offset) != before(p.breaks, in.offset) {
		return -1
	}
	return in.section
}

// words is the text of a heading.
func (p *printer) words(h *ast.Heading) string { return outside.Line(plain(h, p.src), maxTitle) }

// pieceAt is the piece that an offset lies in.
func (p *printer) pieceAt(offset int) int {
	i, _ := slices.BinarySearchFunc(p.pieces, offset+1, func(x piece, end int) int { return cmp.Compare(x.offset, end) })
	return max(i-1, 0)
}

// addressable reports whether the element of a block can bear an ID.
func addressable(n ast.Node) bool {
	switch n.(type) {
	case *ast.Heading, *ast.Paragraph, *ast.ListItem, *table.TableRow, *table.TableHeader:
		return true
	}
	return false
}

// section opens the section of a heading.
func (p *printer) section(h *ast.Heading, s knowledge.Section, named bool) Section {
	out := Section{Level: h.Level, Line: p.lineOf(h)}
	_, out.Here = h.AttributeString("id")
	if !named {
		out.Heading = p.words(h)
		return out
	}
	out.Heading, out.Number, out.Line = p.repository.line(s.Heading, maxTitle), s.Number, s.Line
	out.Anchor = anchorWithin(Anchor(s, p.repository.hide), p.source.Within)
	a, _ := p.repository.base.Artefact(p.source.Artefact)
	out.Title = p.source.Within == 0 && a.ID != "" && s.Line == a.Line
	return out
}

// anchorWithin is the anchor of a section of one of the documents of a page.
func anchorWithin(anchor string, within int) string {
	if within == 0 || anchor == "" {
		return anchor
	}
	return "f" + strconv.Itoa(within) + "-" + anchor
}

// lineOf is the line on which a block begins; 0 when it is not known.
func (p *printer) lineOf(n ast.Node) int {
	offset := offsetOf(n)
	if offset < 0 {
		return 0
	}
	return p.line(offset)
}

// offsetOf is where a block begins, on its line; -1 when it is not known.
func offsetOf(n ast.Node) int {
	switch n.(type) {
	case *table.TableRow, *table.TableHeader:
		return n.Pos()
	}
	for c := n; c != nil; c = c.FirstChild() {
		if c.Type() == ast.TypeInline {
			if t, ok := c.(*ast.Text); ok {
				return t.Segment.Start
			}
			continue
		}
		if c.Lines().Len() > 0 {
			return c.Lines().At(0).Start
		}
	}
	return -1
}

func (p *printer) line(offset int) int {
	in := p.pieces[p.pieceAt(offset)]
	return in.line + before(p.breaks, offset) - before(p.breaks, in.offset)
}

// limited fails when more than the rest is written.
type limited struct {
	to   *bytes.Buffer
	rest int
}

func (l *limited) Write(b []byte) (int, error) {
	if len(b) > l.rest-l.to.Len() {
		return 0, errTooLarge
	}
	return l.to.Write(b)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// plain is the text of an inline node and those in it.
func plain(n ast.Node, src []byte) string {
	var b strings.Builder
	_ = ast.Walk(n, func(c ast.Node, entering bool) (ast.WalkStatus, error) {
		if t, ok := c.(*ast.Text); ok && entering {
			b.Write(t.Segment.Value(src))
		}
		return ast.WalkContinue, nil
	})
	return b.String()
}

// before counts the breaks before an offset.
func before(breaks []int, offset int) int {
	n, _ := slices.BinarySearch(breaks, offset)
	return n
}
