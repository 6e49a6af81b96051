package api_test

import (
	"bufio"
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/api"
	"github.com/holdfast-sre/holdfast/internal/incident"
)

// liveServer serves w on a real socket and returns its address.
func liveServer(t *testing.T, w *world) (string, *http.Server) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	a := api.New(api.Options{Reader: w, Commands: w, Users: newUsers(t), Log: log, Look: time.Millisecond})
	mux := http.NewServeMux()
	a.Routes(mux)
	srv := api.NewServer(a.Guard(mux), a, log)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close(); <-done })
	return "http://" + l.Addr().String(), srv
}

// listen opens a stream; next returns its next non-empty block of lines.
func listen(t *testing.T, url, last string) (next func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	tr := &http.Transport{DisableKeepAlives: true}
	res, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("status %d, type %q", res.StatusCode, res.Header.Get("Content-Type"))
	}
	lines := bufio.NewScanner(res.Body)
	return func() string {
		var block []string
		for lines.Scan() {
			if lines.Text() == "" {
				return strings.Join(block, "\n")
			}
			block = append(block, lines.Text())
		}
		return "end"
	}
}

func TestAStreamTellsWhatIsNewAndNothingTwice(t *testing.T) {
	t.Parallel()
	w := newWorld()
	base, srv := liveServer(t, w)
	next := listen(t, base+incidentAt+"/stream", "")
	got := []string{next(), next()}
	w.mu.Lock()
	w.events = append(w.events, incident.Event{At: start, Kind: incident.EventNote, Actor: "ana", Text: "two\nlines"})
	w.inc.State, w.inc.Revision = incident.Mitigating, 2
	w.mu.Unlock()
	got = append(got, next(), next())
	want := []string{
		"event: event\nid: 1\n" + `data: {"at":"2026-11-21T14:00:00.123Z","kind":"opened","actor":"agent","text":"opened","data":{}}`,
		"event: state\n" + `data: {"state":"open","severity":"SEV-2","revision":1}`,
		"event: event\nid: 2\n" + `data: {"at":"2026-11-21T14:00:00.123Z","kind":"note","actor":"ana","text":"two\nlines","data":{}}`,
		"event: state\n" + `data: {"state":"mitigating","severity":"SEV-2","revision":2}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("stream (-want +got):\n%s", diff)
	}
	again := listen(t, base+incidentAt+"/stream", "1")
	if got := again(); got != want[2] {
		t.Errorf("after Last-Event-ID 1: %s", got)
	}

	// Shutting down ends the streams and does not wait for them to leave.
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	if got := next(); got != "end" {
		t.Errorf("after shutdown: %s", got)
	}
}

func TestAStreamOfNothingIsNotFound(t *testing.T) {
	t.Parallel()
	h, _ := serve(t, newWorld())
	if code, _, _ := do(h, ask("GET", "/api/v1/incidents/INC-2026-0009/stream", "", "")); code != http.StatusNotFound {
		t.Errorf("status %d", code)
	}
}
