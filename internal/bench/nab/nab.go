// Package nab names the files of the Numenta Anomaly Benchmark (Lavin & Ahmad,
// "Evaluating Real-time Anomaly Detection Algorithms", ICMLA 2015): series with
// windows in which something is anomalous.
package nab

import (
	"time"

	"github.com/holdfast-sre/holdfast/internal/bench"
)

// Name of the set.
const Name = "nab"

// Task returns the benchmark for detectors; the first is Holdfast's.
func Task(detectors ...bench.Detector) bench.Task {
	return bench.SeriesTask(Name, time.DateTime, detectors...)
}
