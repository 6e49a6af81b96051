// Package tempo reads traces from Grafana Tempo: a TraceQL search, then each
// trace. Read-only and safe for concurrent use. Protocol:
// https://grafana.com/docs/tempo/latest/api_docs/
//
// A service is asked for by its name in the catalog, which must be the
// service.name that it reports.
package tempo

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/evidence/spans"
	"github.com/holdfast-sre/holdfast/internal/source/internal/fetch"
	"github.com/holdfast-sre/holdfast/internal/source/internal/traces"
)

const (
	// defaultLimit of traces: each is a request of its own.
	defaultLimit = 80
	parallel     = 6
)

// Options of a source.
type Options struct {
	Name        string // configured name
	Environment string // empty = serves every environment
	URL         string // http://127.0.0.1:3200
	PublicURL   string // for links; empty = URL
	Token       string // bearer token; empty = none
	Tenant      string // X-Scope-OrgID; empty = none
	Timeout     time.Duration
	Limit       int          // traces of one service and window; 0 = 80
	HTTP        *http.Client // nil = one of its own
}

// Source is one Tempo.
type Source struct {
	o      Options
	server *fetch.Server
}

// New checks the options; it does not connect.
func New(o Options) (*Source, error) {
	o.Limit = cmp.Or(o.Limit, defaultLimit)
	server, err := fetch.Open(fetch.Address{
		Kind: "tempo", Name: o.Name, URL: o.URL, PublicURL: o.PublicURL, Token: o.Token, Timeout: o.Timeout, HTTP: o.HTTP,
		Header: map[string]string{"Accept": "application/json", "X-Scope-OrgID": o.Tenant},
	})
	if err != nil {
		return nil, err
	}
	return &Source{o: o, server: server}, nil
}

// Name is the configured name.
func (s *Source) Name() string { return s.o.Name }

// Ready reports whether the server answers a query.
func (s *Source) Ready(ctx context.Context) error {
	_, err := s.Services(ctx)
	return s.server.Failed(err)
}

// Collect compares the traces of the affected services now with those before.
func (s *Source) Collect(ctx context.Context, req evidence.Request) ([]evidence.Item, error) {
	return traces.Collect(ctx, s, traces.Options{Collector: "tempo", Name: s.o.Name, Environment: s.o.Environment, Limit: s.o.Limit}, req)
}

// Services are those that it has recent traces of.
func (s *Source) Services(ctx context.Context) ([]string, error) {
	var a struct {
		Values []string `json:"tagValues"`
	}
	if err := s.server.JSON(ctx, "/api/search/tag/service.name/values", nil, &a); err != nil {
		return nil, err
	}
	if len(a.Values) == 0 {
		return nil, nil // values may not be indexed: ask for the services all the same
	}
	return a.Values, nil
}

// Spans searches for traces and reads each.
func (s *Source) Spans(ctx context.Context, service string, from, to time.Time, limit int) ([]spans.Span, bool, error) {
	var a struct {
		Traces []struct {
			TraceID string `json:"traceID"`
		} `json:"traces"`
	}
	if err := s.server.JSON(ctx, "/api/search", search(service, from, to, limit), &a); err != nil {
		return nil, false, err
	}
	results := make([][]spans.Span, len(a.Traces))
	errs := make([]error, len(a.Traces))
	var g errgroup.Group
	g.SetLimit(parallel)
	for i, t := range a.Traces {
		g.Go(func() error {
			body, err := s.server.Get(ctx, "/api/traces/"+url.PathEscape(t.TraceID), nil)
			if err == nil {
				results[i], err = Parse(t.TraceID, body)
			}
			errs[i] = err
			return nil
		})
	}
	_ = g.Wait() // the errors are in errs
	var out []spans.Span
	for _, r := range results {
		out = append(out, r...)
	}
	return out, len(a.Traces) >= limit, lost(errs)
}

// lost passes the first error on, but for traces that are gone: one may be
// dropped between search and read.
func lost(errs []error) error {
	for _, err := range errs {
		if se, ok := errors.AsType[*fetch.StatusError](err); err != nil && (!ok || se.Code != http.StatusNotFound) {
			return err
		}
	}
	return nil
}

// search is in whole seconds, as the API takes them.
func search(service string, from, to time.Time, limit int) url.Values {
	return url.Values{
		"q": {`{ resource.service.name = ` + strconv.Quote(service) + ` }`}, "limit": {strconv.Itoa(limit)}, "spss": {"1"},
		"start": {strconv.FormatInt(from.Unix(), 10)}, "end": {strconv.FormatInt(to.Unix(), 10)},
	}
}

// Query is the search as a URL of the API.
func (s *Source) Query(service string, from, to time.Time, limit int) string {
	return "/api/search?" + search(service, from, to, limit).Encode()
}

// Link is the trace as a URL of the API: Tempo has no page of its own.
func (s *Source) Link(trace string) string {
	u := s.server.Page("/api/traces/" + trace)
	return u.String()
}

// document is a trace in the JSON of OTLP; older servers call the parts
// batches, and instrumentation libraries what are scopes.
type document struct {
	Batches       []batch `json:"batches"`
	ResourceSpans []batch `json:"resourceSpans"`
	Trace         *struct {
		Batches       []batch `json:"batches"`
		ResourceSpans []batch `json:"resourceSpans"`
	} `json:"trace"`
}

type batch struct {
	Resource struct {
		Attributes []attribute `json:"attributes"`
	} `json:"resource"`
	ScopeSpans []scope `json:"scopeSpans"`
	Libraries  []scope `json:"instrumentationLibrarySpans"`
}

type scope struct {
	Spans []struct {
		SpanID       string          `json:"spanId"`
		ParentSpanID string          `json:"parentSpanId"`
		Name         string          `json:"name"`
		Kind         json.RawMessage `json:"kind"` // SPAN_KIND_SERVER or 2
		Start        nanos           `json:"startTimeUnixNano"`
		End          nanos           `json:"endTimeUnixNano"`
		Attributes   []attribute     `json:"attributes"`
		Status       struct {
			Code json.RawMessage `json:"code"` // STATUS_CODE_ERROR or 2
		} `json:"status"`
	} `json:"spans"`
}

type attribute struct {
	Key   string `json:"key"`
	Value struct {
		String string `json:"stringValue"`
		Int    nanos  `json:"intValue"`
	} `json:"value"`
}

// nanos is a 64-bit number, which JSON of protocol buffers writes as a string.
type nanos int64

func (n *nanos) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) != nil {
		s = string(b)
	}
	if s == "" { // null
		return nil
	}
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return fmt.Errorf("number %.40q: %w", s, err)
	}
	*n = nanos(v)
	return nil
}

// maxDuration of a span that is believed.
const maxDuration = 24 * time.Hour

// Parse reads the spans of one trace.
func Parse(trace string, body []byte) ([]spans.Span, error) {
	var d document
	if err := json.Unmarshal(body, &d); err != nil {
		return nil, fmt.Errorf("read trace %s: %w", trace, err)
	}
	batches := append(d.Batches, d.ResourceSpans...)
	if d.Trace != nil {
		batches = append(append(batches, d.Trace.Batches...), d.Trace.ResourceSpans...)
	}
	var out []spans.Span
	for _, b := range batches {
		service := ""
		for _, a := range b.Resource.Attributes {
			if a.Key == "service.name" {
				service = a.Value.String
			}
		}
		for _, sc := range append(b.ScopeSpans, b.Libraries...) {
			out = append(out, sc.read(trace, service)...)
		}
	}
	return out, nil
}

func (sc scope) read(trace, service string) []spans.Span {
	var out []spans.Span
	for _, s := range sc.Spans {
		if s.SpanID == "" || service == "" {
			continue
		}
		one := spans.Span{
			Trace: trace, ID: s.SpanID, Parent: s.ParentSpanID, Service: service, Operation: s.Name,
			Start: time.Unix(0, int64(s.Start)).UTC(), Kind: kind(s.Kind), Error: is(s.Status.Code, "STATUS_CODE_ERROR", "2"),
		}
		if s.End > s.Start && s.Start >= 0 {
			one.Duration = min(time.Duration(s.End-s.Start), maxDuration)
		}
		peers := map[string]string{}
		for _, a := range s.Attributes {
			if slices.Contains(spans.PeerKeys(), a.Key) {
				peers[a.Key] = a.Value.String
			}
			if a.Key == "http.status_code" || a.Key == "http.response.status_code" {
				one.Error = one.Error || a.Value.Int >= http.StatusInternalServerError && a.Value.Int < 600
			}
		}
		one.Peers = spans.PeersOf(peers)
		out = append(out, one)
	}
	return out
}

func kind(raw json.RawMessage) spans.Kind {
	switch {
	case is(raw, "SPAN_KIND_SERVER", "2"), is(raw, "SPAN_KIND_CONSUMER", "5"):
		return spans.KindServer
	case is(raw, "SPAN_KIND_CLIENT", "3"), is(raw, "SPAN_KIND_PRODUCER", "4"):
		return spans.KindClient
	case is(raw, "SPAN_KIND_INTERNAL", "1"):
		return spans.KindInternal
	}
	return spans.KindUnknown
}

func is(raw json.RawMessage, name, number string) bool {
	return string(raw) == number || string(raw) == strconv.Quote(name)
}
