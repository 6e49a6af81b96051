package diagnose

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The outcome is kept readable: hypotheses below minShown or beyond maxShown
// are left to "unknown".
const (
	minShown  = 0.01
	maxShown  = 6
	maxChecks = 4
)

// Engine ranks causes. It is immutable and safe for concurrent use.
type Engine struct {
	w           Weights
	calibration Calibration
	without     []CauseClass // see Without
}

// New returns an engine with the given weights; see DefaultWeights.
func New(w Weights, options ...Option) *Engine {
	e := &Engine{w: w}
	for _, o := range options {
		o(e)
	}
	return e
}

// rule looks at the evidence and votes.
type rule func(*view, *candidates)

// rules in order: used-up resources first, since log lines and changes are
// read in their light; place last, since it compares what the others found.
func rules() []rule {
	return []rule{
		exhaustion, workers, leaks, changed, crashes, dependencies, surges,
		clusterFaults, containers, jumps, spans, series, delays, nodeNetworks, databases,
		logLines, refine, covered, specific, place, healthy, usualSpans, noEffect, checked,
	}
}

// Diagnose ranks the causes of what the evidence shows. The same input, in any
// order of items, gives the same outcome.
func (e *Engine) Diagnose(in Input) Diagnosis {
	v, cs := e.examine(in)
	ranked := e.weigh(v, cs)
	return Diagnosis{
		Hypotheses: e.present(v, ranked),
		Onset:      v.onset(),
		Abnormal:   v.abnormalList(),
		Missing:    v.missing(),
		Components: e.suspects(v, cs, ranked),
		Observed:   v.seen,
		RuledOut:   v.cleared,
	}
}

// present names the leading candidates and gives the rest to "unknown".
func (e *Engine) present(v *view, ranked []weighed) []Hypothesis {
	out := []Hypothesis{}
	rest := 1.0
	for _, r := range ranked {
		if r.p < minShown || len(out) == maxShown {
			break
		}
		rest -= r.p
		h := e.hypothesis(r, fmt.Sprintf("h%d", len(out)+1))
		v.afterChange(&h)
		out = append(out, h)
	}
	return append(out, v.unknown(max(rest, 0)))
}

func (e *Engine) hypothesis(r weighed, id string) Hypothesis {
	h := Hypothesis{
		ID:              id,
		CauseClass:      r.c.class,
		Fault:           r.c.fault,
		Component:       r.c.component,
		Mechanism:       r.c.mechanism.text,
		Probability:     r.p,
		Basis:           BasisEvidence,
		EvidenceFor:     r.c.evidence(e.w, +1),
		EvidenceAgainst: r.c.evidence(e.w, -1),
		CheckNext:       atMost(r.c.checks, maxChecks),
	}
	switch {
	case r.c.runbook:
		h.Basis = BasisRunbook
	case r.vouched > capEvidence:
		h.Basis = BasisCalibrated
	}
	if h.Mechanism == "" {
		h.Mechanism = strings.ReplaceAll(string(r.c.class), "_", " ") + " at " + r.c.component
	}
	return h
}

// unknown is what no hypothesis explains, with what was not seen.
func (v *view) unknown(p float64) Hypothesis {
	h := Hypothesis{
		ID:              string(Unknown),
		CauseClass:      Unknown,
		Mechanism:       "Something that the evidence does not show",
		Probability:     floorTo(p + 5e-5), // to the nearest: the others were rounded down to the same digits
		Basis:           BasisEvidence,
		EvidenceFor:     []string{},
		EvidenceAgainst: []string{},
		CheckNext:       []string{},
	}
	for _, it := range v.failures {
		if it.ID != "" {
			h.EvidenceFor = append(h.EvidenceFor, it.ID)
		}
		if it.Query != "" && !slices.Contains(h.CheckNext, it.Query) {
			h.CheckNext = append(h.CheckNext, it.Query)
		}
	}
	h.CheckNext = atMost(h.CheckNext, maxChecks)
	if missing := v.missing(); len(missing) > 0 {
		h.Mechanism += "; no answer from " + strings.Join(missing, ", ")
	}
	return h
}

// abnormalList lists the abnormal components, the earliest first; those
// without an onset last.
func (v *view) abnormalList() []Abnormal {
	out := []Abnormal{}
	for _, n := range v.abnormalNames() {
		p := v.parts[n]
		out = append(out, Abnormal{
			Service: n, Onset: p.onset, Signal: p.signal(), Score: round2(p.score), UserFacing: p.usersNotice(),
		})
	}
	slices.SortStableFunc(out, func(a, b Abnormal) int {
		return cmp.Or(compareOnset(a.Onset, b.Onset), cmp.Compare(a.Service, b.Service))
	})
	return out
}

// signal names the most abnormal one.
func (p *part) signal() string {
	best, name := 0.0, ""
	for _, b := range p.bands {
		if b.abnormal && !b.item.Stale && abs(b.score) > best {
			best, name = abs(b.score), string(b.metric.Signal)
			if b.metric.Resource != "" {
				name += " of " + b.metric.Resource
			}
		}
	}
	return name
}

// usersNotice reports whether a user-facing indicator (latency, errors,
// traffic) of a user-facing component is out of band.
func (p *part) usersNotice() bool {
	return slices.ContainsFunc(p.bands, func(b band) bool {
		return b.abnormal && !b.item.Stale && userSignal(b) && (b.metric.UserFacing || p.entry.UserFacing)
	})
}

func compareOnset(a, b time.Time) int {
	switch {
	case a.IsZero() && b.IsZero():
		return 0
	case a.IsZero():
		return 1
	case b.IsZero():
		return -1
	}
	return a.Compare(b)
}

func atMost(xs []string, n int) []string {
	return append([]string{}, xs[:min(n, len(xs))]...)
}

func round2(x float64) float64 { return float64(int64(x*100+0.5)) / 100 }

func compare[T cmp.Ordered](a, b T) int { return cmp.Compare(a, b) }
