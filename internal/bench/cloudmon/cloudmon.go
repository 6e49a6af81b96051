// Package cloudmon names the files of Microsoft's Cloud Monitoring Dataset:
// telemetry of services in production, with points that their experts call
// anomalous.
package cloudmon

import (
	"time"

	"github.com/holdfast-sre/holdfast/internal/bench"
)

// Name of the set.
const Name = "cloudmon"

// Task returns the benchmark for detectors; the first is Holdfast's.
func Task(detectors ...bench.Detector) bench.Task {
	return bench.SeriesTask(Name, time.RFC3339, detectors...)
}
