package browse

import (
	"regexp"
	"strings"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// callout is the kind of a quote that begins with it, as code hosts and notes write
// it: > [!warning] Title.
type callout struct {
	ast.BaseInline
	name string
}

var kindCallout = ast.NewNodeKind("Callout")

// Kind is what goldmark tells nodes apart by.
func (*callout) Kind() ast.NodeKind { return kindCallout }

// Dump is for people who look for a mistake.
func (n *callout) Dump(src []byte, level int) { ast.DumpHelper(n, src, level, nil, nil) }

var calloutMark = regexp.MustCompile(`^\[!([A-Za-z][A-Za-z-]{0,30})\][-+]?[ \t]*`)

type calloutParser struct{}

func (calloutParser) Trigger() []byte { return []byte{'['} }

func (calloutParser) Parse(parent ast.Node, block text.Reader, _ parser.Context) ast.Node {
	if _, quoted := parent.Parent().(*ast.Blockquote); !quoted || parent.HasChildren() || parent.PreviousSibling() != nil {
		return nil
	}
	line, _ := block.PeekLine()
	m := calloutMark.FindSubmatch(line)
	if m == nil {
		return nil
	}
	block.Advance(len(m[0]))
	return &callout{name: strings.ReplaceAll(strings.ToUpper(string(m[1][:1]))+strings.ToLower(string(m[1][1:])), "-", " ")}
}

func (p *printer) callout(w util.BufWriter, _ []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	if n, ok := node.(*callout); ok && entering {
		_, _ = w.WriteString("<strong>" + n.name + "</strong> ") // letters
	}
	return ast.WalkContinue, nil
}

// calledOut reports whether a node is what stands beside the kind of a callout: its
// title stays a line.
func calledOut(n ast.Node) bool {
	_, ok := n.PreviousSibling().(*callout)
	return ok
}
