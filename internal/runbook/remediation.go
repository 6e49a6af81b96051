package runbook

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

func (c *checker) remediations() {
	names := map[string]bool{}
	for i, m := range c.r.Remediations {
		p := place{"remediations", i}
		c.name(p.at("name"), "remediation", m.Name)
		if names[m.Name] {
			c.problem(ruleName, p.at("name"), "", "remediation %q is given twice", m.Name)
		}
		names[m.Name] = true
		c.remediation(p, m)
		c.r.compiled.when = append(c.r.compiled.when, c.expr(p.at("when"), m.When, scopeTarget))
		var verify *expr
		if m.Verify != nil {
			c.query(p.at("verify", "promql"), m.Verify.PromQL)
			if m.Verify.Within <= 0 || m.Verify.Within > maxVerify {
				c.problem(ruleLimit, p.at("verify", "within"), "", "%s is not between 1s and %s", m.Verify.Within, maxVerify)
			}
			verify = c.expr(p.at("verify", "condition"), m.Verify.Condition, scopeVerify)
		}
		c.r.compiled.verify = append(c.r.compiled.verify, verify)
	}
}

func (c *checker) remediation(p place, m Remediation) {
	c.service(p.at("target", "service"), m.Target.Service)
	if len(m.Treats) == 0 {
		c.problem(ruleRemediation, p.at("treats"), "name the cause classes that it helps against", "a remediation that treats nothing can't be chosen")
	}
	for _, t := range []struct{ key, text string }{{"title", m.Title}, {"pros", m.Pros}, {"cons", m.Cons}} {
		c.text(p.at(t.key), t.text)
	}
	c.text(p.at("cost", "text"), m.Cost.Text)
	for j, cmd := range m.Commands {
		c.text(p.at("commands", j), cmd)
	}
	if m.Cost.Amount != nil && *m.Cost.Amount < 0 || m.Cost.Budget < 0 {
		c.problem(ruleRemediation, p.at("cost"), "", "cost and budget can't be negative")
	}
	if m.Action == "" {
		c.forPeople(p, m)
		return
	}
	spec, ok := c.action(p.at("action"), m.Action)
	if !ok {
		return
	}
	for j, t := range m.Treats {
		if t == CauseClass(diagnose.Unknown) || t == CauseClass(diagnose.Healthy) {
			c.problem(ruleRemediation, p.at("treats", j), "name the cause classes that the action helps against; give commands where people decide", "no action treats what is %s", t)
		}
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
		c.problem(ruleRemediation, p, "add action: … or commands: […]", "remediation %q does nothing", m.Name)
	}
	if len(m.Params) > 0 {
		c.problem(ruleParameter, p.at("params"), "", "parameters need an action")
	}
	if m.Undo != nil {
		c.problem(ruleUndo, p.at("undo"), "", "an undo needs an action")
	}
}

func (c *checker) action(p place, name string) (action.Spec, bool) {
	spec, ok := action.Known(name)
	if !ok {
		hint := "known actions: " + strings.Join(action.Names(), ", ")
		if near := problem.Nearest(name, action.Names()); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		c.problem(ruleAction, p, hint, "unknown action %q", name)
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
			c.problem(ruleParameter, here, hint, "unknown parameter %q of %s", name, spec.Name)
			continue
		}
		if len(ps.Values) > 0 && !slices.Contains(ps.Values, params[name]) {
			c.problem(ruleParameter, here, "one of "+strings.Join(ps.Values, ", "), "parameter %q of %s can't be %q", name, spec.Name, params[name])
		}
		c.param(here, name, params[name])
	}
	for _, ps := range spec.Params {
		if _, ok := params[ps.Name]; ps.Required && !ok {
			c.problem(ruleParameter, p, ps.Doc, "parameter %q of %s is missing", ps.Name, spec.Name)
		}
	}
}

// param refuses values that would reach further than they look: parameters are
// sent as they are written, so nothing is filled in, and a URL is all that it
// seems to be.
func (c *checker) param(p place, name, value string) {
	if m := holeRE.FindString(value); m != "" {
		c.problem(ruleParameter, p, "write the value out", "parameters are sent as they are written: %s would not be filled in", m)
	}
	switch {
	case len(value) > maxParam:
		c.problem(ruleLimit, p, "", "parameter has %d bytes; at most %d are sent", len(value), maxParam)
	case name == "url":
		c.url(p, value)
	case name != "body" && strings.ContainsFunc(value, unicode.IsControl), strings.ContainsFunc(strings.ReplaceAll(value, "\r\n", "\n"), control):
		c.problem(ruleParameter, p, "take it out", "parameter has a control character")
	}
}

// lasting refuses claims that the action can't keep.
func (c *checker) lasting(p place, spec action.Spec, m Remediation) {
	claimed := action.Lasting(m.Lasting)
	if !claimed.Reversible() {
		return
	}
	if spec.NeedsUndo && m.Undo == nil {
		c.problem(ruleUndo, p.at("lasting"), "name the undo, or leave lasting out", "%s is %s only with an undo", spec.Name, m.Lasting)
	} else if claimed != spec.Lasting {
		c.problem(ruleLasting, p.at("lasting"), fmt.Sprintf("%s is %s at best", spec.Name, spec.Lasting), "%s can't be %s", spec.Name, m.Lasting)
	}
}
