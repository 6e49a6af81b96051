package telemetry

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
)

const maxScrape = 4 << 20 // bytes of one answer

// scraper asks every target once a second and stores the samples.
type scraper struct {
	targets []*targetState
	store   storage.Appendable
	log     *slog.Logger
	client  *http.Client
}

type targetState struct {
	Target
	base labels.Labels

	mu       sync.Mutex
	up       bool
	err      string
	at       time.Time
	duration time.Duration
	seen     map[uint64]labels.Labels // series of the last scrape
}

func newScraper(targets []Target, store storage.Appendable, log *slog.Logger) *scraper {
	s := &scraper{store: store, log: log, client: &http.Client{Timeout: scrapeTimeout}}
	for _, t := range targets {
		m := map[string]string{"job": t.Job, "instance": t.Address}
		for k, v := range t.Labels {
			m[k] = v
		}
		s.targets = append(s.targets, &targetState{Target: t, base: labels.FromMap(m), seen: map[uint64]labels.Labels{}})
	}
	return s
}

func (s *scraper) run(ctx context.Context) error {
	tick := time.NewTicker(scrapeEvery)
	defer tick.Stop()
	for {
		var wg sync.WaitGroup
		for _, t := range s.targets {
			wg.Go(func() { s.scrape(ctx, t) })
		}
		wg.Wait()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// scrape stores one answer of t. Series that are gone since the last one end
// with a stale marker, as in Prometheus.
func (s *scraper) scrape(ctx context.Context, t *targetState) {
	start := time.Now()
	families, err := s.fetch(ctx, t.Address)
	if ctx.Err() != nil {
		return
	}
	took := time.Since(start)
	app := s.store.Appender(ctx)
	at := start.UnixMilli()
	now := map[uint64]labels.Labels{}
	add := func(l labels.Labels, v float64) {
		if _, appendErr := app.Append(0, l, at, v); appendErr == nil {
			now[l.Hash()] = l
		}
	}
	for _, f := range families {
		flatten(f, t.base, add)
	}
	for h, l := range t.seen {
		if _, still := now[h]; !still {
			_, _ = app.Append(0, l, at, math.Float64frombits(value.StaleNaN))
		}
	}
	up := 0.0
	if err == nil {
		up = 1
	}
	_, _ = app.Append(0, named(t.base, "up"), at, up)
	_, _ = app.Append(0, named(t.base, "scrape_duration_seconds"), at, took.Seconds())
	if commitErr := app.Commit(); commitErr != nil {
		s.log.Warn("storing a scrape failed", "target", t.Address, "error", commitErr)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen, t.up, t.at, t.duration, t.err = now, err == nil, start, took, ""
	if err != nil {
		t.err = err.Error()
	}
}

func (s *scraper) fetch(ctx context.Context, address string) (map[string]*dto.MetricFamily, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", nil)
	if err != nil {
		return nil, fmt.Errorf("scrape %s: %w", address, err)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("scrape %s: %w", address, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("scrape %s: %s", address, resp.Status)
	}
	p := expfmt.NewTextParser(model.UTF8Validation)
	families, err := p.TextToMetricFamilies(io.LimitReader(resp.Body, maxScrape))
	if err != nil {
		return nil, fmt.Errorf("scrape %s: %w", address, err)
	}
	return families, nil
}

func named(base labels.Labels, name string, pairs ...string) labels.Labels {
	b := labels.NewBuilder(base).Set(model.MetricNameLabel, name)
	for i := 0; i+1 < len(pairs); i += 2 {
		b.Set(pairs[i], pairs[i+1])
	}
	return b.Labels()
}

// flatten turns a family into samples.
func flatten(f *dto.MetricFamily, base labels.Labels, add func(labels.Labels, float64)) {
	name := f.GetName()
	for _, m := range f.GetMetric() {
		var pairs []string
		for _, l := range m.GetLabel() {
			pairs = append(pairs, l.GetName(), l.GetValue())
		}
		with := func(suffix string, more ...string) labels.Labels {
			return named(base, name+suffix, append(append([]string(nil), pairs...), more...)...)
		}
		switch {
		case m.Counter != nil:
			add(with(""), m.Counter.GetValue())
		case m.Gauge != nil:
			add(with(""), m.Gauge.GetValue())
		case m.Untyped != nil:
			add(with(""), m.Untyped.GetValue())
		case m.Histogram != nil:
			infinite := false
			for _, b := range m.Histogram.GetBucket() {
				infinite = infinite || math.IsInf(b.GetUpperBound(), 1)
				add(with("_bucket", "le", formatBound(b.GetUpperBound())), float64(b.GetCumulativeCount()))
			}
			if !infinite {
				add(with("_bucket", "le", "+Inf"), float64(m.Histogram.GetSampleCount()))
			}
			add(with("_sum"), m.Histogram.GetSampleSum())
			add(with("_count"), float64(m.Histogram.GetSampleCount()))
		case m.Summary != nil:
			for _, q := range m.Summary.GetQuantile() {
				add(with("", "quantile", formatBound(q.GetQuantile())), q.GetValue())
			}
			add(with("_sum"), m.Summary.GetSampleSum())
			add(with("_count"), float64(m.Summary.GetSampleCount()))
		}
	}
}

// formatBound writes bounds as Prometheus normalises them: 1.0, 0.5, +Inf.
func formatBound(v float64) string {
	if math.IsInf(v, 1) {
		return "+Inf"
	}
	s := strconv.FormatFloat(v, 'g', -1, 64)
	if v == math.Trunc(v) && math.Abs(v) < 1e15 {
		s += ".0"
	}
	return s
}
