package git

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"
)

// cloned is a clone of a world's, and a source that fetches for it.
func cloned(t *testing.T, w *world) (s *Source, dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "clone")
	w.git("clone", "-q", w.dir, dir)
	s, err := New(Options{Name: "git", Timeout: 30 * time.Second, Cache: t.TempDir(), Fetch: Fetch{
		Every: time.Minute, Timeout: 20 * time.Second, Env: []string{"PATH=" + os.Getenv("PATH")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return s, dir
}

func refresh(t *testing.T, s *Source, dir string, now time.Time) State {
	t.Helper()
	st, err := s.Refresh(t.Context(), dir, now)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func TestRefreshFetchesBesideTheClone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add("a", "1\n", "one")
	s, dir := cloned(t, w)
	two := w.add("a", "1\n2\n", "two")
	w.git("tag", "v2")
	before := listing(t, dir)
	st := refresh(t, s, dir, noon)
	if !st.Fetched.Equal(noon) || len(st.Findings()) > 0 {
		t.Errorf("state is %+v", st)
	}
	res, err := s.Resolve(t.Context(), dir, "app:v2", "")
	if err != nil || res.Commit != two {
		t.Errorf("a tag that was fetched is %+v, error %v", res, err)
	}
	if b, err := s.Blame(t.Context(), dir, two, "a", 2); err != nil || b.Commit.Hash != two {
		t.Errorf("blame of what was fetched is %+v, error %v", b, err)
	}
	if diff := cmp.Diff(before, listing(t, dir)); diff != "" {
		t.Errorf("the clone was changed (-before +after):\n%s", diff)
	}
	three := w.add("a", "1\n2\n3\n", "three")
	refresh(t, s, dir, noon.Add(30*time.Second))
	if res, _ := s.Resolve(t.Context(), dir, three, ""); res.Commit != "" {
		t.Error("it was fetched before it was due")
	}
	refresh(t, s, dir, noon.Add(2*time.Minute))
	if res, _ := s.Resolve(t.Context(), dir, three, ""); res.Commit != three {
		t.Error("it was not fetched when it was due")
	}
	// Another process, the same cache.
	again, err := New(Options{Name: "git", Cache: s.o.Cache, Timeout: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if res, _ := again.Resolve(t.Context(), dir, "v2", ""); res.Commit != two {
		t.Errorf("after a restart the tag is %+v", res)
	}
}

func TestRefreshSaysThatHistoryWasRewritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add("a", "1\n", "one")
	two := w.add("a", "2\n", "two")
	s, dir := cloned(t, w)
	if st := refresh(t, s, dir, noon); len(st.Forced) > 0 {
		t.Errorf("at first: %+v", st)
	}
	w.git("reset", "-q", "--hard", "HEAD~1")
	other := w.add("a", "3\n", "other")
	st := refresh(t, s, dir, noon.Add(time.Hour))
	want := []Forced{{Branch: "main", Old: two, New: other}}
	if diff := cmp.Diff(want, st.Forced); diff != "" || !strings.Contains(strings.Join(st.Findings(), "\n"), "rewritten") {
		t.Errorf("forced (-want +got):\n%s\n%v", diff, st.Findings())
	}
	res, err := s.Resolve(t.Context(), dir, two, "")
	if err != nil || res.Commit != two || res.Orphan {
		t.Errorf("what the clone's own branch still holds is %+v, error %v", res, err)
	}
	w.add("a", "4\n", "further")
	if st := refresh(t, s, dir, noon.Add(2*time.Hour)); len(st.Forced) > 0 {
		t.Errorf("a later push: %+v", st)
	}
	runIn(t, dir, noon, "reset", "-q", "--hard", "HEAD~1")
	runIn(t, dir, noon, "update-ref", "refs/remotes/origin/main", "HEAD")
	if res, err := s.Resolve(t.Context(), dir, two, ""); err != nil || res.Commit != two || !res.Orphan || res.Why == "" {
		t.Errorf("what no branch holds is %+v, error %v", res, err)
	}
}

func TestAnUnreachableRemoteIsAFinding(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add("a", "1\n", "one")
	s, dir := cloned(t, w)
	runIn(t, dir, noon, "remote", "set-url", "origin", "https://ana:hunter2@127.0.0.1:1/x.git")
	st := refresh(t, s, dir, noon)
	text := strings.Join(st.Findings(), "\n")
	if !strings.Contains(text, "what the clone holds is used") || strings.Contains(text, "hunter2") || !st.Fetched.IsZero() {
		t.Errorf("state is %+v", st)
	}
	if _, err := s.Blame(t.Context(), dir, "", "a", 1); err != nil {
		t.Errorf("without its remote: %v", err)
	}
	runIn(t, dir, noon, "remote", "set-url", "origin", w.dir)
	if st := refresh(t, s, dir, noon.Add(time.Second)); len(st.Failed) == 0 {
		t.Errorf("it was tried again at once, or the failure forgotten: %+v", st)
	}
	if st := refresh(t, s, dir, noon.Add(time.Hour)); len(st.Failed) > 0 || !st.Fetched.Equal(noon.Add(time.Hour)) {
		t.Errorf("when it is reachable again: %+v", st)
	}
}

// TestWhatWasAskedForIsTriedAgain: who calls once for a push does not call again when
// the remote was away just then.
func TestWhatWasAskedForIsTriedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add("a", "1\n", "one")
	s, dir := cloned(t, w)
	s.o.Fetch.Every = 0
	s.o.Fetch.Remotes = map[string]Remote{clonePath(dir): {}}
	if st := refresh(t, s, dir, noon); !st.Fetched.IsZero() {
		t.Errorf("it was fetched and nobody asked: %+v", st)
	}
	runIn(t, dir, noon, "remote", "set-url", "origin", filepath.Join(t.TempDir(), "away"))
	if st, err := s.refresh(t.Context(), dir, noon, true); err != nil || len(st.Failed) == 0 {
		t.Fatalf("state is %+v, error %v", st, err)
	}
	runIn(t, dir, noon, "remote", "set-url", "origin", w.dir)
	if st := refresh(t, s, dir, noon.Add(time.Minute)); len(st.Failed) == 0 {
		t.Errorf("it was tried again at once, or the failure forgotten: %+v", st)
	}
	then := noon.Add(keepEvery)
	if st := refresh(t, s, dir, then); len(st.Failed) > 0 || !st.Fetched.Equal(then) {
		t.Errorf("when it is reachable again: %+v", st)
	}
	if st := refresh(t, s, dir, then.Add(time.Hour)); !st.Fetched.Equal(then) {
		t.Errorf("it was fetched again and nobody asked: %+v", st)
	}
}

func TestDirty(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write("b c", "1\n")
	w.add("a", "1\n", "one")
	s := source(t)
	if got, err := s.Dirty(t.Context(), w.dir); err != nil || len(got) > 0 {
		t.Errorf("clean: %v, error %v", got, err)
	}
	w.write("b c", "changed\n")
	w.write("untracked", "x\n")
	if err := os.Remove(w.dir + "/a"); err != nil {
		t.Fatal(err)
	}
	got, err := s.Dirty(t.Context(), w.dir)
	if diff := cmp.Diff([]string{"a", "b c"}, got); diff != "" || err != nil {
		t.Errorf("changed (-want +got), error %v:\n%s", err, diff)
	}
}

func TestTheIndexIsKeptInTheMirror(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 3 {
		w.add("a", strings.Repeat("1\n", w.n+1), "more")
	}
	before := listing(t, w.dir)
	s := source(t)
	if st := refresh(t, s, w.dir, noon); len(st.Failed) > 0 {
		t.Fatalf("state is %+v", st)
	}
	graphs, err := filepath.Glob(s.cache + "/*/objects/info/commit-graphs/graph-*.graph")
	if err != nil || len(graphs) != 1 {
		t.Errorf("indexes: %v, error %v", graphs, err)
	}
	if diff := cmp.Diff(before, listing(t, w.dir)); diff != "" {
		t.Errorf("the clone was changed (-before +after):\n%s", diff)
	}
	if b := blame(t, s, w.dir, "a", 1); b.Commit.Subject != "more" {
		t.Errorf("blame says %+v", b)
	}
}

func TestFetchable(t *testing.T) {
	t.Parallel()
	for _, ok := range []string{
		"https://git.example.com/a.git", "ssh://git@h:22/a", "git@git.example.com:a/b.git", "/srv/a.git", "file:///srv/a.git", "../a", "host:a",
	} {
		if _, err := fetchable(ok, "/x"); err != nil {
			t.Errorf("%q: %v", ok, err)
		}
	}
	for _, bad := range []string{
		"", "-oProxyCommand=x", "ext::sh -c x", "ssh://-oProxyCommand=x/a", "-x@h:a", "https://a\nb", "foo://x", "fd::3", "plain", "ext::https://a", "-h:a",
	} {
		if got, err := fetchable(bad, "/x"); err == nil {
			t.Errorf("%q became %q", bad, got)
		}
	}
}

func TestKeepSaysWhatLimitsHistory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add("a", "1\n", "one")
	gone := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var said strings.Builder
	log := slog.New(slog.NewTextHandler(writer(func(p []byte) (int, error) {
		cancel() // what follows the first line is not waited for
		return said.Write(p)
	}), nil))
	if err := source(t).Keep(ctx, []string{gone}, log, nil); err != nil {
		t.Error(err)
	}
	if got := said.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, gone) || !strings.Contains(got, "not a git repository") {
		t.Errorf("it said %s", got)
	}
}

type writer func(p []byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

func TestTheMirrorComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add("a", "1\n", "one")
	s := source(t)
	blame(t, s, w.dir, "a", 1)
	files, err := filepath.Glob(s.cache + "/*/*")
	if err != nil || len(files) < 4 {
		t.Fatalf("files %v, error %v", files, err)
	}
	for _, f := range append(files, s.cache) {
		if err := os.RemoveAll(f); err != nil {
			t.Fatal(err)
		}
		w.add("a", strings.Repeat("1\n", w.n+1), "more")
		if b := blame(t, s, w.dir, "a", w.n); b.Commit.Subject != "more" {
			t.Errorf("without %s: %+v", f, b)
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 5 {
		w.add("a", strings.Repeat("1\n", w.n+1), "more")
	}
	s := source(t)
	var g errgroup.Group
	for i := range 20 {
		g.Go(func() error {
			if i%5 == 0 {
				_, err := s.Refresh(t.Context(), w.dir, noon)
				return err
			}
			_, err := s.Repository(w.dir).Blame(t.Context(), "", "a", 1+i%5)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}
