package comparator

import (
	"math"
	"slices"
)

const daySeconds = 86400

// pointsADay follows from the median distance of points.
func pointsADay(at []float64) int {
	if len(at) < 2 {
		return 1
	}
	var steps []float64
	for i := 1; i < len(at); i++ {
		steps = append(steps, at[i]-at[i-1])
	}
	step := max(1, math.Trunc(median(steps)))
	return max(1, int(math.RoundToEven(daySeconds/step)))
}

// sameTime are the values around this time on the days before: on each of days
// days, those offset points away; empty where there is none.
func sameTime(x []float64, i, day, days int, offsets []int) []float64 {
	var out []float64
	for k := 1; k <= days; k++ {
		for _, o := range offsets {
			if back := k*day + o; back > 0 && i >= back {
				out = append(out, x[i-back])
			}
		}
	}
	return out
}

// seasonalMADScores are the deviations from the median of the same time on the
// days before, in units of their spread, at least a tenth of the spread so far.
func seasonalMADScores(x, at []float64) []float64 {
	day := pointsADay(at)
	days, offsets := 7, []int{-5, -3, -1, 1, 3, 5}
	if day <= 48 {
		days, offsets = 14, []int{-1, 0, 1}
	}
	out := make([]float64, len(x))
	var all running
	for i := range x {
		all.add(x[i])
		before := sameTime(x, i, day, days, offsets)
		if len(before) < 3 {
			continue
		}
		middle := median(slices.Clone(before))
		for k := range before {
			before[k] = math.Abs(before[k] - middle)
		}
		out[i] = soft(math.Abs(x[i]-middle) / (max(median(before)*1.4826, all.deviation()*0.1) + 1e-9))
	}
	return out
}

const (
	longMemory, shortMemory = 4000, 10
	fewestErrors            = 100
	smoothing               = 24
)

// seasonalLikelihood says how unlikely the last errors are by those long before;
// an error is the distance from the median of the same time on seven days before,
// or of the last points as long as there is no such day.
func seasonalLikelihood(x, at []float64) []float64 {
	day := pointsADay(at)
	seasonal := len(x) >= 4*day && day >= 12
	errs := make([]float64, len(x))
	for i := range x {
		var before []float64
		if seasonal {
			before = sameTime(x, i, day, 7, []int{-1, 0, 1})
		}
		if len(before) == 0 {
			before = slices.Clone(x[max(0, i-smoothing):i])
		}
		if len(before) > 0 {
			errs[i] = math.Abs(x[i] - median(before))
		}
	}
	return likelihood(errs)
}

// likelihood compares the mean of the last errors with the errors of a long time
// before (Lavin & Ahmad, 2015), on a logarithmic scale.
func likelihood(errs []float64) []float64 {
	out := make([]float64, len(errs))
	for i := range errs {
		before := errs[max(0, i+1-shortMemory-longMemory):max(0, i+1-shortMemory)]
		if len(before) < fewestErrors {
			continue
		}
		mean, sd := sampleMoments(before)
		now, _ := sampleMoments(errs[i+1-shortMemory : i+1])
		tail := math.Erfc((now-mean)/(sd+1e-9)/math.Sqrt2) / 2
		out[i] = min(max(-math.Log10(max(tail, 1e-10))/10, 0), 1)
		if tail < 1e-8 {
			out[i] = 1
		}
	}
	return out
}

// refractory keeps a score only when none of the last 3 % of the points was as
// high.
func refractory(scores []float64) []float64 {
	width := max(10, int(0.03*float64(len(scores))))
	out := make([]float64, len(scores))
	for i, s := range scores {
		before := 0.0
		if i > 0 {
			before = slices.Max(scores[max(0, i-width):i])
		}
		if s > before+1e-12 {
			out[i] = s
		}
	}
	return out
}
