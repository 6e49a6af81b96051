// Package traces is what the trace stores have in common: which traces are
// fetched for an incident, and what is made of them.
package traces

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/evidence/spans"
)

const (
	// DefaultLimit is how many traces of one service and window are looked at
	// where the options name no limit.
	DefaultLimit = 200
	// parts that a window is cut into: stores answer with their newest traces,
	// and a sample should be of the whole window.
	parts = 4
	// maxServices of one incident that are asked about.
	maxServices = 4
	// maxSpans of one window; what is beyond is not read.
	maxSpans = 50_000
	// parallel questions.
	parallel = 4
)

// strength: measured by the services themselves, a sample of requests.
const strength = 0.8

// Store is one trace store.
type Store interface {
	// Services are those that it has traces of; nil = it can't tell.
	Services(ctx context.Context) ([]string, error)
	// Spans returns the spans of at most limit traces in which the service took
	// part and that began in (from, to], and whether there were more.
	Spans(ctx context.Context, service string, from, to time.Time, limit int) (found []spans.Span, more bool, err error)
	// Query is the question as a person would ask it again.
	Query(service string, from, to time.Time, limit int) string
	// Link is where a person sees the trace; empty = nowhere.
	Link(trace string) string
}

// Options say who asks.
type Options struct {
	Collector, Name, Environment string
	Limit                        int // traces of one service and window
}

// Collect compares the traces of the affected services in the window now with
// those of the reference window. It gives one item, since a trace crosses
// services; none when no affected service is traced.
func Collect(ctx context.Context, s Store, o Options, req evidence.Request) ([]evidence.Item, error) {
	if o.Environment != "" && req.Environment != "" && o.Environment != req.Environment {
		return nil, nil
	}
	services, err := traced(ctx, s, req.Affected)
	if err != nil || len(services) == 0 {
		return nil, err
	}
	from, to := req.Now.Add(-req.Window), req.Now
	now, more, err := sample(ctx, s, services, from, to, o.Limit)
	if err != nil && len(now) == 0 {
		return nil, fmt.Errorf("traces of %s: %w", strings.Join(services, ", "), err)
	}
	var before []spans.Span
	if !req.ReferenceEnd.IsZero() {
		var early error
		before, _, early = sample(ctx, s, services, req.ReferenceEnd.Add(-req.Window), req.ReferenceEnd, o.Limit)
		if early != nil {
			err = errors.Join(err, fmt.Errorf("earlier traces of %s: %w", strings.Join(services, ", "), early))
		}
	}
	found := spans.Summarise(now, before, spans.Options{})
	it := evidence.Item{
		Kind: evidence.KindTraces, Collector: o.Collector, Source: o.Name, Query: s.Query(services[0], from, to, o.Limit),
		From: from, To: to, Unit: "spans", Summary: summary(found, now, more), Strength: strength,
	}
	if len(services) == 1 {
		it.Service = services[0]
	}
	if len(found.Examples) > 0 {
		it.Link = s.Link(found.Examples[0])
	}
	it, encoding := it.Encode(found)
	return []evidence.Item{it}, errors.Join(err, encoding)
}

// traced are the affected services that the store has traces of.
func traced(ctx context.Context, s Store, affected []string) ([]string, error) {
	known, err := s.Services(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the services: %w", err)
	}
	out := slices.Clone(affected)
	if known != nil {
		out = slices.DeleteFunc(out, func(a string) bool { return !slices.Contains(known, a) })
	}
	return out[:min(len(out), maxServices)], nil
}

// sample asks about each part of the window. What was answered is kept beside
// an error.
func sample(ctx context.Context, s Store, services []string, from, to time.Time, limit int) (out []spans.Span, more bool, err error) {
	type part struct {
		found []spans.Span
		more  bool
		err   error
	}
	results := make([]part, len(services)*parts)
	step := to.Sub(from) / parts
	var g errgroup.Group
	g.SetLimit(parallel)
	for i := range results {
		service, at := services[i/parts], from.Add(time.Duration(i%parts)*step)
		g.Go(func() error {
			r := &results[i]
			r.found, r.more, r.err = s.Spans(ctx, service, at, at.Add(step), max(limit/parts, 1))
			return nil
		})
	}
	_ = g.Wait() // the errors are in results
	for _, r := range results {
		out = append(out, r.found...)
		more = more || r.more
		if err == nil {
			err = r.err
		}
	}
	if len(out) > maxSpans {
		out, more = out[:maxSpans], true
	}
	return out, more, err
}

// The shares from which the summary calls an operation slow or failing: it is
// for reading, the engine has thresholds of its own.
const (
	slower  = 2.0
	failing = 0.05
)

// summary is one line: how many traces, what became slow or fails, and where
// the time of the slowest trace goes.
func summary(t evidence.Traces, now []spans.Span, more bool) string {
	said := []string{fmt.Sprintf("%d traces, %d before", t.Now, t.Before)}
	if more {
		said[0] += " (a sample: there are more)"
	}
	if op, ok := worst(t.Operations, func(o evidence.Operation) float64 { return o.Now.OwnErrors - o.Before.OwnErrors }); ok && op.Now.OwnErrors-op.Before.OwnErrors > failing {
		said = append(said, fmt.Sprintf("%s %s fails by itself in %.0f %%, %.0f %% before", op.Service, op.Name, 100*op.Now.OwnErrors, 100*op.Before.OwnErrors))
	}
	if op, ok := worst(t.Operations, slowed); ok {
		said = append(said, fmt.Sprintf("%s %s takes %s by itself (p95), %s before", op.Service, op.Name, seconds(op.Now.SelfP95), seconds(op.Before.SelfP95)))
	}
	if len(t.Examples) > 0 {
		if path := CriticalPath(now, t.Examples[0]); len(path) > 0 {
			said = append(said, "critical path of "+t.Examples[0]+": "+words(path))
		}
	}
	return strings.Join(said, "; ")
}

// slowed is the time by itself that an operation gained, where it at least
// doubled; 0 where there is nothing to compare with.
func slowed(o evidence.Operation) float64 {
	if o.Before.Count == 0 || o.Now.SelfP95 < slower*o.Before.SelfP95 {
		return 0
	}
	return o.Now.SelfP95 - o.Before.SelfP95
}

func worst(ops []evidence.Operation, of func(evidence.Operation) float64) (best evidence.Operation, ok bool) {
	most := 0.0
	for _, o := range ops {
		if v := of(o); v > most {
			best, most, ok = o, v, true
		}
	}
	return best, ok
}

// Step is one span on the critical path, with the time in which nothing below
// it ran.
type Step struct {
	Service, Operation string
	Own                time.Duration
}

// CriticalPath follows, from the root of a trace and backwards from its end,
// the span that ended last: shortening any other would not have made the
// request faster. Steps are ordered from the root down.
func CriticalPath(all []spans.Span, trace string) []Step {
	children := map[string][]spans.Span{}
	ids := map[string]bool{}
	for _, s := range all {
		if s.Trace == trace {
			ids[s.ID] = true
		}
	}
	var root *spans.Span
	seen := map[string]bool{}
	for i, s := range all {
		if s.Trace != trace || seen[s.ID] {
			continue
		}
		seen[s.ID] = true
		if s.Parent != "" && s.Parent != s.ID && ids[s.Parent] {
			children[s.Parent] = append(children[s.Parent], s)
		} else if root == nil || s.Duration > root.Duration {
			root = &all[i]
		}
	}
	if root == nil {
		return nil
	}
	var out []Step
	walk(*root, root.Start.Add(root.Duration), children, map[string]bool{}, &out)
	return out
}

// walk adds the span and, below it, the children that its end waited for.
func walk(s spans.Span, end time.Time, children map[string][]spans.Span, visited map[string]bool, out *[]Step) {
	if visited[s.ID] || len(visited) > 1000 {
		return
	}
	visited[s.ID] = true
	below := children[s.ID]
	slices.SortFunc(below, func(a, b spans.Span) int {
		return cmp.Or(b.Start.Add(b.Duration).Compare(a.Start.Add(a.Duration)), cmp.Compare(a.ID, b.ID))
	})
	at := len(*out)
	*out = append(*out, Step{Service: s.Service, Operation: s.Operation})
	own := time.Duration(0)
	now := end
	var path []spans.Span
	for _, c := range below {
		last := c.Start.Add(c.Duration)
		if last.After(now) || c.Start.Before(s.Start) {
			continue // ran beside the one that was waited for, or another clock
		}
		own += now.Sub(last)
		now = c.Start
		path = append(path, c)
	}
	own += now.Sub(s.Start)
	(*out)[at].Own = max(own, 0)
	for _, c := range slices.Backward(path) {
		walk(c, c.Start.Add(c.Duration), children, visited, out)
	}
}

// words names the steps with the most time of their own, in order.
func words(path []Step) string {
	const most = 4
	order := slices.Clone(path)
	slices.SortStableFunc(order, func(a, b Step) int { return cmp.Compare(b.Own, a.Own) })
	least := order[min(len(order), most)-1].Own
	var out []string
	for _, s := range path {
		if s.Own >= least && len(out) < most {
			out = append(out, fmt.Sprintf("%s %s %s", s.Service, s.Operation, seconds(s.Own.Seconds())))
		}
	}
	return strings.Join(out, " → ")
}

func seconds(s float64) string {
	switch {
	case s >= 1:
		return fmt.Sprintf("%.1f s", s)
	case s >= 0.001:
		return fmt.Sprintf("%.0f ms", 1000*s)
	}
	return "< 1 ms"
}
