package diagnose

import (
	"slices"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// negligible is the probability below which a cause is no rival.
const negligible = 0.02

// proofs turns the findings of runbooks into votes, and says for which causes
// the runbook rule holds: at least two conditions confirmed that rest on
// different diagnostics, none missed, and the strongest rival excluded. Facts
// that rest on text from outside, stale samples or evidence that is not there
// vote, but do not count for the rule. Run last: rivals are weighed by
// everything else.
func (e *Engine) proofs(v *view, cs *candidates) {
	findings := v.findings()
	for _, f := range findings {
		cs.at(f.CauseClass, f.Component)
	}
	before := e.weigh(v, cs)
	for _, f := range findings {
		c := cs.at(f.CauseClass, f.Component)
		c.say(0, "Runbook "+quote(f.Runbook, 60)+" names this cause")
		if v.ruleHolds(f, c, before) {
			c.runbook = true
		}
		for _, p := range f.Confirmed {
			c.prove(fProof, p, !v.solid(p))
		}
		for _, p := range f.Missed {
			c.prove(fMissed, p, false)
		}
	}
	for _, f := range findings {
		v.exclude(cs, f)
	}
}

// findings returns the findings about causes on the list, in a stable order,
// each runbook once per cause.
func (v *view) findings() []Finding {
	var out []Finding
	for _, f := range v.in.Findings {
		if Known(f.CauseClass) && f.CauseClass != Unknown && f.CauseClass != Healthy && f.Component != "" {
			out = append(out, f)
		}
	}
	slices.SortStableFunc(out, compareFindings)
	return slices.CompactFunc(out, func(a, b Finding) bool { return compareFindings(a, b) == 0 })
}

// prove counts a condition: unlike other votes, each one adds, up to three.
func (c *candidate) prove(f feature, p Proof, outside bool) {
	k := voteKey{f, outside}
	old := c.votes[k]
	old.scale = min(old.scale+1, 3)
	old.evidence = append(old.evidence, p.Evidence...)
	c.votes[k] = old
}

// exclude votes against the rivals that a fact rules out. An exclusion without
// solid evidence has no effect: text from outside clears no one.
func (v *view) exclude(cs *candidates, f Finding) {
	for _, x := range f.Excludes {
		if !v.solid(x.Proof) {
			continue
		}
		for _, c := range cs.all() {
			if x.covers(c) && (c.class != f.CauseClass || c.component != f.Component) {
				c.vote(fExcluded, 1, false, x.Proof.Evidence...)
			}
		}
	}
}

func (x Exclusion) covers(c *candidate) bool {
	return x.CauseClass == c.class && (x.Component == "" || x.Component == c.component)
}

// solid reports whether a proof rests on evidence that is there, fresh, and
// not written by people outside.
func (v *view) solid(p Proof) bool {
	for _, id := range p.Evidence {
		it, ok := v.items[id]
		if !ok || it.Outside || it.Stale || it.Error != "" || it.Kind == evidence.KindLogs || it.Kind == evidence.KindFailure {
			return false
		}
	}
	return len(p.Evidence) > 0
}

// ruleHolds is the condition for a probability over .90; see BasisRunbook.
func (v *view) ruleHolds(f Finding, c *candidate, before []weighed) bool {
	if len(f.Missed) > 0 || !independent(v.solidOnly(f.Confirmed)) {
		return false
	}
	solidExclusions := slices.DeleteFunc(slices.Clone(f.Excludes), func(x Exclusion) bool { return !v.solid(x.Proof) })
	rival := strongestRival(c, before)
	if rival == nil {
		return len(solidExclusions) > 0
	}
	return slices.ContainsFunc(solidExclusions, func(x Exclusion) bool { return x.covers(rival) })
}

func (v *view) solidOnly(ps []Proof) []Proof {
	return slices.DeleteFunc(slices.Clone(ps), func(p Proof) bool { return !v.solid(p) })
}

// independent reports whether two of the proofs rest on different diagnostics:
// each on at least one that the other does not use.
func independent(ps []Proof) bool {
	for i, a := range ps {
		for _, b := range ps[i+1:] {
			if !subset(a.Diagnostics, b.Diagnostics) && !subset(b.Diagnostics, a.Diagnostics) {
				return true
			}
		}
	}
	return false
}

func subset(a, b []string) bool {
	return !slices.ContainsFunc(a, func(x string) bool { return !slices.Contains(b, x) })
}

// strongestRival is the likeliest other cause before any runbook spoke, nil
// when none is worth mentioning.
func strongestRival(c *candidate, before []weighed) *candidate {
	for _, w := range before {
		if w.c != c && w.c.class != Healthy {
			if w.p < negligible {
				return nil
			}
			return w.c
		}
	}
	return nil
}

func compareFindings(a, b Finding) int {
	for _, d := range []int{
		compare(a.Runbook, b.Runbook), compare(a.CauseClass, b.CauseClass), compare(a.Component, b.Component),
	} {
		if d != 0 {
			return d
		}
	}
	return 0
}
