package cloudmon

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/bench"
	"github.com/holdfast-sre/holdfast/internal/bench/benchtest"
	"github.com/holdfast-sre/holdfast/internal/detect"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// The window of an incident: so many samples before what experts labelled, and
// so many of it; the window before is as long.
const (
	calmBefore = 60
	ofTrouble  = 10
	outOfBand  = 4.0 // spreads, as in the diagnosis
)

// TestOnsetIsNearerWithDetector looks at every labelled event as an alarm in its
// first minutes would, and compares when the trouble is said to have begun with
// the label.
func TestOnsetIsNearerWithDetector(t *testing.T) {
	t.Parallel()
	data := benchtest.Set(t, Name)
	files, err := Task().Cases(data)
	if err != nil {
		t.Fatal(err)
	}
	var band, both []float64
	for _, id := range files {
		_, points, err := bench.ReadSeries(data, id, time.RFC3339)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := bench.Columns(data, "data/"+id+".gz", "label")
		if err != nil {
			t.Fatal(err)
		}
		for at := range rows {
			if rows[at][0] != "1" || at == 0 || rows[at-1][0] == "1" || at < 2*calmBefore+ofTrouble {
				continue
			}
			a, b, ok := onsets(points, rows, at)
			if ok {
				band, both = append(band, a), append(both, b)
			}
		}
	}
	report := func(who string, errs []float64) (within2 float64) {
		n, sum := 0, 0.0
		for _, e := range errs {
			sum += math.Abs(e)
			if math.Abs(e) <= 2 {
				n++
			}
		}
		slices.Sort(errs)
		within2 = float64(n) / float64(len(errs))
		t.Logf("%s: %d events, within 2 samples %.3f, mean distance %.2f samples, quartiles %v %v %v",
			who, len(errs), within2, sum/float64(len(errs)), errs[len(errs)/4], errs[len(errs)/2], errs[3*len(errs)/4])
		return within2
	}
	a, b := report("band", band), report("band and detector", both)
	if b < a {
		t.Errorf("the onset is within two samples of the label for %.3f with the detector and for %.3f without", b, a)
	}
}

// onsets returns by how many samples the onset lies after the label.
func onsets(points []evidence.Point, rows [][]string, at int) (band, both float64, ok bool) {
	end := at
	for end < len(rows) && rows[end][0] == "1" && end < at+ofTrouble {
		end++
	}
	from := at - calmBefore
	m := evidence.Metric{
		Now:    evidence.Series{Points: points[from:end]},
		Before: evidence.Series{Points: points[max(0, from-calmBefore-ofTrouble):from]},
	}
	base := detect.NewBaseline(detect.Values(m.Before.Points))
	left, ok := detect.Onset(m.Now.Points, base, detect.Floor{Rel: 0.05}, outOfBand, detect.Either)
	if !ok {
		return 0, 0, false
	}
	floor := detect.Floor{Rel: 0.05}
	usual := func(v float64) bool { return math.Abs(base.Deviation(v, floor)) < outOfBand }
	began := detect.Began(m, base, usual, left, detect.Either)
	step := points[at].At.Sub(points[at-1].At)
	after := func(t time.Time) float64 { return float64(t.Sub(points[at].At)) / float64(step) }
	return after(left), after(began), true
}
