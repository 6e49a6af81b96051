package comparator

import (
	"math"
	"slices"
)

// present leaves out the gaps.
func present(xs []float64) []float64 {
	return slices.DeleteFunc(slices.Clone(xs), math.IsNaN)
}

func constant(xs []float64) bool { return slices.Min(xs) == slices.Max(xs) }

func median(xs []float64) float64 { return quantile(xs, 0.5) }

// quantile interpolates linearly between the two nearest of xs, which has at
// least one.
func quantile(xs []float64, q float64) float64 {
	s := slices.Sorted(slices.Values(xs))
	at := q * float64(len(s)-1)
	low := int(at)
	if low+1 >= len(s) {
		return s[len(s)-1]
	}
	return s[low] + (at-float64(low))*(s[low+1]-s[low])
}

// meanAndDeviation returns the mean and the standard deviation of the
// population. Sums are divided last, so that a constant has a deviation of 0
// wherever its sum is exact.
func meanAndDeviation(xs []float64) (mean, deviation float64) {
	n := float64(len(xs))
	for _, x := range xs {
		mean += x
	}
	mean /= n
	for _, x := range xs {
		deviation += (x - mean) * (x - mean)
	}
	return mean, math.Sqrt(deviation / n)
}
