package app

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/knowledge/draft"
	"github.com/holdfast-sre/holdfast/internal/source/git"
)

const hookSecret = "0123456789abcdef0123456789"

// followedHouse is a house whose clone has a remote, and that hears of pushes.
func followedHouse(t *testing.T) (h house, remote string) {
	t.Helper()
	h = newHouse(t, `
repositories: [{path: booking, fetch: 1h}]
intake: [{name: forge, type: git, token_file: hook}]
`)
	write(t, filepath.Join(filepath.Dir(h.file), "hook"), hookSecret)
	remote = filepath.Join(t.TempDir(), "shop", "booking.git")
	h.git("clone", "-q", "--bare", h.clone, remote)
	h.git("remote", "add", "origin", remote)
	return h, remote
}

// push makes a commit at the remote, as somebody else does.
func (h house) push(remote, file, text string) (commit string) {
	h.t.Helper()
	return h.pushTo(remote, "main", file, text)
}

func (h house) pushTo(remote, branch, file, text string) (commit string) {
	h.t.Helper()
	other := h
	other.clone = h.t.TempDir()
	other.git("clone", "-q", remote, ".")
	write(h.t, filepath.Join(other.clone, filepath.FromSlash(file)), text)
	other.git("add", "-A")
	other.git("commit", "-q", "-m", "add "+file)
	other.git("push", "-q", "origin", "HEAD:refs/heads/"+branch)
	return other.git("rev-parse", "HEAD")
}

// event tells the server of a push, signed with a secret.
func event(t *testing.T, a *App, remote, secret string) int {
	t.Helper()
	body := fmt.Appendf(nil, `{"ref":"refs/heads/main","repository":{"full_name":"shop/booking","clone_url":"https://git.example.com/shop/booking.git","ssh_url":%q}}`, remote)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.URL()+"/webhook/git", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-GitHub-Event", "push")
	req.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// knows waits until the server's knowledge holds an artefact.
func knows(t *testing.T, a *App, id string) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(30 * time.Second)
	for {
		base, err := a.library.Base(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := base.Artefact(id); ok {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("the server does not know %s", id)
		}
	}
}

// TestKnowledgeFollowsTheRemote: a push is heard of, fetched beside the clone, read
// from the fetched branch, and what is drafted then stands on it.
func TestKnowledgeFollowsTheRemote(t *testing.T) {
	t.Parallel()
	h, remote := followedHouse(t)
	first := h.push(remote, "docs/ADR-024-queue.md", "# ADR-024: Queue\n\n**Status**: accepted\n")
	h.pushTo(remote, "holdfast/inc-2025-0099", "docs/FIX-045-waits.md", "# FIX-045: Waits\n")
	write(t, filepath.Join(h.clone, "docs", "ADR-099-mine.md"), "# ADR-099: Not committed\n")
	was := h.git("status", "--porcelain=v2", "--branch") + h.git("for-each-ref")
	a, stop := h.serve(nil)
	knows(t, a, "ADR-024") // fetched at start
	if base, err := a.library.Base(t.Context()); err != nil {
		t.Fatal(err)
	} else if _, ok := base.Artefact("ADR-099"); ok {
		t.Error("what nobody has committed is read")
	}
	if text, err := a.library.Source("", "ADR-024-queue.md"); err != nil || !strings.HasPrefix(string(text), "# ADR-024") {
		t.Errorf("its text is %q, %v", text, err)
	}
	second := h.push(remote, "docs/FIX-041-late.md", "# FIX-041: Late\n\n**ADR**: ADR-024\n")
	if code := event(t, a, remote, "another secret of 26 bytes"); code != http.StatusUnauthorized {
		t.Errorf("a wrong signature is answered %d", code)
	}
	if code := event(t, a, "/srv/other.git", hookSecret); code != http.StatusOK {
		t.Errorf("a push to another repository is answered %d", code)
	}
	if code := event(t, a, remote, hookSecret); code != http.StatusAccepted {
		t.Errorf("a push is answered %d", code)
	}
	knows(t, a, "FIX-041")
	if got := h.git("status", "--porcelain=v2", "--branch") + h.git("for-each-ref"); got != was {
		t.Errorf("the clone changed:\n%s\nwas\n%s", got, was)
	}
	id := resolve(t, a, nil)
	inc, events := drafted(t, a.Store(), id, 1)
	stop()
	ids := idsOfFiles(inc.Drafts[0])
	if !slices.ContainsFunc(ids, func(s string) bool { return s == "fix-bolt FIX-046" }) {
		t.Errorf("drafted %v: an ID that the remote has, or that waits there, may be given again\n%v", ids, events)
	}
	branch := "holdfast/" + strings.ToLower(id)
	if got := h.git("rev-parse", branch+"^"); got != second || got == first {
		t.Errorf("the drafts stand on %s, want %s", got, second)
	}
	h.git("fsck", "--strict", "--no-dangling")
	if _, err := os.Stat(filepath.Join(h.clone, "docs", "FIX-041-late.md")); err == nil {
		t.Error("the working tree was changed")
	}
}

// TestWhatWasReadStays: a branch that the remote deletes, and a remote that is gone.
func TestWhatWasReadStays(t *testing.T) {
	t.Parallel()
	h, remote := followedHouse(t)
	commit := h.push(remote, "docs/ADR-024-queue.md", "# ADR-024: Queue\n")
	cfg, err := config.Load(h.file, func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	repos, err := newRepositories(cfg)
	if err != nil {
		t.Fatal(err)
	}
	src, err := git.New(git.Options{Name: "git", Cache: t.TempDir(), Fetch: repos.fetch()})
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	f := newFollower(src, repos, slog.New(slog.NewTextHandler(&said, nil)))
	docs := filepath.Join(h.clone, "docs")
	if got, _, _ := f.commit(t.Context(), docs); got != "" || !strings.Contains(said.String(), "nothing has been fetched yet") {
		t.Errorf("before the first fetch: %q, %s", got, said.String())
	}
	at := time.Now()
	look := func() string {
		t.Helper()
		at = at.Add(2 * time.Hour)
		if _, err := src.Refresh(t.Context(), h.clone, at); err != nil {
			t.Fatal(err)
		}
		got, _, inside := f.commit(t.Context(), docs)
		if inside != "docs" {
			t.Errorf("the folder is %q in its clone", inside)
		}
		return got
	}
	if got := look(); got != commit {
		t.Errorf("fetched: %q", got)
	}
	h.git("-C", remote, "branch", "-m", "main", "other")
	said.Reset()
	if first, second := look(), look(); first != commit || second != commit || strings.Count(said.String(), "the remote has no branch main: what it held last is read") != 1 {
		t.Errorf("a deleted branch: %s", said.String())
	}
	if err := os.RemoveAll(remote); err != nil {
		t.Fatal(err)
	}
	if got := look(); got != commit {
		t.Errorf("a remote that is gone: %q", got)
	}
}

// fetchedLibrary is the library of a house and another folder, with what the remote
// holds fetched.
func (h house) fetchedLibrary(dirs ...string) *library {
	h.t.Helper()
	cfg, err := config.Load(h.file, func(string) (string, bool) { return "", false })
	if err != nil {
		h.t.Fatal(err)
	}
	repos, err := newRepositories(cfg)
	if err != nil {
		h.t.Fatal(err)
	}
	src, err := git.New(git.Options{Name: "git", Cache: h.t.TempDir(), Fetch: repos.fetch()})
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := src.Refresh(h.t.Context(), h.clone, time.Now()); err != nil {
		h.t.Fatal(err)
	}
	l := newTestLibrary(h.t, "", dirs...)
	l.follow = newFollower(src, repos, slog.New(slog.DiscardHandler))
	return l
}

// TestTheFoldersAreReadForAllWhoAsk: whoever asks first may go away.
func TestTheFoldersAreReadForAllWhoAsk(t *testing.T) {
	t.Parallel()
	h, remote := followedHouse(t)
	h.push(remote, "docs/ADR-024-queue.md", "# ADR-024: Queue\n")
	l := h.fetchedLibrary(filepath.Join(h.clone, "docs"), t.TempDir())
	if _, err := l.Base(t.Context()); err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	l.Changed()
	for _, ctx := range []context.Context{gone, t.Context()} {
		base, err := l.Base(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := base.Artefact("ADR-024"); !ok {
			t.Error("a folder is gone because somebody who asked for it is")
		}
	}
}

// TestDraftsForAFollowedCloneOfRunbooks stand on what was fetched, as they were made.
func TestDraftsForAFollowedCloneOfRunbooks(t *testing.T) {
	t.Parallel()
	h, remote := followedHouse(t)
	write(t, filepath.Join(h.clone, "runbooks", "pool.yaml"), "one\n")
	h.git("add", "-A")
	h.git("commit", "-q", "-m", "runbook")
	h.git("push", "-q", "origin", "main")
	commit := h.push(remote, "runbooks/pool.yaml", "two\n")
	s := &scribe{library: h.fetchedLibrary(t.TempDir()), to: config.DraftsBranch, runbooks: filepath.Join(h.clone, "runbooks")}
	files := []draft.File{{Repo: filepath.ToSlash(s.runbooks), Path: "pool.yaml", Old: []byte("two\n"), New: []byte("two\nthree\n")}}
	out, notes, err := s.Branch(t.Context(), "INC-2026-0001", files, "drafts\n", time.Now())
	if err != nil || len(out) != 1 || len(notes) != 0 {
		t.Fatalf("%+v, %q, %v", out, notes, err)
	}
	if got := h.git("rev-parse", out[0].Branch+"^"); got != commit {
		t.Errorf("the draft stands on %s, want %s", got, commit)
	}
}

// TestOneCloneThatFailsIsANote: the branches of the others are told, and what is in no
// folder goes nowhere.
func TestOneCloneThatFailsIsANote(t *testing.T) {
	t.Parallel()
	a, b := newHouse(t), newHouse(t)
	docs := func(h house) string { return filepath.Join(h.clone, "docs") }
	s := &scribe{library: newTestLibrary(t, "", docs(a), docs(b)), to: config.DraftsBranch}
	names := folderNames(s.library.dirs)
	good := draft.File{Repo: names[0], Path: "FIX-004.md", New: []byte("# FIX-004\n")}
	bad := draft.File{Repo: names[1], Path: "FIX-005.md", Old: []byte("gone\n"), New: []byte("# FIX-005\n")}
	lost := draft.File{Repo: "elsewhere", Path: "FIX-006.md", New: []byte("# FIX-006\n")}
	out, notes, err := s.Branch(t.Context(), "INC-2026-0001", []draft.File{bad, good, lost}, "drafts\n", time.Now())
	if err != nil || len(out) != 1 || out[0].Repository != realPath(a.clone) {
		t.Errorf("%+v, %v", out, err)
	}
	if all := strings.Join(notes, "\n"); len(notes) != 2 || !strings.Contains(all, `"elsewhere" is in no git clone`) ||
		!strings.Contains(all, "no branch in "+realPath(b.clone)+": ") || !strings.Contains(all, "docs/FIX-005.md is not in the last commit") {
		t.Errorf("notes %q", notes)
	}
	if _, _, err = s.Branch(t.Context(), "INC-2026-0002", []draft.File{bad}, "drafts\n", time.Now()); err == nil {
		t.Error("no branch at all is no error")
	}
	if changes, without := inClones(map[string]string{}, []draft.File{lost, lost}); len(changes) != 0 || len(without) != 1 {
		t.Errorf("a folder that nobody knows: %v, %q", changes, without)
	}
}

// over is a context whose time is up just when the work is done.
type over struct{ context.Context }

func (over) Err() error { return context.DeadlineExceeded }

// TestABranchInTheLastMomentIsTold: what is written is not lost because no time is
// left.
func TestABranchInTheLastMomentIsTold(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := &scribe{library: newTestLibrary(t, "", filepath.Join(h.clone, "docs")), to: config.DraftsBranch}
	files := []draft.File{{Repo: folderNames(s.library.dirs)[0], Path: "FIX-004.md", New: []byte("# FIX-004\n")}}
	out, _, err := s.Branch(over{t.Context()}, "INC-2026-0001", files, "drafts\n", time.Now())
	if err != nil || len(out) != 1 || out[0].Commit != h.git("rev-parse", out[0].Branch) {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestPlacesOfRemotes(t *testing.T) {
	t.Parallel()
	for _, same := range [][]string{
		{"https://git.example.com/shop/booking.git", "git@git.example.com:shop/booking.git", "ssh://git@Git.example.com:2222/shop/booking", "https://ana@git.example.com/shop/booking/"},
		{"/srv/shop/booking.git", "/srv/shop/booking", "/srv/x/../shop/booking.git"},
	} {
		for _, s := range same[1:] {
			if place(s) != place(same[0]) {
				t.Errorf("%s is at %s, %s at %s", s, place(s), same[0], place(same[0]))
			}
		}
	}
	if place("https://a.example/x/y") == place("https://b.example/x/y") || place("a:x") == place("b:x") {
		t.Error("two hosts are one")
	}
}
