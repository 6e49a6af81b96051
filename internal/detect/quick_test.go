package detect

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// A guess where a moment is among the samples saves a search and changes nothing.
func TestAGuessChangesNoStrength(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	minutes := rapid.SliceOfN(rapid.IntRange(0, 6), 3, 8)
	rapid.Check(t, func(rt *rapid.T) {
		var points []evidence.Point
		for i, m := range minutes.Draw(rt, "minutes") {
			points = append(points, evidence.Point{At: start.Add(time.Duration(m) * time.Minute), Value: float64(i * i)})
		}
		e, ok := NewEpisode(points, Baseline{}, Floor{})
		if !ok {
			return
		}
		at := start.Add(time.Duration(rapid.IntRange(-1, 14).Draw(rt, "half minutes")) * 30 * time.Second)
		want, known := e.strengthNear(at, len(e.at))
		for guess := range e.at {
			if got, ok := e.strengthNear(at, guess); got != want || ok != known {
				rt.Fatalf("guess %d: got %v, %v, want %v, %v", guess, got, ok, want, known)
			}
		}
	})
}

func TestSamplesInOrderAreNotCopied(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	points := []evidence.Point{{At: start, Value: 1}, {At: start, Value: 2}, {At: start.Add(time.Second), Value: 3}}
	if got := finitePoints(points); &got[0] != &points[0] || len(got) != 3 {
		t.Errorf("got %v, want the samples themselves", got)
	}
	points[0].At = start.Add(time.Minute)
	if got := finitePoints(points); &got[0] == &points[0] || got[2].Value != 1 || points[0].Value != 1 {
		t.Errorf("out of order: got %v of %v, want a sorted copy", got, points)
	}
}
