package detect

import (
	"slices"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// Scan judges every point of a series by the points before it in time, and
// returns the verdicts in the order of points. Points of the same time are one:
// the median of their finite values; in which order they stand does not matter.
// A point without a finite value gets score 0.
func Scan(points []evidence.Point) []Verdict {
	var s Stream
	return s.Scan(points)
}

// Scan goes on from what the stream knows.
func (s *Stream) Scan(points []evidence.Point) []Verdict {
	order := make([]int, len(points))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return points[a].At.Compare(points[b].At) })
	out := make([]Verdict, len(points))
	var same []float64
	for i := 0; i < len(order); {
		at := points[order[i]].At
		same = same[:0]
		j := i
		for ; j < len(order) && points[order[j]].At.Equal(at); j++ {
			if v := points[order[j]].Value; isFinite(v) {
				same = append(same, v)
			}
		}
		if len(same) > 0 {
			v := same[0]
			if len(same) > 1 {
				v = Median(same)
			}
			verdict := s.Next(at, v)
			for _, k := range order[i:j] {
				if isFinite(points[k].Value) {
					out[k] = verdict
				}
			}
		}
		i = j
	}
	return out
}
