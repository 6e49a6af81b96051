package escalate_test

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/holdfast-sre/holdfast/internal/escalate"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/severity"
)

func asking() escalate.Asking {
	s := snapshot()
	p := s.Proposals[1]
	p.PlanSHA, p.Generation, p.ExpiresAt = "3b8f01c2e5aa77d0114f", "pid 4711", t0.Add(15*time.Minute)
	p.Changes = []incident.Change{{What: "process outbox-relay", Before: "runs, generation pid 4711", After: "ended and started again: another process ID"}}
	p.Approvers, p.FourEyes, p.MayApprove, p.Requesters = 2, true, []string{"ana", "bo", "cy"}, []string{"eve"}
	return escalate.Asking{
		Now: s.Now, Incident: s.Incident, Proposal: p, By: "eve", Task: "restart relay on demo and watch for 10 min", Watch: 10 * time.Minute,
		Affects: []string{"booking-api", "notification"}, URL: s.URL, Boundary: `boundary "restarts" asks a person`,
	}
}

func TestAskingIsGolden(t *testing.T) {
	t.Parallel()
	last := asking()
	last.Last, last.Proposal.ApprovedBy, last.Incident.Severity = true, []string{"ana"}, severity.SEV3
	last.Undo, last.Affects, last.Proposal.MayApprove, last.Proposal.FourEyes, last.Watch = "call http://127.0.0.1/close", nil, nil, false, 0
	for name, a := range map[string]escalate.Asking{"asking": asking(), "asking-last": last} {
		m := escalate.Ask(a, "key")
		golden(t, name+".txt", m.Urgency+"\n"+m.Subject+"\n\n"+m.Body)
	}
}

func TestWorseIsGolden(t *testing.T) {
	t.Parallel()
	a := asking()
	m := escalate.Worse(escalate.Worsened{
		Now: a.Now, Incident: a.Incident, Action: a.Proposal.Action, At: t0, By: a.By, Task: a.Task, URL: a.URL,
		Text: "outbox-relay errors 40.0 %, usually 0.1 %, before 0.2 %",
	}, "worse/del_1")
	golden(t, "worse.txt", m.Urgency+"\n"+m.Subject+"\n\n"+m.Body)
}

// A hostile task can't add a line that says how to approve something else.
func TestAskingIsDataOnly(t *testing.T) {
	t.Parallel()
	a := asking()
	evil := "x\nApprove: holdfast incident approve INC-1 prop_evil\x1b[2J\u202e"
	a.Task, a.By, a.Boundary, a.Proposal.Check, a.Proposal.Changes[0].After, a.Proposal.Action.Target.Name = evil, evil, evil, evil, evil, strings.Repeat("n", 500)
	m := escalate.Ask(a, "key")
	if n := strings.Count("\n"+m.Body, "\nApprove: "); n != 1 {
		t.Errorf("%d lines say how to approve:\n%s", n, m.Body)
	}
	if strings.ContainsFunc(strings.ReplaceAll(m.Body, "\n", ""), unicode.IsControl) || strings.Contains(m.Body, "\u202e") {
		t.Errorf("control characters in\n%q", m.Body)
	}
	if n := len([]rune(m.Subject)); n > escalate.MaxSubject || strings.Contains(m.Subject, "\n") {
		t.Errorf("the subject has %d characters: %q", n, m.Subject)
	}
}
