package decide_test

import (
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/severity"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// plain are the flags of a service that nothing speaks against.
var plain = catalog.Flags{Stateless: catalog.True, PII: catalog.False, Financial: catalog.False, Auth: catalog.False}

// sureCase is an incident on which the agent must act: a SEV-3, a cause that is
// very likely, a restart-safe worker, and nothing that speaks against it.
func sureCase() decide.Input {
	relay := decide.Service{Name: "relay", Flags: plain, RestartSafe: true, OutOfBand: catalog.False}
	return decide.Input{
		Now: noon,
		Incident: decide.Incident{
			ID: "INC-2026-0001", Severity: severity.SEV3, Environment: "shop", FirstSignal: noon.Add(-time.Minute),
			Services: []decide.Service{{Name: "api", Flags: plain, OutOfBand: catalog.True}, relay},
			Covered:  catalog.False, Firing: catalog.True, SampleAge: 3 * time.Second, ScrapeInterval: 5 * time.Second,
			Flapping: catalog.False, DataLoss: catalog.False, CustomerData: catalog.False, Security: catalog.False,
			LowImpact: catalog.False, Stable: catalog.False, Exhausted: catalog.False,
		},
		Hypotheses: []diagnose.Hypothesis{
			{ID: "h1", CauseClass: diagnose.ExhaustPool, Component: "relay", Probability: 0.96, Basis: diagnose.BasisRunbook},
			{ID: "h2", CauseClass: diagnose.BadDeploy, Component: "api", Probability: 0.02, Basis: diagnose.BasisEvidence},
			{ID: "unknown", CauseClass: diagnose.Unknown, Probability: 0.02, Basis: diagnose.BasisEvidence},
		},
		Candidate: &decide.Candidate{
			Runbook: "relay-stuck", RunbookSHA: "aa11", Option: "restart-relay", Approved: catalog.True,
			Treats: []diagnose.CauseClass{diagnose.ExhaustPool, diagnose.LeakConnections},
			Action: action.Action{
				Name: action.ProcessRestart, Service: "relay", Risk: action.Low, Lasting: action.Transient,
				Target: catalog.Target{Environment: "shop", Kind: "process", Name: "relay"},
			},
			Target: relay, Dependants: []decide.Service{{Name: "api", Flags: plain, OutOfBand: catalog.True}}, DependantsKnown: true,
			HasVerify: true, NeedsCodeChange: catalog.False, LosesData: catalog.False, TouchesCustomerData: catalog.False,
			Settles: catalog.True, Direction: decide.Neutral, Cost: decide.Cost{Known: true}, PlanSHA: "bb22", Generation: "4121",
		},
		Boundary:       boundary.Decision{Ruling: boundary.Allow, Rule: "restart-workers", Reason: `boundary "restart-workers" allows it`},
		BoundarySHA256: "cc33",
		Autonomy:       boundary.Grant{Stage: boundary.Auto, Override: true, By: "ana", Reason: "demo"},
		Limits:         boundary.Limits{ReplicasMin: 2, ReplicasMax: 10, RestartsPerHour: 3, ActionsPerHour: 10},
		History: decide.History{
			SameActionDay: decide.Counted(0), SameActionWeek: decide.Counted(0), RestartsHour: decide.Counted(0), ActionsHour: decide.Counted(0),
			ConcurrentChange: catalog.False, Unsettled: catalog.False, Replicas: decide.Counted(1), Freeze: catalog.False, BudgetSpent: catalog.False,
		},
		Pause: decide.Running,
	}
}

// call turns the case into an undoable HTTP call.
func call(in *decide.Input) {
	in.Candidate.Action.Name = action.HTTPCall
	in.Candidate.Action.Lasting = action.Undoable
	in.Candidate.Action.Target = catalog.Target{Environment: "shop", Kind: "http", Name: "relay"}
	in.Candidate.Action.Params = map[string]string{"url": "http://127.0.0.1/drain", "idempotent": "true"}
	in.Candidate.HasUndo = true
}
