package operate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	promrules "github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	notes "github.com/prometheus/prometheus/util/annotations"

	"github.com/holdfast-sre/holdfast/internal/quantity"
)

// unitTest are the cases of one rule; why is set instead when none could be made.
type unitTest struct {
	interval time.Duration
	cases    []testCase
	why      string
}

type testCase struct {
	name  string
	ramps []ramp
	until time.Duration // length of the series
	looks []look
}

// look is what is expected at one moment.
type look struct {
	at     time.Duration
	alerts []expected
}

type expected struct{ labels, annotations map[string]string }

// Bounds on a unit test: promtool evaluates it minute by minute. What is left out
// depends on the rule alone; the time limit is only a guard.
const (
	maxTest    = 26 * time.Hour
	maxSamples = 500_000
	proofGuard = time.Minute
	evaluation = time.Minute
	proofLooks = 60 // evaluations of one case
)

// prove makes the unit test of a rule, and evaluates it.
func (u *Rule) prove(ctx context.Context, p promQL) {
	u.test = &unitTest{interval: 15 * time.Second}
	if err := u.makeTest(ctx, p); err != nil {
		u.test.cases = nil
		u.test.why = "no unit test: " + err.Error()
	}
}

func (u *Rule) makeTest(ctx context.Context, p promQL) error {
	e := p.expr(u.Expr)
	if e == nil {
		return errors.New("the query does not parse")
	}
	if err := u.costs(e); err != nil {
		return err
	}
	hold, err := model.ParseDuration(orZero(u.For))
	if err != nil {
		return fmt.Errorf("for: %s: %w", u.For, err)
	}
	until := longest(e) + time.Duration(hold) + 5*time.Minute
	until = until.Truncate(time.Minute) + time.Minute
	if until > maxTest {
		return fmt.Errorf("it would need series of %s", quantity.Duration(until))
	}
	u.test.interval = intervalFor(shortest(e), longest(e))
	for _, fires := range []bool{true, false} {
		s := solver{until: until.Seconds()}
		if err := s.satisfy(e, fires); err != nil {
			return fmt.Errorf("no series are known that decide %w", err)
		}
		c := testCase{name: "fires", ramps: s.ramps, until: until}
		if !fires {
			c.name = "stays quiet"
		}
		if err := u.evaluate(ctx, e, time.Duration(hold), &c, fires); err != nil {
			return err
		}
		u.test.cases = append(u.test.cases, c)
	}
	return nil
}

// intervalFor is the distance of samples: close enough for the shortest window, and
// no more of them than the longest needs.
func intervalFor(shortest, longest time.Duration) time.Duration {
	d := 15 * time.Second
	switch {
	case longest > 6*time.Hour:
		d = 4 * time.Minute // still within the time that Prometheus looks back
	case longest > time.Hour:
		d = time.Minute
	}
	if shortest > 0 {
		d = min(d, max(shortest/4, time.Second)).Truncate(time.Second)
	}
	return d
}

func orZero(s string) string {
	if s == "" {
		return "0s"
	}
	return s
}

// evaluate runs a rule over series, as Prometheus and promtool do, and keeps what
// it alerts at the end, and nothing before it has held long enough.
func (u *Rule) evaluate(ctx context.Context, e parser.Expr, hold time.Duration, c *testCase, fires bool) error {
	ctx, cancel := context.WithTimeout(ctx, proofGuard)
	defer cancel()
	engine := promql.NewEngine(promql.EngineOpts{
		MaxSamples: maxSamples, Timeout: proofGuard, LookbackDelta: 5 * time.Minute, EnableAtModifier: true, EnableNegativeOffset: true,
		NoStepSubqueryIntervalFn: func(int64) int64 { return evaluation.Milliseconds() }, Parser: parser.NewParser(parser.Options{}),
	})
	query := promrules.EngineQueryFunc(engine, newMemory(c.ramps, c.until, u.test.interval))
	rule := promrules.NewAlertingRule(u.Name, e, hold, 0, labels.FromMap(u.labels()), labels.FromMap(u.annotations()), labels.EmptyLabels(), "", true, slog.New(slog.DiscardHandler))
	start := time.Unix(0, 0).UTC()
	firing := func() []*promrules.Alert {
		return slices.DeleteFunc(rule.ActiveAlerts(), func(a *promrules.Alert) bool { return a.State != promrules.StateFiring })
	}
	early := (hold / 2).Truncate(evaluation)
	first := time.Duration(-1)
	every := max(c.until/proofLooks, evaluation).Truncate(evaluation)
	for at := time.Duration(0); at <= c.until; at = next(at, every, early, c.until) {
		if _, err := rule.Eval(ctx, 0, start.Add(at), query, &url.URL{}, 0); err != nil {
			return fmt.Errorf("the evaluation fails: %w", err)
		}
		if n := len(firing()); n > 0 && first < 0 {
			first = at
		}
		if at == early && hold >= 2*evaluation && fires {
			if len(firing()) > 0 {
				return errors.New("it fires before it has held long enough")
			}
			c.looks = append(c.looks, look{at: at})
		}
	}
	last := look{at: c.until}
	for _, a := range firing() {
		x := expected{labels: a.Labels.Map(), annotations: a.Annotations.Map()}
		delete(x.labels, labels.AlertName)
		last.alerts = append(last.alerts, x)
	}
	c.looks = append(c.looks, last)
	switch {
	case fires && len(last.alerts) != 1:
		return fmt.Errorf("series that should fire give %d alerts", len(last.alerts))
	case !fires && first >= 0:
		return errors.New("series that should not fire do")
	}
	return nil
}

// next is the next moment to evaluate: at a distance, and never past one that is
// looked at.
func next(at, every, early, until time.Duration) time.Duration {
	n := at + every
	if at < early && n > early {
		return early
	}
	if at < until && n > until {
		return until
	}
	return n
}

// memory holds series, as a storage that Prometheus' engine reads.
type memory struct{ series []storage.Series }

func newMemory(ramps []ramp, until, interval time.Duration) memory {
	var m memory
	for _, r := range ramps {
		var samples []chunks.Sample
		for at := time.Duration(0); at <= until; at += interval {
			samples = append(samples, point{at.Milliseconds(), r.start + r.step*at.Seconds()})
		}
		m.series = append(m.series, storage.NewListSeries(r.labels, samples))
	}
	slices.SortFunc(m.series, func(a, b storage.Series) int { return labels.Compare(a.Labels(), b.Labels()) })
	return m
}

// Querier reads all of them.
func (m memory) Querier(_, _ int64) (storage.Querier, error) { return m, nil }

// Select returns the series that the matchers take.
func (m memory) Select(_ context.Context, _ bool, _ *storage.SelectHints, ms ...*labels.Matcher) storage.SeriesSet {
	var out []storage.Series
	for _, s := range m.series {
		if matches(ms, s.Labels()) {
			out = append(out, s)
		}
	}
	return &seriesSet{all: out, at: -1}
}

// LabelValues is not asked by rules.
func (memory) LabelValues(context.Context, string, *storage.LabelHints, ...*labels.Matcher) ([]string, notes.Annotations, error) {
	return nil, nil, nil
}

// LabelNames is not asked by rules.
func (memory) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, notes.Annotations, error) {
	return nil, nil, nil
}

// Close has nothing to do.
func (memory) Close() error { return nil }

type seriesSet struct {
	all []storage.Series
	at  int
}

func (s *seriesSet) Next() bool                  { s.at++; return s.at < len(s.all) }
func (s *seriesSet) At() storage.Series          { return s.all[s.at] }
func (s *seriesSet) Err() error                  { return nil }
func (s *seriesSet) Warnings() notes.Annotations { return nil }

// point is a sample.
type point struct {
	t int64
	v float64
}

func (p point) T() int64                      { return p.t }
func (p point) ST() int64                     { return 0 }
func (p point) F() float64                    { return p.v }
func (p point) H() *histogram.Histogram       { return nil }
func (p point) FH() *histogram.FloatHistogram { return nil }
func (p point) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (p point) Copy() chunks.Sample           { return p }
