package operate

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
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
