package operate

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
)

const (
	assumedSeverity = "the text gives no severity: warning"
	assumedAtOnce   = "the text gives no time that it must hold: it fires at once"
)

// rule makes a rule of a statement, or lists why none can be made.
func (r *reader) rule(s statement) {
	made, why, candidate := r.expression(s)
	if why != "" {
		r.left(Rules, s.line, why, candidate)
		return
	}
	e := r.promQL.expr(made.expr)
	if e == nil {
		r.left(Rules, s.line, "what it becomes is no PromQL", made.expr)
		return
	}
	u := Rule{
		Expr: made.expr, Severity: s.severity, Priority: s.priority, Text: shown(cmp.Or(s.said, s.text)), Place: s.place,
		Assumed: made.assumed, about: made.metrics, limit: limitOf(e),
	}
	if s.hold == 0 {
		u.fromWindow = made.hold > 0
	}
	if hold := max(s.hold, made.hold); hold > 0 {
		u.For = promSpan(hold)
	} else {
		u.Assumed = append(u.Assumed, assumedAtOnce)
	}
	if u.Severity == "" {
		u.Severity = "warning"
		u.Assumed = append(u.Assumed, assumedSeverity)
	}
	if slices.ContainsFunc(r.Rules, func(o Rule) bool { return o.Expr == u.Expr && o.For == u.For && o.Severity == u.Severity }) {
		return // said twice
	}
	name := s.name
	if name == "" {
		name = made.name
	}
	if r.names[name] {
		name += strings.ToUpper(u.Severity[:1]) + u.Severity[1:]
	}
	u.Name = r.unique(name)
	r.Rules = append(r.Rules, u)
}

// unique is a name that no other rule of the artefact has.
func (r *reader) unique(name string) string {
	out := name
	for i := 2; r.names[out]; i++ {
		out = name + strconv.Itoa(i)
	}
	r.names[out] = true
	return out
}

// promSpan writes a length of time as Prometheus does.
func promSpan(d time.Duration) string {
	for _, u := range []struct {
		name string
		d    time.Duration
	}{{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}, {"ms", time.Millisecond}} {
		if d >= u.d && d%u.d == 0 {
			return fmt.Sprintf("%d%s", d/u.d, u.name)
		}
	}
	return "0s"
}

// limitOf is the threshold of a query that compares with a number.
func limitOf(e parser.Expr) *limit {
	b, ok := unparen(e).(*parser.BinaryExpr)
	if !ok || !b.Op.IsComparisonOperator() {
		return nil
	}
	n, ok := unparen(b.RHS).(*parser.NumberLiteral)
	if !ok {
		return nil
	}
	return &limit{expr: b.LHS.String(), op: b.Op.String(), value: n.Val}
}
