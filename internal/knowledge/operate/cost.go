package operate

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template/parse"

	"github.com/prometheus/prometheus/promql/parser"
)

// Bounds on what one evaluation may cost: the steps of subqueries within each other,
// and how many times longer a query makes a label.
const (
	maxSteps  = 2000
	maxGrowth = 100
)

// costs refuses what a document could give to keep the evaluation busy.
func (u *Rule) costs(e parser.Expr) error {
	if n := most(e, steps); n > maxSteps {
		return fmt.Errorf("its subquery has %.0f steps", n)
	}
	if most(e, growth) > maxGrowth {
		return errors.New("its label_replace and label_join make labels too long")
	}
	if !u.given {
		return nil
	}
	for _, texts := range []map[string]string{u.Labels, u.Annotations} {
		for _, k := range slices.Sorted(maps.Keys(texts)) {
			if what := heavy(texts[k]); what != "" {
				return fmt.Errorf("its %s is a template with %s", k, what)
			}
		}
	}
	return nil
}

// most is the highest product of a count on a way down a query.
func most(e parser.Expr, count func(parser.Node) float64) float64 {
	highest := 1.0
	parser.Inspect(e, func(n parser.Node, path []parser.Node) error {
		all := count(n)
		for _, above := range path {
			all *= count(above)
		}
		highest = max(highest, all)
		return nil
	})
	return highest
}

// steps are how often a subquery asks what is in it.
func steps(n parser.Node) float64 {
	sub, ok := n.(*parser.SubqueryExpr)
	if !ok {
		return 1
	}
	step := sub.Step
	if step <= 0 {
		step = evaluation
	}
	return max(float64(sub.Range/step), 1)
}

// growth is how many values of labels a call puts into one.
func growth(n parser.Node) float64 {
	call, ok := n.(*parser.Call)
	switch {
	case ok && call.Func.Name == "label_replace":
		return max(float64(strings.Count(call.Args[2].String(), "$")), 1)
	case ok && call.Func.Name == "label_join":
		return max(float64(len(call.Args)-3), 1)
	}
	return 1
}

// variables are what Prometheus puts before a template.
const variables = "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}"

// heavy names what in a template can take any time or memory, "" when there is
// nothing. Without loops, and with functions that give about as much as they take, a
// template costs what it is long.
func heavy(text string) string {
	t := parse.New("")
	t.Mode = parse.SkipFuncCheck
	trees := map[string]*parse.Tree{}
	if _, err := t.Parse(variables+text, "", "", trees); err != nil {
		return "an error"
	}
	for _, name := range slices.Sorted(maps.Keys(trees)) {
		if what := heavyNode(trees[name].Root); what != "" {
			return what
		}
	}
	return ""
}

func heavyNode(n parse.Node) string {
	switch n := n.(type) {
	case *parse.ListNode:
		if n == nil { // without else
			return ""
		}
		return heavyOf(n.Nodes)
	case *parse.ActionNode:
		return heavyNode(n.Pipe)
	case *parse.IfNode:
		return heavyOf([]parse.Node{n.Pipe, n.List, n.ElseList})
	case *parse.WithNode:
		return heavyOf([]parse.Node{n.Pipe, n.List, n.ElseList})
	case *parse.PipeNode:
		return heavyOf(n.Cmds)
	case *parse.CommandNode:
		return heavyOf(n.Args)
	case *parse.ChainNode:
		return heavyNode(n.Node)
	case *parse.IdentifierNode:
		if !tame(n.Ident) {
			return n.Ident
		}
	case *parse.RangeNode:
		return "range"
	case *parse.TemplateNode:
		return "template"
	}
	return ""
}

func heavyOf[N parse.Node](all []N) string {
	for _, n := range all {
		if what := heavyNode(n); what != "" {
			return what
		}
	}
	return ""
}

// tame reports whether a function of templates gives about as much as it takes, and
// soon. printf pads, print and args repeat, js and reReplaceAll multiply, query asks.
func tame(function string) bool {
	switch function {
	case "and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "len", "index", "slice", "html", "urlquery", "urlQueryEscape", "safeHtml",
		"humanize", "humanize1024", "humanizeDuration", "humanizePercentage", "humanizeTimestamp", "toTime", "toDuration", "now", "parseDuration",
		"toUpper", "toLower", "title", "match", "stripPort", "stripDomain", "graphLink", "tableLink", "pathPrefix", "externalURL":
		return true
	}
	return false
}
