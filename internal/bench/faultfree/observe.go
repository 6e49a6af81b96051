package faultfree

import (
	"fmt"
	"math"
	"time"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/change"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

const window = 15 * time.Minute

func (w *world) catalog() (*catalog.Catalog, error) {
	var out []catalog.Service
	for i, name := range w.services {
		s := catalog.Service{
			Name: name, Owner: "team", Tier: 2, UserFacing: i == 0,
			Targets: []catalog.Target{{Environment: "calm", Kind: "process", Name: name}},
		}
		switch {
		case w.kind.fan && i == 0:
			s.DependsOn = w.services[1:]
		case !w.kind.fan && i+1 < len(w.services):
			s.DependsOn = w.services[i+1 : i+2]
		}
		out = append(out, s)
	}
	return catalog.New(out, nil) //nolint:wrapcheck // wrapped by Load
}

// curve is a signal on an ordinary day: a level, the swing of the day, noise
// that is larger now and then.
type curve struct {
	level, swing, noise, spikes float64
}

func (w *world) series(from time.Time, c curve) evidence.Series {
	var s evidence.Series
	for at := from; !at.After(from.Add(window)); at = at.Add(w.step) {
		if w.chance(0.01) {
			continue // a scrape that failed
		}
		hour := float64(at.Hour()) + float64(at.Minute())/60
		v := c.level * (1 + c.swing*math.Sin((hour-9)/24*2*math.Pi)) * math.Exp(c.noise*w.r.NormFloat64())
		if w.chance(c.spikes) {
			v *= w.between(1.5, 3)
		}
		s.Points = append(s.Points, evidence.Point{At: at, Value: v})
	}
	return s
}

func (w *world) metric(service string, m evidence.Metric, unit string, c curve) {
	m.Now = w.series(w.now.Add(-window), c)
	m.Before = w.series(w.now.Add(-2*window-10*time.Minute), c)
	if w.chance(0.8) {
		m.Day = w.series(w.now.Add(-24*time.Hour-window), c)
		m.Week = w.series(w.now.Add(-7*24*time.Hour-window), c)
	}
	m.Usual = c.level
	if n := len(m.Now.Points); n > 0 {
		m.Value = m.Now.Points[n-1].Value
	}
	w.add(evidence.Item{
		Kind: evidence.KindMetric, Collector: "prometheus", Source: "metrics", Service: service, Unit: unit,
		Query: fmt.Sprintf("%s{service=%q,resource=%q}", m.Signal, service, m.Resource),
	}, m)
}

func (w *world) metrics() {
	for _, s := range w.services {
		swing := w.between(0.1, 0.5)
		w.metric(s, evidence.Metric{Signal: evidence.LatencyP99}, "s", curve{w.between(0.02, 0.8), swing / 5, w.between(0.03, 0.12), 0.01})
		w.metric(s, evidence.Metric{Signal: evidence.Errors}, "ratio", curve{w.between(0, 0.003), 0, w.between(0.1, 0.4), 0})
		w.metric(s, evidence.Metric{Signal: evidence.Traffic}, "per second", curve{w.between(2, 400), swing, w.between(0.02, 0.1), 0.005})
		if w.chance(0.7) {
			w.metric(s, evidence.Metric{Signal: evidence.Saturation, Resource: "memory", Limit: 1 << 30}, "bytes", curve{w.between(0.2, 0.75) * (1 << 30), 0.02, 0.02, 0})
		}
		if w.chance(0.5) {
			w.metric(s, evidence.Metric{Signal: evidence.Saturation, Resource: "cpu", Limit: 4}, "cores", curve{w.between(0.2, 2.2), swing / 2, 0.1, 0.02})
		}
		if w.chance(0.4) {
			w.metric(s, evidence.Metric{Signal: evidence.Saturation, Resource: "disk", Limit: 100}, "percent", curve{w.between(20, 80), 0, 0.001, 0})
		}
	}
}

// lines that every system writes, with how often in both windows.
func (w *world) logs() {
	common := []struct{ level, text string }{
		{"info", "request handled in <*> ms"},
		{"info", "connection accepted from <*>"},
		{"debug", "cache refreshed"},
		{"warn", "retrying request <*>, attempt 1"},
		{"warn", "deprecated field <*> in request"},
		{"error", "client closed the connection"},
		{"error", "invalid input in field <*>"},
	}
	for _, s := range w.services {
		var l evidence.Logs
		for i, c := range common {
			if w.chance(0.4) {
				continue
			}
			n := 5 + w.r.IntN(400)
			l.Templates = append(l.Templates, evidence.Template{
				ID: fmt.Sprint("t", i), Text: c.text, Sample: c.text, Level: c.level,
				Count: n, Before: int(float64(n) * w.between(0.7, 1.4)), First: w.now.Add(-window),
			})
		}
		if w.chance(0.15) {
			l.Templates = append(l.Templates, evidence.Template{
				ID: "n", Text: "settings reloaded", Sample: "settings reloaded", Level: "info", Count: 1, New: true, First: w.now.Add(-time.Minute),
			})
		}
		w.add(evidence.Item{Kind: evidence.KindLogs, Collector: "loki", Source: "logs", Service: s, Query: fmt.Sprintf("{service=%q}", s), Outside: true}, l)
	}
}

// changes that went well, and what runs since.
func (w *world) changes() {
	var cs []change.Change
	for _, s := range w.services {
		instance := evidence.Instance{Name: s + "-1", Version: "1.0.0", State: "running", StartedAt: w.now.Add(-time.Duration(w.between(1, 400)) * time.Hour)}
		if w.chance(0.2) {
			at := w.now.Add(-time.Duration(w.between(4, 600)) * time.Minute)
			cs = append(cs, change.Change{
				ID: "chg_" + s, Kind: change.Deploy, Service: s, Version: "1.1.0", Previous: "1.0.0", At: at, Runtime: w.chance(0.5),
			})
			instance.Version, instance.StartedAt = "1.1.0", at.Add(20*time.Second)
			instance.Restarts = w.r.IntN(2)
		}
		w.add(evidence.Item{Kind: evidence.KindRuntime, Collector: "runtime", Source: "runtime", Service: s, Query: "instances of " + s},
			evidence.Runtime{Instances: []evidence.Instance{instance}})
	}
	w.add(evidence.Item{Kind: evidence.KindChanges, Collector: "changes", Source: "changes", Query: "changes of the last 24h"}, evidence.Changes{Changes: cs})
}

func (w *world) database() {
	last := w.services[len(w.services)-1]
	d := evidence.Database{Engine: "postgresql", MaxConnections: 100, Uptime: 900 * time.Hour}
	for _, s := range w.services[:len(w.services)-1] {
		d.Connections = append(d.Connections,
			evidence.DBConnections{User: s, Application: s, State: "idle", Count: 1 + w.r.IntN(6), Oldest: time.Duration(w.between(1, 200)) * time.Second},
			evidence.DBConnections{User: s, Application: s, State: "active", Count: 1 + w.r.IntN(2), Oldest: time.Duration(w.between(1, 400)) * time.Millisecond})
		d.Queries = append(d.Queries, evidence.DBQuery{
			Text: "select * from t where id = $1", User: s, Load: w.between(0.01, 0.4), Calls: w.between(1, 90), Mean: time.Duration(w.between(1, 30)) * time.Millisecond,
		})
	}
	if w.chance(0.6) {
		d.Replica = append(d.Replica, evidence.DBReplica{Name: "standby", State: "streaming", Lag: time.Duration(w.between(1, 900)) * time.Millisecond})
	}
	w.add(evidence.Item{Kind: evidence.KindDatabase, Collector: "postgres", Source: "database", Service: last, Query: "pg_stat_activity"}, d)
}

func (w *world) traces() {
	stats := func(p50, wobble float64) evidence.SpanStats {
		p50 *= wobble
		return evidence.SpanStats{
			Count: 80 + w.r.IntN(80), PerTrace: 1, P50: p50, P95: p50 * w.between(2, 3.5), SelfP50: p50 / 2, SelfP95: p50 * w.between(1, 1.7),
		}
	}
	calls := func(p50 float64) evidence.CallStats {
		p50 *= w.between(0.9, 1.12)
		return evidence.CallStats{Count: 80 + w.r.IntN(80), PerTrace: 1, P50: p50, P95: p50 * w.between(2, 3), GapP50: 0.001 * w.between(0.8, 1.2), GapP95: 0.003 * w.between(0.8, 1.3)}
	}
	t := evidence.Traces{Now: 100 + w.r.IntN(60), Before: 100 + w.r.IntN(60)}
	for i, s := range w.services {
		p50 := w.between(0.005, 0.2)
		t.Operations = append(t.Operations, evidence.Operation{
			Service: s, Name: "GET /" + s, Now: stats(p50, w.between(0.9, 1.12)), Before: stats(p50, w.between(0.9, 1.12)), First: w.now.Add(-window),
		})
		caller := i - 1
		if w.kind.fan {
			caller = 0
		}
		if i > 0 {
			t.Calls = append(t.Calls, evidence.SpanCall{Caller: w.services[caller], Callee: s, Now: calls(p50), Before: calls(p50)})
		}
	}
	w.add(evidence.Item{Kind: evidence.KindTraces, Collector: "jaeger", Source: "traces", Query: "traces of the last 15 minutes"}, t)
}
