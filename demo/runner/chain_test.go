package runner

import (
	"os/exec"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/app"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/evidence/stack"
	"github.com/holdfast-sre/holdfast/internal/knowledge"
)

// TestTheChainOfTheIncident follows both stacks of the incident, through the real
// history, to the user story: every ID, section and line, and what the decision
// leaves open.
func TestTheChainOfTheIncident(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("git"); err != nil {
		t.Fatal("git is needed: install it")
	}
	dir := t.TempDir()
	versions, err := createRepository(t.Context(), dir, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	k, err := app.OpenKnowledge([]string{dir}, knowledge.DefaultScheme(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() }) // only read from
	type row struct {
		Kind, ID, Path string
		Line           int
		Inferred       bool
		Missing        []string
	}
	behind := []row{
		{
			Kind: "adr", ID: "ADR-023", Path: "docs/ADR-023-transactional-outbox.md", Line: 1,
			Missing: []string{"connection pool size", "transaction timeout", "batch size"},
		},
		{Kind: "daa", ID: "DAA-003", Path: "docs/DAA-003-booking-domain.md", Line: 10}, // section 3.2
		{Kind: "prd", ID: "PRD-015", Path: "docs/PRD-015-cancel-bookings.md", Line: 1},
		{Kind: "story", ID: "PRD-015 story 2", Path: "docs/PRD-015-cancel-bookings.md", Line: 17},
	}
	for name, tt := range map[string]struct {
		text  string
		error string
		want  []row
	}{
		"the worker that holds the connections": {
			"panic: connection timeout\n\ngoroutine 7 [running]:\nexample.com/booking/relay/worker.(*Worker).publish(0x1)\n\t/src/booking/relay/worker/outbox_worker.go:78 +0x1d\n",
			"connection timeout",
			append([]row{
				{Kind: "code", ID: "booking/relay/worker/outbox_worker.go:78", Path: "booking/relay/worker/outbox_worker.go", Line: 78},
				{Kind: "commit", ID: versions["1.4.2"][:12], Path: "booking/relay/worker/outbox_worker.go", Line: 78},
				{Kind: "bolt", ID: "BOLT-045", Path: "docs/BOLT-045-outbox-relay-worker.md", Line: 1},
			}, behind...),
		},
		"the request that waits for one, as a person writes it down": {
			"panic: pq: connection timeout\n  at booking_service.go:152 in CancelBooking()\n  at api_handler.go:89 in HandleCancel()\n",
			"pq: connection timeout",
			append([]row{
				{Kind: "code", ID: "booking/api/booking_service.go:152", Path: "booking/api/booking_service.go", Line: 152},
				{Kind: "commit", Path: "booking/api/booking_service.go", Line: 152},
				{Kind: "bolt", ID: "BOLT-044", Path: "docs/BOLT-044-cancel-api.md", Line: 1},
			}, behind...),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := stack.Parse(tt.text)
			if st.Type != "panic" || st.Message != tt.error {
				t.Errorf("the error is %+v", st.Error)
			}
			var frames []evidence.Frame
			for _, f := range st.Frames {
				frames = append(frames, f.Frame)
			}
			steps, failed, err := k.Trace(t.Context(), app.KnowledgeQuestion{Frames: frames, Cause: diagnose.ExhaustPool})
			if err != nil || failed != nil {
				t.Fatal(err, failed)
			}
			var got []row
			for i, s := range steps {
				r := row{s.Kind, s.ID, s.Path, s.Line, s.Inferred, s.Missing}
				if s.Kind == "commit" && i < len(tt.want) && tt.want[i].ID == "" {
					r.ID = ""
				}
				got = append(got, r)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
