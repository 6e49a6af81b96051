package logql

import (
	"regexp"
	"strings"
	"text/template"
)

func (p *parser) json() { p.extractions(p.jsonPath) }

// logfmt may have flags, each once.
func (p *parser) logfmt() {
	for p.err == nil && p.peek().kind == flag {
		if t := p.next(); t.text != "--strict" && t.text != "--keep-empty" {
			p.fail(t.at, "logfmt has the flags --strict and --keep-empty, not %s", t.text)
		}
	}
	p.extractions(func(t token) {
		if !labelRE.MatchString(strings.TrimSpace(t.text)) {
			p.fail(t.at, "%q is not a key of logfmt", t.text)
		}
	})
}

// extractions are names, each with where its value comes from: a="b.c", d.
func (p *parser) extractions(check func(token)) {
	if t := p.peek(); t.kind != word || reserved(t.text) {
		return
	}
	for p.err == nil {
		p.name("a label")
		if p.accept("=") {
			v := p.text("a quoted text")
			if p.err == nil {
				check(v)
			}
		}
		if !p.accept(",") {
			return
		}
	}
}

var jsonPathRE = regexp.MustCompile(`^(?:[a-zA-Z_][a-zA-Z0-9_]*|\[(?:\d+|"[^"]*")\])(?:\.[a-zA-Z_][a-zA-Z0-9_]*|\[(?:\d+|"[^"]*")\])*$`)

func (p *parser) jsonPath(t token) {
	if !jsonPathRE.MatchString(strings.TrimSpace(t.text)) {
		p.fail(t.at, "%q does not lead to a value: write a.b[0][\"c\"]", t.text)
	}
}

var labelRE = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

func (p *parser) regexp() {
	t := p.text("a quoted expression")
	if p.err != nil {
		return
	}
	re := p.expressionOf(t, "regexp")
	if re == nil {
		return
	}
	seen := map[string]bool{}
	for _, n := range re.SubexpNames() {
		if n != "" && seen[n] {
			p.fail(t.at, "regexp: %q is captured twice", n)
		}
		seen[n] = n != ""
	}
	delete(seen, "")
	if len(seen) == 0 {
		p.fail(t.at, "regexp captures nothing: name a group, (?P<name>…)")
	}
}

func (p *parser) pattern() {
	if t := p.text("a quoted pattern"); p.err == nil {
		p.patternOf(t, true)
	}
}

var captureRE = regexp.MustCompile(`<([a-zA-Z_][a-zA-Z0-9_]*)>`)

// patternOf checks the text of a pattern. A parser captures something; a filter
// captures nothing.
func (p *parser) patternOf(t token, captures bool) {
	found := captureRE.FindAllStringSubmatchIndex(t.text, -1)
	named := map[string]bool{}
	for i, m := range found {
		name := t.text[m[2]:m[3]]
		switch {
		case i > 0 && found[i-1][1] == m[0]:
			p.fail(t.at, "pattern: nothing stands between two captures")
		case name == "_":
		case !captures:
			p.fail(t.at, "pattern: a line filter captures nothing; write <_> for <%s>", name)
		case named[name]:
			p.fail(t.at, "pattern: <%s> is captured twice", name)
		}
		if name != "_" {
			named[name] = true
		}
	}
	switch {
	case captures && len(named) == 0:
		p.fail(t.at, "pattern captures nothing: write <name>")
	}
}

func (p *parser) lineFormat() {
	if t := p.text("a quoted template"); p.err == nil {
		p.templateOf(t)
	}
}

func (p *parser) labelFormat() {
	seen := map[string]bool{}
	for p.err == nil {
		n := p.name("a label")
		p.expect("=")
		if p.err != nil {
			return
		}
		if seen[n.text] {
			p.fail(n.at, "label %q is formatted twice", n.text)
		}
		seen[n.text] = true
		if p.peek().kind == text {
			p.templateOf(p.next())
		} else {
			p.name("a label or a quoted template")
		}
		if !p.accept(",") {
			return
		}
	}
}

// dropOrKeep lists labels, alone or with a matcher.
func (p *parser) dropOrKeep() {
	for p.err == nil {
		p.name("a label")
		if op := p.peek(); op.kind == sign && (op.text == "=" || op.text == "!=" || op.text == "=~" || op.text == "!~") && p.ahead(1).kind == text {
			p.next()
			p.matcher(op, p.next())
		}
		if !p.accept(",") {
			return
		}
	}
}

// templateFunctions are those that Loki documents beside Go's own.
const templateFunctions = `__line__ __timestamp__ regexReplaceAll regexReplaceAllLiteral count ToLower ToUpper Replace Trim TrimLeft TrimRight
TrimPrefix TrimSuffix TrimSpace b64enc b64dec lower upper title trunc substr contains hasPrefix hasSuffix indent nindent replace
repeat trim trimAll trimSuffix trimPrefix alignLeft alignRight int float64 add sub mul div mod addf subf mulf divf max min maxf minf ceil
floor round fromJson date toDate toDateInZone now unixEpoch unixEpochMillis unixEpochNanos unixToTime duration duration_seconds bytes default urlencode urldecode`

func (p *parser) templateOf(t token) {
	functions := template.FuncMap{}
	for _, name := range strings.Fields(templateFunctions) {
		functions[name] = func(...any) string { return "" }
	}
	if _, err := template.New("").Option("missingkey=zero").Funcs(functions).Parse(t.text); err != nil {
		p.fail(t.at, "template: %s", strings.TrimPrefix(err.Error(), "template: "))
	}
}
