package template_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/holdfast-sre/holdfast/internal/detect/template"
)

// steady is n lines in each of some bins.
func steady(bins, n int) []int {
	out := make([]int, bins)
	for i := range out {
		out[i] = n
	}
	return out
}

func TestShiftsNameWhatChanged(t *testing.T) {
	t.Parallel()
	const same, fresh, up, down, gone, rare template.ID = 1, 2, 3, 4, 5, 6
	before := template.Window{Bins: 30, Counts: map[template.ID][]int{
		same: steady(30, 20), up: steady(30, 5), down: steady(30, 50), gone: steady(30, 10), rare: {1},
	}}
	now := template.Window{Bins: 5, Counts: map[template.ID][]int{
		same: {19, 22, 20, 18, 21}, fresh: steady(5, 8), up: steady(5, 40), down: steady(5, 12),
	}}
	want := map[template.ID]struct {
		change template.Change
		alarm  bool
	}{
		same: {template.Fell, false}, fresh: {template.Appeared, true}, up: {template.Rose, true},
		down: {template.Fell, true}, gone: {template.Vanished, true}, rare: {template.Vanished, false},
	}
	got := template.Shifts(before, now)
	if len(got) != len(want) {
		t.Fatalf("%d shifts, want %d", len(got), len(want))
	}
	for i, s := range got {
		w := want[s.ID]
		if s.ID != same && s.Change != w.change || (s.Score >= 0.5) != w.alarm {
			t.Errorf("template %d is %s with score %.3f (P %.2g), want %s, alarm %v", s.ID, s.Change, s.Score, s.P, w.change, w.alarm)
		}
		if i > 0 && got[i-1].P > s.P {
			t.Errorf("shift %d is likelier than the one before", i)
		}
	}
}

// When nothing changes, hardly a window may raise an alarm: lines that come in
// bursts, and many templates of different frequency.
func TestQuietWindowsRaiseNoAlarm(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(11, 12))
	draw := func(rate, burst float64) int {
		n := 0
		for range poisson(r, rate/burst) {
			n += 1 + poisson(r, burst-1)
		}
		return n
	}
	const rounds = 200
	for _, burst := range []float64{1, 4} {
		alarms := 0
		for range rounds {
			before, now := template.Window{Bins: 30, Counts: map[template.ID][]int{}}, template.Window{Bins: 5, Counts: map[template.ID][]int{}}
			for id := range template.ID(40) {
				rate := 0.02 * math.Pow(1.2, float64(id))
				for range before.Bins {
					before.Counts[id] = append(before.Counts[id], draw(rate, burst))
				}
				for range now.Bins {
					now.Counts[id] = append(now.Counts[id], draw(rate, burst))
				}
			}
			for _, s := range template.Shifts(before, now) {
				if s.Score >= 0.5 {
					alarms++
					break
				}
			}
		}
		t.Logf("bursts of %.0f: %d of %d quiet windows with an alarm", burst, alarms, rounds)
		if alarms > rounds/10 {
			t.Errorf("bursts of %.0f: %d of %d quiet windows with an alarm, want few", burst, alarms, rounds)
		}
	}
}

func poisson(r *rand.Rand, mean float64) int {
	if mean > 50 {
		return max(0, int(math.Round(mean+math.Sqrt(mean)*r.NormFloat64())))
	}
	n, p := 0, r.Float64()
	for limit := math.Exp(-mean); p > limit; n++ {
		p *= r.Float64()
	}
	return n
}

func TestShiftsAreProbabilities(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		window := func(name string) template.Window {
			w := template.Window{Bins: rapid.IntRange(0, 6).Draw(t, name+" bins"), Counts: map[template.ID][]int{}}
			for id := range template.ID(4) {
				w.Counts[id] = rapid.SliceOfN(rapid.IntRange(-1, 1_000_000_000), 0, w.Bins).Draw(t, name)
			}
			return w
		}
		before, now := window("before"), window("now")
		for _, s := range template.Shifts(before, now) {
			if !(s.P >= 0 && s.P <= 1 && s.Score >= 0 && s.Score <= 1) {
				t.Fatalf("P %v, score %v of %v after %v", s.P, s.Score, now.Counts[s.ID], before.Counts[s.ID])
			}
		}
	})
}

func TestMoreOfItIsLessLikely(t *testing.T) {
	t.Parallel()
	last := 1.0
	for n := 1; n < 100_000; n *= 2 {
		s := template.Shifts(
			template.Window{Bins: 10, Counts: map[template.ID][]int{1: {1, 0, 2, 1, 0, 1, 1, 2, 1, 1}}},
			template.Window{Bins: 1, Counts: map[template.ID][]int{1: {n}}},
		)[0]
		if s.P > last+1e-12 {
			t.Errorf("P of %d is %v, more than %v of fewer", n, s.P, last)
		}
		last = s.P
	}
	if last > 1e-9 {
		t.Errorf("P of 100000 lines after one a bin is %v", last)
	}
}

func TestCountsFollowTheirTemplates(t *testing.T) {
	t.Parallel()
	m := template.New(0)
	var ids []template.ID
	for _, user := range []string{"ana", "bo", "chen", "dede", "emil"} {
		ids = append(ids, m.Add([]byte("login of "+user+" was refused")), m.Add([]byte("took 3 ms")))
	}
	var w template.Window
	for i, id := range ids {
		w.Add(m.Current(id), i%4)
	}
	w.Add(1, -1)
	w.Add(1, 1<<40)
	want := template.Window{Bins: 4, Counts: map[template.ID][]int{
		m.Add([]byte("login of bo was refused")): {3, 0, 2},
		m.Add([]byte("took 4 ms")):               {0, 3, 0, 2},
	}}
	if diff := cmp.Diff(want, w); diff != "" {
		t.Errorf("window (-want, +got):\n%s", diff)
	}
}
