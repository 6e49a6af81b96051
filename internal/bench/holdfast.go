package bench

import (
	"github.com/holdfast-sre/holdfast/internal/detect"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// Holdfast is the detector as production runs it: point by point.
func Holdfast() Detector {
	return Detector{Name: "Holdfast", Score: func(points []evidence.Point) ([]float64, int) {
		var s detect.Stream
		out := make([]float64, len(points))
		for i, p := range points {
			out[i] = s.Next(p.At, p.Value).Score
		}
		state, err := s.MarshalBinary()
		if err != nil {
			return out, 0
		}
		return out, len(state)
	}}
}
