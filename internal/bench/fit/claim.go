package fit

import (
	"hash/fnv"

	"github.com/holdfast-sre/holdfast/internal/diagnose"
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
	group   int  // then: of that class
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
			cl.unheard, cl.group = true, groupOf(c.rightClasses())
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

// by is the probability that a calibration gives to the claim.
func (c Claim) by(cal diagnose.Calibration) float64 {
	if c.cause {
		return cal.Cause.Claim(c.Profile, c.Lead)
	}
	return cal.Component.Claim(c.Profile, c.Lead)
}

// groupOf spreads the sets of classes over as many groups as there are folds.
func groupOf(classes []diagnose.CauseClass) int {
	h := fnv.New32a()
	for _, c := range classes {
		_, _ = h.Write([]byte(string(c) + ",")) // never fails
	}
	return int(h.Sum32() % Folds)
}
