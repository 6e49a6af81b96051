package diagnose_test

import (
	"math"
	"testing"

	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/diagnose/calibration"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

func TestBlamesIsTheLargerOfCauseAndComponent(t *testing.T) {
	t.Parallel()
	h := func(c diagnose.CauseClass, p float64) diagnose.Hypothesis {
		return diagnose.Hypothesis{CauseClass: c, Component: "db", Probability: p}
	}
	suspects := func(p ...float64) (out []diagnose.Suspect) {
		for _, x := range p {
			out = append(out, diagnose.Suspect{Component: "db", Probability: x})
		}
		return out
	}
	tests := map[string]struct {
		d    diagnose.Diagnosis
		want float64
	}{
		"nothing at all":                          {diagnose.Diagnosis{}, 0},
		"a cause":                                 {diagnose.Diagnosis{Hypotheses: []diagnose.Hypothesis{h(diagnose.BadDeploy, .7), h(diagnose.Unknown, .3)}}, .7},
		"two causes of one component":             {diagnose.Diagnosis{Hypotheses: []diagnose.Hypothesis{h(diagnose.SlowQuery, .4), h(diagnose.LockContention, .4)}, Components: suspects(.8)}, .8},
		"a cause surer than its component":        {diagnose.Diagnosis{Hypotheses: []diagnose.Hypothesis{h(diagnose.SlowQuery, .9)}, Components: suspects(.6)}, .9},
		"healthy blames nobody":                   {diagnose.Diagnosis{Hypotheses: []diagnose.Hypothesis{h(diagnose.Healthy, .9), h(diagnose.SlowQuery, .05)}}, 0},
		"healthy, and a component under it":       {diagnose.Diagnosis{Hypotheses: []diagnose.Hypothesis{h(diagnose.Healthy, .6), h(diagnose.SlowQuery, .3)}, Components: suspects(.3)}, .3},
		"unknown leads":                           {diagnose.Diagnosis{Hypotheses: []diagnose.Hypothesis{h(diagnose.Unknown, .9), h(diagnose.SlowQuery, .1)}}, 0},
		"unknown leads, a component is suspected": {diagnose.Diagnosis{Hypotheses: []diagnose.Hypothesis{h(diagnose.Unknown, .7)}, Components: suspects(.2, .1)}, .2},
	}
	for name, tt := range tests {
		if got := tt.d.Blames(); got != tt.want {
			t.Errorf("%s: blames %v, want %v", name, got, tt.want)
		}
	}
}

// What a curve says of a reading is its probability, but never more than what
// was measured with evidence of these kinds lets it say.
func TestAClaimStaysWithinWhatWasMeasured(t *testing.T) {
	t.Parallel()
	curve := func(intercept float64, cases, missing int) diagnose.Curve {
		return diagnose.Curve{
			Inputs: diagnose.LeadInputs(), Model: calibration.Model{Intercept: intercept, Coefficients: make([]float64, len(diagnose.LeadInputs()))},
			Profiles: map[string]diagnose.ProfileFitted{"metric": {Cases: cases, Missing: missing}},
			Features: map[diagnose.Feature]int{"seen": 3, "rare": 2},
			Classes:  map[diagnose.CauseClass]float64{diagnose.SlowQuery: -20},
		}
	}
	metrics := func(missing, stale int) diagnose.Profile {
		return diagnose.Profile{Kinds: []evidence.Kind{evidence.KindMetric}, Missing: missing, Stale: stale}
	}
	lead := func(fs ...diagnose.Feature) diagnose.Lead {
		return diagnose.Lead{Class: diagnose.BadDeploy, Inputs: make([]float64, len(diagnose.LeadInputs())), Features: fs}
	}
	slow := lead("seen")
	slow.Class = diagnose.SlowQuery
	broken := lead("seen")
	broken.Inputs[0] = math.NaN()
	brokenCurve := curve(20, 500, 0)
	brokenCurve.Model.Coefficients[0] = 1
	tests := map[string]struct {
		curve   diagnose.Curve
		profile diagnose.Profile
		lead    diagnose.Lead
		want    float64
	}{
		"enough cases vouch by the rule of succession": {curve(20, 30, 0), metrics(0, 0), lead("seen"), 31.0 / 32},
		"never more than .99":                          {curve(20, 5000, 0), metrics(0, 0), lead("seen"), .99},
		"few cases stay below acting":                  {curve(20, 29, 0), metrics(0, 0), lead("seen"), .94},
		"hardly any vouch for nothing":                 {curve(20, 2, 0), metrics(0, 0), lead("seen"), .90},
		"what was rarely seen":                         {curve(20, 500, 0), metrics(0, 0), lead("seen", "rare"), .90},
		"what was never seen":                          {curve(20, 500, 0), metrics(0, 0), lead("new"), .90},
		"another kind of evidence":                     {curve(20, 500, 0), diagnose.Profile{}, lead("seen"), .90},
		"samples that are too old":                     {curve(20, 500, 0), metrics(0, 1), lead("seen"), .90},
		"a source more missing":                        {curve(20, 500, 0), metrics(1, 0), lead("seen"), .88},
		"missing in those cases, too":                  {curve(20, 500, 1), metrics(1, 0), lead("seen"), .99},
		"many missing count as five":                   {curve(20, 500, 0), metrics(40, 0), lead("seen"), .80},
		"a low probability stays as it is":             {curve(0, 500, 0), metrics(0, 0), lead("seen"), .5},
		"the class shifts it":                          {curve(20, 500, 0), metrics(0, 0), slow, .5},
		"an input that is no number":                   {brokenCurve, metrics(0, 0), broken, 0},
	}
	for name, tt := range tests {
		if got := tt.curve.Claim(tt.profile, tt.lead); math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("%s: claims %v, want %v", name, got, tt.want)
		}
	}
}
