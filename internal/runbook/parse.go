package runbook

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"

	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/strict"
)

// Bounds on a runbook.
const (
	maxDiagnostics    = 30
	maxFindings       = 30
	maxRemediations   = 30
	maxEscalations    = 50
	maxPreconditions  = 30
	maxParam          = 8000
	defaultTimeout    = 3 * time.Second
	maxTimeout        = 30 * time.Second
	maxSince          = 30 * 24 * time.Hour
	maxVerify         = time.Hour
	maxTextOfRunbook  = 4000
	maxPatternOfQuery = 500
	maxPromQL         = 4000
)

// compiled is what Parse prepared from the text.
type compiled struct {
	labels   map[string]*regexp.Regexp
	when     []*expr // of remediations
	verify   []*expr // of remediations; nil without one
	precond  []*expr // nil where the precondition is no expression
	escalate []*expr
	confirm  [][]*expr // of findings
	exclude  [][]*expr
	facts    map[string]fact // that the diagnostics capture
}

// Parse reads and checks one runbook. Everything that can be known without
// catalog and sources is checked here: keys, names, actions and parameters,
// cause classes, PromQL, regular expressions, and every CEL expression with the
// facts that it names. The error joins *problem.Problem.
func Parse(file string, data []byte) (*Runbook, error) {
	n, err := strict.Parse(file, data)
	if err != nil {
		return nil, err
	}
	r := &Runbook{file: file, node: n, data: data}
	if err := strict.Decode(file, n, r); err != nil {
		return nil, err
	}
	h := sha256.Sum256(data)
	r.sha256 = hex.EncodeToString(h[:])
	if err := r.compile(nil); err != nil {
		return nil, err
	}
	return r, nil
}

// compile checks the runbook and prepares its expressions. included says which
// question of another runbook a fact comes from.
func (r *Runbook) compile(included map[string]string) error {
	c := &checker{r: r, node: r.node, promQL: parser.NewParser(parser.Options{}), included: included}
	c.run()
	return errors.Join(c.errs...)
}

// Print writes the runbook as YAML: Parse reads it back to the same values.
func (r *Runbook) Print() ([]byte, error) {
	b, err := yaml.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("print runbook %q: %w", r.Name, err)
	}
	return b, nil
}

// UnmarshalStrict reads a word or a mapping with one key.
func (p *Precondition) UnmarshalStrict(d *strict.Decoder, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		d.Decode(n, &p.Word)
		return
	}
	type plain Precondition
	var q plain
	d.Decode(n, &q)
	*p = Precondition(q)
	if (p.Changes == nil) == (p.When == "") {
		d.Problem(n, "write no_maintenance_window, changes: {…} or when: …", "a precondition is a word or has exactly one key")
	}
}

// MarshalYAML writes the shape that was read.
func (p Precondition) MarshalYAML() (any, error) {
	if p.Word != "" {
		return string(p.Word), nil
	}
	type plain Precondition
	return plain(p), nil
}

// checker collects the problems of one runbook.
type checker struct {
	r      *Runbook
	node   *yaml.Node
	errs   []error
	promQL parser.Parser
	exprs  *exprs
	// included maps a fact to the question of another runbook that it comes from.
	included map[string]string
}

// place addresses a place in the file.
type place []any

func (p place) at(more ...any) place { return slices.Concat(p, place(more)) }

func (c *checker) problem(rule string, p place, hint, format string, args ...any) {
	pr := strict.Problem(c.r.file, c.node, p, hint, format, args...)
	pr.Rule = rule
	c.errs = append(c.errs, pr)
}

// most reports a list with more than n entries.
func (c *checker) most(key string, got, n int, hint string) {
	if got > n {
		c.problem(ruleLimit, place{key, n}, hint, "more than %d %s", n, key)
	}
}

func (c *checker) run() {
	c.r.compiled = &compiled{}
	c.hidden()
	c.name(place{"name"}, "runbook", c.r.Name)
	c.text(place{"title"}, c.r.Title)
	c.text(place{"description"}, c.r.Description)
	c.most("preconditions", len(c.r.Preconditions), maxPreconditions, "")
	c.most("diagnostics", len(c.r.Diagnostics), maxDiagnostics, "split the runbook")
	c.most("findings", len(c.r.Findings), maxFindings, "split the runbook")
	c.most("remediations", len(c.r.Remediations), maxRemediations, "split the runbook")
	c.most("escalate_when", len(c.r.EscalateWhen), maxEscalations, "join conditions with ||")
	c.trigger()
	facts := c.diagnostics()
	var err error
	if c.exprs, err = newExprs(facts); err != nil {
		c.problem(ruleCondition, nil, "", "%s", err)
		return
	}
	c.preconditions()
	c.findings()
	c.remediations()
	for i, e := range c.r.EscalateWhen {
		c.r.compiled.escalate = append(c.r.compiled.escalate, c.expr(place{"escalate_when", i}, e, scopeFacts))
	}
	c.r.compiled.facts = facts
	if len(c.errs) == 0 {
		c.reach()
	}
}

var (
	nameRE   = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)
	factRE   = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
	serviceR = regexp.MustCompile(`^(\$\{service\}|[a-zA-Z0-9][a-zA-Z0-9._-]{0,127})$`)
	holeRE   = regexp.MustCompile(`\$\{([^}]*)\}`)
)

func (c *checker) name(p place, what, name string) {
	if !nameRE.MatchString(name) {
		c.problem(ruleName, p, "use lower-case letters, digits and dashes", "%s name %q is not usable", what, name)
	}
}

// text checks what people read: its length, and that it moves no cursor.
func (c *checker) text(p place, s string) {
	if len(s) > maxTextOfRunbook {
		c.problem(ruleLimit, p, "", "text has %d bytes; at most %d are kept", len(s), maxTextOfRunbook)
	}
	if i := strings.IndexFunc(s, control); i >= 0 {
		c.problem(ruleText, p, "take it out", "text has the control character %+q", s[i:i+1])
	}
}

// hidden refuses characters that nobody sees and that make a line read as
// another than it is, wherever they stand: in a comment, a query, a command.
func (c *checker) hidden() {
	bad := func(line, column int, r rune) {
		pr := strict.Problem(c.r.file, c.node, nil, "take it out: it is not seen, and what stands beside it is not what it seems", "the invisible character %+q", r)
		pr.Rule, pr.Line, pr.Column = ruleText, line, column
		c.errs = append(c.errs, pr)
	}
	text := strings.TrimPrefix(string(c.r.data), "\ufeff")
	if i := strings.IndexFunc(text, invisible); i >= 0 {
		r, _ := utf8.DecodeRuneInString(text[i:])
		before := text[:i]
		bad(strings.Count(before, "\n")+1, utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])+1, r)
		return
	}
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		if i := strings.IndexFunc(n.Value, invisible); i >= 0 && n.Kind == yaml.ScalarNode { // written as \u…
			r, _ := utf8.DecodeRuneInString(n.Value[i:])
			bad(n.Line, n.Column, r)
		}
		for _, child := range n.Content {
			walk(child)
		}
	}
	walk(c.node)
}

// invisible reports characters that turn the direction of text or take no room.
func invisible(r rune) bool {
	switch {
	case r == 0x061c, r == 0x200e, r == 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069: // direction
		return true
	case r == 0x200b, r >= 0x2060 && r <= 0x2064, r == 0xfeff, r >= 0xe0000 && r <= 0xe007f: // no room
		return true
	}
	return r == 0x2028 || r == 0x2029 // lines for some readers
}

// control reports characters that move a cursor or change a terminal.
func control(r rune) bool { return r != '\n' && r != '\t' && unicode.IsControl(r) }

func (c *checker) service(p place, s string) {
	if !serviceR.MatchString(s) {
		c.problem(ruleService, p, "write the name of a service of the catalog, or ${service}", "%q is not a service name", s)
	}
}

// holes checks ${…} in text that is filled in.
func (c *checker) holes(p place, text string, allowed ...string) {
	for _, m := range holeRE.FindAllStringSubmatch(text, -1) {
		if slices.Contains(allowed, m[1]) {
			continue
		}
		hint := "known here: ${" + strings.Join(allowed, "}, ${") + "}"
		if near := problem.Nearest(m[1], allowed); near != "" {
			hint = "did you mean ${" + near + "}?"
		}
		c.problem(ruleVariable, p, hint, "unknown variable ${%s}", m[1])
	}
}

func (c *checker) trigger() {
	t := c.r.Trigger
	if len(t.Alerts)+len(t.Labels)+len(t.Services) == 0 {
		c.problem(ruleTrigger, place{"trigger"}, "add alerts, labels or services", "a trigger that names nothing would match everything")
	}
	for i, a := range t.Alerts {
		if a == "" || len(a) > 200 {
			c.problem(ruleTrigger, place{"trigger", "alerts", i}, "", "alert name %q is not usable", a)
		}
	}
	for i, s := range t.Services {
		if s == "${service}" || !serviceR.MatchString(s) {
			c.problem(ruleTrigger, place{"trigger", "services", i}, "", "%q is not a service name", s)
		}
	}
	labels, bad := t.labelPatterns()
	for _, l := range slices.Sorted(maps.Keys(bad)) {
		c.problem(ruleTrigger, place{"trigger", "labels", l}, "", "not a regular expression: %s", t.Labels[l])
	}
	c.r.compiled.labels = labels
}

// expr compiles one condition; a problem is put where CEL saw it.
func (c *checker) expr(p place, text string, sc scope) *expr {
	e, bad := c.exprs.compile(text, sc)
	if bad == nil {
		return e
	}
	c.place(p, bad)
	return nil
}

// place puts a problem where CEL saw it inside an expression.
func (c *checker) place(p place, bad *exprError) {
	c.problemWithin(cmp.Or(bad.rule, ruleCondition), p, offsetOf(strict.At(c.node, p...).Value, bad), bad.hint, "%s", bad.what)
}

// offsetOf is the byte of an expression at which something is wrong.
func offsetOf(text string, bad *exprError) int {
	at := 0
	for range bad.line - 1 {
		i := strings.IndexByte(text[at:], '\n')
		if i < 0 {
			return 0
		}
		at += i + 1
	}
	for range bad.column {
		_, size := utf8.DecodeRuneInString(text[at:])
		at += size
	}
	return at
}

func (c *checker) preconditions() {
	for i, pc := range c.r.Preconditions {
		p := place{"preconditions", i}
		var e *expr
		if pc.When != "" {
			e = c.expr(p.at("when"), pc.When, scopeFacts)
		}
		if pc.Changes != nil {
			c.service(p.at("changes", "service"), pc.Changes.Service)
			c.since(p.at("changes", "since"), pc.Changes.Since)
		}
		c.r.compiled.precond = append(c.r.compiled.precond, e)
	}
}

func (c *checker) findings() {
	for i, f := range c.r.Findings {
		p := place{"findings", i}
		c.service(p.at("component"), f.Component)
		if len(f.Confirm) == 0 {
			c.problem(ruleFinding, p.at("confirm"), "", "a finding needs at least one condition")
		}
		var confirm, exclude []*expr
		for j, text := range f.Confirm {
			e := c.expr(p.at("confirm", j), text, scopeFacts)
			if e != nil && len(e.facts) == 0 {
				c.problem(ruleFinding, p.at("confirm", j), "compare a captured fact", "condition rests on no fact")
			}
			confirm = append(confirm, e)
		}
		for j, x := range f.Exclude {
			px := p.at("exclude", j)
			if x.Component != "" {
				c.service(px.at("component"), x.Component)
			}
			e := c.expr(px.at("when"), x.When, scopeFacts)
			if e != nil && len(e.facts) == 0 {
				c.problem(ruleFinding, px.at("when"), "compare a captured fact", "condition rests on no fact")
			}
			exclude = append(exclude, e)
		}
		c.r.compiled.confirm = append(c.r.compiled.confirm, confirm)
		c.r.compiled.exclude = append(c.r.compiled.exclude, exclude)
	}
}
