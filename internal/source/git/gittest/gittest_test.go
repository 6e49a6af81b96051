package gittest

import (
	"os/exec"
	"testing"
	"time"
)

func TestLarge(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	a, err := Large(t.Context(), t.TempDir(), Size{Commits: 600, Files: 60, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d commits in %s", a.Commits, time.Since(begin))
	b, err := Large(t.Context(), t.TempDir(), Size{Commits: 600, Files: 60, Seed: 1})
	if err != nil || a.Head != b.Head {
		t.Errorf("the same seed gave %s and %s, error %v", a.Head, b.Head, err)
	}
	if out, err := exec.CommandContext(t.Context(), "git", "-C", a.Path, "fsck", "--strict").CombinedOutput(); err != nil {
		t.Errorf("fsck: %v\n%s", err, out)
	}
	for _, p := range a.Places(20, 1) {
		if p.Line < 1 || p.Path == "" {
			t.Errorf("place %+v", p)
		}
	}
}
