package fit

import (
	"maps"
	"math"
	"slices"

	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/diagnose/calibration"
)

// How firmly the curve is held: at "the raw log-odds are right" for the lead,
// at "no difference" for the rest.
const (
	holdLead    = 1.0
	holdInput   = 4.0
	holdProfile = 2.0
	holdClass   = 2.0
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
	// Probability is that of a curve that never saw the case's fold either.
	Probability float64
}

// calibrate reads what each case's own fold of weights answers, and fits the
// curves on all of it. The claims' own probabilities come from curves without
// the case's fold: they are what can be hoped for on new data.
func calibrate(cases []Case, measures map[string]string, byFold [Folds]diagnose.Weights) (diagnose.Calibration, [Folds]diagnose.Calibration, []Claim) {
	var engines [Folds]*diagnose.Engine
	for f, w := range byFold {
		engines[f] = diagnose.New(w)
	}
	var claims []Claim
	for _, c := range cases {
		profile, cause, component, ok := engines[c.fold].Leads(c.Input)
		if !ok {
			continue // no answer: nothing is claimed
		}
		cl := Claim{Set: c.Set, ID: c.ID, Profile: profile, Lead: component, fold: c.fold, cause: measures[c.Set] == byCause}
		if cl.cause {
			cl.Lead = cause
		}
		if len(cl.Lead.Inputs) == 0 {
			continue // nothing is at fault, says the engine: that names no component
		}
		cl.Right = c.rightAbout(cl.Lead, cl.cause)
		claims = append(claims, cl)
	}
	whole := diagnose.Calibration{Version: 1, Cause: fitCurve(claims, true, -1), Component: fitCurve(claims, false, -1)}
	var curves [Folds]diagnose.Calibration
	for f := range Folds {
		curves[f] = diagnose.Calibration{Cause: fitCurve(claims, true, f), Component: fitCurve(claims, false, f)}
	}
	for i := range claims {
		c := &claims[i]
		if c.cause {
			c.Probability = curves[c.fold].Cause.Probability(c.Profile, c.Lead)
		} else {
			c.Probability = curves[c.fold].Component.Probability(c.Profile, c.Lead)
		}
	}
	return whole, curves, claims
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
		p.Cases++
		curve.Profiles[key] = p
		curve.Classes[c.Lead.Class] = 0
		for _, f := range c.Lead.Features {
			curve.Features[f]++
		}
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
	rows := make([]calibration.Row, 0, len(claims))
	for _, c := range claims {
		inputs := slices.Clone(c.Lead.Inputs)
		for _, p := range profiles {
			inputs = append(inputs, indicator(p == c.Profile.Key()))
		}
		for _, class := range classes {
			inputs = append(inputs, indicator(class == c.Lead.Class))
		}
		rows = append(rows, calibration.Row{Inputs: inputs, Right: c.Right})
	}
	return rows
}

// termsOf says how each input may work: more lead, margin and support never
// make an answer less sure, more against it never surer.
func termsOf(profiles, classes int) []calibration.Term {
	terms := []calibration.Term{
		{Start: 0.5, Penalty: holdLead, Sign: calibration.Positive}, // lead
		{Start: 0.5, Penalty: holdLead, Sign: calibration.Positive}, // margin
		{Start: 0, Penalty: holdInput, Sign: calibration.Positive},  // strongest
		{Start: 0, Penalty: holdInput, Sign: calibration.Positive},  // support
		{Start: 0, Penalty: holdInput, Sign: calibration.Positive},  // against, which is negative
		{Start: 0, Penalty: holdInput, Sign: calibration.Positive},  // breadth
		{Start: 0, Penalty: holdInput, Sign: calibration.Negative},  // outside
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
