package web_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/change"
	"github.com/holdfast-sre/holdfast/internal/cluster"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/signal"
	"github.com/holdfast-sre/holdfast/internal/web"
)

// serveOn lets a person look at the fixture: go test ./internal/web -run
// TestServeFixture -serve 127.0.0.1:8099 -timeout 0.
var serveOn = flag.String("serve", "", "serve the fixture on this address until interrupted")

const known = "INC-2026-0042"

var noon = time.Date(2026, 11, 21, 14, 6, 0, 0, time.UTC)

func at(d time.Duration) time.Time { return noon.Add(d) }

// library is a Reader over values.
type library struct {
	view  incident.View
	items []evidence.Item
	incs  []incident.Incident
	waits map[string][]incident.Proposal
	err   error

	waitsErr error
}

func (l *library) Waiting(context.Context, []string) (map[string][]incident.Proposal, error) {
	return l.waits, l.waitsErr
}

func (l *library) Latest(context.Context, int) ([]incident.Incident, error) { return l.incs, l.err }

func (l *library) Incident(_ context.Context, id string) (incident.View, error) {
	if l.err == nil && id != known {
		return incident.View{}, fmt.Errorf("incident %s: %w", id, web.ErrNotFound)
	}
	return l.view, l.err
}

func (l *library) Evidence(context.Context, string) ([]evidence.Item, error) { return l.items, l.err }

// metric makes a series that jumps from usual to now at the onset.
func metric(service string, g evidence.Golden, resource, unit string, usual, now, limit float64) evidence.Item {
	series := func(from, to time.Duration, v float64) (s evidence.Series) {
		for d := from; d <= to; d += 15 * time.Second {
			wobble := 1 + .12*math.Sin(float64(d/time.Second)/17)
			s.Points = append(s.Points, evidence.Point{At: at(d), Value: v * wobble})
		}
		return s
	}
	calm, risen := series(-12*time.Minute, -8*time.Minute, usual), series(-8*time.Minute, 0, now)
	m := evidence.Metric{
		Signal: g, Resource: resource, Limit: limit, Before: series(-40*time.Minute, -14*time.Minute, usual),
		Now: evidence.Series{Points: append(calm.Points, risen.Points[1:]...)}, Value: now, Usual: usual, Deviation: 9,
	}
	it := evidence.Item{
		Kind: evidence.KindMetric, Collector: "prometheus", Source: "prometheus", Service: service, Unit: unit, Strength: .9,
		Query: fmt.Sprintf(`sum(rate(http_requests_total{service=%q}[1m]))`, service), From: at(-12 * time.Minute), To: at(0),
		Summary: service + " " + string(g) + " out of its usual range", Link: "http://127.0.0.1:9090/graph?g0.expr=x",
	}
	return encode(it, m)
}

func encode(it evidence.Item, v any) evidence.Item {
	it, err := it.Encode(v)
	if err != nil {
		panic(err)
	}
	return it.WithID(known)
}

// fixture is an incident in the middle of its life.
func fixture() *library {
	items := []evidence.Item{
		metric("booking-api", evidence.Errors, "", "ratio", .001, .052, 0),
		metric("booking-api", evidence.LatencyP99, "", "s", .18, 2.1, 0),
		metric("bookings-db", evidence.Saturation, "connection_pool", "connections", 31, 97, 100),
		metric("booking-api", evidence.Traffic, "", "requests/s", 20, 19.5, 0),
		encode(evidence.Item{Kind: evidence.KindChanges, Collector: "changes", Source: "supervisor", Service: "outbox-relay", From: at(-time.Hour), To: at(0), Summary: "outbox-relay 1.4.2 deployed 9 min ago, 1 min before the onset", Strength: .6},
			evidence.Changes{Changes: []change.Change{{ID: "chg_1", Kind: change.Deploy, Service: "outbox-relay", Version: "1.4.2", At: at(-9 * time.Minute), Runtime: true}}}),
		encode(evidence.Item{Kind: evidence.KindLogs, Collector: "loki", Source: "loki", Service: "booking-api", Query: `{app="booking-api"} |= "error"`, From: at(-10 * time.Minute), To: at(0), Summary: "new: 148 × FATAL: too many clients already (SQLSTATE 53300)", Strength: .7, Outside: true}, evidence.Logs{}),
		encode(evidence.Item{Kind: evidence.KindDatabase, Collector: "postgres", Source: "bookings-pg", Service: "bookings-db", Query: "SELECT usename, count(*) FROM pg_stat_activity GROUP BY 1", From: at(-10 * time.Minute), To: at(0), Unit: "sessions", Summary: "97 of 100 connections in use (88 by outbox-relay, idle in transaction)", Strength: .8},
			evidence.Database{Engine: "postgresql", MaxConnections: 100, Connections: []evidence.DBConnections{{Application: "outbox-relay", State: "idle in transaction", Count: 88, Oldest: 8 * time.Minute}, {Application: "booking-api", State: "active", Count: 9}}}),
		encode(evidence.Item{Kind: evidence.KindTraces, Collector: "tempo", Source: "tempo", Service: "booking-api", Query: `{resource.service.name="booking-api"}`, From: at(-10 * time.Minute), To: at(0), Unit: "spans", Summary: "120 traces, 118 before; booking-api POST /cancel fails by itself in 5 %, 0 % before", Strength: .7},
			evidence.Traces{Now: 120, Before: 118, Operations: []evidence.Operation{{Service: "booking-api", Name: "POST /cancel", Now: evidence.SpanStats{Count: 120, P95: 2.1, Errors: .052}, Before: evidence.SpanStats{Count: 118, P95: .18, Errors: .001}}}}),
		encode(evidence.Item{Kind: evidence.KindCluster, Collector: "kubernetes", Source: "cluster", Query: "kubectl get pods,events -n booking -o wide", From: at(-10 * time.Minute), To: at(0), Summary: "namespace booking: 12 pods, 1 not well (search-1 ImagePullBackOff); 3 of 3 nodes ready", Strength: .6, Outside: true},
			cluster.State{At: at(0), Namespace: "booking", Workloads: []cluster.Workload{{Meta: cluster.Meta{Name: "search"}, Kind: "Deployment", Desired: 2, Ready: 1}}, Events: []cluster.Event{{Kind: "Pod", Name: "search-1", Type: "Warning", Reason: "Failed", Message: "Failed to pull image \"registry/search:1.9\": not found", Count: 7, Last: at(-time.Minute)}}}),
		{ID: "ev_dead", Kind: evidence.KindFailure, Collector: "alertmanager", Source: "alertmanager", Query: "GET /api/v2/alerts", Summary: "alertmanager did not answer in 3 s", Error: "context deadline exceeded", From: at(0), To: at(0)},
	}
	onset := at(-8 * time.Minute)
	claimed := at(-6 * time.Minute)
	inc := incident.Incident{
		ID: known, Title: "Cancelling bookings fails for 15 % of requests", State: incident.Mitigating, Severity: severity.SEV2, Environment: "prod",
		SeverityReasons: []string{"5.2 % of requests fail"}, Services: []string{"booking-api"}, StartedAt: at(-6 * time.Minute), OnsetAt: &onset, ClaimedAt: &claimed,
		Impact: incident.Impact{Summary: "booking-api POST /cancel: 150 failed cancellations in 5 min; PRD-015 story 2", Values: []incident.Value{{Name: "errors", Value: 5.2, Unit: "%", Usual: .1}, {Name: "p99", Value: 2.1, Unit: "s", Usual: .18}}},
		Hypotheses: []diagnose.Hypothesis{
			{ID: "h1", CauseClass: diagnose.ExhaustPool, Fault: cause.FaultDBConnections, Component: "outbox-relay", Probability: .91, Mechanism: "outbox-relay holds 96 of 100 connections of bookings-db since 13:58, 1 min after deploy 1.4.2", EvidenceFor: []string{items[2].ID, items[5].ID, items[0].ID}, EvidenceAgainst: []string{items[3].ID}, CheckNext: []string{"SELECT usename, count(*) FROM pg_stat_activity GROUP BY 1"}},
			{ID: "h2", CauseClass: diagnose.BadDeploy, Component: "booking-api", Probability: .05, Mechanism: "booking-api 1.4.2 fails on cancel", EvidenceFor: []string{"ev_forgotten"}, CheckNext: []string{"git log --oneline 1.4.1..1.4.2"}},
			{ID: "h3", CauseClass: diagnose.DependencyFailure, Component: "broker", Probability: .03, Mechanism: "the broker answers slowly"},
			{ID: "unknown", CauseClass: diagnose.Unknown, Probability: .01, Mechanism: "something that the evidence does not show"},
		},
		Observed: []diagnose.Observation{{Text: "Deployment search: 1 of 2 pods Ready", Evidence: []string{items[8].ID}}},
		RuledOut: []diagnose.Observation{{Text: "Not OOMKilled: none of 14 containers was killed for memory, so it is not an OOM", Evidence: []string{items[8].ID}}, {Text: "Not the nodes: all 3 nodes are Ready"}},
		Similar: []incident.Like{
			{Kind: "incident", ID: "INC-2025-0113", Title: "Cancelling fails again", Score: .83, Why: "same cause, resource exhaustion, connection pool of outbox-relay, 12 d before; then process.restart outbox-relay was done"},
			{Kind: "playbook", ID: "PLAYBOOK-015", Title: "Connections of <workers> & batches", Section: "Problem", Path: "playbook/PLAYBOOK-015.md", Line: 7, Score: .6, Why: "its title names \"connection pool\""},
		},
		Trace: []incident.TraceStep{
			{Kind: "code", ID: "code", Path: "outbox_worker.go", Line: 78, Title: "one transaction per event"},
			{Kind: "bolt", ID: "BOLT-045", Title: "Outbox relay"},
			{Kind: "adr", ID: "ADR-023", Title: "Transactional outbox", Missing: []string{"pool size", "broker timeout"}},
			{Kind: "daa", ID: "DAA 3.2", Inferred: true},
			{Kind: "prd", ID: "PRD-015", Title: "Booking cancellation"},
		},
	}
	proposal := func(id, option, name string, exec, best bool) incident.Proposal {
		return incident.Proposal{
			ID: id, IncidentID: known, Runbook: "resource-exhaustion", Option: option, Recommend: best, Executable: exec, State: incident.Waiting, Approvers: 1, PlanSHA: "0f3a9c77aa10",
			Action: action.Action{Name: name, Target: catalog.Target{Environment: "prod", Kind: "process", Name: "outbox-relay"}, Risk: action.Low, Lasting: action.Transient, Params: map[string]string{"grace": "5s"}},
			Changes: []incident.Change{
				{What: "process outbox-relay", Before: "runs, generation 4121", After: "ended and started again: another process ID; what it keeps in memory is gone"},
				{What: "running instances", Before: "1", After: "1"},
			},
			Why: "frees the connections that it holds", Cost: "events wait about 2 s", Check: "errors below 1 % and connections below 50 for 5 min", Pros: "works at once", Cons: "comes back while the broker is slow",
		}
	}
	other := proposal("prop_2", "raise the pool to 150", "config.set", false, false)
	other.Commands, other.Action.Risk, other.Action.Lasting = []string{"ALTER SYSTEM SET max_connections = 150;"}, action.Medium, action.Permanent
	event := func(d time.Duration, kind, actor, text string) incident.Event {
		return incident.Event{At: at(d), Kind: kind, Actor: actor, Text: text}
	}
	events := []incident.Event{
		event(-6*time.Minute, incident.EventOpened, "agent", "BookingCancelErrors firing: 5.2 % of cancels fail"),
		event(-6*time.Minute, incident.EventTriaged, "agent", "SEV-2, booking-api, claimed by the agent"),
		event(-6*time.Minute+2*time.Second, incident.EventEvidence, "agent", "7 items from 5 sources (metrics, logs, changes), 1.1 s"),
		event(-6*time.Minute+2*time.Second, incident.EventDiagnosis, "agent", ".91 likely: outbox-relay exhausts the connection pool"),
		event(-6*time.Minute+2*time.Second, incident.EventVerdict, "rule", "escalate: SEV-2 always goes to a human"),
		event(-6*time.Minute+3*time.Second, incident.EventPaged, "agent", "on-call paged, with context"),
		event(-6*time.Minute+3*time.Second, incident.EventProposal, "agent", "proposed: restart outbox-relay (low risk, transient)"),
	}
	sig := signal.Signal{
		ID: "sig_1", Kind: signal.Alert, Source: "alertmanager", Name: "BookingCancelErrors", Status: signal.Firing, Severity: severity.SEV2, Service: "booking-api", StartsAt: at(-6 * time.Minute),
		Labels: map[string]string{"alertname": "BookingCancelErrors", "job": "booking-api", "severity": "critical"}, Links: []signal.Link{{Kind: "runbook", URL: "https://runbooks.example/cancel"}},
	}
	verdict := decide.Verdict{
		Kind: decide.Escalate, Urgency: decide.PageUrgency, DecidedAt: at(-6 * time.Minute), Reasons: []string{"SEV-2 always goes to a human"}, Approvers: 1,
		Rules: []decide.Rule{
			{ID: "maintenance", Text: "no window, silence or inhibition covers it"},
			{ID: "severity", Held: true, Values: map[string]any{"severity": "SEV-2"}, Text: "SEV-1 and SEV-2 go to a human"},
			{ID: "probability", Values: map[string]any{"probability": .91, "threshold": .95}, Text: "below the threshold"},
		},
	}
	view := incident.NewView(incident.Parts{
		Incident: inc, Signals: []signal.Signal{sig}, Verdicts: []decide.Verdict{verdict},
		Proposals: []incident.Proposal{proposal("prop_1", "restart outbox-relay", "process.restart", true, true), other}, Events: events,
		Documents: []incident.DocumentView{{Kind: "timeline", Path: "timeline.md"}},
	})
	view.Drafts = []incident.DraftingView{{
		State: incident.DraftsBranched, Files: []incident.DraftFile{{Kind: "fix-bolt", ID: "FIX-001"}}, Notes: []string{"no playbook"},
		Branches: []incident.DraftBranch{{Repository: "/srv/booking", Branch: "holdfast/inc-2026-0042", Commit: "0123456789abcdef", RequestURL: "https://git.example/7"}},
	}}
	return &library{view: view, items: items, incs: list(inc)}
}

// list is inc beside others that need a person more and less.
func list(inc incident.Incident) []incident.Incident {
	over := inc
	over.ID, over.State, over.Severity, over.Title, over.Hypotheses = "INC-2026-0041", incident.Resolved, severity.SEV1, "Nobody can log in", nil
	over.Commander, over.StartedAt = "ana", at(-30*time.Hour)
	watched := inc
	watched.ID, watched.State, watched.Severity, watched.Title = "INC-2026-0043", incident.Watching, severity.SEV4, "Disk of build-3 fills slowly"
	watched.Services, watched.Hypotheses = []string{"build"}, nil
	taken := inc
	taken.ID, taken.Severity, taken.Title, taken.Commander = "INC-2026-0040", severity.SEV3, "Search answers slowly", "bo"
	acked := at(-time.Minute)
	taken.AcknowledgedAt = &acked
	return []incident.Incident{over, watched, taken, inc}
}

func serve(t *testing.T, l *library, change ...func(*web.Options)) (http.Handler, *strings.Builder) {
	t.Helper()
	var log strings.Builder
	o := web.Options{Reader: l, Log: slog.New(slog.NewTextHandler(&log, nil)), Now: func() time.Time { return noon }}
	for _, c := range change {
		c(&o)
	}
	w, err := web.New(o)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	w.Routes(mux)
	return mux, &log
}

func page(h http.Handler, path string) (int, http.Header, string) {
	return ask(h, path, "127.0.0.1:5555", "127.0.0.1:8080")
}

func ask(h http.Handler, path, remote, host string) (int, http.Header, string) {
	rec := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.RemoteAddr, r.Host = remote, host
	h.ServeHTTP(rec, r)
	b, _ := io.ReadAll(rec.Result().Body)
	return rec.Code, rec.Result().Header, string(b)
}

func TestTheRoomShowsItsPartsInOrder(t *testing.T) {
	t.Parallel()
	h, _ := serve(t, fixture())
	code, _, body := page(h, "/incidents/"+known)
	if code != http.StatusOK {
		t.Fatalf("status %d", code)
	}
	order := []string{
		"SEV-2", "mitigating", "6 min ago", known, "Cancelling bookings fails", "Acknowledge", "Take over",
		`id="impact"`, "150 failed cancellations", "errors 5.2 % (usually 0.1 %)",
		`id="cause"`, ".91", "likely", "outbox-relay holds 96 of 100", "connection pool exhausted · outbox-relay · the database server has no connection left",
		"Check next", "SELECT usename", "for 3 · against 1<", ".05", "possible", "for 1 · against 0 · check 1<", "ev_forgotten, which is not kept here", "1.4.1..1.4.2", ".01",
		"ruled out 2", "Not OOMKilled", "<li>Not the nodes", "seen 1<", "1 of 2 pods Ready",
		"1 source did not answer", "Verdict: escalate (page).",
		`id="do"`, "restart outbox-relay", "recommended", "Approve…", "Exactly this will run", "process.restart", "grace", "0f3a9c77aa10", "Confirm:", "Not this…",
		"raise the pool to 150", "Never run by Holdfast",
		`id="why"`, "outbox_worker.go:78", "BOLT-045", "ADR-023", "(inferred)", "ADR-023 says nothing about pool size, broker timeout",
		`id="charts"`, "booking-api errors", `class="band"`, "deploy 1.4.2",
		`id="timeline"`, "proposed: restart outbox-relay", "BookingCancelErrors firing",
		`id="evidence"`, "Deployment search: 1 of 2 pods ready", "alertmanager did not answer in 3 s", "1 more from bookings-pg", "88 sessions of outbox-relay, idle in transaction for up to 8 min", "1 more from tempo", "p95 2.1 s (usually 180 ms), errors 5.2 % (usually 0.1 %)", `id="rules"`, "threshold=0.95", `id="signals"`, `id="documents"`, "/documents/timeline",
		"fix bolt FIX-001", "holdfast/inc-2026-0042", "0123456789ab<", `href="https://git.example/7"`, "no playbook",
	}
	rest := body
	for _, want := range order {
		_, after, ok := strings.Cut(rest, want)
		if !ok {
			t.Fatalf("%q is missing or stands too early", want)
		}
		rest = after
	}
	_, _, part := page(h, "/incidents/"+known+"?part=main")
	if strings.Contains(part, "<html") || !strings.Contains(body, strings.TrimSpace(part)) {
		t.Error("the main part alone is not the page's main part")
	}
}

func TestTheListPutsWhatNeedsAPersonFirst(t *testing.T) {
	t.Parallel()
	h, _ := serve(t, fixture())
	_, _, body := page(h, "/")
	var got []string
	for _, m := range regexp.MustCompile(`href="/incidents/(INC-[0-9-]+)"`).FindAllStringSubmatch(body, -1) {
		got = append(got, m[1])
	}
	if want := []string{known, "INC-2026-0040", "INC-2026-0043", "INC-2026-0041"}; !slices.Equal(got, want) {
		t.Errorf("order %v, want %v", got, want)
	}
	for _, want := range []string{"3 active, 1 acknowledged by nobody</p>", ".91</span> connection pool exhausted outbox-relay", "agent", "bo"} {
		if !strings.Contains(body, want) {
			t.Errorf("the list lacks %q", want)
		}
	}
}

// hostile is text that an outsider would like to see run.
const hostile = `"><script>alert(1)</script><img src=x onerror=alert(1)> javascript:alert(1) ' {{.}} ${x} ` + "`\x00\u202e"

// TestHostileTextStaysText puts hostile text everywhere and reads the page as a
// parser does: no element, attribute or link comes of it.
func TestHostileTextStaysText(t *testing.T) {
	t.Parallel()
	l := fixture()
	v := &l.view
	v.Title, v.Environment, v.Impact.Summary, v.Commander, v.Context = hostile, hostile, hostile, hostile, hostile
	v.Services, v.SeverityReasons, v.Earlier = []string{hostile}, []string{hostile}, []string{hostile}
	v.MergedInto = hostile
	for i := range v.Hypotheses {
		h := &v.Hypotheses[i]
		h.Mechanism, h.Component, h.CheckNext, h.EvidenceFor = hostile, hostile, []string{hostile}, []string{hostile}
		h.Fault = hostile
	}
	v.Observed = []incident.ObservationView{{Text: hostile, Evidence: []string{hostile}}}
	v.RuledOut = v.Observed
	for i := range v.Proposals {
		p := &v.Proposals[i]
		p.ID, p.Option, p.Why, p.Cost, p.Check, p.Pros, p.Cons, p.PlanSHA256 = hostile, hostile, hostile, hostile, hostile, hostile, hostile, hostile
		p.Changes, p.MayApprove, p.Requesters, p.FourEyes = []incident.Change{{What: hostile, Before: hostile, After: hostile}}, []string{hostile}, []string{hostile}, true
		p.Risk, p.Lasting, p.Params, p.Commands = hostile, hostile, map[string]string{hostile: hostile}, []string{hostile}
	}
	for i := range v.Trace {
		v.Trace[i] = incident.TraceStep{ID: hostile, Title: hostile, Path: hostile, Missing: []string{hostile}}
	}
	for i := range v.Timeline {
		v.Timeline[i].Text, v.Timeline[i].Actor, v.Timeline[i].Kind = hostile, hostile, hostile
		v.Timeline[i].Data = map[string]any{"cause": hostile + "x"}
	}
	for i := range v.Signals {
		s := &v.Signals[i]
		s.Name, s.Labels, s.Links = hostile, map[string]string{hostile: hostile}, []signal.Link{{Kind: hostile, URL: "javascript:alert(1)"}, {Kind: "x", URL: "https://x/" + hostile}}
	}
	v.Documents = []incident.DocumentView{{Kind: hostile, Path: hostile}}
	v.Drafts = []incident.DraftingView{{
		Files:    []incident.DraftFile{{Kind: hostile, ID: hostile, Path: hostile}},
		Branches: []incident.DraftBranch{{Repository: hostile, Branch: hostile, Commit: hostile, RequestURL: "javascript:alert(1)"}, {RequestURL: "https://x/" + hostile}},
		Notes:    []string{hostile}, Error: hostile,
	}}
	v.Verdicts[0].Reasons, v.Verdicts[0].Rules = []string{hostile}, []decide.Rule{{ID: hostile, Text: hostile, Values: map[string]any{hostile: hostile}}}
	for i := range l.items {
		it := &l.items[i]
		it.ID, it.Summary, it.Query, it.Source, it.Service, it.Unit, it.Error = hostile, hostile, hostile, hostile, hostile, hostile, hostile
		it.Link = "javascript:alert(1)"
		it.Data = bytes.ReplaceAll(it.Data, []byte(`"Failed to pull`), []byte(`"\u003cscript>alert(2)\u003c/script>`))
	}
	for i := range l.incs {
		l.incs[i].Title, l.incs[i].Services, l.incs[i].Commander = hostile, []string{hostile}, hostile
	}
	h, _ := serve(t, l, func(o *web.Options) { o.Paused = func(context.Context) string { return hostile } })
	for _, path := range []string{"/", "/incidents/" + known} {
		code, _, body := page(h, path)
		if code != http.StatusOK {
			t.Fatalf("%s: status %d", path, code)
		}
		harmless(t, path, body)
	}
}

// harmless reads a page element by element.
func harmless(t *testing.T, path, body string) {
	t.Helper()
	harmlessScripts(t, path, body, 1)
}

// harmlessScripts is harmless for a page with so many scripts of our own.
func harmlessScripts(t *testing.T, path, body string, own int) {
	t.Helper()
	dec := xml.NewDecoder(strings.NewReader(body))
	dec.Strict, dec.AutoClose, dec.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	scripts := 0
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		el, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		switch el.Name.Local {
		case "script":
			scripts++
		case "img", "iframe", "object", "embed", "base", "style":
			t.Errorf("%s: an element <%s>", path, el.Name.Local)
		}
		for _, a := range el.Attr {
			name := strings.ToLower(a.Name.Local)
			if strings.HasPrefix(name, "on") || name == "style" {
				t.Errorf("%s: <%s %s=%q>", path, el.Name.Local, name, a.Value)
			}
			if (name == "href" || name == "src") && strings.Contains(strings.ToLower(a.Value), "javascript:") && !strings.HasPrefix(a.Value, "/") && !strings.HasPrefix(a.Value, "#") && !strings.HasPrefix(a.Value, "https://") {
				t.Errorf("%s: a link %q", path, a.Value)
			}
		}
	}
	if scripts != own {
		t.Errorf("%s: %d scripts, want our own %d alone", path, scripts, own)
	}
}

func TestPagesCarryAPolicyAndUseOnlyOurFiles(t *testing.T) {
	t.Parallel()
	h, _ := serve(t, fixture())
	for _, path := range []string{"/", "/incidents/" + known, "/incidents/none"} {
		_, header, body := page(h, path)
		p := header.Get("Content-Security-Policy")
		if !strings.Contains(p, "default-src 'none'") || strings.Contains(p, "unsafe") {
			t.Errorf("%s: policy %q", path, p)
		}
		for _, m := range regexp.MustCompile(`(?:src|<link[^>]*href)="([^"]*)"`).FindAllStringSubmatch(body, -1) {
			if !strings.HasPrefix(m[1], "/assets/") {
				t.Errorf("%s: loads %s", path, m[1])
				continue
			}
			code, header, _ := page(h, m[1])
			if code != http.StatusOK || !strings.Contains(header.Get("Cache-Control"), "immutable") {
				t.Errorf("%s: %d %s", m[1], code, header.Get("Cache-Control"))
			}
		}
	}
}

func TestPagesThatCanNotBeMade(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		path   string
		err    error
		remote bool
		status int
		text   string
	}{
		"no such incident":  {"/incidents/INC-2026-9999", nil, false, 404, "no incident of this name"},
		"no such page":      {"/incidents/" + known + "/x", nil, false, 404, "not found"},
		"no such asset":     {"/assets/holdfast.js", nil, false, 404, "not found"},
		"a store that fell": {"/", errors.New("dial 10.0.0.7: refused"), false, 503, "The store does not answer"},
		"from elsewhere":    {"/", nil, true, 401, "own machine only"},
	}
	for name, tt := range tests {
		l := fixture()
		l.err = tt.err
		h, log := serve(t, l)
		code, _, body := page(h, tt.path)
		if tt.remote {
			code, _, body = ask(h, tt.path, "10.0.0.9:1", "127.0.0.1:8080")
		}
		if code != tt.status || !strings.Contains(body, tt.text) {
			t.Errorf("%s: %d %s", name, code, body)
		}
		if strings.Contains(body, "10.0.0.7") || (tt.err != nil && !strings.Contains(log.String(), "10.0.0.7")) {
			t.Errorf("%s: the reason belongs in the log alone", name)
		}
	}
}

func TestWhoReadsPages(t *testing.T) {
	t.Parallel()
	h, _ := serve(t, fixture())
	tests := []struct {
		remote, host string
		want         int
	}{
		{"127.0.0.1:1", "127.0.0.1:8080", 200},
		{"127.0.0.1:1", "localhost:8080", 200},
		{"[::1]:1", "[::1]:8080", 200},
		{"[::1]:1", "[::1]", 200},
		{"127.0.0.1:1", "holdfast.example", 401}, // a proxy on this machine
		{"10.0.0.9:1", "localhost", 401},
		{"", "", 401},
	}
	for _, tt := range tests {
		if code, _, _ := ask(h, "/", tt.remote, tt.host); code != tt.want {
			t.Errorf("from %q to %q: %d, want %d", tt.remote, tt.host, code, tt.want)
		}
	}
}

func TestConfirmedIsForPeople(t *testing.T) {
	t.Parallel()
	l := fixture()
	l.view.Timeline = append(l.view.Timeline, incident.EventView{At: incident.Time(noon), Kind: incident.EventCauseConfirmed, Actor: "ana", Text: "yes"})
	h, _ := serve(t, l)
	_, _, body := page(h, "/incidents/"+known)
	if strings.Count(body, ">confirmed<") != 1 {
		t.Error("the leading cause is not marked as confirmed")
	}
}

func TestEveryLinkWithinThePageLeadsSomewhere(t *testing.T) {
	t.Parallel()
	h, _ := serve(t, fixture())
	_, _, body := page(h, "/incidents/"+known)
	for _, m := range regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(body, -1) {
		if strings.Count(body, `id="`+m[1]+`"`) != 1 {
			t.Errorf("a link to #%s, which stands %d times on the page", m[1], strings.Count(body, `id="`+m[1]+`"`))
		}
	}
}

func TestASureCauseKeepsItsChecksFolded(t *testing.T) {
	t.Parallel()
	for p, want := range map[float64]string{.94: `for 3 · against 1<`, .95: `for 3 · against 1 · check 1<`} {
		l := fixture()
		l.view.Hypotheses[0].Probability = p
		h, _ := serve(t, l)
		if _, _, body := page(h, "/incidents/"+known); !strings.Contains(body, want) {
			t.Errorf("at %v the page lacks %q", p, want)
		}
	}
}

func TestHealthyIsNotCalledACause(t *testing.T) {
	t.Parallel()
	l := fixture()
	l.view.Hypotheses[0].CauseClass = diagnose.Healthy
	h, _ := serve(t, l)
	if _, _, body := page(h, "/incidents/"+known); !strings.Contains(body, "Likely no failure") || strings.Contains(body, "Likely cause") {
		t.Error("a healthy system has a likely cause")
	}
}

func TestAnEndedIncidentCanOnlyBeGraded(t *testing.T) {
	t.Parallel()
	l := fixture()
	l.view.State, l.view.ResolvedAt = incident.Resolved, incident.Time(at(-2*time.Minute))
	h, _ := serve(t, l)
	_, _, body := page(h, "/incidents/"+known)
	posts := strings.Count(body, "data-post")
	if posts != 1 || !strings.Contains(body, `/grade" data-form`) || !strings.Contains(body, "lasted 4 min") {
		t.Error("an ended incident can still be acted on, or does not say how long it lasted")
	}
}

func TestAnEmptyIncidentHasAPage(t *testing.T) {
	t.Parallel()
	l := &library{view: incident.NewView(incident.Parts{Incident: incident.Incident{ID: known, Title: "x", State: incident.Open, StartedAt: noon}})}
	h, log := serve(t, l)
	code, _, body := page(h, "/incidents/"+known)
	if code != http.StatusOK || !strings.Contains(body, "Nothing known yet") {
		t.Errorf("status %d, log %s", code, log)
	}
}

func TestServeFixture(t *testing.T) { //nolint:paralleltest // serves until it is interrupted
	if *serveOn == "" {
		return // for people, see serveOn
	}
	h, _ := serve(t, fixture(), impacts(t))
	srv := &http.Server{Addr: *serveOn, Handler: h, ReadHeaderTimeout: time.Second}
	if err := srv.ListenAndServe(); err != nil {
		t.Fatal(err)
	}
}

func TestAProposalShowsWhatItChanges(t *testing.T) {
	t.Parallel()
	l := fixture()
	for i := range l.view.Proposals {
		p := &l.view.Proposals[i]
		p.Executable, p.State, p.Approvers, p.ApprovedBy, p.StillNeeded = true, incident.Waiting, 2, []string{"bo"}, 1
		p.Changes = []incident.Change{{What: "replicas", Before: "3", After: "<b>5</b>"}}
		p.Facts = map[string]any{"busy": 8.0}
		p.MayApprove, p.Everyone, p.FourEyes, p.Requesters = []string{"ana", "bo"}, false, true, []string{"cy"}
	}
	h, _ := serve(t, l)
	_, _, body := page(h, "/incidents/"+l.view.ID)
	for _, want := range []string{
		`<th scope="row">replicas</th><td data-label="now">3</td><td data-label="after">&lt;b&gt;5&lt;/b&gt;</td>`, "(so far: bo; 1 more needed)",
		`<th scope="row">rests on</th><td><code>busy=8</code></td>`,
		"Who may approve: ana, bo, but not those who asked for it (cy).",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}
