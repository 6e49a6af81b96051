package app

import (
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/respond"
	"github.com/holdfast-sre/holdfast/internal/source/git"
)

// repositoryWithTag is one commit on main with the tag v1.4.2.
func repositoryWithTag(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, args := range [][]string{{"init", "-q", "-b", "main"}, {"commit", "-q", "--allow-empty", "-m", "one"}, {"tag", "v1.4.2"}} {
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir, "-c", "user.name=Ana", "-c", "user.email=a@x"}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	return dir
}

func TestTheRevisionThatRunsIsFoundOrDoubted(t *testing.T) {
	t.Parallel()
	dir := repositoryWithTag(t)
	src, err := git.New(git.Options{Name: "git"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = src.Close() })
	repo := src.Repository(dir)
	tests := map[string]struct {
		found bool
		doubt string
	}{
		"":                 {false, "not known"},
		"app:1.4.2":        {true, ""},
		"main":             {true, "branch main"},
		"v9.9.9":           {false, "not of the revision v9.9.9"},
		"--output=/tmp/x":  {false, "dash"},
		"line\nbreak\x1b[": {false, "characters"},
	}
	for said, tt := range tests {
		rev, doubt := deployed(t.Context(), repo, said, "")
		if (rev != "") != tt.found || (doubt == "") != (tt.doubt == "") || !strings.Contains(doubt, tt.doubt) || strings.ContainsAny(doubt, "\n\x1b") {
			t.Errorf("%q is %q, doubt %q", said, rev, doubt)
		}
	}
}

func TestDoubtMarksWhatDependsOnTheRevision(t *testing.T) {
	t.Parallel()
	steps := func() []respond.TraceStep {
		return []respond.TraceStep{{Kind: "code"}, {Kind: "commit", Why: "shallow", Inferred: true, Score: 0.4}, {Kind: "bolt"}}
	}
	got := doubted(steps(), true, "unknown")
	if !got[0].Inferred || got[0].Why != "unknown" || got[1].Why != "shallow" || got[1].Score != 0.4 || got[2].Why != "unknown" || !got[2].Inferred {
		t.Errorf("a revision that is not there: %+v", got)
	}
	if got := doubted(steps(), false, "unknown"); got[0].Inferred || got[0].Why != "unknown" {
		t.Errorf("no revision said: %+v", got)
	}
	if got := doubted(steps(), true, ""); got[0].Inferred || got[0].Why != "" {
		t.Errorf("no doubt: %+v", got)
	}
}

// TestTheChainSaysThatHistoryDoesNotAnswer: what a deploy names still leads on.
func TestTheChainSaysThatHistoryDoesNotAnswer(t *testing.T) {
	t.Parallel()
	docs := t.TempDir()
	if err := os.WriteFile(docs+"/BOLT-045.md", []byte("# BOLT-045: relay\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	src, err := git.New(git.Options{Name: "git"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = src.Close() })
	tr := newTracer(newLibrary(config.Config{Knowledge: []string{docs}}, "", slog.New(slog.DiscardHandler)), src)
	steps, err := tr.Trace(t.Context(), respond.TraceQuery{
		Service: catalog.Service{Name: "shop", Repository: catalog.Repository{Path: t.TempDir()}},
		Frames:  []evidence.Frame{{File: "relay/worker.go", Line: 78}}, Bolts: []string{"BOLT-045"},
	})
	if len(steps) == 0 || err == nil || !strings.Contains(err.Error(), "not a git repository") {
		t.Errorf("steps %+v, error %v", steps, err)
	}
}
