package respond

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/incident"
)

// impactOf says what users notice, from what was measured.
func impactOf(ms []diagnose.Measured, inc incident.Incident) incident.Impact {
	out := incident.Impact{Values: []incident.Value{}}
	var words []string
	for _, m := range ms {
		if !slices.Contains(inc.Services, m.Service) {
			continue
		}
		add := func(name, unit string, r diagnose.Reading, scale float64) {
			if r.Known {
				out.Values = append(out.Values, incident.Value{Name: m.Service + " " + name, Value: scale * r.Value, Unit: unit, Usual: scale * r.Usual})
			}
		}
		add("errors", "%", m.FailingShare, 100)
		add("p99", "s", m.P99, 1)
		add("traffic", "/s", m.Traffic, 1)
		if m.FailingShare.Known && m.FailingShare.Value > m.FailingShare.Usual+0.001 {
			words = append(words, fmt.Sprintf("%.1f %% of requests to %s fail (usually %.1f %%)", 100*m.FailingShare.Value, m.Service, 100*m.FailingShare.Usual))
		}
		if m.Down {
			words = append(words, m.Service+" is down")
		}
	}
	out.Summary = strings.Join(words, "; ")
	switch {
	case out.Summary != "":
	case len(out.Values) > 0:
		out.Summary = "users notice nothing so far"
	default:
		out.Summary = "the impact on users could not be measured"
	}
	return out
}
