package lint

import (
	"bytes"
	"html"
	"path"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	table "github.com/yuin/goldmark/extension/ast"
	markdown "github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// source is a Markdown file as it is written.
type source struct {
	repo, path string
	raw        []string // lines without their ends
	front      int      // lines of front matter, its dashes included
	lines      []line   // prose and code, in order
	headings   []heading
	links      []link
	anchors    map[string]bool // of headings and HTML, lower case
	squashed   map[string]bool // the same without what code hosts disagree about
	linksOn    map[int][]link  // by line
	offs       []off
}

// line is one line of prose or code.
type line struct {
	text    string
	no      int // from 1
	heading int // that it stands under; -1 before the first
	code    bool
	block   int // lines of one paragraph, item, row or code block share it
	lang    string
}

type heading struct {
	text      string
	level, no int
	parent    int // the heading above it; -1 for none
}

type link struct {
	text, dest string
	no         int
	image      bool
}

// off is a comment that switches a rule off for its file.
type off struct {
	rule, reason string
	no           int
}

func newMarkdown() markdown.Parser {
	return goldmark.New(goldmark.WithExtensions(extension.Table)).Parser()
}

// reader walks one file.
type reader struct {
	*source
	src    []byte
	offset int // lines before src
	breaks []int
	counts map[string]int // anchors by heading
	block  int
}

// parse reads a file. One that the reader of artefacts refuses is not given here.
func parse(md markdown.Parser, repo, file string, src []byte) *source {
	src = bytes.TrimPrefix(src, []byte("\xef\xbb\xbf"))
	s := &source{repo: repo, path: file, anchors: map[string]bool{}}
	for l := range strings.Lines(string(src)) {
		s.raw = append(s.raw, strings.TrimRight(l, "\r\n"))
	}
	body := src
	if n := frontMatter(s.raw); n > 0 {
		s.front = n
		for range n {
			_, body, _ = bytes.Cut(body, []byte("\n"))
		}
	}
	r := &reader{source: s, src: body, offset: s.front, counts: map[string]int{}}
	for i, c := range body {
		if c == '\n' {
			r.breaks = append(r.breaks, i)
		}
	}
	// The walk has no error of its own.
	_ = ast.Walk(md.Parse(text.NewReader(body)), r.visit)
	s.comments()
	s.index()
	return s
}

// index makes lookups cheap that rules repeat for each reference.
func (s *source) index() {
	s.squashed, s.linksOn = make(map[string]bool, len(s.anchors)), make(map[int][]link, len(s.links))
	for a := range s.anchors {
		s.squashed[squash(a)] = true
	}
	for _, l := range s.links {
		if len(s.linksOn[l.no]) < maxLinksOn {
			s.linksOn[l.no] = append(s.linksOn[l.no], l)
		}
	}
}

// Bounds on what is looked at, so that work grows with the length of a file and
// not with its square.
const (
	maxLinksOn = 50   // links of one line
	maxLine    = 4096 // bytes of one line
	maxFront   = 200  // lines of front matter
	maxSame    = 100  // findings of one rule in one file
	maxLists   = 500  // files that a Bolt lists, headings that are compared
)

// frontMatter counts the lines of front matter; 0 = none.
func frontMatter(raw []string) int {
	if len(raw) == 0 || strings.TrimRight(raw[0], " \t") != "---" {
		return 0
	}
	for i, l := range raw[1:] {
		if strings.TrimRight(l, " \t") == "---" {
			return i + 2
		}
	}
	return 0
}

func (r *reader) visit(n ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkContinue, nil
	}
	switch n := n.(type) {
	case *ast.Heading:
		r.heading(n)
	case *ast.Paragraph, *ast.TextBlock:
		r.prose(n.Lines())
		r.inline(n)
	case *table.Table:
		r.table(n)
	case *ast.FencedCodeBlock:
		r.codeBlock(n.Lines(), strings.ToLower(string(n.Language(r.src))))
	case *ast.CodeBlock:
		r.codeBlock(n.Lines(), "")
	case *ast.HTMLBlock:
		for i := range n.Lines().Len() {
			seg := n.Lines().At(i)
			r.html(string(seg.Value(r.src)), r.lineAt(seg.Start))
		}
	default:
		return ast.WalkContinue, nil
	}
	return ast.WalkSkipChildren, nil
}

func (r *reader) lineAt(offset int) int {
	lo, hi := 0, len(r.breaks)
	for lo < hi {
		if mid := (lo + hi) / 2; r.breaks[mid] < offset {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return r.offset + 1 + lo
}

func (r *reader) under() int { return len(r.headings) - 1 }

func (r *reader) prose(ls *text.Segments) {
	r.block++
	for i := range ls.Len() {
		seg := ls.At(i)
		r.lines = append(r.lines, line{text: strings.TrimRight(string(seg.Value(r.src)), "\r\n"), no: r.lineAt(seg.Start), heading: r.under(), block: r.block})
	}
}

func (r *reader) codeBlock(ls *text.Segments, lang string) {
	r.block++
	for i := range ls.Len() {
		seg := ls.At(i)
		r.lines = append(r.lines, line{
			text: strings.TrimRight(string(seg.Value(r.src)), "\r\n"), no: r.lineAt(seg.Start), heading: r.under(), block: r.block, code: true, lang: lang,
		})
	}
}

// table keeps each row as one line.
func (r *reader) table(n *table.Table) {
	for row := n.FirstChild(); row != nil; row = row.NextSibling() {
		no := 0
		for c := row.FirstChild(); c != nil; c = c.NextSibling() {
			if no == 0 && c.Lines().Len() > 0 {
				no = r.lineAt(c.Lines().At(0).Start)
			}
			r.inline(c)
		}
		if no > 0 && no <= len(r.raw) {
			r.block++
			r.lines = append(r.lines, line{text: r.raw[no-1], no: no, heading: r.under(), block: r.block})
		}
	}
}

func (r *reader) heading(n *ast.Heading) {
	no := 0
	if n.Lines().Len() > 0 {
		no = r.lineAt(n.Lines().At(0).Start)
	}
	t := html.UnescapeString(r.plain(n))
	if m := headingID.FindStringSubmatch(t); m != nil {
		r.anchors[strings.ToLower(m[1])] = true
		t = strings.TrimSpace(strings.TrimSuffix(t, m[0]))
	}
	a := anchorOf(t)
	if c := r.counts[a]; c > 0 {
		r.anchors[a+"-"+strconv.Itoa(c)] = true
	} else {
		r.anchors[a] = true
	}
	r.counts[a]++
	parent := r.under()
	for parent >= 0 && r.headings[parent].level >= n.Level {
		parent = r.headings[parent].parent
	}
	r.headings = append(r.headings, heading{text: t, level: n.Level, no: max(no, 1), parent: parent})
	r.inline(n)
}

// headingID is an anchor that a heading gives itself: "## Pool {#pool}".
var headingID = regexp.MustCompile(`\{:?\s*#([\w.:-]+)[^}]*\}\s*$`)

// inline finds the links and the HTML inside a block.
func (r *reader) inline(n ast.Node) {
	first := 0
	if n.Lines().Len() > 0 {
		first = r.lineAt(n.Lines().At(0).Start)
	}
	_ = ast.Walk(n, func(c ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch c := c.(type) {
		case *ast.Text:
			first = r.lineAt(c.Segment.Start)
		case *ast.Link:
			r.links = append(r.links, link{text: r.plain(c), dest: destinationOf(c.Destination), no: r.lineOf(c, first)})
		case *ast.Image:
			r.links = append(r.links, link{text: r.plain(c), dest: destinationOf(c.Destination), no: r.lineOf(c, first), image: true})
		case *ast.RawHTML:
			for i := range c.Segments.Len() {
				seg := c.Segments.At(i)
				r.html(string(seg.Value(r.src)), r.lineAt(seg.Start))
			}
		}
		return ast.WalkContinue, nil
	})
}

// lineOf is the line of an inline node: that of the first text in it.
func (r *reader) lineOf(n ast.Node, otherwise int) int {
	for c := n.FirstChild(); c != nil; c = c.FirstChild() {
		if t, ok := c.(*ast.Text); ok {
			return r.lineAt(t.Segment.Start)
		}
	}
	return otherwise
}

// plain is the text of a node without markup.
func (r *reader) plain(n ast.Node) string {
	var b strings.Builder
	_ = ast.Walk(n, func(c ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering {
			switch c := c.(type) {
			case *ast.Text:
				b.Write(c.Segment.Value(r.src))
				if c.SoftLineBreak() {
					b.WriteByte(' ')
				}
			case *ast.String:
				b.Write(c.Value)
			case *ast.AutoLink:
				b.Write(c.Label(r.src))
			}
		}
		return ast.WalkContinue, nil
	})
	return strings.TrimSpace(b.String())
}

var (
	htmlAnchor = regexp.MustCompile(`(?i)\s(?:id|name)\s*=\s*["']?([^"'\s>]+)`)
	htmlLink   = regexp.MustCompile(`(?i)\s(href|src)\s*=\s*["']([^"']+)["']`)
)

func (r *reader) html(tag string, no int) {
	if strings.HasPrefix(strings.TrimSpace(tag), "<!--") {
		return
	}
	for _, m := range htmlAnchor.FindAllStringSubmatch(tag, -1) {
		r.anchors[strings.ToLower(m[1])] = true
	}
	for _, m := range htmlLink.FindAllStringSubmatch(tag, -1) {
		r.links = append(r.links, link{dest: m[2], no: no, image: strings.EqualFold(m[1], "src")})
	}
}

// anchorOf makes an anchor of a heading as code hosts do: lower case, spaces to
// dashes, other signs left out.
func anchorOf(heading string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(strings.TrimSpace(heading)) {
		switch {
		case r == ' ':
			b.WriteByte('-')
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r):
			b.WriteRune(r)
		}
	}
	return b.String()
}

// hasAnchor reports whether the file has a place that a link's #… means. Code
// hosts differ in how they treat signs that are left out: one dash or several.
func (s *source) hasAnchor(fragment string) bool {
	f := strings.ToLower(strings.TrimPrefix(fragment, "user-content-"))
	if f == "" || f == "top" || strings.HasPrefix(f, ":~:") || s.anchors[f] {
		return true
	}
	return s.squashed[squash(f)]
}

// squash makes runs of dashes, and the signs before a count, the same.
func squash(a string) string {
	return strings.Trim(dashes.ReplaceAllString(a, "-"), "-")
}

var dashes = regexp.MustCompile(`[-_.]+`)

// rawLine is a line of the file; empty outside it.
func (s *source) rawLine(no int) string {
	if s == nil || no < 1 || no > len(s.raw) {
		return ""
	}
	return s.raw[no-1][:min(len(s.raw[no-1]), maxLine)]
}

// headingOf is the text of the last heading before a line.
func (s *source) headingOf(no int) string {
	if s == nil {
		return ""
	}
	i := sort.Search(len(s.headings), func(i int) bool { return s.headings[i].no >= no })
	if i == 0 {
		return ""
	}
	return s.headings[i-1].text
}

func isTemplate(p string) bool {
	p = strings.ToLower(p)
	dir := path.Dir(p)
	return strings.Contains(path.Base(p), "template") || strings.Contains(dir+"/", "templates/") || strings.Contains(dir+"/", "template/")
}

// maxDestination bounds what is kept of a link's destination: many links may share
// a long one.
const maxDestination = 2000

func destinationOf(dest []byte) string { return string(dest[:min(len(dest), maxDestination)]) }
