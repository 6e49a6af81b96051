package operate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// share is "`a` > 80 % of `b`", or "more than 5 % of `b`".
func (r *reader) share(s statement, refs []ref) (made, string, string) {
	whole := r.refs(s.line, s.tail)
	switch {
	case len(refs) == 1 && len(whole) > 0:
		return r.ratio(s, refs[0].text, whole[0].text, nil)
	case len(refs) == 1:
		out := made{metrics: []string{}, name: ""}
		return r.shareOf(s, refs[0].text, out)
	}
	return made{}, "which metric is the part of it?", compare("TODO / "+whole[0].text, s.cmp.op, s.cmp.value)
}

// shareOf finds the whole of which a metric is a part: among the metrics of the
// document, the only one that says so by its words.
func (r *reader) shareOf(s statement, text string, out made) (made, string, string) {
	_, part := r.typed(text)
	asks := part.Name
	var whole []Metric
	for _, m := range r.Metrics {
		if m.Selector == part.Selector || m.Type != part.Type && m.Type != "" && part.Type != "" {
			continue
		}
		if r.isWhole(part, m) {
			whole = append(whole, m)
		}
	}
	q := ratioOf(text, "TODO", part.Type, s)
	if len(whole) != 1 {
		why := "percent of what? No metric of the whole is named"
		if len(whole) > 1 {
			why = "percent of what? Several metrics could be the whole: " + names(whole)
		}
		return made{}, why, compare(q, s.cmp.op, s.cmp.value)
	}
	return r.ratio(s, text, whole[0].Selector, append(out.assumed, fmt.Sprintf("%s is the whole of %s by its words", whole[0].Selector, asks)))
}

// isWhole reports whether a metric is what another is a part of: its limit, or all
// of what it counts the failing of.
func (r *reader) isWhole(part, m Metric) bool {
	pw, mw := metricWords(part), metricWords(m)
	if part.Type == "counter" {
		if part.Name == m.Name { // the same series with fewer matchers
			return strings.HasPrefix(part.Selector, m.Name+"{") && m.Selector == m.Name && fails(part)
		}
		return slices.Contains(pw, "error") && !slices.Contains(mw, "error") && !slices.Contains(mw, "success") &&
			covers(mw, without(pw, "error", "http")) && covers(append(slices.Clone(pw), "request", "attempt", "all", "call"), mw)
	}
	shared := false
	for _, w := range mw {
		shared = shared || slices.Contains(pw, w)
	}
	return shared && slices.ContainsFunc(mw, func(w string) bool { return slices.Contains(limitWords, w) }) && !slices.ContainsFunc(pw, func(w string) bool { return slices.Contains(limitWords, w) })
}

// fails reports whether a metric counts what fails, by its name or its matchers.
func fails(m Metric) bool {
	return slices.Contains(metricWords(m), "error") || failing.MatchString(m.Selector)
}

var failing = rx(`[=~]"[^"]*(?:5\.\.|5xx|500|5\[0-9\]|err|fail|reject)`)

func names(ms []Metric) string {
	var out []string
	for _, m := range ms {
		out = append(out, m.Selector)
	}
	return strings.Join(out, ", ")
}

// ratioOf is a part by its whole: of rates for counters, of sums for others, as the
// text does not say which labels they share.
func ratioOf(part, whole, kind string, s statement) string {
	if kind == "counter" {
		window, _ := windowOf(s)
		w := promSpan(window)
		if whole == "TODO" {
			return fmt.Sprintf("sum(rate(%s[%s])) / TODO", part, w)
		}
		return fmt.Sprintf("sum(rate(%s[%s])) / sum(rate(%s[%s]))", part, w, whole, w)
	}
	if whole == "TODO" {
		return fmt.Sprintf("sum(%s) / TODO", part)
	}
	return fmt.Sprintf("sum(%s) / sum(%s)", part, whole)
}

func (r *reader) ratio(s statement, part, whole string, assumed []string) (made, string, string) {
	_, a := r.typed(part)
	_, b := r.typed(whole)
	if a.Type != b.Type && a.Type == "counter" != (b.Type == "counter") && a.Type != "" && b.Type != "" {
		return made{}, fmt.Sprintf("%s is a %s and %s a %s: write the query", a.Name, a.Type, b.Name, b.Type), ""
	}
	kind := a.Type
	if kind == "" {
		kind = b.Type
	}
	if s.cmp.unit != "ratio" && s.cmp.unit != "" || s.cmp.per > 0 {
		return made{}, "a ratio has no unit: write it as percent or as a number", ""
	}
	m := made{metrics: []string{a.Name, b.Name}, assumed: assumed, expr: compare(ratioOf(part, whole, kind, s), s.cmp.op, s.cmp.value)}
	m.assumed = append(m.assumed, "summed over all series: the text does not say which labels they share")
	if kind == "counter" {
		if _, note := windowOf(s); note != "" {
			m.assumed = append(m.assumed, note)
		}
	} else if s.window > 0 {
		m.held(s.window)
	}
	m.name = alertNameOf(a.Name+" ratio", suffix(s.cmp.op, s.cmp.value))
	return m, "", ""
}

// byWords finds the metrics that a subject means without naming them: those of the
// document that have all of its words, when there is only one choice.
func (r *reader) byWords(s statement) (made, string, string) {
	if danger.MatchString(s.subject) {
		return made{}, "it names no metric, and what it compares is not a value as it stands", ""
	}
	if s.cmp.unit == "ratio" && !goodRE.MatchString(s.subject) && !badRE.MatchString(s.subject) && (goodRE.MatchString(s.tail) || badRE.MatchString(s.tail)) && ofRE.MatchString(s.tail) {
		s.subject = strings.TrimSpace(s.subject + " " + rx(`\b(?:for|over|in|within|during|per)\b.*$|[→(\[].*$`).ReplaceAllString(s.tail, "")) // "99.9 % of cancels succeed"
	}
	words := wordsOf(quantileRE.ReplaceAllString(s.subject, " "))
	if s.cmp.unit == "ratio" && (badRE.MatchString(s.subject) || goodRE.MatchString(s.subject)) {
		return r.rateOfErrors(s, words)
	}
	q := quantileOf(s.subject + " " + s.tail)
	telling := without(words, "rate", "percentile", "average", "mean", "avg", "usage", "utilization", "share", "size", "level")
	if latencyRE.MatchString(s.subject) {
		telling = append(without(telling, "response", "time", "latency"), "latency")
	}
	if len(telling) == 0 {
		return made{}, "it names no metric", ""
	}
	var fits []Metric
	for _, m := range r.candidates() {
		mw := metricWords(m)
		if m.Type == "histogram" || m.Type == "summary" {
			mw = append(mw, "latency")
		}
		if covers(mw, telling) && (q == 0 || m.Type != "counter" && m.Type != "gauge") {
			fits = append(fits, m)
		}
	}
	if len(fits) > 1 { // the one with nothing else in its name
		fewest := slices.MinFunc(fits, func(a, b Metric) int { return len(metricWords(a)) - len(metricWords(b)) })
		n := len(metricWords(fewest))
		if best := slices.DeleteFunc(slices.Clone(fits), func(m Metric) bool { return len(metricWords(m)) > n }); len(best) == 1 && covers(telling, metricWords(fewest)) {
			fits = best
		}
	}
	switch len(fits) {
	case 0:
		return made{}, "it names no metric, and none of the document has all of its words", ""
	case 1:
		note := fmt.Sprintf("%s is meant by its words: %s", fits[0].Selector, strconv.Quote(shown(s.subject)))
		if s.cmp.unit == "ratio" && ofRE.MatchString(s.tail) {
			return r.shareOf(s, fits[0].Selector, made{assumed: []string{note}})
		}
		beside := quantileRE.FindString(s.subject)
		for _, re := range []string{meanRE.FindString(s.subject), sumRE.FindString(s.subject)} {
			beside += " " + re
		}
		return r.number(s, fits[0].Selector, beside, []string{note})
	}
	return made{}, "several metrics could be meant: " + names(fits), ""
}

// candidates are the metrics that words may mean: where one is named as it is and
// with matchers, as it is.
func (r *reader) candidates() []Metric {
	return slices.DeleteFunc(slices.Clone(r.Metrics), func(m Metric) bool {
		return m.Selector != m.Name && !failing.MatchString(m.Selector) &&
			slices.ContainsFunc(r.Metrics, func(o Metric) bool { return o.Name == m.Name && o.Selector == o.Name })
	})
}

// rateOfErrors is a share of what fails, or succeeds: it needs two counters.
func (r *reader) rateOfErrors(s statement, words []string) (made, string, string) {
	about := without(words, "error", "success", "rate", "ratio", "share", "availability", "available", "uptime", "5xx", "4xx", "percentage")
	type pair struct {
		part, whole Metric
		good        bool
	}
	var pairs []pair
	for _, p := range r.candidates() {
		pw := metricWords(p)
		bad := fails(p)
		good := slices.Contains(pw, "success")
		if p.Type != "counter" || bad == good || good && badRE.MatchString(s.subject) {
			continue
		}
		for _, w := range r.Metrics {
			ww := metricWords(w)
			match := bad && r.isWhole(p, w) || good && w.Type == "counter" && !slices.Contains(ww, "error") && !slices.Contains(ww, "success") && covers(append(ww, "success"), pw)
			if w.Type == "counter" && w.Selector != p.Selector && match && covers(append(slices.Concat(pw, ww), "request"), about) {
				pairs = append(pairs, pair{p, w, good})
			}
		}
	}
	if len(pairs) != 1 {
		why := "a share needs two counters, of the part and of all; the text does not name them"
		if len(pairs) > 1 {
			why = "several pairs of counters could be meant; write the query"
		}
		return made{}, why, r.shareCandidate(s, about)
	}
	p := pairs[0]
	note := fmt.Sprintf("%s by %s are meant by their words: %s", p.part.Selector, p.whole.Selector, strconv.Quote(shown(s.subject)))
	m, why, candidate := r.ratio(s, p.part.Selector, p.whole.Selector, []string{note})
	if why == "" && goodRE.MatchString(s.subject) && !p.good { // of what does not fail
		left, _, _ := strings.Cut(m.expr, " "+s.cmp.op+" ")
		m.expr = compare("1 - "+left, s.cmp.op, s.cmp.value)
	}
	m.name = alertNameOf(s.subject, suffix(s.cmp.op, s.cmp.value))
	return m, why, candidate
}

// shareCandidate shows what a share would be asked as, where one counter of all is
// named.
func (r *reader) shareCandidate(s statement, about []string) string {
	var all []Metric
	for _, m := range r.Metrics {
		if m.Type == "counter" && covers(append(metricWords(Metric{Name: m.Name}), "request"), about) && !slices.Contains(metricWords(m), "error") {
			all = append(all, m)
		}
	}
	if len(all) != 1 {
		return ""
	}
	window, _ := windowOf(s)
	sel := all[0].Selector
	return compare(fmt.Sprintf("sum(rate(TODO[%s])) / sum(rate(%s[%s]))", promSpan(window), sel, promSpan(window)), s.cmp.op, s.cmp.value)
}
