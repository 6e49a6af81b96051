package operate

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
)

// made is what a statement becomes.
type made struct {
	expr    string
	name    string
	metrics []string // that it asks
	assumed []string
	hold    time.Duration // that it must hold, read of a window
}

// usualWindow is that of a rate when the text gives none.
const usualWindow = 5 * time.Minute

var (
	quantileRE = rx(`\bp(\d{2,4}(?:\.\d+)?)\b|\b(\d{2}(?:\.\d+)?)(?:th|st|nd|rd)?[\s-](?:percentile|quantile|pct)\b|\b(median)\b`)
	meanRE     = rx(`\b(?:average|avg|mean)\b`)
	sumRE      = rx(`\b(sum|max|maximum|min|minimum|largest|smallest|combined)\b`)
	danger     = rx(`\b(?:growth|grows?|growing|increas(?:e|es|ing)|decreas(?:e|es|ing)|changes?|trend|difference|delta|deviation|baseline|usual|normal|median of|ratio of|per (?:booking|user|tenant|customer|order))\b`)
	ofRE       = rx(`^\s*of\s+(?:the\s+|its\s+|all\s+)?(.{1,80})`)
	latencyRE  = rx(`latenc|duration|response time|\btime\b|slow|took|takes`)
	limitWords = []string{"limit", "max", "maximum", "size", "capacity", "quota", "configured", "available", "allowed"}
	goodRE     = rx(`\b(?:success(?:ful)?|availability|available|uptime|succeed(?:s|ed)?|completion)\b`)
	badRE      = rx(`\b(?:errors?|err|fail(?:s|ed|ing|ures?)?|5xx|4xx|reject(?:ed|ions?)?|dropped|timeouts?)\b`)
)

// expression makes a query of a statement, or says why none can be made and what
// it would be.
func (r *reader) expression(s statement) (m made, why, candidate string) {
	if s.whole != "" {
		return r.given(s)
	}
	if notBefore.MatchString(s.subject) {
		s.cmp.op = negated(s.cmp.op)
		s.subject = strings.TrimSpace(notBefore.ReplaceAllString(s.subject, ""))
	}
	if s.role == alerts && s.cmp.op[0] == '<' && !goodRE.MatchString(s.subject) && (badRE.MatchString(s.subject) || latencyRE.MatchString(s.subject) || quantileRE.MatchString(s.subject)) {
		return made{}, "an alert on a low latency or error rate: is it a target?", ""
	}
	if s.wanted {
		s.cmp.op = negated(s.cmp.op)
		m.assumed = append(m.assumed, fmt.Sprintf("a target, turned round: it fires when %q is missed", shown(strings.TrimSpace(s.cmp.word+" "+s.cmp.written))))
	}
	if why := s.cmp.unclear(); why != "" {
		return made{}, why, ""
	}
	if s.cmp.unit == "x" {
		return made{}, "a multiple: of what? Write the query", ""
	}
	got, why, candidate := r.choose(s)
	got.assumed = append(m.assumed, got.assumed...)
	if why == "" && got.expr == "" {
		why = "it is not understood"
	}
	return got, why, candidate
}

func negated(op string) string {
	return map[string]string{">": "<=", ">=": "<", "<": ">=", "<=": ">", "==": "!=", "!=": "=="}[op]
}

// given is a query that the text gives whole.
func (r *reader) given(s statement) (made, string, string) {
	e := r.promQL.expr(s.whole)
	if e == nil {
		return made{}, "no PromQL", s.whole
	}
	m := made{expr: s.whole, metrics: metricsIn(e)}
	words := s.subject
	if len(wordsOf(words)) == 0 && len(m.metrics) > 0 {
		words = m.metrics[0]
	}
	m.name = alertNameOf(words, suffixOf(e))
	return m, "", ""
}

var fillers = rx(`\b(?:must|should|shall|never|not|stays?|remains?|keeps?|be|is|are|has|have|to|the|an?|of|that|when|if|goes|in|on)\b|[\x60"']`)

func suffixOf(e parser.Expr) string {
	l := limitOf(e)
	if l == nil {
		if c, ok := unparen(e).(*parser.Call); ok && strings.HasPrefix(c.Func.Name, "absent") {
			return "Absent"
		}
		return ""
	}
	return suffix(l.op, l.value)
}

func suffix(op string, v float64) string {
	switch {
	case v == 0 && (op == "==" || op == "<="):
		return "Zero"
	case op[0] == '>':
		return "High"
	case op[0] == '<':
		return "Low"
	}
	return ""
}

func alertNameOf(words, end string) string {
	n := camelCase(fillers.ReplaceAllString(words, " "))
	if n == "" {
		n = "Alert"
	}
	if strings.HasSuffix(n, end) {
		return n
	}
	return n + end
}

// metricsIn are the names of the metrics of a query, in order.
func metricsIn(e parser.Expr) []string {
	var out []string
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		if v, ok := n.(*parser.VectorSelector); ok && v.Name != "" && !slices.Contains(out, v.Name) {
			out = append(out, v.Name)
		}
		return nil
	})
	return out
}

// choose tells what a statement is about: a query, metrics that it names, or
// metrics that it means by their words.
func (r *reader) choose(s statement) (made, string, string) {
	if q := r.queryIn(s); q != "" {
		return r.query(s, q)
	}
	refs := r.refs(s.line, s.subject)
	if len(refs) == 0 && ofRE.MatchString(s.tail) && len(r.refs(s.line, s.tail)) > 0 {
		return r.share(s, refs)
	}
	if len(refs) == 0 && len(wordsOf(s.subject)) == 0 { // "more than 10 errors_total in 5 minutes"
		if behind := r.refs(s.line, s.tail); len(behind) == 1 {
			return r.number(s, behind[0].text, "", nil)
		}
	}
	if behind := r.refs(s.line, s.tail); len(refs) == 0 && len(behind) == 1 && inBrackets(s.tail, behind[0]) { // "the index is older than 15 min (index_age_seconds)"
		return r.number(s, behind[0].text, strings.Join(append([]string{quantileRE.FindString(s.subject)}, meanRE.FindString(s.subject)), " "), nil)
	}
	switch {
	case len(refs) == 1 && s.cmp.unit == "ratio" && ofRE.MatchString(s.tail):
		return r.share(s, refs)
	case len(refs) == 1:
		return r.number(s, refs[0].text, s.subject[:refs[0].from]+" "+s.subject[refs[0].to:], nil)
	case len(refs) == 2:
		between := strings.Trim(s.subject[refs[0].to:refs[1].from], "` ()")
		if between == "/" || between == "to" || between == "divided by" || between == "of" || between == "over" || between == "vs" {
			return r.ratio(s, refs[0].text, refs[1].text, nil)
		}
		return made{}, "it names two metrics, and not how they are put together; write the query", ""
	case len(refs) > 2:
		return made{}, "it names several metrics, and not how they are put together; write the query", ""
	}
	return r.byWords(s)
}

func inBrackets(text string, at ref) bool {
	before, after := strings.TrimRight(text[:at.from], " `"), strings.TrimLeft(text[at.to:], " `")
	return strings.HasSuffix(before, "(") && strings.HasPrefix(after, ")")
}

// queryIn is the PromQL in a subject: code, or the subject as a whole.
func (r *reader) queryIn(s statement) string {
	isQuery := func(q string) bool {
		switch unparen(r.promQL.expr(q)).(type) {
		case *parser.Call, *parser.AggregateExpr, *parser.BinaryExpr:
			return len(metricsIn(r.promQL.expr(q))) > 0
		}
		return false
	}
	for _, span := range s.spans {
		if strings.Contains(s.subject, span) && r.promQL.expr(span) != nil && isQuery(span) {
			return span
		}
	}
	if strings.ContainsAny(s.subject, "(") && r.promQL.expr(s.subject) != nil && isQuery(s.subject) {
		return s.subject
	}
	return ""
}

// query compares a query with the number.
func (r *reader) query(s statement, q string) (made, string, string) {
	v := s.cmp.value
	if s.cmp.unit == "ratio" && strings.Contains(strings.ReplaceAll(q, " ", ""), "*100") {
		v *= 100
	}
	if s.cmp.per > 0 {
		return made{}, "a rate of a query: write the whole query, with its threshold", ""
	}
	e := r.promQL.expr(q)
	m := made{expr: compare(grouped(e, q), s.cmp.op, v), metrics: metricsIn(e)}
	if bare := bareCounters(e); bare != "" {
		m.assumed = append(m.assumed, bare+" stands as it is: since its start, not of late")
	}
	words := strings.ReplaceAll(s.subject, q, "")
	if len(wordsOf(words)) == 0 {
		words = m.metrics[0]
	}
	m.name = alertNameOf(words, suffix(s.cmp.op, v))
	return m, "", ""
}

// bareCounters is a counter of a query that no function makes a rate of.
func bareCounters(e parser.Expr) (name string) {
	parser.Inspect(e, func(n parser.Node, path []parser.Node) error {
		if v, ok := n.(*parser.VectorSelector); ok && typeOf(v.Name) == "counter" && name == "" {
			if _, ranged := path[len(path)-1].(*parser.MatrixSelector); !ranged {
				name = v.Name
			}
		}
		return nil
	})
	return name
}

// grouped puts a query in brackets where an operator would bind tighter.
func grouped(e parser.Expr, q string) string {
	if b, ok := e.(*parser.BinaryExpr); ok && (b.Op.IsComparisonOperator() || b.Op.IsSetOperator()) {
		return "(" + q + ")"
	}
	return q
}

func compare(q, op string, v float64) string { return q + " " + op + " " + digits(v) }

func digits(v float64) string { return strconv.FormatFloat(v, 'g', 12, 64) }

// typed is what is known about a metric that is named.
func (r *reader) typed(text string) (*parser.VectorSelector, Metric) {
	sel, ok := r.promQL.selector(text)
	if !ok {
		return nil, Metric{}
	}
	best := Metric{Name: sel.Name, Selector: sel.String(), Type: typeOf(sel.Name)}
	for _, m := range r.Metrics {
		if m.Name == sel.Name && (m.Selector == best.Selector || m.Type != "") {
			if m.Type != "" {
				best.Type = m.Type
			}
		}
	}
	if best.Type == "" && histogramOf.MatchString(sel.Name) {
		base := histogramOf.ReplaceAllString(sel.Name, "")
		if slices.ContainsFunc(r.Metrics, func(m Metric) bool { return m.Name == base && m.Type == "histogram" }) {
			best.Type = "counter"
		}
	}
	return sel, best
}

// quantileOf is the percentile that a text asks for; 0 when it asks for none.
func quantileOf(text string) float64 {
	m := quantileRE.FindStringSubmatch(text)
	switch {
	case m == nil:
		return 0
	case m[3] != "":
		return 0.5
	}
	d := m[1] + m[2]
	v, err := strconv.ParseFloat(d, 64)
	if err != nil {
		return 0
	}
	if !strings.Contains(d, ".") && len(d) > 2 { // p999
		q, err := strconv.ParseFloat("0."+d, 64)
		if err != nil {
			return 0
		}
		return q
	}
	return scaled(v, 0.01)
}

// number compares one metric with the number of a statement. words are those of
// the subject beside it.
func (r *reader) number(s statement, text, words string, assumed []string) (made, string, string) {
	sel, m := r.typed(text)
	if sel == nil {
		return made{}, "no metric", ""
	}
	if w := danger.FindString(words); w != "" && m.Type != "counter" {
		return made{}, fmt.Sprintf("%q of a metric: over which time, and against what? Write the query", w), ""
	}
	q := quantileOf(words + " " + s.tail)
	end := suffix(s.cmp.op, s.cmp.value)
	out := made{metrics: []string{m.Name}, assumed: assumed, name: alertNameOf(m.Name, end)}
	if rest := unread(words, m); rest != "" {
		out.assumed = append(out.assumed, "not read: "+strconv.Quote(rest))
	}
	if q > 0 && m.Type != "summary" && m.Type != "histogram" {
		if m.Type != "" || !rx(`seconds|duration|latency|_ms$|millis|bytes|size`).MatchString(m.Name) {
			return made{}, fmt.Sprintf("a percentile of %s, which is no histogram or summary", m.Name), ""
		}
		out.assumed = append(out.assumed, "read as a histogram: a percentile is asked of it, and the text gives no type")
		m.Type = "histogram"
	}
	if m.Type == "" && q == 0 && rx(`(?:duration|latency|time)_(?:seconds|ms|milliseconds)$`).MatchString(m.Name) && !strings.Contains(m.Name, "timestamp") {
		return made{}, "is it a gauge or a histogram? Write its type, or the percentile", ""
	}
	switch m.Type {
	case "histogram", "summary":
		return r.distribution(s, sel, m, q, words, out)
	case "counter":
		return r.counter(s, sel, m, words, out)
	}
	return r.gauge(s, sel, m, words, out)
}

// unread are words of a subject that changed nothing in the query.
func unread(words string, m Metric) string {
	words = quantileRE.ReplaceAllString(words, " ")
	words = regexp.MustCompile(`[\x60*()]`).ReplaceAllString(words, " ")
	if i := strings.Index(words, ":"); i >= 0 && i < len(words)-1 {
		words = words[i+1:] // what stands before a colon is a title
	}
	rest := without(wordsOf(words), metricWords(m)...)
	rest = without(rest, "rate", "percentile", "latency", "metric", "average", "mean", "avg", "max", "maximum", "min", "minimum", "sum", "p99", "too", "increas", "increase", "percentage", "high", "low", "age", "old", "time")
	if len(rest) == 0 {
		return ""
	}
	return shown(strings.Join(rest, " "))
}

// inUnit turns the number of a statement into the unit of a metric.
func inUnit(s statement, name string) (v float64, why string) {
	v = s.cmp.value
	if why := s.cmp.unknownUnit(name); why != "" {
		return 0, why
	}
	has := func(ends string) bool { return rx(`(?:^|_)(?:` + ends + `)(?:_|$)`).MatchString(name) }
	switch s.cmp.unit {
	case "seconds":
		switch {
		case has("seconds|second|secs|sec|s"):
		case has("milliseconds|millis|ms|msec"):
			v *= 1e3
		case has("microseconds|us|micros"):
			v *= 1e6
		case has("minutes"):
			v /= 60
		case has("hours"):
			v /= 3600
		case has("days"):
			v /= 86400
		default:
			return 0, "in which unit is the metric? Its name does not say"
		}
	case "bytes":
		switch {
		case has("bytes|byte"):
		case has("kb|kilobytes"):
			v /= 1e3
		case has("mb|megabytes"):
			v /= 1e6
		case has("gb|gigabytes"):
			v /= 1e9
		case has("mib"):
			v /= 1 << 20
		default:
			return 0, "in which unit is the metric? Its name does not say"
		}
	case "ratio":
		switch {
		case has("ratio|fraction|share"):
		case has("percent|pct|percentage"):
			v *= 100
		default:
			return 0, "percent of what? Name the metric of the whole"
		}
	case "":
		if has("ratio|fraction") && v > 1 {
			return 0, "a ratio is at most 1: is it percent?"
		}
	}
	return v, ""
}

// distribution compares a percentile or mean.
func (r *reader) distribution(s statement, sel *parser.VectorSelector, m Metric, q float64, words string, out made) (made, string, string) {
	base := histogramOf.ReplaceAllString(m.Name, "")
	v, why := inUnit(s, base)
	if why != "" {
		return made{}, why, ""
	}
	window, note := windowOf(s)
	mean := meanRE.MatchString(words)
	switch {
	case q > 0 && m.Type == "summary":
		c := *sel
		out.expr = compare(withMatcher(&c, "quantile", digits(q)), s.cmp.op, v)
		out.name = alertNameOf(base+" p"+percentile(q), suffix(s.cmp.op, v))
		return out, "", ""
	case q > 0:
		out.expr = compare(fmt.Sprintf("histogram_quantile(%s, sum by (le) (rate(%s[%s])))", digits(q), with(sel, base+"_bucket"), promSpan(window)), s.cmp.op, v)
		out.name = alertNameOf(base+" p"+percentile(q), suffix(s.cmp.op, v))
	case mean:
		w := promSpan(window)
		out.expr = compare(fmt.Sprintf("sum(rate(%s[%s])) / sum(rate(%s[%s]))", with(sel, base+"_sum"), w, with(sel, base+"_count"), w), s.cmp.op, v)
		out.name = alertNameOf(base+" mean", suffix(s.cmp.op, v))
	default:
		return made{}, "which percentile of it?", compare(fmt.Sprintf("histogram_quantile(TODO, sum by (le) (rate(%s[%s])))", with(sel, base+"_bucket"), promSpan(window)), s.cmp.op, v)
	}
	if note != "" {
		out.assumed = append(out.assumed, note)
	}
	return out, "", ""
}

func percentile(q float64) string { return strings.ReplaceAll(digits(q*100), ".", "") }

// windowOf is the window of a rate, and what to say when the text gives none.
func windowOf(s statement) (time.Duration, string) {
	if s.window > 0 {
		return s.window, ""
	}
	return usualWindow, "the text gives no window for the rate: 5m"
}

// counter compares how fast something is counted.
func (r *reader) counter(s statement, sel *parser.VectorSelector, m Metric, words string, out made) (made, string, string) {
	text := sel.String()
	if why := s.cmp.unknownUnit(m.Name); why != "" {
		return made{}, why, ""
	}
	switch {
	case s.cmp.unit == "ratio":
		return r.shareOf(s, text, out)
	case s.cmp.unit != "" && s.cmp.unit != "bytes":
		return made{}, "a length of time of a counter: which query is meant?", ""
	case s.cmp.per > 0:
		window, note := windowOf(s)
		q := fmt.Sprintf("sum(rate(%s[%s]))", text, promSpan(window))
		if s.cmp.per > time.Second {
			q += " * " + digits(s.cmp.per.Seconds())
		}
		out.expr = compare(q, s.cmp.op, s.cmp.value)
		out.assumed = append(out.assumed, "summed over all series of the metric")
		if note != "" {
			out.assumed = append(out.assumed, note)
		}
	case s.window > 0:
		out.expr = compare(fmt.Sprintf("sum(increase(%s[%s]))", text, promSpan(s.window)), s.cmp.op, s.cmp.value)
		out.assumed = append(out.assumed, "summed over all series of the metric")
	case s.cmp.value == 0:
		window := usualWindow
		out.expr = compare(fmt.Sprintf("increase(%s[%s])", text, promSpan(window)), s.cmp.op, 0)
		out.assumed = append(out.assumed, "the text gives no window for the count: 5m")
	default:
		return made{}, "a counter only grows: so many per second, per minute, or within how long?", compare(fmt.Sprintf("increase(%s[TODO])", text), s.cmp.op, s.cmp.value)
	}
	return out, "", ""
}

// gauge compares a value as it stands.
func (r *reader) gauge(s statement, sel *parser.VectorSelector, m Metric, words string, out made) (made, string, string) {
	text := sel.String()
	if s.cmp.per > 0 {
		return made{}, "a rate of a metric that is no counter by its type or name", ""
	}
	v, why := inUnit(s, m.Name)
	if why != "" {
		if s.cmp.unit == "ratio" {
			return r.shareOf(s, text, out)
		}
		if s.cmp.unit == "" {
			return made{}, why, ""
		}
		return made{}, why, compare(text, s.cmp.op, s.cmp.value)
	}
	q := text
	window := s.window
	switch {
	case strings.HasSuffix(m.Name, "_timestamp_seconds"):
		var end string
		if q, end, why = moment(s, m.Name, text); why != "" {
			return made{}, why, ""
		}
		out.name = alertNameOf(strings.TrimSuffix(m.Name, "_timestamp_seconds")+end, suffix(s.cmp.op, v))
	case meanRE.MatchString(words) && window > 0:
		q, window = fmt.Sprintf("avg_over_time(%s[%s])", text, promSpan(window)), 0
	case meanRE.MatchString(words):
		q = "avg(" + text + ")"
		out.assumed = append(out.assumed, "the average of all series of the metric")
	case sumRE.MatchString(words):
		agg := map[byte]string{'s': "sum", 'c': "sum", 'm': "max", 'l': "max"}[strings.ToLower(sumRE.FindString(words))[0]]
		if rx(`^(?:min|smallest)`).MatchString(sumRE.FindString(words)) {
			agg = "min"
		}
		q = agg + "(" + text + ")"
	}
	if window > 0 {
		out.held(window)
	}
	out.expr = compare(q, s.cmp.op, v)
	return out, "", ""
}

// held reads a window as the time that a value must hold.
func (m *made) held(window time.Duration) {
	m.hold = window
	m.assumed = append(m.assumed, fmt.Sprintf("\"over %s\" is read as the time that it must hold", promSpan(window)))
}

var ahead = rx(`(?:^|_)(?:expir[a-z]*|expiry|not_?after|valid_(?:until|to)|until)(?:_|$)`)

// moment asks how long ago a moment is, or how long until one that a name says to
// be ahead. Which of the two, the text must leave no doubt.
func moment(s statement, name, text string) (q, end, why string) {
	switch less := s.cmp.op[0] == '<'; {
	case s.cmp.unit != "seconds":
		return "", "", "a moment, compared with a number: how long ago? Write the query"
	case less && ahead.MatchString(name):
		return text + " - time()", " left", ""
	case s.cmp.op[0] == '>' && !ahead.MatchString(name):
		return "time() - " + text, " age", ""
	}
	return "", "", "how long ago, or how long until? Write the query"
}

func withMatcher(v *parser.VectorSelector, name, value string) string {
	text := v.String()
	add := fmt.Sprintf("%s=%q", name, value)
	if strings.HasSuffix(text, "}") {
		return strings.TrimSuffix(text, "}") + "," + add + "}"
	}
	return text + "{" + add + "}"
}
