// Package recovery knows when an incident is over: traffic is present and in
// band, the trigger condition is false, and every golden signal has been in its
// usual band for long enough. No data is not recovery, and a stale source means
// unknown. Pure: judgements are functions of what was measured and the clock.
package recovery

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// Kind of judgement.
type Kind string

// The judgements.
const (
	Recovered Kind = "recovered" // in band for the whole window
	Settling  Kind = "settling"  // in band, but not for long enough
	Out       Kind = "out"       // something is out of band or still fires
	Unknown   Kind = "unknown"   // no data, or a stale or silent source
)

// Check is what was measured at one moment.
type Check struct {
	Now     time.Time
	Metrics []Measured
	Firing  []string // names of the incident's signals that still fire
	Down    []string // sources that did not answer
}

// Measured is one golden signal of one service.
type Measured struct {
	Service string
	Stale   bool
	evidence.Metric
}

// Progress is what is kept between two checks. The zero value is the start.
type Progress struct {
	GoodSince time.Time `json:"good_since,omitzero"`
	Worst     float64   `json:"worst"` // highest error share seen since the start
	Checks    int       `json:"checks"`
}

// Judgement is the outcome of one check.
type Judgement struct {
	Kind    Kind
	Reasons []string // what is out of band, missing or still firing
}

// Window returns how long signals must stay in band: max(least, rate + hold),
// where rate is the rate window of the trigger's expression and hold its `for`.
func Window(least, rate, hold time.Duration) time.Duration { return max(least, rate+hold) }

// Judge compares one check with what is usual and carries progress forward.
// need is how long everything must hold (see Window).
func Judge(c Check, p Progress, need time.Duration) (Judgement, Progress) {
	p.Checks++
	for _, m := range c.Metrics {
		if m.Signal == evidence.Errors {
			p.Worst = max(p.Worst, m.Value)
		}
	}
	unknown := gaps(c)
	out := outOfBand(c)
	switch {
	case len(out) > 0:
		p.GoodSince = time.Time{}
		return Judgement{Kind: Out, Reasons: append(out, unknown...)}, p
	case len(unknown) > 0:
		p.GoodSince = time.Time{}
		return Judgement{Kind: Unknown, Reasons: unknown}, p
	case p.GoodSince.IsZero():
		p.GoodSince = c.Now
	}
	if c.Now.Sub(p.GoodSince) < need {
		return Judgement{Kind: Settling}, p
	}
	return Judgement{Kind: Recovered}, p
}

// gaps lists why nothing can be said: no traffic figure, stale series, sources
// that are down.
func gaps(c Check) []string {
	var out []string
	for _, s := range c.Down {
		out = append(out, s+" does not answer")
	}
	traffic := false
	for _, m := range c.Metrics {
		if m.Stale || len(m.Now.Points) == 0 {
			out = append(out, fmt.Sprintf("%s %s has no fresh samples", m.Service, m.Signal))
			continue
		}
		traffic = traffic || m.Signal == evidence.Traffic
	}
	if !traffic {
		out = append(out, "no traffic figure for any affected service")
	}
	return out
}

func outOfBand(c Check) []string {
	var out []string
	for _, name := range c.Firing {
		out = append(out, name+" still fires")
	}
	for _, m := range c.Metrics {
		if m.Stale || len(m.Now.Points) == 0 {
			continue
		}
		if ok, why := InBand(m.Metric); !ok {
			out = append(out, m.Service+" "+why)
		}
	}
	return out
}

// Bands. A signal is in its usual band when its robust deviation is small or it
// lies inside a tolerance around the usual value that people would call normal.
const (
	maxDeviation   = 4.0  // robust standard deviations
	errorTolerance = 0.01 // one request in a hundred above the usual share
	latencyFactor  = 2.0  // twice the usual latency
	latencyFloor   = 0.05 // seconds: below this nobody calls it slow
	trafficLow     = 0.5  // share of the usual traffic
	trafficHigh    = 3.0
	saturationHigh = 0.8 // of the limit
	backlogFloor   = 10  // items that wait: below this nobody calls it a backlog
)

// InBand reports whether the latest value of m is usual; if not, it says why
// in words.
func InBand(m evidence.Metric) (ok bool, why string) {
	v, usual := m.Value, m.Usual
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return false, fmt.Sprintf("%s is not a number", m.Signal)
	}
	switch m.Signal {
	case evidence.Errors:
		if v <= usual+errorTolerance {
			return true, ""
		}
		return false, fmt.Sprintf("errors %.1f %%, usually %.1f %%", 100*v, 100*usual)
	case evidence.LatencyMean, evidence.LatencyP50, evidence.LatencyP95, evidence.LatencyP99:
		if v <= max(latencyFactor*usual, latencyFloor) || (m.Deviation != 0 && m.Deviation < maxDeviation) {
			return true, ""
		}
		return false, fmt.Sprintf("%s %.3g s, usually %.3g s", m.Signal, v, usual)
	case evidence.Traffic:
		if v > 0 && v >= trafficLow*usual && (usual == 0 || v <= trafficHigh*usual) {
			return true, ""
		}
		return false, fmt.Sprintf("traffic %.3g/s, usually %.3g/s", v, usual)
	case evidence.Saturation:
		return saturationInBand(m)
	}
	return false, fmt.Sprintf("unknown signal %q", m.Signal)
}

func saturationInBand(m evidence.Metric) (bool, string) {
	if m.Limit > 0 {
		if m.Value <= saturationHigh*m.Limit || m.Value <= m.Usual {
			return true, ""
		}
		return false, fmt.Sprintf("%s %.3g of %.3g, usually %.3g", m.Resource, m.Value, m.Limit, m.Usual)
	}
	if waits(m.Resource) && m.Value <= backlogFloor {
		return true, ""
	}
	if m.Value <= 2*m.Usual || (m.Deviation != 0 && m.Deviation < maxDeviation) {
		return true, ""
	}
	return false, fmt.Sprintf("%s %.3g, usually %.3g", m.Resource, m.Value, m.Usual)
}

// waits reports whether a resource counts work that waits. A short queue goes up
// and down with the moment of the scrape, and a few calm scrapes make a usual
// value that the next one doubles.
func waits(resource string) bool {
	return slices.ContainsFunc([]string{"queue", "backlog", "pending", "outbox"}, func(part string) bool {
		return strings.Contains(strings.ToLower(resource), part)
	})
}

// Worse reports whether the error share got clearly worse than it was when the
// action started: only then (or when the runbook says so) is an undo considered.
func Worse(before, after float64) bool { return after > before+0.05 && after > 1.25*before }
