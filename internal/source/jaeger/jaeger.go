// Package jaeger reads traces from anything that speaks the query API of
// Jaeger. Read-only and safe for concurrent use.
//
// A service is asked for by its name in the catalog, which must be the
// service.name that it reports.
package jaeger

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/evidence/spans"
	"github.com/holdfast-sre/holdfast/internal/source/internal/fetch"
	"github.com/holdfast-sre/holdfast/internal/source/internal/traces"
)

// Options of a source.
type Options struct {
	Name        string // configured name
	Environment string // empty = serves every environment
	URL         string // http://127.0.0.1:16686
	PublicURL   string // for links; empty = URL
	Token       string // bearer token; empty = none
	Tenant      string // x-tenant; empty = none
	Timeout     time.Duration
	Limit       int          // traces of one service and window; 0 = 200
	HTTP        *http.Client // nil = one of its own
}

// Source is one Jaeger.
type Source struct {
	o      Options
	server *fetch.Server
}

// New checks the options; it does not connect.
func New(o Options) (*Source, error) {
	o.Limit = cmp.Or(o.Limit, traces.DefaultLimit)
	server, err := fetch.Open(fetch.Address{
		Kind: "jaeger", Name: o.Name, URL: o.URL, PublicURL: o.PublicURL, Token: o.Token, Timeout: o.Timeout, HTTP: o.HTTP,
		Header: map[string]string{"x-tenant": o.Tenant},
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
	return traces.Collect(ctx, s, traces.Options{Collector: "jaeger", Name: s.o.Name, Environment: s.o.Environment, Limit: s.o.Limit}, req)
}

// Services are those that it has traces of.
func (s *Source) Services(ctx context.Context) ([]string, error) {
	var a struct {
		Data []string `json:"data"`
	}
	if err := s.server.JSON(ctx, "/api/services", nil, &a); err != nil {
		return nil, err
	}
	return append([]string{}, a.Data...), nil
}

// Spans returns the spans of at most limit traces that began in (from, to].
func (s *Source) Spans(ctx context.Context, service string, from, to time.Time, limit int) ([]spans.Span, bool, error) {
	body, err := s.server.Get(ctx, "/api/traces", search(service, from, to, limit))
	if err != nil {
		return nil, false, err
	}
	found, n, err := Parse(body)
	return found, n >= limit, err
}

func search(service string, from, to time.Time, limit int) url.Values {
	return url.Values{
		"service": {service}, "limit": {strconv.Itoa(limit)},
		"start": {strconv.FormatInt(from.UnixMicro(), 10)}, "end": {strconv.FormatInt(to.UnixMicro(), 10)},
	}
}

// Query is the search as a URL of the API.
func (s *Source) Query(service string, from, to time.Time, limit int) string {
	return "/api/traces?" + search(service, from, to, limit).Encode()
}

// Link is the page of a trace.
func (s *Source) Link(trace string) string {
	u := s.server.Page("/trace/" + trace)
	return u.String()
}

// answer is what /api/traces returns.
type answer struct {
	Data []struct {
		TraceID string `json:"traceID"`
		Spans   []struct {
			TraceID       string `json:"traceID"`
			SpanID        string `json:"spanID"`
			OperationName string `json:"operationName"`
			References    []struct {
				RefType string `json:"refType"`
				TraceID string `json:"traceID"`
				SpanID  string `json:"spanID"`
			} `json:"references"`
			StartTime int64  `json:"startTime"` // microseconds
			Duration  int64  `json:"duration"`  // microseconds
			Tags      []tag  `json:"tags"`
			ProcessID string `json:"processID"`
		} `json:"spans"`
		Processes map[string]struct {
			ServiceName string `json:"serviceName"`
		} `json:"processes"`
	} `json:"data"`
	Errors []struct {
		Msg string `json:"msg"`
	} `json:"errors"`
}

type tag struct {
	Key   string `json:"key"`
	Value any    `json:"value"`
}

// maxDuration of a span that is believed.
const maxDuration = 24 * time.Hour

// Parse reads the JSON of /api/traces, or of a file that Jaeger's page saved:
// its spans and how many traces they are of.
func Parse(body []byte) (found []spans.Span, n int, err error) {
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, 0, fmt.Errorf("read traces: %w", err)
	}
	if len(a.Data) == 0 && len(a.Errors) > 0 {
		return nil, 0, fmt.Errorf("read traces: the server says: %s", a.Errors[0].Msg)
	}
	for _, t := range a.Data {
		for _, s := range t.Spans {
			out := spans.Span{
				Trace: cmp.Or(s.TraceID, t.TraceID), ID: s.SpanID, Service: t.Processes[s.ProcessID].ServiceName, Operation: s.OperationName,
				Start: time.UnixMicro(s.StartTime).UTC(), Duration: time.Duration(min(max(s.Duration, 0), maxDuration.Microseconds())) * time.Microsecond,
			}
			for _, r := range s.References {
				if r.RefType == "CHILD_OF" && (r.TraceID == "" || r.TraceID == out.Trace) {
					out.Parent = r.SpanID
				}
			}
			readTags(&out, s.Tags)
			if out.ID != "" && out.Service != "" {
				found = append(found, out)
			}
		}
	}
	return found, len(a.Data), nil
}

// readTags: an OpenTelemetry status of error is the tag error=true here. A
// server's 5xx counts, whatever the tag says.
func readTags(s *spans.Span, tags []tag) {
	peers := map[string]string{}
	for _, t := range tags {
		v := fmt.Sprint(t.Value)
		if slices.Contains(spans.PeerKeys(), t.Key) {
			peers[t.Key] = v
		}
		switch t.Key {
		case "error":
			s.Error = s.Error || v == "true"
		case "otel.status_code":
			s.Error = s.Error || v == "ERROR"
		case "http.status_code", "http.response.status_code":
			code, err := strconv.ParseFloat(v, 64)
			s.Error = s.Error || err == nil && code >= http.StatusInternalServerError && code < 600
		case "span.kind":
			switch v {
			case "server", "consumer":
				s.Kind = spans.KindServer
			case "client", "producer":
				s.Kind = spans.KindClient
			case "internal":
				s.Kind = spans.KindInternal
			}
		}
	}
	s.Peers = spans.PeersOf(peers)
}

// Calls returns who called whom in (from, to], as the server adds it up itself.
// Many add nothing up: no calls and no error then.
func (s *Source) Calls(ctx context.Context, from, to time.Time) ([]spans.Edge, error) {
	var a struct {
		Data []struct {
			Parent    string `json:"parent"`
			Child     string `json:"child"`
			CallCount int    `json:"callCount"`
		} `json:"data"`
	}
	err := s.server.JSON(ctx, "/api/dependencies", url.Values{
		"endTs": {strconv.FormatInt(to.UnixMilli(), 10)}, "lookback": {strconv.FormatInt(to.Sub(from).Milliseconds(), 10)},
	}, &a)
	var out []spans.Edge
	for _, d := range a.Data {
		if d.Parent != "" && d.Child != "" && d.Parent != d.Child {
			out = append(out, spans.Edge{From: d.Parent, To: d.Child, Count: d.CallCount})
		}
	}
	return out, err
}
