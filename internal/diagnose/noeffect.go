package diagnose

// fNoEffect: what was measured of the affected components is usual.
const fNoEffect Feature = "no_effect_seen"

// noEffectPriors are the hand-set log-odds of the feature of this file.
var noEffectPriors = priors{fNoEffect: -2.0}

// noEffect votes against every fault where all that was compared of what is
// affected is in its usual band: a cause has an effect. What deviates a little
// somewhere, and a deploy that went well, are found on any day. A loss that
// stands out of its own noise is an effect, however small, and weakens the vote.
func noEffect(v *view, cs *candidates) {
	scale, ids := 0.0, []string(nil)
	for _, w := range v.wells() {
		if w.feature == fAllInBand {
			scale, ids = w.scale, w.ids
		}
	}
	lost := 0.0
	for _, c := range cs.all() {
		lost = max(lost, c.votes[voteKey{fLossClear, false}].scale)
	}
	scale *= 1 - min(lost, 1)
	for _, c := range cs.all() {
		if c.class != Healthy {
			c.vote(fNoEffect, scale, false, ids...)
		}
		if c.class == ExhaustCPU {
			c.vote(fBusyUnhurt, v.unhurt(c.component), false, v.part(c.component).bandIDs(2)...)
		}
	}
}

// unhurt is how far a component answers as ever, by its own latency: a batch that
// takes all the CPU there is harms nobody by that. What refuses requests is fast.
func (v *view) unhurt(name string) float64 {
	p := v.part(name)
	b, ok := p.telling(troubleSlow)
	if !ok || !b.comparable || b.abnormal {
		return 0
	}
	if e, ok := p.telling(troubleFail); ok && e.abnormal {
		return 0
	}
	worst := b.score
	for _, s := range v.symptoms {
		if l, ok := s.losses[name]; ok && s.kind == troubleSlow {
			worst = max(worst, l.Spreads)
		}
	}
	return 1 - saturate(worst, clearRise)
}
