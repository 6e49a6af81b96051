package detect_test

import (
	"cmp"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/holdfast-sre/holdfast/internal/detect"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// nasty are series that nobody means to send, by name.
func nasty() map[string][]evidence.Point {
	every := func(step time.Duration, n int, value func(i int) float64) []evidence.Point {
		out := make([]evidence.Point, n)
		for i := range out {
			out[i] = evidence.Point{At: monday.Add(time.Duration(i) * step), Value: value(i)}
		}
		return out
	}
	either := func(a, b float64) func(i int) float64 {
		return func(i int) float64 {
			if i%2 == 0 {
				return a
			}
			return b
		}
	}
	times := func(at ...time.Time) []evidence.Point {
		var out []evidence.Point
		for i := range 300 {
			out = append(out, evidence.Point{At: at[i%len(at)].Add(time.Duration(i)), Value: float64(i)})
		}
		return out
	}
	return map[string][]evidence.Point{
		"no number at all":         every(time.Minute, 500, func(int) float64 { return math.NaN() }),
		"infinities":               every(time.Minute, 500, either(math.Inf(1), math.Inf(-1))),
		"every other is no number": every(time.Minute, 500, either(7, math.NaN())),
		"the largest numbers":      every(time.Minute, 500, either(math.MaxFloat64, -math.MaxFloat64)),
		"the smallest numbers":     every(time.Minute, 500, either(math.SmallestNonzeroFloat64, -math.SmallestNonzeroFloat64)),
		"all magnitudes":           every(time.Minute, 2000, func(i int) float64 { return math.Pow(10, float64(i%600-300)) }),
		"from nothing to everything": every(time.Minute, 100, func(i int) float64 {
			if i < 99 {
				return float64(i%7) * 1e-300
			}
			return 1e300
		}),
		"minus zero":                every(time.Minute, 500, either(0, math.Copysign(0, -1))),
		"a constant":                every(time.Minute, 500, func(int) float64 { return 42 }),
		"a nanosecond apart":        every(time.Nanosecond, 500, func(i int) float64 { return float64(i) }),
		"a century apart":           every(100*365*24*time.Hour, 80, func(i int) float64 { return float64(i % 5) }),
		"all at once":               every(0, 500, func(i int) float64 { return float64(i) }),
		"backwards":                 every(-time.Minute, 500, func(i int) float64 { return float64(i) }),
		"before there was a clock":  times(time.Time{}, time.Unix(0, 0), time.Date(-5000, 1, 1, 0, 0, 0, 0, time.UTC)),
		"at the end of all clocks":  times(time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), time.Unix(1<<62, 0), time.Unix(-1<<62, 0)),
		"a gap of a year, then not": slices.Concat(every(time.Minute, 200, either(1, 2)), later(every(time.Minute, 200, either(1, 2)), 366*24*time.Hour)),
	}
}

// bounded checks what every verdict promises.
func bounded(t interface{ Fatalf(string, ...any) }, i int, v detect.Verdict) {
	if !(v.Score >= 0 && v.Score <= 1 && v.Unusual >= 0 && v.Unusual <= 1) || v.Kind > detect.KindSilent {
		t.Fatalf("verdict %d is %+v", i, v)
	}
}

func TestBadSeriesAreBounded(t *testing.T) {
	t.Parallel()
	for name, points := range nasty() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s detect.Stream
			for i, p := range points {
				bounded(t, i, s.Next(p.At, p.Value))
			}
			b, err := s.MarshalBinary()
			if err != nil || len(b) > 4096 {
				t.Fatalf("a state of %d bytes: %v", len(b), err)
			}
			var again detect.Stream
			if err := again.UnmarshalBinary(b); err != nil {
				t.Fatalf("the state can't be read: %v", err)
			}
			verdicts := detect.Scan(points)
			if len(verdicts) != len(points) {
				t.Fatalf("%d verdicts of %d points", len(verdicts), len(points))
			}
			for i, v := range verdicts {
				bounded(t, i, v)
			}
			for _, e := range detect.Events(points, verdicts) {
				if e.Alarm.Before(e.Onset) || e.Until.Before(e.Alarm) {
					t.Errorf("event %+v", e)
				}
			}
		})
	}
}

// A stream has no memory beside its state, whatever it is given: not a byte is
// allocated, so that no point can cost more than another. Not in parallel:
// allocations are counted in the whole process.
func TestNoPointTakesMemory(t *testing.T) {
	series := nasty()
	series["habit"] = habit(7)
	for name, points := range series {
		var s detect.Stream
		if n := testing.AllocsPerRun(1, func() {
			for _, p := range points {
				s.Next(p.At, p.Value)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations, want none", name, n)
		}
	}
}

// What is no number is missing: the points around it are judged as without it.
func TestWhatIsNoNumberIsLeftOut(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		points := drawn(t)
		var with []evidence.Point
		var at []int // of points in with
		for i, p := range points {
			for range rapid.IntRange(0, 2).Draw(t, "bad") {
				bad := rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), math.Inf(-1)}).Draw(t, "value")
				with = append(with, evidence.Point{At: p.At.Add(-time.Millisecond), Value: bad})
			}
			at = append(at, len(with))
			with = append(with, points[i])
		}
		got := detect.Scan(with)
		for i, want := range detect.Scan(points) {
			if got[at[i]] != want {
				t.Fatalf("point %d is %+v, want %+v", i, got[at[i]], want)
			}
		}
	})
}

// Points may come in any order, several of the same time among them: the verdict
// of a time is the same.
func TestNoOrderOfPointsMatters(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		points := drawn(t)
		for i := 1; i < len(points); i++ {
			if rapid.IntRange(0, 3).Draw(t, "same") == 0 {
				points[i].At = points[i-1].At
			}
		}
		mixed := slices.Clone(points)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "order"), 1))
		r.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
		if diff := gocmp.Diff(byTime(points), byTime(mixed)); diff != "" {
			t.Fatalf("(-one order +the other):\n%s", diff)
		}
	})
}

// byTime is the verdict of each time: of its points all but one count as usual.
func byTime(points []evidence.Point) map[time.Time]detect.Verdict {
	out := map[time.Time]detect.Verdict{}
	for i, v := range detect.Scan(points) {
		if at := points[i].At; v != (detect.Verdict{}) {
			out[at] = v
		} else if _, ok := out[at]; !ok {
			out[at] = v
		}
	}
	return out
}

func TestPointsThatComeTwiceChangeNothing(t *testing.T) {
	t.Parallel()
	points := habit(14)
	points[from].Value += 80
	var twice []evidence.Point
	for _, p := range points {
		twice = append(twice, p, p, p)
	}
	if diff := gocmp.Diff(byTime(points), byTime(twice)); diff != "" {
		t.Errorf("(-once +three times):\n%s", diff)
	}
}

// A scrape that comes when it likes: the rhythm is still known, and what breaks
// it still seen. An alarm a week is the most that is borne, and two where chance
// alone says when the next point comes.
func TestIrregularTimes(t *testing.T) {
	t.Parallel()
	const step, weeks = 10 * time.Minute, 4
	tests := map[string]struct {
		gap  func(r *rand.Rand) float64 // steps
		most int                        // events a week
	}{
		"jitter":           {func(r *rand.Rand) float64 { return 0.2 + 1.6*r.Float64() }, 1},
		"some are missing": {func(r *rand.Rand) float64 { return float64(1 + r.IntN(3)) }, 1},
		"by chance":        {func(r *rand.Rand) float64 { return r.ExpFloat64() }, 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(7, 8))
			var points []evidence.Point
			for at := monday; at.Before(monday.AddDate(0, 0, 7*weeks)); at = at.Add(time.Duration(tt.gap(r) * float64(step))) {
				rhythm := 40 * math.Sin(2*math.Pi*at.Sub(monday).Hours()/24)
				points = append(points, evidence.Point{At: at, Value: 100 + rhythm + 3*r.NormFloat64()})
			}
			if events := detect.Events(points, detect.Scan(points)); len(events) > tt.most*weeks {
				t.Errorf("%d events in %d quiet weeks, want at most %d a week: %+v", len(events), weeks, tt.most, events)
			}
			last := len(points) - 1
			points[last].Value += 80
			if v := detect.Scan(points)[last]; v.Unusual < detect.Alarm {
				t.Errorf("a spike at the end is %+v", v)
			}
		})
	}
}

// summer moves a rhythm that follows the clock on the wall by an hour, as on the
// day on which the clocks change.
func summer(by time.Duration, days int) (points []evidence.Point, change time.Time) {
	r := rand.New(rand.NewPCG(9, 10))
	change = monday.AddDate(0, 0, 20)
	for i := range days * 144 {
		at := monday.Add(time.Duration(i) * 10 * time.Minute)
		wall := at
		if !at.Before(change) {
			wall = at.Add(by)
		}
		rhythm := 40 * math.Sin(2*math.Pi*wall.Sub(monday).Hours()/24)
		points = append(points, evidence.Point{At: at, Value: 100 + rhythm + 3*r.NormFloat64()})
	}
	return points, change
}

// On the day of the change the habit is an hour off, which may be told; a week
// later the new one is known.
func TestChangesOfTheClockAreLearnt(t *testing.T) {
	t.Parallel()
	for name, by := range map[string]time.Duration{"spring": time.Hour, "autumn": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			points, change := summer(by, 41)
			told := 0
			for _, e := range detect.Events(points, detect.Scan(points)) {
				if e.Alarm.After(change) {
					told++
				}
				if late := e.Alarm.Sub(change); late > 7*24*time.Hour {
					t.Errorf("an event %s after the change: %+v", late, e)
				}
			}
			if told > 4 {
				t.Errorf("%d events after the change, want at most 4", told)
			}
		})
	}
}

// A time is the same wherever it is told, and in an hour that comes twice on the
// wall no point is lost.
func TestZonesDoNotMatter(t *testing.T) {
	t.Parallel()
	points := habit(8)
	elsewhere := slices.Clone(points)
	winter, warm := time.FixedZone("winter", 3600), time.FixedZone("summer", 7200)
	for i, p := range elsewhere {
		zone := warm
		if i > len(points)/2 {
			zone = winter
		}
		elsewhere[i].At = p.At.In(zone)
	}
	if diff := gocmp.Diff(detect.Scan(points), detect.Scan(elsewhere)); diff != "" {
		t.Errorf("(-UTC +elsewhere):\n%s", diff)
	}
}

// findings calls everything that looks at a window as a whole, and returns the
// numbers that came of it.
func findings(points []evidence.Point, limit float64) map[string]float64 {
	out := map[string]float64{}
	half := points[:len(points)/2]
	base := detect.NewBaseline(detect.Values(half))
	floor := detect.Floor{Abs: 0.1, Rel: 0.05}
	for name, x := range map[string]float64{"the largest": math.MaxFloat64, "no number": math.NaN(), "infinity": math.Inf(-1), "zero": 0} {
		out["deviation of "+name] = base.Deviation(x, floor)
		out["deviation without a floor of "+name] = base.Deviation(x, detect.Floor{})
	}
	out["median"], out["spread"], out["tail"] = base.Median, base.Spread, base.Tail
	if s, ok := detect.ChangePoint(points); ok {
		out["before"], out["after"], out["score"] = s.Before, s.After, s.Score
	}
	detect.Onset(points, base, floor, 4, detect.Either)
	if len(points) > 0 {
		m := evidence.Metric{Now: evidence.Series{Points: points}, Before: evidence.Series{Points: half}, Day: evidence.Series{Points: points}, Week: evidence.Series{Points: half}}
		detect.Began(m, base, never, points[0].At, detect.Up)
	}
	out["slope"] = detect.Slope(points)
	trend, _ := detect.Leak(points, limit)
	out["per second"], out["growth"], out["steady"], out["until"] = trend.PerSecond, trend.Growth, trend.Steady, trend.Until.Seconds()
	if e, ok := detect.NewEpisode(points, base, floor); ok {
		out["episode"] = e.Deviation
		if x, ok := e.Excess(half, base, floor); ok {
			out["excess"], out["excess before"] = x.Spreads, x.Before
		}
		if len(points) > 0 {
			out["strength"], _ = e.Strength(points[0].At)
		}
	}
	return out
}

func TestFindingsOfBadSeriesAreNumbers(t *testing.T) {
	t.Parallel()
	for name, points := range nasty() {
		for what, x := range findings(points, 1e6) {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				t.Errorf("%s: %s is %v", name, what, x)
			}
		}
	}
}

// What looks at a window as a whole does not care in which order its points come,
// those of the same time among them.
func TestNoOrderMattersForFindings(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		points := drawn(t)
		points = points[:min(len(points), 120)]
		for i := 1; i < len(points); i++ {
			if rapid.IntRange(0, 3).Draw(t, "same") == 0 {
				points[i].At = points[i-1].At
			}
		}
		mixed := slices.Clone(points)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "order"), 1))
		r.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
		base := detect.NewBaseline(detect.Values(points[:len(points)/2]))
		if diff := gocmp.Diff(looked(points, base), looked(mixed, base)); diff != "" {
			t.Fatalf("(-one order +the other):\n%s", diff)
		}
	})
}

func looked(points []evidence.Point, base detect.Baseline) []any {
	floor := detect.Floor{Abs: 0.1}
	shift, _ := detect.ChangePoint(points)
	onset, _ := detect.Onset(points, base, floor, 4, detect.Either)
	trend, _ := detect.Leak(points, 0)
	episode, _ := detect.NewEpisode(points, base, floor)
	excess, _ := episode.Excess(points, base, floor)
	strength, _ := episode.Strength(monday.Add(time.Hour))
	return []any{shift, onset, detect.Slope(points), trend, episode.Deviation, excess, strength}
}

// The work of what looks at every pair of points must not grow with their square.
// Memory stands for it: the pairs of 200,000 points would take 160 GB. Not in
// parallel: allocations are counted in the whole process.
func TestLongSeriesTakeLittleMemory(t *testing.T) {
	const n = 200_000
	points := make([]evidence.Point, n)
	for i := range points {
		points[i] = evidence.Point{At: monday.Add(time.Duration(n-i) * time.Second), Value: float64(n - i)} // backwards: sorted first
	}
	for name, find := range map[string]func(){
		"leak":         func() { detect.Leak(points, 1e9) },
		"slope":        func() { detect.Slope(points) },
		"change point": func() { detect.ChangePoint(points) },
		"episode":      func() { detect.NewEpisode(points, detect.Baseline{}, detect.Floor{}) },
		"scan":         func() { detect.Events(points, detect.Scan(points)) },
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		find()
		runtime.ReadMemStats(&after)
		const perPoint = 1000
		if got := (after.TotalAlloc - before.TotalAlloc) / n; got > perPoint {
			t.Errorf("%s allocates %d bytes a point, want at most %d", name, got, perPoint)
		}
	}
}

// anyPoints makes points of bytes: twelve each, three of them the time.
func anyPoints(b []byte) []evidence.Point {
	var out []evidence.Point
	for ; len(b) >= 12; b = b[12:] {
		at := monday.Add(time.Duration(int16(binary.BigEndian.Uint16(b))) * time.Duration(1<<(b[2]%40)))
		v := math.Float64frombits(binary.BigEndian.Uint64(b[4:]))
		if b[3]%2 == 0 {
			v = float64(int8(b[4]))
		}
		out = append(out, evidence.Point{At: at, Value: v})
	}
	return out
}

func seedPoints(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 3))
	for _, n := range []int{0, 12, 120, 1200} {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		f.Add(b)
		for i := 0; i+12 <= n; i += 12 {
			binary.BigEndian.PutUint16(b[i:], uint16(i/12))
			b[i+2], b[i+3] = 36, 0
		}
		f.Add(slices.Clone(b))
	}
}

// FuzzScan gives a window of anything, in any order: verdicts are bounded, and
// neither the order of points nor that of equal times matters.
func FuzzScan(f *testing.F) {
	seedPoints(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		points := anyPoints(b)
		for i, v := range detect.Scan(points) {
			bounded(t, i, v)
		}
		sorted := slices.Clone(points)
		slices.SortFunc(sorted, func(a, b evidence.Point) int {
			return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Value, b.Value))
		})
		// Times of one millisecond are one.
		for _, ps := range [][]evidence.Point{points, sorted} {
			for i := range ps {
				ps[i].At = ps[i].At.Truncate(time.Millisecond)
			}
		}
		if diff := gocmp.Diff(byTime(points), byTime(sorted)); diff != "" {
			t.Errorf("(-one order +the other):\n%s", diff)
		}
	})
}

// FuzzFindings gives a window of anything to what looks at it as a whole.
func FuzzFindings(f *testing.F) {
	seedPoints(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		points := anyPoints(b)
		for what, x := range findings(points, 1e6) {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				t.Errorf("%s is %v", what, x)
			}
		}
	})
}
