package app

import (
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/store/search"
)

func newTestLibrary(t *testing.T, cache string, dirs ...string) *library {
	t.Helper()
	l := newLibrary(config.Config{Knowledge: dirs}, cache, slog.New(slog.DiscardHandler))
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func ids(b *knowledge.Base) (out []string) {
	for _, a := range b.Artefacts() {
		out = append(out, a.ID)
	}
	return out
}

// finds is how many artefacts have a word.
func finds(tb testing.TB, l *library, word string) int {
	tb.Helper()
	ix, _, err := l.Index(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	q, err := search.Parse(word)
	if err != nil {
		tb.Fatal(err)
	}
	res, err := ix.Search(tb.Context(), q, search.Page{})
	if err != nil {
		tb.Fatal(err)
	}
	return res.Total
}

// aged makes the library's contents as old as they may not be.
func (l *library) aged() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.readAt = l.readAt.Add(-2 * rereadAfter)
}

func TestLibraryReadsAgainWhenAskedOrAfterAMinute(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := newTestLibrary(t, t.TempDir(), dir)
	base := func() *knowledge.Base {
		t.Helper()
		b, err := l.Base(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	write(t, filepath.Join(dir, "adr", "1.md"), "# ADR-1: Zebra\n")
	first := base()
	write(t, filepath.Join(dir, "adr", "2.md"), "# ADR-2: Okapi\n")
	if base() != first {
		t.Error("read again within the minute")
	}
	l.Changed()
	if diff := cmp.Diff([]string{"ADR-1", "ADR-2"}, ids(base())); diff != "" {
		t.Errorf("after Changed:\n%s", diff)
	}
	second := base()
	l.aged()
	if base() != second {
		t.Error("another Base although no file changed")
	}
	write(t, filepath.Join(dir, "adr", "3.md"), "# ADR-3: Gnu\n")
	l.aged()
	if diff := cmp.Diff([]string{"ADR-1", "ADR-2", "ADR-3"}, ids(base())); diff != "" {
		t.Errorf("after a minute:\n%s", diff)
	}
}

func TestLibraryKeepsWhatItReadWhenAFolderGoesAway(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "docs")
	l := newTestLibrary(t, "", dir)
	if _, err := l.Base(t.Context()); err == nil || !strings.Contains(err.Error(), "open knowledge folder") {
		t.Errorf("no folder: %v", err)
	}
	write(t, filepath.Join(dir, "adr", "1.md"), "# ADR-1: Zebra\n")
	if err := l.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir, dir+"-gone"); err != nil {
		t.Fatal(err)
	}
	l.Changed()
	base, failed, err := l.state(t.Context())
	if err != nil || failed == nil || len(base.Artefacts()) != 1 {
		t.Errorf("%d artefacts, failed %v, error %v", len(base.Artefacts()), failed, err)
	}
	if err := os.Rename(dir+"-gone", dir); err != nil {
		t.Fatal(err)
	}
	l.aged()
	if _, failed, _ := l.state(t.Context()); failed != nil {
		t.Errorf("still failed: %v", failed)
	}
}

func TestLibraryIndexFollowsTheBase(t *testing.T) {
	t.Parallel()
	one, two := filepath.Join(t.TempDir(), "docs"), filepath.Join(t.TempDir(), "docs")
	l := newTestLibrary(t, t.TempDir(), one, two)
	write(t, filepath.Join(one, "adr", "1.md"), "# ADR-1: Zebra\n")
	write(t, filepath.Join(two, "adr", "2.md"), "# ADR-2: Zebra\n")
	hits := func() (out []string) {
		t.Helper()
		ix, _, err := l.Index(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		q, err := search.Parse("zebra")
		if err != nil {
			t.Fatal(err)
		}
		res, err := ix.Search(t.Context(), q, search.Page{})
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range res.Hits {
			out = append(out, h.ID)
		}
		return out
	}
	if diff := cmp.Diff([]string{"ADR-1", "ADR-2"}, hits()); diff != "" {
		t.Errorf("first:\n%s", diff)
	}
	if src, err := l.Source(filepath.ToSlash(two), "adr/2.md"); err != nil || !strings.Contains(string(src), "ADR-2") {
		t.Errorf("source %q, %v", src, err)
	}
	if _, err := l.Source("docs", "../docs/adr/1.md"); err == nil {
		t.Error("a path led out of its folder")
	}
	write(t, filepath.Join(one, "adr", "1.md"), "# ADR-1: Gnu\n")
	if err := os.Chtimes(filepath.Join(one, "adr", "1.md"), time.Time{}, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	l.Changed()
	if diff := cmp.Diff([]string{"ADR-2"}, hits()); diff != "" {
		t.Errorf("after a change:\n%s", diff)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.Index(t.Context()); err == nil {
		t.Error("a closed library has an index")
	}
}

// An index that can't be brought up to date is replaced, and who searches it
// meanwhile gets an answer.
func TestAnIndexThatIsReplacedStillAnswers(t *testing.T) {
	t.Parallel()
	dir, cache := t.TempDir(), t.TempDir()
	l := newTestLibrary(t, cache, dir)
	write(t, filepath.Join(dir, "adr", "1.md"), "# ADR-1: Zebra\n")
	old, _, err := l.Index(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(cache, "search", "*.db"))
	if err != nil || len(files) != 1 {
		t.Fatalf("kept: %v, %v", files, err)
	}
	db, err := sql.Open("sqlite", files[0])
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.ExecContext(t.Context(), "CREATE TRIGGER full BEFORE INSERT ON files BEGIN SELECT RAISE(ABORT, 'no more'); END")
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "adr", "2.md"), "# ADR-2: Zebra\n")
	l.Changed()
	ix, _, err := l.Index(t.Context())
	if err != nil || ix == old {
		t.Fatalf("the same index: %t, %v", ix == old, err)
	}
	q, err := search.Parse("zebra")
	if err != nil {
		t.Fatal(err)
	}
	for n, in := range map[int]*search.Index{1: old, 2: ix} {
		if res, err := in.Search(t.Context(), q, search.Page{}); err != nil || res.Total != n {
			t.Errorf("%d hits, want %d, error %v", res.Total, n, err)
		}
	}
}

// Another process may write to the same index, from folders that it read earlier.
func TestLibraryIndexIsMadeGoodAfterAnother(t *testing.T) {
	t.Parallel()
	dir, cache := t.TempDir(), t.TempDir()
	l := newTestLibrary(t, cache, dir)
	say := func(n int, word string) {
		t.Helper()
		path := filepath.Join(dir, "adr", strconv.Itoa(n)+".md")
		write(t, path, fmt.Sprintf("# ADR-%d: Animals\n\n%s\n", n, word))
		if err := os.Chtimes(path, time.Time{}, time.Unix(int64(len(word)), 0)); err != nil {
			t.Fatal(err)
		}
		l.Changed()
	}
	found := func(word string) int { return finds(t, l, word) }
	say(1, "zebra")
	say(2, "okapi")
	words := []string{"gnu", "kudu", "bongo"}
	for _, word := range words {
		say(1, word)
		if found(word) != 1 || found("okapi") != 1 {
			t.Errorf("after a change: %s %d times, okapi %d times", word, found(word), found("okapi"))
		}
	}
	if found("kudu") != 0 {
		t.Error("what is gone is found")
	}

	other, err := search.Open(t.Context(), indexFile(cache, l.named()))
	if err != nil {
		t.Fatal(err)
	}
	err = other.Apply(t.Context(), slices.Values([]search.Change{{Key: search.Key{Path: "adr/2.md"}, Remove: true}}))
	if err := errors.Join(err, other.Close()); err != nil {
		t.Fatal(err)
	}
	say(1, "springbok")
	if found("springbok") != 1 || found("okapi") != 1 {
		t.Errorf("springbok %d times, okapi %d times", found("springbok"), found("okapi"))
	}
}
