package template

import (
	"math"
	"testing"
)

// Sums of the negative binomial distribution, added up term by term.
func TestBetaShareIsATail(t *testing.T) {
	t.Parallel()
	for _, x := range []float64{0.01, 0.2, 0.5, 0.9} {
		for _, b := range []float64{0.5, 3, 40} {
			tail, term := 1.0, math.Pow(1-x, b) // of 0 failures
			for k := 1.0; k < 60; k++ {
				tail -= term
				if got := betaShare(x, k, b); math.Abs(got-tail) > 1e-9 {
					t.Errorf("I_%v(%v, %v) = %v, want %v", x, k, b, got, tail)
				}
				term *= x * (b + k - 1) / k
			}
		}
	}
}

func TestBetaShareAtTheEnds(t *testing.T) {
	t.Parallel()
	tests := []struct{ x, a, b, want float64 }{{0, 1, 1, 0}, {1, 1, 1, 1}, {0.3, 0, 2, 1}, {0.3, 2, 0, 0}, {0.25, 1, 1, 0.25}, {0.5, 1e6, 1e6, 0.5}}
	for _, tt := range tests {
		if got := betaShare(tt.x, tt.a, tt.b); math.Abs(got-tt.want) > 1e-6 {
			t.Errorf("I_%v(%v, %v) = %v, want %v", tt.x, tt.a, tt.b, got, tt.want)
		}
	}
}
