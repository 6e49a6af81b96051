package diagnose_test

import (
	"encoding/json"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/holdfast-sre/holdfast/internal/cluster"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// kinds are those of which an empty answer says nothing: a runtime that answers
// and knows no instance says that nothing runs.
var kinds = []evidence.Kind{
	evidence.KindMetric, evidence.KindLogs, evidence.KindAlerts, evidence.KindChanges, evidence.KindTraces,
	evidence.KindCluster, evidence.KindDatabase, evidence.KindFacts, evidence.KindLink, evidence.KindFailure, "no such kind",
}

// drawGarbage makes up items that say nothing: broken, of another kind, cut off,
// or empty.
func drawGarbage(t *testing.T, rt *rapid.T) []evidence.Item {
	whole, err := json.Marshal(calmCluster())
	if err != nil {
		t.Fatal(err)
	}
	sound := [][]byte{
		nil, []byte("null"), []byte("{}"), []byte("[]"), []byte(`"text"`), []byte("{"), []byte(`{"now":{"points":[{"t":"never","v":1}]}}`),
		[]byte(`{"now":{"points":null},"before":{"points":[]},"signal":"latency_p99","deviation":1e308}`), []byte(`{"operations":[{"service":"","now":{"count":-4,"p50":-1}}],"calls":[{}]}`),
		[]byte(`{"max_connections":-1,"connections":[{"count":-9}],"replicas":[{"lag":-1}]}`), []byte(`{"pods":[{}],"workloads":[{}],"services":[{}],"nodes":[{}],"events":[{}]}`),
		[]byte(`{"instances":[{}]}`), []byte(`{"templates":[{"count":-1}]}`), []byte(`{"changes":[{}]}`), []byte(`{"alerts":[{}]}`),
		whole[:rapid.IntRange(0, len(whole)-1).Draw(rt, "cut")],
	}
	var out []evidence.Item
	for range rapid.IntRange(0, 12).Draw(rt, "items") {
		it := evidence.Item{
			Kind: rapid.SampledFrom(kinds).Draw(rt, "kind"), Service: rapid.SampledFrom(append(services, "")).Draw(rt, "service"),
			Source: rapid.SampledFrom([]string{"", "a", "b"}).Draw(rt, "source"), Data: rapid.SampledFrom(sound).Draw(rt, "data"),
			Query: rapid.StringN(0, 8, 8).Draw(rt, "query"), Stale: rapid.Bool().Draw(rt, "stale"), Outside: rapid.Bool().Draw(rt, "outside"),
		}
		if rapid.Bool().Draw(rt, "named") {
			it = it.WithID("INC")
		}
		out = append(out, it)
	}
	return out
}

func TestGarbageMakesNobodySure(t *testing.T) {
	t.Parallel()
	engine := diagnose.Default()
	rapid.Check(t, func(rt *rapid.T) {
		in := input(t, rapid.SliceOfNDistinct(rapid.SampledFrom(services), 0, 3, rapid.ID[string]).Draw(rt, "affected"), drawGarbage(t, rt))
		d := engine.Diagnose(in)
		sum := 0.0
		for _, h := range d.Hypotheses {
			sum += h.Probability
			if h.CauseClass != diagnose.Unknown && h.Probability > 0.5 {
				rt.Fatalf("garbage makes it sure:%s", show(d))
			}
		}
		if math.IsNaN(sum) || math.Abs(sum-1) > 1e-9 {
			rt.Fatalf("sum is %v:%s", sum, show(d))
		}
		in.Items = rapid.Permutation(in.Items).Draw(rt, "order")
		if diff := cmp.Diff(d, engine.Diagnose(in)); diff != "" {
			rt.Fatalf("depends on the order:\n%s", diff)
		}
	})
}

// Series that no statistic should trip over: none of them is a cause.
func TestOddSeriesAreNoCause(t *testing.T) {
	t.Parallel()
	at := func(i int) time.Time { return now.Add(-window + time.Duration(i)*every) }
	fill := func(n int, f func(i int) evidence.Point) evidence.Series {
		var s evidence.Series
		for i := range n {
			s.Points = append(s.Points, f(i))
		}
		return s
	}
	constant := fill(60, func(i int) evidence.Point { return evidence.Point{At: at(i), Value: 7} })
	tests := map[string]evidence.Series{
		"none":                {},
		"one point":           fill(1, func(i int) evidence.Point { return evidence.Point{At: at(i), Value: 7} }),
		"constant":            constant,
		"zero":                fill(60, func(i int) evidence.Point { return evidence.Point{At: at(i)} }),
		"every time the same": fill(60, func(int) evidence.Point { return evidence.Point{At: now, Value: 7} }),
		"backwards":           fill(60, func(i int) evidence.Point { return evidence.Point{At: at(60 - i), Value: 7} }),
		"gaps":                fill(6, func(i int) evidence.Point { return evidence.Point{At: at(10 * i), Value: 7} }),
		"a clock that is off": fill(60, func(i int) evidence.Point { return evidence.Point{At: at(i).Add(48 * time.Hour), Value: 7} }),
		"no time at all":      fill(60, func(int) evidence.Point { return evidence.Point{Value: 7} }),
	}
	for name, series := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, g := range []evidence.Golden{evidence.LatencyP99, evidence.Errors, evidence.Traffic, evidence.Saturation, ""} {
				it := encode(t, evidence.Item{Kind: evidence.KindMetric, Source: "prom", Service: "orders", Query: name},
					evidence.Metric{Signal: g, Resource: "cpu", Now: series, Before: constant, Value: 7, Usual: 7})
				d := diagnose.Default().Diagnose(input(t, []string{"orders"}, one(it)))
				if h, ok := d.Top(); ok && h.CauseClass != diagnose.Healthy && h.Probability > 0.5 {
					t.Errorf("%s: %s", g, show(d))
				}
			}
		})
	}
}

// A snapshot that was cut off, or calls that run in circles, end in an answer.
func TestACallGraphMayRunInCircles(t *testing.T) {
	t.Parallel()
	s := calmCluster()
	s.Calls = []cluster.Call{{Caller: "orders", Callee: "orders"}, {Caller: "orders", Callee: "web"}, {Caller: "web", Callee: "orders"}}
	tr := evidence.Traces{Now: 9, Before: 9, Calls: []evidence.SpanCall{{Caller: "orders", Callee: "web"}, {Caller: "web", Callee: "orders"}, {Caller: "db", Callee: "db"}}}
	d := diagnosis(input(t, []string{"orders"},
		one(encode(t, evidence.Item{Kind: evidence.KindCluster, Source: "k8s", Query: "all"}, s)),
		one(encode(t, evidence.Item{Kind: evidence.KindTraces, Source: "jaeger", Query: "traces"}, tr)), failing(t, "orders", onset), failing(t, "web", onset)))
	if len(d.Hypotheses) == 0 || !slices.ContainsFunc(d.Hypotheses, func(h diagnose.Hypothesis) bool { return h.CauseClass == diagnose.Unknown }) {
		t.Errorf("no answer:%s", show(d))
	}
}
