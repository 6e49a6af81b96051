package detect_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/holdfast-sre/holdfast/internal/detect"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

var monday = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// habit is a series with a day's rhythm and noise, a point every ten minutes.
func habit(days int) []evidence.Point {
	r := rand.New(rand.NewPCG(1, 2))
	var out []evidence.Point
	for i := range days * 144 {
		at := monday.Add(time.Duration(i) * 10 * time.Minute)
		rhythm := 40 * math.Sin(2*math.Pi*float64(i%144)/144)
		out = append(out, evidence.Point{At: at, Value: 100 + rhythm + 3*r.NormFloat64()})
	}
	return out
}

// from is where trouble starts in the series of habit(14).
const from = 12 * 144

func TestTroubleIsSeen(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	tests := map[string]struct {
		change    func(i int, v float64) float64 // i points after the start
		kinds     []detect.Kind
		direction detect.Direction
		within    int // points
	}{
		"a spike": {
			func(i int, v float64) float64 { return v + 80*when(i == 0) },
			[]detect.Kind{detect.KindSpike, detect.KindJump, detect.KindLevel},
			detect.Up, 0,
		},
		"a dip": {
			func(i int, v float64) float64 { return v - 80*when(i == 0) },
			[]detect.Kind{detect.KindSpike, detect.KindJump, detect.KindLevel},
			detect.Down, 0,
		},
		"a new level": {
			func(_ int, v float64) float64 { return v + 25 },
			[]detect.Kind{detect.KindLevel, detect.KindJump, detect.KindShift, detect.KindSpike},
			detect.Up, 6,
		},
		"noise": {
			func(_ int, v float64) float64 { return v + 20*r.NormFloat64() },
			[]detect.Kind{detect.KindWobble, detect.KindLevel, detect.KindJump, detect.KindSpike, detect.KindShift},
			detect.Either, 12,
		},
		"a leak": {
			func(i int, v float64) float64 { return v + 0.5*float64(i) },
			[]detect.Kind{detect.KindDrift, detect.KindLevel},
			detect.Up, 96,
		},
		"no rhythm": {
			func(i int, _ float64) float64 { return 100 + 3*r.NormFloat64() },
			[]detect.Kind{detect.KindLevel, detect.KindDrift, detect.KindSpike, detect.KindShift},
			detect.Down, 72,
		},
		"a value that is stuck": {
			func(int, float64) float64 { return 100 },
			[]detect.Kind{detect.KindStuck},
			detect.Either, 60,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			points := habit(14)
			for i := from; i < len(points); i++ {
				points[i].Value = tt.change(i-from, points[i].Value)
			}
			verdicts := detect.Scan(points)
			events := slices.DeleteFunc(detect.Events(points, verdicts), func(e detect.Event) bool { return e.Alarm.Before(points[from].At) })
			if name == "a value that is stuck" { // the level of the night is missing, too
				events = slices.DeleteFunc(events, func(e detect.Event) bool { return e.Kind != detect.KindStuck })
			}
			if len(events) == 0 {
				t.Fatal("no event")
			}
			e := events[0]
			if late := e.Alarm.Sub(points[from].At); late > time.Duration(tt.within)*10*time.Minute {
				t.Errorf("the alarm is %s late", late)
			}
			if !slices.Contains(tt.kinds, e.Kind) {
				t.Errorf("kind %s, want one of %v", e.Kind, tt.kinds)
			}
			if tt.direction != detect.Either && e.Direction != tt.direction {
				t.Errorf("direction %v, want %v", e.Direction, tt.direction)
			}
			if e.Onset.After(e.Alarm) || e.Until.Before(e.Alarm) || e.Score < detect.Alarm {
				t.Errorf("event %+v", e)
			}
		})
	}
}

func when(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// A rhythm that is lost shows before the day is over, whatever the noise.
func TestALostRhythmIsSeenWithinHours(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 5))
		points := habit(14)
		for i := from; i < len(points); i++ {
			points[i].Value = 100 + 3*r.NormFloat64()
		}
		late := slices.IndexFunc(detect.Scan(points)[from:], func(v detect.Verdict) bool { return v.Score >= detect.Alarm })
		if late < 0 || late > 24 {
			t.Errorf("seed %d: alarm after %d points, want at most 24", seed, late)
		}
	}
}

func TestUsualIsQuiet(t *testing.T) {
	t.Parallel()
	tests := map[string]func(i int, p evidence.Point) evidence.Point{
		"rhythm and noise":  func(_ int, p evidence.Point) evidence.Point { return p },
		"a constant":        func(_ int, p evidence.Point) evidence.Point { p.Value = 7; return p },
		"mostly zero":       func(i int, p evidence.Point) evidence.Point { p.Value = when(i%97 == 0); return p },
		"a ramp of a clock": func(i int, p evidence.Point) evidence.Point { p.Value = float64(i); return p },
		"summer time": func(i int, p evidence.Point) evidence.Point {
			if i > 20*144 {
				p.At = p.At.Add(-time.Hour)
			}
			return p
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			points := habit(28)
			for i := range points {
				points[i] = change(i, points[i])
			}
			// Four weeks: an alarm a week is the most that is borne.
			if events := detect.Events(points, detect.Scan(points)); len(events) > 4 {
				t.Errorf("%d events, want at most 4: %+v", len(events), events)
			}
		})
	}
}

func TestMissingPointsAreToldOnce(t *testing.T) {
	t.Parallel()
	points := habit(14)
	gone := slices.Concat(points[:from], points[from+36:])
	verdicts := detect.Scan(gone)
	if v := verdicts[from]; v.Kind != detect.KindSilent || v.Score < detect.Alarm {
		t.Errorf("after six hours of silence: %+v", v)
	}
	for i, v := range verdicts[from+1 : from+30] {
		if v.Kind == detect.KindSilent {
			t.Errorf("point %d after the gap is silent, too: %+v", i+1, v)
		}
	}
}

func TestAYearOfSilenceStartsAnew(t *testing.T) {
	t.Parallel()
	var s detect.Stream
	points := habit(7)
	for _, p := range points {
		s.Next(p.At, p.Value)
	}
	if v := s.Next(points[len(points)-1].At.AddDate(1, 0, 0), 1e6); v.Kind != detect.KindSilent || v.Score < detect.Alarm {
		t.Errorf("the first point after a year: %+v", v)
	}
	got := follow(&s, later(points, 400*24*time.Hour))
	want := detect.Scan(slices.Concat([]evidence.Point{{At: points[len(points)-1].At.AddDate(1, 0, 0), Value: 1e6}}, later(points, 400*24*time.Hour)))
	if diff := cmp.Diff(want[1:], got); diff != "" {
		t.Errorf("what was learnt before still counts (-new +after the gap):\n%s", diff)
	}
}

func later(points []evidence.Point, by time.Duration) []evidence.Point {
	out := slices.Clone(points)
	for i := range out {
		out[i].At = out[i].At.Add(by)
	}
	return out
}

func follow(s *detect.Stream, points []evidence.Point) []detect.Verdict {
	var out []detect.Verdict
	for _, p := range points {
		out = append(out, s.Next(p.At, p.Value))
	}
	return out
}

// drawn is a series of a few hundred points with everything that may be in one.
func drawn(t *rapid.T) []evidence.Point {
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	n := rapid.IntRange(60, 600).Draw(t, "points")
	step := rapid.SampledFrom([]time.Duration{time.Second, time.Minute, 5 * time.Minute, time.Hour}).Draw(t, "step")
	points := make([]evidence.Point, n)
	level, at := 100.0, monday
	for i := range points {
		at = at.Add(step)
		switch r.IntN(60) {
		case 0:
			level += float64(r.IntN(200) - 100)
		case 1:
			at = at.Add(time.Duration(r.IntN(30)) * step)
		}
		points[i] = evidence.Point{At: at, Value: level + float64(r.IntN(20))}
		if r.IntN(80) == 0 {
			points[i].Value += float64(r.IntN(3000))
		}
	}
	return points
}

func TestShiftAndScaleDoNotMatter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		points := drawn(t)
		scale := rapid.SampledFrom([]float64{0.001, 0.5, 3, 1024, 1e6}).Draw(t, "scale")
		shift := rapid.SampledFrom([]float64{-1e5, 0, 17, 1 << 20}).Draw(t, "shift")
		moved := slices.Clone(points)
		for i := range moved {
			moved[i].Value = (moved[i].Value + shift) * scale
		}
		a, b := detect.Scan(points), detect.Scan(moved)
		for i := range a {
			if math.Abs(a[i].Unusual-b[i].Unusual) > 1e-3 {
				t.Fatalf("point %d: %v, and %v when shifted by %v and scaled by %v", i, a[i], b[i], shift, scale)
			}
		}
	})
}

func TestARestartAnywhereChangesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		points := drawn(t)
		cut := rapid.IntRange(0, len(points)).Draw(t, "cut")
		want := follow(&detect.Stream{}, points)
		var before, after detect.Stream
		got := follow(&before, points[:cut])
		b, err := before.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > 4096 {
			t.Fatalf("the state has %d bytes", len(b))
		}
		if err := after.UnmarshalBinary(b); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, append(got, follow(&after, points[cut:])...)); diff != "" {
			t.Fatalf("restart after %d points (-without +with):\n%s", cut, diff)
		}
	})
}

func TestTheOrderOfEqualTimesDoesNotMatter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		points := drawn(t)
		for i := 1; i < len(points); i += 3 {
			points[i].At = points[i-1].At
		}
		swapped := slices.Clone(points)
		for i := 1; i < len(points); i += 3 {
			swapped[i], swapped[i-1] = swapped[i-1], swapped[i]
		}
		if diff := cmp.Diff(detect.Scan(points), detect.Scan(swapped)); diff != "" {
			t.Fatalf("(-one order +the other):\n%s", diff)
		}
	})
}

func TestScanSortsByTime(t *testing.T) {
	t.Parallel()
	points := habit(8)
	mixed := slices.Clone(points)
	rand.New(rand.NewPCG(5, 6)).Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	want, got := map[time.Time]detect.Verdict{}, map[time.Time]detect.Verdict{}
	for i, v := range detect.Scan(points) {
		want[points[i].At] = v
	}
	for i, v := range detect.Scan(mixed) {
		got[mixed[i].At] = v
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-in order +mixed):\n%s", diff)
	}
}

func TestLatePointsAndGapsAreLeftOut(t *testing.T) {
	t.Parallel()
	points := habit(8)
	want := follow(&detect.Stream{}, points)
	var s detect.Stream
	for i, p := range points {
		if got := s.Next(p.At, p.Value); got != want[i] {
			t.Fatalf("point %d is %+v, want %+v", i, got, want[i])
		}
		for _, bad := range []evidence.Point{{At: p.At, Value: 1e9}, {At: p.At.Add(-time.Hour), Value: -1e9}, {At: p.At.Add(time.Second), Value: math.NaN()}, {At: p.At.Add(time.Second), Value: math.Inf(1)}} {
			if got := s.Next(bad.At, bad.Value); got != (detect.Verdict{}) {
				t.Fatalf("%+v is %+v, want it left out", bad, got)
			}
		}
	}
}

func TestWhatIsNotAStateIsRefused(t *testing.T) {
	t.Parallel()
	var s detect.Stream
	follow(&s, habit(2))
	good, err := s.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	other := slices.Clone(good)
	other[0]++
	full := slices.Concat(good[:1], slices.Repeat([]byte{0xff}, len(good)-1))
	for name, b := range map[string][]byte{"nothing": nil, "a part": good[:100], "more": append(slices.Clone(good), 0), "another version": other, "all ones": full} {
		kept := s
		if err := kept.UnmarshalBinary(b); err == nil {
			t.Errorf("%s is read as a state", name)
		}
		if kept != s {
			t.Errorf("%s changed the stream", name)
		}
	}
}

// FuzzStream feeds anything: bytes make times and values. Scores stay between 0
// and 1, and the state can be saved at any time.
func FuzzStream(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
	f.Add(slices.Repeat([]byte{0, 0, 0, 1, 0x7f, 0xef, 0xff, 0xff}, 100))
	f.Add(slices.Repeat([]byte{0x01, 0x00, 0x7f, 0xf8, 0, 0xff, 0xff, 0x80, 0x01, 0x02}, 80))
	f.Fuzz(func(t *testing.T, b []byte) {
		var s detect.Stream
		at := monday
		for ; len(b) >= 4; b = b[4:] {
			at = at.Add(time.Duration(int8(b[0])) * time.Duration(1<<(b[1]%48)))
			bits := uint64(b[2])<<56 | uint64(b[3])<<48 | uint64(b[0])
			v := s.Next(at, math.Float64frombits(bits))
			if math.IsNaN(v.Score) || v.Score < 0 || v.Score > 1 || v.Unusual < 0 || v.Unusual > 1 {
				t.Fatalf("verdict %+v", v)
			}
		}
		saved, err := s.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var read detect.Stream
		if err := read.UnmarshalBinary(saved); err != nil {
			t.Fatalf("a state that was saved is refused: %v", err)
		}
	})
}

// FuzzState reads anything as a state; what is accepted can go on.
func FuzzState(f *testing.F) {
	var s detect.Stream
	for i, p := range habit(3) {
		s.Next(p.At, p.Value)
		if i%60 == 0 {
			b, _ := s.MarshalBinary()
			f.Add(b, 3.0)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, x float64) {
		var s detect.Stream
		if s.UnmarshalBinary(b) != nil {
			return
		}
		for i := range 200 {
			if v := s.Next(monday.Add(time.Duration(i)*time.Minute), x*float64(i%7)); math.IsNaN(v.Score) || v.Score < 0 || v.Score > 1 {
				t.Fatalf("verdict %+v", v)
			}
		}
	})
}

func BenchmarkStream(b *testing.B) {
	for _, days := range []int{1, 30} {
		b.Run(fmt.Sprintf("points=%d", days*144), func(b *testing.B) {
			points := habit(days)
			b.ReportAllocs()
			for b.Loop() {
				var s detect.Stream
				for _, p := range points {
					s.Next(p.At, p.Value)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(points)), "ns/point")
			var s detect.Stream
			state, err := s.MarshalBinary()
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(len(state)), "bytes/series")
		})
	}
}
