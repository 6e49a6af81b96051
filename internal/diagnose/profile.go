package diagnose

import (
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// Profile says which kinds of evidence a diagnosis rests on: two diagnoses
// with different profiles are not equally reliable.
type Profile struct {
	// Kinds that came with something in them, sorted: cluster, database, logs,
	// metric, traces. What every investigation has (alerts, changes, the runtime's
	// answer, facts) does not count here.
	Kinds   []evidence.Kind
	Missing int // sources that did not answer
	Stale   int // sources with samples that are too old
}

// Key names the kinds: "cluster+logs", "none" without any.
func (p Profile) Key() string {
	if len(p.Kinds) == 0 {
		return "none"
	}
	names := make([]string, len(p.Kinds))
	for i, k := range p.Kinds {
		names[i] = string(k)
	}
	return strings.Join(names, "+")
}

// ProfileOf returns the profile of an input.
func ProfileOf(in Input) Profile { return newView(in).profile() }

func (v *view) profile() Profile {
	p := Profile{Missing: len(v.missing()), Stale: len(v.stale)}
	add := func(k evidence.Kind, there bool) {
		if there {
			p.Kinds = append(p.Kinds, k)
		}
	}
	anyPart := func(f func(*part) bool) bool {
		for _, q := range v.parts {
			if f(q) {
				return true
			}
		}
		return false
	}
	add(evidence.KindCluster, len(v.clusters) > 0)
	add(evidence.KindDatabase, len(v.databases) > 0)
	add(evidence.KindLogs, anyPart(func(q *part) bool { return len(q.lines) > 0 }))
	add(evidence.KindMetric, anyPart(func(q *part) bool { return slices.ContainsFunc(q.bands, func(b band) bool { return b.comparable }) }))
	add(evidence.KindTraces, len(v.traces) > 0)
	return p
}
