package bench

import (
	"unsafe"

	"github.com/holdfast-sre/holdfast/internal/detect"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// Holdfast is the detector as production runs it.
func Holdfast() Detector {
	return Detector{Name: "Holdfast", Score: func(points []evidence.Point) ([]float64, int) {
		out := make([]float64, len(points))
		for i, v := range detect.Scan(points) {
			out[i] = v.Score
		}
		return out, int(unsafe.Sizeof(detect.Stream{}))
	}}
}
