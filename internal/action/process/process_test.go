package process

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/catalog"
)

func restart(name string) action.Action {
	return action.Action{Name: Name, Target: catalog.Target{Environment: "test", Kind: "process", Name: name}}
}

func token() (string, error) { return "s3cret", nil }

// supervisor answers the routes of a real one for a single process "relay".
func supervisor(t *testing.T, routes map[string]http.HandlerFunc) *Restarter {
	t.Helper()
	mux := http.NewServeMux()
	for pattern, h := range routes {
		mux.HandleFunc(pattern, h)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer s3cret" {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	return New(srv.URL, token, srv.Client())
}

func listing(generation string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode([]map[string]any{{"name": "relay", "state": "running", "pid": 7, "generation": generation}})
	}
}

func TestDoSendsTheKeyAndTellsThePids(t *testing.T) {
	t.Parallel()
	var key string
	r := supervisor(t, map[string]http.HandlerFunc{"POST /processes/relay/restart": func(w http.ResponseWriter, req *http.Request) {
		key = req.Header.Get("Idempotency-Key")
		_, _ = w.Write([]byte(`{"old_pid":7,"new_pid":9}`))
	}})
	got, err := r.Do(t.Context(), restart("relay"), "act_1")
	if err != nil || got != "pid 7 → 9" || key != "act_1" {
		t.Errorf("Do = %q, %v with key %q; want pid 7 → 9 with key act_1", got, err, key)
	}
}

func TestDoIsUnknownOnlyAfterTheRequestLeft(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + l.Addr().String()
	_ = l.Close()
	if _, err := New(closed, token, http.DefaultClient).Do(t.Context(), restart("relay"), "k"); err == nil || errors.Is(err, action.ErrUnknownOutcome) {
		t.Errorf("nobody listens: got %v, want a certain failure", err)
	}
	hangs := supervisor(t, map[string]http.HandlerFunc{"POST /processes/relay/restart": func(_ http.ResponseWriter, req *http.Request) {
		<-req.Context().Done()
	}})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := hangs.Do(ctx, restart("relay"), "k"); !errors.Is(err, action.ErrUnknownOutcome) {
		t.Errorf("no answer: got %v, want an unknown outcome", err)
	}
	refuses := supervisor(t, map[string]http.HandlerFunc{"POST /processes/relay/restart": func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no such process", http.StatusNotFound)
	}})
	if _, err := refuses.Do(t.Context(), restart("relay"), "k"); err == nil || errors.Is(err, action.ErrUnknownOutcome) {
		t.Errorf("refused: got %v, want a certain failure", err)
	}
}

func TestSettleReadsTheTargetAndNeverGuesses(t *testing.T) {
	t.Parallel()
	missing := func(w http.ResponseWriter, _ *http.Request) { http.NotFound(w, nil) }
	known := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"old_pid":7,"new_pid":9}`)) }
	failed := func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"state":"failed","error":"no such file"}`))
	}
	broken := func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "boom", http.StatusInternalServerError) }
	tests := map[string]struct {
		operation  http.HandlerFunc
		generation string
		want       action.State
		wantErr    bool
	}{
		"the key is known":                     {known, "g2", action.Done, false},
		"the key is known to have failed":      {failed, "g2", action.Failed, false},
		"the key is unknown, same process":     {missing, "g1", action.Failed, false},
		"the key is unknown, another process":  {missing, "g2", action.Unknown, false},
		"the supervisor can't answer properly": {broken, "g1", action.Unknown, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := supervisor(t, map[string]http.HandlerFunc{"GET /operations/act_1": tc.operation, "GET /processes": listing(tc.generation)})
			got, _, err := r.Settle(t.Context(), action.Intent{ID: "act_1", Action: restart("relay"), Generation: "g1"})
			if got != tc.want || (err != nil) != tc.wantErr {
				t.Errorf("Settle = %s, %v; want %s", got, err, tc.want)
			}
		})
	}
}

func TestDryRunNamesTheProcessOrRefuses(t *testing.T) {
	t.Parallel()
	r := supervisor(t, map[string]http.HandlerFunc{"GET /processes": listing("g1")})
	if got, err := r.DryRun(t.Context(), restart("relay")); err != nil || !strings.Contains(got, "relay (pid 7") {
		t.Errorf("DryRun = %q, %v", got, err)
	}
	if _, err := r.DryRun(t.Context(), restart("nobody")); err == nil {
		t.Error("DryRun of an unknown process: want an error")
	}
}
