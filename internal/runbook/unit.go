package runbook

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// Unit is what a fact is measured in. Two facts can be compared when their
// families and scales are the same; one without a unit with any.
type Unit struct {
	text      string // as it was written
	kind      kind
	family    string // time, data, share, count, status code, or one "/ time"; empty = not known
	canonical string // scale inside the family
}

// kind is the type of a fact.
type kind int

const (
	kindNumber kind = iota
	kindBool
	kindText
)

const (
	maxUnit  = 40
	unitHint = "write s, min, bytes, share, percent, requests/s, connections, …, or bool or text"
)

// String is the unit as it was written.
func (u Unit) String() string { return u.text }

// Type is number, bool or text.
func (u Unit) Type() string { return []string{"number", "bool", "text"}[u.kind] }

// what names the unit in a message.
func (u Unit) what() string {
	switch {
	case u.kind != kindNumber:
		return u.Type()
	case u.family == "":
		return "number"
	case u.text == "" || u.text == u.family:
		return u.family
	}
	return fmt.Sprintf("%s (%s)", u.text, u.family)
}

// measured is what as a predicate: "in s (time)", "a number", "text".
func (u Unit) measured() string {
	switch {
	case u.kind == kindText:
		return "text"
	case u.kind == kindBool || u.family == "" || u.family == "count":
		return "a " + u.what()
	}
	return "in " + u.what()
}

// families lists the units that are known: each line is a family and its
// scales, each scale with its spellings. Every other word counts things.
var families = []struct {
	name   string
	scales [][]string
}{
	{"time", [][]string{
		{"ns", "nanoseconds"},
		{"us", "µs", "microseconds"},
		{"ms", "milliseconds"},
		{"s", "sec", "second", "seconds"},
		{"min", "minute", "minutes"},
		{"h", "hour", "hours"},
		{"d", "day", "days"},
	}},
	{"data", [][]string{
		{"bytes", "byte", "B"},
		{"kB", "KB"},
		{"KiB"},
		{"MB"},
		{"MiB"},
		{"GB"},
		{"GiB"},
		{"TB"},
		{"TiB"},
	}},
	{"share", [][]string{{"share", "ratio"}, {"percent", "%"}}},
	{"status code", [][]string{{"code"}}},
	{"revision", [][]string{{"revision"}}},
}

// ParseUnit reads a unit. An empty one is no unit; a word that is not known
// counts things: connections, requests.
func ParseUnit(text string) (Unit, error) {
	switch {
	case len(text) > maxUnit || !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r == '\n' || r == '\t' || control(r) }):
		return Unit{}, fmt.Errorf("%.40q is not a unit", text)
	case text == "":
		return Unit{}, nil
	case text == "bool":
		return Unit{text: text, kind: kindBool}, nil
	case text == "text":
		return Unit{text: text, kind: kindText}, nil
	}
	above, below, rate := strings.Cut(text, "/")
	u := Unit{text: text}
	u.family, u.canonical = familyOf(strings.TrimSpace(above))
	if rate {
		per, scale := familyOf(strings.TrimSpace(below))
		if per != "time" {
			u.family, u.canonical = "count", "count" // an average: requests/replica
			return u, nil
		}
		u.family, u.canonical = u.family+" a time", u.canonical+"/"+scale
	}
	return u, nil
}

func familyOf(word string) (family, canonical string) {
	for _, f := range families {
		for _, s := range f.scales {
			if slices.Contains(s, word) {
				return f.name, s[0]
			}
		}
	}
	return "count", "count"
}

// unit is what a part is measured in by itself.
func (p Part) unit() Unit {
	text := ""
	switch p {
	case PartCount, PartRunning, PartRestarts, PartRows, PartWanted, PartReady, PartNotReady, PartOOMKills, PartWarnings:
		text = "count"
	case PartMinutes, PartUpMinutes, PartRolloutMinutes:
		text = "min"
	case PartCode:
		text = "code"
	case PartRevision:
		text = "revision"
	case PartOK:
		text = "bool"
	}
	u, _ := ParseUnit(text) // each of these is one
	return u
}

// measure is what is known of the unit of an expression.
type measure struct {
	family, canonical string // empty family = not known
	name              string // what has the unit, for messages
	converted         bool   // multiplied by a number that turns one scale into another
	literal           bool
}

func (m measure) known() bool { return m.family != "" }

func (m measure) String() string {
	if m.canonical == m.family {
		return fmt.Sprintf("%s (%s)", m.name, m.family)
	}
	return fmt.Sprintf("%s (%s, %s)", m.name, m.family, m.canonical)
}

// units refuses an expression that compares or adds what can't be.
func (x *exprs) units(ast *celast.AST) *exprError {
	u := &unitChecker{facts: x.facts, ast: ast}
	u.of(ast.Expr())
	return u.bad
}

type unitChecker struct {
	facts map[string]fact
	ast   *celast.AST
	bad   *exprError
}

// of returns what the expression is measured in.
func (u *unitChecker) of(e celast.Expr) measure {
	if ref, ok := u.ast.ReferenceMap()[e.ID()]; ok && ref.Name != "" {
		return u.named(ref.Name)
	}
	switch e.Kind() {
	case celast.LiteralKind:
		return measure{literal: true}
	case celast.CallKind:
		return u.call(e)
	case celast.ListKind:
		for _, el := range e.AsList().Elements() {
			u.of(el)
		}
	case celast.ComprehensionKind:
		c := e.AsComprehension()
		for _, part := range []celast.Expr{c.IterRange(), c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result()} {
			u.of(part)
		}
	}
	return measure{}
}

func (u *unitChecker) named(name string) measure {
	if f, ok := strings.CutPrefix(name, "facts."); ok {
		unit := u.facts[f].unit
		return measure{family: unit.family, canonical: unit.canonical, name: f}
	}
	if name == "incident.minutes" {
		return measure{family: "time", canonical: "min", name: name}
	}
	return measure{}
}

func (u *unitChecker) call(e celast.Expr) measure {
	call := e.AsCall()
	args := make([]measure, 0, len(call.Args()))
	for _, a := range call.Args() {
		args = append(args, u.of(a))
	}
	if call.IsMemberFunction() {
		u.of(call.Target())
		return measure{}
	}
	if len(args) == 1 && (call.FunctionName() == operators.Negate || call.FunctionName() == "double" || call.FunctionName() == "int") {
		return args[0]
	}
	if len(args) != 2 {
		return measure{}
	}
	a, b := args[0], args[1]
	switch call.FunctionName() {
	case operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals, operators.Equals, operators.NotEquals:
		u.same(e, "compares", a, b)
		return measure{}
	case operators.Add, operators.Subtract:
		u.same(e, "adds", a, b)
		if a.known() {
			return a
		}
		return b
	case operators.Multiply:
		return times(a, b, call.Args())
	case operators.Divide:
		return over(a, b, call.Args()[1])
	}
	return measure{}
}

func (u *unitChecker) same(e celast.Expr, does string, a, b measure) {
	if u.bad != nil || !a.known() || !b.known() || a.family == b.family && (a.canonical == b.canonical || a.converted || b.converted) {
		return
	}
	u.bad = &exprError{rule: ruleUnit, what: fmt.Sprintf("condition %s %s with %s", does, a, b)}
	u.bad.hint = "compare what is measured in the same unit; the diagnostics say in which"
	if a.family == b.family {
		u.bad.hint = fmt.Sprintf("turn %s into %s, or measure both in the same unit", b.canonical, a.canonical)
	}
	if loc := u.ast.SourceInfo().GetStartLocation(e.ID()); loc.Line() > 0 {
		u.bad.line, u.bad.column = loc.Line(), max(loc.Column(), 0)
	}
}

// times: a number scales, a share of something is measured as that thing.
func times(a, b measure, args []celast.Expr) measure {
	switch {
	case a.literal:
		b.converted = b.converted || converts(args[0])
		return b
	case b.literal:
		a.converted = a.converted || converts(args[1])
		return a
	case a.family == "share":
		return b
	case b.family == "share":
		return a
	}
	return measure{}
}

func over(a, b measure, by celast.Expr) measure {
	switch {
	case b.literal:
		a.converted = a.converted || converts(by)
		return a
	case b.family == "share" && a.family != "share":
		return a
	case a.known() && a.family == b.family && a.canonical == b.canonical && !a.converted && !b.converted:
		return measure{family: "share", canonical: "share", name: a.name + " / " + b.name}
	}
	return measure{}
}

// converts reports whether the number turns one scale into another: 60, 1000,
// 1024, 3600, 100 and their like.
func converts(e celast.Expr) bool {
	if e.Kind() != celast.LiteralKind {
		return true
	}
	var v float64
	switch l := e.AsLiteral().(type) {
	case types.Double:
		v = float64(l)
	case types.Int:
		v = float64(l)
	case types.Uint:
		v = float64(l)
	default:
		return true
	}
	if v != 0 && v < 1 && v > -1 {
		v = 1 / v
	}
	s := strconv.FormatFloat(v, 'f', 0, 64)
	return v >= 24 && (strings.HasSuffix(s, "00") || slices.Contains([]string{"24", "60", "1024", "1440", "3600", "1048576", "1073741824", "1099511627776"}, s))
}
