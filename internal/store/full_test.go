package store

import (
	"fmt"
	"sync"
	"testing"
)

// TestDiskFull: when the file can't grow, SQLite may roll back the whole
// transaction by itself, and with it what others of the group wrote. Nobody is
// told that something is stored that is not, and the store goes on when there
// is room again.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	s := openTemp(t, Options{})
	d := sqliteOf(t, s)
	a := acceptance{names: map[string]bool{}}
	a.intake(t, s, "before", 20)
	var pages int
	if err := s.Tx(t.Context(), func(tx *Tx) error { return tx.row(t.Context(), []any{&pages}, `PRAGMA page_count`) }); err != nil {
		t.Fatal(err)
	}
	limit := func(pages int) {
		t.Helper()
		d.turn <- struct{}{}
		defer func() { <-d.turn }()
		if err := d.do(fmt.Sprintf(`PRAGMA max_page_count = %d`, pages)); err != nil {
			t.Fatal(err)
		}
	}
	limit(pages + 20)
	var wg sync.WaitGroup
	var refused, accepted sync.Map
	for w := range 8 {
		wg.Go(func() {
			for i := range 10 {
				name := fmt.Sprintf("full-%d-%d", w, i)
				err := s.TxGrouped(t.Context(), func(tx *Tx) error {
					_, err := tx.SaveSignals(t.Context(), batchOf(name, 20))
					return err
				})
				if err != nil {
					refused.Store(name, err)
				} else {
					accepted.Store(name, true)
				}
			}
		})
	}
	wg.Wait()
	full := 0
	refused.Range(func(_, _ any) bool { full++; return true })
	if full == 0 {
		t.Fatal("the file was never full")
	}
	limit(1 << 20)
	a.intake(t, s, "after", 20)
	err := s.View(t.Context(), func(tx *Tx) error {
		for name := range a.names {
			if _, err := tx.Signal(t.Context(), "alertmanager", name); err != nil {
				t.Errorf("accepted, then lost: %v", err)
			}
		}
		accepted.Range(func(name, _ any) bool {
			if _, err := tx.Signal(t.Context(), "alertmanager", fmt.Sprintf("%v-19", name)); err != nil {
				t.Errorf("accepted, then lost: %v", err)
			}
			return true
		})
		refused.Range(func(name, cause any) bool {
			if _, err := tx.Signal(t.Context(), "alertmanager", fmt.Sprintf("%v-0", name)); err == nil {
				t.Errorf("%v was refused (%v) but is stored", name, cause)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
