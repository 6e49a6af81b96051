package diagnose

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"
)

// candidate is a cause under consideration: a class at a component, with every
// vote for and against it.
type candidate struct {
	class     CauseClass
	fault     Fault // finer than the class; empty = not known
	component string
	mechanism sentence
	votes     map[voteKey]vote
	since     time.Time               // when its mechanism began, if a series says so
	recorded  bool                    // for a change: the runtime itself recorded it
	checks    []string                // queries that would confirm or refute it
	runbook   bool                    // the runbook rule holds: see proofs.go
	outsiders func(ids []string) bool // whether items hold nothing but what outsiders can write
	claimed   bool                    // nothing but spans tells of the component: whoever sends spans can make one up
}

// sentence is a mechanism in words; of several, the most specific is shown.
type sentence struct {
	text string
	rank int
}

// voteKey keeps one vote per feature and trust: ten log lines about the same
// thing are one observation.
type voteKey struct {
	feature feature
	outside bool
}

type vote struct {
	scale    float64 // 0…1, or a count for proofs
	evidence []string
}

// vote records that a feature was seen, as strongly as scale (0…1). One that
// rests on nothing but items from outside counts as from there, whatever the
// rule says.
func (c *candidate) vote(f feature, scale float64, outside bool, ids ...string) {
	if scale <= 0 || math.IsNaN(scale) {
		return
	}
	k := voteKey{f, outside || c.claimed || c.outsiders(ids)}
	v := c.votes[k]
	v.scale = max(v.scale, scale)
	v.evidence = append(v.evidence, ids...)
	c.votes[k] = v
}

// say offers a mechanism; the highest rank wins, the first of equals.
func (c *candidate) say(rank int, text string) {
	if c.mechanism.text == "" || rank > c.mechanism.rank {
		c.mechanism = sentence{text, rank}
	}
}

// started notes when the mechanism began; the earliest counts.
func (c *candidate) started(at time.Time) {
	if !at.IsZero() && (c.since.IsZero() || at.Before(c.since)) {
		c.since = at
	}
}

// check offers a query that a person can run.
func (c *candidate) check(q string) {
	if q != "" && !slices.Contains(c.checks, q) {
		c.checks = append(c.checks, q)
	}
}

// score is the log-odds against "unknown". Without outside, votes for the
// candidate that rest on text from outside do not count.
func (c *candidate) score(w Weights, outside bool) float64 {
	s := w.Prior
	for _, k := range c.keys() {
		weight := w.LogOdds[k.feature]
		if k.outside && !outside && weight > 0 {
			continue
		}
		s += weight * c.votes[k].scale
	}
	return s
}

// keys returns the votes in a stable order: sums of floats depend on it.
func (c *candidate) keys() []voteKey {
	return slices.SortedFunc(maps.Keys(c.votes), func(a, b voteKey) int {
		if d := cmp.Compare(a.feature, b.feature); d != 0 {
			return d
		}
		return compareBool(a.outside, b.outside)
	})
}

// evidence lists what speaks for (sign > 0) or against the candidate: the
// heaviest vote first, each item once. An item with votes of both kinds stands
// where they sum up to, and nowhere else.
func (c *candidate) evidence(w Weights, sign float64) []string {
	net := map[string]float64{}
	for _, k := range c.keys() {
		for _, id := range slices.Compact(slices.Sorted(slices.Values(c.votes[k].evidence))) {
			net[id] += w.LogOdds[k.feature] * c.votes[k].scale
		}
	}
	keys := slices.DeleteFunc(c.keys(), func(k voteKey) bool { return w.LogOdds[k.feature]*sign <= 0 })
	weight := func(k voteKey) float64 { return math.Abs(w.LogOdds[k.feature] * c.votes[k].scale) }
	slices.SortStableFunc(keys, func(a, b voteKey) int { return cmp.Compare(weight(b), weight(a)) })
	out := []string{}
	for _, k := range keys {
		ids := slices.Sorted(slices.Values(c.votes[k].evidence))
		for _, id := range ids {
			if id != "" && net[id]*sign > 0 && !slices.Contains(out, id) {
				out = append(out, id)
			}
		}
	}
	return out
}

// candidates holds one candidate per class, fault and component.
type candidates struct {
	byKey     map[candidateKey]*candidate
	without   []CauseClass // classes that are not considered
	outsiders func(ids []string) bool
	claimed   func(component string) bool // nil = none is
}

type candidateKey struct {
	class     CauseClass
	fault     Fault
	component string
}

func newCandidates(outsiders func(ids []string) bool, without ...CauseClass) *candidates {
	return &candidates{byKey: map[candidateKey]*candidate{}, outsiders: outsiders, without: without}
}

// at returns the candidate of a class without a finer fault, made when it is new.
func (cs *candidates) at(class CauseClass, component string) *candidate {
	return cs.fault(class, "", component)
}

// fault returns the candidate of a fault, made when it is new. One of a class
// that is not considered takes votes and leads nowhere.
func (cs *candidates) fault(class CauseClass, fault Fault, component string) *candidate {
	k := candidateKey{class, fault, component}
	c, ok := cs.byKey[k]
	if !ok {
		c = &candidate{class: class, fault: fault, component: component, votes: map[voteKey]vote{}, outsiders: cs.outsiders}
		c.claimed = cs.claimed != nil && cs.claimed(component)
		if !slices.Contains(cs.without, class) {
			cs.byKey[k] = c
		}
	}
	return c
}

// find returns the candidate without a finer fault if there is one.
func (cs *candidates) find(class CauseClass, component string) (*candidate, bool) {
	c, ok := cs.byKey[candidateKey{class, "", component}]
	return c, ok
}

// all returns the candidates ordered by class and component.
func (cs *candidates) all() []*candidate {
	keys := slices.SortedFunc(maps.Keys(cs.byKey), func(a, b candidateKey) int {
		return cmp.Or(cmp.Compare(a.class, b.class), cmp.Compare(a.fault, b.fault), cmp.Compare(a.component, b.component))
	})
	out := make([]*candidate, len(keys))
	for i, k := range keys {
		out[i] = cs.byKey[k]
	}
	return out
}
