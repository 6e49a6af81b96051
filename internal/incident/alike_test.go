package incident_test

import (
	"testing"

	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/incident"
)

func TestSameCauseNeedsPlaceAndFault(t *testing.T) {
	t.Parallel()
	with := func(class diagnose.CauseClass, fault cause.Fault, component string, p float64) incident.Incident {
		return incident.Incident{Hypotheses: []diagnose.Hypothesis{
			{ID: "h1", CauseClass: class, Fault: fault, Component: component, Probability: p}, {ID: "unknown", CauseClass: diagnose.Unknown, Probability: 1 - p},
		}}
	}
	pool := with(diagnose.ExhaustPool, cause.FaultDBConnections, "relay", .5)
	tests := map[string]struct {
		other incident.Incident
		want  float64
	}{
		"the same":                   {with(diagnose.ExhaustPool, cause.FaultDBConnections, "relay", .8), .4},
		"one knows no fault":         {with(diagnose.ExhaustPool, "", "relay", .8), .4},
		"another fault":              {with(diagnose.ExhaustPool, "other", "relay", .8), 0},
		"another class":              {with(diagnose.BadDeploy, "", "relay", .8), 0},
		"another component":          {with(diagnose.ExhaustPool, cause.FaultDBConnections, "till", .8), 0},
		"no component":               {with(diagnose.ExhaustPool, cause.FaultDBConnections, "", .8), 0},
		"nothing is known of either": {incident.Incident{}, 0},
	}
	for name, tt := range tests {
		if got := incident.SameCause(pool, tt.other); got != tt.want || incident.SameCause(tt.other, pool) != tt.want {
			t.Errorf("%s: %v, want %v both ways", name, got, tt.want)
		}
	}
	healthy := with(diagnose.Healthy, "", "relay", .9)
	if incident.SameCause(healthy, healthy) != 0 {
		t.Error("two healthy systems have a cause")
	}
}
