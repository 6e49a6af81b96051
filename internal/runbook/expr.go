package runbook

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"

	"github.com/holdfast-sre/holdfast/internal/problem"
)

// Bounds on one expression. The cost is CEL's own measure: about one for each
// operation; real conditions cost under 100.
const (
	maxExprLength = 2000
	maxExprCost   = 10_000
)

// scope says which names an expression may use beside facts and incident.
type scope int

const (
	scopeFacts  scope = iota // facts and incident
	scopeTarget              // and target: the service that a remediation acts on
	scopeVerify              // and value: the answer of the verify query
)

// expr is one compiled condition.
type expr struct {
	text        string
	program     cel.Program
	diagnostics []string          // whose facts it names, sorted
	facts       []string          // that it names, sorted
	from        map[string]string // fact → diagnostic
	ast         *celast.AST
}

// exprError is what is wrong with an expression, with the offset where CEL saw it.
type exprError struct {
	what, hint string
	line       int    // from 1 within the expression; 0 = not known
	column     int    // from 0 within the line
	rule       string // empty = condition
}

// exprs compiles the conditions of one runbook.
type exprs struct {
	env   map[scope]*cel.Env
	facts map[string]fact
}

// newExprs declares every name that a condition may use, and nothing else.
func newExprs(facts map[string]fact) (*exprs, error) {
	opts := []cel.EnvOption{
		cel.CrossTypeNumericComparisons(true),
		cel.ParserExpressionSizeLimit(maxExprLength),
		cel.ParserRecursionLimit(50),
		cel.Variable("incident.severity", cel.StringType),
		cel.Variable("incident.environment", cel.StringType),
		cel.Variable("incident.service", cel.StringType),
		cel.Variable("incident.services", cel.ListType(cel.StringType)),
		cel.Variable("incident.minutes", cel.DoubleType),
	}
	for _, f := range slices.Sorted(maps.Keys(facts)) {
		opts = append(opts, cel.Variable("facts."+f, facts[f].celType()))
	}
	base, err := cel.NewEnv(opts...)
	if err != nil {
		return nil, fmt.Errorf("declare facts: %w", err)
	}
	target, err := base.Extend(
		cel.Variable("target.service", cel.StringType),
		cel.Variable("target.tier", cel.IntType),
		cel.Variable("target.restart_safe", cel.BoolType),
		cel.Variable("target.stateless", cel.BoolType),
		cel.Variable("target.pii", cel.BoolType),
		cel.Variable("target.financial", cel.BoolType),
		cel.Variable("target.auth", cel.BoolType),
	)
	if err != nil {
		return nil, fmt.Errorf("declare target: %w", err)
	}
	verify, err := base.Extend(cel.Variable("value", cel.DoubleType))
	if err != nil {
		return nil, fmt.Errorf("declare value: %w", err)
	}
	return &exprs{env: map[scope]*cel.Env{scopeFacts: base, scopeTarget: target, scopeVerify: verify}, facts: facts}, nil
}

// compile checks text and prepares it. The result must be true or false.
func (x *exprs) compile(text string, sc scope) (*expr, *exprError) {
	env := x.env[sc]
	parsed, iss := env.Parse(text)
	if iss.Err() != nil {
		return nil, celProblem(iss)
	}
	if e := x.unknownFact(parsed); e != nil {
		return nil, e
	}
	checked, iss := env.Check(parsed)
	if iss.Err() != nil {
		// Facts are decimal numbers; people write facts.deploys == 0 all the same.
		decimals(parsed)
		again, still := env.Check(parsed)
		if still.Err() != nil {
			return nil, celProblem(iss)
		}
		checked = again
	}
	if checked.OutputType() != cel.BoolType {
		return nil, &exprError{what: fmt.Sprintf("condition gives %s, not true or false", checked.OutputType()), hint: "compare it with something: facts.x > 0"}
	}
	if e := tooDear(env, checked); e != nil {
		return nil, e
	}
	if e := x.units(checked.NativeRep()); e != nil {
		return nil, e
	}
	prg, err := env.Program(checked, cel.CostLimit(maxExprCost), cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return nil, &exprError{what: "condition can't be prepared: " + err.Error()}
	}
	out := &expr{text: text, program: prg, from: map[string]string{}, ast: checked.NativeRep()}
	seen := map[string]bool{}
	for _, ref := range checked.NativeRep().ReferenceMap() {
		if f, ok := strings.CutPrefix(ref.Name, "facts."); ok {
			seen[f] = true
		}
	}
	out.facts = slices.Sorted(maps.Keys(seen))
	for _, f := range out.facts {
		d := x.facts[f].from
		out.from[f] = d
		if !slices.Contains(out.diagnostics, d) {
			out.diagnostics = append(out.diagnostics, d)
		}
	}
	slices.Sort(out.diagnostics)
	return out, nil
}

// Sizes that an estimate of an expression's cost counts with.
const (
	mostServices = 100
	longestText  = 200
)

// sizes tells CEL's estimate how large what an expression is given can be.
type sizes struct{}

func (sizes) EstimateSize(n cost.AstNode) *cost.SizeEstimate {
	switch {
	case n.Type().Kind() == types.ListKind:
		return &cost.SizeEstimate{Max: mostServices}
	case n.Type().Kind() == types.StringKind:
		return &cost.SizeEstimate{Max: longestText}
	}
	return nil
}

func (sizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}

// tooDear refuses an expression that could run longer than it may; the limit
// holds at run time too.
func tooDear(env *cel.Env, checked *cel.Ast) *exprError {
	est, err := env.EstimateCost(checked, sizes{})
	if err != nil {
		return &exprError{what: "the cost of the condition can't be estimated: " + err.Error()}
	}
	if est.Max > maxExprCost {
		return &exprError{
			what: fmt.Sprintf("condition may cost %d steps; at most %d are allowed", est.Max, maxExprCost),
			hint: "nest no loop over a list in another",
		}
	}
	return nil
}

// decimals turns the whole numbers of an expression into decimal ones.
func decimals(parsed *cel.Ast) {
	factory := celast.NewExprFactory()
	celast.PreOrderVisit(parsed.NativeRep().Expr(), celast.NewExprVisitor(func(e celast.Expr) {
		if e.Kind() != celast.LiteralKind {
			return
		}
		if i, ok := e.AsLiteral().(types.Int); ok {
			e.SetKindCase(factory.NewLiteral(e.ID(), types.Double(i)))
		}
	}))
}

// unknownFact finds the first facts.NAME that no diagnostic captures.
func (x *exprs) unknownFact(parsed *cel.Ast) *exprError {
	var found *exprError
	native := parsed.NativeRep()
	celast.PreOrderVisit(native.Expr(), celast.NewExprVisitor(func(e celast.Expr) {
		if found != nil || e.Kind() != celast.SelectKind {
			return
		}
		sel := e.AsSelect()
		if op := sel.Operand(); op.Kind() != celast.IdentKind || op.AsIdent() != "facts" {
			return
		}
		if _, ok := x.facts[sel.FieldName()]; ok {
			return
		}
		known := slices.Sorted(maps.Keys(x.facts))
		found = &exprError{rule: ruleFact, what: fmt.Sprintf("unknown fact %q", sel.FieldName()), hint: "no diagnostic captures a fact"}
		if near := problem.Nearest(sel.FieldName(), known); near != "" {
			found.hint = fmt.Sprintf("did you mean %q?", near)
		} else if len(known) > 0 {
			found.hint = "captured facts: " + strings.Join(known, ", ")
		}
		if loc := native.SourceInfo().GetStartLocation(sel.Operand().ID()); loc.Line() > 0 {
			found.line, found.column = loc.Line(), loc.Column()
		}
	}))
	return found
}

// celProblem turns CEL's first issue into ours.
func celProblem(iss *cel.Issues) *exprError {
	first := iss.Errors()[0]
	said, _, _ := strings.Cut(strings.TrimPrefix(first.Message, "Syntax error: "), " expecting ") // a list of the grammar's tokens
	e := &exprError{what: "not a CEL condition: " + strings.Replace(said, "mismatched input '<EOF>'", "it ends too early", 1)}
	if first.Location.Line() > 0 {
		e.line, e.column = first.Location.Line(), max(first.Location.Column(), 0)
	}
	switch {
	case strings.Contains(first.Message, "no matching overload") && (strings.Contains(first.Message, "string") || strings.Contains(first.Message, "bool")):
		e.hint = "a fact is a number unless its unit is bool or text; runbook show says which"
	case strings.Contains(first.Message, "no matching overload") && strings.Contains(first.Message, "double"):
		e.hint = "facts are decimal numbers: write 2.0 rather than 2, and double(size(x)) to compare a size"
	case strings.Contains(first.Message, "undeclared reference to 'facts'"):
		e.hint = "no diagnostic captures a fact"
	case strings.Contains(first.Message, "undeclared reference"):
		e.hint = "names that exist: facts.NAME, incident.severity, incident.environment, incident.service, incident.services, incident.minutes; in a remediation's when also target.*, in verify also value"
	}
	return e
}

// eval returns whether the condition holds. A fact that is missing is unknown,
// and so is what rests on it, by CEL's own rules: || holds when one side does,
// && fails when one side does, whatever the other is. An error says that the
// condition itself is unknown; then it does not hold.
func (e *expr) eval(vars map[string]any) (bool, error) {
	out, _, err := e.program.Eval(vars)
	if err != nil {
		if missing := e.missing(vars); len(missing) > 0 {
			return false, &missingError{facts: missing}
		}
		return false, fmt.Errorf("evaluate %q: %w", e.text, err)
	}
	b, ok := out.Value().(bool)
	if !ok {
		return false, fmt.Errorf("evaluate %q: result is %v", e.text, out)
	}
	return b, nil
}

// missing lists the facts that the condition names and nobody captured, sorted.
func (e *expr) missing(vars map[string]any) []string {
	var out []string
	for _, f := range e.facts {
		if _, ok := vars["facts."+f]; !ok {
			out = append(out, f)
		}
	}
	return out
}

// answered lists the diagnostics whose facts the condition saw.
func (e *expr) answered(vars map[string]any) []string {
	missing := e.missing(vars)
	var out []string
	for _, f := range e.facts {
		if d := e.from[f]; !slices.Contains(missing, f) && !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	slices.Sort(out)
	return out
}

// missingError reports a condition that is unknown for want of facts.
type missingError struct{ facts []string }

func (e *missingError) Error() string {
	if len(e.facts) == 1 {
		return fmt.Sprintf("fact %q is missing", e.facts[0])
	}
	quoted := make([]string, 0, len(e.facts))
	for _, f := range e.facts {
		quoted = append(quoted, fmt.Sprintf("%q", f))
	}
	last := len(quoted) - 1
	return "facts " + strings.Join(quoted[:last], ", ") + " and " + quoted[last] + " are missing"
}

// support lists the diagnostics that a condition which holds rests on: without
// the facts of any of them it would not. In a || b with both true that is one.
func (e *expr) support(vars map[string]any) []string {
	left := maps.Clone(vars)
	var out []string
	for _, d := range e.diagnostics {
		without := maps.Clone(left)
		for _, f := range e.facts {
			if e.from[f] == d {
				delete(without, "facts."+f)
			}
		}
		if held, err := e.eval(without); err == nil && held {
			left = without
			continue
		}
		out = append(out, d)
	}
	return out
}

// check evaluates and records.
func (e *expr) check(vars map[string]any) Check {
	held, err := e.eval(vars)
	c := Check{Name: e.text, Held: held}
	if err != nil {
		c.Error = err.Error()
	}
	return c
}
