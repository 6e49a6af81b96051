package diagnose

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/holdfast-sre/holdfast/internal/diagnose/calibration"
)

// EnoughCases is how many labelled cases a profile needs before a calibrated
// probability may reach the least with which anything is done without a person.
const EnoughCases = 30

// enoughSeen is in how many of them a feature must have spoken for the answer:
// what was never seen at work vouches for nothing.
const enoughSeen = 3

// Calibration turns the raw share of the leading answer into a probability
// that means what it says: of the answers that are given .9, nine in ten are
// right. Data, learnt by cross-validation on labelled cases; a zero
// Calibration changes nothing.
type Calibration struct {
	Version int    `json:"version"`
	Comment string `json:"comment"`
	// Cause was fitted where labels name the cause, Component where they name
	// only the component: there the cause within it is not vouched for.
	Cause     Curve `json:"cause"`
	Component Curve `json:"component"`
}

// Curve is one logistic model over the inputs of a Lead.
type Curve struct {
	Inputs []string          `json:"inputs"` // must be LeadInputs
	Model  calibration.Model `json:"model"`
	// Classes shift the log-odds by the class of the answer, as far as the data
	// bear it: some kinds of answer are right more often than others.
	Classes  map[CauseClass]float64   `json:"classes"`
	Profiles map[string]ProfileFitted `json:"profiles"` // by Profile.Key
	Features map[Feature]int          `json:"features"` // in how many answers it spoke for them
}

// ProfileFitted is what is known about one profile.
type ProfileFitted struct {
	Cases   int     `json:"cases"`
	Missing int     `json:"missing"` // sources that did not answer in any of them
	Shift   float64 `json:"shift"`   // of the log-odds
}

//go:embed calibration.json
var calibrationJSON []byte

// DefaultCalibration returns the calibration that comes with the program.
func DefaultCalibration() Calibration {
	c, err := ParseCalibration(calibrationJSON)
	if err != nil {
		panic(err) // the embedded file is part of the program; a test reads it
	}
	return c
}

// ParseCalibration reads a calibration file.
func ParseCalibration(b []byte) (Calibration, error) {
	var c Calibration
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		return Calibration{}, fmt.Errorf("calibration: %w", err)
	}
	for _, curve := range []Curve{c.Cause, c.Component} {
		if len(curve.Profiles) == 0 {
			continue
		}
		if !slices.Equal(curve.Inputs, LeadInputs()) || len(curve.Model.Coefficients) != len(curve.Inputs) {
			return Calibration{}, fmt.Errorf("calibration: inputs are %v, the engine reads %v: fit again", curve.Inputs, LeadInputs())
		}
	}
	return c, nil
}

// WithCalibration makes an engine whose leading probability is calibrated where
// the calibration knows the profile.
func WithCalibration(c Calibration) Option { return func(e *Engine) { e.calibration = c } }

// Default returns the engine with the weights and the calibration that come
// with the program.
func Default() *Engine { return New(DefaultWeights(), WithCalibration(DefaultCalibration())) }

// knows reports whether the curve was fitted on cases with that profile.
func (c Curve) knows(p Profile) bool {
	_, ok := c.Profiles[p.Key()]
	return ok
}

// Probability of a reading in a profile that the curve knows.
func (c Curve) Probability(p Profile, r Lead) float64 {
	z := c.Model.LogOdds(r.Inputs) + c.Classes[r.Class] + c.Profiles[p.Key()].Shift
	if math.IsNaN(z) {
		return 0
	}
	return calibration.Logistic(z)
}

// Claim is the most that is said of a reading: its probability, within the
// caps of what was measured with evidence of these kinds.
func (c Curve) Claim(p Profile, r Lead) float64 {
	limit := capEvidence - perSourceMissing*float64(min(p.Missing, maxMissing))
	return min(c.Probability(p, r), max(limit, c.vouches(p, r)))
}

// vouches returns the probability up to which a reading may be believed, 0 when
// that is no more than statistics alone may claim. The rule of succession
// bounds it: after n right answers in n cases the next is right with (n+1)/(n+2)
// (Laplace 1774). Less than EnoughCases never let anything be done alone. A
// source more missing than in those cases, samples that are too old, or a
// feature that was hardly ever seen at work vouch for nothing.
func (c Curve) vouches(p Profile, r Lead) float64 {
	known := c.Profiles[p.Key()]
	if p.Missing > known.Missing || p.Stale > 0 {
		return 0
	}
	if slices.ContainsFunc(r.Features, func(f Feature) bool { return c.Features[f] < enoughSeen }) {
		return 0
	}
	limit := min(float64(known.Cases+1)/float64(known.Cases+2), capCalibrated)
	if known.Cases < EnoughCases {
		limit = min(limit, capFewCases)
	}
	return limit
}
