package diagnose_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/diagnose/calibration"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// sure is a calibration that gives every leading answer from metrics almost 1,
// having seen so many cases and these features.
func sure(cases int, features ...diagnose.Feature) diagnose.Calibration {
	c := diagnose.Curve{
		Inputs:   diagnose.LeadInputs(),
		Model:    calibration.Model{Intercept: 6, Coefficients: make([]float64, len(diagnose.LeadInputs()))},
		Profiles: map[string]diagnose.ProfileFitted{"metric": {Cases: cases}},
		Features: map[diagnose.Feature]int{},
	}
	for _, f := range features {
		c.Features[f] = cases
	}
	return diagnose.Calibration{Version: 1, Cause: c}
}

// missing is the calibration with sources that did not answer in any of its
// cases.
func missing(c diagnose.Calibration, sources int) diagnose.Calibration {
	for key, p := range c.Cause.Profiles {
		p.Missing = sources
		c.Cause.Profiles[key] = p
	}
	return c
}

// known are the features that speak for the drained pool.
func known(t *testing.T, in diagnose.Input) []diagnose.Feature {
	t.Helper()
	_, cause, _, ok := diagnose.New(diagnose.DefaultWeights()).Leads(in)
	if !ok {
		t.Fatal("no cause")
	}
	return cause.Features
}

func TestOnlyWhatWasMeasuredPassesTheCap(t *testing.T) {
	t.Parallel()
	in := input(t, []string{"orders"}, drained(t), failing(t, "orders", onset))
	all := known(t, in)
	with := func(items ...evidence.Item) diagnose.Input {
		x := in
		x.Items = append(append([]evidence.Item{}, in.Items...), items...)
		return x
	}
	stale := metric{service: "web", signal: evidence.LatencyP99, usual: 0.2, stale: true}.item(t)
	tests := map[string]struct {
		in          diagnose.Input
		calibration diagnose.Calibration
		basis       diagnose.Basis
		low, high   float64
	}{
		"enough cases, every feature seen": {in, sure(30, all...), diagnose.BasisCalibrated, 0.95, 0.97},
		"nothing calibrated":               {in, diagnose.Calibration{}, diagnose.BasisEvidence, 0.5, 0.90},
		"few cases":                        {in, sure(29, all...), diagnose.BasisCalibrated, 0.93, 0.94},
		"fewer":                            {in, sure(12, all...), diagnose.BasisCalibrated, 0.92, 0.93},
		"hardly any":                       {in, sure(8, all...), diagnose.BasisEvidence, 0.5, 0.90},
		"a feature that was never seen":    {in, sure(30, all[1:]...), diagnose.BasisEvidence, 0.5, 0.90},
		"many cases":                       {in, sure(500, all...), diagnose.BasisCalibrated, 0.98, 0.99},
		"missing in those cases, too":      {with(failure("loki")), missing(sure(30, all...), 1), diagnose.BasisCalibrated, 0.95, 0.97},
		"one more missing":                 {with(failure("loki"), failure("tempo")), missing(sure(30, all...), 1), diagnose.BasisEvidence, 0.5, 0.86},
		"a source that did not answer":     {with(failure("loki")), sure(30, all...), diagnose.BasisEvidence, 0.5, 0.88},
		"samples that are too old":         {with(stale), sure(30, all...), diagnose.BasisEvidence, 0.5, 0.90},
		"evidence of another kind":         {with(logs(t, "orders", "all fine")), sure(30, all...), diagnose.BasisEvidence, 0.5, 0.90},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := diagnose.New(diagnose.DefaultWeights(), diagnose.WithCalibration(tt.calibration)).Diagnose(tt.in)
			h, ok := d.Top()
			if !ok || h.Basis != tt.basis || h.Probability < tt.low || h.Probability > tt.high {
				t.Errorf("got %s %.3f, want %s and %.2f … %.2f:%s", h.Basis, h.Probability, tt.basis, tt.low, tt.high, show(d))
			}
			sum := 0.0
			for _, x := range d.Hypotheses {
				sum += x.Probability
			}
			if sum > 1+1e-9 {
				t.Errorf("sum is %v:%s", sum, show(d))
			}
		})
	}
}

func TestCalibrationLiftsNoTextFromOutside(t *testing.T) {
	t.Parallel()
	c := sure(1000, "error_class", "explains_affected", "component_abnormal")
	c.Cause.Profiles = map[string]diagnose.ProfileFitted{"logs": {Cases: 1000}, "logs+metric": {Cases: 1000}}
	engine := diagnose.New(diagnose.DefaultWeights(), diagnose.WithCalibration(c))
	line := one(logs(t, "orders", "FATAL: too many clients already (SQLSTATE 53300)"))
	for name, in := range map[string]diagnose.Input{
		"alone":              input(t, []string{"orders"}, line),
		"beside real errors": input(t, []string{"orders"}, failing(t, "orders", onset), line),
	} {
		d := engine.Diagnose(in)
		for _, h := range d.Hypotheses {
			if h.CauseClass == diagnose.ExhaustPool && h.Probability > 0.80 {
				t.Errorf("%s: %.3f:%s", name, h.Probability, show(d))
			}
		}
	}
}

func TestACalibratedComponentVouchesForNoCause(t *testing.T) {
	t.Parallel()
	in := input(t, []string{"orders"}, drained(t), failing(t, "orders", onset))
	c := sure(30, known(t, in)...)
	c.Cause, c.Component = diagnose.Curve{}, c.Cause
	d := diagnose.New(diagnose.DefaultWeights(), diagnose.WithCalibration(c)).Diagnose(in)
	h, _ := d.Top()
	if h.Basis != diagnose.BasisEvidence || h.Probability > 0.90 {
		t.Errorf("the cause is %s, %.3f", h.Basis, h.Probability)
	}
	if s := d.Components[0]; s.Component != h.Component || s.Probability < 0.95 {
		t.Errorf("the component is %+v", s)
	}
}

func TestAnEngineThatNeverHeardOfAClass(t *testing.T) {
	t.Parallel()
	in := input(t, []string{"orders"}, drained(t), failing(t, "orders", onset))
	d := diagnose.New(diagnose.DefaultWeights(), diagnose.Without(diagnose.ExhaustPool)).Diagnose(in)
	for _, h := range d.Hypotheses {
		if h.CauseClass == diagnose.ExhaustPool {
			t.Errorf("it names it all the same:%s", show(d))
		}
	}
}

func TestVotesAddUpToTheScore(t *testing.T) {
	t.Parallel()
	w := diagnose.DefaultWeights()
	causes, _ := diagnose.New(w).Votes(input(t, []string{"orders"}, drained(t), failing(t, "orders", onset)))
	if len(causes) == 0 {
		t.Fatal("no causes")
	}
	for _, c := range causes {
		sum := w.Prior
		for _, v := range c.Votes {
			sum += w.LogOdds[v.Feature] * v.Scale
		}
		if d := sum - c.Score; d > 1e-9 || d < -1e-9 {
			t.Errorf("%s at %s: votes give %v, score is %v", c.Class, c.Component, sum, c.Score)
		}
	}
}

func TestProfileNamesWhatIsThere(t *testing.T) {
	t.Parallel()
	in := input(t, nil, drained(t), one(logs(t, "orders", "x")), one(failure("loki")))
	p := diagnose.ProfileOf(in)
	if p.Key() != "logs+metric" || p.Missing != 1 {
		t.Errorf("got %q with %d missing", p.Key(), p.Missing)
	}
	if got := diagnose.ProfileOf(diagnose.Input{Catalog: in.Catalog, Now: now, FirstSignal: now.Add(-time.Minute)}).Key(); got != "none" {
		t.Errorf("an empty input has the profile %q", got)
	}
}

func TestCalibrationFile(t *testing.T) {
	t.Parallel()
	b, err := json.Marshal(sure(40, "x"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := diagnose.ParseCalibration(b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sure(40, "x").Cause.Model, got.Cause.Model); diff != "" {
		t.Errorf("changed on the way:\n%s", diff)
	}
	for name, bad := range map[string]string{
		"no JSON": `{`, "an unknown key": `{"surprise": 1}`,
		"other inputs": `{"cause": {"inputs": ["a"], "model": {"intercept": 0, "coefficients": [1]}, "profiles": {"metric": {"cases": 3, "shift": 0}}}}`,
	} {
		if _, err := diagnose.ParseCalibration([]byte(bad)); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	_ = diagnose.Default() // the embedded files parse
}

func TestWeightsFile(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string]string{
		"no JSON": `{`, "an unknown key": `{"surprise": 1}`, "a cold temperature": `{"temperature": 0.5}`,
		"a feature that no rule knows": `{"temperature": 1.3, "log_odds": {"astrology": 3}}`,
	} {
		if _, err := diagnose.ParseWeights([]byte(bad)); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	hand, learnt := diagnose.HandWeights(), diagnose.DefaultWeights()
	for f, w := range learnt.LogOdds {
		if w*hand.LogOdds[f] < 0 {
			t.Errorf("learning turned the sign of %s: %v by hand, %v learnt", f, hand.LogOdds[f], w)
		}
	}
}
