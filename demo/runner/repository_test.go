package runner

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// The stacks in the demo's logs, its documents and its history name these lines.
func TestTheLinesThatTheIncidentIsAboutStayWhereTheyAre(t *testing.T) {
	t.Parallel()
	files, err := repositoryFiles("1.4.2")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		file string
		line int
		want string
	}{
		{"booking/relay/worker/outbox_worker.go", 78, "w.pool.Begin(ctx)"},
		{"booking/api/booking_service.go", 152, "s.cancels.Begin(ctx)"},
		{"booking/api/api_handler.go", 89, "h.bookings.CancelBooking("},
	} {
		lines := bytes.Split(files[tt.file], []byte("\n"))
		if len(lines) < tt.line || !bytes.Contains(lines[tt.line-1], []byte(tt.want)) {
			t.Errorf("%s:%d does not hold %q", tt.file, tt.line, tt.want)
		}
	}
}

func TestTheHistoryLeadsFromTheLineToItsBolt(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("git"); err != nil {
		t.Fatal("git is needed: install it")
	}
	dir := t.TempDir()
	versions, err := createRepository(t.Context(), dir, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if versions["1.4.1"] == "" || versions["1.4.2"] == "" {
		t.Fatalf("versions %v", versions)
	}
	out, err := git(t.Context(), dir, nil, "blame", "-L78,78", "--porcelain", "booking/relay/worker/outbox_worker.go")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(out, versions["1.4.2"]) {
		t.Errorf("line 78 is blamed on %.40s, want %s", out, versions["1.4.2"])
	}
	body, err := git(t.Context(), dir, nil, "log", "-1", "--format=%(trailers:unfold)", versions["1.4.2"])
	if err != nil {
		t.Fatal(err)
	}
	if want := "Bolt: BOLT-045\nAI-Assisted: true"; strings.TrimSpace(body) != want {
		t.Errorf("trailers %q, want %q", strings.TrimSpace(body), want)
	}
}
