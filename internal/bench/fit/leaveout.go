package fit

import (
	"slices"

	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/diagnose/calibration"
)

// LeftOut is what the engine says of a case when it has never heard of what is
// wrong: every class under which it would have named the culprit is taken out.
type LeftOut struct {
	Set         string
	ID          string
	Classes     []diagnose.CauseClass
	Answer      diagnose.Hypothesis
	Probability float64 // claimed for the first answer
}

// leaveOut diagnoses every case without its own cause classes, by weights and
// curves that never saw the case, nor any other without these classes.
func leaveOut(cases []Case, measures map[string]string, byFold [Folds]diagnose.Weights, curves [Folds][Folds]diagnose.Calibration) []LeftOut {
	var out []LeftOut
	for _, c := range cases {
		if c.calm {
			continue
		}
		l := LeftOut{Set: c.Set, ID: c.ID, Classes: c.rightClasses()}
		e := diagnose.New(byFold[c.fold], diagnose.WithCalibration(curves[c.fold][groupOf(l.Classes)]), diagnose.Without(l.Classes...))
		d := e.Diagnose(c.Input)
		if h, ok := d.Top(); ok {
			l.Answer, l.Probability = h, h.Probability
		}
		if measures[c.Set] == byComponent && len(d.Components) > 0 {
			l.Probability = d.Components[0].Probability
		}
		out = append(out, l)
	}
	return out
}

func (c Case) rightClasses() []diagnose.CauseClass {
	var out []diagnose.CauseClass
	for i, s := range c.Causes {
		if c.Right[i] && !slices.Contains(out, s.Class) {
			out = append(out, s.Class)
		}
	}
	return out
}

// Sure counts, of a set or, with an empty name, of all, the cases that are given
// a probability of .95 or more though their cause is unknown to the engine.
func (r Result) Sure(set string) calibration.Above {
	a := calibration.Above{Threshold: 0.95}
	all := 0
	for _, l := range r.LeftOut {
		if set != "" && l.Set != set {
			continue
		}
		all++
		if l.Probability >= a.Threshold {
			a.N++
		}
	}
	if all > 0 {
		a.Coverage = float64(a.N) / float64(all)
	}
	return a
}
