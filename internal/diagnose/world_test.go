package diagnose_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/change"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

var (
	now   = time.Date(2026, 11, 21, 14, 10, 0, 0, time.UTC)
	onset = now.Add(-5 * time.Minute)
)

const (
	window = 15 * time.Minute
	every  = 15 * time.Second
)

// shop is web → orders → db, with mailer → db, broker, and web → bank, which
// someone else runs.
func shop(t *testing.T) *catalog.Catalog {
	t.Helper()
	ours := func(name string, deps ...string) catalog.Service {
		return catalog.Service{
			Name: name, Owner: "team", Tier: 2, DependsOn: deps,
			Targets: []catalog.Target{{Environment: "prod", Kind: "process", Name: name}},
		}
	}
	web := ours("web", "orders", "bank")
	web.UserFacing, web.Tier = true, 1
	web.SLOs = []catalog.SLO{{Name: "availability", Signal: "availability", Objective: 0.999}}
	orders := ours("orders", "db")
	orders.UserFacing = true
	c, err := catalog.New([]catalog.Service{
		web, orders, ours("mailer", "db", "broker"), ours("db"), ours("broker"),
		{Name: "bank", Owner: "someone else", Tier: 2},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// metric is a series that is usual until at and then goes to value.
type metric struct {
	service  string
	signal   evidence.Golden
	resource string
	consumer string
	limit    float64
	usual    float64
	value    float64
	at       time.Time // zero = never leaves the usual
	climb    bool      // rises evenly over the whole window instead of jumping
	stale    bool
}

func (m metric) item(t *testing.T) evidence.Item {
	t.Helper()
	data := evidence.Metric{
		Signal: m.signal, Resource: m.resource, Consumer: m.consumer, Limit: m.limit,
		Now:    points(now.Add(-window), m.sample),
		Before: points(now.Add(-2*window-10*time.Minute), func(at time.Time) float64 { return m.usual * wobble(at) }),
		Usual:  m.usual,
	}
	data.Value = data.Now.Points[len(data.Now.Points)-1].Value
	unit := map[evidence.Golden]string{evidence.LatencyP99: "s", evidence.Errors: "ratio", evidence.Traffic: "per second"}[m.signal]
	it := evidence.Item{
		Kind: evidence.KindMetric, Collector: "prometheus", Source: "prom", Service: m.service, Unit: unit, Stale: m.stale,
		Query: fmt.Sprintf("%s{service=%q,resource=%q,consumer=%q}", m.signal, m.service, m.resource, m.consumer),
		From:  now.Add(-window), To: now,
	}
	return encode(t, it, data)
}

func (m metric) sample(at time.Time) float64 {
	switch {
	case m.climb:
		share := float64(at.Sub(now.Add(-window))) / float64(window)
		return m.usual + (m.value-m.usual)*share
	case m.at.IsZero() || at.Before(m.at):
		return m.usual * wobble(at)
	}
	return m.value
}

// wobble is a small deterministic noise around 1.
func wobble(at time.Time) float64 { return 1 + float64(at.Unix()/15%5-2)/100 }

func points(from time.Time, f func(time.Time) float64) evidence.Series {
	var s evidence.Series
	for at := from; !at.After(from.Add(window)); at = at.Add(every) {
		s.Points = append(s.Points, evidence.Point{At: at, Value: f(at)})
	}
	return s
}

func logs(t *testing.T, service string, lines ...string) evidence.Item {
	t.Helper()
	var l evidence.Logs
	for i, text := range lines {
		l.Templates = append(l.Templates, evidence.Template{
			ID: fmt.Sprint("t", i), Text: text, Sample: text, Level: "error", Count: 40, New: true, First: onset,
		})
	}
	return encode(t, evidence.Item{
		Kind: evidence.KindLogs, Collector: "loki", Source: "loki", Service: service,
		Query: fmt.Sprintf("{service=%q}", service), Outside: true,
	}, l)
}

func changes(t *testing.T, outside bool, cs ...change.Change) evidence.Item {
	t.Helper()
	return encode(t, evidence.Item{
		Kind: evidence.KindChanges, Collector: "changes", Source: "deploys", Query: "changes of the last 24h", Outside: outside,
	}, evidence.Changes{Changes: cs})
}

func runtime(t *testing.T, service string, is ...evidence.Instance) evidence.Item {
	t.Helper()
	return encode(t, evidence.Item{
		Kind: evidence.KindRuntime, Collector: "runtime", Source: "supervisor", Service: service, Query: "GET /processes",
	}, evidence.Runtime{Instances: is})
}

func facts(t *testing.T, diagnostic string, outside bool) evidence.Item {
	t.Helper()
	return encode(t, evidence.Item{
		Kind: evidence.KindFacts, Collector: "runbook", Source: "prom", Query: diagnostic, Outside: outside,
	}, evidence.Facts{Runbook: "rb", Diagnostic: diagnostic, Values: map[string]any{diagnostic: 1.0}})
}

func failure(source string) evidence.Item {
	return evidence.Item{
		Kind: evidence.KindFailure, Collector: source, Source: source, Query: "ask " + source, Error: "no answer in 3 s",
	}.WithID("INC")
}

func encode(t *testing.T, it evidence.Item, v any) evidence.Item {
	t.Helper()
	it, err := it.WithID("INC").Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return it
}

// usual is every golden signal of the services, in band.
func usual(t *testing.T, services ...string) []evidence.Item {
	t.Helper()
	var out []evidence.Item
	for _, s := range services {
		out = append(
			out,
			metric{service: s, signal: evidence.LatencyP99, usual: 0.2}.item(t),
			metric{service: s, signal: evidence.Errors, usual: 0.001}.item(t),
			metric{service: s, signal: evidence.Traffic, usual: 20}.item(t),
		)
	}
	return out
}

// failing is a service whose requests fail and are slow since at.
func failing(t *testing.T, service string, at time.Time) []evidence.Item {
	t.Helper()
	return []evidence.Item{
		metric{service: service, signal: evidence.Errors, usual: 0.001, value: 0.4, at: at}.item(t),
		metric{service: service, signal: evidence.LatencyP99, usual: 0.2, value: 3, at: at}.item(t),
		metric{service: service, signal: evidence.Traffic, usual: 20}.item(t),
	}
}

// drained is a connection pool of db that mailer has used up.
func drained(t *testing.T) []evidence.Item {
	t.Helper()
	return []evidence.Item{
		metric{service: "db", signal: evidence.Saturation, resource: "connection_pool", consumer: "mailer", limit: 100, usual: 4, value: 95, at: onset}.item(t),
		metric{service: "db", signal: evidence.Saturation, resource: "connection_pool", consumer: "orders", limit: 100, usual: 6, value: 5, at: onset}.item(t),
	}
}

func input(t *testing.T, affected []string, groups ...[]evidence.Item) diagnose.Input {
	t.Helper()
	in := diagnose.Input{
		Catalog: shop(t), Environment: "prod", Affected: affected, FirstSignal: onset.Add(time.Minute), Now: now,
	}
	for _, g := range groups {
		in.Items = append(in.Items, g...)
	}
	return in
}

func diagnosis(in diagnose.Input) diagnose.Diagnosis {
	return diagnose.New(diagnose.DefaultWeights()).Diagnose(in)
}

func show(d diagnose.Diagnosis) string {
	s := ""
	for _, h := range d.Hypotheses {
		s += fmt.Sprintf("\n  %-7s %.4f %-34s %-8s %s | %s", h.ID, h.Probability, h.CauseClass, h.Component, h.Basis, h.Mechanism)
	}
	return s
}

func deployed(service, version string, at time.Time, recorded bool) change.Change {
	return change.Change{
		ID: "chg_" + version, Kind: change.Deploy, Service: service, Version: version, Previous: "1.0.0", At: at, Runtime: recorded,
	}
}

func one(it evidence.Item) []evidence.Item { return []evidence.Item{it} }
