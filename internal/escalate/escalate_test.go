package escalate_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/escalate"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

var update = flag.Bool("update", false, "rewrite golden files")

var t0 = time.Date(2026, 3, 4, 14, 0, 0, 0, time.UTC)

func snapshot() escalate.Snapshot {
	onset := t0.Add(-40 * time.Second)
	restart := action.Action{
		Name: action.ProcessRestart, Service: "outbox-relay", Risk: action.Low, Lasting: action.Transient,
		Target: catalog.Target{Environment: "demo", Kind: "process", Name: "outbox-relay"},
	}
	raise := action.Action{Name: action.HTTPCall, Service: "bookings-db", Risk: action.Medium, Lasting: action.Permanent}
	return escalate.Snapshot{
		Now: t0.Add(2 * time.Second),
		Incident: incident.Incident{
			ID: "INC-2026-0001", Title: "Cancelling bookings fails for 5.2 % of requests", Severity: severity.SEV2,
			Services: []string{"booking-api"}, StartedAt: t0, OnsetAt: &onset,
			Impact: incident.Impact{
				Summary: "Cancelling bookings fails",
				Values:  []incident.Value{{Name: "errors", Value: 5.2, Unit: "%", Usual: 0.1}, {Name: "latency p99", Value: 2.1, Unit: "s", Usual: 0.18}},
			},
			Hypotheses: []diagnose.Hypothesis{
				{
					ID: "h1", CauseClass: diagnose.ExhaustPool, Component: "outbox-relay", Probability: 0.91, Basis: diagnose.BasisRunbook,
					Mechanism: "outbox-relay holds 96 of 100 connections", CheckNext: []string{"SELECT count(*) FROM booking_outbox"},
				},
				{ID: "unknown", CauseClass: diagnose.Unknown, Probability: 0.09},
			},
		},
		Signals: []signal.Signal{{
			Name:  "BookingCancelErrors",
			Links: []signal.Link{{Kind: "dashboard", URL: "https://grafana.example/d/bookings"}, {Kind: "runbook", URL: "javascript:alert(1)"}},
		}},
		Evidence: []evidence.Item{{Source: "prometheus", Summary: "errors 5.2 %", Link: "http://127.0.0.1:9090/graph?g0.expr=x"}, {Source: "loki"}, {Source: "loki"}},
		Verdict:  &decide.Verdict{Kind: decide.Escalate, Urgency: decide.PageUrgency, Reasons: []string{"SEV-2 always goes to a human"}},
		Proposals: []incident.Proposal{
			{
				ID: "prop_2", Option: "raise-pool", Action: raise, Why: "gives cancels room", Cons: "does not fix the cause", State: incident.Waiting, Approvers: 2, Executable: false,
				Commands: []string{"ALTER SYSTEM SET max_connections = 150"},
			},
			{
				ID: "prop_1", Action: restart, Pros: "releases the connections it holds", Cons: "events are published 5 to 60 s later", Cost: "nothing",
				Check: "errors below 1 %", State: incident.Waiting, Approvers: 1, Executable: true, Recommend: true,
			},
			{ID: "prop_3", Option: "speed up the broker", Pros: "removes the queue", State: incident.Waiting, Commands: []string{"brokerctl scale 2"}},
			{ID: "prop_0", Action: restart, State: incident.Expired},
		},
		Services: []catalog.Service{{Name: "booking-api", Owner: "team-bookings", OnCall: catalog.Contact{Name: "bookings on-call", Channel: "#bookings"}}},
		URL:      "http://127.0.0.1:8080/incidents/INC-2026-0001",
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestPagesAreGolden(t *testing.T) {
	t.Parallel()
	first := snapshot()
	first.Verdict, first.Proposals, first.Incident.Hypotheses, first.Evidence = nil, nil, nil, nil
	acted := snapshot()
	acted.Intents = []action.Intent{{
		Action: acted.Proposals[1].Action, By: "agent", State: action.Failed, Outcome: "the supervisor refused",
		IntendedAt: t0, StartedAt: t0.Add(time.Second), FinishedAt: t0.Add(2 * time.Second),
	}}
	acted.Incident.Similar = []incident.Like{{ID: "INC-2025-0113", Title: "Cancelling fails again\n", Why: "same cause, 12 d before"}, {ID: "PLAYBOOK-015"}}
	for name, s := range map[string]escalate.Snapshot{"first": first, "diagnosed": snapshot(), "acted": acted, "empty": {Now: t0, Incident: incident.Incident{StartedAt: t0}}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := escalate.Page(s, decide.PageUrgency).Message("key")
			golden(t, name+".txt", m.Subject+"\n\n"+m.Body)
		})
	}
}

func TestPageNamesWhoIsTold(t *testing.T) {
	t.Parallel()
	s := snapshot()
	s.Services = append(s.Services, catalog.Service{Name: "outbox-relay", Owner: "team-bookings"}, catalog.Service{Name: "x"}, s.Services[0])
	want := []escalate.Recipient{
		{Name: "bookings on-call", Channel: "#bookings", Service: "booking-api"},
		{Name: "team-bookings", Service: "outbox-relay"},
	}
	if diff := cmp.Diff(want, escalate.Page(s, decide.PageUrgency).To); diff != "" {
		t.Errorf("recipients (-want +got):\n%s", diff)
	}
}

func TestSubjectFitsALockScreen(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		inc := snapshot().Incident
		inc.Title = rapid.String().Draw(t, "title")
		inc.Services = rapid.SliceOfN(rapid.String(), 0, 5).Draw(t, "services")
		inc.Impact.Values[0].Name = rapid.String().Draw(t, "name")
		inc.Impact.Values[0].Value = rapid.Float64().Draw(t, "value")
		got := escalate.Summary(inc)
		if n := len([]rune(got)); n > escalate.MaxSubject || n == 0 {
			t.Fatalf("%d characters: %q", n, got)
		}
		if strings.ContainsFunc(got, unicode.IsControl) {
			t.Fatalf("control characters in %q", got)
		}
	})
}

func TestSummaryNamesServiceSymptomAndNumber(t *testing.T) {
	t.Parallel()
	inc := snapshot().Incident
	if got, want := escalate.Summary(inc), "SEV-2 booking-api: Cancelling bookings fails for 5.2 % of requests"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	inc.Title = "Cancelling bookings fails"
	if got, want := escalate.Summary(inc), "SEV-2 booking-api: Cancelling bookings fails, errors 5.2 % (usually 0.1 %)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestJoiningNeverPagesLess(t *testing.T) {
	t.Parallel()
	paged := incident.Page{At: t0, Urgency: "page", Severity: severity.SEV2, Services: []string{"api"}, Owners: []string{"team-a"}}
	notified := paged
	notified.Urgency, notified.Severity = "notify", severity.SEV3
	tests := map[string]struct {
		history []incident.Page
		change  func(*incident.Incident)
		urgency decide.Urgency
		want    bool
	}{
		"nobody was told":              {nil, nil, decide.PageUrgency, true},
		"told already":                 {[]incident.Page{paged}, nil, decide.PageUrgency, false},
		"a page covers a notice":       {[]incident.Page{paged}, nil, decide.NotifyUrgency, false},
		"a notice covers no page":      {[]incident.Page{notified}, nil, decide.PageUrgency, true},
		"a worse severity":             {[]incident.Page{paged}, func(i *incident.Incident) { i.Severity = severity.SEV1 }, decide.PageUrgency, true},
		"a lower severity":             {[]incident.Page{paged}, func(i *incident.Incident) { i.Severity = severity.SEV3 }, decide.NotifyUrgency, false},
		"a new service":                {[]incident.Page{paged}, func(i *incident.Incident) { i.Services = []string{"api", "db"} }, decide.PageUrgency, true},
		"a new owner":                  {[]incident.Page{paged}, func(i *incident.Incident) { i.Owners = []string{"team-a", "team-b"} }, decide.PageUrgency, true},
		"a service that left":          {[]incident.Page{paged}, func(i *incident.Incident) { i.Services = nil }, decide.PageUrgency, false},
		"several pages count together": {[]incident.Page{paged, {Urgency: "page", Severity: severity.SEV3, Services: []string{"db"}}}, func(i *incident.Incident) { i.Services = []string{"api", "db"} }, decide.PageUrgency, false},
		"back after it was resolved": {[]incident.Page{paged}, func(i *incident.Incident) {
			at := t0.Add(time.Minute)
			i.ReopenedAt = &at
		}, decide.PageUrgency, true},
		"told since it is back": {[]incident.Page{paged}, func(i *incident.Incident) {
			at := t0.Add(-time.Minute)
			i.ReopenedAt = &at
		}, decide.PageUrgency, false},
		"no urgency, nobody is told": {nil, nil, decide.NoUrgency, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inc := incident.Incident{Severity: severity.SEV2, Services: []string{"api"}, Owners: []string{"team-a"}, Paged: tt.history}
			if tt.change != nil {
				tt.change(&inc)
			}
			got, why := escalate.NeedsPage(inc, tt.urgency)
			if got != tt.want || got != (why != "") {
				t.Errorf("NeedsPage = %v, %q; want %v", got, why, tt.want)
			}
		})
	}
}
