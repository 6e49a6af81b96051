package comparator

import (
	"math"
	"slices"

	"github.com/holdfast-sre/holdfast/internal/bench"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// The names of the simple detectors.
const (
	rollingZ     = "rolling z"
	rollingMAD   = "rolling MAD"
	seasonalRare = "seasonal median, likelihood"
	seasonalMAD  = "seasonal median, MAD"
)

// Detectors returns what Holdfast's detector is compared with on a set: the
// variants that figures are known for. They are measured at the threshold that
// suits them best here, which flatters them.
func Detectors(set string) []bench.Detector {
	of := func(name string, score func(x []float64, at []float64) []float64) bench.Detector {
		return bench.Detector{Name: name, Score: func(points []evidence.Point) ([]float64, int) {
			return score(filled(points)), 0
		}}
	}
	switch set {
	case "nab":
		return []bench.Detector{
			of(rollingZ, zScores),
			of(seasonalRare, func(x, at []float64) []float64 { return refractory(seasonalLikelihood(x, at)) }),
		}
	case "cloudmon":
		return []bench.Detector{of(rollingZ, zScores), of(rollingMAD, madScores), of(seasonalMAD, seasonalMADScores)}
	}
	return nil
}

// filled returns the values, with those that are missing interpolated, and the
// times in seconds.
func filled(points []evidence.Point) (x, at []float64) {
	last := -1
	for i, p := range points {
		x = append(x, p.Value)
		at = append(at, float64(p.At.Unix()))
		if math.IsNaN(p.Value) {
			continue
		}
		for k := last + 1; k < i; k++ {
			x[k] = p.Value
			if last >= 0 {
				x[k] = x[last] + (p.Value-x[last])*float64(k-last)/float64(i-last)
			}
		}
		last = i
	}
	for k := last + 1; k < len(x); k++ {
		x[k] = 0
		if last >= 0 {
			x[k] = x[last]
		}
	}
	return x, at
}

const (
	past      = 288 // points that a rolling method looks back: a day at five minutes
	fewestZ   = 20
	softScore = 6 // deviations with a score of one half
)

// zScores are the deviations from the mean of the points before, in standard
// deviations, as the share of a normal sample that lies nearer.
func zScores(x, _ []float64) []float64 {
	out := make([]float64, len(x))
	for i := range x {
		before := x[max(0, i-past):i]
		if len(before) < fewestZ {
			continue
		}
		mean, sd := sampleMoments(before)
		out[i] = math.Erf(math.Abs(x[i]-mean) / (sd + 1e-9) / math.Sqrt2)
	}
	return out
}

// sampleMoments are the mean and the standard deviation with n-1.
func sampleMoments(xs []float64) (mean, sd float64) {
	for _, x := range xs {
		mean += x / float64(len(xs))
	}
	for _, x := range xs {
		sd += (x - mean) * (x - mean)
	}
	return mean, math.Sqrt(sd / float64(len(xs)-1))
}

// madScores are the deviations from the rolling median, in units of the rolling
// median of such deviations, at least a twentieth of the spread so far.
func madScores(x, _ []float64) []float64 {
	middle := make([]float64, len(x))
	off := make([]float64, len(x)) // of the point before from its own median
	out := make([]float64, len(x))
	var all running
	for i := range x {
		all.add(x[i])
		middle[i], off[i] = math.NaN(), math.NaN()
		before := x[max(0, i-past):i]
		if len(before) < fewestZ {
			continue
		}
		middle[i] = median(slices.Clone(before))
		off[i] = math.Abs(x[i-1] - middle[i])
		spread := medianOf(off[max(0, i+1-past):i+1], fewestZ) * 1.4826
		if math.IsNaN(spread) {
			continue
		}
		out[i] = soft(math.Abs(x[i]-middle[i]) / (max(spread, all.deviation()*0.05) + 1e-9))
	}
	return out
}

func soft(z float64) float64 { return z / (z + softScore) }

// medianOf is the median of what is a number; NaN when fewer than least are.
func medianOf(xs []float64, least int) float64 {
	kept := make([]float64, 0, len(xs))
	for _, x := range xs {
		if !math.IsNaN(x) {
			kept = append(kept, x)
		}
	}
	if len(kept) < max(least, 1) {
		return math.NaN()
	}
	return median(kept)
}

// running is the standard deviation so far (Welford, 1962).
type running struct{ n, mean, sum float64 }

func (r *running) add(x float64) {
	r.n++
	d := x - r.mean
	r.mean += d / r.n
	r.sum += d * (x - r.mean)
}

func (r *running) deviation() float64 {
	if r.n < 2 {
		return 0
	}
	return math.Sqrt(r.sum / (r.n - 1))
}
