package store

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/jobs"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

// TestPowerLoss cuts the power at a dozen moments of a busy intake. What is left
// is what was synced and any part of the rest; every signal whose transaction
// had returned must be in it, with the job that goes with it.
func TestPowerLoss(t *testing.T) {
	t.Parallel()
	d, vfs := newDisk(t)
	lost, cuts := cutPower(t, d, vfs, 0)
	if lost > 0 {
		t.Errorf("%d accepted signals were lost in %d power cuts", lost, cuts)
	}
}

// TestPowerLossShows is the control: on a disk that reports syncs without
// doing them the same test must find losses.
func TestPowerLossShows(t *testing.T) {
	t.Parallel()
	d, vfs := newDisk(t)
	d.lies = true
	if lost, cuts := cutPower(t, d, vfs, 1); lost == 0 {
		t.Errorf("no loss in %d power cuts on a disk that does not sync: the test can't see one", cuts)
	}
}

// cutPower cuts the power once a round and counts the accepted signals that
// were lost; with enough > 0 it stops when that many are.
func cutPower(t *testing.T, d *disk, vfs string, enough int) (lost, cuts int) {
	t.Helper()
	const writers, rounds, batch, perRound = 4, 12, 10, 5
	rng := rand.New(rand.NewPCG(1, 2))
	s, err := Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "holdfast.db"), Options{vfs: vfs})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	accepted := acceptance{names: map[string]bool{}}
	for round := range rounds {
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range perRound {
					accepted.intake(t, s, fmt.Sprintf("%d-%d-%d", round, w, i), batch)
				}
			})
		}
		time.Sleep(time.Duration(rng.Int64N(int64(10 * time.Millisecond)))) // somewhere among the writers
		promised := accepted.now()
		dir := t.TempDir()
		d.powerLoss(t, dir, rng)
		lost += missing(t, dir, promised)
		cuts++
		wg.Wait()
		if enough > 0 && lost >= enough {
			break
		}
	}
	return lost, cuts
}

// acceptance remembers which signals were accepted.
type acceptance struct {
	mu    sync.Mutex
	names map[string]bool
}

func (a *acceptance) now() map[string]bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.names)
}

// intake does what a webhook does.
func (a *acceptance) intake(t *testing.T, s *Store, name string, n int) {
	sigs := batchOf(name, n)
	err := s.TxGrouped(t.Context(), func(tx *Tx) error {
		if _, err := tx.SaveSignals(t.Context(), sigs); err != nil {
			return err
		}
		_, err := tx.Enqueue(t.Context(), jobs.Job{Kind: "triage", Key: "pending"})
		return err
	})
	if err != nil {
		t.Errorf("intake: %v", err)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, sig := range sigs {
		a.names[sig.Fingerprint] = true
	}
}

func batchOf(name string, n int) []signal.Signal {
	now := time.Now()
	sigs := make([]signal.Signal, n)
	for i := range sigs {
		sigs[i] = signal.Signal{
			Kind: signal.Alert, Source: "alertmanager", Environment: "prod", Fingerprint: fmt.Sprintf("%s-%d", name, i),
			Name: "HighErrorRate", Status: signal.Firing, Severity: severity.SEV3, StartsAt: now, ReceivedAt: now,
			Labels:      map[string]string{"alertname": "HighErrorRate", "job": "booking-api", "instance": "10.0.0.1:8080", "severity": "warning"},
			Annotations: map[string]string{"summary": "5.2 % of the requests of booking-api fail", "description": "for 5 minutes"},
		}
	}
	return sigs
}

// missing opens what a power cut left and counts the promised signals that are gone.
func missing(t *testing.T, dir string, promised map[string]bool) (n int) {
	t.Helper()
	s, err := Open(context.WithoutCancel(t.Context()), "sqlite:"+filepath.Join(dir, "holdfast.db"), Options{})
	if err != nil {
		if len(promised) == 0 {
			return 0
		}
		t.Logf("what is left does not open: %v", err)
		return len(promised)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	err = s.View(t.Context(), func(tx *Tx) error {
		var state string
		var unfinished int
		if err := tx.row(t.Context(), []any{&state}, `PRAGMA integrity_check`); err != nil || state != "ok" {
			return fmt.Errorf("integrity %q: %w", state, err)
		}
		left := map[string]bool{}
		err := tx.each(t.Context(), func(rows *sql.Rows) error {
			var name string
			err := rows.Scan(&name)
			left[name] = true
			return err
		}, `SELECT fingerprint FROM signals`)
		for name := range promised {
			if !left[name] {
				n++
			}
		}
		if err != nil || len(promised) == 0 {
			return err
		}
		err = tx.row(t.Context(), []any{&unfinished}, `SELECT count(*) FROM jobs`)
		if n == 0 && unfinished != 1 {
			t.Errorf("%d jobs beside %d signals, want 1", unfinished, len(left))
		}
		return err
	})
	if err != nil {
		t.Logf("what is left can't be read: %v", err)
		return len(promised)
	}
	return n
}
