package gitbranch_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/action/gitbranch"
)

var at = time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC)

// clone makes a repository on main with one commit.
func clone(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	git(t, dir, "init", "-q", "-b", "main")
	for name, text := range files {
		write(t, filepath.Join(dir, name), text)
	}
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-q", "-m", "first")
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=a", "-c", "user.email=a@b"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return string(out)
}

func commit(branch string, changes ...gitbranch.Change) gitbranch.Commit {
	return gitbranch.Commit{Branch: branch, Message: "INC-2026-0007: drafts\n", At: at, Changes: changes}
}

func TestWriteMakesOneCommitBesideTheWork(t *testing.T) {
	t.Parallel()
	dir := clone(t, map[string]string{"docs/adr.md": "one\n", "docs/run.sh": "#!/bin/sh\n"})
	if err := os.Chmod(filepath.Join(dir, "docs/run.sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	git(t, dir, "commit", "-q", "-a", "-m", "mode")
	write(t, filepath.Join(dir, "docs/unsaved.md"), "work\n")
	write(t, filepath.Join(dir, "docs/staged.md"), "work\n")
	git(t, dir, "add", "docs/staged.md")
	was := git(t, dir, "status", "--porcelain=v2", "--branch") + git(t, dir, "rev-parse", "HEAD")
	sha, err := gitbranch.Write(t.Context(), dir, commit("holdfast/inc-2026-0007",
		gitbranch.Change{Path: "docs/adr.md", Old: []byte("one\n"), New: []byte("one\ntwo\n")},
		gitbranch.Change{Path: "docs/run.sh", Old: []byte("#!/bin/sh\n"), New: []byte("#!/bin/sh\nexit\n")},
		gitbranch.Change{Path: "docs/new/FIX-001.md", New: []byte("# FIX-001: x\r\n")},
	))
	if err != nil {
		t.Fatal(err)
	}
	if got := git(t, dir, "status", "--porcelain=v2", "--branch") + git(t, dir, "rev-parse", "HEAD"); got != was {
		t.Errorf("the work in the clone changed:\n%s\nwas\n%s", got, was)
	}
	want := "Holdfast|Holdfast|2026-03-05T00:00:00+00:00|INC-2026-0007: drafts"
	if got := strings.TrimSpace(git(t, dir, "log", "-1", "--format=%an|%cn|%aI|%s", "holdfast/inc-2026-0007")); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	wantStat := "100644 100644 M\tdocs/adr.md\n000000 100644 A\tdocs/new/FIX-001.md\n100755 100755 M\tdocs/run.sh\n"
	var stat strings.Builder
	for line := range strings.Lines(git(t, dir, "diff", "--raw", "main", sha)) {
		f := strings.Fields(line)
		stat.WriteString(strings.TrimPrefix(f[0], ":") + " " + f[1] + " " + f[4] + "\t" + f[5] + "\n")
	}
	if diff := cmp.Diff(wantStat, stat.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := git(t, dir, "show", sha+":docs/new/FIX-001.md"); got != "# FIX-001: x\r\n" {
		t.Errorf("text %q", got)
	}
	git(t, dir, "fsck", "--strict")
}

// TestDraftedReadsWhatWaits: documents that a branch adds or changes, wherever it
// is and whatever people put on top; what is merged waits no longer.
func TestDraftedReadsWhatWaits(t *testing.T) {
	t.Parallel()
	dir := clone(t, map[string]string{"docs/adr.md": "one\n", "docs/other.md": "other\n", "docs/run.sh": "#!/bin/sh\n"})
	for branch, text := range map[string]string{"holdfast/a": "two\n", "holdfast/merged": "three\n"} {
		if _, err := gitbranch.Write(t.Context(), dir, commit(branch,
			gitbranch.Change{Path: "docs/adr.md", Old: []byte("one\n"), New: []byte("one\n" + text)},
			gitbranch.Change{Path: "docs/" + branch[9:] + ".md", New: []byte("# FIX-001: x\n")},
			gitbranch.Change{Path: "docs/run.sh", Old: []byte("#!/bin/sh\n"), New: []byte("exit\n")},
		)); err != nil {
			t.Fatal(err)
		}
	}
	git(t, dir, "checkout", "-q", "holdfast/a")
	write(t, filepath.Join(dir, "docs/more.yaml"), "more\n")
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-q", "-m", "more")
	git(t, dir, "checkout", "-q", "main")
	write(t, filepath.Join(dir, "docs/other.md"), "went on\n")
	git(t, dir, "commit", "-q", "-a", "-m", "main goes on")
	git(t, dir, "merge", "-q", "-m", "merge", "holdfast/merged")
	git(t, dir, "pack-refs", "--all")
	git(t, dir, "update-ref", "refs/remotes/origin/holdfast/a", "holdfast/a")
	got, err := gitbranch.Drafted(t.Context(), dir, "holdfast/", nil)
	if err != nil {
		t.Fatal(err)
	}
	tip := strings.TrimSpace(git(t, dir, "rev-parse", "holdfast/a"))
	want := []gitbranch.Draft{
		{Branch: "holdfast/a", Commit: tip, Path: "docs/a.md", Text: []byte("# FIX-001: x\n")},
		{Branch: "holdfast/a", Commit: tip, Path: "docs/adr.md", Text: []byte("one\ntwo\n")},
		{Branch: "holdfast/a", Commit: tip, Path: "docs/more.yaml", Text: []byte("more\n")},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	shallow := filepath.Join(t.TempDir(), "shallow")
	git(t, dir, "clone", "-q", "--depth=2", "--no-single-branch", "file://"+dir, shallow)
	if got, err = gitbranch.Drafted(t.Context(), shallow, "holdfast/", nil); err != nil || len(got) == 0 {
		t.Errorf("shallow clone: %v, %v", got, err)
	}
}

// branches makes n branches with one draft each on top of a commit, the highest
// number the latest, and returns their commits.
func branches(t *testing.T, dir, from string, n int) map[string]string {
	t.Helper()
	var in strings.Builder
	for i := range n {
		fmt.Fprintf(&in, "commit refs/heads/holdfast/inc-%03d\ncommitter a <a@b> %d +0000\ndata 1\nd\nfrom %s\nM 100644 inline docs/FIX-%03d.md\ndata 6\n# FIX\n\n", i, at.Unix()+int64(i), from, i)
	}
	cmd := exec.Command("git", "fast-import", "--quiet")
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(in.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("fast-import: %v\n%s", err, out)
	}
	tips := map[string]string{}
	for l := range strings.Lines(git(t, dir, "for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/heads/holdfast")) {
		name, sha, _ := strings.Cut(strings.TrimSpace(l), " ")
		tips[name] = sha
	}
	return tips
}

// TestDraftedOfAFetchedCommit: a clone that is far behind sees what waits at the
// remote, and nothing that the remote has merged.
func TestDraftedOfAFetchedCommit(t *testing.T) {
	t.Parallel()
	dir := clone(t, map[string]string{"docs/adr.md": "one\n"})
	remote := filepath.Join(t.TempDir(), "remote")
	git(t, dir, "clone", "-q", dir, remote)
	for i := range 400 {
		write(t, filepath.Join(remote, fmt.Sprintf("docs/%d.md", i)), "text\n")
	}
	git(t, remote, "add", "-A")
	git(t, remote, "commit", "-q", "-m", "upstream")
	head := strings.TrimSpace(git(t, remote, "rev-parse", "HEAD"))
	onto := gitbranch.Onto{Commit: head, Objects: filepath.Join(remote, ".git/objects"), Branches: branches(t, remote, head, 8)}
	onto.Branches["other"] = head
	got, err := gitbranch.Drafted(t.Context(), dir, "holdfast/", &onto)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, d := range got {
		paths = append(paths, d.Path)
	}
	want := []string{"docs/FIX-007.md", "docs/FIX-006.md", "docs/FIX-005.md", "docs/FIX-004.md", "docs/FIX-003.md", "docs/FIX-002.md", "docs/FIX-001.md", "docs/FIX-000.md"}
	if diff := cmp.Diff(want, paths); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestDraftedSaysWhatItLeavesOut: the newest branches count, and merged ones do not.
func TestDraftedSaysWhatItLeavesOut(t *testing.T) {
	t.Parallel()
	dir := clone(t, map[string]string{"docs/adr.md": "one\n"})
	tips := branches(t, dir, "refs/heads/main^0", 203)
	got, err := gitbranch.Drafted(t.Context(), dir, "holdfast/", nil)
	if err == nil || !strings.Contains(err.Error(), "203 branches wait, and only the 200 newest are read") {
		t.Errorf("203 branches: %v", err)
	}
	if len(got) != 200 || got[0].Branch != "holdfast/inc-202" || got[199].Branch != "holdfast/inc-003" {
		t.Errorf("%d documents, %+v", len(got), got[:min(1, len(got))])
	}
	git(t, dir, "merge", "-q", "-m", "merge", "holdfast/inc-200", "holdfast/inc-201", "holdfast/inc-202")
	write(t, filepath.Join(dir, ".git/refs/heads/holdfast/lost"), strings.Repeat("ab", 20)+"\n")
	write(t, filepath.Join(dir, ".git/refs/heads/holdfast/known"), tips["holdfast/inc-007"]+"\n")
	gone := []string{"branch", "-q", "-D"}
	for i := range 150 {
		gone = append(gone, fmt.Sprintf("holdfast/inc-%03d", i))
	}
	git(t, dir, gone...)
	got, err = gitbranch.Drafted(t.Context(), dir, "holdfast/", nil)
	if err == nil || !strings.Contains(err.Error(), "branch holdfast/lost") {
		t.Errorf("a branch without its commit: %v", err)
	}
	if len(got) != 51 || got[0].Branch != "holdfast/inc-199" || got[50].Branch != "holdfast/known" {
		t.Errorf("%d documents, %+v", len(got), got[:min(1, len(got))])
	}
}

// TestDraftedReadsTextsInParts: more than one command may print is read by several,
// and what can't be read is said, with its name.
func TestDraftedReadsTextsInParts(t *testing.T) {
	t.Parallel()
	dir := clone(t, map[string]string{"docs/adr.md": "one\n"})
	git(t, dir, "checkout", "-q", "-b", "holdfast/a")
	text := func(i int) string {
		return fmt.Sprintf("# FIX-%03d\n\n", i) + strings.Repeat("0123456789\x00\n", 80_000)
	}
	for i := range 10 {
		write(t, filepath.Join(dir, fmt.Sprintf("docs/FIX-%03d.md", i)), text(i%9))
	}
	write(t, filepath.Join(dir, "docs/empty.md"), "")
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-q", "-m", "many")
	got, err := gitbranch.Drafted(t.Context(), dir, "holdfast/a", &gitbranch.Onto{Commit: strings.TrimSpace(git(t, dir, "rev-parse", "main"))})
	if err != nil || len(got) != 11 {
		t.Fatalf("%d documents, %v", len(got), err)
	}
	for i, d := range got[:10] {
		if string(d.Text) != text(i%9) {
			t.Errorf("%s has %d bytes, want %d: %.20q", d.Path, len(d.Text), len(text(i%9)), d.Text)
		}
	}
	if got[10].Text == nil || len(got[10].Text) != 0 {
		t.Errorf("%s holds %q", got[10].Path, got[10].Text)
	}
	write(t, filepath.Join(dir, "docs/a\x1b[31m\nlarge.md"), strings.Repeat("large\n", 1<<18))
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-q", "-m", "large")
	git(t, dir, "checkout", "-q", "main")
	if _, err = gitbranch.Drafted(t.Context(), dir, "holdfast/", nil); err == nil || !strings.Contains(err.Error(), "branch holdfast/a: docs/a[31m large.md can't be read") {
		t.Errorf("what is too large: %q", err)
	}
	blob := strings.TrimSpace(git(t, dir, "rev-parse", "holdfast/a:docs/FIX-003.md"))
	if err := os.Remove(filepath.Join(dir, ".git/objects", blob[:2], blob[2:])); err != nil {
		t.Fatal(err)
	}
	got, err = gitbranch.Drafted(t.Context(), dir, "holdfast/", nil)
	if err == nil || !strings.Contains(err.Error(), "branch holdfast/a: docs/FIX-003.md can't be read") {
		t.Errorf("what is missing: %v", err)
	}
	var unread []string
	for _, d := range got {
		if d.Text == nil {
			unread = append(unread, d.Path)
		}
	}
	if diff := cmp.Diff([]string{"docs/FIX-003.md", "docs/a\x1b[31m\nlarge.md"}, unread); diff != "" || len(got) != 12 {
		t.Errorf("%d documents, unread -want +got:\n%s", len(got), diff)
	}
}

// TestGitThatIsEnded: a deadline and a signal may pass, and make no second branch of
// what was written.
func TestGitThatIsEnded(t *testing.T) {
	dir := clone(t, map[string]string{"docs/adr.md": "one\n"})
	c := commit("holdfast/a", gitbranch.Change{Path: "docs/new.md", New: []byte("new\n")})
	if _, err := gitbranch.Write(t.Context(), dir, c); err != nil {
		t.Fatal(err)
	}
	other := c
	other.Branch = "holdfast/b"
	bin := t.TempDir()
	for text, want := range map[string]error{"kill -9 $$": gitbranch.ErrEnded, "exec sleep 60": context.DeadlineExceeded} {
		write(t, filepath.Join(bin, "git"), "#!/bin/sh\n"+text+"\n")
		if err := os.Chmod(filepath.Join(bin, "git"), 0o755); err != nil {
			t.Fatal(err)
		}
		t.Setenv("PATH", bin+":/usr/bin:/bin")
		for _, c := range []gitbranch.Commit{c, other} {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			if errors.Is(want, gitbranch.ErrEnded) {
				ctx = t.Context()
			}
			_, err := gitbranch.Write(ctx, dir, c)
			cancel()
			if !errors.Is(err, want) || errors.Is(err, gitbranch.ErrExists) {
				t.Errorf("%s, branch %s: %v", text, c.Branch, err)
			}
		}
	}
}

// TestWhoWasCutOffAsksAgain: the same commit is found, also below what people put
// on top; another one is not written over it.
func TestWhoWasCutOffAsksAgain(t *testing.T) {
	t.Parallel()
	dir := clone(t, map[string]string{"docs/adr.md": "one\r\n"})
	c := commit("holdfast/a", gitbranch.Change{Path: "docs/adr.md", Old: []byte("one\r\n"), New: []byte("one\r\ntwo\r\n")})
	sha, err := gitbranch.Write(t.Context(), dir, c)
	if err != nil {
		t.Fatal(err)
	}
	git(t, dir, "checkout", "-q", "holdfast/a")
	git(t, dir, "commit", "-q", "--allow-empty", "-m", "reviewed")
	git(t, dir, "checkout", "-q", "main")
	git(t, dir, "commit", "-q", "--allow-empty", "-m", "main goes on")
	if again, err := gitbranch.Write(t.Context(), dir, c); err != nil || again != sha {
		t.Errorf("again: %s, %v, want %s", again, err, sha)
	}
	c.Changes[0].New = []byte("one\r\nother\r\n")
	if _, err := gitbranch.Write(t.Context(), dir, c); !errors.Is(err, gitbranch.ErrExists) {
		t.Errorf("another text: %v", err)
	}
	lock := filepath.Join(dir, ".git/refs/heads/holdfast/b.lock")
	write(t, lock, "")
	c.Branch = "holdfast/b"
	if _, err := gitbranch.Write(t.Context(), dir, c); !errors.Is(err, gitbranch.ErrLocked) {
		t.Errorf("a lock of now: %v", err)
	}
	if err := os.Chtimes(lock, at, at); err != nil {
		t.Fatal(err)
	}
	if _, err := gitbranch.Write(t.Context(), dir, c); err != nil {
		t.Errorf("a lock that was left behind: %v", err)
	}
}

// TestNothingOfTheCloneRuns plants programs wherever git would run one.
func TestNothingOfTheCloneRuns(t *testing.T) {
	t.Parallel()
	dir := clone(t, map[string]string{"docs/a.md": "one\n", ".gitattributes": "*.md filter=evil diff=evil\n"})
	ran := filepath.Join(t.TempDir(), "ran")
	script := "#!/bin/sh\ntouch " + ran + "\n"
	for _, hook := range []string{"pre-commit", "commit-msg", "prepare-commit-msg", "post-commit", "reference-transaction", "post-index-change", "pre-auto-gc"} {
		write(t, filepath.Join(dir, ".git/hooks", hook), script)
		if err := os.Chmod(filepath.Join(dir, ".git/hooks", hook), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	config := filepath.Join(dir, ".git/config")
	old, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	write(t, config, string(old)+"[filter \"evil\"]\n\tclean = touch "+ran+"\n\tsmudge = touch "+ran+"\n\trequired = true\n[core]\n\tfsmonitor = touch "+ran+"\n\thooksPath = hooks\n[commit]\n\tgpgsign = true\n[gpg]\n\tprogram = touch\n")
	if _, err := gitbranch.Write(t.Context(), dir, commit("holdfast/x", gitbranch.Change{Path: "docs/a.md", Old: []byte("one\n"), New: []byte("two\n")})); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("a program of the clone ran")
	}
}

func TestWriteRefuses(t *testing.T) {
	t.Parallel()
	dir := clone(t, map[string]string{"docs/adr.md": "one\n"})
	if err := os.Symlink("/tmp", filepath.Join(dir, "docs/out")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("adr.md", filepath.Join(dir, "docs/link.md")); err != nil {
		t.Fatal(err)
	}
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-q", "-m", "links")
	git(t, dir, "branch", "taken")
	git(t, dir, "branch", "packed/one")
	git(t, dir, "pack-refs", "--all")
	git(t, dir, "branch", "loose")
	git(t, dir, "checkout", "-q", "-b", "feature/mine")
	fresh := gitbranch.Change{Path: "docs/new.md", New: []byte("x")}
	tests := map[string]struct {
		c    gitbranch.Commit
		want string
	}{
		"the default branch":     {commit("main", fresh), "main is a branch that people work on"},
		"the default, by case":   {commit("Main", fresh), "a branch that people work on"},
		"the current branch":     {commit("feature/mine", fresh), "a branch that people work on"},
		"a packed branch":        {commit("taken", fresh), "branch taken exists"},
		"a loose branch":         {commit("loose", fresh), "branch loose exists"},
		"below a branch":         {commit("loose/x", fresh), "branch loose exists"},
		"above a branch":         {commit("packed", fresh), "branch packed/one exists"},
		"a name that climbs":     {commit("../../x", fresh), "no name for a branch"},
		"a name that is a flag":  {commit("-x", fresh), "no name for a branch"},
		"a lock":                 {commit("x.lock", fresh), "no name for a branch"},
		"a path that climbs":     {commit("h/1", gitbranch.Change{Path: "../x.md", New: []byte("x")}), "no path"},
		"an absolute path":       {commit("h/1", gitbranch.Change{Path: "/etc/x", New: []byte("x")}), "no path"},
		"the git folder":         {commit("h/1", gitbranch.Change{Path: "a/.GIT/config", New: []byte("x")}), "no path"},
		"attributes":             {commit("h/1", gitbranch.Change{Path: ".gitattributes", New: []byte("x")}), "no path"},
		"over a link":            {commit("h/1", gitbranch.Change{Path: "docs/out/x.md", New: []byte("x")}), "docs/out is no plain file or folder"},
		"a link":                 {commit("h/1", gitbranch.Change{Path: "docs/link.md", Old: []byte("one\n"), New: []byte("x")}), "is no plain file"},
		"a folder":               {commit("h/1", gitbranch.Change{Path: "docs", New: []byte("x")}), "docs is no plain file"},
		"below a file":           {commit("h/1", gitbranch.Change{Path: "docs/adr.md/x.md", New: []byte("x")}), "docs/adr.md is no plain file or folder"},
		"work not committed":     {commit("h/1", gitbranch.Change{Path: "docs/adr.md", Old: []byte("other\n"), New: []byte("x")}), "changes that are not committed"},
		"a file not committed":   {commit("h/1", gitbranch.Change{Path: "docs/x.md", Old: []byte("x"), New: []byte("y")}), "not in the last commit"},
		"a new file that exists": {commit("h/1", gitbranch.Change{Path: "docs/adr.md", New: []byte("y")}), "exists in the last commit"},
		"nothing":                {commit("h/1"), "nothing to write"},
	}
	was := git(t, dir, "for-each-ref")
	for name, tt := range tests {
		if _, err := gitbranch.Write(t.Context(), dir, tt.c); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
	if got := git(t, dir, "for-each-ref"); got != was {
		t.Errorf("references changed:\n%s", got)
	}
}

// TestLineEndsOfTheWorkingTree: core.autocrlf gives the work other line ends
// than the commit has.
func TestLineEndsOfTheWorkingTree(t *testing.T) {
	t.Parallel()
	dir := clone(t, map[string]string{"a.md": "one\n"})
	sha, err := gitbranch.Write(t.Context(), dir, commit("h/1", gitbranch.Change{Path: "a.md", Old: []byte("one\r\n"), New: []byte("one\r\ntwo\r\n")}))
	if err != nil {
		t.Fatal(err)
	}
	if got := git(t, dir, "show", sha+":a.md"); got != "one\ntwo\n" {
		t.Errorf("got %q", got)
	}
}

func TestNoClone(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(dir string) error{
		"plain folder": func(string) error { return nil },
		"worktree":     func(dir string) error { return os.WriteFile(filepath.Join(dir, ".git"), []byte("gitdir: /x\n"), 0o644) },
		"linked":       func(dir string) error { return os.Symlink("/tmp", filepath.Join(dir, ".git")) },
	} {
		dir := t.TempDir()
		if err := make(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := gitbranch.Write(t.Context(), dir, commit("h/1", gitbranch.Change{Path: "a.md", New: []byte("x")})); err == nil {
			t.Errorf("%s: written", name)
		}
	}
	dir := t.TempDir()
	git(t, dir, "init", "-q")
	if _, err := gitbranch.Write(t.Context(), dir, commit("h/1", gitbranch.Change{Path: "a.md", New: []byte("x")})); err == nil || !strings.Contains(err.Error(), "no commit yet") {
		t.Errorf("empty clone: %v", err)
	}
}
