package diagnose

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/holdfast-sre/holdfast/internal/detect"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// gauge is one number of a component over the window: which way is trouble
// depends on what it is, so it is only described here.
type gauge struct {
	item    evidence.Item
	name    string // see evidence.GaugeConnections and the like
	unit    string
	limit   float64 // 0 = none known
	points  []evidence.Point
	moments int     // distinct ones
	last    float64 // median of the last samples
	usual   float64 // median of the references, where there are any
	known   bool    // there are references
	low     float64 // least and most of the window, and of its first samples
	high    float64
	lowAt   float64
	highAt  float64
}

// newGauge describes a metric. Without a single finite sample it is empty.
func newGauge(it evidence.Item, m evidence.Metric) gauge {
	g := gauge{item: it, name: m.Resource, unit: it.Unit, limit: m.Limit}
	for _, p := range m.Now.Points {
		if isFinite(p.Value) {
			g.points = append(g.points, p)
		}
	}
	slices.SortStableFunc(g.points, func(a, b evidence.Point) int { return a.At.Compare(b.At) })
	for i, p := range g.points {
		if i == 0 || p.At.After(g.points[i-1].At) {
			g.moments++
		}
	}
	values := detect.Values(g.points)
	if len(values) == 0 {
		return g
	}
	g.last = detect.Median(values[max(0, len(values)-recent):])
	g.low, g.high = slices.Min(values), slices.Max(values)
	first := values[:min(len(values), recent)]
	g.lowAt, g.highAt = slices.Min(first), slices.Max(first)
	base := detect.NewBaseline(detect.Values(m.Before.Points), detect.Values(m.Day.Points), detect.Values(m.Week.Points))
	if base.N > 0 {
		g.usual, g.known = base.Median, true
	}
	return g
}

// there reports whether enough is known to speak of a course: fewer samples say
// nothing about before and now.
func (g gauge) there() bool { return g.moments >= recent && !g.item.Stale }

// before is what the number was before it rose (up) or fell: the references
// where there are any, else the start of the window.
func (g gauge) before(up bool) float64 {
	switch {
	case g.known:
		return g.usual
	case up:
		return g.lowAt
	}
	return g.highAt
}

// rise is how many times what it was before the number is now.
func (g gauge) rise() float64 { return ratio(g.last, g.before(true)) }

// share is how much of the limit is used; 0 when none is known.
func (g gauge) share() float64 {
	if g.limit <= 0 {
		return 0
	}
	return g.last / g.limit
}

func ratio(now, before float64) float64 {
	if before <= 0 {
		if now > 0 {
			return 100 // from nothing to something: no finite factor says it
		}
		return 1
	}
	return min(now/before, 100)
}

// since is when the number left what it was before, upward or downward, for
// good: the sample after the last one that was nearer to before than to now.
func (g gauge) since(up bool) time.Time {
	from := g.before(up)
	middle := (from + g.last) / 2
	for i, p := range slices.Backward(g.points) {
		if up && p.Value < middle || !up && p.Value > middle {
			if i+1 < len(g.points) {
				return g.points[i+1].At
			}
			return time.Time{}
		}
	}
	if len(g.points) == 0 {
		return time.Time{}
	}
	return g.points[0].At
}

// pace is the change per second over the second half of the window: what goes
// on now rather than what went on.
func (g gauge) pace() float64 {
	if len(g.points) < 3 {
		return 0
	}
	return detect.Slope(g.points[len(g.points)/2:])
}

// until is the time until the number is gone at its pace; 0 when it does not
// fall.
func (g gauge) until() time.Duration {
	p := g.pace()
	if p >= 0 || g.last <= 0 {
		return 0
	}
	s := g.last / -p
	if s > (30 * 24 * time.Hour).Seconds() {
		return 0
	}
	return time.Duration(s * float64(time.Second))
}

// climbs reports whether the number rises throughout: hardly a step down.
func (g gauge) climbs() bool {
	ups, downs := 0, 0
	for i := 1; i < len(g.points); i++ {
		switch d := g.points[i].Value - g.points[i-1].Value; {
		case d > 0:
			ups++
		case d < 0:
			downs++
		}
	}
	return ups >= 4 && downs*4 <= ups
}

// ramp is 0 up to low, 1 from high on, and straight between.
func ramp(x, low, high float64) float64 {
	if math.IsNaN(x) {
		return 0
	}
	return min(max((x-low)/(high-low), 0), 1)
}

func (g gauge) amount(x float64) string { return quantity(x, g.unit) }

// change says what the number was and is: "18.2 % → 91.4 %".
func (g gauge) change(up bool) string { return g.amount(g.before(up)) + " → " + g.amount(g.last) }

func sortGauges(gs []gauge) {
	slices.SortStableFunc(gs, func(a, b gauge) int {
		return cmp.Or(cmp.Compare(a.item.Service, b.item.Service), cmp.Compare(a.name, b.name), cmp.Compare(a.item.ID, b.item.ID))
	})
}
