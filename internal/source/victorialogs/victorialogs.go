// Package victorialogs reads log lines from VictoriaLogs by LogsQL. Read-only
// and safe for concurrent use.
package victorialogs

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/evidence/lines"
	"github.com/holdfast-sre/holdfast/internal/redact"
	"github.com/holdfast-sre/holdfast/internal/source/internal/fetch"
	"github.com/holdfast-sre/holdfast/internal/source/internal/logs"
)

// searched are the fields in which a pattern is looked for: VictoriaLogs takes
// a JSON line apart when it stores it, and has no search over all fields.
var searched = []string{"_msg", "msg", "message", "error", "err", "exception"}

// Options of a source.
type Options struct {
	Name        string // configured name
	Environment string // empty = serves every environment
	Default     bool   // serves catalog entries that name no source
	URL         string
	PublicURL   string           // for links; empty = URL
	Token       string           // bearer token; empty = none
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
		Kind: "victorialogs", Name: o.Name, URL: o.URL, PublicURL: o.PublicURL, Token: o.Token, Timeout: o.Timeout, HTTP: o.HTTP,
	})
	if err != nil {
		return nil, err
	}
	return &Source{o: o, server: server}, nil
}

// Name is the configured name.
func (s *Source) Name() string { return s.o.Name }

// Ready reports whether the server answers.
func (s *Source) Ready(ctx context.Context) error {
	_, err := s.server.Get(ctx, "/health", nil)
	return s.server.Failed(err)
}

// Collect gathers new and risen log templates of the request's services.
func (s *Source) Collect(ctx context.Context, req evidence.Request) ([]evidence.Item, error) {
	return logs.Collect(ctx, s, logs.Options{
		Collector: "victorialogs", Name: s.o.Name, Environment: s.o.Environment,
		Default: s.o.Default, Limit: s.o.Limit, Redact: s.o.Redact,
	}, req)
}

// Count counts the entries of selector in (from, to] whose message or error
// matches the regular expression (RE2; empty = every entry).
func (s *Source) Count(ctx context.Context, selector, pattern string, from, to time.Time) (int, error) {
	return s.CountQuery(ctx, filter(selector, pattern), from, to)
}

// CountQuery returns how many lines of a query match in (from, to].
func (s *Source) CountQuery(ctx context.Context, query string, from, to time.Time) (int, error) {
	query += " | stats count() as n"
	body, err := s.query(ctx, query, from, to, 0)
	if err != nil {
		return 0, fmt.Errorf("count %s: %w", query, err)
	}
	var row struct {
		N string `json:"n"`
	}
	if err := json.Unmarshal(bytes.TrimSpace(body), &row); err != nil {
		return 0, fmt.Errorf("count %s: the answer holds no number: %w", query, err)
	}
	n, err := strconv.Atoi(row.N)
	if err != nil {
		return 0, fmt.Errorf("count %s: %w", query, err)
	}
	return n, nil
}

// Query is selector with the pattern as filters, as Count sends it.
func (s *Source) Query(selector, pattern string) string { return filter(selector, pattern) }

// Lines returns the newest entries of query in (from, to], at most limit, and
// whether there were more.
func (s *Source) Lines(ctx context.Context, query string, from, to time.Time, limit int) ([]lines.Line, bool, error) {
	body, err := s.query(ctx, query, from, to, limit)
	if err != nil {
		return nil, false, err
	}
	var out []lines.Line
	for row := range bytes.Lines(body) {
		if row = bytes.TrimSpace(row); len(row) == 0 {
			continue
		}
		l, err := line(row)
		if err != nil {
			return nil, false, fmt.Errorf("query %s: %w", query, err)
		}
		out = append(out, l)
	}
	return out, len(out) >= limit, nil
}

func (s *Source) query(ctx context.Context, query string, from, to time.Time, limit int) ([]byte, error) {
	values := url.Values{
		"query": {query},
		"start": {from.UTC().Format(time.RFC3339Nano)}, "end": {to.UTC().Format(time.RFC3339Nano)},
	}
	if limit > 0 {
		values.Set("limit", strconv.Itoa(limit))
	}
	return s.server.Get(ctx, "/select/logsql/query", values)
}

// Failures narrows a query to entries that look like failures.
func (s *Source) Failures(query string) string {
	return "(" + query + `) (level:~"(?i)error|fatal|panic|warn" or _msg:~"(?i)error|fatal|panic|exception|fail|refused|timeout|warn")`
}

// Link is the query in the store's own page.
func (s *Source) Link(query string, from, to time.Time) string {
	u := s.server.Page("/select/vmui/")
	u.Fragment = "/?" + url.Values{
		"query":          {query},
		"g0.range_input": {to.Sub(from).Round(time.Second).String()},
		"g0.end_input":   {to.UTC().Format("2006-01-02T15:04:05")},
	}.Encode()
	return u.String()
}

// line brings an entry back to the line that was logged: the message alone, or
// a JSON object of its fields where it had any besides those of its stream.
func line(row []byte) (lines.Line, error) {
	var fields map[string]string
	if err := json.Unmarshal(row, &fields); err != nil {
		return lines.Line{}, fmt.Errorf("a log entry is not an object of strings: %w", err)
	}
	at, err := time.Parse(time.RFC3339Nano, fields["_time"])
	if err != nil {
		return lines.Line{}, fmt.Errorf("time of a log entry: %w", err)
	}
	stream := fields["_stream"]
	l := lines.Line{At: at.UTC(), Text: fields["_msg"], Labels: map[string]string{}, Stream: cmp.Or(fields["_stream_id"], stream)}
	rest := map[string]any{}
	for k, v := range fields {
		switch {
		case strings.HasPrefix(k, "_"):
		case strings.Contains(stream, k+`="`):
			l.Labels[k] = v
		default:
			rest[k] = value(v)
		}
	}
	if len(rest) == 0 {
		return l, nil
	}
	if _, ok := rest["msg"]; !ok && l.Text != "" {
		rest["msg"] = l.Text
	}
	text, err := json.Marshal(rest)
	if err != nil {
		return lines.Line{}, fmt.Errorf("a log entry: %w", err)
	}
	l.Text = string(text)
	return l, nil
}

// value gives lists and objects, which are stored as JSON text, their form back.
func value(v string) any {
	if strings.HasPrefix(v, "[") || strings.HasPrefix(v, "{") {
		if json.Valid([]byte(v)) {
			return json.RawMessage(v)
		}
	}
	return v
}

// filter adds the pattern as a filter on each field that may hold it.
func filter(selector, pattern string) string {
	if pattern == "" {
		return selector
	}
	var or []string
	for _, f := range searched {
		or = append(or, f+":~"+strconv.Quote(pattern))
	}
	return selector + " (" + strings.Join(or, " or ") + ")"
}
