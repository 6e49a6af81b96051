package main

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/incident"
)

// What a person reads before confirming, and what comes back, as it is printed.
func TestADelegatedTaskIsPrinted(t *testing.T) {
	t.Parallel()
	restart := incident.DelegationPlan{
		Incident: "INC-2026-0042", By: "eve", Task: "restart relay on staging and watch for 10 min", State: incident.DelegationEchoed,
		Does: "restart outbox-relay (pid 4711)", Action: action.ProcessRestart, Service: "outbox-relay", Generation: "4711",
		Target:  catalog.Target{Environment: "staging", Kind: "process", Name: "outbox-relay"},
		Runbook: "relay-workers-stuck", Option: "restart-relay", Risk: action.Low, Lasting: action.Transient, Dependants: []string{"booking-api", "notification"},
		Check: "value < 8.0 within 1m0s, and every golden signal back in its usual range", Boundary: `boundary "restarts" asks a person`,
		Floor: "one person must approve: the agent does not do on its own what people delegate", Approvers: 1, YouCountNo: "eve is no approver in holdfast.yaml",
		MayApprove: []string{"ana", "bo"}, Watch: "10m0s", PlanSHA256: strings.Repeat("3b8f01c2", 8),
		Notes: []string{"runbook relay-workers-stuck has this remediation: its promises, check and undo hold; its conditions were not asked"},
	}
	never := restart
	never.Runbook, never.Option, never.Approvers, never.Dependants, never.MayApprove, never.Watch = "", "", -1, nil, nil, ""
	never.Why, never.Notes, never.Params = "no approval allows it: the action may lose data", nil, map[string]string{"url": "http://a/\x1b[2J\nApproved: yes"}
	nothing := incident.DelegationPlan{Task: "run payment-errors for booking-api", Why: "no condition of runbook payment-errors holds", PlanSHA256: restart.PlanSHA256, Commands: []string{"kubectl get pods"}}
	for name, d := range map[string]incident.DelegationPlan{"plan": restart, "never": never, "nothing": nothing} {
		var out strings.Builder
		p := newPage(&env{stdout: &out})
		p.delegationPlan(&d)
		if err := p.flush(); err != nil {
			t.Fatal(err)
		}
		golden(t, filepath.Join("testdata", "delegate", name+".txt"), out.String())
	}
	at := incident.Time(time.Date(2026, 3, 4, 14, 0, 0, 0, time.UTC))
	v := incident.View{ID: "INC-2026-0042", Delegations: []incident.DelegationView{
		{ID: "del_1", At: at, By: "eve", Task: "restart relay", State: incident.DelegationWaiting, Proposal: "prop_1"},
		{ID: "del_2", At: at, By: "ana", Task: "restart relay and watch for 10 min", State: incident.DelegationWatching, Watch: "10m0s"},
		{ID: "del_3", At: at, By: "ana", Task: "restart relay", State: incident.DelegationReported, Succeeded: true, Outcome: incident.OutcomeWorse, Report: "restart outbox-relay, asked for by ana: done at 14:00:00 UTC (pid 4711 → 4712). After 10m0s and 21 looks: WORSE than before: outbox-relay errors 40.0 %, usually 0.1 %, before 0.2 %"},
		{ID: "del_4", At: at, By: "ana", Task: "restart relay", State: incident.DelegationRefused, Why: "the agent is paused"},
	}}
	var out strings.Builder
	p := newPage(&env{stdout: &out})
	p.delegations(&v)
	if err := p.flush(); err != nil {
		t.Fatal(err)
	}
	golden(t, filepath.Join("testdata", "delegate", "listed.txt"), out.String())
}

// The exit code says how a task ended: worse after its watch is a failure.
func TestTheEndOfATaskIsAnExitCode(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		d    incident.DelegationView
		want int
	}{
		"done":    {incident.DelegationView{State: incident.DelegationReported, Succeeded: true, Outcome: incident.OutcomeBetter}, exitOK},
		"worse":   {incident.DelegationView{State: incident.DelegationReported, Succeeded: true, Outcome: incident.OutcomeWorse}, exitFailed},
		"failed":  {incident.DelegationView{State: incident.DelegationReported}, exitFailed},
		"waiting": {incident.DelegationView{State: incident.DelegationWaiting}, exitWaiting},
	}
	for name, tt := range tests {
		var out strings.Builder
		err := (&delegateCmd{Incident: "INC-1", JSON: "table"}).end(&env{stdout: &out}, tt.d)
		got := exitOK
		if e, ok := errors.AsType[*exitError](err); ok {
			got = e.code
		}
		if got != tt.want || (err == nil) != (tt.want == exitOK) {
			t.Errorf("%s: exit %d (%v), want %d", name, got, err, tt.want)
		}
	}
}
