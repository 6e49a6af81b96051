package prometheus

import (
	"fmt"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/detect"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// question is one golden signal of one service, as a query.
type question struct {
	service    string
	userFacing bool
	signal     evidence.Golden
	resource   string
	unit       string
	query      string
	limit      string // PromQL or a number; empty = none
	consumer   string // label; empty = one series
	trusted    bool   // nobody outside can choose the consumer label
	declared   bool   // written in the catalog, not a convention
	floor      detect.Floor
}

// The conventions that are tried where the catalog gives a selector and no
// query: names that client libraries and exporters use by default.
const (
	conventionLatency = `histogram_quantile($quantile, sum by (le) (rate(http_request_duration_seconds_bucket{%s}[$window])))`
	conventionMean    = `sum(rate(http_request_duration_seconds_sum{%[1]s}[$window])) / sum(rate(http_request_duration_seconds_count{%[1]s}[$window]))`
	conventionTraffic = `sum(rate(http_requests_total{%s}[$window]))`
	conventionErrors  = `(sum(rate(http_requests_total{%[1]s,code=~"5.."}[$window])) or ` +
		`sum(rate(http_requests_total{%[1]s,status=~"5.."}[$window])) or ` +
		`0 * sum(rate(http_requests_total{%[1]s}[$window]))) / sum(rate(http_requests_total{%[1]s}[$window]))`
)

var conventionSaturation = []catalog.Saturation{
	{Resource: "cpu", Query: `sum(rate(process_cpu_seconds_total{%s}[$window]))`},
	{Resource: "memory", Query: `max(process_resident_memory_bytes{%s})`},
	{Resource: "file_handles", Query: `max(process_open_fds{%s})`, Limit: `min(process_max_fds{%s})`},
	{Resource: "goroutines", Query: `max(go_goroutines{%s})`},
}

// questions lists what is asked about a service, in a fixed order.
func (s *Source) questions(svc catalog.Service) []question {
	m := svc.Metrics
	var out []question
	add := func(q question) {
		q.service, q.userFacing = svc.Name, svc.UserFacing
		out = append(out, q)
	}
	if q, declared := written(m.Latency, conventionLatency, m.Selector); q != "" {
		for _, l := range []struct {
			signal   evidence.Golden
			quantile string
		}{{evidence.LatencyP50, "0.5"}, {evidence.LatencyP95, "0.95"}, {evidence.LatencyP99, "0.99"}} {
			add(question{
				signal: l.signal, unit: "s", query: s.Expand(q, l.quantile), declared: declared,
				floor: detect.Floor{Abs: 0.005, Rel: 0.1},
			})
		}
	}
	if m.Latency == "" && m.Selector != "" {
		// Means add up along calls, quantiles do not.
		add(question{
			signal: evidence.LatencyMean, unit: "s", query: s.Expand(fmt.Sprintf(conventionMean, m.Selector), ""),
			floor: detect.Floor{Abs: 0.005, Rel: 0.1},
		})
	}
	if q, declared := written(m.Traffic, conventionTraffic, m.Selector); q != "" {
		add(question{
			signal: evidence.Traffic, unit: "req/s", query: s.Expand(q, ""), declared: declared,
			floor: detect.Floor{Abs: 0.1, Rel: 0.1},
		})
	}
	if q, declared := written(m.Errors, conventionErrors, m.Selector); q != "" {
		add(question{
			signal: evidence.Errors, unit: "ratio", query: s.Expand(q, ""), declared: declared,
			floor: detect.Floor{Abs: 0.005},
		})
	}
	for _, q := range s.saturation(m) {
		add(q)
	}
	return out
}

func (s *Source) saturation(m catalog.Metrics) []question {
	sats, declared := m.Saturation, true
	if len(sats) == 0 && m.Selector != "" {
		declared = false
		for _, c := range conventionSaturation {
			c.Query = fmt.Sprintf(c.Query, m.Selector)
			if c.Limit != "" {
				c.Limit = fmt.Sprintf(c.Limit, m.Selector)
			}
			sats = append(sats, c)
		}
	}
	var out []question
	for _, sat := range sats {
		q := question{
			signal: evidence.Saturation, resource: sat.Resource, unit: unitOf(sat.Resource),
			query: s.Expand(sat.Query, ""), limit: s.Expand(sat.Limit, ""), declared: declared,
			floor: detect.Floor{Abs: 1e-9, Rel: 0.1},
		}
		if sat.Consumer == "" {
			out = append(out, q)
			continue
		}
		// The whole first: it is what runs out. Then who uses it.
		whole := q
		whole.query = "sum(" + q.query + ")"
		q.query = fmt.Sprintf("sum by (%s) (%s)", sat.Consumer, q.query)
		q.consumer, q.trusted = sat.Consumer, sat.Trusted
		out = append(out, whole, q)
	}
	return out
}

// written returns the catalog's query, else the convention for its selector.
func written(query, convention, selector string) (q string, declared bool) {
	if query != "" {
		return query, true
	}
	if selector == "" {
		return "", false
	}
	return fmt.Sprintf(convention, selector), false
}

// unitOf is what a resource is counted in; empty when the name does not say.
func unitOf(resource string) string {
	switch resource {
	case "cpu":
		return "cores"
	case "memory", "disk":
		return "bytes"
	case "connection_pool":
		return "connections"
	case "queue":
		return "messages"
	case "file_handles":
		return "handles"
	case "threads":
		return "threads"
	case "goroutines":
		return "goroutines"
	}
	return ""
}
