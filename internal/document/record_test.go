package document_test

import (
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/change"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/document"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

// t0 is the first signal of the example.
var t0 = time.Date(2026, 3, 4, 14, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return t0.Add(time.Duration(seconds) * time.Second) }

func ptr[T any](v T) *T { return &v }

// points makes a series from seconds, one value a step.
func points(from, step int, values ...float64) evidence.Series {
	var s evidence.Series
	for i, v := range values {
		s.Points = append(s.Points, evidence.Point{At: at(from + i*step), Value: v})
	}
	return s
}

func metric(t *testing.T, id, service, unit, query, summary string, m evidence.Metric) evidence.Item {
	t.Helper()
	it, err := evidence.Item{
		ID: id, Kind: evidence.KindMetric, Collector: "prometheus", Source: "prometheus", Service: service,
		Query: query, From: at(-120), To: at(10), Unit: unit, Summary: summary, Strength: 0.8,
	}.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	return it
}

// exhausted is an incident as the demo's pool-exhaustion ends: escalated,
// approved by a person, repaired, recovered.
func exhausted(t *testing.T) document.Record {
	t.Helper()
	relay := catalog.Service{
		Name: "outbox-relay", Owner: "team-bookings", Tier: 2, DependsOn: []string{"bookings-db"}, RestartSafe: true,
		OnCall: catalog.Contact{Name: "bookings on-call", Channel: "#bookings"},
	}
	api := catalog.Service{
		Name: "booking-api", Owner: "team-bookings", Tier: 1, UserFacing: true,
		SLOs: []catalog.SLO{{Name: "cancel-errors", Signal: "errors", Objective: 0.999, Window: "30d"}},
	}
	restart := action.Action{
		Name: action.ProcessRestart, Service: "outbox-relay", Risk: action.Low, Lasting: action.Transient,
		Target: catalog.Target{Environment: "demo", Kind: "process", Name: "outbox-relay"},
	}
	logs, err := evidence.Item{
		ID: "ev_logs", Kind: evidence.KindLogs, Collector: "loki", Source: "loki", Service: "booking-api",
		Query: `{service="booking-api"} |= "error"`, From: at(-120), To: at(10), Summary: "“connection timeout” 150 times, never before", Strength: 0.7, Outside: true,
	}.Encode(evidence.Logs{Lines: 150, Stacks: [][]evidence.Frame{{
		{Function: "relay.(*Worker).publish", File: "outbox_worker.go", Line: 78},
		{Function: "relay.(*Worker).Run", File: "outbox_worker.go", Line: 41},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return document.Record{
		Now: at(70),
		Incident: incident.Incident{
			ID: "INC-2026-0001", Title: "Cancelling bookings fails for 5.2 % of requests", State: incident.Resolved,
			Severity: severity.SEV2, SeverityReasons: []string{"5.2 % of requests to booking-api fail, more than 5 %"},
			Environment: "demo", Services: []string{"booking-api"}, StartedAt: at(0), OnsetAt: ptr(at(-40)), ClaimedAt: ptr(at(1)), MitigatedAt: ptr(at(40)), ResolvedAt: ptr(at(60)),
			Impact: incident.Impact{
				Summary: "Cancelling bookings fails for 5.2 % of requests",
				Values:  []incident.Value{{Name: "errors", Value: 5.2, Unit: "%", Usual: 0.1}, {Name: "latency p99", Value: 2.1, Unit: "s", Usual: 0.18}},
			},
			Hypotheses: []diagnose.Hypothesis{
				{
					ID: "h1", CauseClass: diagnose.ExhaustPool, Component: "outbox-relay", Probability: 0.96, Basis: diagnose.BasisRunbook,
					Mechanism:   "outbox-relay holds 96 of 100 connections since 13:59:20, one transaction per event while the broker is slow",
					EvidenceFor: []string{"ev_pool", "ev_logs"}, EvidenceAgainst: []string{"ev_traffic"}, CheckNext: []string{"SELECT count(*) FROM booking_outbox"},
				},
				{ID: "h2", CauseClass: diagnose.BadDeploy, Component: "booking-api", Probability: 0.03, Mechanism: "deploy 1.4.2 of booking-api broke cancelling"},
				{ID: "unknown", CauseClass: diagnose.Unknown, Probability: 0.01},
			},
			Similar: []incident.Like{
				{Kind: "incident", ID: "INC-2025-0113", Title: "Cancelling fails again", Score: .83, Why: "same cause, resource exhaustion, connection pool of outbox-relay, 12 d before; then process.restart outbox-relay was done"},
				{Kind: "playbook", ID: "PLAYBOOK-015", Title: "Connections of <workers> & batches", Section: "Problem", Path: "playbook/PLAYBOOK-015.md", Line: 7, Score: .6, Why: "its title names \"connection pool\""},
			},
			Trace: []incident.TraceStep{
				{Kind: "code", Path: "relay/outbox_worker.go", Line: 78, Title: "publish"},
				{Kind: "bolt", ID: "BOLT-045", Title: "Outbox relay worker", Path: "bolts/BOLT-045.md"},
				{Kind: "adr", ID: "ADR-023", Title: "Booking Cancel with Transactional Outbox", Path: "adr/ADR-023.md", Missing: []string{"connection pool size", "transaction timeout"}},
				{Kind: "daa", ID: "DAA-003", Title: "Booking Aggregate", Path: "daa/booking.md", Line: 12},
				{Kind: "prd", ID: "PRD-015", Title: "Cancel booking", Path: "prd/PRD-015.md", Inferred: true},
			},
			Earlier: []string{"INC-2026-0000"}, Commander: "",
		},
		Signals: []signal.Signal{{
			ID: "sig_1", Kind: signal.Alert, Source: "alertmanager", Name: "BookingCancelErrors", Status: signal.Resolved, Severity: severity.SEV3, Service: "booking-api",
			StartsAt: at(-5), ReceivedAt: at(0), Links: []signal.Link{{Kind: "dashboard", URL: "https://grafana.example/d/bookings"}},
		}},
		Events: []incident.Event{
			{At: at(0), Kind: incident.EventOpened, Actor: incident.ActorRule, Text: "opened by BookingCancelErrors", Data: map[string]any{"cause": "alert"}},
			{At: at(1), Kind: incident.EventTriaged, Actor: incident.ActorAgent, Text: "SEV-2: 5.2 % of requests fail", Data: map[string]any{"cause": "measured impact"}},
			{At: at(2), Kind: incident.EventDiagnosis, Actor: incident.ActorAgent, Text: "connection pool exhausted by outbox-relay (.96)", Data: map[string]any{"cause": "evidence"}},
			{At: at(2), Kind: incident.EventVerdict, Actor: incident.ActorRule, Text: "escalate: SEV-2 always goes to a human", Data: map[string]any{"cause": "rules"}},
			{At: at(2), Kind: incident.EventPaged, Actor: incident.ActorAgent, Text: "page to bookings on-call: SEV-2 booking-api", Data: map[string]any{"cause": "SEV-2 always goes to a human"}},
			{At: at(20), Kind: incident.EventApproved, Actor: "demo on-call", Text: "approved restart of outbox-relay", Data: map[string]any{"cause": "a person"}},
			{At: at(21), Kind: incident.EventAction, Actor: incident.ActorAgent, Text: "restarted outbox-relay (pid 4121 → 4188)", Data: map[string]any{"cause": "approval"}},
			{At: at(40), Kind: incident.EventMitigated, Actor: incident.ActorAgent, Text: "errors 0.1 %, back in the usual range", Data: map[string]any{"cause": "measured impact"}},
			{At: at(60), Kind: incident.EventRecovery, Actor: incident.ActorAgent, Text: "errors 0.1 %, p99 190 ms, connections 14 of 100: in the usual range for 20 s", Data: map[string]any{"cause": "recovery"}},
			{At: at(60), Kind: incident.EventTransition, Actor: incident.ActorAgent, Text: "resolved", Data: map[string]any{"cause": "recovery", "from": "monitoring", "to": "resolved"}},
		},
		Evidence: []evidence.Item{
			metric(t, "ev_pool", "bookings-db", "connections", `pg_connections{db="bookings"}`, "96 of 100 connections held by outbox-relay (usually 3)", evidence.Metric{
				Signal: evidence.Saturation, Resource: "connection_pool", Consumer: "outbox-relay", Limit: 100, Value: 96, Usual: 3, Deviation: 31,
				Before: points(-120, 10, 3, 3, 4, 3, 2, 3, 3), Now: points(-40, 10, 20, 61, 90, 96, 96, 96, 94, 14, 5, 3),
			}),
			metric(t, "ev_errors", "booking-api", "ratio", `rate(http_errors[1m])`, "errors 5.2 % (usually 0.1 %)", evidence.Metric{
				Signal: evidence.Errors, Value: 0.052, Usual: 0.001, Deviation: 24, UserFacing: true,
				Before: points(-120, 10, 0.001, 0.0008, 0.001, 0.0012, 0.001, 0.001, 0.001), Now: points(-40, 10, 0.004, 0.021, 0.044, 0.051, 0.052, 0.05, 0.031, 0.008, 0.001, 0.001),
			}),
			metric(t, "ev_traffic", "booking-api", "requests/s", `rate(http_requests[1m])`, "traffic 20 requests/s, as usual", evidence.Metric{
				Signal: evidence.Traffic, Value: 20, Usual: 20, Deviation: 0.1,
				Before: points(-120, 10, 20, 21, 20, 19, 20, 20, 20), Now: points(-40, 10, 20, 20, 19, 20, 21, 20, 20, 20, 20, 20),
			}),
			logs,
			{ID: "ev_fail", Kind: evidence.KindFailure, Collector: "git", Source: "git", Summary: "git did not answer", Error: "no answer within 3 s", From: at(-120), To: at(10)},
		},
		Verdicts: []decide.Verdict{{
			Kind: decide.Escalate, Urgency: decide.PageUrgency, DecidedAt: at(2), Reasons: []string{"SEV-2 always goes to a human"}, Approvers: 1,
			Rules: []decide.Rule{
				{ID: "severity", Part: decide.PartMustEscalate, Held: true, Text: "SEV-2 always goes to a human"},
				{ID: "data_loss", Part: decide.PartMustEscalate, Text: "no sign of data loss"},
				{ID: "security", Part: decide.PartMustEscalate, Text: "no sign of a security incident"},
			},
		}},
		Proposals: []incident.Proposal{
			{ID: "prop_1", Option: "restart-relay", Action: restart, Why: "releases the connections it holds", State: incident.Approved, ApprovedBy: []string{"demo on-call"}},
			{ID: "prop_2", Option: "raise-pool", Action: action.Action{Name: action.HTTPCall, Service: "bookings-db", Target: catalog.Target{Environment: "demo", Kind: "http", Name: "bookings-db"}, Risk: action.Medium, Lasting: action.Permanent}, Why: "gives cancels room, does not fix the leak", State: incident.Expired},
		},
		Intents: []action.Intent{{
			ID: "act_1", ProposalID: "prop_1", Runbook: "pool-exhaustion", Action: restart, State: action.Done, By: "agent", ApprovedBy: "demo on-call",
			IntendedAt: at(20), StartedAt: at(20), FinishedAt: at(21), Outcome: "pid 4121 → 4188",
		}},
		Changes: []change.Change{
			{Kind: change.Deploy, Service: "outbox-relay", Version: "1.4.2", Previous: "1.4.1", Author: "ci", Summary: "one transaction per event", At: at(-220), AIGenerated: ptr(true), Bolt: "BOLT-045", Runtime: true, Link: "https://git.example/bookings/commit/abc"},
			{Kind: change.Deploy, Service: "unrelated", Version: "9", At: at(-100)},
		},
		Services: []catalog.Service{api, relay},
		URL:      "http://127.0.0.1:8080/incidents/INC-2026-0001",
	}
}

// bare is what is known of an incident that a person declared a moment ago.
func bare() document.Record {
	return document.Record{
		Now: at(30),
		Incident: incident.Incident{
			ID: "INC-2026-0002", Title: "Something is off", State: incident.Open, Severity: severity.SEV3, Environment: "demo", StartedAt: at(0),
		},
		Events: []incident.Event{{At: at(0), Kind: incident.EventDeclared, Actor: "ana", Text: "declared", Data: map[string]any{"cause": "a person"}}},
	}
}
