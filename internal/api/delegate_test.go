package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDelegations(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		token, body string
		status      int
		want        string // the call; empty = none
	}{
		"a plan":            {anaToken, `{"text":"restart relay"}`, 200, `plan ana true ` + known + ` "restart relay" {     map[] 0s }`},
		"of no approver":    {boToken, `{"text":"restart relay"}`, 200, `plan bo false ` + known + ` "restart relay" {     map[] 0s }`},
		"in parts":          {anaToken, `{"action":"http.call","service":"relay","params":{"url":"http://a"},"watch":"10m"}`, 200, `plan ana true ` + known + ` "" { http.call  relay  map[url:http://a] 10m0s }`},
		"confirmed":         {anaToken, `{"text":"restart relay","confirm":true,"plan_sha256":"abcdef123456"}`, 200, `delegate ana true ` + known + ` "restart relay" {     map[] 0s } abcdef123456`},
		"without a plan":    {anaToken, `{"text":"restart relay","confirm":true}`, 422, ""},
		"twice":             {anaToken, `{"text":"restart relay","service":"relay"}`, 422, ""},
		"a watch that is 0": {anaToken, `{"action":"process.restart","service":"relay","watch":"soon"}`, 422, ""},
		"an unknown member": {anaToken, `{"text":"restart relay","force":true}`, 422, ""},
		"nobody":            {"", `{"text":"restart relay"}`, 401, ""},
		"a long text":       {anaToken, `{"text":"` + strings.Repeat("a", 501) + `"}`, 422, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			h, _ := serve(t, w)
			code, _, body := do(h, ask(http.MethodPost, incidentAt+"/delegations", tt.token, tt.body))
			var want []string
			if tt.want != "" {
				want = []string{tt.want}
			}
			if diff := cmp.Diff(want, w.calls); diff != "" || code != tt.status {
				t.Errorf("status %d, want %d: %s; calls (-want +got):\n%s", code, tt.status, body, diff)
			}
		})
	}
}

func TestATaskIsCancelled(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		token, body, path string
		status            int
		want              string
	}{
		"by a user":        {boToken, `{"reason":"it drains"}`, "del_1", 200, `cancel bo ` + known + ` del_1 "it drains"`},
		"nobody":           {"", `{"reason":"it drains"}`, "del_1", 401, ""},
		"without a reason": {anaToken, `{"reason":""}`, "del_1", 422, ""},
		"a path":           {anaToken, `{"reason":"x"}`, "..%2Fx", 422, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			h, _ := serve(t, w)
			code, _, body := do(h, ask(http.MethodPost, incidentAt+"/delegations/"+tt.path+"/cancel", tt.token, tt.body))
			var want []string
			if tt.want != "" {
				want = []string{tt.want}
			}
			if diff := cmp.Diff(want, w.calls); diff != "" || code != tt.status {
				t.Errorf("status %d, want %d: %s; calls (-want +got):\n%s", code, tt.status, body, diff)
			}
		})
	}
}
