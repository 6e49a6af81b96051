// Package prometheus reads metrics from anything that speaks the Prometheus
// HTTP API. Read-only and safe for concurrent use.
//
// Queries may hold $window (the rate window) and $quantile; both are replaced
// before they are sent, and evidence shows what was sent.
package prometheus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/source/internal/fetch"
)

// The defaults of Options; those of Prometheus itself where it has one.
const (
	defaultRateWindow = 5 * time.Minute
	defaultScrape     = 15 * time.Second
)

// maxAnswer bounds the bytes of one answer.
const maxAnswer = 32 << 20

// Options of a source.
type Options struct {
	Name        string        // configured name
	Environment string        // empty = serves every environment
	Default     bool          // serves catalog entries that name no source
	URL         string        // http://127.0.0.1:9090
	PublicURL   string        // for links; empty = URL
	Token       string        // bearer token; empty = none
	Timeout     time.Duration // of one query; 0 = 3 s
	RateWindow  time.Duration // $window in queries; 0 = 5 m
	Scrape      time.Duration // scrape interval; 0 = 15 s
	HTTP        *http.Client  // nil = one of its own
}

// Source is one Prometheus.
type Source struct {
	o      Options
	public *url.URL
	api    v1.API
	probe  *fetch.Client
}

// New checks the options; it does not connect.
func New(o Options) (*Source, error) {
	o.Timeout = cmp.Or(o.Timeout, fetch.DefaultTimeout)
	o.RateWindow = cmp.Or(o.RateWindow, defaultRateWindow)
	o.Scrape = cmp.Or(o.Scrape, defaultScrape)
	base, err := fetch.Base(o.URL)
	if err != nil {
		return nil, fmt.Errorf("prometheus %s: %w", o.Name, err)
	}
	public, err := fetch.Base(cmp.Or(o.PublicURL, o.URL))
	if err != nil {
		return nil, fmt.Errorf("prometheus %s: public URL: %w", o.Name, err)
	}
	hc := *fetch.HTTP(o.HTTP)
	hc.Transport = &transport{next: hc.Transport, token: o.Token}
	client, err := api.NewClient(api.Config{Address: base.String(), Client: &hc})
	if err != nil {
		return nil, fmt.Errorf("prometheus %s: %w", o.Name, err)
	}
	probe, err := fetch.New(o.URL, o.Token, o.Timeout, o.HTTP)
	if err != nil {
		return nil, fmt.Errorf("prometheus %s: %w", o.Name, err)
	}
	return &Source{o: o, public: public, api: v1.NewAPI(client), probe: probe}, nil
}

// Name is the configured name.
func (s *Source) Name() string { return s.o.Name }

// Scrape is the scrape interval that the source was configured with.
func (s *Source) Scrape() time.Duration { return s.o.Scrape }

// Ready reports whether the server answers a query.
func (s *Source) Ready(ctx context.Context) error {
	err := s.probe.JSON(ctx, "/api/v1/query", url.Values{"query": {"1"}}, &struct{}{})
	if err != nil {
		return fmt.Errorf("prometheus %s: %w", s.o.Name, err)
	}
	return nil
}

// Expand replaces $window and, when quantile is not empty, $quantile.
func (s *Source) Expand(query, quantile string) string {
	query = strings.ReplaceAll(query, "$window", model.Duration(s.o.RateWindow).String())
	if quantile != "" {
		query = strings.ReplaceAll(query, "$quantile", quantile)
	}
	return query
}

// Instant evaluates query at a time, ordered by labels; evidence.ErrNoData when
// it matches nothing or nothing but NaN and infinities. A scalar is one sample
// without labels.
func (s *Source) Instant(ctx context.Context, query string, at time.Time) ([]evidence.Sample, error) {
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	return s.instant(ctx, query, at)
}

// InstantFew is Instant for an answer of a few series: at most n are returned,
// and whether there were more. The server is asked to send no more; one that
// does not know how to is cut off at the size of an answer.
func (s *Source) InstantFew(ctx context.Context, query string, at time.Time, n int) (few []evidence.Sample, more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	few, err = s.instant(ctx, query, at, v1.WithLimit(uint64(n+1)))
	if more = len(few) > n; more {
		few = few[:n]
	}
	return few, more, err
}

func (s *Source) instant(ctx context.Context, query string, at time.Time, opts ...v1.Option) ([]evidence.Sample, error) {
	v, _, _, err := s.api.Query(ctx, s.Expand(query, ""), at, opts...)
	if err != nil {
		return nil, s.explain(query, err)
	}
	var out []evidence.Sample
	switch v := v.(type) {
	case *model.Scalar:
		out = keep(out, nil, v.Timestamp, v.Value)
	case model.Vector:
		for _, sample := range v {
			out = keep(out, sample.Metric, sample.Timestamp, sample.Value)
		}
	default:
		return nil, fmt.Errorf("query %s: the answer is a %s, not a number", query, v.Type())
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("query %s: %w", query, evidence.ErrNoData)
	}
	slices.SortFunc(out, func(a, b evidence.Sample) int { return compareLabels(a.Labels, b.Labels) })
	return out, nil
}

// Range evaluates query over [from, to], one point per step, series ordered by
// labels; evidence.ErrNoData when it matches nothing. NaN and infinite points
// are left out.
func (s *Source) Range(ctx context.Context, query string, from, to time.Time, step time.Duration) ([]evidence.Series, error) {
	out, _, err := s.RangeWarned(ctx, query, from, to, step)
	return out, err
}

// RangeWarned is Range with what the server warns of, such as an answer that it
// cut off or that a store of its had no part in.
func (s *Source) RangeWarned(ctx context.Context, query string, from, to time.Time, step time.Duration) ([]evidence.Series, []string, error) {
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	v, warnings, _, err := s.api.QueryRange(ctx, s.Expand(query, ""), v1.Range{Start: from, End: to, Step: step})
	if err != nil {
		return nil, warnings, s.explain(query, err)
	}
	matrix, ok := v.(model.Matrix)
	if !ok {
		return nil, warnings, fmt.Errorf("query %s: the answer is a %s, not a range", query, v.Type())
	}
	var out []evidence.Series
	for _, stream := range matrix {
		points := make([]evidence.Point, 0, len(stream.Values))
		for _, p := range stream.Values {
			if finite(float64(p.Value)) {
				points = append(points, evidence.Point{At: p.Timestamp.Time().UTC(), Value: float64(p.Value)})
			}
		}
		if len(points) > 0 {
			out = append(out, evidence.Series{Labels: labels(stream.Metric), Points: points})
		}
	}
	if len(out) == 0 {
		return nil, warnings, fmt.Errorf("query %s: %w", query, evidence.ErrNoData)
	}
	slices.SortFunc(out, func(a, b evidence.Series) int { return compareLabels(a.Labels, b.Labels) })
	return out, warnings, nil
}

// Link is a page where a person can run query again.
func (s *Source) Link(query string, from, to time.Time) string {
	u := *s.public
	u.Path += "/graph"
	u.RawQuery = url.Values{
		"g0.expr":        {s.Expand(query, "")},
		"g0.tab":         {"0"},
		"g0.range_input": {model.Duration(max(to.Sub(from).Round(time.Second), time.Second)).String()},
		"g0.end_input":   {to.UTC().Format("2006-01-02 15:04:05")},
	}.Encode()
	return u.String()
}

// explain says what the server said, without the address that net/url adds.
func (s *Source) explain(query string, err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return fmt.Errorf("query %s: the answer is larger than %d MiB: aggregate, or select fewer series", query, maxAnswer>>20)
	}
	if ue, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("ask %s: %w", s.public.Host, ue.Err)
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return fmt.Errorf("ask %s: %w", s.public.Host, err)
	}
	return fmt.Errorf("query %s: %w", query, err)
}

func keep(out []evidence.Sample, m model.Metric, at model.Time, v model.SampleValue) []evidence.Sample {
	if !finite(float64(v)) {
		return out
	}
	return append(out, evidence.Sample{Labels: labels(m), At: at.Time().UTC(), Value: float64(v)})
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func labels(m model.Metric) map[string]string {
	if len(m) == 0 {
		return nil
	}
	out := make(map[string]string, len(m))
	for k, v := range m {
		out[string(k)] = string(v)
	}
	return out
}

func compareLabels(a, b map[string]string) int { return cmp.Compare(labelKey(a), labelKey(b)) }

func labelKey(m map[string]string) string {
	set := make(model.LabelSet, len(m))
	for k, v := range m {
		set[model.LabelName(k)] = model.LabelValue(v)
	}
	return set.String() // sorted by name
}

// transport adds the token and bounds the answer.
type transport struct {
	next  http.RoundTripper
	token string
}

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if t.token != "" {
		req = req.Clone(req.Context())
		req.Header.Set("Authorization", "Bearer "+t.token)
	}
	next := t.next
	if next == nil {
		next = http.DefaultTransport
	}
	resp, err := next.RoundTrip(req)
	if err != nil {
		return nil, err //nolint:wrapcheck // a RoundTripper passes errors on
	}
	resp.Body = http.MaxBytesReader(nil, resp.Body, maxAnswer)
	return resp, nil
}
