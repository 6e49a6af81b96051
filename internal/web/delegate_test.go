package web_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/web"
)

const secretToken = "0123456789abcdef0123456789abcdef"

// post sends the form of a task and returns the answer.
func post(t *testing.T, d web.Delegate, form url.Values, edit ...func(*http.Request)) (*http.Response, string) {
	t.Helper()
	h, _ := serve(t, fixture(), func(o *web.Options) { o.Delegate = d })
	r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:8080/incidents/INC-2026-0001/delegate", strings.NewReader(form.Encode()))
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

func task(text, plan string) url.Values {
	return url.Values{"task": {text}, "plan": {plan}, "token": {secretToken}}
}

func TestATaskIsShownAndConfirmedWithoutScript(t *testing.T) {
	t.Parallel()
	var calls []string
	d := func(_ context.Context, token, id, text, plan string) (incident.DelegationPlan, error) {
		calls = append(calls, strings.Join([]string{token, id, text, plan}, "|"))
		return incident.DelegationPlan{
			Incident: id, Task: text, State: incident.DelegationEchoed, Does: "restart worker (pid 12)", Action: "process.restart",
			Service: "worker", Approvers: 1, YouCount: true, PlanSHA256: "abcdef123456", Notes: []string{"<script>alert(1)</script>"},
		}, nil
	}
	res, body := post(t, d, task(`restart worker"><img src=x>`, ""))
	if res.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %s", res.StatusCode, body)
	}
	for _, want := range []string{"restart worker (pid 12)", "your confirmation is one", `name="plan" value="abcdef123456"`, "Nothing has been done yet", "outside approved runbooks"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, never := range []string{secretToken, "<img", "<script>alert"} {
		if strings.Contains(body, never) {
			t.Errorf("the page has %q", never)
		}
	}
	res, _ = post(t, d, task("restart worker", "abcdef123456"))
	if res.StatusCode != http.StatusSeeOther || !strings.HasPrefix(res.Header.Get("Location"), "/incidents/INC-2026-0001?said=task.") {
		t.Errorf("confirmed: %d to %q", res.StatusCode, res.Header.Get("Location"))
	}
	if len(calls) != 2 || calls[1] != secretToken+"|INC-2026-0001|restart worker|abcdef123456" {
		t.Errorf("asked %q", calls)
	}
}

func TestATaskThatIsRefusedSaysWhy(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		err    error
		edit   func(*http.Request)
		form   url.Values
		status int
		want   string
	}{
		"not understood": {err: &problem.Problem{What: `"<b>" is not understood`, Hint: "say restart"}, status: 422, want: "&lt;b&gt;&#34; is not understood"},
		"unknown":        {err: &web.RefusedError{Status: 404, Problem: problem.Problem{What: "there is no incident of this name"}}, status: 404, want: "There is no incident of this name."},
		"moved on":       {err: &web.RefusedError{Status: 409, Problem: problem.Problem{What: "the plan is another one by now", Hint: "show it once more"}}, status: 409, want: "<strong>The plan is another one by now.</strong> Show it once more."},
		"broken":         {err: errors.New("password=hunter2"), status: 503, want: "The store does not answer"},
		"from elsewhere": {edit: func(r *http.Request) { r.RemoteAddr = "10.0.0.9:1" }, status: 401, want: "on the server&#39;s own machine only"},
		"too large":      {form: task(strings.Repeat("a", 20<<10), ""), status: 400, want: "can&#39;t be read"},
		"never executed": {status: 200, want: "Holdfast does not do this, whoever asks."},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			form := tt.form
			if form == nil {
				form = task("restart worker", "")
			}
			var edits []func(*http.Request)
			if tt.edit != nil {
				edits = append(edits, tt.edit)
			}
			res, body := post(t, func(context.Context, string, string, string, string) (incident.DelegationPlan, error) {
				return incident.DelegationPlan{Action: "process.restart", Does: "restart worker", Approvers: -1, Why: "the action may lose data"}, tt.err
			}, form, edits...)
			if res.StatusCode != tt.status || !strings.Contains(body, tt.want) || strings.Contains(body, "hunter2") || strings.Contains(body, secretToken) {
				t.Errorf("status %d, want %d with %q: %s", res.StatusCode, tt.status, tt.want, body)
			}
		})
	}
}

func TestTheRoomListsTasksAndTakesOne(t *testing.T) {
	t.Parallel()
	l := fixture()
	l.view.Delegations = []incident.DelegationView{{Task: "restart <b>worker</b>", By: "ana", State: incident.DelegationRefused, Why: "the agent is paused"}}
	h, _ := serve(t, l)
	_, _, body := page(h, "/incidents/"+known)
	if !strings.Contains(body, "Task: restart &lt;b&gt;worker&lt;/b&gt; · <strong>refused</strong>: the agent is paused") || strings.Contains(body, "/delegate") {
		t.Error("the room does not list the task, or has a form that leads nowhere")
	}
	h, _ = serve(t, l, func(o *web.Options) {
		o.Delegate = func(context.Context, string, string, string, string) (incident.DelegationPlan, error) {
			return incident.DelegationPlan{}, nil
		}
	})
	if _, _, body = page(h, "/incidents/"+known); !strings.Contains(body, `<form class="confirm ask" method="post" action="/incidents/`+known+`/delegate">`) {
		t.Error("the room has no form")
	}
}
