package search_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-sre/holdfast/internal/store/search"
)

// Many small changes leave few parts of the full-text index, for each search looks
// into all of them, and none waits until parts are merged at once.
func TestManyChangesLeaveFewParts(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "index")
	ix := open(t, path)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	most := 0
	for n := range 200 {
		apply(t, ix, search.Change{Key: search.Key{Path: "a.md"}, Hash: fmt.Sprint(n), Documents: []search.Document{{ID: "ADR-1", Title: fmt.Sprintf("word%d", n)}}})
		parts := 0
		if err := db.QueryRowContext(t.Context(), "SELECT count(DISTINCT segid) FROM text_idx").Scan(&parts); err != nil {
			t.Fatal(err)
		}
		most = max(most, parts)
	}
	if most < 2 || most > 40 {
		t.Errorf("the index had up to %d parts, want a few", most)
	}
	if got := ids(find(t, ix, "word199").Hits); len(got) != 1 {
		t.Errorf("the last change was found %d times", len(got))
	}
	if got := ids(find(t, ix, "word198").Hits); len(got) != 0 {
		t.Errorf("what was replaced was found %d times", len(got))
	}
}

// Links can be brought behind the text only of a file that was brought before.
func TestLinksOfAnUnknownFileAreRefused(t *testing.T) {
	t.Parallel()
	ix := open(t, "")
	a := search.Change{Key: search.Key{Path: "a.md"}, Documents: []search.Document{{ID: "ADR-1", Title: "Zebra"}}}
	linked := search.Change{Key: search.Key{Path: "b.md"}, Hash: "1", Linked: true, Documents: []search.Document{{Links: []search.Link{{To: "ADR-1"}}}}}
	if err := ix.Apply(t.Context(), slices.Values([]search.Change{a, linked})); err == nil || !strings.Contains(err.Error(), "index b.md: ") {
		t.Errorf("error %v", err)
	}
	if got := find(t, ix, "zebra").Hits; len(got) != 0 {
		t.Errorf("part of it was written: %v", got)
	}
}
