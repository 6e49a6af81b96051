package runbook

import (
	"fmt"
	"math"
	"slices"
	"strings"

	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// reach reports conditions that can never hold and remediations that are never
// chosen. It judges comparisons of one name with one value, joined by &&, ||
// and !; what it can't judge may hold. So it finds no mistake where there is
// none, and not every mistake.
func (c *checker) reach() {
	j := judge{facts: c.r.compiled.facts}
	var before region
	for i, e := range c.r.compiled.precond {
		if e == nil {
			continue
		}
		c.never(j, place{"preconditions", i, "when"}, e, region{}, "precondition")
		if all := j.regions(e.ast.Expr(), true); len(all) == 1 {
			before = before.with(all[0])
		}
	}
	for i := range c.r.Findings {
		for k, e := range c.r.compiled.confirm[i] {
			c.never(j, place{"findings", i, "confirm", k}, e, region{}, "condition")
		}
		for k, e := range c.r.compiled.exclude[i] {
			c.never(j, place{"findings", i, "exclude", k, "when"}, e, region{}, "condition")
		}
	}
	for i, e := range c.r.compiled.escalate {
		c.never(j, place{"escalate_when", i}, e, region{}, "condition")
	}
	for i, e := range c.r.compiled.when {
		if c.never(j, place{"remediations", i, "when"}, e, before, "remediation "+fmt.Sprintf("%q", c.r.Remediations[i].Name)) {
			continue
		}
		c.shadowed(j, i)
	}
}

// never reports an expression that holds nowhere within the region.
func (c *checker) never(j judge, p place, e *expr, within region, what string) bool {
	if e.off() {
		return true // said on purpose; the linter mentions it
	}
	hint := "counts and times are never below 0, a share lies between 0 and 1, severities are SEV-1 to SEV-4"
	for _, r := range j.regions(e.ast.Expr(), true) {
		if !r.with(within).empty(j) {
			return false
		}
		if !r.empty(j) {
			hint = "mind the preconditions, which must hold too"
		}
	}
	c.problem(ruleUnreachable, p, hint, "%s can never hold", what)
	return true
}

// off reports whether the condition is the word false: how drafts say that
// nobody has written it yet.
func (e *expr) off() bool {
	b, ok := e.ast.Expr().AsLiteral().(types.Bool)
	return ok && !bool(b)
}

// shadowed reports a remediation that an earlier one always stands before: one
// that Holdfast could do itself, on the same target, for every cause that this
// one treats, whose condition holds whenever this one's does.
func (c *checker) shadowed(j judge, i int) {
	m := c.r.Remediations[i]
	if m.Action == "" {
		return // people are shown every one that holds
	}
	mine := j.regions(c.r.compiled.when[i].ast.Expr(), true)
	for k, earlier := range c.r.Remediations[:i] {
		if earlier.Action == "" || earlier.Target != m.Target || slices.ContainsFunc(m.Treats, func(t CauseClass) bool { return !slices.Contains(earlier.Treats, t) }) {
			continue
		}
		if slices.ContainsFunc(mine, func(r region) bool { return !j.covered(r, c.r.compiled.when[k].ast.Expr()) }) {
			continue
		}
		c.problem(ruleUnreachable, place{"remediations", i, "when"}, fmt.Sprintf("put it before %q, or say in the condition of %q when it does not apply", earlier.Name, earlier.Name),
			"remediation %q is never chosen: %q holds whenever it does and comes first", m.Name, earlier.Name)
		return
	}
}

// covered reports whether the expression certainly holds everywhere in r. A fact
// that r says nothing about may be missing there, and what rests on it unknown.
func (j judge) covered(r region, e celast.Expr) bool {
	if e.Kind() == celast.CallKind && e.AsCall().FunctionName() == operators.LogicalOr {
		if args := e.AsCall().Args(); j.covered(r, args[0]) || j.covered(r, args[1]) {
			return true
		}
	}
	for _, name := range names(e) {
		if _, known := r[name]; !known && strings.HasPrefix(name, "facts.") {
			return false
		}
	}
	for _, not := range j.regions(e, false) {
		if !not.exact() || !r.with(not).empty(j) {
			return false
		}
	}
	return true
}

// names lists the dotted names in an expression.
func names(e celast.Expr) []string {
	var out []string
	celast.PreOrderVisit(e, celast.NewExprVisitor(func(e celast.Expr) {
		if n, ok := named(e); ok {
			out = append(out, n)
		}
	}))
	return out
}

// maxRegions bounds how far || is multiplied out.
const maxRegions = 64

// region is where an expression may hold: what each name may be. A name that is
// missing may be anything. The name "" stands for a part that can't be judged.
type region map[string]bounds

// bounds are the values that a name may have.
type bounds struct {
	low, high         float64
	openLow, openHigh bool // the end itself is left out
	only              []string
	limited           bool // only counts
	not               []string
	holes             []float64 // numbers that it is not
}

func anyNumber() bounds { return bounds{low: math.Inf(-1), high: math.Inf(1)} }

// exact reports whether the region leaves nothing out that can't be judged.
func (r region) exact() bool { _, unsure := r[""]; return !unsure }

// with is where both hold.
func (r region) with(o region) region {
	out := region{}
	for n, b := range r {
		out[n] = b
	}
	for n, b := range o {
		if have, ok := out[n]; ok {
			b = have.and(b)
		}
		out[n] = b
	}
	return out
}

func (b bounds) and(o bounds) bounds {
	if o.low > b.low || o.low == b.low && o.openLow {
		b.low, b.openLow = o.low, o.openLow
	}
	if o.high < b.high || o.high == b.high && o.openHigh {
		b.high, b.openHigh = o.high, o.openHigh
	}
	switch {
	case b.limited && o.limited:
		b.only = slices.DeleteFunc(slices.Clone(b.only), func(s string) bool { return !slices.Contains(o.only, s) })
	case o.limited:
		b.only, b.limited = o.only, true
	}
	b.not = slices.Concat(b.not, o.not)
	b.holes = slices.Concat(b.holes, o.holes)
	return b
}

func (r region) empty(j judge) bool {
	for n, b := range r {
		if n != "" && b.and(j.domain(n)).empty() {
			return true
		}
	}
	return false
}

func (b bounds) empty() bool {
	if b.low > b.high || b.low == b.high && (b.openLow || b.openHigh || slices.Contains(b.holes, b.low)) {
		return true
	}
	return b.limited && !slices.ContainsFunc(b.only, func(s string) bool { return !slices.Contains(b.not, s) })
}

// judge knows what names can be.
type judge struct{ facts map[string]fact }

// domain is what a name can be at all.
func (j judge) domain(name string) bounds {
	b := anyNumber()
	switch name {
	case "incident.severity":
		b.limited, b.only = true, []string{"SEV-1", "SEV-2", "SEV-3", "SEV-4"}
	case "incident.minutes":
		b.low = 0
	}
	if len(name) < len("facts.") || name[:len("facts.")] != "facts." {
		return b
	}
	f := j.facts[name[len("facts."):]]
	switch {
	case f.unit.kind == kindBool:
		b.limited, b.only = true, []string{"true", "false"}
	case f.part != PartValue && f.unit.kind == kindNumber && f.part.unit().text != "":
		b.low = 0
	case f.unit.text == "share":
		b.low, b.high = 0, 1
	}
	return b
}

// regions is where e is want, as a union; a part that can't be judged is
// everywhere and marked.
func (j judge) regions(e celast.Expr, want bool) []region {
	unsure := []region{{"": anyNumber()}}
	if e.Kind() == celast.LiteralKind {
		if b, ok := e.AsLiteral().(types.Bool); ok {
			if bool(b) == want {
				return []region{{}}
			}
			return nil
		}
	}
	if name, ok := named(e); ok {
		return []region{{name: bounds{low: math.Inf(-1), high: math.Inf(1), limited: true, only: []string{fmt.Sprint(want)}}}}
	}
	if e.Kind() != celast.CallKind || e.AsCall().IsMemberFunction() {
		return unsure
	}
	args := e.AsCall().Args()
	switch op := e.AsCall().FunctionName(); op {
	case operators.LogicalNot:
		return j.regions(args[0], !want)
	case operators.LogicalAnd, operators.LogicalOr:
		a, b := j.regions(args[0], want), j.regions(args[1], want)
		if (op == operators.LogicalOr) == want {
			if len(a)+len(b) > maxRegions {
				return unsure
			}
			return slices.Concat(a, b)
		}
		return product(a, b)
	case operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals, operators.Equals, operators.NotEquals:
		if name, ok := named(args[0]); ok {
			return compare(name, op, args[1], want)
		}
		if name, ok := named(args[1]); ok {
			return compare(name, mirrored(op), args[0], want)
		}
	}
	return unsure
}

func product(a, b []region) []region {
	if len(a)*len(b) > maxRegions {
		return []region{{"": anyNumber()}}
	}
	var out []region
	for _, x := range a {
		for _, y := range b {
			out = append(out, x.with(y))
		}
	}
	return out
}

// named is the dotted name of an identifier.
func named(e celast.Expr) (string, bool) {
	switch e.Kind() {
	case celast.IdentKind:
		return e.AsIdent(), true
	case celast.SelectKind:
		if of, ok := named(e.AsSelect().Operand()); ok && !e.AsSelect().IsTestOnly() {
			return of + "." + e.AsSelect().FieldName(), true
		}
	}
	return "", false
}

var opposites = map[string]string{
	operators.Less: operators.GreaterEquals, operators.LessEquals: operators.Greater, operators.Greater: operators.LessEquals,
	operators.GreaterEquals: operators.Less, operators.Equals: operators.NotEquals, operators.NotEquals: operators.Equals,
}

func mirrored(op string) string {
	switch op {
	case operators.Less:
		return operators.Greater
	case operators.LessEquals:
		return operators.GreaterEquals
	case operators.Greater:
		return operators.Less
	case operators.GreaterEquals:
		return operators.LessEquals
	}
	return op
}

// compare is where name op literal is want.
func compare(name, op string, with celast.Expr, want bool) []region {
	if with.Kind() != celast.LiteralKind {
		return []region{{"": anyNumber(), name: anyNumber()}}
	}
	if !want {
		op = opposites[op]
	}
	b := anyNumber()
	var v float64
	switch l := with.AsLiteral().(type) {
	case types.Double:
		v = float64(l)
	case types.Int:
		v = float64(l)
	case types.String, types.Bool:
		text := fmt.Sprint(l)
		switch op {
		case operators.Equals:
			b.limited, b.only = true, []string{text}
		case operators.NotEquals:
			b.not = []string{text}
		default:
			return []region{{"": anyNumber()}}
		}
		return []region{{name: b}}
	default:
		return []region{{"": anyNumber()}}
	}
	switch op {
	case operators.Less, operators.LessEquals:
		b.high, b.openHigh = v, op == operators.Less
	case operators.Greater, operators.GreaterEquals:
		b.low, b.openLow = v, op == operators.Greater
	case operators.Equals:
		b.low, b.high = v, v
	case operators.NotEquals:
		b.holes = []float64{v}
	}
	return []region{{name: b}}
}
