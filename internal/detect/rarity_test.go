package detect

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// usual is a rarity of a thousand values from 1 to 4.
func usual() rarity {
	var r rarity
	for i := range 1000 {
		r.add(1+float64(i%31)/10, 1)
	}
	return r
}

func TestAPeakThatLastsIsOneOccurrence(t *testing.T) {
	t.Parallel()
	tests := map[string][]float64{
		"one value":       {64},
		"a burst":         {50, 60, 64, 62, 55},
		"one that grows":  {20, 30, 40, 50, 64},
		"with usual ones": {64, 1, 2, 30, 3},
	}
	want := usual()
	want.add(64, 1)
	for name, values := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, last := usual(), peak{}
			for i, v := range values {
				got.addPeak(v, 1, uint32(i), &last)
			}
			for _, v := range []float64{16, 64, 128} {
				g, w := got.share(v), want.share(v)
				if g > w || g < 0.99*w { // usual values are counted, too
					t.Errorf("share of %v is %v, want about %v", v, g, w)
				}
			}
		})
	}
}

func TestPeaksApartAreCountedEach(t *testing.T) {
	t.Parallel()
	got, want, last := usual(), usual(), peak{}
	for i := range uint32(5) {
		got.addPeak(64, 1, 100*i, &last)
		want.add(64, 1)
	}
	if got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Whatever is added, no class is less than empty and all points are in the total.
func TestPeaksTakeNothingAway(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var r rarity
		var last peak
		n := rapid.IntRange(1, 300).Draw(t, "values")
		for i := range n {
			v := math.Exp(rapid.Float64Range(-30, 30).Draw(t, "logarithm"))
			r.addPeak(v, 1, uint32(i), &last)
			if s := r.share(v); s < 0 || s > 1 || math.IsNaN(s) {
				t.Fatalf("share %v", s)
			}
		}
		if r.Total != float32(n) {
			t.Errorf("total %v, want %d", r.Total, n)
		}
		for k, c := range r.Count {
			if c < 0 {
				t.Errorf("class %d has %v", k, c)
			}
		}
	})
}

// The sizes of a better predictor are as rare, in its measure, as those of the one
// before were in theirs.
func TestShrunkSizesAreAsRare(t *testing.T) {
	t.Parallel()
	a, b := usual(), usual()
	b.shrink(0.125)
	for _, v := range []float64{0.5, 2, 4, 16, 100} {
		if got, want := b.share(v/8), a.share(v); math.Abs(got-want) > 1e-9 {
			t.Errorf("share of %v/8 is %v, want %v", v, got, want)
		}
	}
	if b.shrink(0); b != (rarity{}) {
		t.Errorf("shrunk to nothing: %+v", b)
	}
}

func TestNothingIsImpossible(t *testing.T) {
	t.Parallel()
	r := usual()
	if s := r.share(1e300); s <= 0 || math.IsInf(1/s, 0) {
		t.Errorf("share %v, want more than nothing", s)
	}
}
