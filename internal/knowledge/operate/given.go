package operate

import (
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"
)

// givenRule is an alerting rule in a code block, as rule files have it.
type givenRule struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Keep        string            `yaml:"keep_firing_for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
	line        int
}

// maxCode bounds a code block that is looked into.
const maxCode = 64 << 10

// codeRules takes the rules of a code block: those of a rule file in YAML, and
// queries that compare.
func (r *reader) codeRules(l line) {
	if len(l.code.Text) > maxCode {
		return
	}
	if given := givenIn(l.code.Text); len(given) > 0 {
		for _, g := range given {
			r.take(l, g)
		}
		return
	}
	if l.code.Language != "promql" && l.code.Language != "" && l.code.Language != "text" {
		return
	}
	r.codeQueries(l)
}

// codeQueries takes queries of a block, one a line or one in all.
func (r *reader) codeQueries(l line) {
	text := strings.TrimSpace(l.code.Text)
	if e := r.promQL.expr(text); e != nil && len(metricsIn(e)) > 0 {
		r.codeQuery(l, l.code.Line, text, e)
		return
	}
	for i, t := range strings.Split(l.code.Text, "\n") {
		e := r.promQL.expr(t)
		if e == nil || len(metricsIn(e)) == 0 {
			if l.code.Language == "promql" && strings.TrimSpace(t) != "" && !strings.HasPrefix(strings.TrimSpace(t), "#") {
				at := l.place
				at.Line = l.code.Line + i
				r.left(Rules, line{text: t, place: at}, "no PromQL", "")
			}
			continue
		}
		r.codeQuery(l, l.code.Line+i, strings.TrimSpace(t), e)
	}
}

func (r *reader) codeQuery(l line, n int, text string, e parser.Expr) {
	if !compares(e) {
		return
	}
	at := l.place
	at.Line = n
	r.rule(statement{line: line{text: text, place: at, severity: l.severity}, whole: text, severity: l.severity})
}

// givenIn finds alerting rules in YAML: a rule file, a group, or a list of rules.
func givenIn(text string) []givenRule {
	if !strings.Contains(text, "alert:") || !strings.Contains(text, "expr:") {
		return nil
	}
	var doc yaml.Node
	if yaml.Unmarshal([]byte(text), &doc) != nil || len(doc.Content) == 0 {
		return nil
	}
	return rulesIn(doc.Content[0], 0)
}

func rulesIn(n *yaml.Node, depth int) []givenRule {
	var out []givenRule
	if depth > 6 {
		return nil
	}
	switch n.Kind {
	case yaml.SequenceNode:
		for _, c := range n.Content {
			out = append(out, rulesIn(c, depth+1)...)
		}
	case yaml.MappingNode:
		var g givenRule
		if n.Decode(&g) == nil && g.Alert != "" && g.Expr != "" {
			g.line = n.Line
			return []givenRule{g}
		}
		for i := 1; i < len(n.Content); i += 2 {
			if k := n.Content[i-1].Value; k == "groups" || k == "rules" || k == "spec" {
				out = append(out, rulesIn(n.Content[i], depth+1)...)
			}
		}
	}
	return out
}

// take keeps a rule as the document gives it.
func (r *reader) take(l line, g givenRule) {
	at := l.place
	at.Line = l.code.Line + g.line - 1
	here := line{text: "alert: " + g.Alert, place: at}
	e := r.promQL.expr(g.Expr)
	switch {
	case e == nil:
		r.left(Rules, here, "its expression is no PromQL", shown(g.Expr))
		return
	case badSpan(g.For) || badSpan(g.Keep):
		r.left(Rules, here, "its time is none that Prometheus knows", shown(g.For+" "+g.Keep))
		return
	}
	for _, name := range metricsIn(e) {
		r.declare(line{text: name, place: at}, name)
	}
	if why := refused(g); why != "" {
		r.left(Rules, here, "Prometheus refuses it: "+shown(why), shown(g.Expr))
		return
	}
	u := Rule{
		Name: r.unique(g.Alert), Expr: strings.TrimSpace(g.Expr), For: g.For, Keep: g.Keep, Severity: g.Labels["severity"], Text: shown("alert: " + g.Alert), Place: at,
		Labels: g.Labels, Annotations: g.Annotations, given: true, about: metricsIn(e), limit: limitOf(e),
	}
	if u.Labels == nil {
		u.Labels = map[string]string{}
	}
	if u.Severity == "" {
		u.Severity, u.Labels["severity"] = "warning", "warning"
		u.Assumed = append(u.Assumed, assumedSeverity)
	}
	r.Rules = append(r.Rules, u)
}

// refused is what Prometheus' own check of rule files says against a rule.
func refused(g givenRule) string {
	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "given", "rules": []any{map[string]any{
		"alert": g.Alert, "expr": g.Expr, "labels": g.Labels, "annotations": g.Annotations,
	}}}}})
	if err != nil {
		return err.Error()
	}
	if _, errs := rulefmt.Parse(text, false, model.LegacyValidation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler)); len(errs) > 0 {
		return errs[0].Error()
	}
	return ""
}

func badSpan(s string) bool {
	if s == "" {
		return false
	}
	d, err := model.ParseDuration(s)
	return err != nil || time.Duration(d) < 0
}
