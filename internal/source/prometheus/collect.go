package prometheus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"golang.org/x/sync/errgroup"

	"github.com/holdfast-sre/holdfast/internal/detect"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/quantity"
	"github.com/holdfast-sre/holdfast/internal/source/internal/fetch"
)

// parallel is how many questions one Collect asks at a time: enough to hide
// the round trip, few enough not to be a load of its own.
const parallel = 8

// points is how many points a window is drawn with, at most.
const points = 60

// strength of one golden signal: measured by the system itself.
const strength = 0.8

// Collect gathers the golden signals of the request's services: now, in the
// window before, a day and a week earlier. A query that the server refuses is
// an item of KindFailure; a server that does not answer is an error, beside
// whatever was answered.
func (s *Source) Collect(ctx context.Context, req evidence.Request) ([]evidence.Item, error) {
	var questions []question
	for _, svc := range req.Services {
		if fetch.Serves(s.o.Name, s.o.Environment, s.o.Default, svc.Metrics.Source, req.Environment) {
			questions = append(questions, s.questions(svc)...)
		}
	}
	run := &collection{s: s, req: req, newest: map[string]newest{}}
	answers := make([]windows, len(questions))
	errs := make([]error, len(questions))
	each(questions, func(i int, q question) { answers[i], errs[i] = run.windows(ctx, q) })
	// History comes second: when time runs out, every question has its answer
	// about now, and only the comparison with yesterday is missing.
	each(questions, func(i int, q question) {
		if errs[i] == nil {
			run.history(ctx, q, &answers[i])
		}
	})

	var items []evidence.Item
	var down error
	for i, q := range questions {
		var refused *v1.Error
		switch {
		case errs[i] == nil:
			got, err := run.items(q, answers[i])
			if err != nil {
				return items, err
			}
			items = append(items, got...)
		case errors.As(errs[i], &refused) && refused.Type != v1.ErrServer && refused.Type != v1.ErrTimeout:
			items = append(items, s.refused(req, q, errs[i]))
		case down == nil:
			down = errs[i]
		}
	}
	return items, down
}

// each runs f for every question, some at a time.
func each(questions []question, f func(int, question)) {
	var g errgroup.Group
	g.SetLimit(parallel)
	for i, q := range questions {
		g.Go(func() error {
			f(i, q)
			return nil
		})
	}
	_ = g.Wait() // no function fails
}

// refused says that the server does not take a query.
func (s *Source) refused(req evidence.Request, q question, err error) evidence.Item {
	return evidence.Item{
		Kind: evidence.KindFailure, Collector: "prometheus", Source: s.o.Name, Service: q.service,
		Query: q.query, From: req.Now.Add(-req.Window), To: req.Now, Unit: q.unit,
		Summary: fmt.Sprintf("%s refuses the query for %s of %s", s.o.Name, name(q.signal, q.resource), q.service),
		Error:   err.Error(), Data: []byte("null"), Link: s.Link(q.query, req.Now.Add(-req.Window), req.Now),
	}
}

// collection is one run of Collect.
type collection struct {
	s   *Source
	req evidence.Request

	mu     sync.Mutex
	newest map[string]newest // by selector
}

type newest struct {
	at  time.Time
	err error
}

// windows are the answers to one question.
type windows struct {
	now, before, day, week []evidence.Series
	limit                  float64
	stale                  bool
}

// items turns the answers to one question into evidence.
func (c *collection) items(q question, w windows) ([]evidence.Item, error) {
	if q.consumer == "" {
		now := worst(w.now)
		if len(now.Points) == 0 && len(worst(w.before).Points) == 0 && !q.declared {
			return nil, nil // a convention that this service does not follow
		}
		it, err := c.item(q, w, "", now, worst(w.before), worst(w.day), worst(w.week))
		return []evidence.Item{it}, err
	}
	var items []evidence.Item
	for _, who := range consumers(q.consumer, w) {
		it, err := c.item(q, w, who, of(w.now, q.consumer, who), of(w.before, q.consumer, who),
			of(w.day, q.consumer, who), of(w.week, q.consumer, who))
		if err != nil {
			return nil, err
		}
		items = append(items, it)
	}
	return items, nil
}

// windows asks for the window now and the one before, the limit and the age of
// the samples.
func (c *collection) windows(ctx context.Context, q question) (w windows, err error) {
	if w.now, err = c.window(ctx, q, c.req.Now); err != nil {
		return w, err
	}
	if w.before, err = c.window(ctx, q, c.req.ReferenceEnd); err != nil {
		return w, err
	}
	if w.limit, err = c.limit(ctx, q); err != nil {
		return w, err
	}
	w.stale, err = c.stale(ctx, q, w.now)
	return w, err
}

// history asks for the same window a day and a week earlier. There may be
// none, or no time left to ask; then nothing is compared with it.
func (c *collection) history(ctx context.Context, q question, w *windows) {
	if len(w.now) == 0 && len(w.before) == 0 {
		return
	}
	const day = 24 * time.Hour
	w.day, _ = c.window(ctx, q, c.req.Now.Add(-day))
	w.week, _ = c.window(ctx, q, c.req.Now.Add(-7*day))
}

// window asks for the window that ends at to; none when to is zero, and no data
// is an empty answer.
func (c *collection) window(ctx context.Context, q question, to time.Time) ([]evidence.Series, error) {
	if to.IsZero() {
		return nil, nil
	}
	series, err := c.s.Range(ctx, q.query, to.Add(-c.req.Window), to, c.step())
	if errors.Is(err, evidence.ErrNoData) {
		return nil, nil
	}
	return series, err
}

func (c *collection) step() time.Duration {
	return max(c.s.o.Scrape, (c.req.Window / points).Round(time.Second), time.Second)
}

func (c *collection) limit(ctx context.Context, q question) (float64, error) {
	if q.limit == "" {
		return 0, nil
	}
	if v, err := strconv.ParseFloat(q.limit, 64); err == nil {
		return v, nil
	}
	v, err := c.s.Instant(ctx, q.limit, c.req.Now)
	if errors.Is(err, evidence.ErrNoData) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return slices.MaxFunc(v, func(a, b evidence.Sample) int { return cmp.Compare(a.Value, b.Value) }).Value, nil
}

// stale reports whether the samples behind a question are older than two
// scrapes. Where the query can't be read (a dialect), the last point counts.
func (c *collection) stale(ctx context.Context, q question, now []evidence.Series) (bool, error) {
	limit := 2 * c.s.o.Scrape
	selectors, err := selectorsOf(q.query)
	if err != nil {
		p := worst(now).Points
		return len(p) == 0 || c.req.Now.Sub(p[len(p)-1].At) > limit+c.step(), nil
	}
	age, err := c.s.ageOf(selectors, c.req.Now, func(sel string) (time.Time, error) { return c.newestOf(ctx, sel) })
	if errors.Is(err, evidence.ErrNoData) {
		return true, nil
	}
	return age > limit, err
}

// newestOf asks once per selector; two questions at the same moment may ask twice.
func (c *collection) newestOf(ctx context.Context, selector string) (time.Time, error) {
	c.mu.Lock()
	n, ok := c.newest[selector]
	c.mu.Unlock()
	if !ok {
		n.at, n.err = c.s.newest(ctx, selector, c.req.Now)
		c.mu.Lock()
		c.newest[selector] = n
		c.mu.Unlock()
	}
	return n.at, n.err
}

func (c *collection) item(q question, w windows, who string, now, before, day, week evidence.Series) (evidence.Item, error) {
	m := evidence.Metric{
		Signal: q.signal, Resource: q.resource, Consumer: who, Limit: w.limit, UserFacing: q.userFacing,
		Now: now, Before: before, Day: day, Week: week,
	}
	usual := detect.NewBaseline(detect.Values(before.Points), detect.Values(day.Points), detect.Values(week.Points))
	m.Usual = usual.Median
	if n := len(now.Points); n > 0 {
		m.Value = now.Points[n-1].Value
		m.Deviation = usual.Deviation(m.Value, q.floor)
	}
	query := q.query
	if who != "" {
		query += fmt.Sprintf(" # %s=%q", q.consumer, who) // a comment in PromQL: the line can be run as it is
	}
	from, to := c.req.Now.Add(-c.req.Window), c.req.Now
	it := evidence.Item{
		Kind: evidence.KindMetric, Collector: "prometheus", Source: c.s.o.Name, Service: q.service,
		Query: query, From: from, To: to, Unit: q.unit, Summary: summary(q, m, usual.N > 0),
		Link: c.s.Link(q.query, from, to), Strength: strength, Stale: w.stale || len(now.Points) == 0,
		Outside: who != "" && !q.trusted,
	}
	if it.Stale {
		it.Summary += " (stale: the samples are older than two scrapes)"
	}
	return it.Encode(m)
}

// summary is one line with number, unit and comparison.
func summary(q question, m evidence.Metric, known bool) string {
	var b strings.Builder
	what, unit := name(m.Signal, m.Resource), q.unit
	if unit == what {
		unit = "" // "threads 8", not "threads 8 threads"
	}
	b.WriteString(what)
	if m.Consumer != "" {
		b.WriteString(" by " + m.Consumer)
	}
	switch {
	case len(m.Now.Points) == 0:
		b.WriteString(": no samples")
	case m.Limit > 0:
		fmt.Fprintf(&b, " %s of %s", quantity.Format(m.Value, ""), quantity.Format(m.Limit, unit))
	default:
		b.WriteString(" " + quantity.Format(m.Value, unit))
	}
	if known {
		b.WriteString(", usually " + quantity.Format(m.Usual, unit))
	} else {
		b.WriteString(", nothing to compare with")
	}
	return b.String()
}

func name(g evidence.Golden, resource string) string {
	switch g {
	case evidence.LatencyP50:
		return "p50"
	case evidence.LatencyP95:
		return "p95"
	case evidence.LatencyP99:
		return "p99"
	case evidence.Traffic:
		return "traffic"
	case evidence.Errors:
		return "errors"
	default:
		return strings.ReplaceAll(resource, "_", " ")
	}
}

// worst returns the series whose last point is highest; the first on a tie.
func worst(all []evidence.Series) evidence.Series {
	var out evidence.Series
	for _, s := range all {
		if len(out.Points) == 0 || s.Points[len(s.Points)-1].Value > out.Points[len(out.Points)-1].Value {
			out = s
		}
	}
	return out
}

// consumers lists the values of a label over the windows, sorted.
func consumers(label string, w windows) []string {
	set := map[string]bool{}
	for _, all := range [][]evidence.Series{w.now, w.before} {
		for _, s := range all {
			if v := s.Labels[label]; v != "" {
				set[v] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(set))
}

func of(all []evidence.Series, label, value string) evidence.Series {
	for _, s := range all {
		if s.Labels[label] == value {
			return s
		}
	}
	return evidence.Series{}
}
