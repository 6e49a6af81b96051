package fit

import (
	"slices"

	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/diagnose/calibration"
)

// Weights learnt on held-back data do not undo that people wrote the rules with
// these cases at hand: new ones will be answered less well, by how much nobody
// knows. Two allowances: every right answer also counts as wrong a little, and
// the curve sees each case a second time with its cause class taken out of the
// engine, as if so many new cases had a cause that no rule knows. These are
// their largest sizes; see allowance.
const (
	doubt   = 0.02
	unheard = 0.06
)

// heldOut are the curves that did not see one fold each, and what they claim of
// its cases.
type heldOut struct {
	whole  diagnose.Calibration // of all folds
	curves [Folds]diagnose.Calibration
	// unheard are those for a case with its class taken out: nor did they see any
	// case of its group of classes taken out. What an unknown cause looks like
	// they learnt from other causes.
	unheard       [Folds][Folds]diagnose.Calibration
	seen, without []Claim
}

// holdOut fits the curves without each fold in turn.
func holdOut(seen, without []Claim, allow float64) heldOut {
	h := heldOut{seen: slices.Clone(seen), without: slices.Clone(without)}
	all := slices.Concat(without, seen)
	h.whole = fitCurves(all, allow)
	for f := range Folds {
		others := slices.DeleteFunc(slices.Clone(all), func(c Claim) bool { return c.fold == f })
		h.curves[f] = vouchAs(fitCurves(others, allow), h.whole)
		for g := range Folds {
			known := slices.DeleteFunc(slices.Clone(others), func(c Claim) bool { return c.unheard && c.group == g })
			h.unheard[f][g] = vouchAs(fitCurves(known, allow), h.whole)
		}
	}
	for i, c := range h.seen {
		h.seen[i].Probability = c.by(h.curves[c.fold])
	}
	for i, c := range h.without {
		h.without[i].Probability = c.by(h.unheard[c.fold][c.group])
	}
	return h
}

// vouchAs gives the curves the counts of whole ones: how many cases a profile
// has decides on the caps, and is not learnt from their labels.
func vouchAs(c, whole diagnose.Calibration) diagnose.Calibration {
	for _, x := range []struct{ to, from *diagnose.Curve }{{&c.Cause, &whole.Cause}, {&c.Component, &whole.Component}} {
		x.to.Features = x.from.Features
		for key, p := range x.from.Profiles {
			p.Shift = x.to.Profiles[key].Shift
			x.to.Profiles[key] = p
		}
	}
	return c
}

// The promises that a size of the allowances must keep on held-back cases.
const (
	keepTest     = 0.05 // Spiegelhalter's p, two-sided, of all sets
	keepSet      = 0.01 // of each set that has enough cases: too high in one does not make up for too low in another
	keepCoverage = 0.50 // share of cases that are given .95 or more
	keepBound    = 0.95 // lower bound of how many of these are right
	keepUnheard  = 0.02 // share given .95 or more though the class is unknown
)

// keeps reports whether the claims are as good as promised.
func (h heldOut) keeps() bool {
	r := measure(h.seen)
	sure := 0
	for _, c := range h.without {
		if c.Probability >= 0.95 {
			sure++
		}
	}
	for _, a := range r.Above {
		if a.Threshold == 0.95 && (a.Coverage < keepCoverage || a.Bound < keepBound) {
			return false
		}
	}
	for _, p := range h.bySet() {
		if r := calibration.Measure(p); r.N >= diagnose.EnoughCases && r.P < keepSet {
			return false
		}
	}
	return r.P >= keepTest && float64(sure) <= keepUnheard*float64(len(h.without))
}

// bySet are the claims about cases in which something is wrong.
func (h heldOut) bySet() map[string][]calibration.Prediction {
	out := map[string][]calibration.Prediction{}
	for _, c := range h.seen {
		if !c.calm {
			out[c.Set] = append(out[c.Set], calibration.Prediction{Probability: c.Probability, Right: c.Right})
		}
	}
	return out
}

// measure compares the claims about cases in which something is wrong with what
// came true.
func measure(list []Claim) calibration.Report {
	var ps []calibration.Prediction
	for _, c := range list {
		if !c.calm {
			ps = append(ps, calibration.Prediction{Probability: c.Probability, Right: c.Right})
		}
	}
	return calibration.Measure(ps)
}

// allowances are the sizes that are tried, the most cautious first.
func allowances() []float64 { return []float64{1, 0.5, 0.25, 0.1} }

// calibrate fits the curves with the largest allowance that keeps the promises
// on held-back cases; with the least when none does. The claims' probabilities come
// from curves without the case's fold: what can be hoped for on new data.
func calibrate(seen, without []Claim) (diagnose.Calibration, heldOut, float64) {
	var h heldOut
	var allow float64
	for _, allow = range allowances() {
		if h = holdOut(seen, without, allow); h.keeps() {
			break
		}
	}
	return h.whole, h, allow
}
