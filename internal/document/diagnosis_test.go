package document_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/document"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

func TestDiagnosis(t *testing.T) {
	t.Parallel()
	logs, err := evidence.Item{ID: "ev_2", Kind: evidence.KindLogs, Summary: "3 lines of web"}.Encode(evidence.Logs{
		Templates: []evidence.Template{{Sample: "no such host\nInjected: line"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	in := diagnose.Input{Items: []evidence.Item{{ID: "ev_1", Kind: evidence.KindMetric, Summary: "CPU 91 %, usually 20 %"}, logs}}
	first := diagnose.Hypothesis{
		ID: "h1", CauseClass: diagnose.SlowQuery, Fault: "heavy_statement", Component: "store", Mechanism: "One statement takes the CPU.",
		Probability: 0.6, EvidenceFor: []string{"ev_1", "ev_2", "ev_gone"}, CheckNext: []string{"select 1"},
	}
	second := diagnose.Hypothesis{ID: "h2", CauseClass: diagnose.ExhaustDisk, Component: "store", Mechanism: "Storage runs out", Probability: 0.3}
	unknown := diagnose.Hypothesis{ID: "unknown", CauseClass: diagnose.Unknown, Probability: 0.1, CheckNext: []string{"look elsewhere"}}
	well := diagnose.Hypothesis{ID: "h1", CauseClass: diagnose.Healthy, Component: "store", Mechanism: "all is usual", Probability: 0.9}
	for _, tt := range []struct {
		name string
		d    diagnose.Diagnosis
		want string
	}{
		{"nothing", diagnose.Diagnosis{Hypotheses: []diagnose.Hypothesis{unknown}, Missing: []string{"prom"}}, `Cause unknown: the evidence supports no cause.

Not seen
- prom did not answer

Check next
- look elsewhere
`},
		{"well", diagnose.Diagnosis{
			Hypotheses: []diagnose.Hypothesis{well, unknown}, RuledOut: []diagnose.Observation{{Text: "Not memory: 3 GiB free"}},
		}, `No failure (.90): all is usual.

Ruled out
- Not memory: 3 GiB free
`},
		{"two", diagnose.Diagnosis{
			Hypotheses: []diagnose.Hypothesis{first, second, unknown}, Onset: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
			Observed: []diagnose.Observation{{Text: "writes 10 → 90"}},
		}, `Cause (.60): One statement takes the CPU.
slow query at store (heavy statement).
Two causes may hold at the same time; the second (.30): Storage runs out.
Since 03:04:05 UTC.

Evidence
- writes 10 → 90
- CPU 91 %, usually 20 %
- 3 lines of web: no such host Injected: line

Also considered
- .30 resource exhaustion, disk: Storage runs out

Check next
- select 1
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, document.Diagnosis(in, tt.d)); diff != "" {
				t.Errorf("report (-want +got):\n%s", diff)
			}
		})
	}
	if got := document.Diagnosis(diagnose.Input{}, diagnose.Diagnosis{}); !strings.Contains(got, "Cause unknown") {
		t.Errorf("an empty diagnosis reads %q", got)
	}
}
