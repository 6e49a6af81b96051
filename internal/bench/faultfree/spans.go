package faultfree

import (
	"math"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// traces are those of ordinary requests, with what always is slow: reports that
// somebody asks for now and then, clients that wait for news, consumers that take
// what was put into a queue for them.
func (w *world) traces() {
	t := evidence.Traces{Now: 100 + w.r.IntN(60), Before: 100 + w.r.IntN(60)}
	operation := func(service, name string, n int, p50 float64, failing float64) {
		t.Operations = append(t.Operations, evidence.Operation{
			Service: service, Name: name, Now: w.spans(n, p50, failing), Before: w.spans(n, p50, failing), First: w.now.Add(-window),
		})
	}
	for i, s := range w.services {
		failing := 0.0
		if w.chance(0.2) {
			failing = w.between(0.005, 0.04) // and tried again
		}
		operation(s, "GET /"+s, 80+w.r.IntN(80), w.between(0.005, 0.2), failing)
		if w.chance(0.3) {
			operation(s, "GET /report", 1+w.r.IntN(3), w.between(1, 9), 0)
		}
		if w.chance(0.15) {
			operation(s, "GET /news", 5+w.r.IntN(30), w.between(20, 30), 0)
		}
		if i == 0 {
			continue
		}
		caller := 0
		if !w.kind.fan {
			caller = i - 1
		}
		gap, queued := 0.001, w.chance(0.1)
		if queued {
			gap = w.between(0.1, 3)
		}
		t.Calls = append(t.Calls, evidence.SpanCall{Caller: w.services[caller], Callee: s, Now: w.calls(gap, queued), Before: w.calls(gap, queued)})
		t.Steps = append(t.Steps, w.steps(s)...)
	}
	w.add(evidence.Item{Kind: evidence.KindTraces, Collector: "jaeger", Source: "traces", Query: "traces of the last 15 minutes"}, t)
}

// spans are n spans of one operation: of fewer, the median moves more.
func (w *world) spans(n int, p50, failing float64) evidence.SpanStats {
	p50 *= math.Exp(0.5 / math.Sqrt(float64(n)) * w.r.NormFloat64())
	self := p50 * w.between(0.45, 0.55)
	x := evidence.SpanStats{Count: n, PerTrace: 1, P50: p50, P95: p50 * w.between(1.5, 3.5), SelfP50: self, SelfP95: self * w.between(1.5, 3)}
	failed := 0
	for range n {
		if w.chance(failing) {
			failed++
		}
	}
	x.OwnErrors = float64(failed) / float64(n)
	x.Errors = x.OwnErrors
	return x
}

func (w *world) calls(gap float64, queued bool) evidence.CallStats {
	n, p50 := 80+w.r.IntN(80), w.between(0.005, 0.2)
	wobble := 0.15
	if queued {
		wobble = 0.5 // the length of the queue
	}
	gap *= math.Exp(wobble * w.r.NormFloat64())
	return evidence.CallStats{Count: n, PerTrace: 1, P50: p50, P95: p50 * w.between(2, 3), Gaps: n, GapP50: gap, GapP95: gap * w.between(2, 5)}
}

// steps are what operations do one after the other; requests differ, so what
// follows does, too.
func (w *world) steps(service string) []evidence.SpanStep {
	n, before := 60+w.r.IntN(80), 60+w.r.IntN(80)
	often := w.between(0.1, 0.9)
	count := func(of int) evidence.StepStats {
		p, with := min(max(often+0.05*w.r.NormFloat64(), 0), 1), 0
		for range of {
			if w.chance(p) {
				with++
			}
		}
		return evidence.StepStats{Spans: of, With: with, Traces: of, TracesWith: with}
	}
	a, b := count(n), count(before)
	rest := func(x evidence.StepStats) evidence.StepStats {
		x.With, x.TracesWith = x.Spans-x.With, x.Traces-x.TracesWith
		return x
	}
	step := evidence.SpanStep{Service: service, After: "GET /" + service, Begin: true}
	reads, ends := step, step
	reads.Next, reads.Now, reads.Before = "read the cache", a, b
	ends.Now, ends.Before = rest(a), rest(b)
	return []evidence.SpanStep{reads, ends}
}
