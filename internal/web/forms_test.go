package web_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/api"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/web"
)

const boToken = "fedcba9876543210fedcba9876543210"

// desk notes what it is asked for; the rest of api.Commands is never asked.
type desk struct {
	api.Commands

	asked []string
	err   error
}

func (d *desk) note(what ...string) error {
	d.asked = append(d.asked, strings.Join(what, "|"))
	return d.err
}

func (d *desk) Acknowledge(_ context.Context, by, id string) error { return d.note("ack", by, id) }

func (d *desk) SetCommander(_ context.Context, by, id, who string) error {
	return d.note("commander", by, id, who)
}

func (d *desk) Approve(_ context.Context, by, id, proposal, plan string) error {
	return d.note("approve", by, id, proposal, plan)
}

func (d *desk) Reject(_ context.Context, by, id, proposal, reason string) error {
	return d.note("reject", by, id, proposal, reason)
}

func (d *desk) CancelDelegation(_ context.Context, by, id, delegation, reason string) error {
	return d.note("cancel", by, id, delegation, reason)
}

func (d *desk) Grade(_ context.Context, by, id string, j api.Judgement) error {
	return d.note("grade", by, id, string(j.Grade), j.Runbook, j.Comment)
}

// front is the pages over the real API, with its guard, for an incident with a task in
// every state.
func front(t *testing.T, d *desk, now func() time.Time) http.Handler {
	t.Helper()
	users, err := api.NewUsers([]api.Credential{{Name: "ana", Approver: true, Token: secretToken}, {Name: "bo", Token: boToken}})
	if err != nil {
		t.Fatal(err)
	}
	l := fixture()
	for _, s := range []incident.DelegationState{incident.DelegationWaiting, incident.DelegationRunning, incident.DelegationWatching, incident.DelegationReported, incident.DelegationRefused} {
		l.view.Delegations = append(l.view.Delegations, incident.DelegationView{ID: "del_" + string(s), Task: "restart " + string(s), By: "bo", State: s})
	}
	door := api.New(api.Options{Commands: d, Users: users, Log: slog.New(slog.DiscardHandler)})
	mux := http.NewServeMux()
	door.Routes(mux)
	w, err := web.New(web.Options{Reader: l, Log: slog.New(slog.DiscardHandler), Now: now, API: mux})
	if err != nil {
		t.Fatal(err)
	}
	w.Routes(mux)
	return door.Guard(mux)
}

// send sends a form, or asks for its address when form is nil.
func send(t *testing.T, h http.Handler, path string, form url.Values, edit ...func(*http.Request)) (*http.Response, string) {
	t.Helper()
	method := http.MethodPost
	if form == nil {
		method = http.MethodGet
	}
	r := httptest.NewRequest(method, "http://127.0.0.1:8080"+path, strings.NewReader(form.Encode()))
	r.RemoteAddr = "127.0.0.1:1"
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, e := range edit {
		e(r)
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	res := rec.Result()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

// acts are the forms of the page, with what they come to.
func acts() map[string]struct {
	path, asked, said string
	form              url.Values
} {
	const at = "/incidents/" + known
	return map[string]struct {
		path, asked, said string
		form              url.Values
	}{
		"acknowledge": {at + "/acknowledge", "ack|ana|" + known, "Acknowledged.", url.Values{}},
		"command":     {at + "/commander", "commander|ana|" + known + "|ana", "You command this incident now.", url.Values{}},
		"approve":     {at + "/proposals/prop_1/approve", "approve|ana|" + known + "|prop_1|0f3a9c77aa10", "Your approval is recorded.", url.Values{"plan_sha256": {"0f3a9c77aa10"}}},
		"reject":      {at + "/proposals/prop_1/reject", "reject|ana|" + known + "|prop_1|not <now>", "Rejected.", url.Values{"reason": {" not <now> "}}},
		"cancel":      {at + "/delegations/del_watching/cancel", "cancel|ana|" + known + "|del_watching|enough", "The task is ended.", url.Values{"reason": {"enough"}}},
		"grade":       {at + "/grade", "grade|ana|" + known + "|wrong||it was the broker", "Your grade is recorded.", url.Values{"grade": {"wrong"}, "runbook": {""}, "comment": {"it was the broker"}}},
	}
}

func TestFormsActAsThePersonWhoseTokenTheyHave(t *testing.T) {
	t.Parallel()
	for name, tt := range acts() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &desk{}
			h := front(t, d, func() time.Time { return noon })
			if _, body := send(t, h, "/incidents/"+known, nil); !strings.Contains(body, `action="`+tt.path+`"`) && !strings.Contains(body, `formaction="`+tt.path+`"`) {
				t.Errorf("the page has no form for %s", tt.path)
			}
			tt.form.Set("token", secretToken)
			res, _ := send(t, h, tt.path, tt.form)
			if res.StatusCode != http.StatusSeeOther {
				t.Fatalf("status %d", res.StatusCode)
			}
			if len(d.asked) != 1 || d.asked[0] != tt.asked {
				t.Errorf("asked %q, want %q", d.asked, tt.asked)
			}
			to := res.Header.Get("Location")
			if !strings.HasPrefix(to, "/incidents/"+known+"?said=") || strings.Contains(to, secretToken) {
				t.Errorf("leads to %q", to)
			}
			if _, body := send(t, h, to, nil); !strings.Contains(body, `role="status"><strong>`+tt.said) {
				t.Errorf("the page does not say %q", tt.said)
			}
		})
	}
}

// TestFormsDoNothingWithoutACredential sends every form in every way that must not
// change anything.
func TestFormsDoNothingWithoutACredential(t *testing.T) {
	t.Parallel()
	header := func(key, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(key, value) }
	}
	tests := map[string]struct {
		token  string
		get    bool
		edit   func(*http.Request)
		status int
	}{
		"no token":             {status: 401},
		"blank token":          {token: " ", status: 401},
		"wrong token":          {token: "wrong-" + secretToken, status: 401},
		"token in the address": {edit: func(r *http.Request) { r.URL.RawQuery = "token=" + secretToken }, status: 401},
		"token in a header":    {edit: header("Authorization", "Bearer "+secretToken), status: 401},
		"token in a cookie":    {edit: header("Cookie", "token="+secretToken), status: 401},
		"another site":         {token: secretToken, edit: header("Sec-Fetch-Site", "cross-site"), status: 403},
		"another origin":       {token: secretToken, edit: header("Origin", "https://evil.example"), status: 403},
		"another machine":      {token: secretToken, edit: func(r *http.Request) { r.RemoteAddr = "10.0.0.9:1" }, status: 401},
		"another name":         {token: secretToken, edit: func(r *http.Request) { r.Host = "evil.example" }, status: 421},
		"not a form":           {token: secretToken, edit: header("Content-Type", "text/plain"), status: 401},
		"get":                  {get: true, edit: func(r *http.Request) { r.URL.RawQuery = "token=" + secretToken + "&reason=x&plan_sha256=0f3a9c77aa10" }, status: 405},
	}
	d := &desk{}
	h := front(t, d, func() time.Time { return noon }) // one: making the API is most of the work
	for name, tt := range tests {
		for act, a := range acts() {
			t.Run(name+"/"+act, func(t *testing.T) {
				d.asked = nil
				form := a.form
				if tt.token != "" {
					form.Set("token", tt.token)
				}
				if tt.get {
					form = nil
				}
				var edits []func(*http.Request)
				if tt.edit != nil {
					edits = append(edits, tt.edit)
				}
				res, body := send(t, h, a.path, form, edits...)
				if res.StatusCode != tt.status {
					t.Errorf("status %d, want %d", res.StatusCode, tt.status)
				}
				if len(d.asked) > 0 {
					t.Errorf("did %q", d.asked)
				}
				if strings.Contains(body, secretToken) || res.Header.Get("Location") != "" {
					t.Errorf("leads to %q, or shows the token", res.Header.Get("Location"))
				}
			})
		}
	}
}

func TestFormsSayWhyNothingWasDone(t *testing.T) {
	t.Parallel()
	const at = "/incidents/" + known
	tests := map[string]struct {
		err    error
		path   string
		form   url.Values
		status int
		want   []string
	}{
		"no token": {
			path: at + "/proposals/prop_1/reject", form: url.Values{"reason": {`"<b>later`}}, status: 401,
			want: []string{`role="alert"><strong>Not done: a valid API token is needed.`, `id="reject-prop_1" open`, `value="&#34;&lt;b&gt;later"`, `id="approve-prop_1">`},
		},
		"not an approver": {path: at + "/proposals/prop_1/approve", form: url.Values{"plan_sha256": {"0f3a9c77aa10"}, "token": {boToken}}, status: 403, want: []string{"Not done: user bo may not approve.", `id="approve-prop_1" open`}},
		"no reason":       {path: at + "/delegations/del_waiting/cancel", form: url.Values{"token": {boToken}}, status: 422, want: []string{"reason", `id="cancel-del_waiting" open`}},
		"moved on":        {err: fmt.Errorf("the plan is another one by now: %w", api.ErrConflict), path: at + "/proposals/prop_1/approve", form: url.Values{"plan_sha256": {"0f3a9c77aa1f"}, "token": {secretToken}}, status: 409, want: []string{"Not done: approve prop_1: the plan is another one by now", "Look at the incident again: it has moved on."}},
		"no proposal":     {err: fmt.Errorf("proposal: %w", api.ErrNotFound), path: at + "/proposals/prop_9/approve", form: url.Values{"plan_sha256": {"0f3a9c77aa10"}, "token": {secretToken}}, status: 404, want: []string{"Not done: approve prop_9: proposal: not found."}},
		"no incident":     {err: api.ErrNotFound, path: "/incidents/INC-2026-9999/acknowledge", form: url.Values{"token": {secretToken}}, status: 404, want: []string{"There is no incident of this name."}},
		"no such form":    {path: at + "/proposals/..%2f..%2facknowledge/approve", form: url.Values{"plan_sha256": {"0f3a9c77aa10"}, "token": {secretToken}}, status: 422, want: []string{"Not done: "}},
		"the store":       {err: api.ErrUnavailable, path: at + "/acknowledge", form: url.Values{"token": {secretToken}}, status: 503, want: []string{"<strong>The store does not answer.</strong> Try again in a moment."}},
		"broken":          {err: fmt.Errorf("password=hunter2"), path: at + "/acknowledge", form: url.Values{"token": {secretToken}}, status: 500, want: []string{"Internal error."}},
		"too large":       {path: at + "/grade", form: url.Values{"token": {secretToken}, "comment": {strings.Repeat("a", 20<<10)}}, status: 400, want: []string{"the form can&#39;t be read"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res, body := send(t, front(t, &desk{err: tt.err}, func() time.Time { return noon }), tt.path, tt.form)
			if res.StatusCode != tt.status {
				t.Errorf("status %d, want %d", res.StatusCode, tt.status)
			}
			for _, want := range tt.want {
				if !strings.Contains(body, want) {
					t.Errorf("the page lacks %q", want)
				}
			}
			for _, never := range []string{"hunter2", secretToken, boToken} {
				if strings.Contains(body, never) {
					t.Errorf("the page has %q", never)
				}
			}
		})
	}
}

// TestNoLinkSaysThatSomethingWasDone follows what others could write into an address.
func TestNoLinkSaysThatSomethingWasDone(t *testing.T) {
	t.Parallel()
	now := noon
	h := front(t, &desk{}, func() time.Time { return now })
	res, _ := send(t, h, "/incidents/"+known+"/acknowledge", url.Values{"token": {secretToken}})
	good := res.Header.Get("Location")
	says := func(address string) bool {
		_, body := send(t, h, address, nil)
		return strings.Contains(body, `class="notice done"`)
	}
	if !says(good) {
		t.Fatalf("%s says nothing", good)
	}
	for _, bad := range []string{
		strings.Replace(good, "acknowledge.", "approve.", 1), good + "A", "/incidents/" + known + "?said=acknowledge", "/incidents/" + known + "?said=a.b.c",
	} {
		if says(bad) {
			t.Errorf("%s says that something was done", bad)
		}
	}
	now = noon.Add(3 * time.Minute)
	if says(good) {
		t.Error("it says so for ever")
	}
	other := front(t, &desk{}, func() time.Time { return noon })
	if _, body := send(t, other, good, nil); strings.Contains(body, `class="notice done"`) {
		t.Error("another server's word is believed")
	}
}

func TestATaskCanBeEndedWhileItWaitsOrIsWatched(t *testing.T) {
	t.Parallel()
	_, body := send(t, front(t, &desk{}, func() time.Time { return noon }), "/incidents/"+known, nil)
	for state, want := range map[incident.DelegationState]bool{
		incident.DelegationWaiting: true, incident.DelegationWatching: true,
		incident.DelegationRunning: false, incident.DelegationReported: false, incident.DelegationRefused: false,
	} {
		if got := strings.Contains(body, "/delegations/del_"+string(state)+"/cancel"); got != want {
			t.Errorf("a task that is %s can be ended: %t, want %t", state, got, want)
		}
	}
}
