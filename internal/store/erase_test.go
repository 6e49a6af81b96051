package store

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/holdfast-sre/holdfast/internal/audit"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

// TestErasureOfAStorm: others write between two incidents of many signals.
func TestErasureOfAStorm(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s, err := Open(ctx, "sqlite:"+filepath.Join(t.TempDir(), "a.db"), Options{Scratch: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for i, n := range []int{eraseSignals, 1, 1} {
		err := s.Tx(ctx, func(tx *Tx) error {
			inc := incident.Incident{Title: "Storm", State: incident.Resolved, Environment: "test", StartedAt: tx.Now(), Commander: "zora"}
			if err := tx.CreateIncident(ctx, &inc); err != nil {
				return err
			}
			sigs, ids := make([]signal.Signal, n), make([]string, n)
			for j := range n {
				ids[j] = fmt.Sprintf("sig_%d_%d", i, j)
				sigs[j] = signal.Signal{ID: ids[j], Kind: signal.Alert, Source: "am", Environment: "test", Fingerprint: ids[j], Status: signal.Resolved, StartsAt: tx.Now(), ReceivedAt: tx.Now()}
			}
			if _, err := tx.SaveSignals(ctx, sigs); err != nil {
				return err
			}
			return tx.MarkTriaged(ctx, ids, inc.ID)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Erase(ctx, Erasure{Actor: "zora"}, "bo", "request 17")
	if err != nil || got.Incidents != 3 {
		t.Fatalf("erased %+v: %v", got, err)
	}
	var records []audit.Record
	if err := s.View(ctx, func(tx *Tx) (err error) {
		records, err = tx.Audit(ctx, "", 0, 10)
		return err
	}); err != nil || len(records) != 2 {
		t.Errorf("%d transactions, want one for the storm and one for the rest: %v", len(records), err)
	}
}
