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
// knows. Two allowances, both set beforehand and not fitted: every right answer
// also counts as wrong a little, and the curve sees each case a second time with
// its cause class taken out of the engine, as if so many new cases had a cause
// that no rule knows.
const (
	doubt   = 0.01
	unheard = 0.03
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
	unheard bool // the class of the cause was taken out of the engine
	// Probability is that of a curve that never saw the case's fold either.
	Probability float64
}

// calibrate reads what each case's own fold of weights answers, and fits the
// curves on all of it. The claims' own probabilities come from curves without
// the case's fold: they are what can be hoped for on new data.
func calibrate(cases []Case, measures map[string]string, byFold [Folds]diagnose.Weights) (diagnose.Calibration, [Folds]diagnose.Calibration, []Claim) {
	var seen, all []Claim
	for _, c := range cases {
		if c.calm {
			continue
		}
		if cl, ok := claimOf(c, diagnose.New(byFold[c.fold]), measures[c.Set]); ok {
			seen = append(seen, cl)
		}
		if cl, ok := claimOf(c, diagnose.New(byFold[c.fold], diagnose.Without(c.rightClasses()...)), measures[c.Set]); ok {
			cl.unheard = true
			all = append(all, cl)
		}
	}
	all = append(all, seen...)
	whole := diagnose.Calibration{Version: 1, Cause: fitCurve(all, true, -1), Component: fitCurve(all, false, -1)}
	var curves [Folds]diagnose.Calibration
	for f := range Folds {
		curves[f] = diagnose.Calibration{Cause: fitCurve(all, true, f), Component: fitCurve(all, false, f)}
	}
	for i := range seen {
		c := &seen[i]
		if c.cause {
			c.Probability = curves[c.fold].Cause.Probability(c.Profile, c.Lead)
		} else {
			c.Probability = curves[c.fold].Component.Probability(c.Profile, c.Lead)
		}
	}
	return whole, curves, seen
}

// claimOf asks an engine for its answer; there may be none.
func claimOf(c Case, e *diagnose.Engine, measure string) (Claim, bool) {
	profile, cause, component, ok := e.Leads(c.Input)
	if !ok {
		return Claim{}, false
	}
	cl := Claim{Set: c.Set, ID: c.ID, Profile: profile, Lead: component, fold: c.fold, cause: measure == byCause}
	if cl.cause {
		cl.Lead = cause
	}
	if len(cl.Lead.Inputs) == 0 {
		return Claim{}, false // nothing is at fault, says the engine: that names no component
	}
	cl.Right = c.rightAbout(cl.Lead, cl.cause)
	return cl, true
}

// rightAbout looks the answer up among the causes of the case.
func (c Case) rightAbout(l diagnose.Lead, cause bool) bool {
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
func fitCurve(claims []Claim, cause bool, without int) diagnose.Curve {
	use := slices.DeleteFunc(slices.Clone(claims), func(c Claim) bool { return c.cause != cause || c.fold == without })
	curve := diagnose.Curve{
		Inputs: diagnose.LeadInputs(), Classes: map[diagnose.CauseClass]float64{},
		Profiles: map[string]diagnose.ProfileFitted{}, Features: map[diagnose.Feature]int{},
	}
	for _, c := range use {
		key := c.Profile.Key()
		p := curve.Profiles[key]
		curve.Classes[c.Lead.Class] = 0
		if !c.unheard {
			p.Cases++
			for _, f := range c.Lead.Features {
				curve.Features[f]++
			}
		}
		curve.Profiles[key] = p
	}
	profiles := slices.Sorted(maps.Keys(curve.Profiles))
	classes := slices.Sorted(maps.Keys(curve.Classes))
	m := calibration.Fit(rowsOf(use, profiles, classes), termsOf(len(profiles), len(classes)))
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

func rowsOf(claims []Claim, profiles []string, classes []diagnose.CauseClass) []calibration.Row {
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
			weight = unheard
		}
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
		{Penalty: holdInput, Sign: calibration.Positive},            // support
		{Penalty: holdInput, Sign: calibration.Positive},            // against, which is 0 or less
		{Penalty: holdInput, Sign: calibration.Positive},            // breadth
		{Penalty: holdInput, Sign: calibration.Negative},            // outside
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
