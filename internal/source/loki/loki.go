// Package loki reads log lines from anything that speaks Loki's query API.
// Read-only and safe for concurrent use.
package loki

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/evidence/lines"
	"github.com/holdfast-sre/holdfast/internal/redact"
	"github.com/holdfast-sre/holdfast/internal/source/internal/fetch"
	"github.com/holdfast-sre/holdfast/internal/source/internal/logs"
)

// countLimit is Loki's own default for the lines of one answer
// (max_entries_limit_per_query).
const countLimit = 5000

// failures is what a line must hold to be read when there are too many lines.
const failures = `(?i)(error|fatal|panic|exception|fail|refused|timeout|warn)`

// Options of a source.
type Options struct {
	Name        string // configured name
	Environment string // empty = serves every environment
	Default     bool   // serves catalog entries that name no source
	URL         string
	PublicURL   string           // for links; empty = URL
	Token       string           // bearer token; empty = none
	Tenant      string           // X-Scope-OrgID; empty = none
	Timeout     time.Duration    // of one query; 0 = 3 s
	Limit       int              // lines of one query; 0 = 2000
	Redact      *redact.Redactor // nil = the built-in rules
	HTTP        *http.Client     // nil = one of its own
}

// Source is one log store.
type Source struct {
	o      Options
	server *fetch.Server
}

// New checks the options; it does not connect.
func New(o Options) (*Source, error) {
	o.Limit = cmp.Or(o.Limit, logs.DefaultLimit)
	server, err := fetch.Open(fetch.Address{
		Kind: "loki", Name: o.Name, URL: o.URL, PublicURL: o.PublicURL, Token: o.Token, Timeout: o.Timeout, HTTP: o.HTTP,
		Header: map[string]string{"X-Scope-OrgID": o.Tenant},
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
	return s.server.Failed(s.server.JSON(ctx, "/loki/api/v1/labels", nil, &struct{}{}))
}

// Collect gathers new and risen log templates of the request's services.
func (s *Source) Collect(ctx context.Context, req evidence.Request) ([]evidence.Item, error) {
	return logs.Collect(ctx, s, logs.Options{
		Collector: "loki", Name: s.o.Name, Environment: s.o.Environment,
		Default: s.o.Default, Limit: s.o.Limit, Redact: s.o.Redact,
	}, req)
}

// Count counts the lines of selector in (from, to] that match the regular
// expression (RE2; empty = every line). Up to 5,000 are counted by reading
// them, which every server that speaks the API can do; more by a metric query.
func (s *Source) Count(ctx context.Context, selector, pattern string, from, to time.Time) (int, error) {
	return s.CountQuery(ctx, filter(selector, pattern), from, to)
}

// CountQuery returns how many lines of a query match in (from, to].
func (s *Source) CountQuery(ctx context.Context, query string, from, to time.Time) (int, error) {
	found, more, err := s.Lines(ctx, query, from, to, countLimit)
	if err != nil {
		return 0, fmt.Errorf("count %s: %w", query, err)
	}
	if !more {
		return len(found), nil
	}
	return s.countOverTime(ctx, query, from, to)
}

// Query is selector with the pattern as a line filter, as Count sends it.
func (s *Source) Query(selector, pattern string) string { return filter(selector, pattern) }

// Lines returns the newest lines of query in (from, to], at most limit, and
// whether there were more.
func (s *Source) Lines(ctx context.Context, query string, from, to time.Time, limit int) ([]lines.Line, bool, error) {
	var a answer
	err := s.server.JSON(ctx, "/loki/api/v1/query_range", url.Values{
		"query": {query}, "start": {nanos(from)}, "end": {nanos(to)},
		"limit": {strconv.Itoa(limit)}, "direction": {"backward"},
	}, &a)
	if err != nil {
		return nil, false, err
	}
	if a.Data.ResultType != "streams" {
		return nil, false, fmt.Errorf("query %s: the answer is a %q, not log lines", query, a.Data.ResultType)
	}
	var out []lines.Line
	for _, r := range a.Data.Result {
		stream := lines.StreamOf(r.Stream)
		for _, v := range slices.Backward(r.Values) { // oldest first, as they were written
			l, err := line(v, r.Stream)
			if err != nil {
				return nil, false, fmt.Errorf("query %s: %w", query, err)
			}
			l.Stream = stream
			out = append(out, l)
		}
	}
	return out, len(out) >= limit, nil
}

// countOverTime asks Loki to count.
func (s *Source) countOverTime(ctx context.Context, query string, from, to time.Time) (int, error) {
	window := max(int64(to.Sub(from)/time.Millisecond), 1)
	query = fmt.Sprintf("sum(count_over_time(%s[%dms]))", query, window)
	var a answer
	if err := s.server.JSON(ctx, "/loki/api/v1/query", url.Values{"query": {query}, "time": {nanos(to)}}, &a); err != nil {
		return 0, fmt.Errorf("count %s: %w", query, err)
	}
	if len(a.Data.Result) == 0 {
		return 0, nil
	}
	var text string
	if len(a.Data.Result[0].Value) != 2 || json.Unmarshal(a.Data.Result[0].Value[1], &text) != nil {
		return 0, fmt.Errorf("count %s: the answer holds no number", query)
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, fmt.Errorf("count %s: %w", query, err)
	}
	return int(n), nil
}

// Failures narrows a query to lines that look like failures.
func (s *Source) Failures(query string) string { return filter(query, failures) }

// Link is the query as a URL of the API: Loki has no page of its own.
func (s *Source) Link(query string, from, to time.Time) string {
	u := s.server.Page("/loki/api/v1/query_range")
	u.RawQuery = url.Values{"query": {query}, "start": {nanos(from)}, "end": {nanos(to)}, "limit": {strconv.Itoa(s.o.Limit)}}.Encode()
	return u.String()
}

// answer is what both query endpoints return.
type answer struct {
	Data struct {
		ResultType string `json:"resultType"`
		Result     []struct {
			Stream map[string]string   `json:"stream"`
			Values [][]json.RawMessage `json:"values"`
			Value  []json.RawMessage   `json:"value"`
		} `json:"result"`
	} `json:"data"`
}

// line reads ["NANOSECONDS", "text", {structured metadata}].
func line(v []json.RawMessage, stream map[string]string) (lines.Line, error) {
	var at, text string
	if len(v) < 2 || json.Unmarshal(v[0], &at) != nil || json.Unmarshal(v[1], &text) != nil {
		return lines.Line{}, fmt.Errorf("a log line is not a pair of time and text")
	}
	ns, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return lines.Line{}, fmt.Errorf("time of a log line: %w", err)
	}
	return lines.Line{At: time.Unix(0, ns).UTC(), Text: text, Labels: stream}, nil
}

// filter adds a line filter; an empty pattern adds none.
func filter(query, pattern string) string {
	if pattern == "" {
		return query
	}
	if strings.Contains(pattern, "`") {
		return query + " |~ " + strconv.Quote(pattern)
	}
	return query + " |~ `" + pattern + "`"
}

func nanos(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }
