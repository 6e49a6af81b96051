package diagnose

import (
	"math"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/detect"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// The features of golden signals compared along calls; see balance.
const (
	fLossAccounts Feature = "loss_accounts"     // its own loss is as large as the symptom
	fLossSelf     Feature = "loss_self"         // the affected component itself loses what none of its callees does
	fLossClear    Feature = "loss_clear"        // its loss stands out of its own noise
	fLossPassed   Feature = "loss_passed"       // its callees lose as much as it does
	fLossOther    Feature = "loss_other_kind"   // trouble of the other kind rose with the symptom
	fLossNone     Feature = "loss_none"         // measured, and nothing rose with the symptom
	fLossBefore   Feature = "loss_before"       // as bad before the symptom as during it
	fLossAlias    Feature = "loss_seen_outside" // an address that shows what a service of ours behind it loses
	fNewCalls     Feature = "new_calls"         // calls something that it never called before the symptom
	fNewlyCalled  Feature = "newly_called"      // was never called before the symptom
	fSymptomNone  Feature = "symptom_none"      // what is affected was measured and is in its usual band
)

// seriesPriors are the hand-set log-odds of the features of this file.
var seriesPriors = priors{
	fLossAccounts: 3.5,
	fLossSelf:     1.0,
	fLossClear:    1.0,
	fLossPassed:   -2.0,
	fLossOther:    0.6,
	fLossNone:     -2.0,
	fLossBefore:   -1.5,
	fLossAlias:    -1.5,
	fNewCalls:     1.5,
	fNewlyCalled:  -2.0,
	fSymptomNone:  -2.5,
}

// series compares the golden signals of components along the calls between
// them: whose loss accounts for the symptom, and who only passes it on. Here it
// names the components; placeLoss weighs every cause in them.
func series(v *view, cs *candidates) {
	for _, b := range v.symptoms {
		for _, name := range v.sources(b.component) {
			l, ok := b.losses[name]
			if !ok || !l.clear() || name == b.component && l.own() < b.total/2 {
				continue
			}
			c := cs.at(v.failureOf(v.part(name)), name)
			c.say(2, b.sentence(name, l))
			c.check(l.band.item.Query)
		}
		v.voteNewCalls(cs, b)
	}
}

// sentence says how much a component lost, and how much of the symptom that is.
func (b balance) sentence(name string, l loss) string {
	s := quantity(inPercent(l.Sick), "%") + " of the requests to " + name + " fail, " + quantity(inPercent(l.Calm), "%") + " before"
	if b.kind == troubleSlow {
		unit := firstOf(l.band.item.Unit, "s")
		s = "Requests to " + name + " take " + quantity(l.Sick, unit) + " (" + latencyWord(l.band.metric.Signal) + "), " +
			quantity(l.Calm, unit) + " before"
	}
	if share := min(l.own()/b.total, 1); name != b.component && share >= 0.05 {
		s += "; that accounts for " + number(math.Round(100*share)) + " % of what " + b.component + " loses"
	}
	return capital(s)
}

// inPercent is a share in percent, whatever nonsense was measured.
func inPercent(share float64) float64 { return 100 * min(max(share, 0), 1) }

func latencyWord(g evidence.Golden) string {
	return strings.TrimPrefix(string(g), "latency_")
}

// trust is how clear the symptom is.
func (b balance) trust() float64 { return saturate(b.episode.Deviation, clearRise) }

// placeLoss weighs what the component of a cause loses while the symptom lasts.
func (v *view) placeLoss(c *candidate) {
	if scale, ids := v.noSymptom(); scale > 0 && !slices.Contains(v.in.Affected, c.component) {
		c.vote(fSymptomNone, scale, false, ids...)
	}
	for _, b := range v.symptoms {
		if l, ok := b.losses[c.component]; ok && l.clear() {
			v.voteLoss(c, b, l)
		}
	}
	if c.class != DependencyFailure && c.class != ExternalProvider {
		return // a cause of its own may show elsewhere than in its latency and errors
	}
	if ids, ok := v.innocent(c.component); ok {
		c.vote(fLossNone, 1, false, ids...)
	}
}

func (v *view) voteLoss(c *candidate, b balance, l loss) {
	trust := b.trust()
	c.vote(fLossClear, trust*saturate(l.Spreads, 2*clearRise), false, l.band.item.ID)
	accounts := fLossAccounts
	if c.component == b.component {
		accounts = fLossSelf
	}
	c.vote(accounts, trust*min(l.own()/b.total, 1), false, l.band.item.ID, b.losses[b.component].band.item.ID)
	c.vote(fLossPassed, l.passed, false, v.calleeIDs(b, c.component)...)
	c.vote(fLossBefore, l.before(), false, l.band.item.ID)
	if o, ok := b.other[c.component]; ok && o.clear() {
		c.vote(fLossOther, trust*saturate(o.Spreads, 2*clearRise), false, o.band.item.ID)
	}
	if by, ok := v.behind(b, c.component, l); ok {
		c.vote(fLossAlias, 1, false, b.losses[by].band.item.ID)
	}
}

// saturate grows from 0 at 0 over 1/2 at half towards 1.
func saturate(x, half float64) float64 {
	if x <= 0 {
		return 0
	}
	return x / (x + half)
}

// calleeIDs are the items of the callees that lose something, too.
func (v *view) calleeIDs(b balance, name string) []string {
	var ids []string
	for _, d := range v.in.Catalog.Dependencies(name, false) {
		if l, ok := b.losses[d]; ok && l.clear() {
			ids = append(ids, l.band.item.ID)
		}
	}
	return ids
}

// behind finds the service of ours that an outside address may stand for: one
// that a caller of the address calls, too, and that loses as much. Load
// balancers and DNS names are seen only by those who call them.
func (v *view) behind(b balance, name string, l loss) (string, bool) {
	if v.failureOf(v.part(name)) != ExternalProvider || len(v.in.Catalog.Dependencies(name, false)) > 0 {
		return "", false
	}
	for _, caller := range v.in.Catalog.Names() {
		siblings := v.in.Catalog.Dependencies(caller, false)
		if !slices.Contains(siblings, name) {
			continue
		}
		for _, s := range siblings {
			other, ok := b.losses[s]
			if ok && s != name && other.clear() && other.amount >= l.amount/2 && v.failureOf(v.part(s)) == DependencyFailure {
				return s, true
			}
		}
	}
	return "", false
}

// rarely is the share of samples outside the episode up to which a component
// counts as never called.
const rarely = 0.05

// voteNewCalls looks for components that get calls only since the symptom is
// there: who calls them has changed, not they.
func (v *view) voteNewCalls(cs *candidates, b balance) {
	for _, name := range v.sources(b.component) {
		t, ok := v.part(name).golden(evidence.Traffic)
		if !ok || name == b.component || !newlyCalled(t, b.episode) {
			continue
		}
		var callers []string
		for _, n := range v.sources(b.component) {
			if slices.Contains(v.in.Catalog.Dependencies(n, false), name) {
				callers = append(callers, n)
			}
		}
		for _, n := range callers {
			c := cs.at(v.failureOf(v.part(n)), n)
			c.vote(fNewCalls, b.trust()/float64(len(callers)), false, t.item.ID)
			c.say(1, n+" calls "+name+" since the symptom began, and hardly ever did before")
		}
		if c, ok := cs.find(v.failureOf(v.part(name)), name); ok {
			c.vote(fNewlyCalled, 1, false, t.item.ID)
		}
	}
}

// newlyCalled reports whether a component has traffic in the episode and hardly
// ever outside it.
func newlyCalled(t band, ep detect.Episode) bool {
	if rate, ok := ep.Mean(t.metric.Now.Points); !ok || rate <= 0 {
		return false
	}
	calm, called := 0, 0
	count := func(x float64) {
		calm++
		if x > 0 {
			called++
		}
	}
	for _, p := range t.metric.Now.Points {
		if s, ok := ep.Strength(p.At); ok && s < 0.05 {
			count(p.Value)
		}
	}
	for _, p := range t.metric.Before.Points {
		count(p.Value)
	}
	return calm > 0 && float64(called) <= rarely*float64(calm)
}

// noSymptom is how sure it is that the affected components show nothing: 0 when
// one of them was not measured or is out of band.
func (v *view) noSymptom() (scale float64, ids []string) {
	for _, name := range v.in.Affected {
		p := v.part(name)
		for _, kind := range troubles {
			if b, ok := p.telling(kind); !ok || !b.comparable {
				return 0, nil
			}
		}
		if !p.inBand() {
			return 0, nil
		}
		ids = append(ids, p.bandIDs(2)...)
	}
	if len(v.in.Affected) == 0 {
		return 0, nil
	}
	strongest := 0.0
	for _, b := range v.symptoms {
		strongest = max(strongest, b.episode.Deviation)
	}
	return 1 - saturate(strongest, clearRise), ids
}

// innocent reports whether a component was measured during a symptom and
// nothing of it rose; with the items that say so. False without a symptom.
func (v *view) innocent(name string) ([]string, bool) {
	var ids []string
	for _, b := range v.symptoms {
		for _, ls := range []map[string]loss{b.losses, b.other} {
			l, ok := ls[name]
			if ok && l.clear() {
				return nil, false
			}
			if ok && l.band.item.ID != "" {
				ids = append(ids, l.band.item.ID)
			}
		}
	}
	return ids, len(ids) > 0
}

// during is the part of a signal's deviation that rose with a symptom and was
// not there before it; 1 when that can't be told.
func (v *view) during(b band) float64 {
	most, known := 0.0, false
	for _, s := range v.symptoms {
		if x, ok := s.episode.Excess(b.metric.Now.Points, b.reference, floorOf(b.metric, b.item.Unit)); ok {
			if b.score < 0 { // trouble when it falls
				x.Before, x.Spreads = -x.Before, -x.Spreads
			}
			most, known = max(most, 1-loss{Excess: x}.before()), true
		}
	}
	if !known {
		return 1
	}
	return most
}

// abnormalDuring is the same of all the abnormal signals of a component: the
// most that any of them rose with a symptom.
func (v *view) abnormalDuring(p *part) float64 {
	most := 0.0
	for _, b := range p.bands {
		if b.abnormal && !b.item.Stale {
			most = max(most, v.during(b))
		}
	}
	return most
}

// before is the part of the trouble that was there before the symptom.
func (l loss) before() float64 {
	if l.Before < clearRise {
		return 0
	}
	return l.Before / (l.Before + max(l.Spreads, 0))
}

// aside reports whether a component is out of band for reasons that have
// nothing to do with what is affected: nothing of it rose with the symptom.
func (v *view) aside(name string) bool {
	_, ok := v.innocent(name)
	return ok
}
