package terminal_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/escalate"
	"github.com/holdfast-sre/holdfast/internal/notify/terminal"
)

func TestAMessageIsPrintedWholeAndCanNotSteerTheTerminal(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	err := terminal.New(&out).Notify(t.Context(), escalate.Message{
		IncidentID: "INC-2026-0042", Severity: "SEV-2", Urgency: "page", Subject: "cancels \x1b[31mfail\u202e",
		Body: "ESCALATION REQUIRED\n\nSeverity: SEV-2\r\nlog: \x1b]0;owned\a\n", URL: "http://127.0.0.1:8080/incidents/INC-2026-0042",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `── page · SEV-2 · INC-2026-0042 ──────────────────────────────────────────────
cancels  [31mfail 

ESCALATION REQUIRED

Severity: SEV-2
log:  ]0;owned 

open http://127.0.0.1:8080/incidents/INC-2026-0042
──────────────────────────────────────────────────────────────────────────────
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("printed (-want +got):\n%s", diff)
	}
}

// broken is a terminal that is gone.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("gone") }

func TestATerminalThatIsGone(t *testing.T) {
	t.Parallel()
	if err := terminal.New(broken{}).Notify(t.Context(), escalate.Message{}); err == nil {
		t.Error("no error")
	}
}
