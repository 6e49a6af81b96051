package detect

import (
	"time"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// maxSlopePoints bounds the work of Slope: longer series are thinned evenly.
const maxSlopePoints = 256

// Slope returns the change per second by the estimator of Theil and Sen (1968):
// the median of the slopes between all pairs of samples. Up to 29 % of the
// samples may be wild without moving it. It is 0 with fewer than two moments.
func Slope(points []evidence.Point) float64 {
	pts := thin(finitePoints(points), maxSlopePoints)
	slopes := make([]float64, 0, len(pts)*(len(pts)-1)/2)
	for i := range pts {
		for j := i + 1; j < len(pts); j++ {
			if dt := pts[j].At.Sub(pts[i].At).Seconds(); dt > 0 {
				slopes = append(slopes, (pts[j].Value-pts[i].Value)/dt)
			}
		}
	}
	return Median(slopes)
}

// Trend is a steady climb.
type Trend struct {
	PerSecond float64       // slope
	Growth    float64       // rise over the series, as share of its starting level; bounded by MaxDeviation
	Steady    float64       // share of steps that do not fall, 0…1
	Until     time.Duration // time until limit at this slope; 0 = no limit or already there
}

// steadyShare is the share of non-falling steps above which a climb is a leak
// and not noise.
const steadyShare = 0.8

// Leak reports whether the series climbs steadily without a jump: at least
// eight samples, four steps in five that do not fall, a rise of a tenth or
// more, and no single step that makes up half of it. limit is the level at
// which the resource ends; 0 = unknown.
func Leak(points []evidence.Point, limit float64) (Trend, bool) {
	pts := finitePoints(points)
	if len(pts) < 8 {
		return Trend{}, false
	}
	rise, jump, notFalling := 0.0, 0.0, 0
	for i := 1; i < len(pts); i++ {
		step := pts[i].Value - pts[i-1].Value
		rise += step
		jump = max(jump, step)
		if step >= 0 {
			notFalling++
		}
	}
	last := pts[len(pts)-1]
	t := Trend{
		Growth: growth(pts[0].Value, last.Value),
		Steady: float64(notFalling) / float64(len(pts)-1),
	}
	if t.Steady < steadyShare || !(t.Growth >= 0.1) || !(jump < rise/2) {
		return t, false
	}
	t.PerSecond = Slope(pts) // last: it is dear, and hardly any series comes this far
	if t.PerSecond <= 0 {
		return t, false
	}
	if limit > last.Value {
		// Bounded, so that a slope near zero does not overflow a duration.
		seconds := min((limit-last.Value)/t.PerSecond, (365 * 24 * time.Hour).Seconds())
		t.Until = time.Duration(seconds * float64(time.Second))
	}
	return t, true
}

func growth(from, to float64) float64 {
	if from == 0 {
		if to > 0 {
			return MaxDeviation
		}
		return 0
	}
	g := (to - from) / from
	if from < 0 {
		g = -g
	}
	return min(max(g, -MaxDeviation), MaxDeviation)
}

// thin keeps at most n points, evenly spread, first and last among them.
func thin(pts []evidence.Point, n int) []evidence.Point {
	if len(pts) <= n {
		return pts
	}
	out := make([]evidence.Point, 0, n)
	for i := range n {
		out = append(out, pts[i*(len(pts)-1)/(n-1)])
	}
	return out
}
