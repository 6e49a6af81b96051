package comparator

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/holdfast-sre/holdfast/internal/bench"
)

// usual is fault-free operation: median 10, interquartile range 2, median
// absolute deviation 1.
func usual() []float64 { return []float64{8, 9, 9, 9, 10, 10, 10, 11, 11, 11, 12} }

func track(component string, target bool, window ...float64) bench.Track {
	return bench.Track{Component: component, Metric: "latency", Target: target, Normal: usual(), Window: window}
}

func TestRobustRanksByTheLargestDeviation(t *testing.T) {
	t.Parallel()
	falls := track("falling", true, 10, -30)
	falls.Falls = true
	p := bench.Panel{
		Candidates: []string{"silent", "calm", "high", "higher", "falling"},
		Tracks: []bench.Track{
			track("calm", true, 10, 10.5), track("high", true, 10, 30), falls,
			track("higher", false, 10, 90), track("calm", false, math.NaN(), math.NaN()),
			{Component: "silent", Normal: usual()[:5], Window: []float64{99}},
		},
	}
	tests := map[string]struct {
		method robust
		want   []string
	}{
		"all metrics":         {robust{}, []string{"higher", "falling", "high", "calm"}},
		"metric of the alarm": {robust{target: true}, []string{"falling", "high", "calm"}},
		"all components":      {robust{all: true}, []string{"higher", "falling", "high", "calm", "silent"}},
		"N-sigma":             {robust{sigma: true}, []string{"higher", "falling", "high", "calm"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, tt.method.Rank(p)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestRobustUnits(t *testing.T) {
	t.Parallel()
	flat := bench.Track{Normal: make([]float64, 12), Window: []float64{3, 7}}
	tests := map[string]struct {
		method robust
		track  bench.Track
		want   float64
		ok     bool
	}{
		"interquartile ranges": {robust{}, track("a", true, 14, 16), 3, true},
		"standard deviations":  {robust{sigma: true}, track("a", true, 10+math.Sqrt(14./11)), 1, true},
		"a flat normal":        {robust{}, flat, 7, true},
		"flat is dropped":      {robust{dropConstant: true}, flat, 0, false},
		"a flat window":        {robust{dropConstant: true}, track("a", true, 5, 5), 0, false},
		"nothing in it":        {robust{}, track("a", true, math.NaN()), 0, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok := tt.method.deviation(tt.track)
			if ok != tt.ok || math.Abs(got-tt.want) > 1e-9 {
				t.Errorf("got %v, %v; want %v, %v", got, ok, tt.want, tt.ok)
			}
		})
	}
}

// shop: the entry calls a and b, a calls store, and a loop leads back.
func shop(tracks ...bench.Track) bench.Panel {
	return bench.Panel{
		Target: "entry", Tracks: tracks,
		Calls: []bench.Call{
			{Caller: "entry", Callee: "a"},
			{Caller: "entry", Callee: "b"},
			{Caller: "a", Callee: "store"},
			{Caller: "store", Callee: "a"},
		},
	}
}

func TestTraversalNamesTheEndsOfAbnormalPaths(t *testing.T) {
	t.Parallel()
	bad := func(n string, v float64) bench.Track { return track(n, true, 10, 10, 10, v) }
	tests := map[string]struct {
		panel bench.Panel
		want  []string
		deep  []string
	}{
		"the deeper one has the larger path": {
			shop(bad("entry", 40), bad("b", 90), bad("a", 80), bad("store", 10)),
			[]string{"b", "a"},
			[]string{"b", "a", "entry", "store"},
		},
		"without a path to the alarm": {
			shop(bad("entry", 40), bad("a", 10), bad("store", 80), bad("b", 20)),
			[]string{"b"},
			[]string{"store", "b", "entry", "a"},
		},
		"a loop of abnormal ones has no end": {
			shop(bad("entry", 40), bad("a", 80), bad("store", 80)),
			nil,
			[]string{"a", "store", "entry"},
		},
		"the alarm itself in band": {
			shop(bad("entry", 10), bad("b", 80)),
			nil,
			[]string{"b", "entry"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, traversal{}.Rank(tt.panel)); diff != "" {
				t.Errorf("paths (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.deep, traversal{deepest: true}.Rank(tt.panel)); diff != "" {
				t.Errorf("deepest first (-want +got):\n%s", diff)
			}
		})
	}
}

// Whatever the numbers are, a ranking names known components once.
func TestRankingsBearAnything(t *testing.T) {
	t.Parallel()
	values := rapid.SliceOfN(rapid.OneOf(rapid.Float64(), rapid.Just(math.NaN()), rapid.Just(math.Inf(1)), rapid.Just(3.0)), 0, 14)
	name := rapid.SampledFrom([]string{"entry", "a", "b", "store"})
	rapid.Check(t, func(rt *rapid.T) {
		p := shop()
		for range rapid.IntRange(0, 8).Draw(rt, "tracks") {
			p.Tracks = append(p.Tracks, bench.Track{
				Component: name.Draw(rt, "component"), Target: rapid.Bool().Draw(rt, "target"), Falls: rapid.Bool().Draw(rt, "falls"),
				Normal: values.Draw(rt, "normal"), Window: values.Draw(rt, "window"),
			})
		}
		for _, m := range append(Methods("petshop"), Methods("nezha")...) {
			seen := map[string]bool{}
			for _, n := range m.Rank(p) {
				if seen[n] {
					rt.Errorf("%s names %q twice", m.Name, n)
				}
				seen[n] = true
			}
		}
	})
}

func TestRunLeavesOutColdStarts(t *testing.T) {
	t.Parallel()
	cold := shop(track("a", true, 9))
	cold.Tracks[0].Normal = nil
	panels := map[string]bench.Panel{"cold": cold, "warm": shop(track("a", true, 9))}
	out, err := Run(t.Context(), Methods("petshop"), []string{"cold", "warm"},
		func(id string) (bench.Panel, error) { return panels[id], nil }, func(int, int) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range out {
		if _, ok := o.Predictions["cold"]; ok || len(o.Predictions) != 1 || len(o.Times) != 1 {
			t.Errorf("%s: predictions %v, %d times; want those of the warm case", o.Method, o.Predictions, len(o.Times))
		}
	}
}

func TestRunTellsWhatFails(t *testing.T) {
	t.Parallel()
	torn := errors.New("cases/x.csv.gz: unexpected EOF")
	load := func(string) (bench.Panel, error) { return bench.Panel{}, torn }
	if _, err := Run(t.Context(), nil, []string{"x"}, load, func(int, int) {}); !errors.Is(err, torn) {
		t.Errorf("error %v, want that of the panel", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, nil, []string{"x"}, load, func(int, int) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
}

func TestCheckVoidsWhatDiffers(t *testing.T) {
	t.Parallel()
	known := References("petshop")[0]
	figures := func(off float64) func(string) (float64, bool) {
		return func(measure string) (float64, bool) {
			for _, f := range known.Figures {
				if f.Measure == measure {
					return f.Value + off, true
				}
			}
			return 0, false
		}
	}
	tests := map[string]struct {
		cases int
		get   func(string) (float64, bool)
		want  Verdict
	}{
		"the same":                {known.Cases, figures(0), Matches},
		"within tolerance":        {known.Cases, figures(-0.019), Matches},
		"too low":                 {known.Cases, figures(-0.021), Void},
		"too high":                {known.Cases, figures(0.021), Void},
		"not measured":            {known.Cases, func(string) (float64, bool) { return 0, false }, Void},
		"another number of cases": {known.Cases + 1, figures(0), NoReference},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, why := Check("petshop", known.Method, known.Group, tt.cases, tt.get)
			if got != tt.want || (why != "") != (got == Void) {
				t.Errorf("got %q (%q), want %q", got, why, tt.want)
			}
		})
	}
}

func TestEveryMethodHasAReference(t *testing.T) {
	t.Parallel()
	for _, set := range []string{"petshop", "nezha"} {
		known := map[string]bool{}
		for _, r := range References(set) {
			known[r.Method] = true
			if r.Source == "" || len(r.Figures) == 0 || r.Kind != Measured && r.Kind != Published {
				t.Errorf("%s: %+v is not complete", set, r)
			}
		}
		for _, m := range Methods(set) {
			if !known[m.Name] {
				t.Errorf("%s: no figure is known for %q", set, m.Name)
			}
		}
	}
}
