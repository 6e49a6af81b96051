package diagnose

import (
	"cmp"
	"math"
	"slices"
)

// The caps, in code: no weights file lifts them. Statistics on hand-set
// weights never claim more than capEvidence. The runbook rule may, up to
// capRunbook: no two facts make a cause certain. Each source that did not
// answer takes its part of both.
const (
	capEvidence      = 0.90
	capRunbook       = 0.97
	capOutside       = 0.80 // what outsiders can write lifts nothing over it
	perSourceMissing = 0.02 // off capEvidence
	perProofMissing  = 0.01 // off capRunbook
	maxMissing       = 5    // sources that count
)

// weighed is a candidate with its probability.
type weighed struct {
	c *candidate
	p float64
}

// weigh turns scores into probabilities: a softmax over all candidates and
// "unknown", then the caps. What the caps take goes to "unknown". Descending.
func (e *Engine) weigh(v *view, cs *candidates) []weighed {
	all := cs.all()
	mass := make([]float64, len(all))
	total := e.odds(e.unknownScore(v))
	for i, c := range all {
		mass[i] = e.odds(c.score(e.w, true))
		total += mass[i]
	}
	out := make([]weighed, len(all))
	for i, c := range all {
		inside := e.odds(c.score(e.w, false))
		trusted := inside / (total - mass[i] + inside)
		p := min(mass[i]/total, max(trusted, capOutside), e.limit(v, c))
		out[i] = weighed{c, floorTo(p)}
	}
	slices.SortStableFunc(out, func(a, b weighed) int { return cmp.Compare(b.p, a.p) })
	return out
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

// limit is the cap of one candidate. A bad deploy that only a webhook or a
// commit tells of stays possible: the runtime has not said that it happened.
func (e *Engine) limit(v *view, c *candidate) float64 {
	missing := float64(min(len(v.missing()), maxMissing))
	l := capEvidence - perSourceMissing*missing
	if c.runbook {
		l = capRunbook - perProofMissing*missing
	}
	if c.class == BadDeploy && !c.recorded {
		l = min(l, capOutside)
	}
	return l
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
		return s.has(fExhausted) || s.has(fLeak) || s.has(fOOM)
	case ExhaustThreads:
		return s.class == ExhaustPool && s.has(fExhausted)
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
