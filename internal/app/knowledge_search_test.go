package app

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/store/search"
)

func TestWholeTextKeepsLines(t *testing.T) {
	t.Parallel()
	text, line := wholeText(knowledge.Section{
		Text: "one\n\n\n\nfive", TextLine: 10, Code: []knowledge.Code{{Text: "panic: pool\nat x.go:1\n", Line: 12}, {Text: "end\n", Line: 20}},
	})
	if want := "one\n\npanic: pool\nat x.go:1\nfive\n\n\n\n\n\nend"; text != want || line != 10 {
		t.Errorf("got %q from line %d, want %q from 10", text, line, want)
	}
}

// found opens the folder's index and returns the paths that a query finds.
func found(t *testing.T, dir, cache string, s knowledge.Scheme, query string) []string {
	t.Helper()
	k, err := OpenKnowledge([]string{dir}, s, cache)
	if err != nil {
		t.Fatal(err)
	}
	ix, _, err := k.Index(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	q, err := search.Parse(query)
	if err != nil {
		t.Fatal(err)
	}
	res, err := ix.Search(t.Context(), q, search.Page{})
	if err := errors.Join(err, ix.Close(), k.Close()); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, h := range res.Hits {
		out = append(out, h.Path)
	}
	return out
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// The index stays in the cache folder, and nothing in it is older than what was
// read: not after another naming of kinds, not when a link's target got another
// ID in its own file.
func TestIndexIsKeptAndFollows(t *testing.T) {
	t.Parallel()
	dir, cache := t.TempDir(), t.TempDir()
	write(t, filepath.Join(dir, "specs", "cancel.md"), "# Cancel\n\nSee [the outbox](../adr/outbox.md).\n")
	write(t, filepath.Join(dir, "adr", "outbox.md"), "# ADR-023: Outbox\n")
	plain := knowledge.DefaultScheme()
	if got := found(t, dir, cache, plain, "kind:prd"); got != nil {
		t.Errorf("PRDs: %v", got)
	}
	if files, err := filepath.Glob(filepath.Join(cache, "search", "*.db")); err != nil || len(files) != 1 {
		t.Fatalf("kept: %v, %v", files, err)
	}
	named := plain.With(nil, map[string]knowledge.Kind{"specs": knowledge.PRD})
	if diff := cmp.Diff([]string{"specs/cancel.md"}, found(t, dir, cache, named, "kind:prd")); diff != "" {
		t.Errorf("the folder is one of PRDs now:\n%s", diff)
	}
	if got := found(t, dir, cache, plain, "kind:prd"); got != nil {
		t.Errorf("PRDs of the usual naming: %v", got)
	}
	if diff := cmp.Diff([]string{"specs/cancel.md"}, found(t, dir, cache, plain, "links:ADR-023")); diff != "" {
		t.Errorf("links:\n%s", diff)
	}
	write(t, filepath.Join(dir, "adr", "outbox.md"), "# ADR-024: Outbox\n")
	if diff := cmp.Diff([]string{"specs/cancel.md"}, found(t, dir, cache, plain, "links:ADR-024")); diff != "" {
		t.Errorf("the target has another ID now:\n%s", diff)
	}
}

// A damage that shows only while the index is brought up to date is repaired on
// the way.
func TestDamagedIndexIsMadeAnew(t *testing.T) {
	t.Parallel()
	dir, cache := t.TempDir(), t.TempDir()
	write(t, filepath.Join(dir, "adr", "outbox.md"), "# ADR-023: Outbox\n\nzebra\n")
	plain := knowledge.DefaultScheme()
	found(t, dir, cache, plain, "zebra")
	files, err := filepath.Glob(filepath.Join(cache, "search", "*.db"))
	if err != nil || len(files) != 1 {
		t.Fatalf("kept: %v, %v", files, err)
	}
	raw, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	for page := 1; page*4096 < len(raw); page++ {
		damaged := append([]byte(nil), raw...)
		for i := page * 4096; i < (page+1)*4096; i++ {
			damaged[i] = 0x55
		}
		if err := os.WriteFile(files[0], damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "adr", "outbox.md"), "# ADR-023: Outbox\n\nzebra "+string(rune('a'+page))+"\n")
		k, err := OpenKnowledge([]string{dir}, plain, cache)
		if err != nil {
			t.Fatal(err)
		}
		ix, _, err := k.Index(t.Context())
		if err != nil {
			t.Errorf("page %d: %v", page, err)
		} else if err := ix.Close(); err != nil {
			t.Error(err)
		}
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A symbolic link has neither the size nor the time of its file.
func TestWhatALinkLeadsToIsIndexedAgain(t *testing.T) {
	t.Parallel()
	dir, cache := t.TempDir(), t.TempDir()
	write(t, filepath.Join(dir, "adr.txt"), "# ADR-1: Zebra\n")
	if err := os.Symlink("adr.txt", filepath.Join(dir, "adr.md")); err != nil {
		t.Fatal(err)
	}
	plain := knowledge.DefaultScheme()
	if diff := cmp.Diff([]string{"adr.md"}, found(t, dir, cache, plain, "zebra")); diff != "" {
		t.Fatalf("zebra:\n%s", diff)
	}
	write(t, filepath.Join(dir, "adr.txt"), "# ADR-1: Okapi\n")
	if got := found(t, dir, cache, plain, "zebra"); got != nil {
		t.Errorf("zebra after the change: %v", got)
	}
	if diff := cmp.Diff([]string{"adr.md"}, found(t, dir, cache, plain, "okapi")); diff != "" {
		t.Errorf("okapi after the change:\n%s", diff)
	}
}

// A cache that can't be written to, as on a full disk, costs time and no answer.
func TestSearchWithoutACacheFolder(t *testing.T) {
	t.Parallel()
	dir, cache := t.TempDir(), filepath.Join(t.TempDir(), "file")
	write(t, filepath.Join(dir, "adr", "outbox.md"), "# ADR-023: Outbox\n\nzebra\n")
	write(t, cache, "no folder")
	k, err := OpenKnowledge([]string{dir}, knowledge.DefaultScheme(), cache)
	if err != nil {
		t.Fatal(err)
	}
	ix, note, err := k.Index(t.Context())
	if err != nil || !strings.Contains(note, "the index is not kept: ") {
		t.Fatalf("note %q, error %v", note, err)
	}
	if err := errors.Join(ix.Close(), k.Close()); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"adr/outbox.md"}, found(t, dir, cache, knowledge.DefaultScheme(), "zebra")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
