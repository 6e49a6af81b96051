package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/holdfast-sre/holdfast/internal/api"
	"github.com/holdfast-sre/holdfast/internal/audit"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/severity"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	known      = "INC-2026-0001"
	anaToken   = "ana-0123456789abcdef0123456789abcdef"
	boToken    = "bo--0123456789abcdef0123456789abcdef"
	jsonType   = "application/json"
	problemOf  = "application/problem+json"
	incidentAt = "/api/v1/incidents/" + known
)

var start = time.Date(2026, 11, 21, 14, 0, 0, 123456000, time.UTC)

// world is a Reader and Commands that remembers what it was asked.
type world struct {
	mu     sync.Mutex
	calls  []string
	inc    incident.Incident
	events []incident.Event
	fail   error
	filter api.Filter
	paused api.Pause
}

func newWorld() *world {
	return &world{
		inc: incident.Incident{
			ID: known, Title: "Cancelling fails", State: incident.Open, Severity: severity.SEV2, StartedAt: start, Revision: 1,
			Hypotheses: []diagnose.Hypothesis{
				{ID: "h1", CauseClass: diagnose.ExhaustPool, Component: "outbox-relay", Mechanism: "holds 96 of 100", Probability: .91},
				{ID: "unknown", CauseClass: diagnose.Unknown, Probability: .09},
			},
		},
		events: []incident.Event{{At: start, Kind: incident.EventOpened, Actor: incident.ActorAgent, Text: "opened"}},
	}
}

func (w *world) note(format string, args ...any) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, fmt.Sprintf(format, args...))
	return w.fail
}

func (w *world) find(id string) error {
	if w.fail != nil {
		return w.fail
	}
	if id != known {
		return fmt.Errorf("incident %s: %w", id, api.ErrNotFound)
	}
	return nil
}

func (w *world) Incidents(_ context.Context, f api.Filter) ([]incident.Incident, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.filter = f
	return []incident.Incident{w.inc}, w.fail
}

func (w *world) Incident(_ context.Context, id string) (incident.View, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return incident.NewView(incident.Parts{Incident: w.inc, Events: w.events}), w.find(id)
}

func (w *world) Mark(_ context.Context, id string) (api.Mark, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return api.Mark{Revision: w.inc.Revision, Events: len(w.events)}, w.find(id)
}

func (w *world) Evidence(_ context.Context, id string) ([]evidence.Item, error) {
	return []evidence.Item{{ID: "ev_1", Kind: evidence.KindMetric, Collector: "prometheus", From: start, To: start.Add(time.Minute), Data: json.RawMessage(`{"a":1}`)}}, w.find(id)
}

func (w *world) Events(_ context.Context, id string) ([]incident.Event, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.events), w.find(id)
}

func (w *world) Document(_ context.Context, id, kind string) (string, []byte, error) {
	if err := w.find(id); err != nil {
		return "", nil, err
	}
	if kind != "postmortem" {
		return "", nil, fmt.Errorf("document %s: %w", kind, api.ErrNotFound)
	}
	return "postmortem.md", []byte("# <script>alert(1)</script>\n"), nil
}

func (w *world) Audit(_ context.Context, id string, after int64, limit int) ([]audit.Record, error) {
	return []audit.Record{{Seq: after + 1, At: start, Actor: "agent", Incident: id, Params: json.RawMessage("{}")}}, w.note("audit %s %d %d", id, after, limit)
}

func (w *world) Paused(context.Context) (api.Pause, error) { return w.paused, w.fail }

func (w *world) Declare(_ context.Context, by string, d api.Declaration) (string, error) {
	return "INC-2026-0002", w.note("declare %s %s %q %v", by, d.Severity, d.Title, d.Services)
}

func (w *world) Acknowledge(_ context.Context, by, id string) error {
	return w.note("acknowledge %s %s", by, id)
}

func (w *world) SetSeverity(_ context.Context, by, id string, s severity.Severity, reason string) error {
	return w.note("severity %s %s %s %q", by, id, s, reason)
}

func (w *world) SetCommander(_ context.Context, by, id, who string) error {
	return w.note("commander %s %s %s", by, id, who)
}

func (w *world) AddFinding(_ context.Context, by, id, text string) error {
	return w.note("finding %s %s %q", by, id, text)
}

func (w *world) Split(_ context.Context, by, id string, signals []string, title string) (string, error) {
	return "INC-2026-0003", w.note("split %s %s %v %q", by, id, signals, title)
}

func (w *world) Merge(_ context.Context, by, id, into string) error {
	return w.note("merge %s %s %s", by, id, into)
}

func (w *world) Resolve(_ context.Context, by, id, reason string) error {
	return w.note("resolve %s %s %q", by, id, reason)
}

func (w *world) Approve(_ context.Context, by, id, proposal, plan string) error {
	return w.note("approve %s %s %s %s", by, id, proposal, plan)
}

func (w *world) Grade(_ context.Context, by, id string, j api.Judgement) error {
	return w.note("grade %s %s %s %q %q", by, id, j.Grade, j.Runbook, j.Comment)
}

func (w *world) PlanDelegation(_ context.Context, by api.User, id string, o api.Order) (incident.DelegationPlan, error) {
	return incident.DelegationPlan{Task: o.Text, PlanSHA256: "abcdef123456"}, w.note("plan %s %v %s %q %v", by.Name, by.Approver, id, o.Text, o.Task)
}

func (w *world) CancelDelegation(_ context.Context, by, id, delegation, reason string) error {
	return w.note("cancel %s %s %s %q", by, id, delegation, reason)
}

func (w *world) Delegate(_ context.Context, by api.User, id string, o api.Order, plan string) (incident.DelegationPlan, error) {
	return incident.DelegationPlan{State: incident.DelegationRunning}, w.note("delegate %s %v %s %q %v %s", by.Name, by.Approver, id, o.Text, o.Task, plan)
}

func (w *world) Reject(_ context.Context, by, id, proposal, reason string) error {
	return w.note("reject %s %s %s %q", by, id, proposal, reason)
}

func (w *world) SetPause(_ context.Context, by string, paused bool, reason string) error {
	w.paused = api.Pause{Paused: paused, By: by, Reason: reason}
	return w.note("pause %s %t %q", by, paused, reason)
}

func newUsers(t *testing.T) *api.Users {
	t.Helper()
	u, err := api.NewUsers([]api.Credential{
		{Name: "ana", Approver: true, Token: anaToken},
		{Name: "bo", Token: boToken + "\n"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// serve returns the whole door in front of w, and the log that it writes.
func serve(t *testing.T, w *world, change ...func(*api.Options)) (http.Handler, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	o := api.Options{Reader: w, Commands: w, Users: newUsers(t), Log: slog.New(slog.NewTextHandler(&log, nil)), Version: "test"}
	for _, c := range change {
		c(&o)
	}
	a := api.New(o)
	mux := http.NewServeMux()
	a.Routes(mux)
	return a.Guard(mux), &log
}

// ask is one request of a caller on this machine.
func ask(method, path, token, body string) *http.Request {
	r := httptest.NewRequest(method, "http://127.0.0.1:8080"+path, strings.NewReader(body))
	r.RemoteAddr = "127.0.0.1:5555"
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", jsonType)
	}
	return r
}

func do(h http.Handler, r *http.Request) (int, http.Header, string) {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	body, _ := io.ReadAll(rec.Result().Body)
	return rec.Code, rec.Result().Header, string(body)
}

func TestEveryCommandReachesItsPort(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ path, body, want, id string }{
		"declare":              {"/api/v1/incidents", `{"title":"Down","severity":"P1","services":["api"]}`, `declare ana SEV-1 "Down" [api]`, "INC-2026-0002"},
		"acknowledge":          {incidentAt + "/acknowledge", "", "acknowledge ana " + known, known},
		"severity":             {incidentAt + "/severity", `{"severity":"SEV-3","reason":"staging"}`, "severity ana " + known + ` SEV-3 "staging"`, known},
		"commander":            {incidentAt + "/commander", `{"commander":"bo"}`, "commander ana " + known + " bo", known},
		"commander is caller":  {incidentAt + "/commander", `{}`, "commander ana " + known + " ana", known},
		"finding":              {incidentAt + "/findings", `{"text":"it is DNS"}`, "finding ana " + known + ` "it is DNS"`, known},
		"split":                {incidentAt + "/split", `{"signals":["sig_1"],"title":"Other"}`, "split ana " + known + ` [sig_1] "Other"`, "INC-2026-0003"},
		"merge":                {incidentAt + "/merge", `{"into":"INC-2026-0002"}`, "merge ana " + known + " INC-2026-0002", "INC-2026-0002"},
		"resolve":              {incidentAt + "/resolve", `{"reason":"over"}`, "resolve ana " + known + ` "over"`, known},
		"approve":              {incidentAt + "/proposals/prop_1/approve", `{"plan_sha256":"abcdef123456"}`, "approve ana " + known + " prop_1 abcdef123456", known},
		"reject":               {incidentAt + "/proposals/prop_1/reject", `{"reason":"no"}`, "reject ana " + known + ` prop_1 "no"`, known},
		"pause":                {"/api/v1/pause", `{"paused":true,"reason":"drill"}`, `pause ana true "drill"`, ""},
		"an approver unpauses": {"/api/v1/pause", `{"paused":false,"reason":"over"}`, `pause ana false "over"`, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			h, _ := serve(t, w)
			code, _, body := do(h, ask(http.MethodPost, tt.path, anaToken, tt.body))
			if code != http.StatusOK {
				t.Fatalf("status %d: %s", code, body)
			}
			if diff := cmp.Diff([]string{tt.want}, w.calls); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			if tt.id != "" && body != `{"id":"`+tt.id+`"}`+"\n" {
				t.Errorf("answer %s, want id %s", body, tt.id)
			}
		})
	}
}

func TestWhoMayWhat(t *testing.T) {
	t.Parallel()
	approve := incidentAt + "/proposals/prop_1/approve"
	plan := `{"plan_sha256":"abcdef123456"}`
	tests := map[string]struct {
		req  *http.Request
		edit func(*http.Request)
		want int
	}{
		"anybody on this machine reads":                   {ask("GET", incidentAt, "", ""), nil, 200},
		"a wrong token is wrong even where none is asked": {ask("GET", incidentAt, "wrong", ""), nil, 401},
		"reading from elsewhere needs a token":            {ask("GET", incidentAt, "", ""), func(r *http.Request) { r.RemoteAddr = "10.0.0.9:1" }, 401},
		"reading from elsewhere with a token":             {ask("GET", incidentAt, boToken, ""), func(r *http.Request) { r.RemoteAddr = "10.0.0.9:1" }, 200},
		"reading under the public name needs a token":     {ask("GET", incidentAt, "", ""), func(r *http.Request) { r.Host = "holdfast.example" }, 401},
		"a foreign name is refused":                       {ask("GET", incidentAt, boToken, ""), func(r *http.Request) { r.Host = "evil.example" }, 421},
		"a change needs a token":                          {ask("POST", incidentAt+"/acknowledge", "", ""), nil, 401},
		"another scheme is no token":                      {ask("POST", incidentAt+"/acknowledge", "", ""), func(r *http.Request) { r.Header.Set("Authorization", "Basic "+anaToken) }, 401},
		"a user acknowledges":                             {ask("POST", incidentAt+"/acknowledge", boToken, ""), nil, 200},
		"a user does not approve":                         {ask("POST", approve, boToken, plan), nil, 403},
		"an approver approves":                            {ask("POST", approve, anaToken, plan), nil, 200},
		"a user pauses":                                   {ask("POST", "/api/v1/pause", boToken, `{"paused":true,"reason":"x"}`), nil, 200},
		"a user grades":                                   {ask("POST", incidentAt+"/grade", boToken, `{"grade":"wrong","comment":"x"}`), nil, 200},
		"a user does not grade right":                     {ask("POST", incidentAt+"/grade", boToken, `{"grade":"right"}`), nil, 403},
		"nobody grades":                                   {ask("POST", incidentAt+"/grade", "", `{"grade":"wrong"}`), nil, 401},
		"a grade that is none":                            {ask("POST", incidentAt+"/grade", anaToken, `{"grade":"great"}`), nil, 422},
		"a user does not resume":                          {ask("POST", "/api/v1/pause", boToken, `{"paused":false,"reason":"x"}`), nil, 403},
		"another origin changes nothing":                  {ask("POST", incidentAt+"/acknowledge", anaToken, ""), func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, 403},
		"health needs nothing":                            {ask("GET", "/health/live", "", ""), func(r *http.Request) { r.RemoteAddr = "10.0.0.9:1" }, 200},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			h, _ := serve(t, w, func(o *api.Options) { o.Hosts = []string{"holdfast.example"} })
			if tt.edit != nil {
				tt.edit(tt.req)
			}
			code, header, body := do(h, tt.req)
			if code != tt.want {
				t.Errorf("status %d, want %d: %s", code, tt.want, body)
			}
			if code >= 400 && header.Get("Content-Type") != problemOf {
				t.Errorf("content type %q, want %q", header.Get("Content-Type"), problemOf)
			}
			if code >= 400 && len(w.calls) > 0 {
				t.Errorf("refused, and yet %v", w.calls)
			}
		})
	}
}

func TestErrorsBecomeAnswers(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		err    error
		status int
		detail string
		hint   string
	}{
		"not found":          {fmt.Errorf("proposal prop_1: %w", api.ErrNotFound), 404, "acknowledge INC-2026-0001: proposal prop_1: not found", ""},
		"conflict":           {fmt.Errorf("the plan has changed: %w", api.ErrConflict), 409, "acknowledge INC-2026-0001: the plan has changed: conflict", "look at the incident again: it has moved on"},
		"refused by state":   {&incident.RefusedError{Incident: known, What: "it is merged"}, 409, "incident INC-2026-0001: it is merged", "look at the incident again: it has moved on"},
		"not allowed":        {api.ErrForbidden, 403, "acknowledge INC-2026-0001: not allowed", ""},
		"store away":         {fmt.Errorf("dial 10.0.0.7: %w", api.ErrUnavailable), 503, "the store does not answer", "try again in a moment"},
		"a person's mistake": {&problem.Problem{What: `unknown service "ap"`, Hint: `did you mean "api"?`}, 422, `unknown service "ap"`, `did you mean "api"?`},
		"anything else":      {errors.New("password=hunter2 at 10.0.0.7"), 500, "internal error", "the server's log has the reason"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.fail = tt.err
			h, log := serve(t, w)
			code, _, body := do(h, ask("POST", incidentAt+"/acknowledge", anaToken, ""))
			var got api.Problem
			if err := json.Unmarshal([]byte(body), &got); err != nil {
				t.Fatalf("answer %q: %v", body, err)
			}
			if code != tt.status || got.Status != tt.status || got.Detail != tt.detail || got.Hint != tt.hint {
				t.Errorf("answer %d %+v, want %d %q hint %q", code, got, tt.status, tt.detail, tt.hint)
			}
			if logged := strings.Contains(log.String(), "hunter2"); logged != (tt.status == 500) {
				t.Errorf("log: %s", log)
			}
		})
	}
}

func TestBadInputIsRefusedBeforeAnyPort(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		method, path, body string
		want               int
	}{
		"broken JSON":          {"POST", "/api/v1/incidents", `{"title":`, 400},
		"an unknown field":     {"POST", "/api/v1/incidents", `{"title":"x","severity":"P1","sevrity":"P2"}`, 422},
		"an unknown severity":  {"POST", "/api/v1/incidents", `{"title":"x","severity":"P9"}`, 422},
		"no reason":            {"POST", incidentAt + "/resolve", `{"reason":""}`, 422},
		"an empty body":        {"POST", incidentAt + "/resolve", ``, 400},
		"no plan":              {"POST", incidentAt + "/proposals/p/approve", `{}`, 422},
		"merge into itself":    {"POST", incidentAt + "/merge", `{"into":"` + known + `"}`, 422},
		"a huge body":          {"POST", "/api/v1/incidents", `{"title":"` + strings.Repeat("x", api.MaxBody) + `"}`, 413},
		"an odd incident":      {"GET", "/api/v1/incidents/INC-1", "", 422},
		"an unknown state":     {"GET", "/api/v1/incidents?state=broken", "", 422},
		"a wrong time":         {"GET", "/api/v1/incidents?since=yesterday", "", 422},
		"too many":             {"GET", "/api/v1/incidents?limit=100000", "", 422},
		"an unknown incident":  {"GET", "/api/v1/incidents/INC-2026-0009", "", 404},
		"an unknown document":  {"GET", incidentAt + "/documents/poem", "", 404},
		"a path out of bounds": {"GET", incidentAt + "/documents/..%2f..%2fetc", "", 422},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			h, _ := serve(t, w)
			code, header, body := do(h, ask(tt.method, tt.path, anaToken, tt.body))
			if code != tt.want {
				t.Errorf("status %d, want %d: %s", code, tt.want, body)
			}
			if got := header.Get("Content-Type"); got != problemOf {
				t.Errorf("content type %q, want %q", got, problemOf)
			}
			if len(w.calls) > 0 {
				t.Errorf("refused, and yet %v", w.calls)
			}
		})
	}
}

func TestWhatIsReadIsTheContract(t *testing.T) {
	t.Parallel()
	w := newWorld()
	h, _ := serve(t, w)
	_, _, body := do(h, ask("GET", incidentAt, "", ""))
	want, err := json.Marshal(incident.NewView(incident.Parts{Incident: w.inc, Events: w.events}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want)+"\n", body); diff != "" {
		t.Errorf("incident.json (-want +got):\n%s", diff)
	}
	_, _, body = do(h, ask("GET", incidentAt+"/evidence", "", ""))
	if !strings.Contains(body, `"from":"2026-11-21T14:00:00.123Z"`) || !strings.Contains(body, `"data":{"a":1}`) {
		t.Errorf("evidence.json: %s", body)
	}
	_, _, body = do(h, ask("GET", incidentAt+"/events", "", ""))
	if want := `[{"at":"2026-11-21T14:00:00.123Z","kind":"opened","actor":"agent","text":"opened","data":{}}]` + "\n"; body != want {
		t.Errorf("events %s, want %s", body, want)
	}
	_, _, body = do(h, ask("GET", incidentAt+"/audit?after=4&limit=2", "", ""))
	record, _ := audit.Line(audit.Record{Seq: 5, At: start, Actor: "agent", Incident: known, Params: json.RawMessage("{}")})
	if want := "[" + string(record) + "]\n"; body != want {
		t.Errorf("audit %s, want %s", body, want)
	}
}

func TestListPassesTheFilterOn(t *testing.T) {
	t.Parallel()
	w := newWorld()
	h, _ := serve(t, w)
	code, _, body := do(h, ask("GET", "/api/v1/incidents?state=open,watching&service=api&environment=prod&since=2026-11-01T00:00:00Z&limit=7", "", ""))
	want := api.Filter{
		States: []incident.State{incident.Open, incident.Watching}, Environment: "prod", Service: "api",
		Since: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), Limit: 7,
	}
	if diff := cmp.Diff(want, w.filter); diff != "" || code != 200 {
		t.Errorf("status %d, filter (-want +got):\n%s", code, diff)
	}
	if !strings.Contains(body, `"cause":{"cause_class":"resource_exhaustion.connection_pool","component":"outbox-relay"`) {
		t.Errorf("list: %s", body)
	}
}

func TestDocumentsCanNotRunAnything(t *testing.T) {
	t.Parallel()
	h, _ := serve(t, newWorld())
	_, header, body := do(h, ask("GET", incidentAt+"/documents/postmortem", "", ""))
	if body != "# <script>alert(1)</script>\n" {
		t.Errorf("body %q is not the document as it was written", body)
	}
	for name, want := range map[string]string{
		"Content-Type": "text/markdown; charset=utf-8", "X-Content-Type-Options": "nosniff",
		"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
	} {
		if got := header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestEraseAudit(t *testing.T) {
	t.Parallel()
	erased := ""
	h, _ := serve(t, newWorld(), func(o *api.Options) {
		o.EraseAudit = func(_ context.Context, by string, e api.Erasure, reason string) (api.Erased, error) {
			erased = fmt.Sprintf("%s %+v %s", by, e, reason)
			return api.Erased{Texts: 3, Records: 2, Open: []string{}}, nil
		}
	})
	for name, tt := range map[string]struct {
		token, body string
		code        int
		want        string
	}{
		"a person":              {anaToken, `{"actor":"bo","keep_mentions":true,"reason":"17"}`, 200, "ana {Seq:0 Actor:bo KeepMentions:true} 17"},
		"a record":              {anaToken, `{"record":4,"reason":"17"}`, 200, "ana {Seq:4 Actor: KeepMentions:false} 17"},
		"the agent":             {anaToken, `{"actor":"agent","reason":"17"}`, 422, ""},
		"a rule":                {anaToken, `{"actor":"rule","reason":"17"}`, 422, ""},
		"no name":               {anaToken, `{"actor":" | ","reason":"17"}`, 422, ""},
		"both":                  {anaToken, `{"record":4,"actor":"bo","reason":"17"}`, 422, ""},
		"nothing":               {anaToken, `{"reason":"17"}`, 422, ""},
		"no reason":             {anaToken, `{"record":4}`, 422, ""},
		"nobody":                {"", `{"record":4,"reason":"17"}`, 401, ""},
		"a user who may not":    {boToken, `{"record":4,"reason":"17"}`, 403, ""},
		"a record before any":   {anaToken, `{"record":-4,"reason":"17"}`, 422, ""},
		"something else beside": {anaToken, `{"record":4,"reason":"17","all":true}`, 422, ""},
	} {
		erased = ""
		code, _, body := do(h, ask("POST", "/api/v1/audit/erase", tt.token, tt.body))
		if code != tt.code || erased != tt.want || code == 200 && strings.TrimSpace(body) != `{"texts":3,"records":2,"incidents":0,"other":0,"open":[]}` {
			t.Errorf("%s: %d %s, erased %q", name, code, body, erased)
		}
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	var down, note error
	started := false
	h, log := serve(t, newWorld(), func(o *api.Options) {
		o.Started = func() bool { return started }
		o.Notes = map[string]func(context.Context) error{"anchors": func(context.Context) error { return note }}
		o.Checks = map[string]func(context.Context) error{
			"store": func(context.Context) error { return down },
			"queue": func(context.Context) error { return nil },
		}
	})
	check := func(path string, code int, want string) {
		t.Helper()
		got, _, body := do(h, ask("GET", path, "", ""))
		if got != code || strings.TrimSpace(body) != want {
			t.Errorf("%s: %d %s, want %d %s", path, got, body, code, want)
		}
	}
	check("/health/startup", 503, `{"status":"failing","checks":{"startup":"not complete"}}`)
	started = true
	check("/health/startup", 200, `{"status":"ok"}`)
	check("/health/ready", 200, `{"status":"ok","checks":{"anchors":"ok","queue":"ok","store":"ok"}}`)
	down = errors.New("dial 10.0.0.7: refused")
	check("/health/ready", 503, `{"status":"failing","checks":{"anchors":"ok","queue":"ok","store":"failing"}}`)
	check("/health/live", 200, `{"status":"ok"}`)
	down, note = nil, errors.New("disk is full")
	check("/health/ready", 200, `{"status":"ok","checks":{"anchors":"failing","queue":"ok","store":"ok"}}`)
	if !strings.Contains(log.String(), "10.0.0.7") {
		t.Error("the log does not say why")
	}
}

func TestUsersAreRefused(t *testing.T) {
	t.Parallel()
	tests := map[string][]api.Credential{
		"a short token":   {{Name: "ana", Token: "short"}},
		"a reserved name": {{Name: "agent", Token: anaToken}},
		"no name":         {{Token: anaToken}},
		"a shared token":  {{Name: "ana", Token: anaToken}, {Name: "bo", Token: anaToken}},
	}
	for name, creds := range tests {
		_, err := api.NewUsers(creds)
		if err == nil {
			t.Errorf("%s was accepted", name)
		} else if strings.Contains(err.Error(), anaToken) {
			t.Errorf("%s: the error holds the token", name)
		}
	}
}
