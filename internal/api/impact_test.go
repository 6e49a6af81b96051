package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/holdfast-sre/holdfast/internal/api"
	"github.com/holdfast-sre/holdfast/internal/knowledge/impact"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

func TestImpact(t *testing.T) {
	t.Parallel()
	answer := func(ctx context.Context, subject, action string) (impact.Report, error) {
		switch subject {
		case "nowhere":
			return impact.Report{}, &problem.Problem{What: `nothing is known about "nowhere"`, Hint: "did you mean?"}
		case "busy":
			return impact.Report{}, api.ErrUnavailable
		case "broken":
			return impact.Report{}, errors.New("dial 10.0.0.7")
		}
		return impact.Analyse(ctx, impact.Input{Subject: subject, Action: impact.ParseAction(action), Calls: []impact.Call{{From: "shop", To: subject, Seen: "jaeger"}}, Now: start})
	}
	h, _ := serve(t, newWorld(), func(o *api.Options) { o.Impacts = answer })
	code, head, body := do(h, ask("GET", "/api/v1/impact?subject=shop-db&action=restart+5+min", "", ""))
	var r impact.Report
	if err := json.Unmarshal([]byte(body), &r); err != nil || code != http.StatusOK || head.Get("Content-Type") != jsonType {
		t.Fatalf("%d %s: %v", code, body, err)
	}
	if len(r.Services) != 2 || r.Services[1].Name != "shop" || r.Downtime.Seconds != 300 || len(r.Undeclared) != 1 {
		t.Errorf("got %s", body)
	}
	for subject, want := range map[string]struct {
		code int
		text string
	}{
		"":                       {http.StatusUnprocessableEntity, "subject"},
		strings.Repeat("x", 201): {http.StatusUnprocessableEntity, "200"},
		"nowhere":                {http.StatusUnprocessableEntity, `did you mean?`},
		"busy":                   {http.StatusServiceUnavailable, "try again"},
		"broken":                 {http.StatusInternalServerError, "internal error"},
	} {
		code, _, body := do(h, ask("GET", "/api/v1/impact?subject="+subject, "", ""))
		if code != want.code || !strings.Contains(body, want.text) || strings.Contains(body, "10.0.0.7") {
			t.Errorf("%.20q: %d %s", subject, code, body)
		}
	}
}
