package respond

import (
	"testing"

	"github.com/google/go-cmp/cmp"

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
		{Kind: "bolt", ID: "BOLT-045", Why: "password=hunter2hunter2", Others: []incident.TraceCandidate{{ID: "BOLT-046", Why: "password=hunter2hunter2", Score: .5}}},
	})
	want := []TraceStep{
		{Kind: "code", ID: "internal/relay/worker.go:78", Path: "internal/relay/worker.go", Line: 78},
		{Kind: "commit", ID: sha, Title: "relay: password=[secret] for the broker"},
		{Kind: "bolt", ID: "BOLT-045", Why: "password=[secret]", Others: []incident.TraceCandidate{{ID: "BOLT-046", Why: "password=[secret]", Score: .5}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
