package detect_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/holdfast-sre/holdfast/internal/detect"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

var midnight = time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)

// each makes a point a minute.
func each(values ...float64) []evidence.Point {
	var out []evidence.Point
	for i, v := range values {
		out = append(out, evidence.Point{At: midnight.Add(time.Duration(i) * time.Minute), Value: v})
	}
	return out
}

func TestEpisodeMeasuresWhatRoseWithTheSymptom(t *testing.T) {
	t.Parallel()
	floor := detect.Floor{Abs: 0.1}
	usual := detect.NewBaseline([]float64{0.9, 1, 1.1, 1, 1})
	ep, ok := detect.NewEpisode(each(1, 1, 5, 5, 1), usual, floor)
	if !ok || ep.Deviation < 10 {
		t.Fatalf("got deviation %v, %v, want a clear symptom", ep.Deviation, ok)
	}
	tests := map[string]struct {
		series             []evidence.Point
		usual              detect.Baseline
		rise, before, grow float64 // grow: least spreads
	}{
		"rises with it":                 {each(2, 2, 8, 8, 2), detect.NewBaseline([]float64{2, 2, 2}), 6, 0, 3},
		"does not move":                 {each(2, 2, 2, 2, 2), detect.NewBaseline([]float64{2, 2, 2}), 0, 0, 0},
		"was as bad before":             {each(8, 8, 8, 8, 8), detect.NewBaseline([]float64{2, 2, 2}), 0, 60, 0},
		"worse than before":             {each(8, 8, 9, 9, 8), detect.NewBaseline([]float64{2, 2, 2}), 1, 60, 3},
		"without history":               {each(2, 2, 8, 8, 2), detect.Baseline{}, 6, 0, 3},
		"gaps and no number":            {append(each(2, math.NaN(), 8), each(2, 2, 8, 8)[3]), detect.Baseline{}, 6, 0, 3},
		"only history to compare with":  {each(2, 2, 8, 8, 2)[2:4], detect.NewBaseline([]float64{2, 2, 2}), 6, 0, 3},
		"better than it was last week":  {each(2, 2, 4, 4, 2), detect.NewBaseline([]float64{9, 9, 9}), 2, -70, 3},
		"close to what was usual, both": {each(2.2, 2.2, 3, 3, 2.2), detect.NewBaseline([]float64{2, 2, 2}), 0.9, 2, 3},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x, ok := ep.Excess(tt.series, tt.usual, floor)
			if !ok || math.Abs(x.Rise-tt.rise) > 1e-9 || math.Abs(x.Before-tt.before) > 1e-9 || x.Spreads < tt.grow {
				t.Errorf("got %+v, %v, want rise %v and %v spreads before", x, ok, tt.rise, tt.before)
			}
		})
	}
}

func TestEpisodeNeedsASymptom(t *testing.T) {
	t.Parallel()
	usual := detect.NewBaseline([]float64{1, 1, 1})
	for name, points := range map[string][]evidence.Point{
		"nothing": nil, "two samples": each(1, 9), "constant": each(1, 1, 1, 1), "no numbers": each(math.NaN(), math.Inf(1), math.NaN()),
	} {
		if ep, ok := detect.NewEpisode(points, usual, detect.Floor{Abs: 0.1}); ok {
			t.Errorf("%s: got %+v, want none", name, ep)
		}
	}
	one, _ := detect.NewEpisode(each(1, 1, 9, 1, 1), usual, detect.Floor{Abs: 1})
	two, _ := detect.NewEpisode(each(1, 1, 9, 9, 1), usual, detect.Floor{Abs: 1})
	if one.Deviation > 0.6*two.Deviation {
		t.Errorf("one odd sample deviates by %v, two by %v: want half", one.Deviation, two.Deviation)
	}
}

func TestExcessNeedsSamplesInTheEpisode(t *testing.T) {
	t.Parallel()
	ep, _ := detect.NewEpisode(each(1, 1, 9, 9, 1), detect.Baseline{}, detect.Floor{Abs: 1})
	for name, points := range map[string][]evidence.Point{
		"none": nil, "only before": each(5, 5), "another day": {{At: midnight.AddDate(0, 0, 1), Value: 9}},
	} {
		if x, ok := ep.Excess(points, detect.NewBaseline([]float64{1, 1}), detect.Floor{Abs: 1}); ok {
			t.Errorf("%s: got %+v, want nothing to say", name, x)
		}
	}
}

func TestEpisodesAreFinite(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(rapid.Float64(), rapid.Just(math.NaN()), rapid.Just(math.Inf(-1)))
		series := func(label string) []evidence.Point {
			var out []evidence.Point
			for _, v := range rapid.SliceOfN(value, 0, 12).Draw(t, label) {
				at := midnight.Add(time.Duration(rapid.IntRange(-5, 20).Draw(t, "minute")) * time.Minute)
				out = append(out, evidence.Point{At: at, Value: v})
			}
			return out
		}
		usual := detect.NewBaseline(rapid.SliceOf(value).Draw(t, "usual"))
		ep, ok := detect.NewEpisode(series("symptom"), usual, detect.Floor{})
		if !ok {
			return
		}
		x, ok := ep.Excess(series("other"), usual, detect.Floor{})
		for _, got := range []float64{ep.Deviation, x.Spreads, x.Before} {
			if ok && (math.IsNaN(got) || math.Abs(got) > detect.MaxDeviation) {
				t.Fatalf("got %+v of %+v", x, ep)
			}
		}
	})
}

func TestQuantile(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ q, want float64 }{{0, 1}, {0.25, 2}, {0.5, 3}, {0.9, 4.6}, {1, 5}, {7, 5}, {-1, 1}} {
		if got := detect.Quantile([]float64{5, 1, math.NaN(), 4, 2, 3}, tt.q); math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("quantile %v: got %v, want %v", tt.q, got, tt.want)
		}
	}
	if got := detect.Quantile(nil, 0.5); got != 0 {
		t.Errorf("of nothing: got %v, want 0", got)
	}
}
