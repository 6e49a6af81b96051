package decide_test

import (
	"testing"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/severity"
)

// TestFloor is the table of what no configuration can switch off. It knows
// nothing of how Decide is written.
func TestFloor(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		want   int
		change func(*decide.Input)
	}{
		{"nothing speaks against it", 0, func(*decide.Input) {}},
		{"an undoable call", 0, call},

		{"SEV-1", 1, func(in *decide.Input) { in.Incident.Severity = severity.SEV1 }},
		{"SEV-2", 1, func(in *decide.Input) { in.Incident.Severity = severity.SEV2 }},
		{"no severity", 1, func(in *decide.Input) { in.Incident.Severity = severity.Unset }},
		{"unknown cause", 1, func(in *decide.Input) { in.Hypotheses = nil }},
		{"unsure cause", 1, func(in *decide.Input) { in.Hypotheses[0].Probability = 0.94 }},
		{"cause elsewhere", 1, func(in *decide.Input) { in.Hypotheses[0].Component = "api" }},
		{"cause of a model", 1, func(in *decide.Input) { in.Hypotheses[0].Basis = diagnose.Basis("model") }},
		{"financial target", 1, func(in *decide.Input) { in.Candidate.Target.Flags.Financial = catalog.True }},
		{"financial flag not set", 1, func(in *decide.Input) { in.Candidate.Target.Flags.Financial = catalog.Unset }},
		{"financial dependant", 1, func(in *decide.Input) { in.Candidate.Dependants[0].Flags.Financial = catalog.True }},
		{"auth target", 1, func(in *decide.Input) { in.Candidate.Target.Flags.Auth = catalog.True }},
		{"auth dependant, flag not set", 1, func(in *decide.Input) { in.Candidate.Dependants[0].Flags.Auth = catalog.Unset }},
		{"dependants not known", 1, func(in *decide.Input) { in.Candidate.DependantsKnown = false }},
		{"security suspected", 1, func(in *decide.Input) { in.Incident.Security = catalog.True }},
		{"security not known", 1, func(in *decide.Input) { in.Incident.Security = catalog.Unset }},
		{"customer data exposed", 1, func(in *decide.Input) { in.Incident.CustomerData = catalog.True }},
		{"PII flag not set", 1, func(in *decide.Input) { in.Candidate.Target.Flags.PII = catalog.Unset }},
		{"several services", 1, func(in *decide.Input) { in.Incident.Services[1].OutOfBand = catalog.True }},
		{"unmapped", 1, func(in *decide.Input) { in.Incident.Services = nil }},
		{"code change", 1, func(in *decide.Input) { in.Candidate.NeedsCodeChange = catalog.True }},
		{"outside runbooks", 1, func(in *decide.Input) { in.Candidate.Approved = catalog.Unset }},
		{"exhausted", 1, func(in *decide.Input) { in.Incident.Exhausted = catalog.True }},
		{"over budget", 1, func(in *decide.Input) { in.Candidate.Cost = decide.Cost{Amount: 2, Budget: 1, Known: true} }},
		{"flapping", 1, func(in *decide.Input) { in.Incident.Flapping = catalog.True }},
		{"symptom relief", 1, func(in *decide.Input) { in.History.SameActionDay = decide.Counted(1) }},
		{"the boundary file adds a condition", 1, func(in *decide.Input) { in.MustEscalate = []boundary.Hit{{Name: "x"}} }},
		{"the boundary asks", 1, func(in *decide.Input) { in.Boundary.Ruling = boundary.Ask }},
		{"a freeze, neutral", 1, func(in *decide.Input) { in.History.Freeze = catalog.True }},
		{"a freeze, rollback", 1, func(in *decide.Input) {
			call(in)
			in.Candidate.Direction = decide.Back
			in.History.Freeze = catalog.True
		}},
		{"a spent budget, rollback", 1, func(in *decide.Input) {
			call(in)
			in.Candidate.Direction = decide.Back
			in.History.BudgetSpent = catalog.True
		}},
		{"a silence", 1, func(in *decide.Input) { in.Incident.Covered = catalog.True }},

		{"lasting", 2, func(in *decide.Input) { in.Candidate.Action.Lasting = action.Permanent }},
		{"lastingness not written", 2, func(in *decide.Input) { in.Candidate.Action.Lasting = "" }},
		{"an unknown action", 2, func(in *decide.Input) { in.Candidate.Action.Name = "rm" }},
		{"a stateful single replica", 2, func(in *decide.Input) {
			in.Candidate.Target.RestartSafe = false
			in.Candidate.Target.Flags.Stateless = catalog.False
		}},
		{"lasting at SEV-1", 2, func(in *decide.Input) {
			in.Candidate.Action.Lasting = action.Permanent
			in.Incident.Severity = severity.SEV1
		}},

		{"nothing proposed", -1, func(in *decide.Input) { in.Candidate = nil }},
		{"data loss suspected", -1, func(in *decide.Input) { in.Incident.DataLoss = catalog.True }},
		{"data loss not known", -1, func(in *decide.Input) { in.Incident.DataLoss = catalog.Unset }},
		{"the action loses data", -1, func(in *decide.Input) { in.Candidate.LosesData = catalog.True }},
		{"the action may lose data", -1, func(in *decide.Input) { in.Candidate.LosesData = catalog.Unset }},
		{"the action changes customer data", -1, func(in *decide.Input) { in.Candidate.TouchesCustomerData = catalog.True }},
		{"the action may change customer data", -1, func(in *decide.Input) { in.Candidate.TouchesCustomerData = catalog.Unset }},
		{"the boundary denies", -1, func(in *decide.Input) { in.Boundary.Ruling = boundary.Deny }},
		{"a ruling out of range", -1, func(in *decide.Input) { in.Boundary.Ruling = 9 }},
		{"forward in a freeze", -1, func(in *decide.Input) {
			call(in)
			in.Candidate.Direction = decide.Forward
			in.History.Freeze = catalog.True
		}},
		{"unknown direction in a freeze", -1, func(in *decide.Input) { call(in); in.Candidate.Direction = ""; in.History.Freeze = catalog.True }},
		{"forward with a spent budget", -1, func(in *decide.Input) {
			call(in)
			in.Candidate.Direction = decide.Forward
			in.History.BudgetSpent = catalog.True
		}},
		{"lasting and data loss", -1, func(in *decide.Input) {
			in.Candidate.Action.Lasting = action.Permanent
			in.Candidate.LosesData = catalog.True
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := sureCase()
			tt.change(&in)
			if got := decide.Floor(in); got != tt.want {
				t.Errorf("Floor = %d, want %d", got, tt.want)
			}
			if v := decide.Decide(in); v.Approvers != tt.want {
				t.Errorf("the verdict says %d approvers, want %d", v.Approvers, tt.want)
			}
		})
	}
}

func TestConfigurationDoesNotLowerTheFloor(t *testing.T) {
	t.Parallel()
	in := sureCase()
	in.Incident.Severity = severity.SEV1
	in.Candidate.Action.Lasting = action.Permanent
	in.Boundary = boundary.Decision{Ruling: boundary.Allow, Rule: "everything"}
	in.Autonomy = boundary.Grant{Stage: boundary.Auto, Override: true}
	in.Threshold = 0.0001
	in.Limits = boundary.Limits{ReplicasMin: 1, ReplicasMax: 1 << 30, RestartsPerHour: 1 << 30, ActionsPerHour: 1 << 30}
	if got := decide.Floor(in); got != 2 {
		t.Errorf("Floor = %d, want 2", got)
	}
	if v := decide.Decide(in); v.Kind != decide.Escalate {
		t.Errorf("verdict %s, want escalate", v.Kind)
	}
}
