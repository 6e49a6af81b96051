package detect

import (
	"cmp"
	"slices"
	"time"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// Scan judges every point of a series by the points before it in time, and
// returns the verdicts in the order of points. Points of the same time are one,
// the median of their finite values, and which of them comes first does not
// matter: the last one in points has the verdict. Every other point, and one
// without a finite value, counts as usual.
func Scan(points []evidence.Point) []Verdict {
	order := make([]int, 0, len(points))
	for i, p := range points {
		if isFinite(p.Value) {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(points[a].At.UnixMilli(), points[b].At.UnixMilli()) })
	out := make([]Verdict, len(points))
	var s Stream
	var same []float64
	for i := 0; i < len(order); {
		at := points[order[i]].At
		same = same[:0]
		for ; i < len(order) && points[order[i]].At.UnixMilli() == at.UnixMilli(); i++ {
			same = append(same, points[order[i]].Value)
		}
		out[order[i-1]] = s.Next(at, Median(same))
	}
	return out
}

// Event is a stretch of a series in which something is wrong.
type Event struct {
	Onset     time.Time // the first point that stood out
	Alarm     time.Time // the first point that was unusual enough for an alarm
	Until     time.Time // the last point that stood out
	Kind      Kind      // of the alarm
	Direction Direction // of the alarm
	Score     float64   // the highest
}

// Events puts verdicts of Scan together: what follows without a calm in between
// belongs to the same event. An event soon after another counts, though it would
// raise no alarm of its own. The events are in order of time.
func Events(points []evidence.Point, verdicts []Verdict) []Event {
	order := make([]int, min(len(points), len(verdicts)))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return points[a].At.Compare(points[b].At) })
	var out []Event
	for _, i := range order {
		v, at := verdicts[i], points[i].At
		n := len(out)
		goesOn := n > 0 && !v.Onset.IsZero() && !v.Onset.After(out[n-1].Until)
		switch {
		case goesOn:
			if v.Unusual >= standsOut {
				out[n-1].Until = at
			}
			out[n-1].Score = max(out[n-1].Score, v.Unusual)
		case v.Unusual >= Alarm:
			out = append(out, Event{Onset: v.Onset, Alarm: at, Until: at, Kind: v.Kind, Direction: v.Direction, Score: v.Unusual})
		}
	}
	return out
}
