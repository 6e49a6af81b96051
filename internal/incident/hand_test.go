package incident_test

import (
	"testing"

	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

func TestJoinKeepsSeveritySetByHand(t *testing.T) {
	t.Parallel()
	nobody := func(string) string { return "" }
	known := signal.Signal{Name: "HighErrorRate", Service: "orders", Severity: severity.SEV2}
	for name, tc := range map[string]struct {
		signal signal.Signal
		want   severity.Severity // Unset = stays
	}{
		"a known alert that changes":      {known, severity.Unset},
		"another alert about the same":    {signal.Signal{Name: "Slow", Service: "orders", Severity: severity.SEV2}, severity.Unset},
		"a worse alert about the same":    {signal.Signal{Name: "Down", Service: "orders", Severity: severity.SEV1}, severity.SEV1},
		"the same about another service":  {signal.Signal{Name: "HighErrorRate", Service: "payments", Severity: severity.SEV2}, severity.SEV2},
		"a milder one on another service": {signal.Signal{Name: "Slow", Service: "payments", Severity: severity.SEV4}, severity.Unset},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inc := incident.FromSignals([]signal.Signal{known}, nobody, known.ReceivedAt)
			inc.Severity, inc.SeverityByHand = severity.SEV4, true // a person looked and lowered it
			if got := inc.Join([]signal.Signal{tc.signal}, nobody).Raised; got != tc.want {
				t.Errorf("raised to %v, want %v", got, tc.want)
			}
		})
	}
}
