package spans

import (
	"cmp"
	"slices"
	"time"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// step is one thing that an operation does.
type step struct {
	name   string
	callee string // the service that it calls
	log    bool
	begin  bool // the operation itself begins
}

type timedStep struct {
	step
	at time.Duration // since the span began
}

type stepKey struct {
	service     string
	after, next step
}

type afterKey struct {
	service string
	after   step
}

// tally counts spans and traces, each once.
type tally struct{ spans, traces, lastSpan, lastTrace int }

func newTally() *tally { return &tally{lastSpan: -1, lastTrace: -1} }

func (c *tally) add(span, trace int) {
	if c.lastSpan != span {
		c.spans++
		c.lastSpan = span
	}
	if c.lastTrace != trace {
		c.traces++
		c.lastTrace = trace
	}
}

// walks holds what followed what in one window.
type walks struct {
	after map[afterKey]*tally
	next  map[stepKey]*tally
}

// walk follows every span from its beginning to its end.
func (t *tree) walk() walks {
	w := walks{map[afterKey]*tally{}, map[stepKey]*tally{}}
	trace := 0
	var path []timedStep
	for i, s := range t.spans {
		if i > 0 && t.spans[i-1].Trace != s.Trace {
			trace++
		}
		if t.client[i] {
			continue // it only waits
		}
		path = t.path(path[:0], i)
		at := step{name: s.Operation, begin: true}
		for _, p := range path {
			if p.step == at {
				continue // a loop
			}
			w.add(s.Service, at, p.step, i, trace)
			at = p.step
		}
		w.add(s.Service, at, step{}, i, trace)
	}
	return w
}

func (w walks) add(service string, after, next step, span, trace int) {
	after.log, next.callee = false, "" // a step is known by its name; who is called counts afterwards
	a := afterKey{service, after}
	if w.after[a] == nil {
		w.after[a] = newTally()
	}
	w.after[a].add(span, trace)
	k := stepKey{service, after, next}
	if w.next[k] == nil {
		w.next[k] = newTally()
	}
	w.next[k].add(span, trace)
}

// path appends the steps of a span in the order of their beginning.
func (t *tree) path(path []timedStep, i int) []timedStep {
	s := t.spans[i]
	for _, c := range t.children(i) {
		path = append(path, timedStep{t.label(i, c), t.spans[c].Start.Sub(s.Start)})
	}
	for _, e := range s.Events {
		if e.Statement == "" {
			continue
		}
		path = append(path, timedStep{step{name: e.Statement, log: true}, e.At.Sub(s.Start)})
	}
	slices.SortStableFunc(path, func(a, b timedStep) int { return cmp.Compare(a.at, b.at) })
	return path
}

// label names a child: a call by what is called, whatever the caller calls it.
func (t *tree) label(parent, child int) step {
	c := t.spans[child]
	if c.Service != t.spans[parent].Service {
		return step{name: c.Operation, callee: c.Service}
	}
	if t.client[child] {
		for _, r := range t.children(child) {
			if t.spans[r].Service != c.Service {
				return step{name: t.spans[r].Operation, callee: t.spans[r].Service}
			}
		}
	}
	return step{name: c.Operation}
}

func steps(now, before, recent *tree, limit int) []evidence.SpanStep {
	a, b, r := now.walk(), before.walk(), recent.walk()
	out := []evidence.SpanStep{}
	for _, k := range bothKeys(a.next, b.next) {
		from := afterKey{k.service, k.after}
		if k.next == (step{}) && a.always(from, k) && b.always(from, k) {
			continue // it never did anything else than to end
		}
		out = append(out, evidence.SpanStep{
			Service: k.service, After: k.after.name, Callee: k.after.callee, Begin: k.after.begin,
			Next: k.next.name, Log: k.next.log,
			Now: stepStats(a.after[from], a.next[k]), Before: stepStats(b.after[from], b.next[k]),
			Recent: stepStats(r.after[from], r.next[k]),
		})
	}
	slices.SortFunc(out, func(x, y evidence.SpanStep) int {
		return cmp.Or(cmp.Compare(y.Now.With+y.Before.With, x.Now.With+x.Before.With),
			cmp.Compare(x.Service, y.Service), cmp.Compare(x.After, y.After), cmp.Compare(x.Callee, y.Callee),
			cmp.Compare(x.Next, y.Next), one(x.Log)-one(y.Log), one(x.Begin)-one(y.Begin))
	})
	return out[:min(len(out), limit)]
}

// always reports whether nothing but k ever followed, or nothing is known.
func (w walks) always(from afterKey, k stepKey) bool {
	after, next := w.after[from], w.next[k]
	return after == nil || next != nil && next.spans == after.spans
}

func stepStats(after, next *tally) evidence.StepStats {
	var s evidence.StepStats
	if after != nil {
		s.Spans, s.Traces = after.spans, after.traces
	}
	if next != nil {
		s.With, s.TracesWith = next.spans, next.traces
	}
	return s
}
