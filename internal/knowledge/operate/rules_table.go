package operate

import (
	"regexp"
	"slices"
	"strings"
)

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
