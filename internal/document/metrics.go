package document

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/quantity"
)

// maxPanels is how many series the chart shows.
const maxPanels = 4

// series is one measurement during the incident, joined from every piece of
// evidence about it.
type series struct {
	name      string // "booking-api errors"
	unit      string
	points    []evidence.Point // oldest first, each time once
	low, high float64          // usual range; low > high when there is none
	usual     float64
	deviation float64
	limit     float64 // of the resource; 0 = none known
}

// measured returns the series of the record, those farthest from usual first,
// at most maxPanels.
func (r Record) measured() []series {
	byName := map[string]*series{}
	var names []string
	for _, it := range r.Evidence {
		if it.Kind != evidence.KindMetric {
			continue
		}
		m, err := evidence.Decode[evidence.Metric](it)
		if err != nil || len(m.Now.Points) == 0 {
			continue
		}
		name := metricName(it, m)
		s := byName[name]
		if s == nil {
			s = &series{name: name, unit: it.Unit, low: math.Inf(1), high: math.Inf(-1)}
			byName[name] = s
			names = append(names, name)
		}
		s.add(m)
	}
	slices.Sort(names)
	out := make([]series, 0, len(names))
	for _, n := range names {
		byName[n].tidy()
		if len(byName[n].points) > 0 {
			out = append(out, *byName[n])
		}
	}
	slices.SortStableFunc(out, func(a, b series) int { return cmp.Compare(b.deviation, a.deviation) })
	return out[:min(len(out), maxPanels)]
}

func metricName(it evidence.Item, m evidence.Metric) string {
	what := strings.ReplaceAll(string(m.Signal), "_", " ")
	if m.Signal == evidence.Saturation && m.Resource != "" {
		what = strings.ReplaceAll(m.Resource, "_", " ")
		if m.Consumer != "" {
			what += " held by " + m.Consumer
		}
	}
	return strings.TrimSpace(it.Service + " " + what)
}

func (s *series) add(m evidence.Metric) {
	near := m.Before.Points
	if len(near) > 0 && m.Now.Points[0].At.Sub(near[0].At) > 2*time.Hour {
		near = nil // too long ago for one time axis
	}
	s.points = append(append(s.points, near...), m.Now.Points...)
	s.usual, s.limit = m.Usual, m.Limit
	s.deviation = max(s.deviation, math.Abs(m.Deviation))
	var ref []float64
	for _, pts := range [][]evidence.Point{m.Before.Points, m.Day.Points, m.Week.Points} {
		for _, p := range pts {
			ref = append(ref, p.Value)
		}
	}
	if len(ref) > 0 {
		slices.Sort(ref)
		s.low, s.high = min(s.low, quantile(ref, 0.05)), max(s.high, quantile(ref, 0.95))
	}
}

func quantile(sorted []float64, q float64) float64 {
	return sorted[int(math.Round(q*float64(len(sorted)-1)))]
}

// tidy sorts the points and keeps one for each time.
func (s *series) tidy() {
	s.points = slices.DeleteFunc(s.points, func(p evidence.Point) bool { return math.IsNaN(p.Value) || math.IsInf(p.Value, 0) })
	slices.SortStableFunc(s.points, func(a, b evidence.Point) int { return a.At.Compare(b.At) })
	s.points = slices.CompactFunc(s.points, func(a, b evidence.Point) bool { return a.At.Equal(b.At) })
}

// peak is the point farthest from usual.
func (s *series) peak() evidence.Point {
	return slices.MaxFunc(s.points, func(a, b evidence.Point) int {
		return cmp.Compare(math.Abs(a.Value-s.usual), math.Abs(b.Value-s.usual))
	})
}

func (s *series) format(v float64) string { return quantity.Format(v, s.unit) }
