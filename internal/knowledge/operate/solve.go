package operate

import (
	"errors"
	"fmt"
	"math"
	"regexp/syntax"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// ramp is one input series of a unit test: it starts at a value and grows by the
// same step each interval.
type ramp struct {
	labels      labels.Labels
	start, step float64 // step per second
}

// solver finds series for which a query has a value. It knows the shapes that
// alerting rules have; what it makes is proved by evaluating it.
type solver struct {
	ramps []ramp
	until float64 // seconds at which the test looks
}

var errShape = errors.New("a query of this shape")

// satisfy makes series for which a condition holds, or does not.
func (s *solver) satisfy(e parser.Expr, hold bool) error {
	switch e := unparen(e).(type) {
	case *parser.BinaryExpr:
		switch {
		case e.Op == parser.LAND:
			if hold {
				return errors.Join(s.satisfy(e.LHS, true), s.satisfy(e.RHS, true))
			}
			return s.satisfy(e.LHS, false)
		case e.Op == parser.LOR:
			if hold {
				return s.satisfy(e.LHS, true)
			}
			return errors.Join(s.satisfy(e.LHS, false), s.satisfy(e.RHS, false))
		case e.Op == parser.LUNLESS:
			return s.satisfy(e.LHS, hold) // with no series on the right
		case e.Op.IsComparisonOperator():
			return s.comparison(e, hold)
		}
	case *parser.Call:
		if e.Func.Name == "absent" || e.Func.Name == "absent_over_time" {
			if hold {
				return nil
			}
			return s.value(e.Args[0], 1)
		}
	case *parser.VectorSelector:
		if hold {
			return s.value(e, 1)
		}
		return nil
	}
	return errShape
}

func (s *solver) comparison(e *parser.BinaryExpr, hold bool) error {
	left, right, op := e.LHS, e.RHS, e.Op.String()
	limit, ok := constant(right)
	if !ok {
		if l, isLeft := constant(left); isLeft {
			left, limit, ok = right, l, true
			op = map[string]string{">": "<", "<": ">", ">=": "<=", "<=": ">="}[op]
		}
	}
	if !ok { // two vectors: the right one is given a value
		const other = 100
		if err := s.value(right, other); err != nil {
			return err
		}
		limit = other
	}
	v := beyond(op, limit, hold)
	if math.Abs(math.Mod(math.Log10(math.Abs(v)), 3)) < 1e-9 && v > limit && limit > 0 && v < 1e15 && limit != 1 && v != 0 && (limit > 1 || v > 1) {
		v *= 1.5 // away from where a number is written with another prefix
	}
	if hasTime(left) && op == ">" || hasTime(left) && op == ">=" {
		return s.age(left, limit, hold)
	}
	if b, ok := unparen(left).(*parser.BinaryExpr); ok && b.Op == parser.SUB && isTime(b.RHS) {
		if sel, ok := innerSelector(b.LHS); ok { // "x - time()": as far ahead all the time
			return s.add(ramp{labels: sample(sel.LabelMatchers), start: v, step: 1})
		}
	}
	return s.value(left, v)
}

// beyond is a value well on one side of a limit: the other side of rounding.
func beyond(op string, limit float64, hold bool) float64 {
	switch op {
	case "==":
		if hold {
			return limit
		}
		return limit + 1
	case "!=":
		if hold {
			return limit + 1
		}
		return limit
	case "<", "<=":
		return below(limit, hold)
	}
	return below(limit, !hold)
}

// below is a value under a limit, or one over it. A share stays one.
func below(limit float64, under bool) float64 {
	switch {
	case under && limit > 0:
		return limit / 2
	case under && limit == 0:
		return 0
	case under:
		return limit*2 - 1
	case limit > 0 && limit < 1:
		return math.Min(2*limit, (1+limit)/2)
	case limit < 0:
		return limit / 2
	case limit == 0:
		return 3
	}
	return 2 * limit
}

func constant(e parser.Expr) (float64, bool) {
	switch e := unparen(e).(type) {
	case *parser.NumberLiteral:
		return e.Val, true
	case *parser.UnaryExpr:
		v, ok := constant(e.Expr)
		if e.Op == parser.SUB {
			v = -v
		}
		return v, ok
	case *parser.BinaryExpr:
		a, okA := constant(e.LHS)
		b, okB := constant(e.RHS)
		if !okA || !okB {
			return 0, false
		}
		switch e.Op {
		case parser.ADD:
			return a + b, true
		case parser.SUB:
			return a - b, true
		case parser.MUL:
			return a * b, true
		case parser.DIV:
			return a / b, b != 0
		}
	}
	return 0, false
}

func hasTime(e parser.Expr) bool {
	b, ok := unparen(e).(*parser.BinaryExpr)
	if !ok || b.Op != parser.SUB {
		return false
	}
	return isTime(b.LHS)
}

func isTime(e parser.Expr) bool {
	c, ok := unparen(e).(*parser.Call)
	return ok && c.Func.Name == "time"
}

// age solves "time() - x > limit": x long ago, or always now.
func (s *solver) age(e parser.Expr, limit float64, hold bool) error {
	x := unparen(e).(*parser.BinaryExpr).RHS //nolint:forcetypeassert // hasTime has looked
	sel, ok := innerSelector(x)
	if !ok {
		return errShape
	}
	r := ramp{labels: sample(sel.LabelMatchers), start: -10*limit - 1}
	if !hold {
		r.start, r.step = 0, 1
	}
	return s.add(r)
}

// innerSelector is the only selector of an expression that passes values through.
func innerSelector(e parser.Expr) (*parser.VectorSelector, bool) {
	switch e := unparen(e).(type) {
	case *parser.VectorSelector:
		return e, true
	case *parser.AggregateExpr:
		return innerSelector(e.Expr)
	}
	return nil, false
}

// value makes series for which an expression is v.
func (s *solver) value(e parser.Expr, v float64) error {
	switch e := unparen(e).(type) {
	case *parser.VectorSelector:
		if e.OriginalOffset != 0 || e.Timestamp != nil || e.StartOrEnd != 0 {
			return errShape
		}
		return s.add(ramp{labels: sample(e.LabelMatchers), start: v})
	case *parser.UnaryExpr:
		if e.Op == parser.SUB {
			return s.value(e.Expr, -v)
		}
		return s.value(e.Expr, v)
	case *parser.AggregateExpr:
		switch e.Op {
		case parser.SUM, parser.AVG, parser.MIN, parser.MAX, parser.TOPK, parser.BOTTOMK:
			return s.value(e.Expr, v)
		case parser.QUANTILE:
			return s.value(e.Expr, v)
		}
	case *parser.Call:
		return s.call(e, v)
	case *parser.BinaryExpr:
		return s.arithmetic(e, v)
	}
	return errShape
}

func (s *solver) call(e *parser.Call, v float64) error {
	switch e.Func.Name {
	case "abs", "ceil", "floor", "round", "sort", "sort_desc", "clamp_max", "clamp_min", "clamp":
		return s.value(e.Args[0], v)
	case "histogram_quantile":
		return s.quantile(e, v)
	case "rate", "irate", "increase", "delta", "deriv", "idelta",
		"changes", "avg_over_time", "max_over_time", "min_over_time", "last_over_time", "quantile_over_time":
	default:
		return errShape
	}
	arg := unparen(e.Args[len(e.Args)-1])
	if sub, ok := arg.(*parser.SubqueryExpr); ok && strings.HasSuffix(e.Func.Name, "_over_time") && sub.OriginalOffset == 0 {
		return s.value(sub.Expr, v)
	}
	m, ok := arg.(*parser.MatrixSelector)
	if !ok {
		return errShape
	}
	sel, ok := m.VectorSelector.(*parser.VectorSelector)
	if !ok || sel.OriginalOffset != 0 || sel.Timestamp != nil {
		return errShape
	}
	r := ramp{labels: sample(sel.LabelMatchers)}
	switch e.Func.Name {
	case "rate", "irate":
		r.step = v
	case "increase", "delta":
		r.step = v / m.Range.Seconds()
	case "deriv":
		r.step = v
	case "changes":
		if v > 0 {
			r.step = 1 // with every sample
		}
	case "idelta":
		return errShape
	default:
		r.start = v
	}
	if r.step < 0 && (e.Func.Name == "rate" || e.Func.Name == "increase" || e.Func.Name == "irate") {
		return errShape
	}
	return s.add(r)
}

// quantile solves histogram_quantile(q, …): all observations in one bucket that
// begins at 0 have the quantile at that share of it.
func (s *solver) quantile(e *parser.Call, v float64) error {
	q, ok := constant(e.Args[0])
	if !ok || q <= 0 || q >= 1 || v < 0 {
		return errShape
	}
	if v == 0 {
		v = 0.001
	}
	for _, le := range []string{digits(v / q), "+Inf"} {
		inner := solver{until: s.until}
		if err := inner.value(e.Args[1], 1); err != nil {
			return err
		}
		for _, r := range inner.ramps {
			r.labels = labels.NewBuilder(r.labels).Set("le", le).Labels()
			if err := s.add(r); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *solver) arithmetic(e *parser.BinaryExpr, v float64) error {
	a, numA := constant(e.LHS)
	b, numB := constant(e.RHS)
	switch {
	case numB:
		switch e.Op {
		case parser.MUL:
			if b == 0 {
				return errShape
			}
			return s.value(e.LHS, v/b)
		case parser.DIV:
			return s.value(e.LHS, v*b)
		case parser.ADD:
			return s.value(e.LHS, v-b)
		case parser.SUB:
			return s.value(e.LHS, v+b)
		}
	case numA:
		switch e.Op {
		case parser.MUL:
			if a == 0 {
				return errShape
			}
			return s.value(e.RHS, v/a)
		case parser.SUB:
			return s.value(e.RHS, a-v)
		case parser.ADD:
			return s.value(e.RHS, v-a)
		case parser.DIV:
			if v == 0 {
				return errShape
			}
			return s.value(e.RHS, a/v)
		}
	case e.Op == parser.DIV:
		return s.divide(e, v)
	case e.Op == parser.SUB:
		const other = 100
		return errors.Join(s.value(e.RHS, other), s.value(e.LHS, v+other))
	case e.Op == parser.ADD:
		return errors.Join(s.value(e.LHS, v/2), s.value(e.RHS, v/2))
	case e.Op == parser.MUL:
		return errors.Join(s.value(e.RHS, 1), s.value(e.LHS, v))
	}
	return errShape
}

// divide solves a / b. Where the part is counted in the whole, the whole gets the
// rest as series of its own.
func (s *solver) divide(e *parser.BinaryExpr, v float64) error {
	const whole = 100
	part := solver{until: s.until}
	if err := part.value(e.LHS, v*whole); err != nil {
		return err
	}
	if sum, ok := unparen(e.RHS).(*parser.BinaryExpr); ok && sum.Op == parser.ADD { // a / (a + b)
		rest := sum.RHS
		if sum.LHS.String() != e.LHS.String() {
			rest = sum.LHS
		}
		if err := s.value(rest, (1-v)*whole); err != nil {
			return err
		}
		return s.addAll(part.ramps)
	}
	of := solver{until: s.until}
	if err := of.value(e.RHS, whole); err != nil {
		return err
	}
	sel := selectors(e.RHS)
	for i, r := range of.ramps {
		for _, p := range part.ramps {
			if len(sel) == 0 || !matches(sel[0].LabelMatchers, p.labels) || len(of.ramps) > 1 {
				continue
			}
			if v > 1 {
				return errShape // a part is no more than the whole
			}
			// The same series, less what the part already brings.
			r.start, r.step = r.start-p.start, r.step-p.step
			left := selectors(e.LHS)
			if len(left) == 0 {
				return errShape
			}
			other, ok := outsideOf(left[0].LabelMatchers, r.labels)
			if !ok {
				return errShape
			}
			r.labels = other
		}
		of.ramps[i] = r
	}
	return errors.Join(s.addAll(part.ramps), s.addAll(of.ramps))
}

func selectors(e parser.Expr) []*parser.VectorSelector {
	var out []*parser.VectorSelector
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		if v, ok := n.(*parser.VectorSelector); ok {
			out = append(out, v)
		}
		return nil
	})
	return out
}

func matches(ms []*labels.Matcher, ls labels.Labels) bool {
	return !slices.ContainsFunc(ms, func(m *labels.Matcher) bool { return !m.Matches(ls.Get(m.Name)) })
}

// outsideOf changes a label so that matchers do not take the series.
func outsideOf(ms []*labels.Matcher, ls labels.Labels) (labels.Labels, bool) {
	for _, m := range ms {
		if m.Name == model.MetricNameLabel {
			continue
		}
		for _, v := range []string{"other", "200", "none"} {
			if !m.Matches(v) {
				return labels.NewBuilder(ls).Set(m.Name, v).Labels(), true
			}
		}
	}
	return ls, false
}

func (s *solver) addAll(rs []ramp) error {
	for _, r := range rs {
		if err := s.add(r); err != nil {
			return err
		}
	}
	return nil
}

// add takes a series in; the same one with other values is a contradiction.
func (s *solver) add(r ramp) error {
	for _, o := range s.ramps {
		if labels.Equal(o.labels, r.labels) {
			if o.start == r.start && o.step == r.step {
				return nil
			}
			return fmt.Errorf("%w: it asks one series for two values", errShape)
		}
	}
	s.ramps = append(s.ramps, r)
	return nil
}

// sample is a series that matchers take.
func sample(ms []*labels.Matcher) labels.Labels {
	b := labels.NewBuilder(labels.EmptyLabels())
	for _, m := range ms {
		switch m.Type {
		case labels.MatchEqual:
			b.Set(m.Name, m.Value)
		case labels.MatchRegexp:
			if re, err := syntax.Parse(m.Value, syntax.Perl); err == nil {
				b.Set(m.Name, exampleOf(re.Simplify()))
			}
		case labels.MatchNotEqual, labels.MatchNotRegexp:
			for _, v := range []string{"other", "200", "none"} {
				if m.Matches(v) {
					b.Set(m.Name, v)
					break
				}
			}
		}
	}
	return b.Labels()
}

// exampleOf is a text that an expression matches; where it can't be made the proof
// of the test fails.
func exampleOf(re *syntax.Regexp) string {
	switch re.Op {
	case syntax.OpLiteral:
		return string(re.Rune)
	case syntax.OpCharClass:
		if len(re.Rune) > 0 {
			return string(re.Rune[0])
		}
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return "0"
	case syntax.OpCapture, syntax.OpPlus:
		return exampleOf(re.Sub[0])
	case syntax.OpStar, syntax.OpQuest:
		if re.Sub[0].Op == syntax.OpAnyChar || re.Sub[0].Op == syntax.OpAnyCharNotNL {
			return "x"
		}
		return ""
	case syntax.OpConcat:
		var b strings.Builder
		for _, sub := range re.Sub {
			b.WriteString(exampleOf(sub))
		}
		return b.String()
	case syntax.OpAlternate:
		return exampleOf(re.Sub[0])
	}
	return ""
}

// longest is the longest window of a query.
func longest(e parser.Expr) time.Duration {
	var d time.Duration
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		switch n := n.(type) {
		case *parser.MatrixSelector:
			d = max(d, n.Range)
		case *parser.SubqueryExpr:
			d = max(d, n.Range)
		}
		return nil
	})
	return d
}

// shortest is the shortest one; 0 = none.
func shortest(e parser.Expr) time.Duration {
	var d time.Duration
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		if m, ok := n.(*parser.MatrixSelector); ok && (d == 0 || m.Range < d) {
			d = m.Range
		}
		return nil
	})
	return d
}
