package faultfree

import (
	"fmt"
	"time"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// metric adds a series with its references.
func (w *world) metric(service string, m evidence.Metric, unit string, make func(from time.Time) evidence.Series) {
	m.Now = make(w.ago(window))
	m.Before = make(w.ago(2*window + 10*time.Minute))
	if w.chance(0.8) {
		m.Day = make(w.ago(24*time.Hour + window))
		m.Week = make(w.ago(7*24*time.Hour + window))
	}
	if n := len(m.Now.Points); n > 0 {
		m.Value = m.Now.Points[n-1].Value
	}
	w.add(evidence.Item{
		Kind: evidence.KindMetric, Collector: "prometheus", Source: "metrics", Service: service, Unit: unit,
		Query: fmt.Sprintf("%s{service=%q,resource=%q}", m.Signal, service, m.Resource),
	}, m)
}

// curved adds a series that follows a curve.
func (w *world) curved(service string, m evidence.Metric, unit string, c curve) {
	m.Usual = c.level
	if w.chance(0.05) {
		c.gapFrom = w.ago(time.Duration(w.between(4, 14) * float64(time.Minute)))
		c.gapTo = c.gapFrom.Add(time.Duration(w.between(2, 6) * float64(time.Minute)))
	}
	if at := w.deploys[service]; !at.IsZero() && c.fresh > 0 {
		c.restart = at
	}
	w.metric(service, m, unit, func(from time.Time) evidence.Series { return w.series(from, c) })
}

func (w *world) metrics() {
	for i, s := range w.services {
		if i > 0 && w.chance(0.2) {
			w.quiet(s)
		} else {
			w.golden(s)
		}
		w.saturation(s)
	}
}

// golden adds the signals of a service that people use: a constant low share of
// requests fails and is tried again.
func (w *world) golden(s string) {
	swing, days := w.between(0.1, 0.6), w.between(0, 0.1)
	w.curved(s, evidence.Metric{Signal: evidence.LatencyP99}, "s", curve{
		level: w.between(0.02, 0.8), swing: swing / 5, noise: w.between(0.03, 0.15), spikes: 0.01, days: days / 2, fresh: w.between(1, 2.5), warm: 90 * time.Second,
	})
	share := w.between(0, 0.003)
	if w.chance(0.15) {
		share = w.between(0.005, 0.03)
	}
	w.curved(s, evidence.Metric{Signal: evidence.Errors}, "ratio", curve{level: share, noise: w.between(0.1, 0.4), days: days})
	traffic := curve{level: w.between(2, 400), swing: swing, noise: w.between(0.02, 0.1), spikes: 0.005, days: days}
	if w.chance(0.15) {
		traffic.batch = w.batches()
	}
	w.curved(s, evidence.Metric{Signal: evidence.Traffic}, "per second", traffic)
}

func (w *world) batches() batch {
	return batch{
		every: time.Duration(w.between(8, 40) * float64(time.Minute)), lasts: time.Duration(w.between(1, 4) * float64(time.Minute)), factor: w.between(1.3, 3),
	}
}

// saturation adds what a process uses. After a restart its memory fills again and
// its CPU is busy for a while.
func (w *world) saturation(s string) {
	if w.chance(0.7) {
		w.curved(s, evidence.Metric{Signal: evidence.Saturation, Resource: "memory", Limit: 1 << 30}, "bytes", curve{
			level: w.between(0.2, 0.8) * (1 << 30), swing: 0.02, noise: 0.02, fresh: w.between(0.4, 0.9), warm: 20 * time.Minute,
		})
	}
	if w.chance(0.5) {
		c := curve{level: w.between(0.2, 2.2), swing: w.between(0.05, 0.25), noise: 0.1, spikes: 0.02, fresh: w.between(1, 1.8), warm: 2 * time.Minute}
		if w.chance(0.25) {
			c.level, c.batch = w.between(0.2, 1.2), w.batches()
		}
		w.curved(s, evidence.Metric{Signal: evidence.Saturation, Resource: "cpu", Limit: 4}, "cores", c)
	}
	if w.chance(0.4) {
		w.curved(s, evidence.Metric{Signal: evidence.Saturation, Resource: "disk", Limit: 100}, "percent", curve{level: w.between(20, 80), noise: 0.001})
	}
	if w.chance(0.3) {
		w.curved(s, evidence.Metric{Signal: evidence.Saturation, Resource: "connection_pool", Limit: 50}, "connections", curve{level: w.between(5, 30), swing: 0.2, noise: 0.15})
	}
}
