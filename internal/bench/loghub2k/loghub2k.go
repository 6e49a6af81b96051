// Package loghub2k names the files of loghub-2k: 2,000 lines of each of some
// systems, with the statements that wrote them.
package loghub2k

import "github.com/holdfast-sre/holdfast/internal/bench"

// Name of the set.
const Name = "loghub2k"

// Task returns the benchmark for miners; the first is Holdfast's.
func Task(miners ...bench.LogMiner) bench.Task { return bench.LogTask(Name, miners...) }
