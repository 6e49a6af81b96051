package diagnose

import (
	"slices"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// Scored is one cause under consideration, as learning sees it.
type Scored struct {
	Class     CauseClass
	Fault     Fault
	Component string
	Votes     []Vote // sorted by feature, inside before outside
	// Score is the log-odds against "unknown" before the temperature.
	Score float64
}

// Vote is one feature that was seen of a cause.
type Vote struct {
	Feature Feature
	Outside bool    // rests on text that people outside could have written
	Scale   float64 // how strongly: 0…1, or a count for the proofs of runbooks
}

// Votes returns every cause that the evidence suggests with what speaks for
// and against it, and the score of "unknown". Ordered by class, fault and
// component; the same input gives the same votes.
func (e *Engine) Votes(in Input) (causes []Scored, unknown float64) {
	v, cs := e.examine(in)
	all := cs.all()
	causes = make([]Scored, 0, len(all))
	for _, c := range all {
		s := Scored{Class: c.class, Fault: c.fault, Component: c.component, Score: c.score(e.w, true)}
		for _, k := range c.keys() {
			s.Votes = append(s.Votes, Vote{k.feature, k.outside, c.votes[k].scale})
		}
		causes = append(causes, s)
	}
	return causes, e.unknownScore(v)
}

// Hypothesis is the cause as a diagnosis would name it, without its words.
func (s Scored) Hypothesis() Hypothesis {
	return Hypothesis{CauseClass: s.Class, Fault: s.Fault, Component: s.Component, Basis: BasisEvidence}
}

// examine lets every rule vote.
func (e *Engine) examine(in Input) (*view, *candidates) {
	v := newView(in)
	cs := newCandidates(v.allOutside, e.without...)
	cs.claimed = v.onlyInSpans()
	for _, r := range rules() {
		r(v, cs)
	}
	e.proofs(v, cs)
	return v, cs
}

// allOutside reports whether items hold nothing but what people outside could
// have written: log lines, and series whose labels come from requests. It is
// asked vote by vote: one series from inside vouches for no other.
func (v *view) allOutside(ids []string) bool {
	known := 0
	for _, id := range ids {
		it, ok := v.items[id]
		if !ok {
			continue
		}
		if !it.Outside && it.Kind != evidence.KindLogs {
			return false
		}
		known++
	}
	return known > 0
}

// Option changes how an engine works.
type Option func(*Engine)

// Without makes an engine that does not know some classes: nothing that it
// sees makes a cause of them. For measuring what it says of faults that it has
// never heard of.
func Without(classes ...CauseClass) Option {
	return func(e *Engine) { e.without = append(slices.Clone(e.without), classes...) }
}
