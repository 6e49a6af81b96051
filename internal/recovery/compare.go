package recovery

import (
	"fmt"
	"slices"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// Reading is one golden signal at one moment, as it is kept to compare with.
type Reading struct {
	Service  string          `json:"service"`
	Signal   evidence.Golden `json:"signal"`
	Resource string          `json:"resource,omitempty"`
	Consumer string          `json:"consumer,omitempty"`
	Value    float64         `json:"value"`
	InBand   bool            `json:"in_band"`
	Text     string          `json:"text,omitempty"` // what is out of its usual range, in words
}

// Readings are the signals of a check that have a fresh value.
func Readings(c Check) []Reading {
	var out []Reading
	for _, m := range c.Metrics {
		if m.Stale || len(m.Now.Points) == 0 {
			continue
		}
		ok, why := InBand(m.Metric)
		out = append(out, Reading{Service: m.Service, Signal: m.Signal, Resource: m.Resource, Consumer: m.Consumer, Value: m.Value, InBand: ok, Text: why})
	}
	return out
}

// Comparison says how signals changed between two moments.
type Comparison struct {
	Worse  []string // out of the usual range, and clearly worse than before
	Better []string // back in the usual range
	New    []string // out of the usual range; how it was before is not known
	Both   int      // signals that were read at both moments
	Lost   []string // read before, and not any more
}

// clearly is by how much a signal that is out of its usual range must change to
// be worse: values wander by themselves.
const clearly = 1.25

// Compare says what became worse and what became better between two readings.
func Compare(before, now []Reading) Comparison {
	var c Comparison
	for _, n := range now {
		i := slices.IndexFunc(before, n.sameAs)
		if i < 0 {
			if !n.InBand {
				c.New = append(c.New, n.Service+" "+n.Text)
			}
			continue
		}
		c.Both++
		switch b := before[i]; {
		case n.worseThan(b):
			c.Worse = append(c.Worse, fmt.Sprintf("%s %s, before %s", n.Service, n.Text, b.value()))
		case n.InBand && !b.InBand:
			c.Better = append(c.Better, fmt.Sprintf("%s %s, before %s", n.Service, n.name(), b.value()))
		}
	}
	for _, b := range before {
		if !slices.ContainsFunc(now, b.sameAs) {
			c.Lost = append(c.Lost, b.Service+" "+b.name())
		}
	}
	return c
}

func (r Reading) sameAs(o Reading) bool {
	return r.Service == o.Service && r.Signal == o.Signal && r.Resource == o.Resource && r.Consumer == o.Consumer
}

func (r Reading) worseThan(b Reading) bool {
	switch {
	case r.InBand:
		return false
	case b.InBand:
		return true
	case r.Signal == evidence.Errors:
		return Worse(b.Value, r.Value)
	case r.Signal == evidence.Traffic && r.Value < b.Value:
		return r.Value*clearly < b.Value
	}
	return !(r.Value <= clearly*b.Value) // NaN is worse
}

func (r Reading) name() string {
	if r.Signal == evidence.Saturation && r.Resource != "" {
		return r.Resource
	}
	return string(r.Signal)
}

func (r Reading) value() string {
	switch r.Signal {
	case evidence.Errors:
		return fmt.Sprintf("%.1f %%", 100*r.Value)
	case evidence.Traffic:
		return fmt.Sprintf("%.3g/s", r.Value)
	case evidence.Saturation:
		return fmt.Sprintf("%.3g", r.Value)
	case evidence.LatencyMean, evidence.LatencyP50, evidence.LatencyP95, evidence.LatencyP99:
		return fmt.Sprintf("%.3g s", r.Value)
	}
	return fmt.Sprintf("%.3g", r.Value)
}
