package detect

import (
	"math"
	"slices"
	"time"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

const (
	// maxHistory bounds the points that Began looks at; the youngest count.
	maxHistory = 1000
	// presentPoints at the end are the present level, by their median.
	presentPoints = 3
)

// Began returns when the trouble began that a metric is in at the end of its
// window. left is when it left its usual band; that may be long before, where
// other times are usual than those that it is compared with. Began is the onset of
// the last event since then that makes up more than half of the way from the
// usual level to the present one, as a Stream sees it that knows the earlier
// windows; else left. Events on the other side than dir do not count.
func Began(m evidence.Metric, usual Baseline, left time.Time, dir Direction) time.Time {
	now := finitePoints(m.Now.Points)
	if len(now) == 0 {
		return left
	}
	pts := endToEnd(finitePoints(m.Week.Points), finitePoints(m.Day.Points), finitePoints(m.Before.Points), now)
	pts = pts[max(0, len(pts)-maxHistory):]
	values := Values(now)
	present := Median(values[max(0, len(values)-presentPoints):])
	began := left
	for _, e := range Events(pts, Scan(pts)) {
		if !e.Onset.After(left) || !sameSide(e.Direction, dir) {
			continue
		}
		if math.Abs(present-levelBetween(now, left, e.Onset)) > math.Abs(present-usual.Median)/2 {
			began = e.Onset
		}
	}
	return began
}

// levelBetween is the median from a moment up to another.
func levelBetween(pts []evidence.Point, from, to time.Time) float64 {
	var values []float64
	for _, p := range pts {
		if !p.At.Before(from) && p.At.Before(to) {
			values = append(values, p.Value)
		}
	}
	return Median(values)
}

// sameSide reports whether an event may be the trouble that shows on a side.
func sameSide(event, trouble Direction) bool {
	return event == trouble || event == Either || trouble == Either
}

// endToEnd makes one course of windows of a series, the oldest first: each but
// the last is moved so that it ends one step before the next begins. What was
// usual a day ago is then followed by what is now, without the gap.
func endToEnd(windows ...[]evidence.Point) []evidence.Point {
	windows = slices.DeleteFunc(windows, func(w []evidence.Point) bool { return len(w) == 0 })
	out := slices.Concat(windows...)
	end, next := len(out), time.Time{}
	for i, w := range slices.Backward(windows) {
		start := end - len(w)
		if i < len(windows)-1 {
			move := next.Add(-max(medianStep(w), time.Millisecond)).Sub(w[len(w)-1].At)
			for j := start; j < end; j++ {
				out[j].At = out[j].At.Add(move)
			}
		}
		end, next = start, out[start].At
	}
	return out
}
