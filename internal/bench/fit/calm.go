package fit

import (
	"github.com/holdfast-sre/holdfast/internal/diagnose"
)

// Alarm is what the engine says of a case in which nothing is wrong.
type Alarm struct {
	Set         string
	ID          string
	Probability float64 // the larger of its first cause and its first component; 0 without one
}

// calm diagnoses the cases in which nothing is wrong, by weights and curves that
// never saw the stretch of time that they are from.
func calm(cases []Case, byFold [Folds]diagnose.Weights, curves [Folds]diagnose.Calibration) []Alarm {
	var out []Alarm
	for _, c := range cases {
		if !c.calm {
			continue
		}
		d := diagnose.New(byFold[c.fold], diagnose.WithCalibration(curves[c.fold])).Diagnose(c.Input)
		out = append(out, Alarm{Set: c.Set, ID: c.ID, Probability: d.Blames()})
	}
	return out
}

// Alarmed counts the cases of a set in which something is blamed with a
// probability of .5 and of .8 or more, and all of them.
func (r Result) Alarmed(set string) (half, high, all int) {
	for _, a := range r.Calm {
		if a.Set != set {
			continue
		}
		all++
		if a.Probability >= alarm {
			half++
		}
		if a.Probability >= 0.8 {
			high++
		}
	}
	return half, high, all
}
