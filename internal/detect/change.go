package detect

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// Shift is a lasting change of level inside one series.
type Shift struct {
	At     time.Time // first sample of the new level
	Before float64   // median before At
	After  float64   // median from At on
	// Score is the size of the rank statistic in standard deviations of its
	// distribution under "no change"; 3 is rarely chance.
	Score float64
}

// minSegment is the fewest samples on either side of a change point: a median
// of fewer says nothing.
const minSegment = 3

// minShiftScore is the score below which ChangePoint reports nothing.
const minShiftScore = 2.5

// ChangePoint returns the moment at which the two parts of a series differ
// most, by the rank statistic of Pettitt (1979): for each split, the
// Mann-Whitney U of the values before against those after. Ranks make it blind
// to shift, scale and outliers. ok is false when there are too few samples or
// no split stands out.
func ChangePoint(points []evidence.Point) (Shift, bool) {
	pts := finitePoints(points)
	n := len(pts)
	if n < 2*minSegment {
		return Shift{}, false
	}
	ranks := midranks(pts)
	best, at, sum := 0.0, -1, 0.0
	for k := 1; k <= n-minSegment; k++ {
		sum += ranks[k-1]
		if k < minSegment {
			continue
		}
		if z := splitScore(sum, k, n); z > best {
			best, at = z, k
		}
	}
	if at < 0 || best < minShiftScore {
		return Shift{}, false
	}
	values := Values(pts)
	return Shift{
		At:     pts[at].At,
		Before: Median(values[:at]),
		After:  Median(values[at:]),
		Score:  best,
	}, true
}

// splitScore is the normal approximation of the rank-sum test for the first k
// of n samples: |R - k(n+1)/2| over its standard deviation.
func splitScore(rankSum float64, k, n int) float64 {
	kf, nf := float64(k), float64(n)
	mean := kf * (nf + 1) / 2
	sd := math.Sqrt(kf * (nf - kf) * (nf + 1) / 12)
	return math.Abs(rankSum-mean) / sd
}

// midranks ranks the values from 1; equal values share their mean rank.
func midranks(pts []evidence.Point) []float64 {
	order := make([]int, len(pts))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch va, vb := pts[a].Value, pts[b].Value; {
		case va < vb:
			return -1
		case va > vb:
			return 1
		}
		return 0
	})
	ranks := make([]float64, len(pts))
	for i := 0; i < len(order); {
		j := i
		for j+1 < len(order) && pts[order[j+1]].Value == pts[order[i]].Value {
			j++
		}
		for k := i; k <= j; k++ {
			ranks[order[k]] = float64(i+j)/2 + 1
		}
		i = j + 1
	}
	return ranks
}

// Direction says which side of the band counts.
type Direction int

// The directions.
const (
	Either Direction = iota
	Up
	Down
)

// Onset returns when the series last left the usual band for good: the first
// sample of the run, up to its end, in which no more than one sample in four
// is back inside. limit is in spreads. ok is false when the series ends inside
// the band or the baseline has no samples.
//
// A change point says where the level changed; the onset says where trouble
// began, and only it can be compared between components whose series start
// the window already abnormal.
func Onset(points []evidence.Point, b Baseline, f Floor, limit float64, dir Direction) (time.Time, bool) {
	pts := finitePoints(points)
	if len(pts) == 0 || b.N == 0 {
		return time.Time{}, false
	}
	start, outside, total := -1, 0, 0
	for i := len(pts) - 1; i >= 0; i-- {
		total++
		if beyond(b.Deviation(pts[i].Value, f), limit, dir) {
			outside++
			if 4*outside >= 3*total {
				start = i
			}
			continue
		}
		if total-outside > outside+1 {
			break
		}
	}
	if start < 0 {
		return time.Time{}, false
	}
	return pts[start].At, true
}

func beyond(dev, limit float64, dir Direction) bool {
	switch dir {
	case Up:
		return dev >= limit
	case Down:
		return dev <= -limit
	case Either:
	}
	return math.Abs(dev) >= limit
}

// finitePoints returns the finite samples in order of time, those of the same
// time in order of value: the samples themselves where they are that already, so
// the result is only to be read.
func finitePoints(points []evidence.Point) []evidence.Point {
	if inOrder(points) {
		return points
	}
	out := make([]evidence.Point, 0, len(points))
	for _, p := range points {
		if isFinite(p.Value) {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, byTime)
	return out
}

// byTime compares samples; equal times by value, so that it does not matter in
// which order they came.
func byTime(a, b evidence.Point) int {
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Value, b.Value))
}

// inOrder reports whether all samples are finite and in order.
func inOrder(points []evidence.Point) bool {
	for i, p := range points {
		if !isFinite(p.Value) || i > 0 && byTime(points[i-1], p) > 0 {
			return false
		}
	}
	return true
}
