package app

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
)

// What one process read helps the next, which sees every change, and a damaged
// cache costs nothing but time.
func TestWhatWasReadIsKeptForTheNextProcess(t *testing.T) {
	t.Parallel()
	dir, cache := t.TempDir(), t.TempDir()
	for i := range 30 {
		path := filepath.Join(dir, "adr", fmt.Sprintf("ADR-%d.md", i+1))
		write(t, path, fmt.Sprintf("# ADR-%d: Okapi\n\n**PRD**: PRD-1\n\nText.\n", i+1))
		if err := os.Chtimes(path, time.Time{}, time.Now().Add(-time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	read := func() []knowledge.Artefact {
		t.Helper()
		k, err := OpenKnowledge([]string{dir}, knowledge.DefaultScheme(), cache)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := k.Close(); err != nil {
				t.Error(err)
			}
		}()
		return k.Base.Artefacts()
	}
	want := read()
	kept, err := filepath.Glob(filepath.Join(cache, "read", "*"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("kept are %v, %v", kept, err)
	}
	if info, err := os.Stat(kept[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: others may read it", info.Mode(), err)
	}
	if diff := cmp.Diff(want, read(), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("-first +second:\n%s", diff)
	}
	write(t, filepath.Join(dir, "adr", "ADR-7.md"), "# ADR-7: Tapir\n")
	if err := os.Remove(filepath.Join(dir, "adr", "ADR-8.md")); err != nil {
		t.Fatal(err)
	}
	all := read()
	if i := slices.IndexFunc(all, func(a knowledge.Artefact) bool { return a.ID == "ADR-7" }); len(all) != 29 || all[i].Title != "Tapir" {
		t.Errorf("changes are not seen: %d, %+v", len(all), all[i])
	}
	if err := os.WriteFile(kept[0], []byte("holdfast knowledge"), 0o600); err != nil {
		t.Fatal(err)
	}
	if all := read(); len(all) != 29 {
		t.Errorf("%d artefacts beside a damaged cache", len(all))
	}
}
