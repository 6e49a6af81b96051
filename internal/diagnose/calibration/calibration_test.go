package calibration_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/holdfast-sre/holdfast/internal/diagnose/calibration"
)

func TestBounds(t *testing.T) {
	t.Parallel()
	// When all of n are right the exact bound is .05^(1/n), and Wilson's low end
	// n/(n+z²).
	tests := map[string]struct {
		right, n         int
		lower, low, high float64
	}{
		"none seen":       {0, 0, 0, 0, 1},
		"none right":      {0, 10, 0, 0, 0.2775328},
		"all of ten":      {10, 10, 0.7411344, 0.7224672, 1},
		"nine of ten":     {9, 10, 0.6058367, 0.5958500, 0.9821238},
		"all of 59":       {59, 59, 0.9504926, 0.9388714, 1},
		"one of 100 miss": {99, 100, 0.9534386, 0.9455137, 0.9982326},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := calibration.LowerBound(tt.right, tt.n); math.Abs(got-tt.lower) > 1e-4 {
				t.Errorf("lower bound %.6f, want %.6f", got, tt.lower)
			}
			got := calibration.Wilson(tt.right, tt.n)
			if math.Abs(got.Low-tt.low) > 1e-4 || math.Abs(got.High-tt.high) > 1e-4 {
				t.Errorf("Wilson %.6f … %.6f, want %.6f … %.6f", got.Low, got.High, tt.low, tt.high)
			}
		})
	}
}

// claims makes predictions whose truth follows of(p).
func claims(seed uint64, n int, of func(float64) float64) []calibration.Prediction {
	r := rand.New(rand.NewPCG(seed, 1))
	out := make([]calibration.Prediction, n)
	for i := range out {
		p := r.Float64()
		out[i] = calibration.Prediction{Probability: p, Right: r.Float64() < of(p)}
	}
	return out
}

func TestMeasureTellsHonestFromOverconfident(t *testing.T) {
	t.Parallel()
	honest := calibration.Measure(claims(1, 4000, func(p float64) float64 { return p }))
	if honest.P < 0.05 || honest.ECE > 0.03 || math.Abs(honest.Skill-1.0/3) > 0.05 {
		t.Errorf("honest claims: p %.3f, ECE %.3f, skill %.3f", honest.P, honest.ECE, honest.Skill)
	}
	bold := calibration.Measure(claims(2, 4000, func(p float64) float64 { return 0.5 + (p-0.5)/3 }))
	if bold.P > 1e-6 || bold.ECE < 0.1 {
		t.Errorf("overconfident claims pass: p %.3f, ECE %.3f", bold.P, bold.ECE)
	}
}

func TestMeasureCountsAboveThresholds(t *testing.T) {
	t.Parallel()
	r := calibration.Measure([]calibration.Prediction{{0.99, true}, {0.96, true}, {0.96, false}, {0.4, false}})
	var got calibration.Above
	for _, a := range r.Above {
		if a.Threshold == 0.95 {
			got = a
		}
	}
	got.Bound = 0
	want := calibration.Above{Threshold: 0.95, N: 3, Right: 2, Coverage: 0.75, Precision: 2.0 / 3}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("above .95 (-want +got):\n%s", diff)
	}
	if r.Base != 0.5 || r.N != 4 {
		t.Errorf("base %.2f of %d", r.Base, r.N)
	}
}

func TestMeasureBearsAnything(t *testing.T) {
	t.Parallel()
	odd := []calibration.Prediction{{math.NaN(), true}, {-3, false}, {7, true}, {math.Inf(1), false}}
	for _, ps := range [][]calibration.Prediction{nil, odd, odd[:1], {{1, true}}, {{0, false}}} {
		r := calibration.Measure(ps)
		for _, x := range []float64{r.Brier, r.Skill, r.Z, r.P, r.ECE, r.Base} {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				t.Errorf("%v: a figure is %v: %+v", ps, x, r)
			}
		}
	}
}

func TestMeasureIgnoresTheOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		ps := claims(rapid.Uint64().Draw(rt, "seed"), 30, func(p float64) float64 { return p })
		other := rapid.Permutation(ps).Draw(rt, "order")
		if diff := cmp.Diff(calibration.Measure(ps), calibration.Measure(other)); diff != "" {
			rt.Fatalf("depends on the order:\n%s", diff)
		}
	})
}

func TestFitFindsTheCurve(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 3))
	var rows []calibration.Row
	for range 5000 {
		x, noise := r.NormFloat64(), r.NormFloat64()
		p := calibration.Logistic(0.5 + 2*x)
		rows = append(rows, calibration.Row{Inputs: []float64{x, noise}, Right: r.Float64() < p})
	}
	m := calibration.Fit(rows, []calibration.Term{{Penalty: 0.01}, {Penalty: 0.01}})
	if math.Abs(m.Intercept-0.5) > 0.1 || math.Abs(m.Coefficients[0]-2) > 0.15 || math.Abs(m.Coefficients[1]) > 0.1 {
		t.Errorf("got %+v, want .5, 2, 0", m)
	}
}

func TestFitKeepsItsBounds(t *testing.T) {
	t.Parallel()
	var rows []calibration.Row
	for i := range 100 {
		rows = append(rows, calibration.Row{Inputs: []float64{float64(i % 10)}, Right: i%10 < 3})
	}
	if m := calibration.Fit(rows, []calibration.Term{{Start: 1, Penalty: 0.1, Sign: calibration.Positive}}); m.Coefficients[0] != 0 {
		t.Errorf("a positive term fell to %v", m.Coefficients[0])
	}
	if m := calibration.Fit(nil, []calibration.Term{{Start: 1}}); m.Coefficients[0] != 1 {
		t.Errorf("without rows the term left its start: %v", m)
	}
	perfect := calibration.Fit([]calibration.Row{{Inputs: []float64{1}, Right: true}, {Inputs: []float64{-1}}}, []calibration.Term{{Penalty: 0.1}})
	if c := perfect.Coefficients[0]; math.IsNaN(c) || c > 10 {
		t.Errorf("separable data ran away: %v", c)
	}
}

func TestSVGIsXML(t *testing.T) {
	t.Parallel()
	svg := calibration.Measure(claims(4, 200, func(p float64) float64 { return p })).SVG(`a "title" & <more>`)
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
