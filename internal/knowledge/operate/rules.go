package operate

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
)

// maxRules bounds the rules of one artefact.
const maxRules = 100

// rules makes rules of the lines.
func (r *reader) rules(ctx context.Context, lines []line, runbook string) {
	r.names = map[string]bool{}
	for _, l := range lines {
		switch {
		case l.heading != "":
		case l.code != nil:
			r.codeRules(l)
		case l.role == elsewhere:
		case len(l.cells) > 0:
			r.row(l)
		default:
			r.sentence(l)
		}
	}
	if len(r.Rules) > maxRules {
		r.left(Rules, line{text: r.Rules[maxRules].Text, place: r.Rules[maxRules].Place}, fmt.Sprintf("more than %d rules; those from here on are left out", maxRules), "")
		r.Rules = r.Rules[:maxRules]
	}
	for i := range r.Rules {
		r.Rules[i].artefact, r.Rules[i].Runbook = r.ID, runbook
		r.Rules[i].prove(ctx, r.promQL)
		if why := r.Rules[i].test.why; why != "" {
			r.left(RuleTests, line{text: r.Rules[i].Text, place: r.Rules[i].Place}, why, r.Rules[i].Expr)
		}
	}
}

// statement is what a line says that must not be.
type statement struct {
	line
	said     string // the text of the line that it was read from
	name     string // of the alert, when the text gives one
	subject  string // what is compared
	whole    string // PromQL that compares by itself
	cmp      comparison
	tail     string // behind the comparison
	hold     time.Duration
	window   time.Duration
	severity string
	priority string
	wanted   bool // the line says what should be, not what should not
	stated   bool // a target by its role or its words
}

var (
	lead      = rx(`^(?:\W*(?:please\s+)?(?:alert(?:s|ing)?|alarm|page[rs]?|fires?|warn(?:s|ing)?|notify|notification|ticket|escalate|trigger(?:s|ed)?|critical|wake\s+\w+(?:\s+\w+)?|we\s+(?:alert|page|warn)|raise\s+an?\s+alert|send\s+an?\s+alert|an?\s+alert\s+fires|sev-?\d|p[1-4])\b(?:\s+(?:the\s+)?[a-z-]+){0,4}?\s*(?:when|if|on|once|as soon as|whenever|:|—|–|-)\s*)+`)
	leadIf    = rx(`^(?:when|if|once|whenever)\s+`)
	duty      = rx(`\b(?:must|should|shall|needs? to|ha(?:s|ve) to)\b`)
	mustWords = rx(`\b(?:stays?|keeps?|kept|remains?|expected|aim|goal|targets?|objective|want|guarantee[ds]?)\b`)
	notBefore = rx(`\b(?:not|never)\s*$`)
	absentRE  = rx(`\b(?:is\s+|are\s+|goes\s+|becomes\s+)?(?:absent|missing|stops? reporting|disappears?|not reported|no longer reported)\b|\bno (?:data|samples|series)\b`)
	alertName = regexp.MustCompile(`^[A-Z][a-zA-Z0-9]{3,60}$`)
	camel     = regexp.MustCompile(`[a-z0-9][A-Z]`)
)

// masked is a text in which code and metrics are no words: nothing in them is a
// comparison. Offsets stay.
func (r *reader) masked(l line, text string) string {
	b := []byte(text)
	cover := func(from, to int) {
		for i := from; i < to; i++ {
			b[i] = '\x01'
		}
	}
	for _, s := range l.spans {
		if metricName.MatchString(s) || r.promQL.expr(s) != nil && strings.ContainsAny(s, "([{") {
			if at := strings.Index(text, s); at >= 0 && len(comparisons(s)) == 0 {
				cover(at, at+len(s))
			}
		}
	}
	for _, f := range r.refs(l, text) {
		cover(f.from, f.to)
	}
	return string(b)
}

// sentence makes rules of a line of text.
func (r *reader) sentence(l line) {
	if s, ok := r.wholeQuery(l); ok {
		r.rule(s)
		return
	}
	if l.role == dashboards {
		r.boardLine(l)
		return
	}
	r.compared(statement{line: l}, l.text)
}

// wholeQuery is a line with a query in code that compares by itself.
func (r *reader) wholeQuery(l line) (statement, bool) {
	for _, span := range l.spans {
		e := r.promQL.expr(span)
		if e == nil || !compares(e) || bareCounter(e) {
			continue
		}
		before, after, _ := strings.Cut(l.text, span)
		s := statement{line: l, whole: span, tail: after, subject: before}
		s.hold, s.window, _ = spans(after)
		s.severe(after, before)
		s.name = nameOf(before)
		return s, true
	}
	return statement{}, false
}

// bareCounter reports whether a query compares a counter as it stands, which only
// grows: then it is words rather than a query.
func bareCounter(e parser.Expr) bool {
	b, ok := e.(*parser.BinaryExpr)
	if !ok {
		return false
	}
	v, ok := unparen(b.LHS).(*parser.VectorSelector)
	return ok && typeOf(v.Name) == "counter"
}

func unparen(e parser.Expr) parser.Expr {
	for {
		p, ok := e.(*parser.ParenExpr)
		if !ok {
			return e
		}
		e = p.Expr
	}
}

// compares reports whether a query has a comparison that filters, or is absent().
func compares(e parser.Expr) bool {
	switch e := unparen(e).(type) {
	case *parser.BinaryExpr:
		if e.Op.IsComparisonOperator() {
			return !e.ReturnBool && e.Type() == parser.ValueTypeVector
		}
		return e.Op.IsSetOperator() && (compares(e.LHS) || compares(e.RHS))
	case *parser.Call:
		return e.Func.Name == "absent" || e.Func.Name == "absent_over_time"
	}
	return false
}

// nameOf is the name of an alert that a text begins with: "OutboxBacklog: …".
func nameOf(text string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(text), " ")
	first = strings.Trim(first, "`*:–—-.,()")
	if alertName.MatchString(first) && camel.MatchString(first) {
		return first
	}
	return ""
}

// compared reads the comparisons of a text.
func (r *reader) compared(s statement, text string) {
	s.said = text
	masked := r.masked(s.line, text)
	all := comparisons(masked)
	if p := promised(masked); s.role == targets && p != nil && !slices.ContainsFunc(all, func(c comparison) bool { return c.unit != "seconds" }) {
		all = p
	}
	if len(all) == 0 {
		if absentRE.MatchString(masked) && s.role != dashboards {
			if refs := r.refs(s.line, text); len(refs) == 1 {
				s.whole = "absent(" + refs[0].text + ")"
				s.hold, _, _ = spans(masked)
				s.severe(text, text)
				r.rule(s)
				return
			}
		}
		r.nothing(s.line)
		return
	}
	if len(all) > 1 && !r.levels(masked, all) {
		r.left(Rules, s.line, "two conditions in one line; write one a line, or the query", "")
		return
	}
	made := s
	for i, c := range all {
		end := len(text)
		if i+1 < len(all) {
			end = all[i+1].from
		}
		one := made
		one.cmp, one.tail = c, text[c.to:end]
		if i == 0 {
			one.subject = text[:c.from]
		} else {
			one.subject = made.subject
		}
		one.hold, one.window, _ = spans(masked[c.to:end])
		one.window = cmp.Or(one.window, s.window)
		before := text[:c.from]
		if i > 0 {
			before = text[all[i-1].to:c.from]
		}
		one.severe(one.tail, before)
		if len(all) > 1 { // "warning > 80 %, critical > 95 %": the word stands before
			if label, priority := severityOf(before); label != "" {
				one.severity, one.priority = label, priority
			}
		}
		one.wanted, one.stated = r.wants(one, masked[:c.from])
		if hold, window, used := spans(masked[:c.from]); used != nil {
			one.hold, one.window = max(one.hold, hold), max(one.window, window)
			for _, u := range used {
				if i == 0 {
					one.subject = one.subject[:min(u[0], len(one.subject))] + strings.Repeat(" ", max(0, min(u[1], len(one.subject))-min(u[0], len(one.subject)))) + one.subject[min(u[1], len(one.subject)):]
				}
			}
		}
		if i == 0 {
			one.name = nameOf(text)
			one.subject = r.clean(one.subject)
			made.subject, made.name = one.subject, one.name
		} else {
			one.name = made.name
		}
		r.rule(one)
	}
}

var (
	promiseRE  = rx(`(\d+(?:\.\d+)?)\s*%`)
	promiseOne = rx(`\b(?:availab|success|succeed|uptime|complet)`)
)

// promised is a target without a comparison: "99.9 % of cancels succeed".
func promised(text string) []comparison {
	m := promiseRE.FindAllStringSubmatchIndex(text, -1)
	if len(m) != 1 || !promiseOne.MatchString(text) {
		return nil
	}
	v, ok := numberOf(text[m[0][2]:m[0][3]])
	if !ok || v < 50 || v > 100 {
		return nil
	}
	return []comparison{{from: m[0][0], to: m[0][1], op: ">=", value: scaled(v, 0.01), unit: "ratio", written: text[m[0][0]:m[0][1]], word: ">="}}
}

// levels reports whether several comparisons are thresholds of one number, each
// with its severity.
func (r *reader) levels(text string, all []comparison) bool {
	for i := range all {
		between := text[:all[i].from]
		if i > 0 {
			between = text[all[i-1].to:all[i].from]
			if strings.Contains(between, "\x01") || rx(`\b(?:and|while|unless)\b`).MatchString(between) {
				return false
			}
		}
		end := len(text)
		if i+1 < len(all) {
			end = all[i+1].from
		}
		a, _ := severityOf(between)
		b, _ := severityOf(text[all[i].to:end])
		if a == "" && b == "" {
			return false
		}
	}
	return true
}

// severe takes the severity from behind the comparison, from the head of the line,
// or from what stands above it.
func (s *statement) severe(after, before string) {
	s.severity = s.line.severity
	if end := headEnd(before); end > 0 {
		s.severity, s.priority = severityIn(before, 0, end, false)
	}
	if at := tailStart(strings.TrimRight(before, " :–—-")); at >= 0 {
		if label, priority := severityIn(before, at, len(before), false); label != "" { // "alert" is none
			s.severity, s.priority = label, priority
		}
	}
	if label, priority := severityOf(after); label != "" {
		s.severity, s.priority = label, priority
	}
}

var severityHead = rx(`^\W*(?:(?:an?|we)\s+)?(?:sev(?:erity)?[\s-]?[1-5]|p[1-5]|critical|crit|page[sr]?|wake|urgent|warning|warn|ticket|notify|info|low|high|medium)\b`)

// wants reports whether a line says what should be: a target, of which the
// opposite is worth an alert.
func (r *reader) wants(s statement, before string) (wanted, stated bool) {
	if duty.MatchString(before) {
		return true, true
	}
	if s.role == alerts {
		return false, true
	}
	if mustWords.MatchString(before) && !leadVerb.MatchString(before) || s.role == targets {
		return true, true
	}
	if leadVerb.MatchString(before) {
		return false, true
	}
	good := rx(`latenc|duration|\bp\d\d|percentile|error|fail|response time|lag\b|delay`)
	return s.cmp.op[0] == '<' && good.MatchString(before), false
}

var leadVerb = rx(`\b(?:alert|page|warn|fire|notify|escalate|alarm|ticket|if|when)\b`)

// clean takes from a subject what leads to it.
func (r *reader) clean(subject string) string {
	s := strings.TrimSpace(subject)
	for range 3 {
		s = lead.ReplaceAllString(s, "")
		s = leadIf.ReplaceAllString(s, "")
		s = s[headEnd(s):]
		s = strings.TrimLeft(s, " :–—-*[]().,→`\"")
	}
	s = strings.TrimRight(s, " :–—-*,(`\"→")
	if at := tailStart(s); at >= 0 { // "Queue depth: warning above 2000"
		s = strings.TrimRight(s[:at], " :–—-*,(`\"→")
	}
	return s
}

// headEnd is where a severity that a text begins with ends, 0 when it begins with
// none.
func headEnd(text string) int {
	m := severityHead.FindStringIndex(text)
	if m == nil {
		return 0
	}
	if label, _ := severityIn(text, 0, m[1], false); label == "" {
		return 0
	}
	return m[1]
}

// tailStart is where a severity that a text ends with begins, -1 when it ends with
// none.
func tailStart(text string) int {
	m := severityTail.FindStringIndex(text)
	if m == nil {
		return -1
	}
	if label, _ := severityIn(text, m[0], m[1], false); label == "" && !alertTail.MatchString(text) {
		return -1
	}
	return m[0]
}

var alertTail = rx(`\balerts?(?:\s+(?:at|when|if))?$`)

var severityTail = rx(`[\s:,(–—-]+(?:warn(?:ing)?|crit(?:ical)?|page|ticket|alert(?:s)?|sev-?\d|p[1-5])(?:\s+(?:at|when|if))?$`)

// nothing lists a line of which nothing was made, when it was meant to be an alert
// or target.
func (r *reader) nothing(l line) {
	if l.role != alerts && l.role != targets || strings.TrimSpace(l.text) == "" {
		return
	}
	if !l.item && !strings.ContainsAny(l.text, "0123456789") && !leadVerb.MatchString(l.text) {
		return
	}
	if emptyText.MatchString(l.text) {
		return
	}
	r.left(Rules, l, "no threshold: it compares nothing with a number", "")
}

var emptyText = rx(`^\W*no (?:alerts?|pages?)\b.*$|^\W*(?:none|n/?a|tbd|todo|to be (?:done|defined)|-)?\W*$`)

// boardLine lists what a dashboard should hold in words.
func (r *reader) boardLine(l line) {
	if len(r.refs(l, l.text)) == 0 && l.item && !emptyText.MatchString(l.text) {
		r.left(Dashboard, l, "it names no metric; the dashboard has a panel for each metric that is named", "")
	}
}

// columns of tables of metrics and alerts.
var (
	columnSeverity = rx(`severity|priority|urgency|\blevel\b|^sev$|action|response|channel|notif|route`)
	columnBySelf   = rx(`severity|priority|urgency|\blevel\b|^sev$|channel|notif|route`) // holds nothing but a severity
	columnFor      = rx(`^for$|duration|sustain|pending`)
	columnWindow   = rx(`window|period|over`)
	columnLevel    = rx(`^\W*(?:warn(?:ing)?|crit(?:ical)?|page|ticket|info|sev-?\d|p[1-5])\b`)
	columnLimit    = rx(`threshold|condition|trigger|limit|when|alert|target|objective|\bslos?\b|goal|budget|value|expr|query|promql|rule`)
	columnTarget   = rx(`target|objective|\bslos?\b|goal`)
	columnText     = rx(`descr|meaning|purpose|why|note|comment|runbook|owner|unit|\btype\b|\bkind\b|source|dashboard`)
)

// row makes rules of a row of a table.
func (r *reader) row(l line) {
	base := statement{line: l}
	subject := r.subjectOf(l)
	for _, c := range l.cells {
		if m := rx(`^\W*` + spanWords + `\W*$`).FindStringSubmatch(c.text); m != nil && columnWindow.MatchString(c.head) {
			base.window = spanOf(m[1], m[2])
		}
	}
	if l.role == dashboards && len(comparisons(r.masked(l, l.text))) == 0 {
		r.boardLine(l)
		return
	}
	if s, ok := r.wholeQuery(l); ok {
		s.name = r.rowName(l)
		r.besides(&s)
		r.rule(s)
		return
	}
	made, asked := 0, false
	for _, c := range l.cells {
		if c.text == subject || columnWindow.MatchString(c.head) && !columnLimit.MatchString(c.head) || columnText.MatchString(c.head) || columnSeverity.MatchString(c.head) && len(comparisons(r.masked(l, c.text))) == 0 {
			continue
		}
		limits := columnLimit.MatchString(c.head) || columnLevel.MatchString(c.head)
		if all := comparisons(r.masked(l, c.text)); len(all) == 0 {
			if columnTarget.MatchString(c.head) && promised(subject+" "+c.text) != nil {
				one := base
				one.role = targets
				r.compared(one, subject+" "+c.text)
				made++
				continue
			}
			if limits && rx(`\d`).MatchString(c.text) && !columnFor.MatchString(c.head) && r.rowName(l) != c.text {
				asked = true
			}
			continue
		}
		one := base
		if columnTarget.MatchString(c.head) {
			one.role = targets
		} else if limits {
			one.role = alerts
		}
		if columnLevel.MatchString(c.head) {
			one.line.severity, _ = severityOf(c.head)
		}
		made++
		for _, part := range partsOf(c.text) {
			if len(comparisons(r.masked(l, part))) > 0 {
				r.cellRule(one, subject, cell{c.head, part})
			}
		}
	}
	switch {
	case made > 0:
	case asked:
		r.left(Rules, l, "a threshold without direction: above or below?", "")
	default:
		if len(comparisons(r.masked(l, subject))) > 0 {
			r.compared(base, subject)
		} else if len(r.refs(l, l.text)) == 0 && (l.role == alerts || l.role == measures || l.role == targets) && !emptyText.MatchString(subject) {
			r.left(Rules, l, "it names no metric and compares nothing with a number", "")
		}
	}
}

// subjectOf is what a row is about: the cell that names a metric, else the first.
func (r *reader) subjectOf(l line) string {
	for _, c := range l.cells {
		if refs := r.refs(l, c.text); len(refs) > 0 && len(comparisons(r.masked(l, c.text))) == 0 && !columnText.MatchString(c.head) {
			return c.text
		}
	}
	for _, c := range l.cells {
		if rx(`metric|series|indicator|\bslis?\b|measure`).MatchString(c.head) {
			return c.text
		}
	}
	return l.cells[0].text
}

// partsOf cuts a cell with several percentiles: "p95 < 200 ms, p99 < 500 ms".
func partsOf(text string) []string {
	var out []string
	for _, p := range regexp.MustCompile(`[,;]\s+|\s+/\s+`).Split(text, -1) {
		if !quantileRE.MatchString(p) || len(comparisons(p)) != 1 {
			return []string{text}
		}
		out = append(out, p)
	}
	return out
}

// cellRule makes a rule of one cell: its own subject, or that of the row.
func (r *reader) cellRule(s statement, subject string, c cell) {
	masked := r.masked(s.line, c.text)
	first := comparisons(masked)[0]
	own := r.clean(c.text[:first.from])
	text := c.text
	if quantileRE.MatchString(own) && len(r.refs(s.line, own)) == 0 && len(r.refs(s.line, subject)) > 0 && len(strings.Fields(own)) <= 2 {
		text = own + " " + subject + " " + c.text[first.from:] // "p99 > 2 s" of the metric of the row
	} else if own == "" || !rx(`[a-z]{2}|\x01`).MatchString(masked[:first.from]) || lead.MatchString(own+" when ") && len(strings.Fields(own)) == 1 {
		text = subject + " " + c.text[first.from:]
	}
	was := len(r.Rules)
	r.compared(s, text)
	for i := was; i < len(r.Rules); i++ {
		st := statement{line: s.line, hold: 0, severity: r.Rules[i].Severity, priority: r.Rules[i].Priority}
		r.besides(&st)
		u := &r.Rules[i]
		if st.hold > 0 && (u.For == "" || u.fromWindow) {
			u.For = promSpan(st.hold)
			u.Assumed = slices.DeleteFunc(u.Assumed, func(a string) bool { return a == assumedAtOnce })
		}
		if st.severity != "" && slices.Contains(u.Assumed, assumedSeverity) {
			u.Severity, u.Priority = st.severity, st.priority
			u.Assumed = slices.DeleteFunc(u.Assumed, func(a string) bool { return a == assumedSeverity })
		}
		if n := r.rowName(s.line); n != "" && !r.names[n] {
			delete(r.names, u.Name)
			u.Name = r.unique(n)
		}
	}
}

// rowName is the name of an alert in a row.
func (r *reader) rowName(l line) string {
	for _, c := range l.cells {
		if n := strings.Trim(c.text, "`* "); alertName.MatchString(n) && camel.MatchString(n) {
			return n
		}
	}
	return ""
}

// besides takes severity and time from the columns that hold only them.
func (r *reader) besides(s *statement) {
	for _, c := range s.cells {
		switch {
		case columnFor.MatchString(c.head):
			if m := rx(`^\W*` + spanWords + `\W*$`).FindStringSubmatch(c.text); m != nil && s.hold == 0 {
				s.hold = spanOf(m[1], m[2])
			}
		case columnSeverity.MatchString(c.head) || rx(`^alert`).MatchString(c.head):
			if len(comparisons(c.text)) == 0 && (s.severity == "" || s.severity == "warning") {
				if label, priority := severityIn(c.text, 0, len(c.text), columnBySelf.MatchString(c.head)); label != "" {
					s.severity, s.priority = label, priority
				}
			}
		}
	}
}

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
