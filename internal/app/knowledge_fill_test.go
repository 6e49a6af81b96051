package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/store/search"
)

// numbered writes two services that each count their decisions from one, and work
// items that name them.
func numbered(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for n := range 20 {
		for _, s := range []string{"billing", "stock"} {
			write(t, filepath.Join(dir, "services", s, "docs", "adr", fmt.Sprintf("%04d-x.md", n+1)), fmt.Sprintf("# Use %s%d\n\nSee ADR-%04d.\n", s, n, (n+7)%20+1))
		}
		write(t, filepath.Join(dir, "bolts", fmt.Sprintf("BOLT-%d.md", n)), fmt.Sprintf("# BOLT-%d: Work\n\n**PRD**: PRD-%d, and BOLT-%d\n", n, n, n+1))
		write(t, filepath.Join(dir, "prd", fmt.Sprintf("PRD-%d.md", n)), fmt.Sprintf("# PRD-%d: Need\n\nword%d\n", n, n))
	}
	return dir
}

// told is all that an index says of the artefacts of a base.
func told(t *testing.T, ix *search.Index, base *knowledge.Base) map[string]any {
	t.Helper()
	known, err := ix.Known(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]any{"known": known}
	for _, a := range base.Artefacts() {
		edges, err := ix.Outgoing(t.Context(), search.Ref{ID: a.ID})
		if err != nil {
			t.Fatal(err)
		}
		q, err := search.Parse("id:" + a.ID)
		if err != nil {
			t.Fatal(err)
		}
		hits, err := ix.Search(t.Context(), q, search.Page{Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		out[a.ID] = []any{edges, hits}
	}
	return out
}

// An index that is made while the folders are read says what one says that is made
// behind it, is kept, and is not made again.
func TestAnIndexMadeWhileReadingIsTheSame(t *testing.T) {
	t.Parallel()
	dir, scheme := numbered(t), knowledge.DefaultScheme()
	answers := func(k *Knowledge, err error) map[string]any {
		if err != nil {
			t.Fatal(err)
		}
		ix, note, err := k.Index(t.Context())
		if err != nil || note != "" {
			t.Fatal(note, err)
		}
		out := told(t, ix, k.Base)
		if err := errors.Join(ix.Close(), k.Close()); err != nil {
			t.Fatal(err)
		}
		return out
	}
	want := answers(OpenKnowledge([]string{dir}, scheme, t.TempDir()))
	if len(want) != 81 {
		t.Fatalf("%d answers", len(want))
	}
	cache := t.TempDir()
	for _, c := range []struct{ name, cache string }{{"first", cache}, {"again", cache}, {"in memory", ""}} {
		if diff := cmp.Diff(want, answers(OpenIndexed(t.Context(), []string{dir}, scheme, c.cache))); diff != "" {
			t.Errorf("%s (-behind +meanwhile):\n%s", c.name, diff)
		}
	}
	write(t, filepath.Join(dir, "prd", "PRD-3.md"), "# PRD-3: Need\n\nzebra\n")
	if diff := cmp.Diff(answers(OpenKnowledge([]string{dir}, scheme, "")), answers(OpenIndexed(t.Context(), []string{dir}, scheme, cache))); diff != "" {
		t.Errorf("after a change (-anew +kept):\n%s", diff)
	}
}

// What is interrupted leaves nothing behind that could be taken for an index.
func TestAnInterruptedIndexIsEmpty(t *testing.T) {
	t.Parallel()
	dir, file := numbered(t), filepath.Join(t.TempDir(), "index")
	ctx, stop := context.WithCancel(t.Context())
	broken := errors.New("the folder went away")
	for name, end := range map[string]func() error{
		"a folder that can't be read": func() error { return broken },
		"a caller that gives up":      func() error { stop(); return nil },
	} {
		ctx := ctx
		if name == "a folder that can't be read" {
			ctx = t.Context()
		}
		ix, err := search.Open(t.Context(), file)
		if err != nil {
			t.Fatal(err)
		}
		handed := 0
		_, filled, err := fill(ctx, ix, func(each func(knowledge.File)) (*knowledge.Base, error) {
			base, err := knowledge.NewReader(knowledge.DefaultScheme()).ReadEach(func(f knowledge.File) { handed++; each(f) }, folderAt(t, dir))
			if e := end(); e != nil {
				return nil, e
			}
			return base, err
		})
		known, e := ix.Known(t.Context())
		if filled || handed != 80 || len(known) != 0 || e != nil || errors.Is(err, broken) != (name == "a folder that can't be read") {
			t.Errorf("%s: filled %v from %d files, %d known, %v, %v", name, filled, handed, len(known), e, err)
		}
		if err := ix.Close(); err != nil {
			t.Error(err)
		}
	}
}

func folderAt(t *testing.T, dir string) knowledge.Folder {
	t.Helper()
	o, err := openDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.done)
	return knowledge.Folder{FS: o.fs}
}
