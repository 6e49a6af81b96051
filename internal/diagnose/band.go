package diagnose

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/detect"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// outOfBand is the deviation, in robust spreads, from which a signal counts as
// abnormal. With the floors of floorOf it means, for example, latency 60 %
// above its median or an error share 1.2 points above it, however calm the
// references were.
const outOfBand = 4.0

// recent is how many of the last samples make up the value now: one odd sample
// is not an outage.
const recent = 3

// band is one golden signal of one service, judged against its references.
type band struct {
	item       evidence.Item
	metric     evidence.Metric
	value      float64 // median of the last samples
	usual      float64
	score      float64 // robust deviations
	onset      time.Time
	abnormal   bool
	step       time.Duration   // between samples
	comparable bool            // there was something to compare with
	reference  detect.Baseline // the usual band outside the window; without samples when nothing was kept
	least      detect.Floor    // the least spread of this series, beside that of its kind
	masked     bool            // in band only by what may be part of the trouble
}

// judge compares a metric with its references. Where there are none, the part
// of the window before a change of level serves, and failing that the
// deviation that the collector computed.
func judge(it evidence.Item, m evidence.Metric) band { return judgeAbove(it, m, detect.Floor{}) }

// judgeAbove is the same for a series that has at least a given spread.
func judgeAbove(it evidence.Item, m evidence.Metric, least detect.Floor) band {
	b := band{item: it, metric: m, value: latest(m), usual: m.Usual, step: step(m.Now.Points), least: least}
	dir, floor := directionOf(m.Signal), floorOf(m, it.Unit)
	floor.Abs = max(floor.Abs, least.Abs)
	base := detect.NewBaseline(detect.Values(m.Before.Points), detect.Values(m.Day.Points), detect.Values(m.Week.Points))
	b.reference = base
	if base.N == 0 {
		base = baselineWithin(m.Now.Points)
	}
	strict := base
	if b.value > base.Median {
		// What mostly stands still and now and then jumps has no spread around its
		// median; there its tail tells how far up is usual.
		base.Spread = max(base.Spread, base.Tail)
	}
	switch {
	case base.N > 0:
		b.usual, b.comparable = base.Median, true
		b.score = base.Deviation(b.value, floor)
	case isFinite(m.Deviation) && m.Deviation != 0 && b.value != m.Usual:
		b.comparable = true
		b.score = min(max(m.Deviation, -detect.MaxDeviation), detect.MaxDeviation)
	}
	b.abnormal = beyond(b.score, dir)
	strict.Spread = max(strict.Spread, usualTail(m, strict.Median, b.value))
	b.masked = !b.abnormal && beyond(strict.Deviation(b.value, floor), dir)
	if b.abnormal {
		b.onset = onsetOf(m, base, floor, dir)
	}
	return b
}

// usualTail is how far up a series goes at usual times alone. Trouble that began
// unnoticed reaches into the window before and widens its tail: other days tell
// where there are any, else that window without the stretch at its end that is as
// high as now.
func usualTail(m evidence.Metric, usual, now float64) float64 {
	other := detect.Values(slices.Concat(m.Day.Points, m.Week.Points))
	if len(other) == 0 {
		other = detect.Values(m.Before.Points)
		for len(other) > 0 && other[len(other)-1] > (usual+now)/2 {
			other = other[:len(other)-1]
		}
	}
	return detect.NewBaseline(other).Tail
}

// baselineWithin takes what lies before the change of level as usual.
func baselineWithin(points []evidence.Point) detect.Baseline {
	shift, ok := detect.ChangePoint(points)
	if !ok {
		return detect.Baseline{}
	}
	before := slices.DeleteFunc(slices.Clone(points), func(p evidence.Point) bool { return !p.At.Before(shift.At) })
	return detect.NewBaseline(detect.Values(before))
}

// onsetOf is when the trouble began that ends the window.
func onsetOf(m evidence.Metric, base detect.Baseline, f detect.Floor, dir detect.Direction) time.Time {
	if left, ok := detect.Onset(m.Now.Points, base, f, outOfBand, dir); ok {
		usual := func(v float64) bool { return !beyond(base.Deviation(v, f), dir) }
		return detect.Began(m, base, usual, left, dir)
	}
	if s, ok := detect.ChangePoint(m.Now.Points); ok {
		return s.At
	}
	return time.Time{}
}

func beyond(score float64, dir detect.Direction) bool {
	if dir == detect.Up {
		return score >= outOfBand
	}
	return math.Abs(score) >= outOfBand
}

// directionOf says which side of the band is trouble: only traffic can be
// too low.
func directionOf(g evidence.Golden) detect.Direction {
	if g == evidence.Traffic {
		return detect.Either
	}
	return detect.Up
}

// floorOf is the least spread of each signal: what nobody would call unusual.
func floorOf(m evidence.Metric, unit string) detect.Floor {
	switch m.Signal {
	case evidence.LatencyMean, evidence.LatencyP50, evidence.LatencyP95, evidence.LatencyP99:
		if strings.HasPrefix(unit, "ms") || strings.HasPrefix(unit, "milli") {
			return detect.Floor{Abs: 10, Rel: 0.15}
		}
		return detect.Floor{Abs: 0.01, Rel: 0.15}
	case evidence.Errors:
		return detect.Floor{Abs: 0.003}
	case evidence.Traffic:
		return detect.Floor{Abs: 0.05, Rel: 0.2}
	case evidence.Saturation:
	}
	switch {
	case m.Limit > 0:
		return detect.Floor{Abs: 0.05 * m.Limit, Rel: 0.05}
	case kindOf(m.Resource).backlog:
		return detect.Floor{Abs: 2.5, Rel: 0.25} // ten items more than usual
	}
	return detect.Floor{Abs: 0.01, Rel: 0.15}
}

// latest is the median of the last samples, or the collector's value when the
// series is empty.
func latest(m evidence.Metric) float64 {
	v := detect.Values(m.Now.Points)
	if len(v) == 0 {
		if isFinite(m.Value) {
			return m.Value
		}
		return 0
	}
	return detect.Median(v[max(0, len(v)-recent):])
}

// step is the usual distance between samples.
func step(points []evidence.Point) time.Duration {
	gaps := make([]float64, 0, len(points))
	for i := 1; i < len(points); i++ {
		gaps = append(gaps, points[i].At.Sub(points[i-1].At).Seconds())
	}
	return time.Duration(detect.Median(gaps) * float64(time.Second))
}

func isFinite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
