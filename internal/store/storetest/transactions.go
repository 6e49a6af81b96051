package storetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/jobs"
	"github.com/holdfast-sre/holdfast/internal/signal"
	"github.com/holdfast-sre/holdfast/internal/store"
)

var transactions = map[string]func(*testing.T, Database){
	"an error rolls back rows and job":               rollback,
	"a panic rolls back and goes on to the caller":   panics,
	"a goroutine that exits inside leaves no lock":   exits,
	"concurrent writers lose nothing":                concurrentWriters,
	"one failing member leaves its group alone":      groupIsolation,
	"a cancelled caller leaves its group alone":      groupCancel,
	"a caller that gives up waiting loses nothing":   groupGivesUp,
	"a view sees one moment":                         snapshot,
	"what was committed is there after a restart":    reopened,
	"a transaction that has ended can't be used":     ended,
	"a conflict between two readers is not lost":     lostUpdate,
	"the database answers a ping until it is closed": ping,
}

var errNo = errors.New("no")

func rollback(t *testing.T, db Database) {
	s := open(t, db)
	ctx := t.Context()
	err := s.Tx(ctx, func(tx *store.Tx) error {
		inc := outage()
		if err := tx.CreateIncident(ctx, &inc); err != nil {
			return err
		}
		if ok, err := tx.Enqueue(ctx, jobs.Job{Kind: "investigate", Key: inc.ID}); !ok || err != nil {
			t.Errorf("enqueue: %v, %v", ok, err)
		}
		return errNo
	})
	wantErr(t, err, errNo)
	empty(t, s)
	ran := make(chan string, 1)
	work(t, s, handlers(map[string]chan string{"investigate": ran}))
	none(t, ran, 300*time.Millisecond, "a job that was rolled back ran")
}

// empty checks that no incident was stored.
func empty(t *testing.T, s *store.Store) {
	t.Helper()
	view(t, s, func(tx *store.Tx) error {
		list, err := tx.Incidents(t.Context(), store.IncidentFilter{})
		if len(list) > 0 {
			t.Errorf("%d incidents are left", len(list))
		}
		return err
	})
}

func panics(t *testing.T, db Database) {
	s := open(t, db)
	func() {
		defer func() {
			if got := recover(); got != "boom" {
				t.Errorf("recovered %v, want boom", got)
			}
		}()
		_ = s.Tx(t.Context(), func(tx *store.Tx) error {
			inc := outage()
			if err := tx.CreateIncident(t.Context(), &inc); err != nil {
				return err
			}
			panic("boom")
		})
	}()
	empty(t, s)
	opened(t, s, nil)
}

func exits(t *testing.T, db Database) {
	s := open(t, db)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_ = s.Tx(context.Background(), func(tx *store.Tx) error {
			inc := outage()
			if err := tx.CreateIncident(context.Background(), &inc); err != nil {
				return err
			}
			runtime.Goexit()
			return nil
		})
	}()
	await(t, gone, "the goroutine")
	empty(t, s)
	opened(t, s, nil)
}

func concurrentWriters(t *testing.T, db Database) {
	s := open(t, db)
	const writers, each = 16, 10
	errs := make(chan error, writers)
	for w := range writers {
		go func() {
			for i := range each {
				name := fmt.Sprintf("own%d-%d", w, i)
				err := s.TxGrouped(t.Context(), func(tx *store.Tx) error {
					if _, err := tx.SaveSignals(t.Context(), alerts(3)); err != nil { // rows that all write
						return err
					}
					if _, err := tx.Enqueue(t.Context(), jobs.Job{Kind: "triage", Key: "pending"}); err != nil {
						return err
					}
					return saveOne(t.Context(), tx, name)
				})
				if err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	for range writers {
		if err := await(t, errs, "writers"); err != nil {
			t.Error(err)
		}
	}
	view(t, s, func(tx *store.Tx) error {
		list, err := tx.FiringSignals(t.Context(), "am")
		if want := writers*each + 3; len(list) != want {
			t.Errorf("%d signals, want %d", len(list), want)
		}
		return err
	})
}

func saveOne(ctx context.Context, tx *store.Tx, name string) error {
	sig := alert(0)
	sig.Fingerprint, sig.ID = name, "sig_"+name
	_, err := tx.SaveSignals(ctx, []signal.Signal{sig})
	return err
}

// group runs n members at once; each saves one signal and returns what ends says.
func group(ctx context.Context, t *testing.T, s *store.Store, n int, ends func(i int, tx *store.Tx) error) []error {
	t.Helper()
	type result struct {
		i   int
		err error
	}
	results := make(chan result, n)
	for i := range n {
		go func() {
			err := s.TxGrouped(ctx, func(tx *store.Tx) error {
				if err := saveOne(context.WithoutCancel(ctx), tx, fmt.Sprintf("member%03d", i)); err != nil {
					return err
				}
				return ends(i, tx)
			})
			results <- result{i, err}
		}()
	}
	errs := make([]error, n)
	for range n {
		r := await(t, results, "members of the group")
		errs[r.i] = r.err
	}
	return errs
}

// stored checks that exactly the signals of the members without an error are there.
func stored(t *testing.T, s *store.Store, errs []error) {
	t.Helper()
	view(t, s, func(tx *store.Tx) error {
		list, err := tx.FiringSignals(t.Context(), "am")
		there := map[string]bool{}
		for _, sig := range list {
			there[sig.Fingerprint] = true
		}
		for i, err := range errs {
			if name := fmt.Sprintf("member%03d", i); there[name] != (err == nil) {
				t.Errorf("%s stored = %v, its transaction returned %v", name, there[name], err)
			}
		}
		return err
	})
}

func groupIsolation(t *testing.T, db Database) {
	s := open(t, db)
	errs := group(t.Context(), t, s, 200, func(i int, _ *store.Tx) error {
		if i%3 == 0 {
			return errNo
		}
		return nil
	})
	for i, err := range errs {
		if (i%3 == 0) != errors.Is(err, errNo) {
			t.Errorf("member %d returned %v", i, err)
		}
	}
	stored(t, s, errs)
}

func groupCancel(t *testing.T, db Database) {
	s := open(t, db)
	errs := group(t.Context(), t, s, 60, func(i int, tx *store.Tx) error {
		if i%4 != 0 {
			return nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := tx.SaveSignals(ctx, alerts(2))
		return err
	})
	for i, err := range errs {
		if (i%4 == 0) != (err != nil) {
			t.Errorf("member %d returned %v", i, err)
		}
	}
	stored(t, s, errs)
}

func groupGivesUp(t *testing.T, db Database) {
	s := open(t, db)
	var all []error
	for round := range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		results := make(chan []error, 1)
		go func() {
			results <- group(ctx, t, s, 10, func(i int, _ *store.Tx) error {
				if i == round%10 {
					cancel()
				}
				return nil
			})
		}()
		all = await(t, results, "members that give up")
		cancel()
	}
	// Whoever got nil is stored; the next writer finds no open transaction.
	view(t, s, func(tx *store.Tx) error {
		list, err := tx.FiringSignals(t.Context(), "am")
		there := map[string]bool{}
		for _, sig := range list {
			there[sig.Fingerprint] = true
		}
		for i, err := range all {
			if name := fmt.Sprintf("member%03d", i); err == nil && !there[name] {
				t.Errorf("%s returned nil but is not stored", name)
			}
		}
		return err
	})
	opened(t, s, nil)
}

func snapshot(t *testing.T, db Database) {
	s := open(t, db)
	view(t, s, func(tx *store.Tx) error {
		before, err := tx.Incidents(t.Context(), store.IncidentFilter{})
		if err != nil {
			return err
		}
		opened(t, s, nil)
		after, err := tx.Incidents(t.Context(), store.IncidentFilter{})
		if len(before) != 0 || len(after) != 0 {
			t.Errorf("saw %d incidents before and %d after a write, want 0 and 0", len(before), len(after))
		}
		return err
	})
}

func reopened(t *testing.T, db Database) {
	s := db(t, quick())
	want := opened(t, s, nil)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, db)
	view(t, s, func(tx *store.Tx) error { _, err := tx.Incident(t.Context(), want.ID); return err })
	if got := opened(t, s, nil).ID; got != "INC-2026-0002" {
		t.Errorf("next incident is %s, want INC-2026-0002", got)
	}
}

func ended(t *testing.T, db Database) {
	s := open(t, db)
	var kept *store.Tx
	do(t, s, func(tx *store.Tx) error { kept = tx; return nil })
	if err := kept.Put(t.Context(), "k", 1); err == nil {
		t.Error("a transaction was written to after its end")
	}
}

func lostUpdate(t *testing.T, db Database) {
	s := open(t, db)
	inc := opened(t, s, nil)
	const writers = 8
	errs := make(chan error, writers)
	for range writers {
		go func() {
			errs <- s.Tx(t.Context(), func(tx *store.Tx) error {
				got, err := tx.Incident(t.Context(), inc.ID) // locks it
				if err != nil {
					return err
				}
				got.Paged = append(got.Paged, incident.Page{At: tx.Now()})
				return tx.UpdateIncident(t.Context(), &got)
			})
		}()
	}
	for range writers {
		if err := await(t, errs, "writers"); err != nil {
			t.Error(err)
		}
	}
	view(t, s, func(tx *store.Tx) error {
		got, err := tx.Incident(t.Context(), inc.ID)
		if len(got.Paged) != writers {
			t.Errorf("%d of %d updates are left", len(got.Paged), writers)
		}
		return err
	})
}

func ping(t *testing.T, db Database) {
	s := db(t, quick())
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("ping: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if s.Ping(t.Context()) == nil {
		t.Error("a closed store answers a ping")
	}
	if s.Tx(t.Context(), func(*store.Tx) error { return nil }) == nil {
		t.Error("a closed store takes a transaction")
	}
}
