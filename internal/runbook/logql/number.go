package logql

import (
	"slices"
	"strconv"
	"strings"
)

// precedence of the operators between numbers, by word or sign.
func precedence(t token) int {
	switch t.kind {
	case word:
		switch strings.ToLower(t.text) {
		case "or":
			return 1
		case "and", "unless":
			return 2
		}
	case sign:
		switch t.text {
		case "==", "!=", ">", ">=", "<", "<=":
			return 3
		case "+", "-":
			return 4
		case "*", "/", "%":
			return 5
		case "^":
			return 6
		}
	}
	return 0
}

// expression reads operators that bind at least as tightly as least.
func (p *parser) expression(least int) Gives {
	defer p.enter()()
	left := p.operand()
	for p.err == nil {
		op := p.peek()
		binds := precedence(op)
		if binds == 0 || binds < least {
			return left
		}
		if left == Lines {
			p.fail(op.at, "%s works on numbers, not on log lines", op.text)
			return left
		}
		p.next()
		p.modifiers()
		after := binds + 1
		if op.text == "^" {
			after = binds // to the right
		}
		at := p.peek().at
		right := p.expression(after)
		switch {
		case p.err != nil:
		case right == Lines:
			p.fail(at, "%s works on numbers, not on log lines", op.text)
		case binds <= 2 && (left == Literal || right == Literal):
			p.fail(op.at, "%s can't work on a number that is always the same", op.text)
		}
		if right != Literal {
			left = Number
		}
	}
	return left
}

// modifiers stand behind an operator: bool, on (…), group_left (…). Where they
// have no meaning Loki takes them all the same.
func (p *parser) modifiers() {
	p.acceptWord("bool")
	if !p.acceptWord("on") && !p.acceptWord("ignoring") {
		return
	}
	p.labels()
	if (p.acceptWord("group_left") || p.acceptWord("group_right")) && p.is("(") {
		p.labels()
	}
}

// labels is a list of names in brackets.
func (p *parser) labels() {
	p.expect("(")
	for p.err == nil && !p.is(")") {
		p.name("a label")
		if !p.accept(",") {
			break
		}
		if p.is(")") {
			p.unexpected("a label")
		}
	}
	p.expect(")")
}

func (p *parser) operand() Gives {
	t := p.peek()
	switch {
	case p.is("{"):
		p.lines()
		return Lines
	case p.is("("):
		p.next()
		gives := p.expression(0)
		p.expect(")")
		return gives
	case p.is("-"), p.is("+"):
		p.next()
		if p.peek().kind != number {
			p.unexpected("a number")
		}
		p.next()
		return Literal
	case t.kind == number:
		p.next()
		return Literal
	case t.kind == word && p.ahead(1).kind == sign && (p.ahead(1).text == "("), t.kind == word && vectorOp(t.text):
		p.call()
		return Number
	}
	p.unexpected("a selector {…} or a function")
	return Lines
}

func vectorOp(w string) bool {
	return slices.Contains([]string{"sum", "avg", "count", "max", "min", "stddev", "stdvar", "topk", "bottomk", "approx_topk", "sort", "sort_desc"}, strings.ToLower(w))
}

func (p *parser) call() {
	t := p.next()
	name := strings.ToLower(t.text)
	switch {
	case vectorOp(name):
		p.aggregate(t, name)
	case name == "label_replace":
		p.labelReplace()
	case name == "vector":
		p.expect("(")
		if p.peek().kind != number {
			p.unexpected("a number")
		}
		p.next()
		p.expect(")")
	default:
		op, ok := rangeOps[name]
		if !ok {
			p.fail(t.at, "unknown function %q", t.text)
			return
		}
		p.overTime(t, name, op)
	}
}

// aggregate is sum by (a) (…), or the other way round.
func (p *parser) aggregate(t token, name string) {
	grouped := p.grouping()
	p.expect("(")
	takes := name == "topk" || name == "bottomk" || name == "approx_topk"
	if n := p.peek(); n.kind == number && p.ahead(1).kind == sign && p.ahead(1).text == "," {
		p.next()
		p.next()
		k, err := strconv.Atoi(n.text)
		switch {
		case !takes:
			p.fail(n.at, "%s takes no number", name)
		case err != nil || k <= 0:
			p.fail(n.at, "%s takes a whole number above 0", name)
		}
	} else if takes {
		p.unexpected("a number and a comma")
	}
	if at := p.peek().at; p.number() == Literal {
		p.fail(at, "%s of a number that is always the same", name)
	}
	p.expect(")")
	if !grouped && p.err == nil {
		grouped = p.grouping()
	}
	if grouped && (name == "sort" || name == "sort_desc") {
		p.fail(t.at, "%s can't be grouped", name)
	}
}

// number is an expression that gives numbers.
func (p *parser) number() Gives {
	at := p.peek().at
	gives := p.expression(0)
	if gives == Lines && p.err == nil {
		p.fail(at, "log lines where numbers are expected: count_over_time(… [5m]) makes numbers of them")
	}
	return gives
}

func (p *parser) grouping() bool {
	if !p.acceptWord("by") && !p.acceptWord("without") {
		return false
	}
	p.labels()
	return true
}

func (p *parser) labelReplace() {
	p.expect("(")
	p.number()
	var args []token
	for range 4 {
		p.expect(",")
		args = append(args, p.text("a text"))
	}
	p.expect(")")
	if p.err == nil {
		p.expressionOf(args[3], "label_replace")
	}
}

// rangeOp is what a function over a range of lines needs.
type rangeOp struct {
	unwrap  bool // it needs unwrap
	either  bool // with and without
	grouped bool // it can be grouped
	number  bool // it takes a number first
}

var rangeOps = map[string]rangeOp{
	"rate": {either: true}, "count_over_time": {}, "bytes_rate": {}, "bytes_over_time": {}, "absent_over_time": {either: true},
	"rate_counter": {unwrap: true}, "sum_over_time": {unwrap: true}, "avg_over_time": {unwrap: true, grouped: true},
	"min_over_time": {unwrap: true, grouped: true}, "max_over_time": {unwrap: true, grouped: true},
	"stddev_over_time": {unwrap: true, grouped: true}, "stdvar_over_time": {unwrap: true, grouped: true},
	"first_over_time": {unwrap: true, grouped: true}, "last_over_time": {unwrap: true, grouped: true},
	"quantile_over_time": {unwrap: true, grouped: true, number: true},
}

// overTime is count_over_time({…} [5m]).
func (p *parser) overTime(t token, name string, op rangeOp) {
	p.expect("(")
	if n := p.peek(); n.kind == number {
		p.next()
		if !op.number {
			p.fail(n.at, "%s takes no number", name)
		}
		p.expect(",")
	} else if op.number {
		p.unexpected("a number and a comma")
	}
	r := p.overRange()
	p.expect(")")
	if p.err != nil {
		return
	}
	switch {
	case !r.spanned:
		p.fail(t.at, "%s needs a range such as [5m] behind the lines", name)
	case op.unwrap && !r.unwrapped:
		p.fail(t.at, "%s needs | unwrap LABEL: it works on a value of each line", name)
	case !op.unwrap && !op.either && r.unwrapped:
		p.fail(t.at, "%s counts lines; | unwrap has no meaning there", name)
	}
	if at := p.peek().at; p.err == nil && p.grouping() && (!op.grouped) {
		p.fail(at, "%s can't be grouped", name)
	}
}

// ranged is what was read of a range of lines.
type ranged struct {
	spanned, unwrapped bool
	bare               bool // nothing stands between the selector and here
}

func (p *parser) overRange() (r ranged) {
	defer p.enter()()
	if p.accept("(") {
		at := p.peek()
		r = p.overRange()
		if at.text == "(" && !r.spanned && p.err == nil {
			p.unexpected("a range such as [5m]")
		}
		p.expect(")")
		if !r.spanned {
			r.bare = false
			p.rest(&r, true)
		}
		return r
	}
	p.selector()
	r.bare = true
	p.rest(&r, false)
	return r
}

// rest is what may follow a selector, or brackets around one: the range once,
// with an offset; stages; unwrap with filters behind it.
func (p *parser) rest(r *ranged, bracketed bool) {
	for p.err == nil {
		t := p.peek()
		switch {
		case bracketed && t.kind != span:
			return
		case t.kind == span:
			if r.spanned {
				p.fail(t.at, "a second range")
			}
			p.next()
			r.spanned = true
			p.offset()
			if !r.bare {
				return
			}
		case p.is("|") && strings.EqualFold(p.ahead(1).text, "unwrap"):
			r.bare = r.bare && r.spanned
			if r.unwrapped {
				p.fail(t.at, "a second unwrap")
			}
			p.next()
			p.next()
			p.unwrap()
			r.unwrapped = true
		case stageBegins(t):
			if r.unwrapped && !(t.text == "|" && p.filterFollows()) {
				p.fail(t.at, "behind unwrap only label filters may stand")
				return
			}
			r.bare = r.bare && r.spanned
			p.stage()
		default:
			return
		}
	}
}

func (p *parser) offset() {
	if !p.acceptWord("offset") {
		return
	}
	p.accept("-")
	if p.peek().kind != duration {
		p.unexpected("a duration such as 5m")
	}
	p.next()
}

func (p *parser) unwrap() {
	if t := p.peek(); t.kind == word && p.ahead(1).kind == sign && p.ahead(1).text == "(" {
		if !slices.Contains([]string{"bytes", "duration", "duration_seconds"}, strings.ToLower(t.text)) {
			p.fail(t.at, "unwrap converts by bytes, duration or duration_seconds, not by %q", t.text)
		}
		p.next()
		p.expect("(")
		p.name("a label")
		p.expect(")")
		return
	}
	p.name("a label")
}
