//go:build integration

package integration

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/app"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// pages is a server as `holdfast init` makes it, in this process, with incidents in every state.
type pages struct {
	t          *testing.T
	app        *app.App
	url, token string
	worst      string // the incident that stands first in the list
	paths      []string
}

// odd is what an outsider may call things: long, right to left, and hostile.
const odd = `<script>alert(1)</script> ` + "\u202e" + `التطبيق لا يستجيب ` + `averyveryveryveryveryveryveryveryveryverylongnamewithoutanyspaceatallinit/and_more.of-it`

func newPages(t *testing.T) *pages {
	t.Helper()
	dir := t.TempDir()
	if _, err := config.WriteStarter(dir); err != nil {
		t.Fatal(err)
	}
	docs, err := filepath.Abs("../../demo/knowledge/docs")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "holdfast.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.NewReplacer("127.0.0.1:8080", "127.0.0.1:0", "# knowledge: [../docs]", fmt.Sprintf("knowledge: [%q]", docs)).Replace(string(text))
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	token, err := os.ReadFile(filepath.Join(dir, "tokens", "api"))
	if err != nil {
		t.Fatal(err)
	}
	folder, err := config.Open(file, func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	a, err := app.New(t.Context(), app.Options{Folder: folder, Log: slog.New(slog.DiscardHandler), Cache: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	w := &pages{t: t, app: a, url: a.URL(), token: strings.TrimSpace(string(token))}
	w.story()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	w.paths = []string{
		"/", "/?q=nothing-of-this", "/incidents/" + w.worst, "/incidents/INC-2026-0002", "/incidents/INC-2026-9999", "/runbooks", "/runbooks/database-connections",
		"/boundaries", "/autonomy", "/audit", "/audit?incident=" + w.worst, "/knowledge", "/knowledge?q=pool", "/knowledge/ADR-023", "/impact", "/impact?subject=bookings-db&action=restart,+15+min",
	}
	return w
}

// story stores sixty incidents: one that waits for two approvals, one that is
// watched, one that nobody has, and many that are over.
func (w *pages) story() {
	w.t.Helper()
	began := time.Date(2026, 11, 21, 14, 0, 0, 0, time.UTC)
	err := w.app.Store().Tx(w.t.Context(), func(tx *store.Tx) error {
		for i := range 60 {
			inc := incident.Incident{
				Title: fmt.Sprintf("Search answers slowly, time %d", i), State: incident.Closed, Severity: severity.SEV3, Environment: "production",
				Services: []string{"search"}, StartedAt: began.Add(-time.Duration(i) * time.Hour),
			}
			switch i {
			case 0:
				inc.State, inc.Severity = incident.Mitigating, severity.SEV1
				waiting(&inc)
			case 1:
				inc.Title, inc.State, inc.Severity, inc.Commander = odd, incident.Monitoring, severity.SEV2, odd
				inc.Services = []string{odd, odd + "2"}
			case 2:
				inc.Title, inc.State, inc.Severity = "Disk of build-3 fills slowly", incident.Watching, severity.SEV4
			}
			if err := tx.CreateIncident(w.t.Context(), &inc); err != nil {
				return err
			}
			if i > 1 {
				continue
			}
			if err := w.tell(tx, inc); err != nil {
				return err
			}
			if i == 0 {
				w.worst = inc.ID
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// waiting is an incident in whose middle people decide.
func waiting(inc *incident.Incident) {
	inc.Title = "Cancelling bookings fails for 15 % of requests"
	inc.SeverityReasons = []string{"5.2 % of requests fail", odd}
	inc.Impact = incident.Impact{Summary: "150 failed cancellations in 5 min", Values: []incident.Value{{Name: "errors", Value: 5.2, Unit: "%", Usual: .1}, {Name: odd, Value: 2.1, Unit: "s", Usual: .18}}}
	inc.Hypotheses = []diagnose.Hypothesis{
		{ID: "h1", CauseClass: diagnose.ExhaustPool, Component: "outbox-relay", Probability: .91, Mechanism: "outbox-relay holds 96 of 100 connections", EvidenceFor: []string{"ev_1"}, CheckNext: []string{"SELECT usename, count(*) FROM pg_stat_activity GROUP BY 1 /* " + odd + " */"}},
		{ID: "unknown", CauseClass: diagnose.Unknown, Probability: .09, Mechanism: "something that the evidence does not show"},
	}
	inc.Trace = []incident.TraceStep{{Kind: "code", Path: "outbox_worker.go", Line: 78}, {Kind: "adr", ID: "ADR-023", Title: odd, Path: "adr/ADR-023.md", Missing: []string{"pool size"}}}
}

// tell stores what is known of an incident: evidence, a verdict, two proposals, one
// of them half approved, and a timeline.
func (w *pages) tell(tx *store.Tx, inc incident.Incident) error {
	ctx, at := w.t.Context(), inc.StartedAt
	series := evidence.Series{}
	for i := range 60 {
		series.Points = append(series.Points, evidence.Point{At: at.Add(time.Duration(i-60) * 15 * time.Second), Value: float64(i%7) / 100})
	}
	metric, err := evidence.Item{
		Kind: evidence.KindMetric, Collector: "prometheus", Source: "prometheus", Service: "search", Unit: "ratio", Query: "sum(rate(" + odd + "[1m]))", Summary: odd, From: at.Add(-time.Hour), To: at,
	}.Encode(evidence.Metric{Signal: evidence.Errors, Now: series, Before: series, Value: .05, Usual: .001, Limit: .01})
	if err != nil {
		return err
	}
	items := []evidence.Item{
		{ID: "ev_1", Kind: evidence.KindLogs, Collector: "loki", Source: "loki", Service: "search", Query: odd, Summary: odd, From: at, To: at, Outside: true, Data: []byte(`{}`)},
		{ID: "ev_2", Kind: evidence.KindFailure, Collector: "tempo", Source: "tempo", Summary: "tempo did not answer in 3 s", Error: odd, From: at, To: at},
		metric.WithID(inc.ID),
	}
	for i := range items {
		if i < 2 {
			items[i].ID += "_" + inc.ID
		}
	}
	if err := tx.SaveEvidence(ctx, inc.ID, items); err != nil {
		return err
	}
	if err := tx.AddVerdict(ctx, inc.ID, decide.Verdict{
		Kind: decide.Escalate, Urgency: decide.PageUrgency, DecidedAt: at, Reasons: []string{"SEV-1 always goes to a human"}, Approvers: 2,
		Rules: []decide.Rule{{ID: "several_services_and_a_long_name", Held: true, Text: odd, Values: map[string]any{"value": odd}}},
	}); err != nil {
		return err
	}
	for i, p := range []incident.Proposal{{Title: "restart outbox-relay", Executable: true, Recommend: true, ApprovedBy: []string{"ana"}}, {Title: odd, Commands: []string{"kubectl " + odd}}} {
		p.ID, p.IncidentID, p.State, p.Approvers, p.PlanSHA = fmt.Sprintf("prop_%d_%s", i, inc.ID), inc.ID, incident.Waiting, 2, strings.Repeat("0f3a9c77", 8)
		p.Runbook, p.Why, p.Cost, p.FourEyes, p.At = "database-connections", odd, "events wait about 2 s", true, at
		p.Action = action.Action{Name: "process.restart", Target: catalog.Target{Environment: "production", Kind: "process", Name: odd}, Service: "search", Risk: action.Low, Lasting: action.Transient, Params: map[string]string{"grace": odd}}
		p.Changes = []incident.Change{{What: "process " + odd, Before: "runs", After: "ended and started again"}}
		if err := tx.SaveProposal(ctx, p); err != nil {
			return err
		}
	}
	var events []incident.Event
	for i := range 70 {
		events = append(events, incident.Event{At: at.Add(time.Duration(i) * time.Second), Kind: incident.EventNote, Actor: odd, Text: odd})
	}
	return tx.AddEvents(ctx, inc.ID, events...)
}

// acknowledged is how many people took the worst incident.
func (w *pages) acknowledged() int {
	w.t.Helper()
	n := 0
	err := w.app.Store().View(w.t.Context(), func(tx *store.Tx) error {
		events, err := tx.Events(w.t.Context(), w.worst)
		for _, e := range events {
			if e.Kind == incident.EventAcknowledged {
				n++
			}
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}
