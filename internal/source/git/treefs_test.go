package git

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/holdfast-sre/holdfast/internal/problem"
)

func tree(t *testing.T, s *Source, repo, commit, inside string) *Tree {
	t.Helper()
	tr, err := s.Tree(t.Context(), repo, commit, inside)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	})
	return tr
}

func TestTreeIsAFileSystem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write("docs/adr/ADR-1.md", "# ADR-1\n")
	w.write("docs/deep/er/x y.md", "x\n")
	w.write("docs/empty", "")
	w.write("docs/big", strings.Repeat("x", maxTreeFile+1))
	if err := os.Symlink("/etc/passwd", filepath.Join(w.dir, "docs/link.md")); err != nil {
		t.Fatal(err)
	}
	first := w.add("a", "1\n", "one")
	w.write("docs/adr/ADR-1.md", "# ADR-1, later\n")
	second := w.add("docs/new.md", "new\n", "two")
	w.write("docs/adr/ADR-1.md", "not committed\n")
	s := source(t)
	whole := tree(t, s, w.dir, first, ".")
	if err := fstest.TestFS(tree(t, s, w.dir, first, "docs/adr"), "ADR-1.md"); err != nil {
		t.Error(err)
	}
	if _, err := fs.ReadFile(whole, "docs/big"); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("a file that is too large: %v", err)
	}
	docs := tree(t, s, w.dir, second, "docs")
	var names []string
	if err := fs.WalkDir(docs, ".", func(p string, _ fs.DirEntry, err error) error {
		names = append(names, p)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(names), "[. adr adr/ADR-1.md big deep deep/er deep/er/x y.md empty new.md]"; got != want {
		t.Errorf("files are %s, want %s", got, want)
	}
	for name, want := range map[string]string{"adr/ADR-1.md": "# ADR-1, later\n", "deep/er/x y.md": "x\n", "empty": "", "new.md": "new\n"} {
		if got, err := fs.ReadFile(docs, name); err != nil || string(got) != want {
			t.Errorf("%s is %q, %v", name, got, err)
		}
	}
	for _, name := range []string{"link.md", "../a", "/etc/passwd", "a"} {
		if _, err := docs.Open(name); err == nil {
			t.Errorf("%s was opened", name)
		}
	}
	// The time of a file is that of its content.
	at := func(fsys fs.FS, name string) string {
		info, err := fs.Stat(fsys, name)
		if err != nil {
			t.Fatal(err)
		}
		return info.ModTime().String()
	}
	if at(whole, "docs/deep/er/x y.md") != at(docs, "deep/er/x y.md") || at(whole, "docs/adr/ADR-1.md") == at(docs, "adr/ADR-1.md") {
		t.Error("the times of files do not tell whether they changed")
	}
}

func TestTreeAtOnceAndClosed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 50 {
		w.write(fmt.Sprintf("f%d", i), strings.Repeat("x", i*1000))
	}
	commit := w.add("a", "1\n", "one")
	tr, err := source(t).Tree(t.Context(), w.dir, commit, ".")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			if b, err := fs.ReadFile(tr, fmt.Sprintf("f%d", i)); err != nil || len(b) != i*1000 {
				t.Errorf("f%d: %d bytes, %v", i, len(b), err)
			}
		})
	}
	wg.Wait()
	if err := tr.Close(); err != nil {
		t.Error(err)
	}
	if _, err := fs.ReadFile(tr, "a"); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("after closing: %v", err)
	}
	if _, err := source(t).Tree(t.Context(), w.dir, "HEAD", "."); !errors.Is(err, ErrUnknownRevision) {
		t.Errorf("no hash: %v", err)
	}
}

// TestTreeOfAPartialClone: files that the clone does not hold are no files that the
// commit lacks.
func TestTreeOfAPartialClone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write("docs/a.md", "a\n")
	w.write("docs/b.md", "b\n")
	w.write("src/main.go", "package main\n")
	commit := w.commit("one")
	w.git("config", "uploadpack.allowFilter", "true")
	dir := filepath.Join(t.TempDir(), "c")
	runIn(t, w.dir, noon, "clone", "-q", "--no-checkout", "--filter=blob:none", "file://"+w.dir, dir)
	_, err := source(t).Tree(t.Context(), dir, commit, "docs")
	if err == nil || !strings.Contains(err.Error(), "2 files") || !strings.Contains(err.Error(), "docs/a.md") {
		t.Fatalf("error %v", err)
	}
	if hint := problem.All(err)[0].Hint; !strings.Contains(hint, "--refetch --no-filter") {
		t.Errorf("hint %q", hint)
	}
	// What lies below the folder is all that has to be there.
	runIn(t, dir, noon, "checkout", "-q", commit, "--", "docs")
	if got, err := fs.ReadFile(tree(t, source(t), dir, commit, "docs"), "b.md"); err != nil || string(got) != "b\n" {
		t.Errorf("b.md is %q, %v", got, err)
	}
	if _, err := source(t).Tree(t.Context(), dir, commit, "."); err == nil || !strings.Contains(err.Error(), "src/main.go") {
		t.Errorf("the whole tree: %v", err)
	}
	runIn(t, dir, noon, "fetch", "-q", "--refetch", "--no-filter") // as the hint says
	tree(t, source(t), dir, commit, ".")
}
