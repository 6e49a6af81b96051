package diagnose

import (
	"slices"
	"time"
)

// link records that trouble of victim may come from source, beside what the
// catalog says: those who share an exhausted resource suffer from its holder.
func (v *view) link(victim, source string) {
	if victim != source && !slices.Contains(v.links[victim], source) {
		v.links[victim] = append(v.links[victim], source)
		v.reached = nil
	}
}

// sources returns every component that trouble of name may come from, name
// itself first: what it depends on, directly or not, and the holders of
// resources that it shares. The list is kept until a link is added: it is only to
// be read.
func (v *view) sources(name string) []string {
	if out, ok := v.reached[name]; ok {
		return out
	}
	out := []string{name}
	for i := 0; i < len(out); i++ {
		next := slices.Concat(v.in.Catalog.Dependencies(out[i], false), v.links[out[i]])
		for _, n := range next {
			if !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	if v.reached == nil {
		v.reached = map[string][]string{}
	}
	v.reached[name] = out
	return out
}

// explainsAffected is the share of the affected components whose trouble may
// come from name. With none named, the abnormal ones count as affected.
func (v *view) explainsAffected(name string) float64 {
	affected := v.in.Affected
	if len(affected) == 0 {
		affected = v.abnormalNames()
	}
	if len(affected) == 0 {
		return 0
	}
	n := 0
	for _, a := range affected {
		if slices.Contains(v.sources(a), name) {
			n++
		}
	}
	return float64(n) / float64(len(affected))
}

// place votes on where a candidate stands: is it abnormal itself, does it
// explain what is affected, did it come first, or is it a symptom of what it
// depends on? Run after all candidates exist.
func place(v *view, cs *candidates) {
	for _, c := range cs.all() {
		if c.class == Healthy {
			continue
		}
		p := v.part(c.component)
		if p.abnormal() && !v.aside(c.component) {
			c.vote(fAbnormal, v.abnormalDuring(p), false, p.abnormalIDs(3)...)
		}
		for _, a := range p.alerts {
			c.vote(fAlert, 1, true, a.item.ID)
		}
		v.placeAffected(c)
		v.placeOrder(c, p)
		v.placeLoss(c)
	}
	for _, c := range cs.all() {
		if by, ok := v.symptomOf(c, cs); ok {
			c.vote(fExplained, 1, false, v.part(by).abnormalIDs(2)...)
		}
	}
}

// placeAffected compares what the candidate would break with what is seen to be
// broken.
func (v *view) placeAffected(c *candidate) {
	if len(v.in.Affected)+len(v.abnormalNames()) == 0 {
		return // nobody knows what is affected
	}
	share := v.explainsAffected(c.component)
	if share == 0 {
		c.vote(fExplainsNone, 1, false)
		return
	}
	var ids []string
	for _, a := range v.in.Affected {
		if a != c.component && slices.Contains(v.sources(a), c.component) {
			ids = append(ids, v.part(a).abnormalIDs(2)...)
		}
	}
	c.vote(fExplains, share*v.seenAt(c.component), false, ids...)
}

// seenAt is how far the trouble that a component would explain is seen: of the
// affected components that may suffer from it, the one that shows most.
func (v *view) seenAt(name string) float64 {
	if len(v.in.Affected) == 0 {
		return 1 // those that are out of band count as affected
	}
	seen := 0.0
	for _, a := range v.in.Affected {
		if slices.Contains(v.sources(a), name) {
			seen = max(seen, v.seenTrouble(a))
		}
	}
	return seen
}

// placeOrder compares when the candidate's trouble began with when that of the
// components it would explain began.
func (v *view) placeOrder(c *candidate, p *part) {
	mine := earliest(c.since, p.onset)
	theirs, ids := time.Time{}, []string(nil)
	for _, n := range v.abnormalNames() {
		if n == c.component || !slices.Contains(v.sources(n), c.component) || slices.Contains(v.sources(c.component), n) {
			continue
		}
		if at := v.parts[n].onset; !at.IsZero() && (theirs.IsZero() || at.Before(theirs)) {
			theirs, ids = at, v.parts[n].abnormalIDs(1)
		}
	}
	if mine.IsZero() || theirs.IsZero() {
		return
	}
	switch lag := theirs.Sub(mine); {
	case lag > v.together:
		c.vote(fFirst, 1, false, p.abnormalIDs(1)...)
	case lag < -v.together:
		c.vote(fLater, 1, false, ids...)
	}
}

// symptomOf finds a component that the candidate's depends on, that is abnormal
// no later than it, does not in turn depend on it, and has a cause of its own.
func (v *view) symptomOf(c *candidate, cs *candidates) (string, bool) {
	if c.class == Healthy {
		return "", false
	}
	mine := earliest(c.since, v.part(c.component).onset)
	for _, d := range v.sources(c.component)[1:] {
		p := v.part(d)
		if (!p.abnormal() || v.aside(d)) && !p.down() || slices.Contains(v.sources(d), c.component) {
			continue
		}
		if !mine.IsZero() && !p.onset.IsZero() && p.onset.Sub(mine) > v.together {
			continue
		}
		if hasCause(cs, d) {
			return d, true
		}
	}
	return "", false
}

// hasCause reports whether some candidate explains the component from within.
func hasCause(cs *candidates, component string) bool {
	return slices.ContainsFunc(cs.all(), func(c *candidate) bool {
		return c.component == component && c.class != Healthy && (c.usedUp() || c.has(fNoProgress) || c.has(fLeak) ||
			c.has(fDown) || c.has(fChangeNear) || c.has(fDepAbnormal) || c.has(fTrafficUp) || c.has(fOOM))
	})
}

// has reports whether a feature was seen in evidence from inside.
func (c *candidate) has(f feature) bool {
	_, ok := c.votes[voteKey{f, false}]
	return ok
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
