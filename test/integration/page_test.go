//go:build integration

package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/api"
	"github.com/holdfast-sre/holdfast/internal/audit"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/web"
	"github.com/holdfast-sre/holdfast/test/servers"
)

// steps does in a browser what a person does: it waits for the page to change
// by itself, approves in two steps, and reports what it saw.
const steps = `<!doctype html><meta charset="utf-8"><script>
const until = async (what, ok) => {
  for (let i = 0; i < 200; i++) { try { const v = ok(); if (v) return v; } catch {} await new Promise((r) => setTimeout(r, 50)); }
  throw new Error("never: " + what);
};
(async () => {
  const saw = [];
  try {
    const w = window.open("/incidents/INC-2026-0001");
    const find = (s) => w.document.querySelector(s);
    await until("script runs", () => find("time[title]") && find("time[title]").title);
    saw.push("script runs under the policy");
    w.same = true;
    find("#approve-prop_1").open = true;
    find("#approve-prop_1 > summary").focus();
    await fetch("/poke", { method: "POST" });
    await until("refresh", () => find(".timeline").textContent.includes("something new"));
    saw.push(w.same ? "refreshed in place" : "reloaded");
    saw.push(find("#approve-prop_1").open ? "what was open stays open" : "closed");
    saw.push(w.document.activeElement === find("#approve-prop_1 > summary") ? "the keyboard stays where it was" : "the keyboard starts over");
    find("[data-plan]").click();
    await until("dialog", () => find("#token").open);
    saw.push("asks for a token");
    find("#token-value").value = "wrong-0123456789abcdef0123456789abcdef";
    find("#token button.primary").click();
    await until("refusal", () => find("#say").textContent.includes("a valid token is needed"));
    saw.push("a wrong token is refused");
    await until("button", () => !find("[data-plan]").disabled);
    find("[data-plan]").click();
    await until("dialog", () => find("#token").open);
    find("#token-value").value = "ana-0123456789abcdef0123456789abcdef";
    find("#token button.primary").click();
    await until("answer", () => find("#say").textContent === "Done.");
    saw.push("approved");
    await until("decided", () => !find("[data-plan]"));
    saw.push("nothing is left to press");
  } catch (e) { saw.push(String(e)); }
  await fetch("/report", { method: "POST", body: JSON.stringify(saw) });
})();
</script>`

// TestThePageLivesInABrowser is the page's script, under its policy, against
// the real API.
func TestThePageLivesInABrowser(t *testing.T) {
	t.Parallel()
	w := newPageWorld()
	log := slog.New(slog.DiscardHandler)
	users, err := api.NewUsers([]api.Credential{{Name: "ana", Approver: true, Token: "ana-0123456789abcdef0123456789abcdef"}})
	if err != nil {
		t.Fatal(err)
	}
	door := api.New(api.Options{Reader: w, Commands: w, Users: users, Log: log, Look: 20 * time.Millisecond})
	pages, err := web.New(web.Options{Reader: w, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	report := make(chan []string, 1)
	mux := http.NewServeMux()
	door.Routes(mux)
	pages.Routes(mux)
	mux.HandleFunc("GET /steps", func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Cross-Origin-Opener-Policy", "same-origin") // as the pages, or the two could not see each other
		_, _ = io.WriteString(rw, steps)
	})
	mux.HandleFunc("POST /poke", func(http.ResponseWriter, *http.Request) {
		w.add(incident.Event{At: time.Now(), Kind: incident.EventNote, Actor: "bo", Text: "something new"})
	})
	mux.HandleFunc("POST /report", func(_ http.ResponseWriter, r *http.Request) {
		var saw []string
		if err := json.NewDecoder(r.Body).Decode(&saw); err != nil {
			saw = []string{err.Error()}
		}
		report <- saw
	})
	srv := httptest.NewServer(door.Guard(mux))
	defer srv.Close()
	defer door.EndStreams()
	servers.Browse(t, srv.URL+"/steps")
	select {
	case saw := <-report:
		want := []string{
			"script runs under the policy", "refreshed in place", "what was open stays open", "the keyboard stays where it was", "asks for a token",
			"a wrong token is refused", "approved", "nothing is left to press",
		}
		if diff := cmp.Diff(want, saw); diff != "" {
			t.Errorf("the browser saw (-want +got):\n%s", diff)
		}
	case <-time.After(time.Minute):
		t.Fatal("the browser reported nothing")
	}
	if want := []string{"ana INC-2026-0001 prop_1 0f3a9c77"}; !slices.Equal(w.approved, want) {
		t.Errorf("approved %v, want %v", w.approved, want)
	}
}

// pageWorld is one incident with one proposal, in memory.
type pageWorld struct {
	api.Commands // what is not named below is not pressed

	mu       sync.Mutex
	parts    incident.Parts
	approved []string
}

func newPageWorld() *pageWorld {
	now := time.Now()
	return &pageWorld{parts: incident.Parts{
		Incident: incident.Incident{ID: "INC-2026-0001", Title: "x", State: incident.Mitigating, Severity: severity.SEV2, StartedAt: now, Revision: 1},
		Proposals: []incident.Proposal{{
			ID: "prop_1", State: incident.Waiting, Executable: true, Option: "restart", PlanSHA: "0f3a9c77", Approvers: 1,
			Action: action.Action{Name: "process.restart", Target: catalog.Target{Environment: "e", Kind: "process", Name: "p"}},
		}},
		Events: []incident.Event{{At: now, Kind: incident.EventOpened, Actor: incident.ActorAgent, Text: "opened"}},
	}}
}

func (w *pageWorld) add(e incident.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.parts.Events = append(w.parts.Events, e)
}

func (w *pageWorld) Approve(_ context.Context, by, id, proposal, plan string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.approved = append(w.approved, fmt.Sprint(by, " ", id, " ", proposal, " ", plan))
	w.parts.Proposals = slices.Clone(w.parts.Proposals)
	w.parts.Proposals[0].State = incident.Approved
	w.parts.Incident.Revision++
	return nil
}

func (w *pageWorld) Incident(context.Context, string) (incident.View, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return incident.NewView(w.parts), nil
}

func (w *pageWorld) Mark(context.Context, string) (api.Mark, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return api.Mark{Revision: w.parts.Incident.Revision, Events: len(w.parts.Events)}, nil
}

func (w *pageWorld) Events(context.Context, string) ([]incident.Event, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.parts.Events), nil
}

func (w *pageWorld) Evidence(context.Context, string) ([]evidence.Item, error) { return nil, nil }

func (w *pageWorld) Waiting(context.Context, []string) (map[string][]incident.Proposal, error) {
	return nil, nil
}

func (w *pageWorld) Latest(context.Context, int) ([]incident.Incident, error) { return nil, nil }

func (w *pageWorld) Incidents(context.Context, api.Filter) ([]incident.Incident, error) {
	return nil, nil
}

func (w *pageWorld) Document(context.Context, string, string) (string, []byte, error) {
	return "", nil, api.ErrNotFound
}

func (w *pageWorld) Audit(context.Context, string, int64, int) ([]audit.Record, error) {
	return nil, nil
}

func (w *pageWorld) Paused(context.Context) (api.Pause, error) { return api.Pause{}, nil }
