package web_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/autonomy"
	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/web"
)

func TestAutonomyPageShowsWhatIsEarnedAndWhatIsMissing(t *testing.T) {
	t.Parallel()
	key := autonomy.Key{Runbook: "pool-stuck", Service: "outbox-relay", Environment: "prod"}
	var entries []autonomy.Entry
	var grades []autonomy.Graded
	for i, g := range []autonomy.Grade{autonomy.Right, autonomy.Right, autonomy.OneHopOff, autonomy.Right, ""} {
		id, when := "INC-2026-000"+string(rune('1'+i)), at(-time.Duration(10-i)*24*time.Hour)
		entries = append(entries, autonomy.Entry{Key: key, Incident: id, RunbookSHA: "aa", Kind: autonomy.WouldAct, At: when})
		if g != "" {
			grades = append(grades, autonomy.Graded{Incident: id, Runbook: key.Runbook, Grade: g, By: "ana", At: when.Add(time.Hour), Comment: "<script>alert(1)</script>"})
		}
	}
	byHand := key
	byHand.Service = "search"
	standings := func(context.Context) ([]autonomy.Standing, error) {
		return []autonomy.Standing{
			autonomy.Assess(key, "aa", entries, grades, noon),
			autonomy.Assess(byHand, "aa", nil, nil, noon).Under(boundary.Grant{Stage: boundary.Auto, Override: true, By: "platform", Reason: "rehearsed"}),
		}, nil
	}
	h, _ := serve(t, fixture(), func(o *web.Options) { o.Standings = standings })
	status, _, body := page(h, "/autonomy")
	if status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	for _, want := range []string{
		`aria-label="1 of 5 towards approve"`, "one hop off by ana", "INC-2026-0003", "would have acted", "not graded", "set by hand", "by platform: rehearsed",
		"4 more cases graded right", "&lt;script&gt;",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q on the page", want)
		}
	}
	if n := strings.Count(body, `<i class="done">`); n != 1 {
		t.Errorf("%d boxes are filled, want 1", n)
	}
	if strings.Contains(body, "<script>alert") {
		t.Error("a comment became markup")
	}
}

func TestTheRoomAsksForAGrade(t *testing.T) {
	t.Parallel()
	for _, state := range []incident.State{incident.Mitigating, incident.Resolved, incident.Merged} {
		l := fixture()
		l.view.State, l.view.MergedInto = state, ""
		if state == incident.Merged {
			l.view.MergedInto = "INC-2026-0001"
		}
		h, _ := serve(t, l)
		_, _, body := page(h, "/incidents/"+known)
		right := strings.Contains(body, `<option value="right">`)
		asks := strings.Contains(body, `data-post="/api/v1/incidents/`+known+`/grade"`)
		if want := state == incident.Resolved; right != want {
			t.Errorf("%s: right is offered: %v, want %v", state, right, want)
		}
		if want := state != incident.Merged; asks != want {
			t.Errorf("%s: a grade is asked for: %v, want %v", state, asks, want)
		}
	}
}
