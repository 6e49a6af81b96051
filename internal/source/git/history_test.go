package git

import (
	"strconv"
	"strings"
	"testing"

	"github.com/holdfast-sre/holdfast/internal/source/git/gittest"
)

// In a history of some length, with its index, lines are blamed as git blames
// them without one, unless they were moved; and the merge that brought a commit
// in is that of its own branch.
func TestAHistoryOfSomeLength(t *testing.T) {
	t.Parallel()
	repo, err := gittest.Large(t.Context(), t.TempDir(), gittest.Size{Commits: 1500, Files: 60, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	s := source(t)
	if st := refresh(t, s, repo.Path, noon); len(st.Failed) > 0 {
		t.Fatal(st.Failed)
	}
	moved, branches := 0, 0
	for _, p := range repo.Places(60, 5) {
		b := blame(t, s, repo.Path, p.Path, p.Line)
		want, _, _ := strings.Cut(runIn(t, repo.Path, noon, "blame", "--incremental", "-M", "-L"+strconv.Itoa(p.Line)+",+1", "HEAD", "--", p.Path), " ")
		if len(b.Moved) > 0 {
			moved++
			if b.Moved[0] != want {
				t.Errorf("%+v was moved by %v, want %s", p, b.Moved, want)
			}
		} else if b.Commit.Hash != want {
			t.Errorf("%+v is blamed on %s, want %s", p, b.Commit.Hash, want)
		}
		o, err := s.Origin(t.Context(), repo.Path, "", b.Commit.Hash)
		if err != nil {
			t.Fatal(err)
		}
		if b.Commit.Bolt != "" && len(o.Merges) > 0 && !o.Merges[0].Request.Squash {
			branches++
			if !strings.HasPrefix(o.Merges[0].Request.Branch, b.Commit.Bolt+"-") {
				t.Errorf("%s of %s was merged by %+v", b.Commit.Hash, b.Commit.Bolt, o.Merges)
			}
		}
	}
	t.Logf("%d lines were moved, %d came by branches", moved, branches)
	if branches < 5 {
		t.Errorf("only %d lines came by branches: the history proves too little", branches)
	}
}
