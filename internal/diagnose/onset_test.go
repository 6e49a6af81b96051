package diagnose

import (
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/detect"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// at half a minute a sample, values that wobble by some per cent.
func halfMinutes(from time.Time, n int, level func(i int) float64) evidence.Series {
	s := evidence.Series{}
	for i := range n {
		wobble := 1 + 0.02*float64((i*7)%5-2)
		s.Points = append(s.Points, evidence.Point{At: from.Add(time.Duration(i) * 30 * time.Second), Value: level(i) * wobble})
	}
	return s
}

// TestOnset: trouble began when the series left its band, unless other times are
// usual than those it is compared with; then the detector knows.
func TestOnset(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC)
	flat := func(v float64) func(int) float64 { return func(int) float64 { return v } }
	steps := func(at map[int]float64) func(int) float64 {
		return func(i int) float64 {
			level, best := 0.0, -1
			for from, v := range at {
				if i >= from && from > best {
					level, best = v, from
				}
			}
			return level
		}
	}
	for name, tt := range map[string]struct {
		metric evidence.Metric
		want   time.Duration
	}{
		"it gets worse in two steps": {
			evidence.Metric{
				Signal: evidence.LatencyP99, Before: halfMinutes(start.Add(-time.Hour), 120, flat(0.1)),
				Now: halfMinutes(start, 60, steps(map[int]float64{0: 0.1, 10: 0.3, 40: 0.8})),
			}, 5 * time.Minute,
		},
		"yesterday was at a third": {
			evidence.Metric{
				Signal: evidence.LatencyP99, Day: halfMinutes(start.Add(-24*time.Hour), 120, flat(0.1)),
				Now: halfMinutes(start, 60, steps(map[int]float64{0: 0.3, 40: 3})),
			}, 20 * time.Minute,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := judge(evidence.Item{Unit: "s"}, tt.metric)
			if late := b.onset.Sub(start.Add(tt.want)); !b.abnormal || late < 0 || late > time.Minute {
				t.Errorf("onset %v (abnormal %v), want %v", b.onset.Sub(start), b.abnormal, tt.want)
			}
		})
	}
	if b := judge(evidence.Item{}, evidence.Metric{}); !b.onset.IsZero() || b.reference != (detect.Baseline{}) {
		t.Errorf("an empty series has the onset %v", b.onset)
	}
}
