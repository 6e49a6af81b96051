//go:build unix

package git

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// hostile makes a clone that would run a program in every way that a clone can
// configure; the program leaves a file behind.
func hostile(t *testing.T) (w *world, ran string) {
	t.Helper()
	w = newWorld(t)
	w.write(".gitattributes", "* diff=evil filter=evil merge=evil\n")
	w.write(".gitmodules", "[submodule \"sub\"]\n\tpath = sub\n\turl = ext::sh -c evil\n")
	w.add("a.go", "package a\n\n"+function("hold"), "one")
	w.write("a.go", "package a\n")
	w.add("b.go", "package a\n\n"+function("hold"), "two")
	w.write("a.go", "package changed\n") // dirty

	ran = filepath.Join(t.TempDir(), "ran")
	evil := filepath.Join(t.TempDir(), "evil")
	if err := os.WriteFile(evil, []byte("#!/bin/sh\ntouch "+ran+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	config := "[core]\n\tfsmonitor = " + evil + "\n\tsshCommand = " + evil + "\n\tpager = " + evil + "\n\teditor = " + evil +
		"\n\taskPass = " + evil + "\n\tgitProxy = " + evil + "\n\talternateRefsCommand = " + evil + "\n\thooksPath = " + filepath.Dir(evil) +
		"\n[diff]\n\texternal = " + evil + "\n[diff \"evil\"]\n\ttextconv = " + evil + "\n\tcommand = " + evil +
		"\n[filter \"evil\"]\n\tclean = " + evil + "\n\tsmudge = " + evil + "\n\tprocess = " + evil + "\n\trequired = true" +
		"\n[gpg]\n\tprogram = " + evil + "\n[log]\n\tshowSignature = true\n[pager]\n\tblame = " + evil + "\n\tlog = " + evil +
		"\n[credential]\n\thelper = !" + evil + "\n[protocol]\n\tallow = always\n[protocol \"ext\"]\n\tallow = always" +
		"\n[alias]\n\tblame = !" + evil + "\n\tlog = !" + evil + "\n[uploadpack]\n\tpackObjectsHook = " + evil +
		"\n[remote \"origin\"]\n\turl = ext::" + evil + "\n\tuploadpack = " + evil + "\n\tpromisor = true\n\tvcs = evil" +
		"\n[blame]\n\tignoreRevsFile = /dev/zero\n[mailmap]\n\tfile = /dev/zero\n[include]\n\tpath = /dev/zero" +
		"\n[includeIf \"gitdir:/\"]\n\tpath = " + evil + "\n[extensions]\n\tpartialClone = origin\n"
	file := filepath.Join(w.dir, ".git", "config")
	old, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(old, config...), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, hook := range []string{"post-checkout", "pre-auto-gc", "reference-transaction", "post-index-change", "fsmonitor-watchman", "evil"} {
		if err := os.Symlink(evil, filepath.Join(w.dir, ".git", "hooks", hook)); err != nil {
			t.Fatal(err)
		}
	}
	return w, ran
}

func TestAHostileCloneRunsNothing(t *testing.T) {
	t.Parallel()
	w, ran := hostile(t)
	before := listing(t, w.dir)
	s, err := New(Options{Name: "git", Timeout: 30 * time.Second, Fetch: Fetch{Every: time.Minute, Timeout: 10 * time.Second}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	b, err := s.Blame(t.Context(), w.dir, "", "b.go", 4)
	if err != nil || b.Commit.Subject != "one" {
		t.Errorf("blame says %+v, error %v", b, err)
	}
	if _, err := s.Origin(t.Context(), w.dir, "", b.Commit.Hash); err != nil {
		t.Error(err)
	}
	if _, err := s.Log(t.Context(), w.dir, "", noon, noon.Add(time.Hour*24)); err != nil {
		t.Error(err)
	}
	if _, err := s.Files(t.Context(), w.dir, ""); err != nil {
		t.Error(err)
	}
	if got, err := s.Content(t.Context(), w.dir, "", "a.go", 1000); err != nil || got != "package a\n" {
		t.Errorf("content is %q, error %v", got, err)
	}
	st, err := s.Refresh(t.Context(), w.dir, noon)
	if err != nil || !slices.Contains(st.Dirty, "a.go") || !strings.Contains(strings.Join(st.Findings(), "\n"), "runs programs") {
		t.Errorf("state is %+v, error %v", st, err)
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("something of the clone was run")
	}
	if after := listing(t, w.dir); !slices.Equal(before, after) {
		t.Errorf("the clone was changed:\n%v\n%v", before, after)
	}
}

// The hostile clone must be able to do harm, or the test above proves nothing.
func TestTheHostileCloneWouldRunSomething(t *testing.T) {
	t.Parallel()
	w, ran := hostile(t)
	config := filepath.Join(w.dir, ".git", "config")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	readable, _, _ := strings.Cut(string(text), "[include]") // with what can't be read git stops early
	if err := os.WriteFile(config, []byte(readable), 0o600); err != nil {
		t.Fatal(err)
	}
	s := source(t)
	_, _ = s.run(t.Context(), w.dir, call{args: []string{"status"}}) // its result is the file
	if _, err := os.Stat(ran); err != nil {
		t.Error("git status ran nothing of the hostile clone")
	}
}

func TestLinksOutOfTheFolderAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add("a", "secret\n", "one")
	s := source(t)
	tests := map[string]func(dir string) error{
		".git is a link":   func(dir string) error { return os.Symlink(w.dir+"/.git", dir+"/.git") },
		".git is a file":   func(dir string) error { return os.WriteFile(dir+"/.git", []byte("gitdir: "+w.dir+"/.git\n"), 0o600) },
		".git is prose":    func(dir string) error { return os.WriteFile(dir+"/.git", []byte("hello\n"), 0o600) },
		".git is a pipe":   func(dir string) error { return syscall.Mkfifo(dir+"/.git", 0o600) },
		".git is empty":    func(dir string) error { return os.Mkdir(dir+"/.git", 0o700) },
		"objects are":      func(dir string) error { return linked(dir, w.dir, "objects") },
		"references are":   func(dir string) error { return linked(dir, w.dir, "refs") },
		"nothing is there": func(string) error { return nil },
	}
	for name, build := range tests {
		dir := t.TempDir()
		if err := build(dir); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Blame(t.Context(), dir, "", "a", 1); err == nil {
			t.Errorf("%s: got %+v", name, got)
		}
	}
	// A folder inside the clone is not the clone.
	if err := os.Mkdir(w.dir+"/sub", 0o700); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Files(t.Context(), w.dir+"/sub", ""); err == nil {
		t.Errorf("a folder inside: %v", got)
	}
}

// linked makes a repository one part of which is another's.
func linked(dir, other, part string) error {
	for _, name := range []string{"objects", "refs"} {
		path := filepath.Join(dir, ".git", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if name == part {
			if err := os.Symlink(filepath.Join(other, ".git", name), path); err != nil {
				return err
			}
		} else if err := os.MkdirAll(path, 0o700); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, ".git", "HEAD"), []byte("ref: refs/heads/main\n"), 0o600)
}

func TestStrangeFileNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	names := []string{
		"$(touch x).go", "`touch x`", "; touch x", "a b\tc", "-rf", "--output=x", "new\nline", `quote"d`, `back\slash`, "ä", "*", ":(glob)**", "\xff\xfe", "#x",
	}
	for _, n := range names {
		w.write(n, "text\n")
	}
	hash := w.commit("strange")
	if err := os.Symlink("/etc/passwd", filepath.Join(w.dir, "link")); err != nil {
		t.Fatal(err)
	}
	w.commit("link")
	s := source(t)
	slices.Sort(names)
	got, err := s.Files(t.Context(), w.dir, "")
	if err != nil || !slices.Equal(got, names) {
		t.Errorf("files are %q, error %v", got, err)
	}
	for _, n := range names {
		b, err := s.Blame(t.Context(), w.dir, "", n, 1)
		if err != nil || b.Commit.Hash != hash || b.Path != n {
			t.Errorf("blame of %q is %+v, error %v", n, b, err)
		}
	}
	for _, bad := range []string{"link", "none", "", ".", "../a", "/etc/passwd"} {
		if got, err := s.Content(t.Context(), w.dir, "", bad, 1000); err == nil {
			t.Errorf("content of %q is %q", bad, got)
		}
	}
	if got, err := s.Content(t.Context(), w.dir, "", "*", 4); err == nil {
		t.Errorf("a file over the limit is %q", got)
	}
}

func TestACommandHasADeadline(t *testing.T) {
	t.Parallel()
	slow := filepath.Join(t.TempDir(), "git")
	if err := os.WriteFile(slow, []byte("#!/bin/sh\n/bin/sleep 60 & wait\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	w.add("a", "1\n", "one")
	s, err := New(Options{Name: "git", Command: slow, Timeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	begin := time.Now()
	if _, err := s.Files(t.Context(), w.dir, ""); err == nil || time.Since(begin) > 20*time.Second {
		t.Errorf("after %s: %v", time.Since(begin), err)
	}
}
