package git

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// repository makes a repository with a commit for each message: the n-th at
// noon plus n hours, adding line n to relay/relay.go.
func repository(t *testing.T, messages ...string) string {
	t.Helper()
	dir := t.TempDir()
	run := func(at time.Time, args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir}, args...)...)
		stamp := at.Format(time.RFC3339)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
			"GIT_AUTHOR_NAME=Ana", "GIT_AUTHOR_EMAIL=a@x", "GIT_COMMITTER_NAME=Ana", "GIT_COMMITTER_EMAIL=a@x",
			"GIT_AUTHOR_DATE="+stamp, "GIT_COMMITTER_DATE="+stamp)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	run(noon, "init", "-q", "-b", "main")
	file := filepath.Join(dir, "relay", "relay ä.go")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	text := ""
	for i, m := range messages {
		text += "line " + string(rune('1'+i)) + "\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		at := noon.Add(time.Duration(i) * time.Hour)
		run(at, "add", "-A")
		run(at, "commit", "-q", "-m", m)
	}
	return dir
}

func source(t *testing.T) *Source {
	t.Helper()
	s, err := New(Options{Name: "git", Timeout: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestCollect(t *testing.T) {
	t.Parallel()
	dir := repository(t, "relay: start", "relay: claim per event\n\nWhy.\n\nBolt: BOLT-045\nAI-Assisted: true", "docs: say BOLT-046\x01 done")
	svc := catalog.Service{Name: "relay", Repository: catalog.Repository{Path: dir, URL: "https://git.example.com/relay.git", Root: "relay"}}
	gone := catalog.Service{Name: "gone", Repository: catalog.Repository{Path: t.TempDir()}}
	items, err := source(t).Collect(t.Context(), evidence.Request{
		Services: []catalog.Service{svc, gone, {Name: "none"}}, Now: noon.Add(150 * time.Minute),
	})
	if err != nil || len(items) != 2 {
		t.Fatalf("got %d items, error %v", len(items), err)
	}
	if items[1].Kind != evidence.KindFailure || !strings.Contains(items[1].Error, "not a git repository") {
		t.Errorf("a folder without a repository gave %+v", items[1])
	}
	got, err := evidence.Decode[evidence.Changes](items[0])
	if err != nil || len(got.Changes) != 3 {
		t.Fatalf("changes are %+v, error %v", got, err)
	}
	c := got.Changes[1]
	if c.Bolt != "BOLT-045" || c.AIGenerated == nil || !*c.AIGenerated || c.Author != "Ana" || c.Runtime {
		t.Errorf("the commit reads as %+v", c)
	}
	if diff := cmp.Diff([]string{"relay/relay ä.go"}, c.Files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if want := "https://git.example.com/relay/commit/" + c.Revision; c.Link != want {
		t.Errorf("link is %s, want %s", c.Link, want)
	}
	if got.Changes[0].Bolt != "BOLT-046" || got.Changes[0].AIGenerated != nil || got.Changes[2].Bolt != "" {
		t.Errorf("the newest commit reads as %+v, the oldest as %+v", got.Changes[0], got.Changes[2])
	}
	if !items[0].Outside {
		t.Error("commit messages must be marked as written outside")
	}
}

func TestLogKeepsToTheWindow(t *testing.T) {
	t.Parallel()
	dir := repository(t, "one", "two", "three")
	got, err := source(t).Log(t.Context(), dir, "", noon.Add(30*time.Minute), noon.Add(90*time.Minute))
	if err != nil || len(got) != 1 || got[0].Subject != "two" {
		t.Errorf("got %+v, error %v", got, err)
	}
}

func TestBlame(t *testing.T) {
	t.Parallel()
	dir := repository(t, "one", "two\n\nBolt: BOLT-7", "three")
	s := source(t)
	b, err := s.Blame(t.Context(), dir, "", "relay/relay ä.go", 2)
	if err != nil {
		t.Fatal(err)
	}
	if b.Commit.Subject != "two" || b.Commit.Bolt != "BOLT-7" || b.Line != 2 || b.Path != "relay/relay ä.go" {
		t.Errorf("blame says %+v", b)
	}
	files, err := s.Files(t.Context(), dir, b.Commit.Hash[:10])
	if diff := cmp.Diff([]string{"relay/relay ä.go"}, files); diff != "" || err != nil {
		t.Errorf("files (-want +got), error %v:\n%s", err, diff)
	}
	for _, bad := range []struct {
		rev, path string
		line      int
	}{{"--output=/tmp/x", "relay/relay ä.go", 1}, {"", "relay/none.go", 1}, {"", "relay/relay ä.go", 99}, {"", "relay/relay ä.go", 0}, {"", ":(glob)**", 1}} {
		if got, err := s.Blame(t.Context(), dir, bad.rev, bad.path, bad.line); err == nil {
			t.Errorf("Blame(%q, %q, %d) = %+v, want an error", bad.rev, bad.path, bad.line, got)
		}
	}
}

func TestTrailers(t *testing.T) {
	t.Parallel()
	tests := map[string]map[string][]string{
		"subject only: x":                         nil,
		"s\n\nprose: not at the end\n\nmore text": nil,
		"s\n\nBolt: A\nBolt: B\nNote: long\n  on": {"bolt": {"A", "B"}, "note": {"long on"}},
		"s\r\n\r\nAI-Generated: false":            {"ai-generated": {"false"}},
	}
	for in, want := range tests {
		if diff := cmp.Diff(want, trailers(in)); diff != "" {
			t.Errorf("trailers(%q) (-want +got):\n%s", in, diff)
		}
	}
}

func FuzzParseLog(f *testing.F) {
	f.Add(strings.Repeat("a", 40) + "\nAna\n1\ns\n\nBolt: BOLT-1\x00")
	f.Fuzz(func(_ *testing.T, out string) {
		_, _ = parseLog(out)
	})
}
