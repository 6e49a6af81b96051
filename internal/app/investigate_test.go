package app

import (
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/config"
)

// TestInvestigateLeavesNothingBehind: the index of a history is made again for
// each question, and goes with it.
func TestInvestigateLeavesNothingBehind(t *testing.T) {
	temporary := t.TempDir()
	clone := repositoryWithTag(t)
	t.Setenv("TMPDIR", temporary)
	cat, err := catalog.New([]catalog.Service{{Name: "shop", Tier: 1, Repository: catalog.Repository{Path: clone}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Investigate(t.Context(), config.Folder{Config: config.Default(), Catalog: cat}, Question{Service: "shop", At: time.Now()}, slog.New(slog.DiscardHandler))
	if err != nil || len(r.Evidence) == 0 {
		t.Fatalf("evidence %+v, error %v", r.Evidence, err)
	}
	left, err := os.ReadDir(temporary)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, error %v", left, err)
	}
}
