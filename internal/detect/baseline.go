// Package detect finds what is unusual in a series: how far a value lies from
// its usual band, when a series changed level, when it left its band, whether
// it leaks, whether it stands still or stops. Series in, findings out; pure, no
// clock. The functions are safe for concurrent use; a Stream, which judges a
// series point by point, has one user at a time. It names no cause.
package detect

import (
	"math"
	"slices"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// madScale makes the median absolute deviation of a normal sample estimate its
// standard deviation: 1/Φ⁻¹(3/4) (Rousseeuw & Croux, 1993).
const madScale = 1.4826

// tailScale is the 90th percentile of the standard normal distribution.
const tailScale = 1.2816

// MaxDeviation bounds every deviation, so that scores stay comparable and
// finite when a series that never moved moves.
const MaxDeviation = 100.0

// Floor is the least spread that a baseline is given. A counter that was always
// zero has no spread, yet one error in a thousand requests is not infinitely
// unusual. The larger of Abs (in the unit of the series) and Rel (share of the
// median) counts.
type Floor struct {
	Abs float64
	Rel float64
}

// Baseline is the usual band of a series.
type Baseline struct {
	Median float64
	Spread float64 // scaled median absolute deviation, in the unit of the series
	Tail   float64 // how far the upper tail reaches, as a standard deviation: (90th percentile - median) / 1.2816
	N      int     // samples behind it
}

// NewBaseline summarises reference samples; samples that are not finite are
// left out.
func NewBaseline(refs ...[]float64) Baseline {
	var all []float64
	for _, r := range refs {
		all = append(all, finite(r)...)
	}
	m := Median(all)
	return Baseline{Median: m, Spread: spreadAround(all, m), Tail: min(max(Quantile(all, 0.9)-m, 0)/tailScale, math.MaxFloat64), N: len(all)}
}

// Deviation returns how many spreads x lies above (positive) or below the
// median, bounded by ±MaxDeviation. With no samples behind the baseline, or an
// x that is not finite, it is 0: nothing can be said.
func (b Baseline) Deviation(x float64, f Floor) float64 {
	if b.N == 0 || math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	d := x - b.Median
	if d == 0 {
		return 0
	}
	s := b.width(f)
	if s == 0 {
		return math.Copysign(MaxDeviation, d)
	}
	return min(max(d/s, -MaxDeviation), MaxDeviation)
}

// width is the spread that deviations are measured in.
func (b Baseline) width(f Floor) float64 {
	return max(b.Spread, f.Abs, f.Rel*math.Abs(b.Median))
}

// Median returns the middle of the finite values, the mean of the two middle
// ones when their number is even, and 0 when there is none.
func Median(xs []float64) float64 {
	s := finite(xs)
	if len(s) == 0 {
		return 0
	}
	slices.Sort(s)
	mid := len(s) / 2
	if len(s)%2 == 1 {
		return s[mid]
	}
	return s[mid-1]/2 + s[mid]/2
}

// spreadAround is the scaled median absolute deviation from centre.
func spreadAround(xs []float64, centre float64) float64 {
	dev := make([]float64, len(xs))
	for i, x := range xs {
		dev[i] = math.Abs(x - centre)
	}
	return min(madScale*Median(dev), math.MaxFloat64)
}

// Values returns the finite values of points, in order.
func Values(points []evidence.Point) []float64 {
	out := make([]float64, 0, len(points))
	for _, p := range points {
		if isFinite(p.Value) {
			out = append(out, p.Value)
		}
	}
	return out
}

// finite returns a copy without NaN and infinities.
func finite(xs []float64) []float64 {
	out := make([]float64, 0, len(xs))
	for _, x := range xs {
		if isFinite(x) {
			out = append(out, x)
		}
	}
	return out
}

func isFinite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
