package knowledge

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/yuin/goldmark/ast"
	table "github.com/yuin/goldmark/extension/ast"
	markdown "github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"

	"github.com/holdfast-sre/holdfast/internal/outside"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

// document is one file: the artefact that it is and those that stand in it. The
// first has no ID when the file is prose.
type document struct {
	artefacts []Artefact
	problems  []problem.Problem
}

// parser collects what one document says.
type parser struct {
	*naming
	file     string
	src      []byte
	offset   int   // lines before src: the front matter
	toml     bool  // that it is written in
	breaks   []int // offsets of the line ends in src
	anchors  map[string]int
	titled   bool
	kind     Kind        // that the document says it is
	whole    Artefact    // the file's own
	parts    []*Artefact // artefacts that stand in it
	within   []*Artefact // those of them that are open, the outermost first
	levels   []int       // and the levels of their headings
	current  *Artefact   // that text belongs to
	intro    string      // what introduces the list that follows: "Files:"
	open     []written   // text of the section that is open
	items    []int       // lines on which items of its lists begin
	code     []Code      // code of that section
	spans    []Code      // code in its lines
	problems []problem.Problem
}

// parse reads one Markdown document.
func (n *naming) parse(md markdown.Parser, file string, src []byte) (doc document) {
	p := &parser{naming: n, file: file, anchors: map[string]int{}, whole: Artefact{Path: file, Line: 1}}
	// The document comes from people and the parser from elsewhere: one file
	// that trips it must not cost the others.
	defer func() {
		if r := recover(); r != nil {
			doc = document{problems: []problem.Problem{{File: file, What: fmt.Sprintf("can't be parsed: %v", r)}}}
		}
	}()
	p.current = &p.whole
	front, body := p.split(src)
	p.src = body
	p.readFront(front)
	p.readBody(md)
	p.flush()
	return p.finish()
}

// readBody walks the blocks in order.
func (p *parser) readBody(md markdown.Parser) {
	p.breaks = make([]int, 0, bytes.Count(p.src, []byte("\n")))
	for at := 0; ; at++ {
		n := bytes.IndexByte(p.src[at:], '\n')
		if n < 0 {
			break
		}
		at += n
		p.breaks = append(p.breaks, at)
	}
	if line, what := costly(p.src); what != "" {
		p.problem(line+p.offset, what, "the text of this file is left out")
		return
	}
	// The walk has no error of its own.
	_ = ast.Walk(md.Parse(text.NewReader(p.src)), func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.FencedCodeBlock:
			p.codeBlock(n, string(n.Language(p.src)))
			return ast.WalkSkipChildren, nil
		case *ast.CodeBlock:
			p.codeBlock(n, "")
			return ast.WalkSkipChildren, nil
		case *ast.HTMLBlock:
			return ast.WalkSkipChildren, nil
		case *ast.Heading:
			p.heading(n)
			return ast.WalkSkipChildren, nil
		case *table.Table:
			p.table(n)
			return ast.WalkSkipChildren, nil
		case *ast.Paragraph, *ast.TextBlock:
			p.paragraph(n)
			return ast.WalkSkipChildren, nil
		}
		return ast.WalkContinue, nil
	})
}

func (p *parser) codeBlock(n ast.Node, language string) {
	if n.Lines().Len() == 0 {
		return
	}
	p.code = append(p.code, Code{
		Language: strings.ToLower(language), Text: string(n.Lines().Value(p.src)), Line: p.lineOf(n.Lines().At(0).Start),
	})
}

// paragraph reads a block of text. One that ends with a colon introduces the list
// behind it.
func (p *parser) paragraph(n ast.Node) {
	lines := p.linesOf(n)
	_, inList := n.Parent().(*ast.ListItem)
	if !inList {
		p.intro = ""
		if len(lines) > 0 {
			if name, ok := strings.CutSuffix(lines[len(lines)-1].text, ":"); ok && len(name) <= 40 {
				p.intro = name
			}
		}
	}
	for i, l := range lines {
		name, value := label(l.text)
		if name == "" {
			name = p.intro
		} else {
			p.field(name, value, l.line)
		}
		p.link(l, name)
		p.story(l)
		p.text(l.text, l.line)
		if inList && i == 0 && n.PreviousSibling() == nil {
			p.items = append(p.items, l.line)
		}
	}
}

// field keeps what the head of the document says by name.
func (p *parser) field(name, value string, line int) {
	if len(p.current.Sections) > 1 || value == "" {
		return
	}
	p.current.Meta = append(p.current.Meta, Field{Name: name, Value: value, Line: line})
	switch {
	case isStatus(name) && p.current.Status == "":
		p.current.Status = value
	case isType(name) && p.current == &p.whole && p.kind == "":
		p.kind = typeKind(value)
	}
}

// table reads rows: of two columns as fields by name, of more by their headers.
func (p *parser) table(n *table.Table) {
	var header []string
	for row := n.FirstChild(); row != nil; row = row.NextSibling() {
		var cells []textLine
		for c := row.FirstChild(); c != nil; c = c.NextSibling() {
			cell := textLine{line: 0}
			for _, l := range p.linesOf(c) {
				cell.text = strings.TrimSpace(cell.text + " " + l.text)
				for i, d := range l.dests {
					cell.dests, cell.ends = append(cell.dests, d), append(cell.ends, len(cell.text)-len(l.text)+l.ends[i])
				}
				cell.line = l.line
			}
			cells = append(cells, cell)
		}
		if _, ok := row.(*table.TableHeader); ok {
			for _, c := range cells {
				header = append(header, c.text)
			}
			p.text(strings.Join(header, " | "), lineOfRow(cells))
			p.row(header, cells, true)
			continue
		}
		p.row(header, cells, false)
	}
}

// lineOfRow is the line of the first cell that has one.
func lineOfRow(cells []textLine) int {
	for _, c := range cells {
		if c.line > 0 {
			return c.line
		}
	}
	return 0
}

func (p *parser) row(header []string, cells []textLine, isHeader bool) {
	var all []string
	for i, c := range cells {
		name := ""
		if i < len(header) && !isHeader {
			name = header[i]
		}
		if len(cells) == 2 && i == 1 {
			name = strings.TrimSuffix(cells[0].text, ":")
			p.field(name, c.text, c.line)
		}
		p.link(c, name)
		all = append(all, c.text)
	}
	if isHeader {
		return
	}
	p.logged(header, cells)
	if len(cells) > 1 {
		if m := findStory(cells[0].text); m != nil {
			p.addStory(cells[0].text[m[2]:m[3]], cells[1].text, cells[0].line)
		}
	}
	p.text(strings.Join(all, " | "), lineOfRow(cells))
}

// logged keeps a decision that is a row of a log of decisions: ID, title, status. The
// rows of an index, which link to files, are none.
func (p *parser) logged(header []string, cells []textLine) {
	if len(cells) < 3 || p.whole.ID != "" || len(cells[0].dests)+len(cells[1].dests) > 0 || !p.isLog() {
		return
	}
	id, size := p.headed(cells[0].text)
	status := slices.IndexFunc(header, isStatus)
	if id == "" || size != len(cells[0].text) || status < 2 || status >= len(cells) {
		return
	}
	a := &Artefact{ID: id, Path: p.file, Line: cells[0].line, Title: cells[1].text, Status: cells[status].text}
	if a.Kind = p.kindOf(a.ID); a.Kind == Story {
		return
	}
	for _, c := range cells[1:] {
		a.Links = append(a.Links, p.references(c.text, "", c.line)...)
	}
	var said []string
	for _, c := range cells {
		said = append(said, c.text)
	}
	a.Sections = []Section{{Line: a.Line, Text: strings.Join(said, " | "), TextLine: a.Line}}
	p.parts = append(p.parts, a)
}

// isLog reports whether the file lists decisions, by its name or title.
func (p *parser) isLog() bool {
	s := fold(path.Base(p.file) + " " + p.whole.Title)
	return strings.Contains(s, "decision") || strings.Contains(s, "adr")
}

// story finds a user story at the head of a line.
func (p *parser) story(l textLine) {
	if m := findStory(l.text); m != nil && m[0] == 0 && m[1] < len(l.text) && strings.ContainsAny(l.text[m[1]:m[1]+1], ":.)–—- ") {
		p.addStory(l.text[m[2]:m[3]], strings.Trim(l.text[m[1]:], " :.)–—-"), l.line)
	}
}

func (p *parser) addStory(number, title string, line int) {
	for _, s := range p.current.Stories {
		if s.Number == number {
			return
		}
	}
	p.current.Stories = append(p.current.Stories, UserStory{Number: number, Title: title, Line: line})
}

// link keeps the references of a line.
func (p *parser) link(l textLine, name string) {
	found := p.references(l.text, name, l.line)
	alone := len(found) == 0 && len(l.dests) == 1
	for i, dest := range l.dests {
		at, ok := p.fileLink(dest, name, l.line)
		switch {
		case !ok:
			continue
		case alone: // what the line says of a section or story is of this link
			at = place(at, l.text)
		case i < len(l.ends):
			at = place(at, p.behind(l, i))
		}
		found = append(found, at)
	}
	p.current.Links = append(p.current.Links, found...)
	p.current.Files = append(p.current.Files, codeFiles(l.text)...)
}

// behind is the text between a link and the next reference: where its section or
// story may stand.
func (p *parser) behind(l textLine, i int) string {
	from, end := min(l.ends[i], len(l.text)), len(l.text)
	if i+1 < len(l.ends) {
		end = max(from, min(end, l.ends[i+1]))
	}
	rest := l.text[from:end]
	return rest[:p.reach(p.ids(rest), len(rest))]
}

// fileLink is a link to another file of the folder.
func (p *parser) fileLink(dest, name string, line int) (Link, bool) {
	to, anchor, wiki, ok := destination(p.file, dest)
	switch {
	case !ok:
		return Link{}, false
	case wiki:
		return Link{To: to, Kind: p.kindOf(to), Anchor: anchor, Label: name, Line: line, Path: wikiPath + to, Loose: true}, true
	case !isMarkdown(to) && path.Ext(to) != "" && path.Ext(to) != ".html":
		return Link{}, false
	case !isMarkdown(to): // as sites that are made of the files link them
		return Link{Anchor: anchor, Label: name, Line: line, Path: strings.TrimSuffix(to, ".html"), Loose: true}, true
	}
	return Link{Anchor: anchor, Label: name, Line: line, Path: to}, true
}

// wikiPath marks the target of a wiki link, which may stand in any folder.
const wikiPath = "[["

// written is a line of text and where it stands.
type written struct {
	text string
	line int
}

func (p *parser) text(t string, line int) { p.open = append(p.open, written{t, line}) }

// joined is the text with the line breaks of the file, from the line of the first
// on; what is left out is empty lines.
func joined(ws []written) string {
	size := 0
	for _, w := range ws {
		size += len(w.text) + 2 // mostly at most an empty line between two
	}
	var b strings.Builder
	b.Grow(size)
	line := 0
	for i, w := range ws {
		switch {
		case i == 0:
		case w.line <= line:
			b.WriteByte(' ')
		default:
			b.WriteString(strings.Repeat("\n", w.line-line))
		}
		line = max(line, w.line)
		b.WriteString(w.text)
	}
	return b.String()
}

// flush gives the text and code read so far to the section that is open; text
// before the first heading opens one without a name.
func (p *parser) flush() {
	if len(p.open) == 0 && len(p.code) == 0 {
		p.spans = nil
		return
	}
	if len(p.current.Sections) == 0 {
		p.current.Sections = append(p.current.Sections, Section{Line: 1 + p.offset})
	}
	s := &p.current.Sections[len(p.current.Sections)-1]
	s.Text, s.Items, s.Code, s.Spans = joined(p.open), p.items, p.code, p.spans
	if len(p.open) > 0 {
		s.TextLine = p.open[0].line
	}
	if isStatus(s.Heading) && p.current.Status == "" && len(p.open) > 0 {
		p.current.Status = p.open[0].text
	}
	p.open, p.items, p.code, p.spans = nil, nil, nil, nil
}

var numbered = regexp.MustCompile(`(?i)^(?:section\s+)?(\d{1,4}(?:\.\d{1,4}){0,6})[.:)]?\s+\S`)

func (p *parser) heading(n *ast.Heading) {
	spans := p.spans
	lines := p.linesOf(n)
	p.spans = spans // those of a heading are none of its text
	if len(lines) == 0 {
		return
	}
	p.flush()
	p.intro = ""
	l := lines[0]
	for _, more := range lines[1:] {
		l.text += " " + more.text
	}
	s := Section{Heading: l.text, Level: n.Level, Line: l.line, Anchor: p.anchor(l.text)}
	if m := numbered.FindStringSubmatch(l.text); m != nil {
		s.Number = m[1]
	}
	if !p.titled && p.isTitle(n.Level, l.text) {
		p.titled = true
		p.whole.Line = l.line
		p.title(l.text)
	} else {
		p.enter(n.Level, l)
	}
	if m := findStory(l.text); m != nil {
		p.addStory(l.text[m[2]:m[3]], strings.Trim(l.text[m[1]:], " :.)–—-"), l.line)
	}
	p.current.Sections = append(p.current.Sections, s)
}

// isTitle reports whether the first heading is the document's title. Notes that
// have theirs in the file name begin with a section.
func (p *parser) isTitle(level int, heading string) bool {
	return level == 1 || !beginsWith(heading, sectionHeads())
}

// anchor numbers headings that are equal, as code hosts do.
func (p *parser) anchor(heading string) string {
	a := anchorOf(heading)
	n := p.anchors[a]
	p.anchors[a]++
	if n > 0 {
		a += "-" + strconv.Itoa(n)
	}
	return a
}

// title takes ID and title from the first heading.
func (p *parser) title(heading string) {
	rest := heading
	if id, size := p.headed(heading); id != "" {
		rest = heading[size:]
		if p.whole.ID == "" {
			p.whole.ID = id
		}
	} else if m := leadingID.FindStringSubmatch(heading); m != nil {
		rest = heading[len(m[0]):]
		if p.whole.ID == "" {
			p.whole.ID = m[1]
		}
	} else if m := leadingNumber.FindString(heading); m != "" {
		rest = heading[len(m):]
	}
	if p.whole.Title == "" {
		p.whole.Title = strings.TrimSpace(rest)
	}
}

var (
	// leadingID is an ID, of any prefix, at the head of a title.
	leadingID = regexp.MustCompile(`^\s*\[?([A-Z][A-Z0-9]{1,15}(?:-[A-Z0-9]+)*-\d+(?:-\d+)*)\b\]?[\s:.–—-]*`)
	// leadingNumber is that of a plain record: "7. Use X".
	leadingNumber = regexp.MustCompile(`^\s*\d{1,5}[.:)]\s+`)
)

// enter opens the artefact that a heading names, and closes those that end there.
func (p *parser) enter(level int, l textLine) {
	for len(p.levels) > 0 && level <= p.levels[len(p.levels)-1] {
		p.levels, p.within = p.levels[:len(p.levels)-1], p.within[:len(p.within)-1]
	}
	if a := p.named(l); a != nil {
		p.parts = append(p.parts, a)
		p.levels, p.within = append(p.levels, level), append(p.within, a)
	}
	p.current = &p.whole
	if len(p.within) > 0 {
		p.current = p.within[len(p.within)-1]
	}
}

// named is the artefact whose ID and title a heading gives; nil when it gives
// none, or the ID of the file itself.
func (p *parser) named(l textLine) *Artefact {
	id, size := p.headed(l.text)
	if id == "" || size == len(l.text) || !strings.ContainsAny(strings.TrimPrefix(strings.ToUpper(l.text[:size]), id), ":–—.|") {
		return nil
	}
	if kind := p.kindOf(id); kind != Story && key(id) != key(p.whole.ID) {
		return &Artefact{ID: id, Kind: kind, Path: p.file, Line: l.line, Title: strings.TrimSpace(l.text[size:])}
	}
	return nil
}

// finish returns what the file holds, its own artefact first.
func (p *parser) finish() document {
	p.identify()
	doc := document{problems: p.problems, artefacts: []Artefact{p.whole}}
	for _, a := range p.parts {
		doc.artefacts = append(doc.artefacts, *a)
	}
	for i := range doc.artefacts {
		a := &doc.artefacts[i]
		a.nameStories()
		slices.Sort(a.Files)
		a.Files = slices.Compact(a.Files)
	}
	return doc
}

// nameStories gives stories whose heading is a number only the first line below it.
func (a *Artefact) nameStories() {
	for i := range a.Stories {
		s := &a.Stories[i]
		at := slices.IndexFunc(a.Sections, func(of Section) bool { return of.Line == s.Line })
		if s.Title == "" && at >= 0 {
			first, _, _ := strings.Cut(a.Sections[at].Text, "\n")
			s.Title = outside.Line(first, maxStoryTitle)
		}
	}
}

// maxStoryTitle bounds what is taken of a story's text as its title, in bytes.
const maxStoryTitle = 120

// lineOf is the line, from 1, of an offset into the body.
func (p *parser) lineOf(offset int) int {
	before, _ := slices.BinarySearch(p.breaks, offset)
	return p.offset + 1 + before
}

func (p *parser) problem(line int, what, hint string) {
	p.problems = append(p.problems, problem.Problem{File: p.file, Line: line, What: what, Hint: hint})
}

func isLetter(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
