package fit

import (
	"maps"
	"math"
	"slices"

	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/diagnose/calibration"
)

// How firmly the curve is held: at half the raw log-odds for lead and margin, at
// "no difference" for the rest.
const (
	holdLead    = 1.0
	holdInput   = 4.0
	holdProfile = 2.0
	holdClass   = 2.0
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

// Claim is the first answer to one case, given by weights that never saw it.
type Claim struct {
	Set     string
	ID      string
	Profile diagnose.Profile
	Lead    diagnose.Lead
	Right   bool
	fold    int
	cause   bool // the labels name the cause, not only the component
	calm    bool // nothing is wrong
	unheard bool // the class of the cause was taken out of the engine
	// Probability is that of a curve that never saw the case's fold either.
	Probability float64
}

// claims are the answers to all cases by weights that never saw them; with the
// class of the cause taken out of the engine in the second list. Answers where
// nothing is wrong belong to the curve of their profile, if any does.
func claims(cases []Case, measures map[string]string, byFold [Folds]diagnose.Weights) (seen, without []Claim) {
	cause := map[string]bool{}
	for _, c := range cases {
		if c.calm {
			continue
		}
		about := measures[c.Set] == byCause
		cause[diagnose.ProfileOf(c.Input).Key()] = about
		if cl, ok := claimOf(c, diagnose.New(byFold[c.fold]), about); ok {
			seen = append(seen, cl)
		}
		if cl, ok := claimOf(c, diagnose.New(byFold[c.fold], diagnose.Without(c.rightClasses()...)), about); ok {
			cl.unheard = true
			without = append(without, cl)
		}
	}
	for _, c := range cases {
		about, known := cause[diagnose.ProfileOf(c.Input).Key()]
		if !c.calm || !known {
			continue
		}
		if cl, ok := claimOf(c, diagnose.New(byFold[c.fold]), about); ok {
			seen = append(seen, cl)
		}
	}
	return seen, without
}

// heldOut are the curves that did not see one fold each, and what they claim of
// its cases.
type heldOut struct {
	whole         diagnose.Calibration // of all folds
	curves        [Folds]diagnose.Calibration
	seen, without []Claim
}

// holdOut fits the curves without each fold in turn.
func holdOut(seen, without []Claim, allow float64) heldOut {
	h := heldOut{seen: slices.Clone(seen), without: slices.Clone(without)}
	all := slices.Concat(without, seen)
	h.whole = diagnose.Calibration{Version: 2, Cause: fitCurve(all, true, -1, allow), Component: fitCurve(all, false, -1, allow)}
	for f := range Folds {
		cause, component := fitCurve(all, true, f, allow), fitCurve(all, false, f, allow)
		vouchAs(&cause, h.whole.Cause)
		vouchAs(&component, h.whole.Component)
		h.curves[f] = diagnose.Calibration{Cause: cause, Component: component}
	}
	for _, list := range [][]Claim{h.seen, h.without} {
		for i := range list {
			c := &list[i]
			curve := h.curves[c.fold].Component
			if c.cause {
				curve = h.curves[c.fold].Cause
			}
			c.Probability = curve.Claim(c.Profile, c.Lead)
		}
	}
	return h
}

// vouchAs gives a curve the counts of the whole one: how many cases a profile
// has decides on the caps, and is not learnt from their labels.
func vouchAs(c *diagnose.Curve, whole diagnose.Curve) {
	c.Features = whole.Features
	for key, p := range whole.Profiles {
		p.Shift = c.Profiles[key].Shift
		c.Profiles[key] = p
	}
}

// The promises that a size of the allowances must keep on held-back cases.
const (
	keepTest     = 0.10 // Spiegelhalter's p, two-sided, of all sets
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

// claimOf asks an engine for its answer; there may be none.
func claimOf(c Case, e *diagnose.Engine, cause bool) (Claim, bool) {
	profile, first, component, ok := e.Leads(c.Input)
	if !ok {
		return Claim{}, false
	}
	cl := Claim{Set: c.Set, ID: c.ID, Profile: profile, Lead: component, fold: c.fold, cause: cause, calm: c.calm}
	if cl.cause {
		cl.Lead = first
	}
	if len(cl.Lead.Inputs) == 0 {
		return Claim{}, false // nothing is at fault, says the engine: that names no component
	}
	cl.Right = c.rightAbout(cl.Lead, cl.cause)
	return cl, true
}

// rightAbout looks the answer up among the causes of the case. Where nothing is
// wrong no component is the right one, not even that of which it is said.
func (c Case) rightAbout(l diagnose.Lead, cause bool) bool {
	if c.calm && !cause {
		return false
	}
	for i, s := range c.Causes {
		if s.Component != l.Component || cause && (s.Class != l.Class || s.Fault != l.Fault) {
			continue
		}
		if c.Right[i] {
			return true
		}
	}
	return false
}

// fitCurve fits the curve of one measure, without one fold (-1 = with all).
func fitCurve(claims []Claim, cause bool, without int, allow float64) diagnose.Curve {
	use := slices.DeleteFunc(slices.Clone(claims), func(c Claim) bool { return c.cause != cause || c.fold == without })
	curve := diagnose.Curve{
		Inputs: diagnose.LeadInputs(), Classes: map[diagnose.CauseClass]float64{},
		Profiles: map[string]diagnose.ProfileFitted{}, Features: map[diagnose.Feature]int{},
	}
	for _, c := range use {
		key := c.Profile.Key()
		p := curve.Profiles[key]
		curve.Classes[c.Lead.Class] = 0
		if !c.unheard && !c.calm {
			if p.Cases++; p.Cases == 1 || c.Profile.Missing < p.Missing {
				p.Missing = c.Profile.Missing
			}
			for _, f := range c.Lead.Features {
				curve.Features[f]++
			}
		}
		curve.Profiles[key] = p
	}
	profiles := slices.Sorted(maps.Keys(curve.Profiles))
	classes := slices.Sorted(maps.Keys(curve.Classes))
	m := calibration.Fit(rowsOf(use, profiles, classes, allow), termsOf(len(profiles), len(classes)))
	n := len(curve.Inputs)
	curve.Model = calibration.Model{Intercept: round3(m.Intercept), Coefficients: make([]float64, n)}
	for i := range n {
		curve.Model.Coefficients[i] = round3(m.Coefficients[i])
	}
	for i, name := range profiles {
		p := curve.Profiles[name]
		p.Shift = round3(m.Coefficients[n+i])
		curve.Profiles[name] = p
	}
	for i, class := range classes {
		curve.Classes[class] = round3(m.Coefficients[n+len(profiles)+i])
	}
	return curve
}

func rowsOf(claims []Claim, profiles []string, classes []diagnose.CauseClass, allow float64) []calibration.Row {
	rows := make([]calibration.Row, 0, 2*len(claims))
	for _, c := range claims {
		inputs := slices.Clone(c.Lead.Inputs)
		for _, p := range profiles {
			inputs = append(inputs, indicator(p == c.Profile.Key()))
		}
		for _, class := range classes {
			inputs = append(inputs, indicator(class == c.Lead.Class))
		}
		weight := 1.0
		if c.unheard {
			weight = unheard * allow
		}
		doubt := doubt * allow
		if !c.Right {
			rows = append(rows, calibration.Row{Inputs: inputs, Weight: weight})
			continue
		}
		rows = append(rows,
			calibration.Row{Inputs: inputs, Right: true, Weight: weight * (1 - doubt)},
			calibration.Row{Inputs: inputs, Weight: weight * doubt})
	}
	return rows
}

// termsOf says how each input may work: more lead, margin and support never
// make an answer less sure, more against it never surer.
func termsOf(profiles, classes int) []calibration.Term {
	terms := []calibration.Term{
		{Start: 0.5, Penalty: holdLead, Sign: calibration.Positive}, // lead
		{Start: 0.5, Penalty: holdLead, Sign: calibration.Positive}, // margin
		{Penalty: holdInput, Sign: calibration.Positive},            // strongest
		{Penalty: holdInput, Sign: calibration.Positive},            // against, which is 0 or less
		{Penalty: holdInput, Sign: calibration.Positive},            // breadth
		{Penalty: holdInput, Sign: calibration.Negative},            // outside
		{Penalty: holdInput, Sign: calibration.Positive},            // symptom
		{Penalty: holdInput, Sign: calibration.Positive},            // shift
	}
	for range profiles {
		terms = append(terms, calibration.Term{Penalty: holdProfile})
	}
	for range classes {
		terms = append(terms, calibration.Term{Penalty: holdClass})
	}
	return terms
}

func indicator(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func round3(x float64) float64 { return math.Round(x*1000) / 1000 }
