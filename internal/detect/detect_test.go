package detect_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/holdfast-sre/holdfast/internal/detect"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

var start = time.Date(2026, 11, 21, 14, 0, 0, 0, time.UTC)

func series(values ...float64) []evidence.Point {
	out := make([]evidence.Point, len(values))
	for i, v := range values {
		out[i] = evidence.Point{At: start.Add(time.Duration(i) * 15 * time.Second), Value: v}
	}
	return out
}

func at(i int) time.Time { return start.Add(time.Duration(i) * 15 * time.Second) }

func repeat(v float64, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = v
	}
	return out
}

func TestMedian(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		in   []float64
		want float64
	}{
		"none":           {nil, 0},
		"one":            {[]float64{7}, 7},
		"odd":            {[]float64{9, 1, 5}, 5},
		"even":           {[]float64{4, 1, 2, 3}, 2.5},
		"not finite":     {[]float64{math.NaN(), 3, math.Inf(1), math.Inf(-1)}, 3},
		"no overflow":    {[]float64{math.MaxFloat64, math.MaxFloat64}, math.MaxFloat64},
		"input is kept":  {[]float64{3, 2, 1}, 2},
		"negative":       {[]float64{-5, -1, -3}, -3},
		"one wild value": {[]float64{1, 1, 1, 1e9}, 1},
	}
	for name, tt := range tests {
		if got := detect.Median(tt.in); got != tt.want {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
	}
}

func TestDeviation(t *testing.T) {
	t.Parallel()
	floor := detect.Floor{Abs: 0.1}
	tests := map[string]struct {
		refs  []float64
		x     float64
		floor detect.Floor
		want  float64
	}{
		"no reference":               {nil, 5, floor, 0},
		"not a number":               {[]float64{1, 2, 3}, math.NaN(), floor, 0},
		"same as ever":               {repeat(2, 9), 2, detect.Floor{}, 0},
		"never moved, moves":         {repeat(0, 9), 1e-9, detect.Floor{}, detect.MaxDeviation},
		"never moved, floor":         {repeat(0, 9), 0.2, floor, 2},
		"below":                      {repeat(1, 9), 0.5, floor, -5},
		"share of the median counts": {repeat(100, 9), 150, detect.Floor{Rel: 0.25}, 2},
		"bounded":                    {repeat(0, 9), 1e300, floor, detect.MaxDeviation},
	}
	for name, tt := range tests {
		got := detect.NewBaseline(tt.refs).Deviation(tt.x, tt.floor)
		if math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
	}
}

func TestChangePoint(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		values []float64
		at     int // -1 = none
	}{
		"a step":              {append(repeat(1, 10), repeat(5, 10)...), 10},
		"a step down":         {append(repeat(5, 8), repeat(1, 12)...), 8},
		"flat":                {repeat(3, 20), -1},
		"one outlier":         {append(append(repeat(3, 10), 99), repeat(3, 10)...), -1},
		"too few":             {[]float64{1, 1, 5, 5}, -1},
		"empty":               {nil, -1},
		"no number among":     {append(append(repeat(1, 6), math.NaN()), repeat(5, 6)...), 7},
		"a step with outlier": {append(append(repeat(1, 5), 50), append(repeat(1, 5), repeat(5, 9)...)...), 11},
	}
	for name, tt := range tests {
		got, ok := detect.ChangePoint(series(tt.values...))
		if ok != (tt.at >= 0) || ok && !got.At.Equal(at(tt.at)) {
			t.Errorf("%s: got %+v (%v), want sample %d", name, got, ok, tt.at)
		}
	}
}

func TestOnset(t *testing.T) {
	t.Parallel()
	base := detect.NewBaseline(repeat(1, 10))
	floor := detect.Floor{Abs: 0.1}
	tests := map[string]struct {
		values []float64
		dir    detect.Direction
		want   int // -1 = none
	}{
		"leaves the band":               {append(repeat(1, 6), repeat(2, 4)...), detect.Up, 6},
		"abnormal from the first":       {repeat(2, 10), detect.Up, 0},
		"came back":                     {append(repeat(2, 5), repeat(1, 8)...), detect.Up, -1},
		"a dip in between":              {append(append(repeat(1, 4), 2, 2, 1), repeat(2, 5)...), detect.Up, 4},
		"an earlier spike is not it":    {append(append([]float64{1, 9}, repeat(1, 8)...), repeat(2, 3)...), detect.Up, 10},
		"falls, up asked":               {append(repeat(1, 6), repeat(0, 6)...), detect.Up, -1},
		"falls, down asked":             {append(repeat(1, 6), repeat(0, 6)...), detect.Down, 6},
		"falls, either asked":           {append(repeat(1, 6), repeat(0, 6)...), detect.Either, 6},
		"nothing":                       {nil, detect.Up, -1},
		"only samples without a number": {[]float64{math.NaN(), math.Inf(1)}, detect.Up, -1},
	}
	for name, tt := range tests {
		got, ok := detect.Onset(series(tt.values...), base, floor, 4, tt.dir)
		if ok != (tt.want >= 0) || ok && !got.Equal(at(tt.want)) {
			t.Errorf("%s: got %v (%v), want sample %d", name, got, ok, tt.want)
		}
	}
	if _, ok := detect.Onset(series(repeat(2, 9)...), detect.Baseline{}, floor, 4, detect.Up); ok {
		t.Error("an onset without any reference")
	}
}

func TestLeak(t *testing.T) {
	t.Parallel()
	climb := func(n int, f func(i int) float64) []float64 {
		out := make([]float64, n)
		for i := range out {
			out[i] = f(i)
		}
		return out
	}
	tests := map[string]struct {
		values []float64
		want   bool
	}{
		"steady climb":        {climb(20, func(i int) float64 { return 100 + 5*float64(i) }), true},
		"from zero":           {climb(20, func(i int) float64 { return 5 * float64(i) }), true},
		"climb with noise":    {climb(40, func(i int) float64 { return 100 + 5*float64(i) - 6*float64(i%6/5) }), true},
		"jump":                {append(repeat(100, 10), repeat(300, 10)...), false},
		"quick rise, plateau": {append(climb(5, func(i int) float64 { return 20 * float64(i) }), repeat(100, 30)...), false},
		"saw tooth":           {climb(40, func(i int) float64 { return 100 + 20*float64(i%4) }), false},
		"falls":               {climb(20, func(i int) float64 { return 100 - float64(i) }), false},
		"hardly":              {climb(20, func(i int) float64 { return 1000 + float64(i) }), false},
		"too few":             {climb(5, func(i int) float64 { return float64(i) }), false},
	}
	for name, tt := range tests {
		if got, ok := detect.Leak(series(tt.values...), 0); ok != tt.want {
			t.Errorf("%s: %+v, got %v", name, got, ok)
		}
	}
	got, _ := detect.Leak(series(climb(11, func(i int) float64 { return 10 * float64(i) })...), 200)
	if want := 150 * time.Second; got.Until != want {
		t.Errorf("the limit is reached in %v, want %v", got.Until, want)
	}
}

func drawSeries(rt *rapid.T) []float64 {
	return rapid.SliceOfN(rapid.Float64Range(-1000, 1000), 6, 60).Draw(rt, "values")
}

func TestFindingsDoNotDependOnUnits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		v := drawSeries(rt)
		// Powers of two scale floats exactly, so equal values stay equal.
		scale := math.Pow(2, float64(rapid.IntRange(-8, 8).Draw(rt, "scale")))
		scaled := make([]float64, len(v))
		for i := range v {
			scaled[i] = v[i] * scale
		}
		half := len(v) / 2
		a := detect.NewBaseline(v[:half]).Deviation(v[len(v)-1], detect.Floor{})
		b := detect.NewBaseline(scaled[:half]).Deviation(scaled[len(v)-1], detect.Floor{})
		if math.Abs(a-b) > 1e-6*max(1, math.Abs(a)) {
			rt.Errorf("deviation %v became %v", a, b)
		}
		x, okX := detect.ChangePoint(series(v...))
		y, okY := detect.ChangePoint(series(scaled...))
		if okX != okY || !x.At.Equal(y.At) || math.Abs(x.Score-y.Score) > 1e-9 {
			rt.Errorf("change point %+v became %+v", x, y)
		}
		if got, want := detect.Slope(series(scaled...)), scale*detect.Slope(series(v...)); math.Abs(got-want) > 1e-6*max(1, math.Abs(want)) {
			rt.Errorf("slope %v, want %v", got, want)
		}
	})
}

func TestDeviationDoesNotDependOnTheZero(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		v := rapid.SliceOfN(rapid.IntRange(-1000, 1000), 6, 60).Draw(rt, "values")
		shift := float64(rapid.IntRange(-5000, 5000).Draw(rt, "shift"))
		plain, moved := make([]float64, len(v)), make([]float64, len(v))
		for i := range v {
			plain[i], moved[i] = float64(v[i]), float64(v[i])+shift
		}
		floor := detect.Floor{Abs: 0.5}
		a := detect.NewBaseline(plain).Deviation(plain[0], floor)
		b := detect.NewBaseline(moved).Deviation(moved[0], floor)
		if math.Abs(a-b) > 1e-9 {
			rt.Errorf("deviation %v became %v", a, b)
		}
		x, _ := detect.ChangePoint(series(plain...))
		y, _ := detect.ChangePoint(series(moved...))
		if !x.At.Equal(y.At) {
			rt.Errorf("change point %v became %v", x.At, y.At)
		}
	})
}

func TestAFewWildValuesDoNotMoveTheBaseline(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(10, 50).Draw(rt, "n")
		wild := rapid.SliceOfN(rapid.Float64Range(-1e12, 1e12), 0, n/3).Draw(rt, "wild")
		b := detect.NewBaseline(repeat(10, n), wild)
		if b.Median != 10 || b.Spread != 0 {
			rt.Errorf("baseline %+v of %d calm and %d wild samples", b, n, len(wild))
		}
	})
}

func TestOnsetIsOneOfTheSamples(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		v := drawSeries(rt)
		base := detect.NewBaseline(v[:3])
		got, ok := detect.Onset(series(v...), base, detect.Floor{Abs: 1}, 4, detect.Either)
		if !ok {
			return
		}
		i := int(got.Sub(start) / (15 * time.Second))
		if i < 0 || i >= len(v) || !got.Equal(at(i)) {
			rt.Fatalf("onset %v is no sample", got)
		}
		if math.Abs(base.Deviation(v[i], detect.Floor{Abs: 1})) < 4 {
			rt.Errorf("the sample at the onset is in band")
		}
	})
}
