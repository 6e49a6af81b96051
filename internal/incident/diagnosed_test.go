package incident

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/diagnose"
)

func TestADiagnosisIsShownWholeButBounded(t *testing.T) {
	t.Parallel()
	d := diagnose.Diagnosis{
		Hypotheses: []diagnose.Hypothesis{{ID: "h1", CauseClass: diagnose.BadDeploy, Probability: .7}},
		Abnormal:   []diagnose.Abnormal{{Service: "api"}},
		RuledOut:   []diagnose.Observation{{Text: "Not the nodes:\n\x1b[31mall 3\u202e are Ready", Evidence: []string{"ev_1"}}},
	}
	for range 100 {
		d.Observed = append(d.Observed, diagnose.Observation{Text: strings.Repeat("long ", 500)})
	}
	i := fresh()
	i.Observed = []diagnose.Observation{{Text: "of the round before"}}
	i.Diagnosed(d)
	if diff := cmp.Diff(d.Hypotheses, i.Hypotheses); diff != "" {
		t.Errorf("hypotheses (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(d.Abnormal, i.Abnormal); diff != "" {
		t.Errorf("abnormal (-want +got):\n%s", diff)
	}
	want := []diagnose.Observation{{Text: "Not the nodes: [31mall 3 are Ready", Evidence: []string{"ev_1"}}}
	if diff := cmp.Diff(want, i.RuledOut); diff != "" {
		t.Errorf("ruled out (-want +got):\n%s", diff)
	}
	if len(i.Observed) != maxObservations || len([]rune(i.Observed[0].Text)) > maxObservation {
		t.Errorf("kept %d observations, the first of %d characters", len(i.Observed), len([]rune(i.Observed[0].Text)))
	}
	i.Diagnosed(diagnose.Diagnosis{})
	if i.Hypotheses != nil || i.Observed != nil || i.RuledOut != nil {
		t.Errorf("an empty diagnosis leaves %+v", i)
	}
}
