package spans

import (
	"cmp"
	"slices"
	"time"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// Summarise compares the spans of a window with those of a reference window.
// Either may be empty. Of more operations, calls and steps than o allows, those
// with the most spans are kept.
func Summarise(now, before []Span, o Options) evidence.Traces {
	o = o.withDefaults()
	a, b := plant(now), plant(before)
	out := evidence.Traces{
		Operations: operations(a, b, o.MaxOperations),
		Calls:      calls(a, b, o.MaxCalls),
		Steps:      steps(a, b, plant(o.Recent), o.MaxSteps),
		Now:        a.traces,
		Before:     b.traces,
		Examples:   examples(a, o.MaxExamples),
	}
	return out
}

type opKey struct{ service, name string }

// opSums gather what one operation did in one window.
type opSums struct {
	durations, selves   []float64
	errors, own, client int
	first               time.Time
}

func (t *tree) operations() map[opKey]*opSums {
	sums := map[opKey]*opSums{}
	for i, s := range t.spans {
		k := opKey{s.Service, s.Operation}
		o := sums[k]
		if o == nil {
			o = &opSums{first: s.Start}
			sums[k] = o
		}
		o.durations = append(o.durations, s.Duration.Seconds())
		o.selves = append(o.selves, t.self[i].Seconds())
		o.errors += one(s.Error)
		o.own += one(t.ownError[i])
		o.client += one(t.client[i])
		if s.Start.Before(o.first) {
			o.first = s.Start
		}
	}
	return sums
}

func (o *opSums) stats(traces int) evidence.SpanStats {
	if o == nil {
		return evidence.SpanStats{}
	}
	n := len(o.durations)
	p50, p95 := quantiles(o.durations)
	s50, s95 := quantiles(o.selves)
	return evidence.SpanStats{
		Count: n, PerTrace: share(n, traces), P50: p50, P95: p95, SelfP50: s50, SelfP95: s95,
		Errors: share(o.errors, n), OwnErrors: share(o.own, n),
	}
}

func operations(now, before *tree, limit int) []evidence.Operation {
	a, b := now.operations(), before.operations()
	out := []evidence.Operation{}
	for _, k := range bothKeys(a, b) {
		op := evidence.Operation{Service: k.service, Name: k.name, Now: a[k].stats(now.traces), Before: b[k].stats(before.traces)}
		clients, n := 0, op.Now.Count+op.Before.Count
		if a[k] != nil {
			op.First = a[k].first.UTC()
			clients += a[k].client
		}
		if b[k] != nil {
			clients += b[k].client
		}
		op.Client = 2*clients > n
		out = append(out, op)
	}
	slices.SortFunc(out, func(x, y evidence.Operation) int {
		return cmp.Or(cmp.Compare(y.Now.Count+y.Before.Count, x.Now.Count+x.Before.Count),
			cmp.Compare(x.Service, y.Service), cmp.Compare(x.Name, y.Name))
	})
	return out[:min(len(out), limit)]
}

type callKey struct{ caller, callee string }

type callSums struct {
	durations, gaps []float64
	errors          int
}

// calls gathers the calls between services, as the caller saw them. A gap is
// measured where the caller's span did nothing but wait for this callee.
func (t *tree) calls() map[callKey]*callSums {
	sums := map[callKey]*callSums{}
	for i, s := range t.spans {
		p := t.parent[i]
		if p < 0 || t.spans[p].Service == s.Service {
			continue
		}
		k := callKey{t.spans[p].Service, s.Service}
		c := sums[k]
		if c == nil {
			c = &callSums{}
			sums[k] = c
		}
		if !t.client[p] {
			c.durations = append(c.durations, s.Duration.Seconds())
			c.errors += one(s.Error)
			continue
		}
		if t.children(p)[0] != i {
			continue // a retry or a second part of the same call
		}
		c.durations = append(c.durations, t.spans[p].Duration.Seconds())
		c.errors += one(t.spans[p].Error || s.Error)
		c.gaps = append(c.gaps, t.self[p].Seconds())
	}
	return sums
}

func (c *callSums) stats(traces int) evidence.CallStats {
	if c == nil {
		return evidence.CallStats{}
	}
	n := len(c.durations)
	p50, p95 := quantiles(c.durations)
	g50, g95 := quantiles(c.gaps)
	return evidence.CallStats{
		Count: n, PerTrace: share(n, traces), P50: p50, P95: p95,
		Gaps: len(c.gaps), GapP50: g50, GapP95: g95, Errors: share(c.errors, n),
	}
}

func calls(now, before *tree, limit int) []evidence.SpanCall {
	a, b := now.calls(), before.calls()
	out := []evidence.SpanCall{}
	for _, k := range bothKeys(a, b) {
		out = append(out, evidence.SpanCall{Caller: k.caller, Callee: k.callee, Now: a[k].stats(now.traces), Before: b[k].stats(before.traces)})
	}
	slices.SortFunc(out, func(x, y evidence.SpanCall) int {
		return cmp.Or(cmp.Compare(y.Now.Count+y.Before.Count, x.Now.Count+x.Before.Count),
			cmp.Compare(x.Caller, y.Caller), cmp.Compare(x.Callee, y.Callee))
	})
	return out[:min(len(out), limit)]
}

// examples are the traces to look at: failing ones first, then the slowest.
func examples(t *tree, limit int) []string {
	type example struct {
		trace  string
		failed bool
		took   time.Duration
	}
	var all []example
	for i, s := range t.spans {
		if i == 0 || t.spans[i-1].Trace != s.Trace {
			all = append(all, example{trace: s.Trace})
		}
		e := &all[len(all)-1]
		e.failed = e.failed || s.Error
		e.took = max(e.took, s.Duration)
	}
	slices.SortFunc(all, func(a, b example) int {
		return cmp.Or(one(b.failed)-one(a.failed), cmp.Compare(b.took, a.took), cmp.Compare(a.trace, b.trace))
	})
	var out []string
	for _, e := range all[:min(len(all), limit)] {
		if e.trace != "" {
			out = append(out, e.trace)
		}
	}
	return out
}

// bothKeys returns the keys of both maps, each once, in no order.
func bothKeys[K comparable, V any](a, b map[K]V) []K {
	out := make([]K, 0, len(a)+len(b))
	for k := range a {
		out = append(out, k)
	}
	for k := range b {
		if _, ok := a[k]; !ok {
			out = append(out, k)
		}
	}
	return out
}

// quantiles returns the median and the 95th percentile (nearest rank); it sorts xs.
func quantiles(xs []float64) (p50, p95 float64) {
	if len(xs) == 0 {
		return 0, 0
	}
	slices.Sort(xs)
	at := func(q float64) float64 { return xs[min(int(q*float64(len(xs))), len(xs)-1)] }
	return at(0.5), at(0.95)
}

func share(n, of int) float64 {
	if of <= 0 {
		return 0
	}
	return float64(n) / float64(of)
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}
