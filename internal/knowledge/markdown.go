package knowledge

import (
	"bytes"
	"net/url"
	"path"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	markdown "github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// newMarkdown is the parser of documents: CommonMark, tables and wiki links. It
// is safe for concurrent use.
func newMarkdown() markdown.Parser {
	return goldmark.New(
		goldmark.WithExtensions(extension.Table),
		goldmark.WithParserOptions(WikiLinks()),
	).Parser()
}

// WikiLinks is the option of a parser that reads wiki links.
func WikiLinks() markdown.Option {
	return markdown.WithInlineParsers(util.Prioritized(wikiParser{}, 150))
}

// WikiLink is [[target]] or [[target|label]].
type WikiLink struct {
	ast.BaseInline
	Target, Label string
	segment       text.Segment
}

// KindWikiLink is the kind of a WikiLink.
var KindWikiLink = ast.NewNodeKind("WikiLink")

// Kind is what goldmark tells nodes apart by.
func (*WikiLink) Kind() ast.NodeKind { return KindWikiLink }

// Dump is for people who look for a mistake.
func (n *WikiLink) Dump(src []byte, level int) { ast.DumpHelper(n, src, level, nil, nil) }

// maxWiki bounds the length of a wiki link.
const maxWiki = 300

type wikiParser struct{}

func (wikiParser) Trigger() []byte { return []byte{'['} }

func (wikiParser) Parse(_ ast.Node, block text.Reader, _ markdown.Context) ast.Node {
	line, segment := block.PeekLine()
	if !bytes.HasPrefix(line, []byte("[[")) {
		return nil
	}
	end := bytes.Index(line[:min(len(line), maxWiki)], []byte("]]"))
	if end < 0 {
		return nil
	}
	target, label, named := strings.Cut(string(line[2:end]), "|")
	if strings.TrimSpace(target) == "" || strings.ContainsAny(target, "[]") {
		return nil
	}
	if !named {
		label = target
	}
	block.Advance(end + 2)
	return &WikiLink{Target: strings.TrimSpace(target), Label: strings.TrimSpace(label), segment: segment}
}

// textLine is one line of a block, without markup.
type textLine struct {
	text  string
	line  int
	dests []string // of the links in it
	ends  []int    // where these end in the text
}

// linesOf is the text of a block, line by line, and where its links lead to.
func (p *parser) linesOf(block ast.Node) []textLine {
	if block.Lines().Len() == 0 && block.FirstChild() == nil {
		return nil
	}
	f := flattener{p: p}
	if block.Lines().Len() > 0 {
		f.line = p.lineOf(block.Lines().At(0).Start)
	}
	f.children(block)
	f.end()
	return f.out
}

// maxDestination bounds what a link leads to: many may share a long one.
const maxDestination = 2000

// flattener makes lines of inline nodes.
type flattener struct {
	p     *parser
	out   []textLine
	open  []byte // of the line that is open
	dests []string
	ends  []int
	line  int
}

func (f *flattener) dest(to string) {
	f.dests, f.ends = append(f.dests, to), append(f.ends, len(f.open))
}

func (f *flattener) end() {
	if len(f.open) > 0 || len(f.dests) > 0 {
		whole := string(f.open)
		cut := len(whole) - len(strings.TrimLeft(whole, " \t"))
		for i := range f.ends {
			f.ends[i] = max(0, f.ends[i]-cut)
		}
		f.out = append(f.out, textLine{strings.TrimSpace(whole), f.line, f.dests, f.ends})
	}
	f.open = f.open[:0]
	f.dests, f.ends = nil, nil
	f.line++
}

func (f *flattener) children(n ast.Node) {
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		f.node(c)
	}
}

func (f *flattener) node(n ast.Node) {
	switch n := n.(type) {
	case *ast.Text:
		f.at(n.Segment.Start)
		f.open = append(f.open, n.Segment.Value(f.p.src)...)
		if n.SoftLineBreak() || n.HardLineBreak() {
			f.end()
		}
	case *ast.String:
		f.open = append(f.open, n.Value...)
	case *ast.Link:
		f.children(n)
		if len(n.Destination) <= maxDestination {
			f.dest(string(n.Destination))
		}
	case *ast.AutoLink:
		f.open = append(f.open, n.Label(f.p.src)...)
	case *WikiLink:
		f.at(n.segment.Start)
		f.open = append(f.open, n.Label...)
		f.dest(wikiPath + n.Target)
	case *ast.CodeSpan:
		start := len(f.open)
		f.children(n)
		if len(f.open) > start { // in one line
			f.p.spans = append(f.p.spans, Code{Text: string(f.open[start:]), Line: f.line})
		}
	case *ast.RawHTML:
	default:
		f.children(n)
	}
}

// at keeps the line in step with the text.
func (f *flattener) at(offset int) {
	if len(f.open) == 0 {
		f.line = f.p.lineOf(offset)
	}
}

// maxMarks bounds the signs of one block that the parser of emphasis and links
// works through for each other.
const maxMarks = 3000

// tooMarked finds a block with more than maxMarks brackets and other signs of
// emphasis and links. Items of lists and rows of tables are blocks of their own.
func tooMarked(src []byte) (line int, marked bool) {
	n := 0
	for l := range bytes.Lines(src) {
		line++
		trimmed := bytes.TrimLeft(l, " \t>")
		if len(bytes.TrimSpace(trimmed)) == 0 || strings.IndexByte("-*+|#", trimmed[0]) >= 0 && len(trimmed) > 1 && trimmed[1] != trimmed[0] {
			n = 0
		}
		for _, c := range l {
			if isMark(c) {
				n++
			}
		}
		if n > maxMarks {
			return line, true
		}
	}
	return 0, false
}

func isMark(c byte) bool {
	switch c {
	case '[', ']', '*', '_', '`', '<', '!', '&':
		return true
	}
	return false
}

// maxDepth bounds the quotes and lists that stand in each other: each costs the
// parser time for every other.
const maxDepth = 64

// tooDeep finds a line that stands in more than maxDepth quotes and lists.
func tooDeep(src []byte) (line int, deep bool) {
	var items []int // indents of the items that stand in each other
	for l := range bytes.Lines(src) {
		line++
		depth, last := 0, byte(0)
		for _, c := range l {
			if strings.IndexByte("> \t-+*0123456789.)", c) < 0 {
				break
			}
			if c == '>' || c == ' ' && strings.IndexByte("-+*.)", last) >= 0 {
				depth++
			}
			last = c
		}
		if depth > 0 {
			indent := len(l) - len(bytes.TrimLeft(l, " \t"))
			for len(items) > 0 && items[len(items)-1] >= indent {
				items = items[:len(items)-1]
			}
			items = append(items, indent)
		}
		if depth > maxDepth || len(items) > maxDepth {
			return line, true
		}
	}
	return 0, false
}

// maxMissing bounds the cells that rows of tables lack: the parser adds them.
const maxMissing = 10_000

// tooWide finds the row by which tables lack more than maxMissing cells.
func tooWide(src []byte) (line int, wide bool) {
	columns, missing := 0, 0 // columns of the table that is open
	for l := range bytes.Lines(src) {
		line++
		cells := bytes.Count(l, []byte("|"))
		switch bare := bytes.Trim(l, " \t>\r\n"); {
		case len(bare) == 0:
			columns = 0
		case cells > 1 && len(bytes.Trim(bare, "|:- \t")) == 0:
			columns = max(columns, cells) // the dashes below the names of columns
		default:
			missing += max(0, columns-cells-1+bytes.Count(l, []byte(`\|`))) // an escaped one is text
		}
		if missing > maxMissing {
			return line, true
		}
	}
	return 0, false
}

// destination is what a link of the file at p leads to: a path in the folder and
// an anchor, or the target of a wiki link. ok is false for a link to elsewhere.
func destination(p, dest string) (to, anchor string, wiki, ok bool) {
	if target, isWiki := strings.CutPrefix(dest, "[["); isWiki {
		to, anchor, _ = strings.Cut(target, "#")
		return strings.TrimSpace(to), anchorOf(anchor), true, true
	}
	if strings.Contains(dest, "://") || strings.HasPrefix(dest, "//") || strings.HasPrefix(dest, "mailto:") {
		return "", "", false, false
	}
	to, anchor, _ = strings.Cut(dest, "#")
	if plain, err := url.PathUnescape(to); err == nil {
		to = plain
	}
	switch {
	case to == "":
		return "", anchor, false, false // in the same file
	case strings.HasPrefix(to, "/"):
		to = strings.TrimPrefix(path.Clean(to), "/")
	default:
		to = path.Join(path.Dir(p), to)
	}
	return to, anchor, false, true
}

// anchorOf makes an anchor of a heading as code hosts do: lower case, spaces to
// dashes, other signs left out.
func anchorOf(heading string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(strings.TrimSpace(heading)) {
		switch {
		case r == ' ':
			b.WriteByte('-')
		case r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r > 127 && isLetter(r):
			b.WriteRune(r)
		}
	}
	return b.String()
}
