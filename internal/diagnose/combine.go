package diagnose

import (
	"cmp"
	"math"
	"slices"
)

// The caps, in code: no weights file lifts them. Statistics alone never claim
// more than capEvidence, unless the calibration was fitted on cases with
// evidence of the same kinds: then as much as these vouch for, at most
// capFewCases or, with EnoughCases, capCalibrated. The runbook rule allows up to
// capRunbook: no two facts make a cause certain. Each source that did not answer
// takes its part, and where one more is missing than in the cases of the
// calibration, these vouch for nothing.
const (
	capEvidence      = 0.90
	capRunbook       = 0.97
	capCalibrated    = 0.99
	capFewCases      = 0.94 // below the threshold of acting, .95
	capOutside       = 0.80 // what outsiders can write lifts nothing over it
	perSourceMissing = 0.02 // off capEvidence
	perProofMissing  = 0.01 // off capRunbook
	maxMissing       = 5    // sources that count
)

// weighed is a candidate with its probability.
type weighed struct {
	c       *candidate
	p       float64
	vouched float64 // up to which the calibration vouches for it; 0 = not
}

// weigh turns scores into probabilities: a softmax over all candidates and
// "unknown", then the calibration of the first, then the caps. What the caps
// take goes to "unknown". Descending.
func (e *Engine) weigh(v *view, cs *candidates) []weighed {
	s := e.stand(v, cs)
	if len(s.all) == 0 {
		return nil
	}
	total := s.total()
	out := make([]weighed, len(s.all))
	bound := make([]float64, len(s.all)) // by what does not come from outside
	for i, c := range s.all {
		out[i] = weighed{c: c, p: s.mass[i] / total}
		bound[i] = max(s.inside[i]/(total-s.mass[i]+s.inside[i]), capOutside)
	}
	e.calibrate(v, s, out, bound)
	e.within(v, s, bound)
	for i, c := range s.all {
		if !c.grounded(e.w) {
			bound[i] = min(bound[i], capOutside)
		}
	}
	for i, w := range out {
		out[i].p = floorTo(min(w.p, bound[i], e.limit(v, w)))
	}
	slices.SortStableFunc(out, func(a, b weighed) int { return cmp.Compare(b.p, a.p) })
	return out
}

// circumstances say that something is wrong and where it stands, not what: they
// speak for any cause at the place. Losses are all there is to a failing
// dependency, and a circumstance for whatever else may be wrong there.
var (
	circumstances = [...]Feature{fAbnormal, fAlert, fFirst, fExplains, fVictims, fHolderFirst, fHint}
	losses        = [...]Feature{fLossAccounts, fLossSelf, fLossClear, fLossOther, fLossAlias}
)

// grounded reports whether anything that outsiders can't write says what is
// wrong: with circumstances alone, a cause that a log line named stays one that
// a log line named.
func (c *candidate) grounded(w Weights) bool {
	lost := c.class == DependencyFailure || c.class == ExternalProvider
	for k := range c.votes {
		circumstance := slices.Contains(circumstances[:], k.feature) || !lost && slices.Contains(losses[:], k.feature)
		if !k.outside && w.LogOdds[k.feature] > 0 && !circumstance {
			return true
		}
	}
	return false
}

// hearsay reports whether what outsiders can write speaks for a cause at a
// component, and nothing else says what is wrong there.
func (cs *candidates) hearsay(w Weights, component string) bool {
	heard := false
	for _, c := range cs.all() {
		if c.component != component {
			continue
		}
		if c.grounded(w) {
			return false
		}
		for k := range c.votes {
			heard = heard || k.outside && w.LogOdds[k.feature] > 0
		}
	}
	return heard
}

// calibrate replaces the shares by calibrated ones where the calibration knows
// how often the first cause is right with evidence of these kinds. The others
// share what is left as they did before. A curve that knows components only
// says nothing of causes: see suspects.
func (e *Engine) calibrate(v *view, s standing, out []weighed, bound []float64) {
	p, curve := v.profile(), e.calibration.Cause
	if out[0].c.runbook || !curve.knows(p) {
		return
	}
	lead := e.readCause(v, s, true)
	bound[0] = max(curve.Probability(p, e.readCause(v, s, false)), capOutside)
	out[0].vouched = curve.vouches(p, lead)
	rescale(out, curve.Probability(p, lead))
}

// within bounds all causes by what the calibration says of the first component:
// a cause is never likelier than that it is there, nor one elsewhere.
func (e *Engine) within(v *view, s standing, bound []float64) {
	p, ok := e.componentProbability(v, s)
	if !ok {
		return
	}
	for i, c := range s.all {
		if c.class != Healthy && !c.runbook {
			bound[i] = min(bound[i], p)
		}
	}
}

// rescale gives the first candidate the probability p, and the others, with
// "unknown", the rest. None passes the first.
func rescale(out []weighed, p float64) {
	down := 0.0
	if rest := 1 - out[0].p; rest > 1e-9 {
		down = (1 - p) / rest
	}
	out[0].p = p
	for i := range out[1:] {
		out[i+1].p = min(out[i+1].p*down, p)
	}
}

// limit is the cap of one candidate. A bad deploy that only a webhook or a
// commit tells of stays possible: the runtime has not said that it happened.
func (e *Engine) limit(v *view, w weighed) float64 {
	missing := float64(min(len(v.missing()), maxMissing))
	l := capEvidence - perSourceMissing*missing
	if w.c.runbook {
		l = capRunbook - perProofMissing*missing
	}
	l = max(l, w.vouched)
	if w.c.class == BadDeploy && !w.c.recorded {
		l = min(l, capOutside)
	}
	return l
}

// suspects sums the probabilities by component, in the order of their shares.
// Where the calibration knows how often the first component is right, that is
// its probability, though no cause in it may be as sure. Hearsay stays at
// capOutside.
func (e *Engine) suspects(v *view, cs *candidates, ranked []weighed) []Suspect {
	s := e.stand(v, cs)
	out := s.components()
	for i := range out {
		out[i].Probability = 0
		for _, w := range ranked {
			if w.c.component == out[i].Component && w.c.class != Healthy {
				out[i].Probability += w.p
			}
		}
	}
	if p, ok := e.componentProbability(v, s); ok {
		out[0].Probability = min(p, atFault(ranked))
	}
	for i := range out {
		if cs.hearsay(e.w, out[i].Component) {
			out[i].Probability = min(out[i].Probability, capOutside)
		}
	}
	for i := 1; i < len(out); i++ {
		out[i].Probability = min(out[i].Probability, out[i-1].Probability)
	}
	return out
}

// atFault is what the probability that nothing is wrong leaves for faults.
func atFault(ranked []weighed) float64 {
	left := 1.0
	for _, w := range ranked {
		if w.c.class == Healthy {
			left -= w.p
		}
	}
	return floorTo(max(left, 0))
}

func (e *Engine) componentProbability(v *view, s standing) (float64, bool) {
	profile, curve := v.profile(), e.calibration.Component
	if e.calibration.Cause.knows(profile) || !curve.knows(profile) {
		return 0, false
	}
	r, ok := e.readComponent(v, s, true)
	if !ok {
		return 0, false
	}
	inside, _ := e.readComponent(v, s, false)
	return floorTo(min(curve.Claim(profile, r), max(curve.Probability(profile, inside), capOutside))), true
}

// odds is the mass of a score in the softmax.
func (e *Engine) odds(score float64) float64 { return math.Exp(score / e.w.Temperature) }

// unknownScore grows with every source that did not answer or answered late:
// what was not seen may be the cause.
func (e *Engine) unknownScore(v *view) float64 {
	return e.w.LogOdds[fUnknown] +
		e.w.LogOdds[fUnknownMissing]*float64(min(len(v.missing()), maxMissing)) +
		e.w.LogOdds[fUnknownStale]*float64(min(len(v.stale), maxMissing))
}

// floorTo rounds down to four digits, so that rounding never lifts a
// probability over a cap or the sum over 1.
func floorTo(p float64) float64 { return math.Floor(p*1e4) / 1e4 }

// missing returns the names of the sources that did not answer, sorted.
func (v *view) missing() []string {
	var out []string
	for _, it := range v.failures {
		name := firstOf(it.Source, it.Collector, "unnamed source")
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// specific lowers general causes on a component for which a specific one is
// seen: the deploy may have triggered it, but the used-up pool is what fails.
func specific(v *view, cs *candidates) {
	for _, c := range cs.all() {
		for _, s := range cs.all() {
			if s != c && explainsClass(s, c.class) && slices.Contains(v.sources(c.component), s.component) {
				c.vote(fMechanism, 1, false, s.evidenceOf(fExhausted, fLeak, fOOM)...)
			}
		}
	}
}

// explainsClass reports whether what was seen of a candidate is the mechanism
// behind a class. Workers that wait for a connection are busy, too.
func explainsClass(s *candidate, class CauseClass) bool {
	switch class {
	case BadDeploy, ConfigChange, FlagChange, DependencyFailure, ExternalProvider, TrafficSurge:
		return s.usedUp() || s.has(fLeak) || s.has(fOOM) || s.has(fQuietSlow) || s.has(fThrottled)
	case ExhaustThreads:
		return s.class == ExhaustPool && s.usedUp()
	default:
		return false
	}
}

func (c *candidate) evidenceOf(fs ...feature) []string {
	var out []string
	for _, f := range fs {
		out = append(out, c.votes[voteKey{f, false}].evidence...)
	}
	return out
}
