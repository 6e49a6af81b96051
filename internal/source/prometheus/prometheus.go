// Package prometheus reads metrics from anything that speaks the Prometheus
// HTTP API. Read-only and safe for concurrent use.
package prometheus

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

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
type Source struct{ o Options }

var errTodo = errors.New("not yet")

// New checks the options; it does not connect.
func New(o Options) (*Source, error) { return &Source{o: o}, nil }

// Name is the configured name.
func (s *Source) Name() string { return s.o.Name }

// Collect gathers the golden signals of the request's services.
func (s *Source) Collect(ctx context.Context, req evidence.Request) ([]evidence.Item, error) {
	return nil, errTodo
}

// Instant evaluates query at a time; evidence.ErrNoData when it matches nothing.
// $window is replaced. A scalar is one sample without labels.
func (s *Source) Instant(ctx context.Context, query string, at time.Time) ([]evidence.Sample, error) {
	return nil, errTodo
}

// Range evaluates query over [from, to], one point per step; evidence.ErrNoData
// when it matches nothing. NaN and infinite points are left out.
func (s *Source) Range(ctx context.Context, query string, from, to time.Time, step time.Duration) ([]evidence.Series, error) {
	return nil, errTodo
}

// Age says how old the oldest of the newest samples behind query is at a time:
// more than two scrape intervals is stale. evidence.ErrNoData when a selector
// of the query matches nothing.
func (s *Source) Age(ctx context.Context, query string, at time.Time) (time.Duration, error) {
	return 0, errTodo
}

// Ready reports whether the server answers.
func (s *Source) Ready(ctx context.Context) error { return errTodo }

// Link is a page where a person can run query again.
func (s *Source) Link(query string, from, to time.Time) string { return "" }
