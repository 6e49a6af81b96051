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
// other times are usual than those that it is compared with, or where it came
// back now and then. Began is the onset of the last event since then, as a Stream
// sees it that knows the earlier windows, that makes up more than half of the way
// from the usual level to the present one, if usual reports that the level right
// before it was usual, or if nothing shows a usual level before left; else left:
// trouble that grows began when it began. Events on the other side than dir do
// not count.
func Began(m evidence.Metric, b Baseline, usual func(v float64) bool, left time.Time, dir Direction) time.Time {
	now := finitePoints(m.Now.Points)
	if len(now) == 0 {
		return left
	}
	before := finitePoints(m.Before.Points)
	unseen := !left.After(now[0].At) && !(follows(now, before) && usual(lastLevel(before)))
	pts := endToEnd(finitePoints(m.Week.Points), finitePoints(m.Day.Points), before, now)
	pts = pts[max(0, len(pts)-maxHistory):]
	present := lastLevel(now)
	began := left
	for _, e := range Events(pts, Scan(pts)) {
		if !e.Onset.After(left) || !sameSide(e.Direction, dir) {
			continue
		}
		far := math.Abs(present-Median(Values(between(now, left, e.Onset)))) > math.Abs(present-b.Median)/2
		if far && (unseen || usual(lastLevel(between(now, left, e.Onset)))) {
			began = e.Onset
		}
	}
	return began
}

// lastLevel is the median of the last samples.
func lastLevel(pts []evidence.Point) float64 {
	return Median(Values(pts[max(0, len(pts)-presentPoints):]))
}

// between are the samples from a moment up to another.
func between(pts []evidence.Point, from, to time.Time) []evidence.Point {
	var out []evidence.Point
	for _, p := range pts {
		if !p.At.Before(from) && p.At.Before(to) {
			out = append(out, p)
		}
	}
	return out
}

// follows reports whether a window begins where the one before it ends.
func follows(now, before []evidence.Point) bool {
	if len(before) == 0 {
		return false
	}
	gap := now[0].At.Sub(before[len(before)-1].At)
	return gap > 0 && gap <= 2*medianStep(now)
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
