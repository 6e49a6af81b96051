package knowledge

import (
	"bytes"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/yuin/goldmark/ast"
	markdown "github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"go.yaml.in/yaml/v3"

	"github.com/holdfast-sre/holdfast/internal/problem"
)

// parser collects what one document says.
type parser struct {
	file     string
	src      []byte
	offset   int   // lines before src: the front matter
	breaks   []int // offsets of the line ends in src
	open     []string
	a        Artefact
	inTitle  bool
	problems []problem.Problem
}

// parse reads one Markdown document. The artefact has no ID when none is found
// in front matter, title or file name.
func parse(file string, src []byte) (a Artefact, problems []problem.Problem) {
	p := &parser{file: file, a: Artefact{Path: file, Line: 1}}
	// The document comes from people and the parser from elsewhere: one file
	// that trips it must not cost the others.
	defer func() {
		if r := recover(); r != nil {
			a, problems = Artefact{}, []problem.Problem{{File: file, What: fmt.Sprintf("can't be parsed: %v", r)}}
		}
	}()
	front, body := p.split(src)
	p.src = body
	p.readFront(front)
	p.readBody()
	p.flush()
	p.identify()
	return p.a, p.problems
}

// split cuts the front matter, between two lines of three dashes, off the body.
func (p *parser) split(src []byte) (front, body []byte) {
	src = bytes.TrimPrefix(src, []byte("\xef\xbb\xbf"))
	lines := bytes.SplitAfter(src, []byte("\n"))
	if len(lines) == 0 || strings.TrimRight(string(lines[0]), " \r\n") != "---" {
		return nil, src
	}
	for i := 1; i < len(lines); i++ {
		if strings.TrimRight(string(lines[i]), " \r\n") == "---" {
			p.offset = i + 1
			return bytes.Join(lines[1:i], nil), bytes.Join(lines[i+1:], nil)
		}
	}
	p.problem(1, "front matter has no end", "close it with a line of three dashes")
	return nil, src
}

// readFront takes ID, title and status by name and looks for references in
// every other value.
func (p *parser) readFront(front []byte) {
	if len(bytes.TrimSpace(front)) == 0 {
		return
	}
	var m map[string]any
	if err := yaml.Unmarshal(front, &m); err != nil {
		p.problem(2, "front matter is no YAML: "+strings.TrimPrefix(err.Error(), "yaml: "), "")
		return
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		values := texts(m[key], 0)
		switch strings.ToLower(key) {
		case "id":
			p.frontID(values)
		case "title":
			p.a.Title = strings.Join(values, " ")
		case "status":
			p.a.Status = strings.Join(values, " ")
		case "files", "paths", "code":
			p.a.Files = append(p.a.Files, values...)
		default:
			for _, v := range values {
				p.a.Links = append(p.a.Links, linksIn(key+": "+v, 1)...)
			}
		}
	}
}

func (p *parser) frontID(values []string) {
	id := strings.ToUpper(strings.TrimSpace(strings.Join(values, "")))
	if !anyID.MatchString(id) {
		p.problem(2, fmt.Sprintf("id %.40q is no artefact ID", id), "write a prefix and a number, such as ADR-023")
		return
	}
	p.a.ID = id
}

// maxNesting bounds the depth of front matter that is looked into.
const maxNesting = 4

// texts returns the strings inside a YAML value, in order.
func texts(v any, depth int) []string {
	if depth > maxNesting {
		return nil
	}
	var out []string
	switch v := v.(type) {
	case nil:
	case []any:
		for _, e := range v {
			out = append(out, texts(e, depth+1)...)
		}
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			for _, t := range texts(v[k], depth+1) {
				out = append(out, k+": "+t)
			}
		}
	default:
		out = append(out, fmt.Sprint(v))
	}
	return out
}

// readBody walks the blocks in order; code blocks are not read for references.
func (p *parser) readBody() {
	for i, c := range p.src {
		if c == '\n' {
			p.breaks = append(p.breaks, i)
		}
	}
	if line, deep := tooDeep(p.src); deep {
		p.problem(line+p.offset, fmt.Sprintf("opens more than %d quotes and lists", maxDepth), "the text of this file is left out")
		return
	}
	// Blocks alone: references are found in the text of the lines, and parsing
	// emphasis and brackets takes quadratic time on hostile input.
	doc := markdown.NewParser(markdown.WithBlockParsers(markdown.DefaultBlockParsers()...)).Parse(text.NewReader(p.src))
	// The walk has no error of its own.
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.FencedCodeBlock, *ast.CodeBlock, *ast.HTMLBlock:
			return ast.WalkSkipChildren, nil
		case *ast.Heading:
			p.heading(n)
		case *ast.Paragraph, *ast.TextBlock:
			p.lines(n)
		}
		return ast.WalkContinue, nil
	})
}

func (p *parser) heading(n *ast.Heading) {
	if n.Lines().Len() == 0 {
		return
	}
	p.flush()
	seg := n.Lines().At(0)
	title := strings.TrimSpace(string(seg.Value(p.src)))
	line := p.lineOf(seg.Start)
	s := Section{Heading: title, Line: line}
	if m := numbered.FindStringSubmatch(strings.ToLower(title)); m != nil {
		s.Number = m[1]
	}
	if m := storyRef.FindStringSubmatch(title); m != nil {
		s.Story = m[1]
	}
	if !p.inTitle {
		p.inTitle = true
		p.a.Line = line
		p.title(title)
	}
	p.a.Sections = append(p.a.Sections, s)
}

// title takes ID and title from the first heading.
func (p *parser) title(heading string) {
	rest := heading
	if m := leadingID.FindStringSubmatch(heading); m != nil {
		rest = heading[len(m[0]):]
		if p.a.ID == "" {
			p.a.ID = m[1]
		}
	} else if id := knownID.FindString(heading); id != "" && p.a.ID == "" && idFromFile(p.file) == "" {
		p.a.ID = id
	}
	if p.a.Title == "" {
		p.a.Title = strings.TrimSpace(rest)
	}
}

// lines reads a block of text: references, the status, files, and the text itself.
func (p *parser) lines(n ast.Node) {
	for i := range n.Lines().Len() {
		seg := n.Lines().At(i)
		t := strings.TrimRight(string(seg.Value(p.src)), "\r\n")
		p.a.Links = append(p.a.Links, linksIn(t, p.lineOf(seg.Start))...)
		p.fileLinks(t, p.lineOf(seg.Start))
		p.a.Files = append(p.a.Files, codePath.FindAllString(t, -1)...)
		if m := labelled.FindStringSubmatch(t); m != nil && strings.EqualFold(m[1], "status") && p.a.Status == "" {
			p.a.Status = strings.Trim(t[len(m[0]):], " *_")
		}
		p.append(t)
	}
}

// append adds a line to the section that is open.
func (p *parser) append(t string) { p.open = append(p.open, t) }

// flush gives the lines read so far to the last section; text before the first
// heading opens one without a name.
func (p *parser) flush() {
	if len(p.open) == 0 {
		return
	}
	if len(p.a.Sections) == 0 {
		p.a.Sections = append(p.a.Sections, Section{Line: 1 + p.offset})
	}
	p.a.Sections[len(p.a.Sections)-1].Text = strings.Join(p.open, "\n")
	p.open = nil
}

// mdLink finds the target of an inline or a reference link to a Markdown file.
var mdLink = regexp.MustCompile(`(?:\]\(<?|^\s*\[[^\]]+\]:\s*)([^()<>\s#]+\.(?i:md|markdown))\b`)

// fileLinks keeps the Markdown links to other files of the base.
func (p *parser) fileLinks(t string, line int) {
	for _, m := range mdLink.FindAllStringSubmatch(t, -1) {
		dest := m[1]
		if strings.Contains(dest, "://") {
			continue
		}
		if rooted, ok := strings.CutPrefix(dest, "/"); ok {
			dest = rooted
		} else {
			dest = path.Join(path.Dir(p.file), dest)
		}
		p.a.Links = append(p.a.Links, Link{Kind: KindOf(idFromFile(dest)), path: path.Clean(dest), Line: line})
	}
}

// maxDepth bounds the quotes and lists that one line may open: each costs the
// parser time for every other.
const maxDepth = 64

// tooDeep finds a line that opens more than maxDepth quotes and lists.
func tooDeep(src []byte) (line int, deep bool) {
	for l := range bytes.Lines(src) {
		line++
		depth, last := 0, byte(0)
		for _, c := range l {
			if bytes.IndexByte([]byte("> \t-+*0123456789.)"), c) < 0 {
				break
			}
			if c == '>' || c == ' ' && bytes.IndexByte([]byte("-+*.)"), last) >= 0 {
				depth++
			}
			last = c
		}
		if depth > maxDepth {
			return line, true
		}
	}
	return 0, false
}

// identify settles ID and kind once everything is read.
func (p *parser) identify() {
	if p.a.ID == "" {
		p.a.ID = idFromFile(p.file)
	}
	p.a.Kind = KindOf(p.a.ID)
	if p.a.Title == "" {
		p.a.Title = p.a.ID
	}
	slices.Sort(p.a.Files)
	p.a.Files = slices.Compact(p.a.Files)
}

// lineOf is the line, from 1, of an offset into the body.
func (p *parser) lineOf(offset int) int {
	before, _ := slices.BinarySearch(p.breaks, offset)
	return p.offset + 1 + before
}

func (p *parser) problem(line int, what, hint string) {
	p.problems = append(p.problems, problem.Problem{File: p.file, Line: line, What: what, Hint: hint})
}
