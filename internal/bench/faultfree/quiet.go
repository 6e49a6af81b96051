package faultfree

import (
	"math"
	"time"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// rated is the time over which rates are computed.
const rated = 5 * time.Minute

// hardly is a service that hardly anybody calls: a few requests make up each
// sample, one that fails is a large share, one that is slow is the percentile.
type hardly struct {
	rate, share, typical float64
}

// quiet adds the signals of such a service, which come from the same requests.
func (w *world) quiet(s string) {
	h := hardly{rate: w.between(0.005, 0.15), share: w.between(0, 0.03), typical: w.between(0.02, 0.4)}
	type signals struct{ traffic, errors, latency evidence.Series }
	seen := map[time.Time]signals{}
	at := func(from time.Time) signals {
		x, ok := seen[from]
		if !ok {
			x.traffic, x.errors, x.latency = w.few(from, h)
			seen[from] = x
		}
		return x
	}
	w.metric(s, evidence.Metric{Signal: evidence.Traffic}, "per second", func(from time.Time) evidence.Series { return at(from).traffic })
	w.metric(s, evidence.Metric{Signal: evidence.Errors}, "ratio", func(from time.Time) evidence.Series { return at(from).errors })
	w.metric(s, evidence.Metric{Signal: evidence.LatencyP99}, "s", func(from time.Time) evidence.Series { return at(from).latency })
}

// few draws requests and computes their rates. Samples without a request have no
// latency and no share.
func (w *world) few(from time.Time, h hardly) (traffic, errors, latency evidence.Series) {
	type request struct {
		at     time.Time
		took   float64
		failed bool
	}
	var all []request
	for at := from.Add(-rated); ; {
		at = at.Add(time.Duration(w.r.ExpFloat64() / h.rate * float64(time.Second)))
		if at.After(from.Add(window)) {
			break
		}
		all = append(all, request{at, h.typical * math.Exp(0.5*w.r.NormFloat64()), w.chance(h.share)})
	}
	for at := from; !at.After(from.Add(window)); at = at.Add(w.step) {
		n, failed, slowest := 0, 0, 0.0
		for _, q := range all {
			if q.at.After(at) || at.Sub(q.at) >= rated {
				continue
			}
			n++
			slowest = max(slowest, q.took)
			if q.failed {
				failed++
			}
		}
		traffic.Points = append(traffic.Points, evidence.Point{At: at, Value: float64(n) / rated.Seconds()})
		if n > 0 {
			errors.Points = append(errors.Points, evidence.Point{At: at, Value: float64(failed) / float64(n)})
			latency.Points = append(latency.Points, evidence.Point{At: at, Value: slowest})
		}
	}
	return traffic, errors, latency
}
