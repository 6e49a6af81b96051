package prometheus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// Age says how old the samples behind query are at a time: the age of the
// newest sample of each of its selectors, the oldest of these. More than two
// scrape intervals is stale. A rate goes on for a whole window after its
// target died, so its own time says nothing.
//
// Selectors that match nothing are left out, since an `or` has some by design;
// evidence.ErrNoData when none matches.
func (s *Source) Age(ctx context.Context, query string, at time.Time) (time.Duration, error) {
	selectors, err := selectorsOf(s.Expand(query, "0.5"))
	if err != nil {
		return 0, err
	}
	return s.ageOf(selectors, at, func(sel string) (time.Time, error) { return s.newest(ctx, sel, at) })
}

func (s *Source) ageOf(selectors []string, at time.Time, newest func(string) (time.Time, error)) (time.Duration, error) {
	age, found := time.Duration(0), false
	for _, sel := range selectors {
		t, err := newest(sel)
		if errors.Is(err, evidence.ErrNoData) {
			continue
		}
		if err != nil {
			return 0, err
		}
		age, found = max(age, at.Sub(t)), true
	}
	if !found && len(selectors) > 0 {
		return 0, fmt.Errorf("samples behind %v: %w", selectors, evidence.ErrNoData)
	}
	return age, nil
}

// newest is the time of a selector's newest sample.
func (s *Source) newest(ctx context.Context, selector string, at time.Time) (time.Time, error) {
	v, err := s.Instant(ctx, "max(timestamp("+selector+"))", at)
	if err != nil {
		return time.Time{}, err
	}
	return time.UnixMilli(int64(v[0].Value * 1000)).UTC(), nil
}

// selectorsOf lists the plain selectors inside a query, sorted, without
// ranges, offsets and @.
func selectorsOf(query string) ([]string, error) {
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	if err != nil {
		return nil, fmt.Errorf("read query %s: %w", query, err)
	}
	var out []string
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		if v, ok := n.(*parser.VectorSelector); ok {
			plain := parser.VectorSelector{Name: v.Name, LabelMatchers: v.LabelMatchers}
			out = append(out, plain.String())
		}
		return nil
	})
	slices.Sort(out)
	return slices.Compact(out), nil
}
