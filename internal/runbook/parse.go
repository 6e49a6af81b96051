package runbook

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/strict"
)

// Bounds on a runbook.
const (
	maxDiagnostics    = 30
	defaultTimeout    = 3 * time.Second
	maxTimeout        = 30 * time.Second
	maxSince          = 30 * 24 * time.Hour
	maxVerify         = time.Hour
	maxTextOfRunbook  = 4000
	maxPatternOfQuery = 500
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
	r := &Runbook{file: file, node: n}
	if err := strict.Decode(file, n, r); err != nil {
		return nil, err
	}
	h := sha256.Sum256(data)
	r.sha256 = hex.EncodeToString(h[:])
	c := &checker{r: r, node: n, promQL: parser.NewParser(parser.Options{})}
	c.run()
	if len(c.errs) > 0 {
		return nil, errors.Join(c.errs...)
	}
	return r, nil
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

// UnmarshalStrict reads a fact name, or a mapping of fact names to parts.
func (c *Capture) UnmarshalStrict(d *strict.Decoder, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		var name string
		d.Decode(n, &name)
		*c = Capture{name: ""} // the main part; filled in when the kind is known
		return
	}
	var m map[string]Part
	d.Decode(n, &m)
	*c = m
}

// MarshalYAML writes the mapping.
func (c Capture) MarshalYAML() (any, error) { return map[string]Part(c), nil }

// checker collects the problems of one runbook.
type checker struct {
	r      *Runbook
	node   *yaml.Node
	errs   []error
	promQL parser.Parser
	exprs  *exprs
}

// place addresses a place in the file.
type place []any

func (p place) at(more ...any) place { return slices.Concat(p, place(more)) }

func (c *checker) problem(p place, hint, format string, args ...any) {
	c.errs = append(c.errs, strict.Problem(c.r.file, c.node, p, hint, format, args...))
}

func (c *checker) run() {
	c.r.compiled = &compiled{}
	c.name(place{"name"}, "runbook", c.r.Name)
	c.text(place{"title"}, c.r.Title)
	c.text(place{"description"}, c.r.Description)
	c.trigger()
	factFrom, types := c.diagnostics()
	var err error
	if c.exprs, err = newExprs(factFrom, types); err != nil {
		c.problem(nil, "", "%s", err)
		return
	}
	c.preconditions()
	c.findings()
	c.remediations()
	for i, e := range c.r.EscalateWhen {
		c.r.compiled.escalate = append(c.r.compiled.escalate, c.expr(place{"escalate_when", i}, e, scopeFacts))
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
		c.problem(p, "use lower-case letters, digits and dashes", "%s name %q is not usable", what, name)
	}
}

func (c *checker) text(p place, s string) {
	if len(s) > maxTextOfRunbook {
		c.problem(p, "", "text has %d bytes; at most %d are kept", len(s), maxTextOfRunbook)
	}
}

func (c *checker) service(p place, s string) {
	if !serviceR.MatchString(s) {
		c.problem(p, "write the name of a service of the catalog, or ${service}", "%q is not a service name", s)
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
		c.problem(p, hint, "unknown variable ${%s}", m[1])
	}
}

func (c *checker) trigger() {
	t := c.r.Trigger
	if len(t.Alerts)+len(t.Labels)+len(t.Services) == 0 {
		c.problem(place{"trigger"}, "add alerts, labels or services", "a trigger that names nothing would match everything")
	}
	for i, a := range t.Alerts {
		if a == "" || len(a) > 200 {
			c.problem(place{"trigger", "alerts", i}, "", "alert name %q is not usable", a)
		}
	}
	for i, s := range t.Services {
		if s == "${service}" || !serviceR.MatchString(s) {
			c.problem(place{"trigger", "services", i}, "", "%q is not a service name", s)
		}
	}
	labels, bad := t.labelPatterns()
	for _, l := range slices.Sorted(maps.Keys(bad)) {
		c.problem(place{"trigger", "labels", l}, "", "not a regular expression: %s", t.Labels[l])
	}
	c.r.compiled.labels = labels
}

// diagnostics checks each and returns where each fact comes from and its type.
func (c *checker) diagnostics() (map[string]string, map[string]*cel.Type) {
	if len(c.r.Diagnostics) > maxDiagnostics {
		c.problem(place{"diagnostics", maxDiagnostics}, "split the runbook", "more than %d diagnostics", maxDiagnostics)
	}
	factFrom, types := map[string]string{}, map[string]*cel.Type{}
	names := map[string]bool{}
	for i := range c.r.Diagnostics {
		d := &c.r.Diagnostics[i]
		p := place{"diagnostics", i}
		c.name(p.at("name"), "diagnostic", d.Name)
		if names[d.Name] {
			c.problem(p.at("name"), "", "diagnostic %q is given twice", d.Name)
		}
		names[d.Name] = true
		c.diagnostic(p, d)
		c.capture(p, d, factFrom, types)
	}
	return factFrom, types
}

func (c *checker) diagnostic(p place, d *Diagnostic) {
	kinds := 0
	if d.PromQL != "" {
		kinds++
		c.query(p.at("promql"), d.PromQL)
	}
	if d.Logs != nil {
		kinds++
		c.service(p.at("logs", "service"), d.Logs.Service)
		c.since(p.at("logs", "since"), d.Logs.Since)
		if _, err := regexp.Compile(d.Logs.Match); err != nil || len(d.Logs.Match) > maxPatternOfQuery {
			c.problem(p.at("logs", "match"), "RE2 syntax: no look-around, no back references", "not a usable regular expression: %s", d.Logs.Match)
		}
	}
	if d.Changes != nil {
		kinds++
		c.service(p.at("changes", "service"), d.Changes.Service)
		c.since(p.at("changes", "since"), d.Changes.Since)
	}
	if d.HTTPGet != nil {
		kinds++
		c.httpGet(p.at("http_get", "url"), d.HTTPGet.URL)
	}
	if d.Runtime != nil {
		kinds++
		c.service(p.at("runtime", "service"), d.Runtime.Service)
	}
	if kinds != 1 {
		c.problem(p, "give one of promql, logs, changes, http_get and runtime", "diagnostic %q asks %d questions", d.Name, kinds)
	}
	if d.Timeout > maxTimeout {
		c.problem(p.at("timeout"), "", "timeout %s is over %s", d.Timeout, maxTimeout)
	}
	if d.Empty != nil && d.PromQL == "" {
		c.problem(p.at("empty"), "", "empty is for promql; counts are 0 by themselves")
	}
}

func (c *checker) since(p place, d time.Duration) {
	if d <= 0 || d > maxSince {
		c.problem(p, "write 2m, 24h or 7d", "%s is not between 1s and 30d", d)
	}
}

func (c *checker) httpGet(p place, raw string) {
	c.holes(p, raw, "service", "environment")
	u, err := url.Parse(fill(raw, "service", "environment", "", ""))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		c.problem(p, "write http://host/path without user and password", "not a usable URL: %s", raw)
	}
}

// query checks PromQL with its variables filled in.
func (c *checker) query(p place, q string) {
	c.holes(p, q, "service", "environment", "selector", "window")
	filled := fill(q, "service", "environment", `job="x"`, "5m")
	if _, err := c.promQL.ParseExpr(filled); err != nil {
		what := err.Error()
		if errs, ok := errors.AsType[parser.ParseErrors](err); ok && len(errs) > 0 {
			what = errs[0].Err.Error()
		}
		c.problem(p, "try the query in Prometheus", "not PromQL: %s", what)
	}
}

// fill replaces the variables of a query or URL.
func fill(s, service, environment, selector, window string) string {
	return strings.NewReplacer("${service}", service, "${environment}", environment, "${selector}", selector, "${window}", window).Replace(s)
}

// parts returns what the diagnostic's answer offers; the first is the main part.
func (d Diagnostic) parts() []Part {
	switch {
	case d.PromQL != "":
		return []Part{PartValue}
	case d.Logs != nil:
		return []Part{PartCount}
	case d.Changes != nil:
		return []Part{PartCount, PartMinutes}
	case d.HTTPGet != nil:
		return []Part{PartCode, PartOK}
	case d.Runtime != nil:
		return []Part{PartRunning, PartRestarts, PartUpMinutes}
	}
	return nil
}

func (c *checker) capture(p place, d *Diagnostic, factFrom map[string]string, types map[string]*cel.Type) {
	p = p.at("capture")
	parts := d.parts()
	if len(d.Capture) == 0 {
		c.problem(p, "", "diagnostic %q captures no fact", d.Name)
	}
	for _, fact := range slices.Sorted(maps.Keys(d.Capture)) {
		if !factRE.MatchString(fact) {
			c.problem(p, "use lower-case letters, digits and underscores", "fact name %q is not usable", fact)
			continue
		}
		if from, dup := factFrom[fact]; dup {
			c.problem(p, "", "fact %q is already captured by %q", fact, from)
		}
		if d.Capture[fact] == "" && len(parts) > 0 {
			d.Capture[fact] = parts[0]
		}
		if part := d.Capture[fact]; len(parts) > 0 && !slices.Contains(parts, part) {
			c.problem(p.at(fact), fmt.Sprintf("this diagnostic has: %s", join(parts)), "no part %q in the answer", part)
		}
		factFrom[fact] = d.Name
		types[fact] = cel.DoubleType
		if d.Capture[fact] == PartOK {
			types[fact] = cel.BoolType
		}
	}
}

func join(parts []Part) string {
	out := make([]string, 0, len(parts))
	for _, p := range parts {
		out = append(out, string(p))
	}
	return strings.Join(out, ", ")
}

// expr compiles one condition; a problem is put where CEL saw it.
func (c *checker) expr(p place, text string, sc scope) *expr {
	e, bad := c.exprs.compile(text, sc)
	if bad == nil {
		return e
	}
	pr := strict.Problem(c.r.file, c.node, p, bad.hint, "%s", bad.what)
	switch strict.At(c.node, p...).Style { // a block or folded text keeps its own position
	case 0:
		pr.Column += bad.column
	case yaml.DoubleQuotedStyle, yaml.SingleQuotedStyle:
		pr.Column += bad.column + 1
	}
	c.errs = append(c.errs, pr)
	return nil
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
			c.problem(p.at("confirm"), "", "a finding needs at least one condition")
		}
		var confirm, exclude []*expr
		for j, text := range f.Confirm {
			e := c.expr(p.at("confirm", j), text, scopeFacts)
			if e != nil && len(e.facts) == 0 {
				c.problem(p.at("confirm", j), "compare a captured fact", "condition rests on no fact")
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
				c.problem(px.at("when"), "compare a captured fact", "condition rests on no fact")
			}
			exclude = append(exclude, e)
		}
		c.r.compiled.confirm = append(c.r.compiled.confirm, confirm)
		c.r.compiled.exclude = append(c.r.compiled.exclude, exclude)
	}
}

func (c *checker) remediations() {
	names := map[string]bool{}
	for i, m := range c.r.Remediations {
		p := place{"remediations", i}
		c.name(p.at("name"), "remediation", m.Name)
		if names[m.Name] {
			c.problem(p.at("name"), "", "remediation %q is given twice", m.Name)
		}
		names[m.Name] = true
		c.remediation(p, m)
		c.r.compiled.when = append(c.r.compiled.when, c.expr(p.at("when"), m.When, scopeTarget))
		var verify *expr
		if m.Verify != nil {
			c.query(p.at("verify", "promql"), m.Verify.PromQL)
			if m.Verify.Within <= 0 || m.Verify.Within > maxVerify {
				c.problem(p.at("verify", "within"), "", "%s is not between 1s and %s", m.Verify.Within, maxVerify)
			}
			verify = c.expr(p.at("verify", "condition"), m.Verify.Condition, scopeVerify)
		}
		c.r.compiled.verify = append(c.r.compiled.verify, verify)
	}
}

func (c *checker) remediation(p place, m Remediation) {
	c.service(p.at("target", "service"), m.Target.Service)
	if len(m.Treats) == 0 {
		c.problem(p.at("treats"), "name the cause classes that it helps against", "a remediation that treats nothing can't be chosen")
	}
	for _, t := range []struct{ key, text string }{{"title", m.Title}, {"pros", m.Pros}, {"cons", m.Cons}} {
		c.text(p.at(t.key), t.text)
	}
	if m.Cost.Amount != nil && *m.Cost.Amount < 0 || m.Cost.Budget < 0 {
		c.problem(p.at("cost"), "", "cost and budget can't be negative")
	}
	if m.Action == "" {
		c.forPeople(p, m)
		return
	}
	spec, ok := c.action(p.at("action"), m.Action)
	if !ok {
		return
	}
	c.params(p, spec, m.Params)
	if m.Undo != nil {
		if undo, ok := c.action(p.at("undo", "action"), m.Undo.Action); ok {
			c.params(p.at("undo"), undo, m.Undo.Params)
		}
	}
	c.lasting(p, spec, m)
}

// forPeople checks a remediation that only people can do.
func (c *checker) forPeople(p place, m Remediation) {
	if len(m.Commands) == 0 {
		c.problem(p, "add action: … or commands: […]", "remediation %q does nothing", m.Name)
	}
	if len(m.Params) > 0 {
		c.problem(p.at("params"), "", "parameters need an action")
	}
	if m.Undo != nil {
		c.problem(p.at("undo"), "", "an undo needs an action")
	}
}

func (c *checker) action(p place, name string) (action.Spec, bool) {
	spec, ok := action.Known(name)
	if !ok {
		hint := "known actions: " + strings.Join(action.Names(), ", ")
		if near := problem.Nearest(name, action.Names()); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		c.problem(p, hint, "unknown action %q", name)
	}
	return spec, ok
}

func (c *checker) params(p place, spec action.Spec, params map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(params)) {
		here := p.at("params", name)
		ps, ok := spec.Param(name)
		if !ok {
			hint := fmt.Sprintf("%s takes no parameters", spec.Name)
			if near := problem.Nearest(name, spec.ParamNames()); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			} else if len(spec.Params) > 0 {
				hint = "parameters: " + strings.Join(spec.ParamNames(), ", ")
			}
			c.problem(here, hint, "unknown parameter %q of %s", name, spec.Name)
			continue
		}
		if len(ps.Values) > 0 && !slices.Contains(ps.Values, params[name]) {
			c.problem(here, "one of "+strings.Join(ps.Values, ", "), "parameter %q of %s can't be %q", name, spec.Name, params[name])
		}
	}
	for _, ps := range spec.Params {
		if _, ok := params[ps.Name]; ps.Required && !ok {
			c.problem(p, ps.Doc, "parameter %q of %s is missing", ps.Name, spec.Name)
		}
	}
}

// lasting refuses claims that the action can't keep.
func (c *checker) lasting(p place, spec action.Spec, m Remediation) {
	claimed := action.Lasting(m.Lasting)
	if !claimed.Reversible() {
		return
	}
	if spec.NeedsUndo && m.Undo == nil {
		c.problem(p.at("lasting"), "name the undo, or leave lasting out", "%s is %s only with an undo", spec.Name, m.Lasting)
	} else if claimed != spec.Lasting {
		c.problem(p.at("lasting"), fmt.Sprintf("%s is %s at best", spec.Name, spec.Lasting), "%s can't be %s", spec.Name, m.Lasting)
	}
}
