package git

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRefsAreReadAsGitReadsThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one := w.add("a", "1\n", "one")
	w.git("tag", "-a", "-m", "x", "v1")
	w.git("branch", "topic/ä")
	w.git("pack-refs", "--all")
	two := w.add("a", "2\n", "two")
	w.git("tag", "light")
	w.git("update-ref", "refs/remotes/origin/main", one)
	w.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
	w.git("update-ref", "refs/notes/x", one)
	for name, text := range map[string]string{"bad.lock": two, "short": "abc", "link": "ref: refs/heads/main"} {
		if err := os.WriteFile(filepath.Join(w.dir, ".git", "refs", "heads", name), []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/etc/hostname", filepath.Join(w.dir, ".git", "refs", "heads", "out")); err != nil {
		t.Fatal(err)
	}
	l, err := source(t).find(t.Context(), w.dir)
	if err != nil {
		t.Fatal(err)
	}
	r := read(t, l)
	want := map[string]string{
		"refs/heads/main": two, "refs/heads/topic/ä": one, "refs/tags/light": two, "refs/tags/v1": w.git("rev-parse", "refs/tags/v1"),
		"refs/remotes/origin/main": one,
	}
	if diff := cmp.Diff(want, r.names); diff != "" {
		t.Errorf("references (-want +got):\n%s", diff)
	}
	if r.head != two || r.branch != "refs/heads/main" {
		t.Errorf("head is %s on %s", r.head, r.branch)
	}
	w.git("checkout", "-q", "--detach", one)
	if r := read(t, l); r.head != one || r.branch != "" {
		t.Errorf("detached: %s on %q", r.head, r.branch)
	}
}

func TestOtherKindsOfClone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add("a", "1\n", "one")
	tree := filepath.Join(t.TempDir(), "tree")
	w.git("worktree", "add", "-q", "-b", "side", tree)
	if err := os.WriteFile(tree+"/b", []byte("1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	runIn(t, tree, noon, "add", "b")
	runIn(t, tree, noon, "commit", "-q", "-m", "in the worktree")
	bare := filepath.Join(t.TempDir(), "bare.git")
	w.git("clone", "-q", "--bare", w.dir, bare)
	shared := filepath.Join(t.TempDir(), "shared")
	w.git("clone", "-q", "--shared", w.dir, shared)
	super := newWorld(t)
	super.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", w.dir, "sub")
	long := t.TempDir()
	runIn(t, long, noon, "init", "-q", "--object-format=sha256")
	if err := os.WriteFile(long+"/a", []byte("1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	runIn(t, long, noon, "add", "a")
	runIn(t, long, noon, "commit", "-q", "-m", "one")
	s := source(t)
	for _, dir := range []string{w.dir, tree, bare, shared, super.dir + "/sub", long} {
		b, err := s.Blame(t.Context(), dir, "", "a", 1)
		if err != nil || b.Commit.Subject != "one" {
			t.Errorf("%s: %+v, error %v", dir, b, err)
		}
	}
	if b, err := s.Blame(t.Context(), tree, "", "b", 1); err != nil || b.Commit.Subject != "in the worktree" {
		t.Errorf("in the worktree: %+v, error %v", b, err)
	}
	if got, err := s.Blame(t.Context(), newWorld(t).dir, "", "a", 1); err == nil || !strings.Contains(err.Error(), "nothing is committed") {
		t.Errorf("nothing committed: %+v, error %v", got, err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(w.dir, link); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Blame(t.Context(), link, "", "a", 1); err != nil {
		t.Errorf("the configured folder may be a link: %v", err)
	}
}

func read(t *testing.T, l layout) refs {
	t.Helper()
	loose, err := looseRefs(l.common)
	if err != nil {
		t.Fatal(err)
	}
	r, err := readRefs(l, loose)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTop(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add("a/b/c", "1\n", "one")
	for folder, want := range map[string]string{w.dir: ".", w.dir + "/a": "a", w.dir + "/a/b/": "a/b"} {
		if top, inside, ok := Top(folder); !ok || top != w.dir || inside != want {
			t.Errorf("Top(%s) = %s, %s, %t", folder, top, inside, ok)
		}
	}
	if top, _, ok := Top("/"); ok {
		t.Errorf("the root lies in %s", top)
	}
	if _, err := source(t).Files(t.Context(), "", ""); !errors.Is(err, ErrNoRepository) {
		t.Errorf("without a repository: %v", err)
	}
}
