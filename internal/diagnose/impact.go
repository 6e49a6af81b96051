package diagnose

import (
	"cmp"
	"slices"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// Reading is one measured number beside what is usual.
type Reading struct {
	Value float64
	Usual float64
	Known bool // false = no fresh measurement; Value and Usual are 0
}

// Measured is what users of one service notice, measured: the input of
// measured severity (see incident). Shares are 0…1.
type Measured struct {
	Service      string
	Tier         int // from the catalog; 0 = not in it
	UserFacing   bool
	FailingShare Reading // share of requests
	P99          Reading // seconds
	Traffic      Reading // requests per second
	BurnRate     float64 // of the tightest objective on errors or availability; 0 = none known
	Down         bool    // no instance runs, or users' usual traffic is gone
	OutOfBand    bool    // latency, errors or traffic out of the usual band
	Evidence     []string
}

// quietTraffic is the request rate, per second, below which silence is no sign
// of an outage.
const quietTraffic = 0.1

// Impact measures the affected services and every user-facing one that is
// abnormal: the worst failing share first, then by name. Stale samples are not
// used. It reads the same items as Diagnose and judges no cause.
func Impact(in Input) []Measured {
	v := newView(in)
	var out []Measured
	for _, n := range v.names() {
		p := v.parts[n]
		if slices.Contains(in.Affected, n) || p.usersNotice() {
			out = append(out, p.measure())
		}
	}
	slices.SortStableFunc(out, func(a, b Measured) int {
		return cmp.Or(cmp.Compare(b.FailingShare.Value, a.FailingShare.Value), cmp.Compare(a.Service, b.Service))
	})
	return out
}

func (p *part) measure() Measured {
	m := Measured{Service: p.name, Tier: p.entry.Tier, UserFacing: p.entry.UserFacing}
	m.FailingShare = p.reading(evidence.Errors, &m)
	m.P99 = p.reading(evidence.LatencyP99, &m)
	m.Traffic = p.reading(evidence.Traffic, &m)
	m.OutOfBand = slices.ContainsFunc(p.bands, func(b band) bool { return b.abnormal && !b.item.Stale && userSignal(b) })
	m.UserFacing = m.UserFacing || slices.ContainsFunc(p.bands, func(b band) bool { return b.metric.UserFacing })
	silent := m.Traffic.Known && m.Traffic.Usual >= quietTraffic && m.Traffic.Value < 0.02*m.Traffic.Usual
	m.Down = p.down() || silent && m.UserFacing // a worker without work is not down
	m.BurnRate = p.burnRate(m.FailingShare)
	return m
}

func (p *part) reading(g evidence.Golden, m *Measured) Reading {
	b, ok := p.golden(g)
	if !ok || b.item.Stale {
		return Reading{}
	}
	if b.item.ID != "" {
		m.Evidence = append(m.Evidence, b.item.ID)
	}
	return Reading{Value: b.value, Usual: b.usual, Known: true}
}

// burnRate is the failing share over the error budget: 1 spends the budget
// exactly over the objective's period (Google SRE Workbook, ch. 5).
func (p *part) burnRate(failing Reading) float64 {
	burn := 0.0
	for _, s := range p.entry.SLOs {
		budget := 1 - s.Objective
		if (s.Signal == "errors" || s.Signal == "availability") && failing.Known && budget > 0 {
			burn = max(burn, failing.Value/budget)
		}
	}
	return burn
}

// userSignal reports whether a band is one that users notice.
func userSignal(b band) bool { return b.metric.Signal != evidence.Saturation }
