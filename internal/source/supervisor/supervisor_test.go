package supervisor

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/change"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

func TestCollect(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer tok" {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		switch r.URL.Path {
		case "/processes":
			_, _ = w.Write([]byte(`[
				{"name":"relay-2","version":"1.4.2","revision":"abc","state":"running","pid":2,"started_at":"2026-01-02T11:58:00Z","restarts":1,"generation":"2-1"},
				{"name":"relay-1","version":"1.4.2","revision":"abc","state":"exited","pid":1,"started_at":"2026-01-02T11:00:00Z","restarts":0,"generation":"1-1"},
				{"name":"other","version":"1","state":"running"}]`))
		case "/changes":
			_, _ = w.Write([]byte(`[
				{"kind":"deploy","service":"relay-1","version":"1.4.2","previous":"1.4.1","revision":"abc","author":"ci","at":"2026-01-02T11:57:00Z"},
				{"kind":"deploy","service":"relay-1","version":"1.4.1","at":"2025-12-01T00:00:00Z"},
				{"kind":"deploy","service":"other","version":"1","at":"2026-01-02T11:00:00Z"}]`))
		}
	}))
	t.Cleanup(srv.Close)
	s, err := New(Options{Name: "sup", Environment: "demo", URL: srv.URL, Token: "tok"})
	if err != nil {
		t.Fatal(err)
	}
	relay := catalog.Service{Name: "relay", Targets: []catalog.Target{{Kind: "process", Name: "relay-1"}, {Kind: "process", Name: "relay-2"}}}
	req := evidence.Request{Environment: "demo", Services: []catalog.Service{relay, {Name: "nothing"}}, Now: time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)}
	items, err := s.Collect(t.Context(), req)
	if err != nil || len(items) != 2 {
		t.Fatalf("got %+v, error %v", items, err)
	}
	if want := "relay-1 1.4.2 exited for 1h0m0s, 0 restarts; relay-2 1.4.2 running for 2m0s, 1 restarts"; items[0].Summary != want {
		t.Errorf("summary is %q, want %q", items[0].Summary, want)
	}
	if want := "1 in the last 24 hours; latest: deploy of relay, 3m0s ago: relay 1.4.1 → 1.4.2"; items[1].Summary != want {
		t.Errorf("summary is %q, want %q", items[1].Summary, want)
	}
	got, err := evidence.Decode[evidence.Changes](items[1])
	if err != nil {
		t.Fatal(err)
	}
	want := []change.Change{{
		ID: got.Changes[0].ID, Kind: change.Deploy, Environment: "demo", Service: "relay", Version: "1.4.2", Previous: "1.4.1",
		Revision: "abc", Author: "ci", Summary: "relay-1 1.4.1 → 1.4.2", At: req.Now.Add(-3 * time.Minute), Runtime: true,
	}}
	if diff := cmp.Diff(want, got.Changes); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}

	req.Environment = "production"
	if items, err := s.Collect(t.Context(), req); len(items) != 0 || err != nil {
		t.Errorf("another environment got %+v, error %v", items, err)
	}
}
