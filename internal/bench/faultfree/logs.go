package faultfree

import (
	"fmt"
	"time"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// saying is a line that systems write on any day.
type saying struct{ level, text string }

// logs are what always was: about as many lines in both windows, rare ones that
// happen to fall into one of them, and new ones that a deploy brought.
func (w *world) logs() {
	for _, s := range w.services {
		var l evidence.Logs
		line := func(x saying, now, before int) {
			if now == 0 {
				return
			}
			l.Templates = append(l.Templates, evidence.Template{
				ID: fmt.Sprint("t", len(l.Templates)), Text: x.text, Sample: x.text, Level: x.level,
				Count: now, Before: before, New: before == 0, First: w.now.Add(-window),
			})
		}
		for _, x := range constant() {
			if w.chance(0.6) {
				n := 5 + w.r.IntN(400)
				line(x, n, int(float64(n)*w.between(0.7, 1.4)))
			}
		}
		for _, x := range rare() {
			if w.chance(0.1) {
				line(x, w.r.IntN(2), w.r.IntN(2))
			}
		}
		if at := w.deploys[s]; w.now.Sub(at) < 3*time.Hour {
			for _, x := range brought() {
				if w.chance(0.5) {
					line(x, 1+w.r.IntN(300), 0)
				}
			}
		}
		w.add(evidence.Item{Kind: evidence.KindLogs, Collector: "loki", Source: "logs", Service: s, Query: fmt.Sprintf("{service=%q}", s), Outside: true}, l)
	}
}

// constant are lines that come all day.
func constant() []saying {
	return []saying{
		{"info", "request handled in <*> ms"},
		{"info", "connection accepted from <*>"},
		{"debug", "cache refreshed"},
		{"warn", "retrying request <*>, attempt 1"},
		{"warn", "deprecated field <*> in request"},
		{"warn", "slow query: <*> ms"},
		{"error", "client closed the connection"},
		{"error", "invalid input in field <*>"},
		{"error", "token expired for user <*>, asking to log in again"},
		{"error", "write: broken pipe"},
	}
}

// rare are lines that come once an hour or so.
func rare() []saying {
	return []saying{
		{"error", "read tcp <*>: connection reset by peer"},
		{"error", "context deadline exceeded while reading from <*>"},
		{"warn", "429 too many requests from <*>, waiting"},
		{"warn", "deadlock detected, transaction is tried again"},
		{"info", "settings reloaded"},
		{"info", "leader elected: <*>"},
	}
}

// brought are lines that a new version writes and that mean nothing.
func brought() []saying {
	return []saying{
		{"info", "feature <*> is on by default since 1.1.0"},
		{"info", "listening on <*>"},
		{"warn", "option <*> is deprecated, use <*>"},
		{"info", "migrated <*> entries of the cache"},
	}
}
