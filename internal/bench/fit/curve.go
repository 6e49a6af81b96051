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

// fitCurves fits the curves of both measures.
func fitCurves(claims []Claim, allow float64) diagnose.Calibration {
	return diagnose.Calibration{Version: 2, Cause: fitCurve(claims, true, allow), Component: fitCurve(claims, false, allow)}
}

// fitCurve fits the curve of one measure.
func fitCurve(claims []Claim, cause bool, allow float64) diagnose.Curve {
	use := slices.DeleteFunc(slices.Clone(claims), func(c Claim) bool { return c.cause != cause })
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
