package detect_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/holdfast-sre/holdfast/internal/detect"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// course is one window of a series a sample a minute, with a little noise.
func course(start time.Time, n int, level func(i int) float64) []evidence.Point {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	out := make([]evidence.Point, n)
	for i := range out {
		out[i] = evidence.Point{At: start.Add(time.Duration(i) * time.Minute), Value: level(i) * (1 + 0.02*r.NormFloat64())}
	}
	return out
}

func never(float64) bool { return false }

func steady(v float64) func(int) float64 { return func(int) float64 { return v } }

func TestBegan(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC)
	before := start.Add(-2 * time.Hour)
	stepAt := func(at int, low, high float64) func(int) float64 {
		return func(i int) float64 {
			if i < at {
				return low
			}
			return high
		}
	}
	for _, tt := range []struct {
		name   string
		metric evidence.Metric
		want   int // minutes into the window; how much later is allowed
		slack  int
	}{
		{
			name: "another day was at half the level, the trouble came later",
			metric: evidence.Metric{
				Day: evidence.Series{Points: course(start.Add(-24*time.Hour), 120, steady(50))},
				Now: evidence.Series{Points: course(start, 120, stepAt(90, 100, 500))},
			},
			want: 90, slack: 3,
		},
		{
			name: "the window before was calm",
			metric: evidence.Metric{
				Before: evidence.Series{Points: course(before, 120, steady(50))},
				Now:    evidence.Series{Points: course(start, 120, stepAt(90, 50, 500))},
			},
			want: 90, slack: 3,
		},
		{
			name: "trouble that grows",
			metric: evidence.Metric{
				Before: evidence.Series{Points: course(before, 120, steady(50))},
				Now: evidence.Series{Points: course(start, 120, func(i int) float64 {
					switch {
					case i < 20:
						return 50
					case i < 80:
						return 150
					}
					return 400
				})},
			},
			want: 20, slack: 3,
		},
		{
			name: "slight trouble that was over before the grave one",
			metric: evidence.Metric{
				Before: evidence.Series{Points: course(before, 120, steady(50))},
				Now: evidence.Series{Points: course(start, 120, func(i int) float64 {
					switch {
					case i >= 58:
						return 500
					case i >= 20 && i < 50 && i%8 != 0:
						return 90
					}
					return 50
				})},
			},
			want: 58, slack: 3,
		},
		{
			name: "trouble that began with the window",
			metric: evidence.Metric{
				Before: evidence.Series{Points: course(before, 120, steady(50))},
				Now:    evidence.Series{Points: course(start, 120, stepAt(70, 150, 500))},
			},
			want: 0, slack: 0,
		},
		{
			name: "long trouble that rises a little again",
			metric: evidence.Metric{
				Before: evidence.Series{Points: course(before, 120, steady(50))},
				Now: evidence.Series{Points: course(start, 240, func(i int) float64 {
					switch {
					case i < 60:
						return 50
					case i < 200:
						return 500
					}
					return 650
				})},
			},
			want: 60, slack: 3,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := tt.metric
			usual := detect.NewBaseline(detect.Values(m.Before.Points), detect.Values(m.Day.Points))
			left, ok := detect.Onset(m.Now.Points, usual, detect.Floor{Rel: 0.1}, 4, detect.Up)
			if !ok {
				t.Fatal("the series does not leave its band")
			}
			in := func(v float64) bool { return usual.Deviation(v, detect.Floor{Rel: 0.1}) < 4 }
			got := detect.Began(m, usual, in, left, detect.Up)
			if late := got.Sub(start.Add(time.Duration(tt.want) * time.Minute)); late < 0 || late > time.Duration(tt.slack)*time.Minute {
				t.Errorf("began %v, want %d min into the window, at most %d later", got, tt.want, tt.slack)
			}
		})
	}
}

func TestBeganWithoutSamples(t *testing.T) {
	t.Parallel()
	left := time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC)
	if got := detect.Began(evidence.Metric{}, detect.Baseline{}, never, left, detect.Either); !got.Equal(left) {
		t.Errorf("got %v, want the moment that was given, %v", got, left)
	}
}

// TestBeganStaysInTheWindow gives it anything: the answer is a moment from left on
// that the window has.
func TestBeganStaysInTheWindow(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		start := time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC)
		window := func(name string) []evidence.Point {
			return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) evidence.Point {
				v := rapid.OneOf(rapid.Float64(), rapid.Just(math.NaN()), rapid.Float64Range(0, 10)).Draw(t, "value")
				at := start.Add(time.Duration(rapid.IntRange(-10_000, 10_000).Draw(t, "at")) * time.Second)
				return evidence.Point{At: at, Value: v}
			}), 0, 150).Draw(t, name)
		}
		m := evidence.Metric{
			Now: evidence.Series{Points: window("now")}, Before: evidence.Series{Points: window("before")},
			Day: evidence.Series{Points: window("day")}, Week: evidence.Series{Points: window("week")},
		}
		left := start
		in := func(float64) bool { return rapid.Bool().Draw(t, "usual") }
		got := detect.Began(m, detect.NewBaseline(detect.Values(m.Before.Points)), in, left, detect.Either)
		if got.Equal(left) {
			return
		}
		for _, p := range m.Now.Points {
			if p.At.Equal(got) && got.After(left) {
				return
			}
		}
		t.Fatalf("began %v, which is no sample of the window after %v", got, left)
	})
}
