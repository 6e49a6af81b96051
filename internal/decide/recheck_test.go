package decide_test

import (
	"strings"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/severity"
)

func about() decide.RecheckInput {
	return decide.RecheckInput{
		Input: sureCase(), PlanSHA: "bb22", Generation: "4121", DecidedPlanSHA: "bb22", DecidedGen: "4121", DecidedBounds: "cc33", FactsHold: catalog.True,
	}
}

func approved(in *decide.RecheckInput, by ...string) {
	in.Incident.Severity = severity.SEV2
	in.Approval = &decide.Approval{By: by, At: noon.Add(-time.Minute), ExpiresAt: noon.Add(14 * time.Minute), PlanSHA: "bb22", Generation: "4121"}
}

func TestRecheckJustBeforeTheAction(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		want   string // part of the reason; "" = may start
		change func(*decide.RecheckInput)
	}{
		{"nothing changed", "", func(*decide.RecheckInput) {}},
		{"approved at SEV-2", "", func(in *decide.RecheckInput) { approved(in, "ana") }},
		{"approved while a boundary asks", "", func(in *decide.RecheckInput) { approved(in, "ana"); in.Boundary.Ruling = boundary.Ask }},
		{"approved under a silence", "", func(in *decide.RecheckInput) { approved(in, "ana"); in.Incident.Covered = catalog.True }},
		{"lasting, approved by two", "", func(in *decide.RecheckInput) {
			approved(in, "ana", "bo")
			in.Candidate.Action.Lasting = action.Permanent
		}},
		{"a call without generation", "", func(in *decide.RecheckInput) {
			call(&in.Input)
			in.Generation, in.DecidedGen = "", ""
		}},

		{"paused", "paused", func(in *decide.RecheckInput) { in.Pause = decide.Paused }},
		{"pause not readable", "paused", func(in *decide.RecheckInput) { in.Pause = decide.PauseUnreadable }},
		{"paused after an approval", "paused", func(in *decide.RecheckInput) { approved(in, "ana"); in.Pause = decide.Paused }},
		{"no candidate any more", "does not fit", func(in *decide.RecheckInput) { in.Candidate = nil }},
		{"another plan", "not the one", func(in *decide.RecheckInput) { in.PlanSHA = "xx" }},
		{"no plan", "not the one", func(in *decide.RecheckInput) { in.PlanSHA, in.DecidedPlanSHA, in.Candidate.PlanSHA = "", "", "" }},
		{"facts that fell", "facts", func(in *decide.RecheckInput) { in.FactsHold = catalog.False }},
		{"facts not read again", "facts", func(in *decide.RecheckInput) { in.FactsHold = catalog.Unset }},
		{"another boundary file", "boundary file changed", func(in *decide.RecheckInput) { in.BoundarySHA256 = "dd" }},
		{"no boundary file", "boundary file changed", func(in *decide.RecheckInput) { in.BoundarySHA256, in.DecidedBounds = "", "" }},
		{"another generation", "target changed", func(in *decide.RecheckInput) { in.Generation = "4188" }},
		{"generation not readable", "can't say", func(in *decide.RecheckInput) { in.Generation = "" }},
		{"generation never known", "can't say", func(in *decide.RecheckInput) { in.Generation, in.DecidedGen = "", "" }},
		{"nothing fires", "nothing is firing", func(in *decide.RecheckInput) { in.Incident.Firing = catalog.False }},
		{"old samples", "newest sample", func(in *decide.RecheckInput) { in.Incident.SampleAge = time.Minute }},
		{"old samples after an approval", "newest sample", func(in *decide.RecheckInput) { approved(in, "ana"); in.Incident.SampleAge = time.Minute }},
		{"another action without an end", "earlier action", func(in *decide.RecheckInput) { approved(in, "ana"); in.History.Unsettled = catalog.True }},
		{"another change", "another change", func(in *decide.RecheckInput) { approved(in, "ana"); in.History.ConcurrentChange = catalog.Unset }},
		{"severity rose, nobody approved", "verdict changed", func(in *decide.RecheckInput) { in.Incident.Severity = severity.SEV2 }},
		{"less sure, nobody approved", "verdict changed", func(in *decide.RecheckInput) { in.Hypotheses[0].Probability = 0.5 }},

		{"the runbook fell to shadow after an approval", "stage shadow", func(in *decide.RecheckInput) {
			approved(in, "ana")
			in.Autonomy = boundary.Grant{Stage: boundary.Shadow}
		}},
		{"a stage that nobody knows after an approval", "stage shadow", func(in *decide.RecheckInput) { approved(in, "ana"); in.Autonomy = boundary.Grant{} }},
		{"the runbook fell to approve, nobody approved", "verdict changed", func(in *decide.RecheckInput) { in.Autonomy = boundary.Grant{Stage: boundary.Approve} }},
		{"approved in stage approve", "", func(in *decide.RecheckInput) {
			approved(in, "ana")
			in.Autonomy = boundary.Grant{Stage: boundary.Approve}
		}},
		{"an approval by nobody", "0 of 1", func(in *decide.RecheckInput) { approved(in) }},
		{"an approval by the agent", "0 of 1", func(in *decide.RecheckInput) { approved(in, "agent") }},
		{"lasting, one person twice", "1 of 2", func(in *decide.RecheckInput) {
			approved(in, "ana", "Ana ")
			in.Candidate.Action.Lasting = action.Permanent
		}},
		{"expired", "expired", func(in *decide.RecheckInput) { approved(in, "ana"); in.Approval.ExpiresAt = noon }},
		{"lives longer than it may", "expired", func(in *decide.RecheckInput) {
			approved(in, "ana")
			in.Approval.At, in.Approval.ExpiresAt = noon.Add(-15*time.Minute), noon.Add(time.Hour)
		}},
		{"from the future", "time of the approval", func(in *decide.RecheckInput) { approved(in, "ana"); in.Approval.At = noon.Add(time.Second) }},
		{"for another plan", "another plan", func(in *decide.RecheckInput) { approved(in, "ana"); in.Approval.PlanSHA = "xx" }},
		{"for another generation", "changed since the approval", func(in *decide.RecheckInput) { approved(in, "ana"); in.Approval.Generation = "1" }},
		{"data loss came up", "no approval allows", func(in *decide.RecheckInput) { approved(in, "ana", "bo"); in.Incident.DataLoss = catalog.True }},
		{"customer data", "no approval allows", func(in *decide.RecheckInput) {
			approved(in, "ana", "bo")
			in.Candidate.TouchesCustomerData = catalog.True
		}},
		{"denied", "no approval allows", func(in *decide.RecheckInput) { approved(in, "ana", "bo"); in.Boundary.Ruling = boundary.Deny }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := about()
			tt.change(&in)
			ok, reason := decide.Recheck(in)
			if ok != (tt.want == "") || !strings.Contains(reason, tt.want) || ok == (reason != "") {
				t.Errorf("Recheck = %v, %q; want a reason with %q", ok, reason, tt.want)
			}
		})
	}
}
