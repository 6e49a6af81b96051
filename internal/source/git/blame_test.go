package git

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func blame(t *testing.T, s *Source, repo, path string, line int) Blame {
	t.Helper()
	b, err := s.Blame(t.Context(), repo, "", path, line)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBlameFollowsRenames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	wrote := w.add("old name.go", "package a\n\n"+function("hold"), "hold: reserve\n\nBolt: BOLT-7")
	w.git("mv", "old name.go", "new\"name.go")
	w.commit("rename")
	b := blame(t, source(t), w.dir, `new"name.go`, 4)
	if b.Commit.Hash != wrote || b.Path != "old name.go" || b.Line != 4 || !b.Renamed || len(b.Moved) > 0 || b.Shallow {
		t.Errorf("got %+v", b)
	}
}

func TestBlameFollowsMovedLines(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	wrote := w.add("a.go", "package a\n\n"+function("hold")+"\n"+function("release"), "hold: reserve\n\nBolt: BOLT-7")
	w.add("b.go", "package a\n\n// b\n", "b")
	w.write("a.go", "package a\n\n"+function("release"))
	moved := w.add("b.go", "package a\n\n// b\n\n"+function("hold"), "split the file")
	s := source(t)
	b := blame(t, s, w.dir, "b.go", 6)
	if b.Commit.Hash != wrote || b.Path != "a.go" || b.Line != 4 {
		t.Errorf("the line is blamed on %+v, want a.go:4 of %s", b, wrote)
	}
	if diff := cmp.Diff([]string{moved}, b.Moved); diff != "" {
		t.Errorf("moved by (-want +got):\n%s", diff)
	}
}

func TestACopiedLineIsOfWhoCopiedIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add("a.go", "package a\n\n"+function("hold"), "hold")
	w.write("a.go", "package a\n// changed too\n\n"+function("hold"))
	copied := w.add("b.go", "package a\n\n"+function("hold"), "copy")
	if b := blame(t, source(t), w.dir, "b.go", 4); b.Commit.Hash != copied || len(b.Moved) > 0 {
		t.Errorf("got %+v, want %s", b, copied)
	}
}

func TestBlameLines(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one := w.add("a", "1\n2\n3\n", "one")
	two := w.add("a", "1\ntwo\n3\n", "two")
	s := source(t)
	for range 2 { // from git, then from memory
		got, err := s.BlameLines(t.Context(), w.dir, "", "a", []int{3, 2, 1, 2})
		if err != nil || len(got) != 4 {
			t.Fatalf("got %+v, error %v", got, err)
		}
		for i, want := range []string{one, two, one, two} {
			if got[i].Commit.Hash != want || got[i].Asked != []int{3, 2, 1, 2}[i] {
				t.Errorf("line %d is blamed on %+v, want %s", i, got[i], want)
			}
		}
	}
	b, err := s.Blame(t.Context(), w.dir, one[:8], "a", 2)
	if err != nil || b.Commit.Hash != one {
		t.Errorf("at the first revision: %+v, error %v", b, err)
	}
	for _, lines := range [][]int{nil, {0}, {-1}, {4}, make([]int, 101)} {
		if got, err := s.BlameLines(t.Context(), w.dir, "", "a", lines); err == nil {
			t.Errorf("BlameLines(%v) = %+v, want an error", lines, got)
		}
	}
}

func TestBlamePassesOverIgnoredCommits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	wrote := w.add("a.go", "package a\n\nvar total=reserve( ctx,booking )\n", "wrote")
	format := w.add("a.go", "package a\n\nvar total = reserve(ctx, booking)\n", "format")
	s := source(t)
	if b := blame(t, s, w.dir, "a.go", 3); b.Commit.Hash != format || b.Ignored {
		t.Errorf("without a list: %+v", b)
	}
	w.add(ignoreFile, "# formatted\n"+format+" # all\n--output=x\nnot a hash\n"+strings.Repeat("0", 40)+"\n", "list")
	if b := blame(t, s, w.dir, "a.go", 3); b.Commit.Hash != wrote || !b.Ignored {
		t.Errorf("with a list: %+v", b)
	}
}

func TestAShallowCloneSaysWhatItLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add("a", "1\n", "one")
	w.add("a", "1\n2\n", "two")
	third := w.add("a", "1\n2\n3\n", "three")
	clone := t.TempDir()
	runIn(t, clone, noon, "clone", "-q", "--depth=2", "file://"+w.dir, "c")
	clone += "/c"
	s := source(t)
	if b := blame(t, s, clone, "a", 1); !b.Shallow || b.Commit.Subject != "two" {
		t.Errorf("line 1: %+v, want the shallow commit", b)
	}
	if b := blame(t, s, clone, "a", 3); b.Shallow || b.Commit.Hash != third {
		t.Errorf("line 3: %+v", b)
	}
	st, err := s.Refresh(t.Context(), clone, noon)
	if err != nil || !st.Shallow || len(st.Failed) > 0 {
		t.Errorf("state is %+v, error %v", st, err)
	}
	res, err := s.Resolve(t.Context(), clone, strings.Repeat("a", 40), "")
	if err != nil || res.Commit != "" || !strings.Contains(res.Why, "shallow") {
		t.Errorf("an old revision resolves to %+v, error %v", res, err)
	}
	// Without the shallow start the root commit is an ordinary answer.
	if b := blame(t, s, w.dir, "a", 1); b.Shallow || b.Commit.Subject != "one" {
		t.Errorf("whole clone: %+v", b)
	}
}

func TestAPartialCloneFetchesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add("a", "1\n", "one")
	w.add("a", "1\n2\n", "two")
	w.git("config", "uploadpack.allowFilter", "true")
	dir := t.TempDir()
	runIn(t, dir, noon, "clone", "-q", "--no-checkout", "--filter=blob:none", "file://"+w.dir, "c")
	s := source(t)
	if got, err := s.Blame(t.Context(), dir+"/c", "", "a", 1); err == nil {
		t.Errorf("blame without contents answered %+v", got)
	}
	st, err := s.Refresh(t.Context(), dir+"/c", noon)
	if err != nil || !st.Partial || !strings.Contains(strings.Join(st.Findings(), "\n"), "partial") {
		t.Errorf("state is %+v, error %v", st, err)
	}
}

func FuzzParseBlame(f *testing.F) {
	f.Add(strings.Repeat("a", 40) + " 1 2 1\nauthor A\nfilename \"a\\\"b\"\n")
	f.Fuzz(func(t *testing.T, out string) {
		entries, err := parseBlame(out)
		if err == nil && len(entries) == 0 {
			t.Error("an answer without entries is an error")
		}
		for _, e := range entries {
			at(entries, e.final)
		}
	})
}
