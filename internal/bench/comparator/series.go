package comparator

import "github.com/holdfast-sre/holdfast/internal/bench"

// Detectors returns what Holdfast's detector is compared with.
func Detectors() []bench.Detector { return nil }
