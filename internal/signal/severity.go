package signal

import (
	"strings"

	"github.com/holdfast-sre/holdfast/internal/severity"
)

// SeverityRules say which labels carry a severity and what their values mean.
type SeverityRules struct {
	Labels []string                     // the worst of them counts
	Values map[string]severity.Severity // lower case
}

// DefaultSeverity returns the map of DESIGN: critical is SEV-2, warning SEV-3,
// info SEV-4; SEV-1 … SEV-4 and P1 … P4 always mean themselves.
func DefaultSeverity() SeverityRules {
	return SeverityRules{
		Labels: []string{"severity", "priority"},
		Values: map[string]severity.Severity{
			"critical": severity.SEV2,
			"warning":  severity.SEV3,
			"info":     severity.SEV4,
		},
	}
}

// Of returns the worst severity that the labels name. A value that is not
// mapped, and labels that name none, are SEV-2: what is unknown is not low.
func (r SeverityRules) Of(labels map[string]string) severity.Severity {
	worst := severity.Unset
	for _, l := range r.Labels {
		v, ok := labels[l]
		if !ok || v == "" {
			continue
		}
		worst = severity.Worse(worst, r.value(v))
	}
	if worst == severity.Unset {
		return severity.SEV2
	}
	return worst
}

func (r SeverityRules) value(v string) severity.Severity {
	if s, ok := r.Values[strings.ToLower(strings.TrimSpace(v))]; ok {
		return s
	}
	if s, err := severity.Parse(v); err == nil {
		return s
	}
	return severity.SEV2
}
