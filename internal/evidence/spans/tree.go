package spans

import (
	"cmp"
	"slices"
	"time"
)

// tree is a window of spans with parents and children resolved.
type tree struct {
	spans    []Span
	parent   []int // index, -1 = root or orphan
	first    []int // children of i are order[first[i]:first[i+1]]
	order    []int
	traces   int
	self     []time.Duration
	covered  []time.Duration // time during which children ran, whenever that was
	client   []bool
	ownError []bool
}

type spanKey struct{ trace, id string }

// plant resolves a window. The input is not changed.
func plant(spans []Span) *tree {
	t := &tree{}
	t.resolve(spans)
	t.adopt()
	t.classify()
	t.measure()
	return t
}

// resolve drops spans seen twice, puts the rest in an order that does not
// depend on the order of arrival, and finds the parents. Two services may share
// one identifier for the two sides of a call: then the later is the child of the
// earlier.
func (t *tree) resolve(spans []Span) {
	index := make(map[spanKey]int, len(spans))
	t.spans, t.parent = make([]Span, 0, len(spans)), make([]int, 0, len(spans))
	for _, i := range inOrderOf(spans) {
		s := spans[i]
		s.Duration = max(s.Duration, 0)
		s.Operation = cmp.Or(s.Operation, "unnamed")
		k, twin := spanKey{s.Trace, s.ID}, -1
		if at, ok := index[k]; ok && s.ID != "" {
			if first := t.spans[at]; first.Service == s.Service && first.Operation == s.Operation {
				continue
			}
			twin = at
		} else if s.ID != "" {
			index[k] = len(t.spans)
		}
		t.spans, t.parent = append(t.spans, s), append(t.parent, twin)
	}
	for i, s := range t.spans {
		if i == 0 || t.spans[i-1].Trace != s.Trace {
			t.traces++
		}
		if t.parent[i] >= 0 || s.Parent == "" || s.Parent == s.ID {
			continue
		}
		if at, ok := index[spanKey{s.Trace, s.Parent}]; ok {
			t.parent[i] = at
		}
	}
}

// inOrderOf sorts the places of the spans: the spans themselves are large.
func inOrderOf(spans []Span) []int32 {
	at := make([]int32, len(spans))
	for i := range at {
		at[i] = int32(i)
	}
	slices.SortFunc(at, func(i, j int32) int { return compareSpans(&spans[i], &spans[j]) })
	return at
}

func compareSpans(a, b *Span) int {
	if a.Trace != b.Trace {
		return cmp.Compare(a.Trace, b.Trace)
	}
	if d := a.Start.Compare(b.Start); d != 0 {
		return d
	}
	return cmp.Or(
		cmp.Compare(b.Duration, a.Duration), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Service, b.Service),
		cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.Parent, b.Parent), cmp.Compare(a.Kind, b.Kind),
		one(a.Error)-one(b.Error), slices.CompareFunc(a.Events, b.Events, compareEvents),
	)
}

func compareEvents(a, b Event) int {
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Statement, b.Statement))
}

// adopt lists the children of every span.
func (t *tree) adopt() {
	t.first = make([]int, len(t.spans)+1)
	for _, p := range t.parent {
		if p >= 0 {
			t.first[p+1]++
		}
	}
	for i := 1; i < len(t.first); i++ {
		t.first[i] += t.first[i-1]
	}
	t.order = make([]int, t.first[len(t.spans)])
	next := slices.Clone(t.first)
	for i, p := range t.parent {
		if p >= 0 {
			t.order[next[p]] = i
			next[p]++
		}
	}
}

func (t *tree) children(i int) []int { return t.order[t.first[i]:t.first[i+1]] }

// classify tells the spans that wait for another service, and those that fail
// without a failing child.
func (t *tree) classify() {
	t.client = make([]bool, len(t.spans))
	t.ownError = make([]bool, len(t.spans))
	for i, s := range t.spans {
		remote, inner, failing := false, false, false
		for _, c := range t.children(i) {
			if t.spans[c].Service == s.Service {
				inner = true
			} else {
				remote = true
			}
			failing = failing || t.spans[c].Error
		}
		t.client[i] = s.Kind == KindClient || s.Kind == KindUnknown && remote && !inner
		t.ownError[i] = s.Error && !failing
	}
}

// measure computes exclusive times.
func (t *tree) measure() {
	t.self = make([]time.Duration, len(t.spans))
	t.covered = make([]time.Duration, len(t.spans))
	var runs []interval
	for i := range t.spans {
		runs = runs[:0]
		for _, c := range t.children(i) {
			runs = append(runs, t.within(i, c))
		}
		t.covered[i] = union(runs)
		t.self[i] = max(t.spans[i].Duration-t.covered[i], 0)
	}
}

// interval is relative to the start of the parent.
type interval struct{ from, to time.Duration }

// within is when a child ran, seen from its parent and cut to it. A child in
// another service that is no longer than its parent and yet lies outside was
// dated by another clock: it is moved to where it fits.
func (t *tree) within(parent, child int) interval {
	p, c := t.spans[parent], t.spans[child]
	from := c.Start.Sub(p.Start)
	to := from + c.Duration
	if c.Service != p.Service && c.Duration <= p.Duration && t.client[parent] {
		switch {
		case from < 0:
			from, to = 0, c.Duration
		case to > p.Duration:
			from, to = p.Duration-c.Duration, p.Duration
		}
	}
	return interval{min(max(from, 0), p.Duration), min(max(to, 0), p.Duration)}
}

// union is the time that the intervals cover together. It sorts them.
func union(runs []interval) time.Duration {
	slices.SortFunc(runs, func(a, b interval) int { return cmp.Compare(a.from, b.from) })
	var sum, end time.Duration
	for _, r := range runs {
		if r.to > end {
			sum += r.to - max(r.from, end)
			end = r.to
		}
	}
	return sum
}
