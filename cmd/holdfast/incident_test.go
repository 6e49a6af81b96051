package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/severity"
)

var updateIncident = flag.Bool("update-incident", false, "rewrite the golden files of 'holdfast incident'")

// fakeServer answers like the API and remembers what it was asked.
type fakeServer struct {
	*httptest.Server
	asked  []string
	status int
	answer string
	now    time.Time // of who asks
}

func newFakeServer(t *testing.T) *fakeServer {
	t.Helper()
	f := &fakeServer{}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		f.asked = append(f.asked, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", r.Method, r.URL.RequestURI(), r.Header.Get("Authorization"), body)))
		if f.status != 0 {
			w.WriteHeader(f.status)
		}
		_, _ = io.WriteString(w, f.answer)
	}))
	t.Cleanup(f.Close)
	return f
}

// holdfast runs `holdfast incident ARGS` against f.
func (f *fakeServer) holdfast(t *testing.T, vars map[string]string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	e := &env{
		ctx: t.Context(), stdin: strings.NewReader(""), stdout: &out, stderr: &errs,
		getenv: func(k string) (string, bool) {
			if k == "HOLDFAST_URL" && vars[k] == "" {
				return f.URL, true
			}
			v, ok := vars[k]
			return v, ok
		},
		now: func() time.Time { return f.now },
	}
	var c struct {
		Incident incidentCmd `cmd:""`
	}
	p, err := kong.New(&c, kong.Name("holdfast"), kong.Writers(&out, &errs), kong.Exit(func(int) {}))
	if err != nil {
		t.Fatal(err)
	}
	k, err := p.Parse(append([]string{"incident"}, args...))
	if err != nil {
		return report(&errs, usage(err)), out.String(), errs.String()
	}
	return report(&errs, k.Run(e)), out.String(), errs.String()
}

func TestIncidentCommandsAskTheServer(t *testing.T) {
	t.Parallel()
	const at = "/api/v1/incidents/INC-2026-0001"
	tests := map[string]struct {
		args         []string
		want, stdout string
	}{
		"declare": {
			[]string{"declare", "It is down", "--severity", "P1", "--service", "api,web"},
			`POST /api/v1/incidents Bearer tok {"services":["api","web"],"severity":"P1","title":"It is down"}`, "INC-2026-0001 declared\n",
		},
		"ack":       {[]string{"ack", "INC-2026-0001"}, "POST " + at + "/acknowledge Bearer tok", "INC-2026-0001 acknowledged\n"},
		"severity":  {[]string{"severity", "INC-2026-0001", "SEV-3", "--reason", "staging"}, "POST " + at + `/severity Bearer tok {"reason":"staging","severity":"SEV-3"}`, "severity of INC-2026-0001 set\n"},
		"commander": {[]string{"commander", "INC-2026-0001", "bo"}, "POST " + at + `/commander Bearer tok {"commander":"bo"}`, "commander of INC-2026-0001 set\n"},
		"reject":    {[]string{"reject", "INC-2026-0001", "prop_1", "--reason", "no"}, "POST " + at + `/proposals/prop_1/reject Bearer tok {"reason":"no"}`, "rejected for INC-2026-0001\n"},
		"grade":     {[]string{"grade", "INC-2026-0001", "--grade", "one_hop_off", "--runbook", "pool", "--comment", "the database"}, "POST " + at + `/grade Bearer tok {"comment":"the database","grade":"one_hop_off","runbook":"pool"}`, "INC-2026-0001 graded\n"},
		"resolve":   {[]string{"resolve", "INC-2026-0001", "--reason", "over"}, "POST " + at + `/resolve Bearer tok {"reason":"over"}`, "INC-2026-0001 resolved\n"},
		"split":     {[]string{"split", "INC-2026-0001", "sig_1", "sig_2", "--title", "Other"}, "POST " + at + `/split Bearer tok {"signals":["sig_1","sig_2"],"title":"Other"}`, "INC-2026-0001 made\n"},
		"merge":     {[]string{"merge", "INC-2026-0001", "INC-2026-0002"}, "POST " + at + `/merge Bearer tok {"into":"INC-2026-0002"}`, "merged into INC-2026-0001\n"},
		"no escape": {[]string{"ack", "../../pause"}, "POST /api/v1/incidents/..%2F..%2Fpause/acknowledge Bearer tok", "INC-2026-0001 acknowledged\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFakeServer(t)
			f.answer = `{"id":"INC-2026-0001"}`
			code, stdout, stderr := f.holdfast(t, map[string]string{"HOLDFAST_TOKEN": "tok"}, tt.args...)
			if code != exitOK || stdout != tt.stdout || stderr != "" {
				t.Errorf("exit %d, stdout %q, stderr %q", code, stdout, stderr)
			}
			if diff := cmp.Diff([]string{tt.want}, f.asked); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
		})
	}
}

func TestIncidentRefusals(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args   []string
		vars   map[string]string
		status int
		answer string
		code   int
		stderr string
	}{
		"the server says why": {
			args: []string{"ack", "INC-2026-0009"}, status: 404, code: exitFailed,
			answer: `{"title":"Not Found","status":404,"detail":"incident INC-2026-0009: not found"}`,
			stderr: "holdfast: incident INC-2026-0009: not found\n",
		},
		"no token": {
			args: []string{"ack", "INC-2026-0001"}, status: 401, code: exitFailed,
			answer: `{"title":"Unauthorized","status":401,"detail":"a valid token is needed","hint":"x"}`,
			stderr: "holdfast: a valid token is needed\nhint: set HOLDFAST_TOKEN_FILE to the file that 'holdfast init' wrote, or give --token-file\n",
		},
		"bad input": {
			args: []string{"resolve", "INC-1", "--reason", "x"}, status: 422, code: exitUsage,
			answer: `{"title":"Unprocessable Entity","detail":"validation failed","errors":[{"message":"expected string to match pattern","location":"path.id"}]}`,
			stderr: "holdfast: validation failed; path.id: expected string to match pattern\n",
		},
		"an answer from a proxy": {
			args: []string{"list"}, status: 502, answer: "<html>", code: exitFailed,
			stderr: "holdfast: the server answered 502 Bad Gateway\n",
		},
		"an unknown severity": {
			args: []string{"severity", "INC-2026-0001", "SEV-9", "--reason", "x"}, code: exitUsage,
			stderr: "holdfast: unknown severity \"SEV-9\": use SEV-1, SEV-2, SEV-3 or SEV-4\n",
		},
		"a token in the clear": {
			args: []string{"list"}, vars: map[string]string{"HOLDFAST_URL": "http://holdfast.example", "HOLDFAST_TOKEN": "tok"}, code: exitUsage,
			stderr: "holdfast: a token is not sent in the clear to holdfast.example\nhint: use https, or a tunnel to the server's loopback address\n",
		},
		"an answer that moves the cursor": {
			args: []string{"ack", "INC-2026-0001"}, status: 409, code: exitFailed,
			answer: `{"title":"Conflict","detail":"\u001b[2Jgone\u202e"}`, stderr: "holdfast: [2Jgone\n",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFakeServer(t)
			f.status, f.answer = tt.status, tt.answer
			code, _, stderr := f.holdfast(t, tt.vars, tt.args...)
			if code != tt.code || stderr != tt.stderr {
				t.Errorf("exit %d, want %d; stderr (-want +got):\n%s", code, tt.code, cmp.Diff(tt.stderr, stderr))
			}
		})
	}
}

func TestNoServer(t *testing.T) {
	t.Parallel()
	f := newFakeServer(t)
	f.Close()
	code, _, stderr := f.holdfast(t, nil, "list")
	if code != exitFailed || !strings.HasPrefix(stderr, "holdfast: no server answers at "+f.URL) || !strings.Contains(stderr, "\nhint: start one with: holdfast serve") {
		t.Errorf("exit %d, stderr %q", code, stderr)
	}
}

func TestTokenFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := newFakeServer(t)
	f.answer = `{"id":"INC-2026-0001"}`
	f.holdfast(t, map[string]string{"HOLDFAST_TOKEN": "tok"}, "ack", "A", "--token-file", file)
	f.holdfast(t, map[string]string{"HOLDFAST_TOKEN_FILE": file}, "ack", "B")
	want := []string{"POST /api/v1/incidents/A/acknowledge Bearer from-file", "POST /api/v1/incidents/B/acknowledge Bearer from-file"}
	if diff := cmp.Diff(want, f.asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	if code, _, stderr := f.holdfast(t, nil, "ack", "C", "--token-file", file+"x"); code != exitUsage || !strings.Contains(stderr, "read the token") {
		t.Errorf("exit %d, stderr %q", code, stderr)
	}
}

// room is an incident with something in every part, and hostile text in some.
func room(now time.Time) incident.View {
	onset := now.Add(-8 * time.Minute)
	return incident.NewView(incident.Parts{
		Incident: incident.Incident{
			ID: "INC-2026-0001", Title: "Cancelling bookings fails \x1b[31m| for 15 % of requests", State: incident.Mitigating,
			Severity: severity.SEV2, Environment: "demo", Services: []string{"booking-api", "outbox-relay"},
			StartedAt: now.Add(-6 * time.Minute), OnsetAt: &onset,
			Impact: incident.Impact{Summary: "booking-api POST /cancel 5.2 % errors (usually 0.1 %)"},
			Hypotheses: []diagnose.Hypothesis{
				{ID: "h1", CauseClass: diagnose.ExhaustPool, Fault: cause.FaultDBConnections, Component: "outbox-relay", Probability: .91, CheckNext: []string{"SELECT application_name, state, count(*) FROM pg_stat_activity GROUP BY 1, 2 ORDER BY 3 DESC\x1b[31m"}, Mechanism: "outbox-relay holds 96 of 100 connections of bookings-db", EvidenceFor: []string{"ev_1", "ev_2"}, EvidenceAgainst: []string{"ev_3"}},
				{ID: "unknown", CauseClass: diagnose.Unknown, Probability: .09},
			},
			Similar: []incident.Like{
				{Kind: "incident", ID: "INC-2025-0113", Title: "Cancelling fails again", Score: .83, Why: "same cause, resource exhaustion, connection pool of outbox-relay, 12 d before; then process.restart outbox-relay was done"},
				{Kind: "playbook", ID: "PLAYBOOK-015", Title: "Connections of <workers> & batches", Section: "Problem", Path: "playbook/PLAYBOOK-015.md", Line: 7, Score: .6, Why: "its title names \"connection pool\""},
			},
			Trace: []incident.TraceStep{
				{Kind: "code", ID: "outbox_worker.go:78", Path: "relay/outbox_worker.go", Line: 78},
				{Kind: "bolt", ID: "BOLT-045"},
				{Kind: "adr", ID: "ADR-023", Inferred: true},
			},
			Drafts: []incident.Drafting{{
				State: incident.DraftsBranched, Notes: []string{"no playbook\x1b[31m"},
				Files:    []incident.DraftFile{{Kind: "fix-bolt", ID: "FIX-001", Path: "docs/FIX-001.md"}, {Kind: "adr-amendment", ID: "ADR-023", Path: "docs/ADR-023.md", Changed: true}},
				Branches: []incident.DraftBranch{{Repository: "/srv/booking", Branch: "holdfast/inc-2026-0001", Commit: "0123456789abcdef", RequestURL: "https://git.example/7"}},
			}},
		},
		Verdicts: []decide.Verdict{{Kind: decide.Watch, Urgency: decide.NoUrgency}, {Kind: decide.Escalate, Urgency: decide.PageUrgency, Reasons: []string{"SEV-2 always goes to a human"}}},
		Proposals: []incident.Proposal{{
			ID: "prop_1", Action: action.Action{Name: "process.restart", Target: catalog.Target{Environment: "demo", Kind: "process", Name: "outbox-relay"}, Risk: action.Low, Lasting: action.Transient, Params: map[string]string{"grace": "5s"}},
			Why: "frees the connections", Cost: "events wait 2 s", Check: "errors below 1 %", State: incident.Waiting, PlanSHA: "0f3a9cd2e471", Approvers: 2, ApprovedBy: []string{"bo"}, Executable: true, MayApprove: []string{"ana", "bo", "cy"}, FourEyes: true, Requesters: []string{"cy"},
			BoundarySHA: "77aa", Generation: "4121", Facts: map[string]any{"busy": 8.0},
			Changes: []incident.Change{{What: "process outbox-relay", Before: "runs, generation 4121", After: "ended and started\x1b[31m again"}},
		}},
		Events: []incident.Event{
			{At: now.Add(-6 * time.Minute), Kind: incident.EventOpened, Actor: incident.ActorAgent, Text: "BookingCancelErrors firing\nwith a second line"},
		},
	})
}

func TestShowAndList(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 14, 8, 0, 0, time.UTC)
	show, err := json.Marshal(room(now))
	if err != nil {
		t.Fatal(err)
	}
	list := fmt.Sprintf(`{"incidents":[{"id":"INC-2026-0001","title":"Cancelling | fails","state":"mitigating","severity":"SEV-2","services":["booking-api"],"started_at":%q,"cause":{"cause_class":"resource_exhaustion.connection_pool","probability":0.91}},{"id":"INC-2026-0002","title":"b","state":"open","severity":"SEV-4","services":[],"started_at":%q}]}`,
		now.Add(-6*time.Minute).UTC().Format("2006-01-02T15:04:05.000Z"), now.Add(-6*time.Minute).UTC().Format("2006-01-02T15:04:05.000Z"))
	tests := map[string]struct {
		args   []string
		answer string
	}{
		"show-table":    {[]string{"show", "INC-2026-0001"}, string(show)},
		"show-json":     {[]string{"show", "INC-2026-0001", "-o", "json"}, string(show)},
		"show-yaml":     {[]string{"show", "INC-2026-0001", "-o", "yaml"}, string(show)},
		"show-markdown": {[]string{"show", "INC-2026-0001", "-o", "markdown"}, string(show)},
		"list-table":    {[]string{"list"}, list},
		"list-markdown": {[]string{"list", "-o", "markdown"}, list},
		"list-empty":    {[]string{"list", "--state", "open,watching", "--service", "a b"}, `{"incidents":[]}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFakeServer(t)
			f.answer, f.now = tt.answer, now
			code, stdout, stderr := f.holdfast(t, nil, tt.args...)
			if code != exitOK {
				t.Fatalf("exit %d: %s", code, stderr)
			}
			golden(t, filepath.Join("testdata", "incident", name+".txt"), stdout)
		})
	}
}

// golden compares got with a file of the repository.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *updateIncident {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil { //nolint:gosec // test data
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil { //nolint:gosec // test data
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestApproveShowsThePlanAndBindsIt(t *testing.T) {
	t.Parallel()
	f := newFakeServer(t)
	show, err := json.Marshal(room(time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	f.answer = string(show)

	code, stdout, stderr := f.holdfast(t, map[string]string{"HOLDFAST_TOKEN": "tok"}, "approve", "INC-2026-0001", "prop_1")
	if code != exitUsage || !strings.Contains(stderr, "nobody is there to confirm") || len(f.asked) != 1 {
		t.Errorf("without --yes: exit %d, asked %v, stderr %q", code, f.asked, stderr)
	}
	for _, want := range []string{"process.restart", "demo/process/outbox-relay", "grace", "0f3a9cd2e471", "runs, generation 4121", "after ended and started", "busy=8", "1 of 2: bo; 1 more needed", "ana, bo, cy; not those who asked for it (cy)"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the plan lacks %q:\n%s", want, stdout)
		}
	}

	code, _, stderr = f.holdfast(t, map[string]string{"HOLDFAST_TOKEN": "tok"}, "approve", "INC-2026-0001", "prop_1", "--yes")
	if want := `POST /api/v1/incidents/INC-2026-0001/proposals/prop_1/approve Bearer tok {"plan_sha256":"0f3a9cd2e471"}`; code != exitOK || f.asked[len(f.asked)-1] != want {
		t.Errorf("exit %d %s, asked %q, want %q", code, stderr, f.asked[len(f.asked)-1], want)
	}

	before := len(f.asked)
	for plan, want := range map[string]string{"ffff00001111": "the plan is another one by now", "0f3a": "at least eight digits"} {
		code, _, stderr = f.holdfast(t, map[string]string{"HOLDFAST_TOKEN": "tok"}, "approve", "INC-2026-0001", "prop_1", "--plan", plan, "--yes")
		if code == exitOK || !strings.Contains(stderr, want) {
			t.Errorf("--plan %s: exit %d, stderr %q", plan, code, stderr)
		}
	}
	if posts := f.asked[before:]; strings.Contains(strings.Join(posts, "\n"), "POST") {
		t.Errorf("approved another plan: %q", posts)
	}
	code, _, stderr = f.holdfast(t, map[string]string{"HOLDFAST_TOKEN": "tok"}, "approve", "INC-2026-0001", "prop_1", "--plan", "0F3A9CD2", "--yes")
	if code != exitOK {
		t.Errorf("--plan with the first digits: exit %d, stderr %q", code, stderr)
	}

	if code, _, stderr = f.holdfast(t, nil, "approve", "INC-2026-0001", "prop_9", "--yes"); code != exitFailed || !strings.Contains(stderr, "has no proposal prop_9") {
		t.Errorf("exit %d, stderr %q", code, stderr)
	}
}

func TestTablesFitTheTerminal(t *testing.T) {
	t.Parallel()
	for _, width := range []int{40, 60, 80, 120, 200} {
		p := &page{e: &env{ctx: context.Background()}, width: width}
		v := room(time.Now())
		p.incident(&v, time.Now())
		for line := range strings.Lines(p.b.String()) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > width && width >= 80 {
				t.Errorf("width %d: a line has %d: %q", width, n, line)
			}
		}
	}
}
