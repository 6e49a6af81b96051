package prometheus

import (
	"context"
	"errors"
	"time"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/source/internal/fetch"
)

// Traffic is a service's requests per second over [from, to], one point a step, and
// the query that was asked: the golden signal of Collect. Several series are added
// up. ok is false when this source does not serve the service, or the catalog gives
// nothing to ask by; no data is no points.
func (s *Source) Traffic(ctx context.Context, svc catalog.Service, environment string, from, to time.Time, step time.Duration) (points []evidence.Point, query string, ok bool, err error) {
	q, _ := written(svc.Metrics.Traffic, conventionTraffic, svc.Metrics.Selector)
	if q == "" || !fetch.Serves(s.o.Name, s.o.Environment, s.o.Default, svc.Metrics.Source, environment) {
		return nil, "", false, nil
	}
	query = s.Expand(q, "")
	series, err := s.Range(ctx, query, from, to, step)
	if errors.Is(err, evidence.ErrNoData) {
		return nil, query, true, nil
	}
	if err != nil {
		return nil, query, true, err
	}
	at := map[time.Time]int{}
	for _, one := range series {
		for _, p := range one.Points {
			i, known := at[p.At]
			if !known {
				i = len(points)
				at[p.At] = i
				points = append(points, evidence.Point{At: p.At})
			}
			points[i].Value += p.Value
		}
	}
	return points, query, true, nil
}
