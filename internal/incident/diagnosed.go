package incident

import (
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/outside"
)

// The bounds of what is kept of the checks: what a person reads at night.
const (
	maxObservations = 24
	maxObservation  = 420
)

// Diagnosed makes d what the incident shows: its hypotheses, what is abnormal,
// and, bounded, what the checks saw and ruled out.
func (i *Incident) Diagnosed(d diagnose.Diagnosis) {
	i.Hypotheses, i.Abnormal = d.Hypotheses, d.Abnormal
	i.Observed, i.RuledOut = bounded(d.Observed), bounded(d.RuledOut)
}

func bounded(all []diagnose.Observation) []diagnose.Observation {
	var out []diagnose.Observation
	for _, o := range all[:min(len(all), maxObservations)] {
		out = append(out, diagnose.Observation{Text: outside.Line(o.Text, maxObservation), Evidence: o.Evidence})
	}
	return out
}
