package respond

import (
	"context"
	"testing"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/runbook"
)

// shares answers with the failing share of each series.
type shares []float64

func (s shares) Instant(context.Context, runbook.MetricQuestion) (runbook.MetricAnswer, error) {
	var a runbook.MetricAnswer
	for _, v := range s {
		a.Samples = append(a.Samples, evidence.Sample{Value: v})
	}
	return a, nil
}

// An expression without a sum answers with several series: the worst counts.
func TestTheErrorBudgetIsThatOfTheWorstSeries(t *testing.T) {
	t.Parallel()
	c, err := catalog.New([]catalog.Service{{
		Name: "api", Owner: "team", Tier: 2, Metrics: catalog.Metrics{Source: "prom", Errors: "share"},
		SLOs: []catalog.SLO{{Name: "works", Signal: "errors", Objective: 0.99}},
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &Responder{Options: Options{Catalog: c}}
	for want, answer := range map[catalog.Flag]shares{catalog.False: {0, 0.001}, catalog.True: {0, 0.5}, catalog.Unset: nil} {
		if got := r.budgetSpent(t.Context(), answer, snapshot{inc: incident.Incident{Environment: "live"}}, "api"); got != want {
			t.Errorf("%v: spent is %s, want %s", answer, got, want)
		}
	}
}
