package diagnose_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// comp is a component of a small system: what it calls and its golden signals.
type comp struct {
	name    string
	calls   []string
	foreign bool // run by someone else
	latency []float64
	errors  []float64
	rate    []float64
	usual   [3]float64 // of latency, errors and rate; all zero = no history
}

var minutes = time.Date(2026, 11, 21, 14, 0, 0, 0, time.UTC)

// system makes the input of an alert on the first node. Samples are a minute apart.
func system(t testing.TB, nodes ...comp) diagnose.Input {
	t.Helper()
	var services []catalog.Service
	var items []evidence.Item
	for _, n := range nodes {
		s := catalog.Service{Name: n.name, Owner: "team", Tier: 2, DependsOn: n.calls}
		if !n.foreign {
			s.Targets = []catalog.Target{{Environment: "prod", Kind: "process", Name: n.name}}
		}
		services = append(services, s)
		for i, series := range [][]float64{n.latency, n.errors, n.rate} {
			if series != nil {
				items = append(items, goldenItem(t, n, i, series))
			}
		}
	}
	c, err := catalog.New(services, nil)
	if err != nil {
		t.Fatal(err)
	}
	return diagnose.Input{
		Catalog: c, Environment: "prod", Affected: []string{nodes[0].name},
		FirstSignal: minutes.Add(3 * time.Minute), Now: minutes.Add(6 * time.Minute), Items: items,
	}
}

func goldenItem(t testing.TB, n comp, i int, series []float64) evidence.Item {
	t.Helper()
	m := evidence.Metric{Signal: []evidence.Golden{evidence.LatencyMean, evidence.Errors, evidence.Traffic}[i]}
	for j, v := range series {
		if !math.IsNaN(v) {
			m.Now.Points = append(m.Now.Points, evidence.Point{At: minutes.Add(time.Duration(j) * time.Minute), Value: v})
		}
	}
	if n.usual != [3]float64{} {
		for j := range 30 {
			at := minutes.Add(time.Duration(j-60) * time.Minute)
			m.Before.Points = append(m.Before.Points, evidence.Point{At: at, Value: n.usual[i] * (1 + float64(j%5-2)/100)})
		}
	}
	it := evidence.Item{
		Kind: evidence.KindMetric, Collector: "prometheus", Source: "prom", Service: n.name,
		Unit: []string{"s", "ratio", "req/s"}[i], Query: fmt.Sprintf("%s of %s", m.Signal, n.name),
	}
	it, err := it.WithID("INC").Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	return it
}

var (
	flat = []float64{10, 10, 10, 10, 10, 10}
	none = []float64{0, 0, 0, 0, 0, 0}
	late = func(calm, sick float64) []float64 { return []float64{calm, calm, sick, sick, sick, calm} }
)

func TestLossesAlongCallsNameTheCause(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		nodes []comp
		want  string
	}{
		"the end of a chain": {[]comp{
			{name: "web", calls: []string{"api"}, latency: late(0.2, 1.2), errors: none, rate: flat, usual: [3]float64{0.2, 0, 10}},
			{name: "api", calls: []string{"store"}, latency: late(0.1, 1.1), errors: none, rate: flat, usual: [3]float64{0.1, 0, 10}},
			{name: "store", latency: late(0.05, 1.05), errors: none, rate: flat, usual: [3]float64{0.05, 0, 10}},
		}, "store"},
		"the middle of a chain, whose callee is well": {[]comp{
			{name: "web", calls: []string{"api"}, latency: late(0.2, 1.2), errors: none, rate: flat, usual: [3]float64{0.2, 0, 10}},
			{name: "api", calls: []string{"store"}, latency: late(0.1, 1.1), errors: none, rate: flat, usual: [3]float64{0.1, 0, 10}},
			{name: "store", latency: late(0.05, 0.06), errors: none, rate: flat, usual: [3]float64{0.05, 0, 10}},
		}, "api"},
		"the larger loss of a fan-out": {[]comp{
			{name: "web", calls: []string{"seldom", "often"}, latency: late(0.2, 0.5), errors: none, rate: flat, usual: [3]float64{0.2, 0, 10}},
			{name: "seldom", latency: late(0.1, 0.9), errors: none, rate: []float64{0.2, 0.2, 0.2, 0.2, 0.2, 0.2}, usual: [3]float64{0.1, 0, 0.2}},
			{name: "often", latency: late(0.1, 0.4), errors: none, rate: flat, usual: [3]float64{0.1, 0, 10}},
		}, "often"},
		"what fails, beside what has failed for long": {[]comp{
			{name: "web", calls: []string{"old", "new"}, latency: flat, errors: late(0, 0.1), rate: flat, usual: [3]float64{10, 0, 10}},
			{name: "old", latency: flat, errors: []float64{0.9, 0.9, 0.9, 0.9, 0.9, 0.9}, rate: flat, usual: [3]float64{10, 0, 10}},
			{name: "new", latency: flat, errors: late(0, 0.1), rate: flat, usual: [3]float64{10, 0, 10}},
		}, "new"},
		"a database that two services share": {[]comp{
			{name: "web", calls: []string{"left", "right"}, latency: late(0.2, 2.2), errors: none, rate: flat, usual: [3]float64{0.2, 0, 10}},
			{name: "left", calls: []string{"db"}, latency: late(0.1, 1.1), errors: none, rate: flat, usual: [3]float64{0.1, 0, 10}},
			{name: "right", calls: []string{"db"}, latency: late(0.1, 1.1), errors: none, rate: flat, usual: [3]float64{0.1, 0, 10}},
			{name: "db", latency: late(0.01, 1.01), errors: none, rate: []float64{20, 20, 20, 20, 20, 20}, usual: [3]float64{0.01, 0, 20}},
		}, "db"},
		"the service behind an address": {[]comp{
			{name: "web", calls: []string{"balancer", "api"}, latency: late(0.2, 1.2), errors: none, rate: flat, usual: [3]float64{0.2, 0, 10}},
			{name: "balancer", foreign: true, latency: late(0.1, 1.1), errors: none, rate: flat, usual: [3]float64{0.1, 0, 10}},
			{name: "api", latency: late(0.1, 1.1), errors: none, rate: flat, usual: [3]float64{0.1, 0, 10}},
		}, "api"},
		"who calls what was never called": {[]comp{
			{name: "web", calls: []string{"api"}, latency: flat, errors: late(0, 0.5), rate: flat, usual: [3]float64{10, 0, 10}},
			{name: "api", calls: []string{"typo", "db"}, latency: flat, errors: late(0, 0.5), rate: flat, usual: [3]float64{10, 0, 10}},
			{name: "typo", errors: []float64{math.NaN(), math.NaN(), 1, 1, 1, math.NaN()}, rate: late(0, 5)},
			{name: "db", latency: flat, errors: none, rate: flat, usual: [3]float64{10, 0, 10}},
		}, "api"},
		"no history": {[]comp{
			{name: "web", calls: []string{"api"}, latency: late(0.2, 1.2), errors: none, rate: flat},
			{name: "api", calls: []string{"store"}, latency: late(0.1, 1.1), errors: none, rate: flat},
			{name: "store", latency: late(0.05, 1.05), errors: none, rate: flat},
		}, "store"},
		"a chain beside a circle": {[]comp{
			{name: "web", calls: []string{"a"}, latency: late(0.2, 1.2), errors: none, rate: flat, usual: [3]float64{0.2, 0, 10}},
			{name: "a", calls: []string{"b", "store"}, latency: late(0.1, 1.1), errors: none, rate: flat, usual: [3]float64{0.1, 0, 10}},
			{name: "b", calls: []string{"a"}, latency: late(0.1, 0.1), errors: none, rate: flat, usual: [3]float64{0.1, 0, 10}},
			{name: "store", latency: late(0.05, 1.05), errors: none, rate: flat, usual: [3]float64{0.05, 0, 10}},
		}, "store"},
		"the affected service itself, when all it calls is well": {[]comp{
			{name: "web", calls: []string{"api"}, latency: late(0.2, 1.2), errors: none, rate: flat, usual: [3]float64{0.2, 0, 10}},
			{name: "api", latency: late(0.1, 0.1), errors: none, rate: flat, usual: [3]float64{0.1, 0, 10}},
		}, "web"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := diagnosis(system(t, tt.nodes...))
			if top, ok := d.Top(); !ok || len(d.Components) == 0 || d.Components[0].Component != tt.want {
				t.Errorf("got %v (%s), want %s:%s", d.Components, top.Component, tt.want, show(d))
			}
		})
	}
}

func TestALossIsSaidWithItsShare(t *testing.T) {
	t.Parallel()
	d := diagnosis(system(
		t,
		comp{name: "web", calls: []string{"api"}, latency: late(0.02, 0.12), errors: none, rate: flat, usual: [3]float64{0.02, 0, 10}},
		comp{name: "api", latency: late(0.02, 0.025), errors: none, rate: []float64{100, 100, 100, 100, 100, 100}, usual: [3]float64{0.02, 0, 100}},
	))
	top, _ := d.Top()
	if want := "Requests to api take 25 ms (mean), 20 ms before; that accounts for 50 % of what web loses"; top.Mechanism != want {
		t.Errorf("got  %s\nwant %s", top.Mechanism, want)
	}
}

func TestNothingIsBlamedWhenTheAffectedIsWell(t *testing.T) {
	t.Parallel()
	d := diagnosis(system(
		t,
		comp{name: "web", calls: []string{"api"}, latency: late(0.2, 0.2), errors: none, rate: flat, usual: [3]float64{0.2, 0, 10}},
		comp{name: "api", latency: []float64{5, 5, 5, 5, 5, 5}, errors: none, rate: flat, usual: [3]float64{0.1, 0, 10}},
	))
	if top, ok := d.Top(); ok && top.CauseClass != diagnose.Healthy && top.Probability > 0.5 {
		t.Errorf("web is well, got%s", show(d))
	}
}

// Whatever the series are, no panic, no probability that is none; and two
// services that call each other do not blame what is not there.
func TestLossesOfAnySeries(t *testing.T) {
	t.Parallel()
	value := rapid.OneOf(rapid.Float64Range(0, 2), rapid.Just(0.0), rapid.Just(math.NaN()), rapid.Just(1e12), rapid.Just(-1.0))
	rapid.Check(t, func(rt *rapid.T) {
		draw := func(label string) []float64 { return rapid.SliceOfN(value, 0, 7).Draw(rt, label) }
		nodes := []comp{{name: "web", calls: []string{"a"}}, {name: "a", calls: []string{"b"}}, {name: "b", calls: []string{"a", "c"}}, {name: "c"}}
		for i := range nodes {
			nodes[i].latency, nodes[i].errors, nodes[i].rate = draw("latency"), draw("errors"), draw("rate")
			if rapid.Bool().Draw(rt, "history") {
				nodes[i].usual = [3]float64{0.1, 0, 10}
			}
		}
		in := system(t, nodes...)
		d := diagnosis(in)
		sum := 0.0
		for _, h := range d.Hypotheses {
			if math.IsNaN(h.Probability) || h.Probability < 0 || h.Probability > 0.97 && h.CauseClass != diagnose.Unknown {
				rt.Fatalf("got %v of %s", h.Probability, h.Component)
			}
			if strings.Contains(h.Mechanism, "NaN") || strings.Contains(h.Mechanism, "Inf") {
				rt.Fatalf("got %q", h.Mechanism)
			}
			sum += h.Probability
		}
		if math.Abs(sum-1) > 0.001 {
			rt.Fatalf("probabilities sum to %v", sum)
		}
		in.Items = rapid.Permutation(in.Items).Draw(rt, "order")
		if diff := cmp.Diff(d, diagnosis(in)); diff != "" {
			rt.Fatalf("the order of the items matters: %s", diff)
		}
	})
}
