package operate

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// same are words that mean one thing in the names of metrics and in prose.
var same = map[string]string{
	"db": "database", "conn": "connection", "conns": "connection", "req": "request", "reqs": "request", "msg": "message", "msgs": "message",
	"err": "error", "errs": "error", "fail": "error", "failed": "error", "failing": "error", "fails": "error", "failure": "error", "failures": "error", "rejected": "error", "rejects": "error", "rejections": "error", "dropped": "error",
	"wait": "pending", "waiting": "pending", "waits": "pending", "queued": "pending", "backlog": "pending", "unprocessed": "pending", "unpublished": "pending",
	"duration": "latency", "latencies": "latency", "slow": "latency", "millis": "latency",
	"mem": "memory", "evt": "event", "cancellation": "cancel", "cancellations": "cancel", "canceled": "cancel", "cancelled": "cancel", "cancelling": "cancel",
	"succeeded": "success", "succeed": "success", "succeeds": "success", "successful": "success", "successes": "success", "ok": "success", "retries": "retry", "retried": "retry",
	"queries": "query", "entries": "entry", "replicas": "replica", "utilisation": "utilization", "busy": "busy",
}

// empty words say nothing about which number is meant.
var emptyWords = []string{
	"the", "a", "an", "of", "in", "on", "for", "by", "any", "our", "all", "is", "are", "be", "to", "that", "which", "this", "with", "at", "its", "has", "have",
	"number", "count", "current", "currently", "value", "total", "there", "when", "if", "it", "and", "than", "seconds", "second", "bytes", "percent", "gauge", "counter", "histogram", "metric", "should", "must", "stay", "stays", "remain", "keep",
	"goes", "gets", "rises", "stay", "does", "not", "per", "we", "slo", "sli", "target", "objective", "threshold", "alert",
}

func canonical(w string) string {
	if c, ok := same[w]; ok {
		return c
	}
	switch {
	case len(w) > 4 && strings.HasSuffix(w, "ies"):
		w = w[:len(w)-3] + "y"
	case len(w) > 4 && (strings.HasSuffix(w, "ses") || strings.HasSuffix(w, "xes") || strings.HasSuffix(w, "ches")):
		w = w[:len(w)-2]
	case len(w) > 3 && strings.HasSuffix(w, "s") && !strings.HasSuffix(w, "ss") && !strings.HasSuffix(w, "us"):
		w = w[:len(w)-1]
	}
	if c, ok := same[w]; ok {
		return c
	}
	switch {
	case len(w) > 5 && strings.HasSuffix(w, "ed"):
		w = w[:len(w)-2]
	case len(w) > 6 && strings.HasSuffix(w, "ing") && w != "pending":
		w = w[:len(w)-3]
	}
	return w
}

// wordsOf are the telling words of a text or name.
func wordsOf(s string) []string {
	var out []string
	for _, f := range strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		if slices.Contains(emptyWords, f) {
			continue
		}
		if w := canonical(f); !slices.Contains(out, w) && !slices.Contains(emptyWords, w) {
			out = append(out, w)
		}
	}
	return out
}

var unitWords = regexp.MustCompile(`_(?:total|bucket|count|sum|seconds|bytes|ratio|percent|milliseconds|ms)$`)

// metricWords are the telling words of a metric: of its name and of the values of
// its matchers.
func metricWords(m Metric) []string {
	name := m.Name
	for range 2 {
		name = unitWords.ReplaceAllString(name, "")
	}
	out := wordsOf(name)
	for _, v := range quotedValue.FindAllStringSubmatch(m.Selector, -1) {
		for _, w := range wordsOf(v[1]) {
			if !slices.Contains(out, w) {
				out = append(out, w)
			}
		}
	}
	return out
}

var quotedValue = regexp.MustCompile(`"([^"]*)"`)

// covers reports whether all of the words stand among others.
func covers(others, words []string) bool {
	return !slices.ContainsFunc(words, func(w string) bool { return !slices.Contains(others, w) })
}

// without returns the words that are none of others.
func without(words []string, others ...string) []string {
	return slices.DeleteFunc(slices.Clone(words), func(w string) bool { return slices.Contains(others, w) })
}

// camelCase makes a name of words: "outbox_pending_events" → OutboxPendingEvents.
func camelCase(s string) string {
	var b strings.Builder
	for _, f := range strings.FieldsFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') }) {
		if b.Len()+len(f) > 56 {
			break
		}
		if b.Len() == 0 && f[0] >= '0' && f[0] <= '9' {
			continue
		}
		b.WriteString(strings.ToUpper(f[:1]) + f[1:])
	}
	return b.String()
}
