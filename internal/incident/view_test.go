package incident

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

var update = flag.Bool("update", false, "rewrite golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func encode(t *testing.T, v View) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b) + "\n"
}

func TestViewIsTheContract(t *testing.T) {
	t.Parallel()
	i := fresh()
	onset := start.Add(-3*time.Minute + 123456*time.Microsecond)
	i.OnsetAt, i.Services, i.SeverityReasons = &onset, []string{"booking-api"}, []string{"alert A is mapped to SEV-3"}
	i.Impact = Impact{Summary: "Cancels fail", Values: []Value{{Name: "errors", Value: 5.2, Unit: "%", Usual: .1}}}
	i.Hypotheses = []diagnose.Hypothesis{
		{ID: "h1", CauseClass: diagnose.ExhaustPool, Fault: cause.FaultDBConnections, Component: "outbox-relay", Probability: .91, EvidenceFor: []string{"ev_1"}},
		{ID: "unknown", CauseClass: diagnose.Unknown, Probability: .09},
	}
	i.Observed = []diagnose.Observation{{Text: "Deployment outbox-relay: 1 of 1 pods Ready", Evidence: []string{"ev_2"}}}
	i.RuledOut = []diagnose.Observation{{Text: "Not the nodes: all 3 nodes are Ready"}}
	i.Drafts = []Drafting{{
		At: start, ResolvedAt: start, State: DraftsBranched,
		Files:    []DraftFile{{Kind: "fix-bolt", ID: "FIX-001", Path: "docs/FIX-001-exhausted-connection-pool.md"}},
		Branches: []DraftBranch{{Repository: "/srv/booking", Branch: "holdfast/inc-2026-0001", Commit: "0123456789abcdef0123456789abcdef01234567"}},
	}}
	target := catalog.Target{Environment: "prod", Kind: "process", Name: "outbox-relay"}
	restart := action.Action{Name: "process.restart", Target: target, Risk: action.Low, Lasting: action.Transient}
	v := NewView(Parts{
		Incident: i,
		Signals:  []signal.Signal{{ID: "sig_1", Kind: signal.Alert, Name: "A", Status: signal.Firing, Severity: severity.SEV3, StartsAt: start, ReceivedAt: start}},
		Verdicts: []decide.Verdict{
			{Kind: decide.Escalate, Urgency: decide.PageUrgency, DecidedAt: start, Rules: []decide.Rule{{ID: "severity", Held: true}}},
			{Kind: decide.Watch, Urgency: decide.NoUrgency, DecidedAt: start.Add(time.Minute)},
		},
		Proposals: []Proposal{{ID: "prop_1", Action: restart, State: Waiting, Why: "it holds the pool", At: start}},
		Intents:   []action.Intent{{ID: "act_1", Action: restart, State: action.Done, By: "agent", ApprovedBy: "ana", StartedAt: start}},
		Events:    []Event{{At: start, Kind: EventOpened, Actor: ActorAgent, Text: "Opened."}},
		Documents: []DocumentView{{Kind: "postmortem", Path: "postmortem.md"}},
	})
	golden(t, "incident.json", encode(t, v))
	var back View
	if err := json.Unmarshal([]byte(encode(t, v)), &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(encode(t, v), encode(t, back)); diff != "" {
		t.Errorf("does not survive reading (-before +after):\n%s", diff)
	}
}

func TestAnEmptyViewHasNoNullLists(t *testing.T) {
	t.Parallel()
	got := encode(t, NewView(Parts{Incident: fresh()}))
	for line := range strings.Lines(got) {
		if !strings.Contains(line, "null") {
			continue
		}
		if !strings.Contains(line, "_at\"") && !strings.Contains(line, `"verdict"`) {
			t.Errorf("null: %s", line)
		}
	}
}
