//go:build integration

package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/incident"
)

// TestAPersonRunsARunbook: a SEV-2 waits for people; the on-call runs the runbook
// for it on the command line, sees its plan, and follows it until the service is
// back: the same approval, audit and timeline as every action.
func TestAPersonRunsARunbook(t *testing.T) {
	t.Parallel()
	w := newWorld(t, inVictoriaLogs())
	w.inject("pool-exhaustion")
	w.incidentWhere(60*time.Second, "escalated with a proposal", func(v incident.View) error {
		_, err := recommended(v)
		return err
	})
	cmd := exec.CommandContext(w.ctx, w.binary, "runbook", "run", "relay-holds-connections", "--service", "booking-api", "--why", "customers can't cancel", "--yes")
	cmd.Env = append(os.Environ(), "HOLDFAST_URL="+w.URLs.Holdfast, "HOLDFAST_TOKEN_FILE="+filepath.Join(w.Secrets, "oncall"))
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("runbook run: %v", err)
	}
	w.step("runbook run has ended")
	at := 0
	for _, want := range []string{
		`Task +run relay-holds-connections for booking-api, because: customers can't cancel`,
		`ms  share of the connections that the relay holds: 0\.\d+`,
		`holds +no_maintenance_window`,
		`chosen +restart-relay: process\.restart on outbox-relay`,
		`Action +process\.restart on demo/process/outbox-relay`,
		`Approvals +1 needed; your confirmation is one`,
		`approved +demo on-call: approved process\.restart`,
		`intended +will restart outbox-relay`, `started +`, `done +process\.restart of outbox-relay: done \(pid \d+ → \d+\), after`,
		`verifying +\S+ left: `, `recovery +back in the usual range`, `state +State: resolved\.`, `document +post-mortem`,
		`Repaired +everything has been in its usual range`,
	} {
		i := regexp.MustCompile(`(?m)^.*` + want).FindStringIndex(string(out[at:]))
		if i == nil {
			t.Fatalf("the report lacks %q behind:\n%s", want, out[:at])
		}
		at += i[0]
	}
	if p := w.process("outbox-relay"); p.Restarts != 1 {
		t.Errorf("the supervisor restarted the relay %d times, want once", p.Restarts)
	}
	v := w.incidentWhere(75*time.Second, "resolved and documented", documented)
	w.story(v)
	if len(v.Actions) != 1 || v.Actions[0].State != "done" || v.Actions[0].By != "demo on-call" || len(v.Delegations) != 1 || !v.Delegations[0].Succeeded {
		t.Errorf("actions %+v, tasks %+v: want one, done for the on-call", v.Actions, v.Delegations)
	}
	if b, err := w.read("/api/v1/incidents/" + v.ID + "/audit"); err != nil || !strings.Contains(string(b), "customers can't cancel") {
		t.Errorf("the audit does not have the reason: %v\n%s", err, b)
	}
	w.end()
}
