package prometheus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/common/model"

	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/evidence/spans"
)

// graphs are metrics that count calls between services, with the labels of the
// two sides: the service graphs that Tempo and the OpenTelemetry collector make of
// traces, and what Istio's proxies count.
func graphs() []struct{ query, from, to string } {
	return []struct{ query, from, to string }{
		{`sum by (client, server) (increase(traces_service_graph_request_total[%s]))`, "client", "server"},
		{`sum by (source_canonical_service, destination_canonical_service) (increase(istio_requests_total{reporter="destination"}[%s]))`, "source_canonical_service", "destination_canonical_service"},
	}
}

// Calls returns who called whom in the window that ends at a time, where a metric
// counts that; none where there is no such metric.
func (s *Source) Calls(ctx context.Context, at time.Time, window time.Duration) ([]spans.Edge, error) {
	var out []spans.Edge
	for _, g := range graphs() {
		samples, err := s.Instant(ctx, fmt.Sprintf(g.query, model.Duration(window)), at)
		if errors.Is(err, evidence.ErrNoData) {
			continue
		}
		if err != nil {
			return out, err
		}
		for _, v := range samples {
			from, to := v.Labels[g.from], v.Labels[g.to]
			if v.Value >= 0.5 && from != "" && to != "" && from != to && from != "unknown" && to != "unknown" {
				out = append(out, spans.Edge{From: from, To: to, Count: int(v.Value + 0.5)})
			}
		}
	}
	return out, nil
}
