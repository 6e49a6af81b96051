package diagnose_test

import (
	"slices"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// traced is what spans say, for the shop: web calls orders and bank, orders
// and mailer call db.
func traced(t *testing.T, ts evidence.Traces) evidence.Item {
	t.Helper()
	ts.Now, ts.Before = 100, 100
	it, err := evidence.Item{Kind: evidence.KindTraces, Collector: "jaeger", Source: "traces", Query: "spans", From: onset, To: now, Strength: 1}.Encode(ts)
	if err != nil {
		t.Fatal(err)
	}
	return it.WithID("INC-1")
}

// call is a call whose gap was 2 ms and is now the given one, in seconds.
func call(caller, callee string, gap float64) evidence.SpanCall {
	s := func(gap float64) evidence.CallStats {
		return evidence.CallStats{Count: 100, PerTrace: 1, P50: 0.02 + gap, P95: 0.02 + gap, Gaps: 100, GapP50: gap, GapP95: gap}
	}
	return evidence.SpanCall{Caller: caller, Callee: callee, Now: s(gap), Before: s(0.002)}
}

func work(service, name string, self float64) evidence.Operation {
	s := func(self float64) evidence.SpanStats {
		return evidence.SpanStats{Count: 100, PerTrace: 1, P50: self, P95: self, SelfP50: self, SelfP95: self}
	}
	return evidence.Operation{Service: service, Name: name, Now: s(self), Before: s(0.002)}
}

// follow is a step that now follows in the given number of 100 cases, and used
// to in before.
func follow(service, after, callee, next string, now, before int) evidence.SpanStep {
	n := func(with int) evidence.StepStats {
		return evidence.StepStats{Spans: 100, With: with, Traces: 100, TracesWith: with}
	}
	return evidence.SpanStep{Service: service, After: after, Callee: callee, Next: next, Now: n(now), Before: n(before)}
}

func quietCalls() []evidence.SpanCall {
	return []evidence.SpanCall{call("web", "orders", 0.002), call("web", "bank", 0.002), call("orders", "db", 0.002), call("mailer", "db", 0.002)}
}

func quietWork() []evidence.Operation {
	return []evidence.Operation{work("web", "get", 0.002), work("orders", "book", 0.002), work("db", "query", 0.002), work("mailer", "send", 0.002)}
}

func TestSpansTellWhoIsBehind(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		calls []evidence.SpanCall
		ops   []evidence.Operation
		steps []evidence.SpanStep
		class diagnose.CauseClass
		want  string
	}{
		"all calls into one wait": {
			calls: []evidence.SpanCall{call("orders", "db", 0.4), call("mailer", "db", 0.4)},
			class: diagnose.NetworkDelay, want: "db",
		},
		"all calls out of one wait": {
			calls: []evidence.SpanCall{call("web", "orders", 0.3), call("web", "bank", 0.3)},
			class: diagnose.NetworkDelay, want: "web",
		},
		"operations that end early": {
			steps: []evidence.SpanStep{follow("orders", "check seats", "", "", 95, 0), follow("orders", "check seats", "", "book", 5, 100)},
			class: diagnose.DependencyFailure, want: "orders",
		},
		"callers pass on what the callee does": {
			steps: []evidence.SpanStep{
				follow("orders", "check seats", "", "", 95, 0), follow("orders", "check seats", "", "book", 5, 100),
				follow("web", "book", "orders", "", 95, 0), follow("web", "book", "orders", "thank", 5, 100),
			},
			class: diagnose.DependencyFailure, want: "orders",
		},
		"several callers stop after one": {
			steps: []evidence.SpanStep{
				follow("orders", "query", "db", "", 95, 0), follow("orders", "query", "db", "reply", 5, 100),
				follow("mailer", "query", "db", "", 95, 0), follow("mailer", "query", "db", "send", 5, 100),
			},
			class: diagnose.DependencyFailure, want: "db",
		},
		"a single caller stops after one that is as ever": {
			steps: []evidence.SpanStep{follow("web", "book", "orders", "", 95, 0), follow("web", "book", "orders", "thank", 5, 100)},
			class: diagnose.DependencyFailure, want: "web",
		},
		"own time": {
			ops:   []evidence.Operation{work("orders", "book", 0.9)},
			class: diagnose.DependencyFailure, want: "orders",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ts := evidence.Traces{Calls: mergeCalls(quietCalls(), tt.calls), Operations: mergeOperations(quietWork(), tt.ops), Steps: tt.steps}
			d := diagnose.New(diagnose.HandWeights()).Diagnose(diagnose.Input{
				Catalog: shop(t), Affected: []string{"web"}, FirstSignal: onset, Now: now, Items: []evidence.Item{traced(t, ts)},
			})
			top, ok := d.Top()
			if !ok || top.Component != tt.want || top.CauseClass != tt.class {
				t.Errorf("top is %s at %s, want %s at %s; %+v", top.CauseClass, top.Component, tt.class, tt.want, d.Hypotheses)
			}
		})
	}
}

func mergeCalls(all, changed []evidence.SpanCall) []evidence.SpanCall {
	for _, c := range changed {
		i := slices.IndexFunc(all, func(x evidence.SpanCall) bool { return x.Caller == c.Caller && x.Callee == c.Callee })
		all[i] = c
	}
	return all
}

func mergeOperations(all, changed []evidence.Operation) []evidence.Operation {
	for _, c := range changed {
		i := slices.IndexFunc(all, func(x evidence.Operation) bool { return x.Service == c.Service && x.Name == c.Name })
		all[i] = c
	}
	return all
}

func TestUsualSpansSuggestNothing(t *testing.T) {
	t.Parallel()
	for name, ts := range map[string]evidence.Traces{
		"nothing changed":      {Calls: quietCalls(), Operations: quietWork(), Steps: []evidence.SpanStep{follow("orders", "check", "", "book", 50, 50), follow("orders", "check", "", "", 50, 50)}},
		"another mix":          {Calls: quietCalls(), Operations: quietWork(), Steps: []evidence.SpanStep{follow("orders", "check", "", "book", 48, 55), follow("orders", "check", "", "", 52, 45)}},
		"a recovery":           {Calls: quietCalls(), Operations: quietWork(), Steps: []evidence.SpanStep{follow("orders", "check", "", "book", 100, 0), follow("orders", "check", "", "", 0, 100)}},
		"no spans":             {},
		"one slow span of two": {Calls: []evidence.SpanCall{{Caller: "web", Callee: "orders", Now: evidence.CallStats{Count: 1, Gaps: 1, GapP50: 0.02}, Before: evidence.CallStats{Count: 1, Gaps: 1, GapP50: 0.004, GapP95: 0.02}}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := diagnose.New(diagnose.HandWeights()).Diagnose(diagnose.Input{
				Catalog: shop(t), Affected: []string{"web"}, FirstSignal: onset, Now: now, Items: []evidence.Item{traced(t, ts)},
			})
			if top, ok := d.Top(); ok && top.Probability > 0.3 && top.CauseClass != diagnose.Healthy {
				t.Errorf("%s at %s has %.2f", top.CauseClass, top.Component, top.Probability)
			}
		})
	}
}

func cpu(t *testing.T, service string, limit float64, before, after []float64) evidence.Item {
	t.Helper()
	points := func(xs []float64, from time.Time) []evidence.Point {
		out := make([]evidence.Point, len(xs))
		for i, x := range xs {
			out[i] = evidence.Point{At: from.Add(time.Duration(i) * time.Minute), Value: x}
		}
		return out
	}
	it, err := evidence.Item{Kind: evidence.KindMetric, Collector: "prometheus", Source: "prom", Service: service, Query: "cpu of " + service, Unit: "%", Strength: 1}.Encode(evidence.Metric{
		Signal: evidence.Saturation, Resource: "cpu", Limit: limit,
		Now: evidence.Series{Points: points(after, onset)}, Before: evidence.Series{Points: points(before, onset.Add(-time.Hour))},
	})
	if err != nil {
		t.Fatal(err)
	}
	return it.WithID("INC-1")
}

func TestCPUThatJumps(t *testing.T) {
	t.Parallel()
	usual := []float64{5, 6, 5, 7, 6, 5, 6, 7, 5, 6}
	tests := map[string]struct {
		limit float64
		usual []float64
		now   []float64
		want  bool
	}{
		"far over the usual peaks":  {100, usual, []float64{6, 78, 80, 79, 81}, true},
		"without a limit":           {0, usual, []float64{6, 40, 41, 39, 40}, true},
		"one odd sample":            {100, usual, []float64{6, 5, 80, 6, 5}, false},
		"a little over":             {100, usual, []float64{8, 9, 8, 9, 8}, false},
		"always that high":          {100, []float64{78, 80, 79, 82, 81, 80, 79, 78, 82, 81}, []float64{80, 81, 80, 79, 82}, false},
		"nothing to compare with":   {100, nil, []float64{80, 80, 80}, false},
		"constant":                  {100, []float64{0, 0, 0, 0, 0, 0}, []float64{0, 0, 0}, false},
		"as full as it always was":  {100, []float64{90, 90, 90, 90, 90, 90}, []float64{90, 90, 90}, false},
		"much over a low reference": {0, []float64{0, 0, 0, 0, 0, 0}, []float64{1, 1, 1}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := diagnose.New(diagnose.HandWeights()).Diagnose(diagnose.Input{
				Catalog: shop(t), Affected: []string{"web"}, FirstSignal: onset, Now: now, Items: []evidence.Item{cpu(t, "orders", tt.limit, tt.usual, tt.now)},
			})
			top, ok := d.Top()
			got := ok && top.CauseClass == diagnose.ExhaustCPU && top.Component == "orders" && top.Probability > 0.4
			if got != tt.want {
				t.Errorf("a shortage of CPU at orders: %v, want %v; %+v", got, tt.want, d.Hypotheses)
			}
		})
	}
}
