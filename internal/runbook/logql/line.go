package logql

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// lines is a selector with its pipeline.
func (p *parser) lines() {
	p.selector()
	for p.err == nil && stageBegins(p.peek()) {
		if p.is("|") && strings.EqualFold(p.ahead(1).text, "unwrap") {
			p.fail(p.ahead(1).at, "unwrap stands only inside a function over a range")
			return
		}
		p.stage()
	}
}

// selector is {a="b", …} with at least one matcher that needs the label.
func (p *parser) selector() {
	at := p.peek().at
	p.expect("{")
	needs := false
	for p.err == nil && !p.is("}") {
		p.name("a label")
		op, value := p.next(), p.text("a quoted text")
		if p.err != nil {
			return
		}
		needs = p.matcher(op, value) || needs
		if !p.accept(",") {
			break
		}
		if p.is("}") {
			p.unexpected("a label")
		}
	}
	p.expect("}")
	if p.err == nil && !needs {
		p.fail(at, "the selector needs one matcher that does not match the empty text")
	}
}

// matcher checks one, and reports whether it needs the label to be there.
func (p *parser) matcher(op, value token) bool {
	switch op.text {
	case "=":
		return value.text != ""
	case "!=":
		return value.text == ""
	case "=~", "!~":
		re := p.expressionOf(value, "the matcher")
		if re == nil {
			return false
		}
		anchored := regexp.MustCompile("^(?s:" + value.text + ")$")
		return anchored.MatchString("") == (op.text == "!~")
	}
	p.fail(op.at, "%q where =, !=, =~ or !~ is expected", op.text)
	return false
}

// expressionOf compiles a regular expression.
func (p *parser) expressionOf(t token, where string) *regexp.Regexp {
	re, err := regexp.Compile(t.text)
	if err != nil {
		p.fail(t.at, "%s: %s", where, err)
		return nil
	}
	return re
}

func stageBegins(t token) bool {
	return t.kind == sign && slices.Contains([]string{"|", "|=", "!=", "|~", "!~", "|>", "!>"}, t.text)
}

func (p *parser) stage() {
	t := p.next()
	if t.text != "|" {
		p.lineFilter(t)
		return
	}
	w := p.peek()
	if w.kind == word && !p.comparisonFollows() {
		if read, ok := p.stages()[strings.ToLower(w.text)]; ok {
			p.next()
			read()
			return
		}
	}
	p.labelFilters()
}

// comparisonFollows reports whether the word is a label in a filter.
func (p *parser) comparisonFollows() bool {
	t := p.ahead(1)
	return t.kind == sign && slices.Contains([]string{"=", "==", "!=", "=~", "!~", ">", ">=", "<", "<="}, t.text) && !(t.text == "!=" || t.text == "!~") ||
		t.kind == sign && (t.text == "!=" || t.text == "!~") && !reserved(p.peek().text)
}

// filterFollows reports whether "| word" is a label filter.
func (p *parser) filterFollows() bool {
	t := p.ahead(1)
	return t.kind == sign && t.text == "(" || t.kind == word && !reserved(t.text)
}

func (p *parser) stages() map[string]func() {
	return map[string]func(){
		"json": p.json, "logfmt": p.logfmt, "regexp": p.regexp, "pattern": p.pattern, "unpack": func() {}, "decolorize": func() {},
		"line_format": p.lineFormat, "label_format": p.labelFormat, "drop": p.dropOrKeep, "keep": p.dropOrKeep,
	}
}

// lineFilter is |= "a" or "b", with ip("…") where the line must (not) contain it.
func (p *parser) lineFilter(op token) {
	for p.err == nil {
		if p.isWord("ip") {
			if op.text != "|=" && op.text != "!=" {
				p.fail(op.at, "ip() takes |= or !=")
			}
			p.ip()
		} else {
			v := p.text("a quoted text")
			if p.err != nil {
				return
			}
			switch op.text {
			case "|~", "!~":
				p.expressionOf(v, "line filter")
			case "|>", "!>":
				p.patternOf(v, false)
			}
		}
		if !p.acceptWord("or") {
			return
		}
	}
}

func (p *parser) ip() {
	p.next()
	p.expect("(")
	v := p.text("an address")
	p.expect(")")
	if p.err == nil && !isIP(v.text) {
		p.fail(v.at, "%q is not an address, a range of addresses or a network", v.text)
	}
}

func isIP(s string) bool {
	if _, err := netip.ParsePrefix(s); err == nil {
		return true
	}
	from, to, isRange := strings.Cut(s, "-")
	a, err := netip.ParseAddr(from)
	if !isRange || err != nil {
		return err == nil
	}
	b, err := netip.ParseAddr(to)
	return err == nil && a.Is4() == b.Is4() && !b.Less(a)
}

// labelFilters: comparisons, joined by and, or, a comma or nothing.
func (p *parser) labelFilters() {
	defer p.enter()()
	for p.err == nil {
		p.labelFilter()
		switch {
		case p.acceptWord("and"), p.acceptWord("or"), p.accept(","):
		case p.is("("), p.peek().kind == word && !reserved(p.peek().text):
		default:
			return
		}
	}
}

func (p *parser) labelFilter() {
	if p.accept("(") {
		p.labelFilters()
		p.expect(")")
		return
	}
	p.name("a stage or a label")
	if p.err != nil {
		return
	}
	op := p.next()
	if op.kind != sign || !slices.Contains([]string{"=", "==", "!=", "=~", "!~", ">", ">=", "<", "<="}, op.text) {
		p.i--
		p.unexpected("a comparison")
		return
	}
	v := p.peek()
	switch {
	case p.isWord("ip") && p.ahead(1).text == "(":
		if op.text != "=" && op.text != "!=" {
			p.fail(op.at, "ip() takes = or !=")
		}
		p.ip()
	case v.kind == text:
		p.next()
		switch op.text {
		case "=~", "!~":
			p.expressionOf(v, "label filter")
		case "=", "!=":
		default:
			p.fail(v.at, "%s compares numbers, not texts", op.text)
		}
	case op.text == "=~" || op.text == "!~":
		p.unexpected("a quoted expression")
	default:
		signed := p.accept("-") || p.accept("+")
		switch k := p.peek().kind; {
		case k == number, k == duration && v.text != "+", k == size && !signed:
			p.next()
		default:
			p.unexpected("a text, a number, a duration or a size")
		}
	}
}
