package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/knowledge/impact"
	"github.com/holdfast-sre/holdfast/internal/redact"
	"github.com/holdfast-sre/holdfast/internal/source/prometheus"
)

// A reader who leaves while the sources are asked must not leave an answer without
// them to the next one.
func TestImpactOfAReaderWhoLeftIsNotKept(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{})
	var left atomic.Bool
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !left.Swap(true) {
			close(asked)
			<-r.Context().Done()
			return
		}
		fmt.Fprint(w, `{"data":[]}`)
	}))
	defer srv.Close()
	cat, err := catalog.New(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	live := &sources{prometheus: map[string]*prometheus.Source{}, ready: map[string]func(context.Context) error{}}
	if err := live.add(config.Source{Name: "jaeger", Type: config.Jaeger, URL: srv.URL}, cat, nil); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "docs")
	write(t, filepath.Join(dir, "ADR-001.md"), "# ADR-001: X\n\n**Service**: booking-api\n")
	i := newImpacts(live, config.Folder{Catalog: cat, Boundaries: new(boundary.Set)}, newTestLibrary(t, t.TempDir(), dir), nil)
	if _, err := i.input(t.Context()); err != nil { // the documents are read
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if _, err := i.Impact(ctx, "booking-api", ""); !errors.Is(err, context.Canceled) {
		t.Errorf("who left got %v", err)
	}
	r, err := i.Impact(t.Context(), "booking-api", "")
	if err != nil || strings.Contains(strings.Join(r.Missing, "\n"), "cancel") {
		t.Errorf("the next one: %q, %v", r.Missing, err)
	}
}

// What the server and the command answer went through the rules of the
// configuration.
func TestImpactHoldsNoSecret(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "docs")
	write(t, filepath.Join(dir, "ADR-001.md"), "# ADR-001: X\n\n**Service**: booking-api\n\nThe table booking_outbox has a replica with password=hunter2secret and {\"db_password\":[\"hunter2secret\"]} at site-77.\n")
	cat, err := catalog.New(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	red, err := redact.New(`site-\d+`)
	if err != nil {
		t.Fatal(err)
	}
	f := config.Folder{Catalog: cat, Boundaries: new(boundary.Set)}
	f.Config.Knowledge, f.Config.Redaction.Patterns = []string{dir}, []string{`site-\d+`}
	i := newImpacts(&sources{}, f, newTestLibrary(t, t.TempDir(), dir), red.Text)
	served, err := i.Impact(t.Context(), "table booking_outbox", "")
	if err != nil {
		t.Fatal(err)
	}
	k, err := ConfiguredKnowledge(f, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = k.Close() }()
	printed, err := k.Impact(t.Context(), ImpactQuestion{Subject: "table booking_outbox", At: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	by, err := OpenKnowledge([]string{dir}, knowledge.DefaultScheme(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = by.Close() }()
	alone, err := by.Impact(t.Context(), ImpactQuestion{Subject: "table booking_outbox", At: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]any{"server": served, "command": printed, "command with --repo": alone} {
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if text := string(b); strings.Contains(text, "hunter2secret") || !strings.Contains(text, "[secret]") || name != "command with --repo" && strings.Contains(text, "site-77") {
			t.Errorf("%s: %s", name, text)
		}
	}
}

// The artefacts are made ready once for all questions, and let go with the artefacts,
// or when nobody asks any more.
func TestArtefactsAreMadeReadyOnce(t *testing.T) {
	t.Parallel()
	cat, err := catalog.New(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "docs")
	write(t, filepath.Join(dir, "ADR-001.md"), "# ADR-001: X\n\n**Service**: booking-api\n**Depends on**: booking-db\n")
	l := newTestLibrary(t, t.TempDir(), dir)
	i := newImpacts(&sources{}, config.Folder{Catalog: cat, Boundaries: new(boundary.Set)}, l, nil)
	ask := func(subject string, services int) (*knowledge.Base, *impact.World) {
		t.Helper()
		r, err := i.Impact(t.Context(), subject, "")
		if err != nil || len(r.Services) != services {
			t.Errorf("%s: %d services, %v; want %d", subject, len(r.Services), err, services)
		}
		base, err := l.Base(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		w := l.prepared(base)
		if w == nil {
			t.Errorf("%s: nothing is kept", subject)
		}
		return base, w
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := i.Impact(gone, "booking-db", ""); !errors.Is(err, context.Canceled) {
		t.Errorf("who left got %v", err)
	}
	old, first := ask("booking-db", 2)
	if _, second := ask("booking-api", 1); first != second {
		t.Error("made for each question")
	}
	write(t, filepath.Join(dir, "ADR-002.md"), "# ADR-002: Y\n\n**Service**: seats\n**Depends on**: booking-db\n")
	l.Changed()
	base, err := l.Base(t.Context())
	if err != nil || base == old || l.prepared(old) != nil || l.prepared(base) != nil {
		t.Errorf("kept for other artefacts: %v", err)
	}
	i.kept = map[[2]string]impact.Report{} // answers of the last half minute
	_, third := ask("booking-db", 3)
	l.asked = l.asked.Add(-worldKept)
	if _, err := l.Base(t.Context()); err != nil || third == first || l.world != nil {
		t.Errorf("made anew: %v, kept though nobody asks: %v, %v", third != first, l.world != nil, err)
	}
}

func TestSessionsOfPeopleAreNoServices(t *testing.T) {
	t.Parallel()
	got := users([]evidence.DBConnections{
		{Application: "booking-api", User: "app", Count: 3},
		{Application: "booking-api", User: "app", State: "idle", Count: 4},
		{Application: "psql", User: "ana", Count: 1},
		{Application: "DBeaver 24.1 - Main", User: "ana", Count: 1},
		{Application: "holdfast", User: "monitor", Count: 2},
		{User: "relay", Count: 1},
		{Application: "psql-proxy", User: "app", Count: 1},
		{Count: 1},
	})
	if diff := cmp.Diff(map[string]int{"booking-api": 7, "relay": 1, "psql-proxy": 1}, got); diff != "" {
		t.Error(diff)
	}
}
