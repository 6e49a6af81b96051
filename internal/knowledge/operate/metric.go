package operate

import (
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// promQL parses queries; the zero value is not usable.
type promQL struct{ parser.Parser }

func newPromQL() promQL { return promQL{parser.NewParser(parser.Options{})} }

// maxQuery bounds a query.
const maxQuery = 4000

// expr parses a query; nil when it is none.
func (p promQL) expr(s string) parser.Expr {
	if len(s) > maxQuery || strings.TrimSpace(s) == "" {
		return nil
	}
	e, err := p.ParseExpr(s)
	if err != nil {
		return nil
	}
	return e
}

// selector parses a plain selector of one metric.
func (p promQL) selector(s string) (*parser.VectorSelector, bool) {
	v, ok := p.expr(s).(*parser.VectorSelector)
	return v, ok && v.Name != "" && v.OriginalOffset == 0 && v.Timestamp == nil && !v.Anchored && !v.Smoothed
}

// metricName is a name as Prometheus metrics have it, with its matchers: with an
// underscore or colon inside, so that no ordinary word is one.
var metricName = regexp.MustCompile(`\b[a-zA-Z][a-zA-Z0-9:]*[_:][a-zA-Z0-9_:]*[a-zA-Z0-9](?:\{[^{}\n]{0,300}\})?|\b[a-z][a-z0-9]*\{[a-zA-Z_]\w*\s*(?:=|!=|=~|!~)\s*"[^{}\n]{0,300}\}`)

// ref is a metric that a text names, and where.
type ref struct {
	text     string
	from, to int
}

// refs finds metrics in a text. A word in a code span that could be a metric is
// one where metrics are listed, also without an underscore.
func (r *reader) refs(l line, text string) []ref {
	var out []ref
	for _, m := range metricName.FindAllStringIndex(text, -1) {
		t := text[m[0]:m[1]]
		if m[0] > 0 && strings.ContainsRune("/.$-@", rune(text[m[0]-1])) || m[1] < len(text) && strings.ContainsRune("/(", rune(text[m[1]])) {
			continue // a path, a variable, a function
		}
		if strings.HasSuffix(t, ":") || strings.Contains(t, "::") {
			continue
		}
		if _, ok := r.promQL.selector(t); ok {
			out = append(out, ref{t, m[0], m[1]})
		}
	}
	for _, s := range l.spans {
		if at := strings.Index(text, s); at >= 0 && plainWord.MatchString(s) && r.known(s) {
			out = append(out, ref{s, at, at + len(s)})
		}
	}
	slices.SortFunc(out, func(a, b ref) int { return a.from - b.from })
	return out
}

var plainWord = regexp.MustCompile(`^[a-z][a-z0-9]{1,60}$`)

func (r *reader) known(name string) bool {
	return name == "up" || slices.ContainsFunc(r.Metrics, func(m Metric) bool { return m.Name == name })
}

var (
	typeWord    = rx(`\b(counter|gauge|histogram|summary)\b`)
	dottedName  = regexp.MustCompile(`^[a-z][a-z0-9]*(?:\.[a-z0-9_]+){1,8}$`)
	histogramOf = regexp.MustCompile(`_(?:bucket|sum|count)$`)
)

// typeOf is what the ending of a name says by Prometheus' naming convention.
func typeOf(name string) string {
	switch {
	case strings.HasSuffix(name, "_total"):
		return "counter"
	case strings.HasSuffix(name, "_bucket"):
		return "histogram"
	case strings.HasSuffix(name, "_info"), strings.HasSuffix(name, "_ratio"), strings.HasSuffix(name, "_percent"), name == "up",
		strings.HasSuffix(name, "_timestamp_seconds"):
		return "gauge"
	}
	return ""
}

// metrics keeps those that the lines name.
func (r *reader) metrics(lines []line) {
	for _, l := range lines {
		if l.code != nil || l.heading != "" || l.role == elsewhere {
			continue
		}
		if l.role == measures && l.item {
			for _, s := range l.spans { // a metric of one word
				if at := strings.Index(l.text, s); at >= 0 && at <= 2 && plainWord.MatchString(s) {
					r.declare(l, s)
				}
			}
		}
		found := r.refs(l, l.text)
		for _, f := range found {
			if l.role == measures || len(l.cells) > 0 || likely(f.text) || typeWord.MatchString(typeText(l, f.text)) || len(comparisons(r.masked(l, l.text))) > 0 {
				r.declare(l, f.text)
			}
		}
		if len(found) == 0 && l.role == measures && l.item && len(l.cells) == 0 {
			r.unnamed(l)
		}
	}
	for i := range r.Metrics {
		if r.Metrics[i].Type == "" {
			r.Metrics[i].Type = typeOf(r.Metrics[i].Name)
		}
	}
}

// likely reports whether a name is a metric's by Prometheus' naming convention, and
// no column, setting or class.
func likely(name string) bool { return strings.Contains(name, "{") || conventional.MatchString(name) }

var conventional = regexp.MustCompile(`_(?:total|seconds|bytes|ratio|percent|count|bucket|sum|info|milliseconds|ms)$`)

// unnamed lists an item among the metrics that names none.
func (r *reader) unnamed(l line) {
	if r.known(strings.Trim(strings.Fields(l.text + " -")[0], "`")) || len(comparisons(l.text)) > 0 || len(l.spans) > 0 && r.promQL.expr(l.spans[0]) != nil {
		return
	}
	why := "it names no metric as Prometheus has it; write the name of the series"
	for _, f := range strings.Fields(l.text) {
		if dottedName.MatchString(strings.Trim(f, ",;:()")) && strings.Contains(f, ".") {
			why = "a name with dots: which name has it in Prometheus?"
		}
	}
	r.left(Dashboard, l, why, "")
}

func (r *reader) declare(l line, text string) {
	sel, ok := r.promQL.selector(text)
	if !ok {
		return
	}
	m := Metric{Name: sel.Name, Selector: sel.String(), Place: l.place, About: about(l, text)}
	if base := histogramOf.ReplaceAllString(m.Name, ""); base != m.Name && slices.ContainsFunc(r.Metrics, func(o Metric) bool { return o.Name == base && o.Type == "histogram" }) {
		return // a part of one that is known
	}
	if t := typeWord.FindString(typeText(l, text)); t != "" {
		m.Type, m.Stated = strings.ToLower(t), true
	}
	i := slices.IndexFunc(r.Metrics, func(o Metric) bool { return o.Selector == m.Selector })
	if i < 0 {
		// Where it is only mentioned, what was declared counts: with other matchers
		// it is of the same type.
		if j := slices.IndexFunc(r.Metrics, func(o Metric) bool { return o.Name == m.Name && o.Type != "" }); j >= 0 && m.Type == "" {
			m.Type, m.Stated = r.Metrics[j].Type, r.Metrics[j].Stated
		}
		r.Metrics = append(r.Metrics, m)
		return
	}
	if r.Metrics[i].Type == "" && m.Type != "" {
		r.Metrics[i].Type, r.Metrics[i].Stated = m.Type, true
	}
}

// typeText is where the type of a metric may stand: its row, or between it and the
// next one.
func typeText(l line, text string) string {
	if len(l.cells) > 0 {
		for _, c := range l.cells {
			if rx(`\b(?:type|kind)\b`).MatchString(c.head) {
				return c.text
			}
		}
		return l.text
	}
	_, after, _ := strings.Cut(l.text, text)
	if m := metricName.FindStringIndex(after); m != nil {
		after = after[:m[0]]
	}
	before, _, _ := strings.Cut(l.text, text)
	if len(metricName.FindAllString(l.text, 2)) > 1 {
		before = ""
	}
	return after + " " + before
}

// about is what a line says of a metric beside its name and type.
func about(l line, text string) string {
	if len(l.cells) > 0 {
		for _, c := range l.cells {
			if rx(`descr|meaning|purpose|why|what|note|comment`).MatchString(c.head) && !strings.Contains(c.text, text) {
				return shown(c.text)
			}
		}
		return ""
	}
	_, after, ok := strings.Cut(l.text, text)
	if !ok {
		return ""
	}
	after = rx(`^\W*\(?(?:counter|gauge|histogram|summary)\)?\W*`).ReplaceAllString(after, "")
	after = strings.Trim(after, " :–—-.,;()`")
	if len(comparisons(after)) > 0 || strings.Count(after, " ") < 1 {
		return ""
	}
	return shown(after)
}

// matchersOf are the matchers of a selector without its name.
func matchersOf(v *parser.VectorSelector) []*labels.Matcher {
	return slices.DeleteFunc(slices.Clone(v.LabelMatchers), func(m *labels.Matcher) bool { return m.Name == model.MetricNameLabel })
}

// with is a selector of another metric with the same matchers.
func with(v *parser.VectorSelector, name string) string {
	c := *v
	c.Name = name
	c.LabelMatchers = append([]*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, name)}, matchersOf(v)...)
	return c.String()
}
