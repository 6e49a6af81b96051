package score

import (
	"cmp"
	"fmt"
	"io/fs"
	"math"
	"slices"

	"github.com/holdfast-sre/holdfast/internal/bench"
)

const (
	warmUp   = 0.10 // share of a series that is not scored
	patience = 3    // steps that separate points of one alert, and that an alert may be late
)

// labelled is one series with the labels of its points.
type labelled struct {
	file   string
	scores []float64
	bad    []bool
	live   int // first point that is scored
	events []span
	clean  bool // no point is bad
}

// span is a run of points, both ends included.
type span struct{ from, to int }

// cloudmon scores points by average precision, and alerts by the events that
// they overlap or follow closely.
func cloudmon(data, predictions fs.FS) ([]Group, error) {
	files, err := listed(data)
	if err != nil {
		return nil, err
	}
	var all []labelled
	for _, f := range files {
		l, err := readLabelled(data, predictions, f)
		if err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	groups := []Group{eventGroup(allGroup, all)}
	for _, part := range parts(files) {
		of := slices.DeleteFunc(slices.Clone(all), func(l labelled) bool { return partOf(l.file) != part })
		groups = append(groups, eventGroup(part, of))
	}
	return groups, nil
}

func readLabelled(data, predictions fs.FS, file string) (labelled, error) {
	rows, err := bench.Columns(data, "data/"+file+".gz", "label")
	if err != nil {
		return labelled{}, fmt.Errorf("labels: %w", err)
	}
	l := labelled{file: file, bad: make([]bool, len(rows)), live: int(warmUp * float64(len(rows))), clean: true}
	for i, r := range rows {
		l.bad[i] = r[0] == "1"
		l.clean = l.clean && !l.bad[i]
	}
	l.events = slices.DeleteFunc(runs(l.bad, 0), func(e span) bool { return e.to < l.live })
	l.scores, err = readScores(predictions, file, len(rows))
	return l, err
}

// runs are the stretches of true; those with at most gap points between them
// are one.
func runs(marks []bool, gap int) []span {
	var out []span
	for i, m := range marks {
		if !m {
			continue
		}
		if n := len(out); n > 0 && i-out[n-1].to <= gap+1 {
			out[n-1].to = i
		} else {
			out = append(out, span{i, i})
		}
	}
	return out
}

func eventGroup(name string, all []labelled) Group {
	g := Group{Name: name, Cases: len(all)}
	var precisions []float64
	for _, l := range all {
		if ap, ok := averagePrecision(l); ok {
			precisions = append(precisions, ap)
		}
	}
	e := countEvents(all, bench.Alarm)
	if len(precisions) > 0 {
		sum := 0.0
		for _, ap := range precisions {
			sum += ap
		}
		g.Measures = append(g.Measures, Measure{Name: "AUC-PR", Value: sum / float64(len(precisions))})
	}
	if e.events > 0 {
		best := countEvents(all, bestEventThreshold(all))
		g.Measures = append(g.Measures,
			Measure{Name: "F1", Value: e.f1()}, Measure{Name: "P", Value: e.precision()}, Measure{Name: "R", Value: e.recall()},
			Measure{Name: "best-F1", Value: best.f1()})
	}
	if e.cleanPoints > 0 {
		g.Measures = append(g.Measures, Measure{Name: "false/1000", Value: 1000 * float64(e.cleanAlerts) / float64(e.cleanPoints)})
	}
	return g
}

// averagePrecision is the mean precision over the bad points, thresholds from
// high to low, points of equal score taken together; ok is false when no point
// is bad.
func averagePrecision(l labelled) (ap float64, ok bool) {
	order := make([]int, 0, len(l.scores))
	bad := 0
	for i := l.live; i < len(l.scores); i++ {
		order = append(order, i)
		if l.bad[i] {
			bad++
		}
	}
	if bad == 0 {
		return 0, false
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(l.scores[b], l.scores[a]) })
	hits, before := 0, 0
	for n, i := range order {
		if l.bad[i] {
			hits++
		}
		if n+1 == len(order) || l.scores[order[n+1]] != l.scores[i] {
			ap += float64(hits-before) / float64(bad) * float64(hits) / float64(n+1)
			before = hits
		}
	}
	return ap, true
}

// tally counts alerts and events.
type tally struct {
	right, wrong             int // alerts
	found, events            int
	cleanAlerts, cleanPoints int // of series without events
}

func (t tally) precision() float64 { return float64(t.right) / float64(max(t.right+t.wrong, 1)) }
func (t tally) recall() float64    { return float64(t.found) / float64(max(t.events, 1)) }
func (t tally) f1() float64 {
	p, r := t.precision(), t.recall()
	return 2 * p * r / max(1e-9, p+r)
}

func countEvents(all []labelled, threshold float64) tally {
	var t tally
	for _, l := range all {
		flagged := make([]bool, len(l.scores))
		for i := l.live; i < len(flagged); i++ {
			flagged[i] = l.scores[i] >= threshold
		}
		alerts := runs(flagged, patience)
		found := make([]bool, len(l.events))
		for _, a := range alerts {
			right := false
			for i, e := range l.events {
				if a.from <= e.to+patience && a.to >= e.from {
					right, found[i] = true, true
				}
			}
			if right {
				t.right++
			} else {
				t.wrong++
			}
		}
		for _, f := range found {
			t.found += int(one(f))
		}
		t.events += len(l.events)
		if l.clean {
			t.cleanAlerts += len(alerts)
			t.cleanPoints += len(l.scores) - l.live
		}
	}
	return t
}

// bestEventThreshold tries quantiles of all scores, more of them at the top.
func bestEventThreshold(all []labelled) float64 {
	var scores []float64
	for _, l := range all {
		scores = append(scores, l.scores...)
	}
	slices.Sort(scores)
	var grid []float64
	for i := range 50 {
		grid = append(grid, quantileOf(scores, 0.5+0.49*float64(i)/49))
	}
	for i := range 60 {
		grid = append(grid, quantileOf(scores, 0.99+0.0099*float64(i)/59))
	}
	slices.Sort(grid)
	best, most := math.Inf(1), -1.0
	for _, at := range slices.Compact(grid) {
		if f := countEvents(all, at).f1(); f > most {
			best, most = at, f
		}
	}
	return best
}

// quantileOf interpolates between sorted values.
func quantileOf(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	at := q * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}
