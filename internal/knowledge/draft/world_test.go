package draft_test

import (
	"io/fs"
	"testing"
	"testing/fstest"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/change"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/document"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/knowledge/draft"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

var start = time.Date(2026, 3, 4, 13, 58, 0, 0, time.UTC)

// record is of an incident whose trace leads to the work item and the decision.
func record(bolt, adr string) document.Record {
	resolved := start.Add(22 * time.Minute)
	onset := start.Add(-3 * time.Minute)
	return document.Record{
		Now: start.Add(24 * time.Hour),
		Incident: incident.Incident{
			ID: "INC-2026-0007", Title: "Placing orders fails", State: incident.Resolved, Severity: severity.SEV2,
			SeverityReasons: []string{"12 % of requests fail"}, Services: []string{"shop-api", "mailer"}, StartedAt: start, OnsetAt: &onset, ResolvedAt: &resolved,
			Impact: incident.Impact{Summary: "12 % of orders fail", Values: []incident.Value{{Name: "errors", Value: 12, Unit: "%", Usual: 0.1}}},
			Hypotheses: []diagnose.Hypothesis{
				{ID: "h1", CauseClass: diagnose.ExhaustPool, Mechanism: "mailer holds 48 of 50 connections of shop-db (usually 2)", Component: "mailer", Probability: 0.93, EvidenceFor: []string{"ev_1"}},
				{ID: "unknown", CauseClass: diagnose.Unknown, Probability: 0.05},
			},
			Trace: []incident.TraceStep{
				{Kind: "code", ID: "mailer/send.go:41", Path: "mailer/send.go", Line: 41},
				{Kind: "commit", ID: "0123456789ab", Title: "mailer: send all at once"},
				{Kind: "bolt", ID: bolt, Title: "Mailer"},
				{Kind: "adr", ID: adr, Title: "Outbox", Missing: []string{"connection pool size", "transaction timeout", "batch size"}},
			},
		},
		Events:  []incident.Event{{At: start, Kind: incident.EventOpened, Actor: incident.ActorAgent, Text: "Opened."}},
		Signals: []signal.Signal{{ID: "sig_1", Kind: signal.Alert, Name: "OrdersFail", Source: "alertmanager", StartsAt: start, ReceivedAt: start}},
		Evidence: []evidence.Item{{
			ID: "ev_1", Kind: evidence.KindMetric, Source: "prometheus", Query: "sum by (app) (pg_connections)", Summary: "connections of mailer 48, usually 2",
		}},
		Intents: []action.Intent{{
			ID: "act_1", State: action.Done, By: "agent", StartedAt: start.Add(5 * time.Minute), FinishedAt: start.Add(6 * time.Minute),
			Action: action.Action{Name: action.ProcessRestart, Service: "mailer", Target: catalog.Target{Name: "mailer"}},
		}},
		Changes:  []change.Change{{ID: "chg_1", Kind: change.Deploy, Service: "mailer", Version: "2.4.0", At: start.Add(-time.Hour)}},
		Services: []catalog.Service{{Name: "mailer", Owner: "messaging", Tier: 2}},
	}
}

// world is a repository in memory.
type world map[string]string

func (w world) fs() fstest.MapFS {
	out := fstest.MapFS{}
	for name, text := range w {
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

func (w world) base(t testing.TB) *knowledge.Base {
	t.Helper()
	b, err := knowledge.Read(w.fs())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (w world) write(t testing.TB, rec document.Record, opts draft.Options) draft.Drafts {
	t.Helper()
	d, err := draft.Write(w.base(t), w.read, rec, opts)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (w world) read(_, path string) ([]byte, error) { return fs.ReadFile(w.fs(), path) }

// with is the repository after the drafts.
func (w world) with(d draft.Drafts) world {
	out := world{}
	for name, text := range w {
		out[name] = text
	}
	for _, f := range d.Files {
		out[f.Path] = string(f.New)
	}
	return out
}

// file is the draft of a kind.
func file(t testing.TB, d draft.Drafts, k draft.Kind) draft.File {
	t.Helper()
	for _, f := range d.Files {
		if f.Kind == k {
			return f
		}
	}
	t.Fatalf("no %s among the drafts; notes: %q", k, d.Notes)
	return draft.File{}
}

// method is a repository as the method writes it, with folders for each kind.
func method() world {
	return world{
		"docs/prd/PRD-003-orders.md":        "# PRD-003: Orders\n\n## User Story 1: Order\n\nAs a customer I order.\n\n## Success metrics\n\n99.9 % of orders succeed.\n",
		"docs/adrs/ADR-011-outbox.md":       "# ADR-011: Mail through an outbox\n\n**Status**: accepted\n**PRD**: PRD-003, User Story 1\n\n## Context\n\nMail is slow.\n\n## Decision\n\nAn outbox.\n\n## Monitoring & Observability\n\nAn alert on waiting mail.\n\n## Runbook\n\nEscalation: page messaging.\n",
		"docs/bolts/BOLT-020-mailer.md":     "# BOLT-020: Mailer\n\n**ADR**: ADR-011\n**Status**: done\n\n## Goal\n\nSend mail.\n\n## Acceptance Criteria\n\n- Mail is sent.\n",
		"docs/fix-its/FIX-007-retry.md":     "# FIX-007 — Retry once\n\n- **Status:** done\n- **Related Incident:** [INC-2025-0003](../postmortems/inc-2025-0003.md)\n- **ADR:** [ADR-011](../adrs/ADR-011-outbox.md)\n- **Bolt:** BOLT-020\n- **Reviewer:** Bo\n\n## Why it happened\n\nNo retry.\n\n## The fix\n\nOne retry.\n\n## Risk\n\nLow.\n\n## Rollback\n\nDeploy the release before.\n",
		"docs/postmortems/inc-2025-0003.md": "# INC-2025-0003: Mail is late\n\n**ADR**: ADR-011\n\n## Summary\n\nLate. FIX-009 is planned in FIX-007.\n\n## Impact\n\nSome.\n\n## Root cause\n\nNo retry.\n\n## Action items\n\n- Retry (@bo, 2025-05-01)\n",
	}
}
