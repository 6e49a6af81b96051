package respond

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/redact"
)

// TestTheChainGivesNoSecretAway: whoever commits writes the subject.
func TestTheChainGivesNoSecretAway(t *testing.T) {
	t.Parallel()
	red, err := redact.New()
	if err != nil {
		t.Fatal(err)
	}
	const sha = "0f90f720f2025c38fccfb1b00064db39b2fd98a5"
	r := &Responder{Options: Options{Redactor: red}}
	got := r.redacted([]TraceStep{
		{Kind: "code", ID: "internal/relay/worker.go:78", Path: "internal/relay/worker.go", Line: 78},
		{Kind: "commit", ID: sha, Title: "relay: password=hunter2hunter2 for the broker"},
		{Kind: "adr", ID: "ADR-023", Title: `{"db_password":["hunter2","x"]}`},
		{Kind: "bolt", ID: "BOLT-045", Why: "password=hunter2hunter2", Others: []incident.TraceCandidate{{ID: "BOLT-046", Why: "password=hunter2hunter2", Score: .5}}},
	})
	want := []TraceStep{
		{Kind: "code", ID: "internal/relay/worker.go:78", Path: "internal/relay/worker.go", Line: 78},
		{Kind: "commit", ID: sha, Title: "relay: password=[secret] for the broker"},
		{Kind: "adr", ID: "ADR-023", Title: `{"db_password":["[secret]","[secret]"]}`},
		{Kind: "bolt", ID: "BOLT-045", Why: "password=[secret]", Others: []incident.TraceCandidate{{ID: "BOLT-046", Why: "password=[secret]", Score: .5}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// tracerByService gives each service's chain: its line, then its decision.
type tracerByService struct{}

func (tracerByService) Trace(_ context.Context, q TraceQuery) ([]TraceStep, error) {
	decision := TraceStep{Kind: "adr", ID: "ADR-" + q.Service.Name}
	if len(q.Frames) == 0 {
		return []TraceStep{decision}, nil
	}
	return []TraceStep{{Kind: "code", Path: q.Frames[0].File, Line: q.Frames[0].Line}, decision}, nil
}

// TestTheChainStaysWithTheComponentAtFault: the relay failed, said where, and
// hangs; from then on only the service that waits for it logs errors.
func TestTheChainStaysWithTheComponentAtFault(t *testing.T) {
	t.Parallel()
	repo := catalog.Repository{Path: "/src"}
	cat, err := catalog.New([]catalog.Service{{Name: "relay", Owner: "o", Tier: 2, Repository: repo}, {Name: "api", Owner: "o", Tier: 2, Repository: repo}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	logs := func(service string) evidence.Item {
		it, err := evidence.Item{Kind: evidence.KindLogs, Service: service}.Encode(evidence.Logs{Stacks: [][]evidence.Frame{{{File: service + ".go", Line: 7}}}})
		if err != nil {
			t.Fatal(err)
		}
		return it
	}
	both, waiting := []evidence.Item{logs("api"), logs("relay")}, []evidence.Item{logs("api")}
	tests := map[string]struct {
		rounds [][]evidence.Item
		causes []string
		want   string
	}{
		"the component at fault first":          {[][]evidence.Item{both}, []string{"relay"}, "relay.go:7 → ADR-relay"},
		"others where it says nothing":          {[][]evidence.Item{waiting}, []string{"relay"}, "api.go:7 → ADR-api"},
		"what it said stays when it is silent":  {[][]evidence.Item{both, waiting, nil}, []string{"relay", "relay", "relay"}, "relay.go:7 → ADR-relay"},
		"it is taken when it comes later":       {[][]evidence.Item{waiting, both}, []string{"relay", "relay"}, "relay.go:7 → ADR-relay"},
		"another component at fault: its chain": {[][]evidence.Item{both, waiting}, []string{"relay", "api"}, "api.go:7 → ADR-api"},
	}
	for name, tc := range tests {
		r := &Responder{Options: Options{Catalog: cat, Tracer: tracerByService{}}}
		s := snapshot{inc: incident.Incident{Services: []string{"api", "relay"}}}
		for i, items := range tc.rounds {
			f := findings{items: items, diagnose: diagnose.Diagnosis{Hypotheses: []diagnose.Hypothesis{{CauseClass: diagnose.ExhaustThreads, Component: tc.causes[i], Probability: .9}}}}
			if steps, from := r.traceBack(t.Context(), s, f); len(steps) > 0 {
				s.inc.Trace, s.progress.TracedFrom = steps, from
			}
		}
		if got := traceText(s.inc.Trace); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}
