package diagnose

import (
	"cmp"
	"math"
	"slices"

	"github.com/holdfast-sre/holdfast/internal/detect"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// LeadInputs names what a calibration looks at, in the order of
// Lead.Inputs.
func LeadInputs() []string {
	return []string{"lead", "margin", "strongest", "against", "breadth", "outside", "symptom", "shift"}
}

// The inputs are kept in a range in which a straight line is a fair guess.
const (
	farLead    = 8.0
	farSupport = 8.0
	farBreadth = 4
	farOff     = 4.0 // e⁴−1, some fifty deviations
)

// Lead is the leading answer of a diagnosis as calibration sees it, before
// any cap: how far it leads, and on what it rests. Inputs, the first four in
// log-odds:
//
//	lead       its raw share against all else, "unknown" included
//	margin     against the strongest rival
//	strongest  the heaviest vote for it that outsiders can't write
//	against    the sum of the votes against it (0 or less)
//	breadth    kinds of evidence that speak for it
//	outside    share of what speaks for it that outsiders could have written
//	symptom    ln(1+deviations) of the worst symptom of what is affected
//	shift      ln(1+deviations) of its component's most unusual signal
type Lead struct {
	Class     CauseClass
	Fault     Fault
	Component string
	Raw       float64 // its share before calibration
	Inputs    []float64
	Features  []Feature // that speak for it, not counting what outsiders can write; sorted
}

// Leads returns the profile, the leading cause and the leading component;
// ok is false when there is no cause at all.
func (e *Engine) Leads(in Input) (p Profile, cause, component Lead, ok bool) {
	v, cs := e.examine(in)
	s := e.stand(v, cs)
	if len(s.all) == 0 {
		return v.profile(), Lead{}, Lead{}, false
	}
	component, _ = e.readComponent(v, s, true)
	return v.profile(), e.readCause(v, s, true), component, true
}

// standing is all candidates with their mass in the softmax, the heaviest first.
type standing struct {
	all     []*candidate
	mass    []float64
	inside  []float64 // mass without votes for it that outsiders could have written
	unknown float64
}

func (e *Engine) stand(v *view, cs *candidates) standing {
	s := standing{all: cs.all(), unknown: e.odds(e.unknownScore(v))}
	slices.SortStableFunc(s.all, func(a, b *candidate) int { return cmp.Compare(b.score(e.w, true), a.score(e.w, true)) })
	for _, c := range s.all {
		s.mass = append(s.mass, e.odds(c.score(e.w, true)))
		s.inside = append(s.inside, e.odds(c.score(e.w, false)))
	}
	return s
}

func (s standing) total() float64 {
	sum := s.unknown
	for _, m := range s.mass {
		sum += m
	}
	return sum
}

// massOf is the mass of one candidate, with or without what outsiders say for it.
func (s standing) massOf(i int, outside bool) float64 {
	if outside {
		return s.mass[i]
	}
	return s.inside[i]
}

// readCause reads the first candidate; without outside as if the votes for it
// that outsiders could have written were not there.
func (e *Engine) readCause(v *view, s standing, outside bool) Lead {
	rival := s.unknown
	for _, m := range s.mass[1:] {
		rival = max(rival, m)
	}
	mass := s.massOf(0, outside)
	return e.read(v, s.all[0], standing{mass: []float64{mass, rival}, unknown: s.total() - s.mass[0]}, outside)
}

// readComponent reads the component with the largest sum, and in it the
// heaviest candidate. There is none when nothing is at fault.
func (e *Engine) readComponent(v *view, s standing, outside bool) (Lead, bool) {
	sums := s.components()
	if len(sums) == 0 {
		return Lead{}, false
	}
	top := sums[0]
	rival := s.unknown
	if len(sums) > 1 {
		rival = max(rival, sums[1].Probability)
	}
	mass, heaviest := 0.0, (*candidate)(nil)
	for i, c := range s.all {
		if c.component == top.Component && c.class != Healthy {
			mass += s.massOf(i, outside)
			if heaviest == nil {
				heaviest = c
			}
		}
	}
	return e.read(v, heaviest, standing{mass: []float64{mass, rival}, unknown: s.total() - top.Probability}, outside), true
}

// components sums the masses of faults by component, the largest first.
func (s standing) components() []Suspect {
	out := []Suspect{}
	for i, c := range s.all {
		if c.class == Healthy {
			continue
		}
		if j := slices.IndexFunc(out, func(x Suspect) bool { return x.Component == c.component }); j >= 0 {
			out[j].Probability += s.mass[i]
			continue
		}
		out = append(out, Suspect{c.component, s.mass[i]})
	}
	slices.SortStableFunc(out, func(a, b Suspect) int { return cmp.Compare(b.Probability, a.Probability) })
	return out
}

// reader adds up the votes of one candidate.
type reader struct {
	strongest, support, against, outside float64
	kinds                                []evidence.Kind
	features                             []Feature
}

func (r *reader) add(v *view, k voteKey, w float64, ids []string) {
	switch {
	case w < 0:
		r.against += w
		return
	case k.outside:
		r.outside += w
	default:
		r.strongest = max(r.strongest, w)
		r.support += w
		r.features = append(r.features, k.feature)
	}
	for _, id := range ids {
		if it, ok := v.items[id]; ok && !slices.Contains(r.kinds, it.Kind) {
			r.kinds = append(r.kinds, it.Kind)
		}
	}
}

// read describes a candidate. lead is what it has (mass[0]), its strongest rival (mass[1]) and
// all else together (unknown).
func (e *Engine) read(v *view, c *candidate, lead standing, outside bool) Lead {
	var r reader
	for _, k := range c.keys() {
		w := e.w.LogOdds[k.feature] * c.votes[k].scale / e.w.Temperature
		if w != 0 && (outside || !k.outside || w < 0) {
			r.add(v, k, w, c.votes[k].evidence)
		}
	}
	share := 0.0
	if r.outside > 0 {
		share = r.outside / (r.outside + r.support)
	}
	return Lead{
		Class: c.class, Fault: c.fault, Component: c.component,
		Raw: lead.mass[0] / (lead.mass[0] + lead.unknown),
		Inputs: []float64{
			within(logRatio(lead.mass[0], lead.unknown), farLead), within(logRatio(lead.mass[0], lead.mass[1]), farLead),
			within(r.strongest, farSupport), within(r.against, farSupport),
			float64(min(len(r.kinds), farBreadth)), share, v.symptom(), v.shift(c.component),
		},
		Features: r.features,
	}
}

// symptom is how far what is affected is off, at its worst: 0 when nothing is.
func (v *view) symptom() float64 {
	worst := 0.0
	for _, b := range v.symptoms {
		worst = max(worst, b.episode.Deviation)
	}
	return within(math.Log1p(worst), farOff)
}

// shift is how far the most unusual signal of a component is off.
func (v *view) shift(name string) float64 {
	worst := 0.0
	for _, b := range v.part(name).bands {
		switch {
		case !b.comparable:
		case directionOf(b.metric.Signal) == detect.Up:
			worst = max(worst, b.score)
		default:
			worst = max(worst, abs(b.score))
		}
	}
	return within(math.Log1p(worst), farOff)
}

func logRatio(a, b float64) float64 {
	switch {
	case a <= 0:
		return -farLead
	case b <= 0:
		return farLead
	}
	return math.Log(a) - math.Log(b)
}

func within(x, limit float64) float64 { return min(max(x, -limit), limit) }
