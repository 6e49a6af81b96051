package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/signal"
	"github.com/holdfast-sre/holdfast/internal/store"
)

var signals = map[string]func(*testing.T, Database){
	"a signal comes back as it was stored":            signalRoundTrip,
	"the same delivery is accepted once":              sameDelivery,
	"the same signal again changes nothing":           signalAgain,
	"an attached signal that waits goes on waiting":   attached,
	"a change makes a signal pending again":           signalChanged,
	"an older notification does not undo a newer one": signalOlder,
	"the worst pending signal comes first":            pendingOrder,
	"a signal keeps its ID and incident":              signalKeeps,
	"firing signals of a source":                      firing,
	"one condition twice in a batch: the last counts": twiceInBatch,
	"many signals at once":                            manySignals,
}

func alert(i int) signal.Signal {
	return signal.Signal{
		ID: fmt.Sprintf("sig_%04d", i), Kind: signal.Alert, Source: "am", Environment: "prod",
		Fingerprint: fmt.Sprintf("f%04d", i), Name: "HighErrorRate", Status: signal.Firing, Severity: severity.SEV3,
		Labels: map[string]string{"job": "web", "i": fmt.Sprint(i)}, Annotations: map[string]string{"summary": "x"},
		StartsAt: noon, ReceivedAt: noon.Add(time.Minute), Service: "web", Marks: []string{"clamped"},
	}
}

func alerts(n int) []signal.Signal {
	out := make([]signal.Signal, n)
	for i := range out {
		out[i] = alert(i)
	}
	return out
}

func save(t *testing.T, s *store.Store, sigs ...signal.Signal) (changed int) {
	t.Helper()
	do(t, s, func(tx *store.Tx) error {
		var err error
		changed, err = tx.SaveSignals(t.Context(), sigs)
		return err
	})
	return changed
}

func pending(t *testing.T, s *store.Store, limit int) (names []string) {
	t.Helper()
	do(t, s, func(tx *store.Tx) error {
		list, err := tx.PendingSignals(t.Context(), limit)
		names = nil
		for _, sig := range list {
			names = append(names, sig.Fingerprint)
		}
		return err
	})
	return names
}

func signalRoundTrip(t *testing.T, db Database) {
	s := open(t, db)
	want := alert(1)
	if got := save(t, s, want); got != 1 {
		t.Errorf("changed = %d, want 1", got)
	}
	view(t, s, func(tx *store.Tx) error {
		got, err := tx.Signal(t.Context(), want.Source, want.Fingerprint)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("signal (-want +got):\n%s", diff)
		}
		return err
	})
}

func sameDelivery(t *testing.T, db Database) {
	s := open(t, db)
	for i, want := range []bool{true, false, true} {
		key := "a"
		if i == 2 {
			key = "b"
		}
		do(t, s, func(tx *store.Tx) error {
			got, err := tx.AcceptDelivery(t.Context(), key)
			if got != want {
				t.Errorf("delivery %d fresh = %v, want %v", i, got, want)
			}
			return err
		})
	}
	failed := errors.New("no")
	err := s.Tx(t.Context(), func(tx *store.Tx) error {
		_, err := tx.AcceptDelivery(t.Context(), "c")
		return errors.Join(err, failed)
	})
	wantErr(t, err, failed)
	do(t, s, func(tx *store.Tx) error {
		fresh, err := tx.AcceptDelivery(t.Context(), "c")
		if !fresh {
			t.Error("a delivery that was rolled back is not accepted again")
		}
		return err
	})
}

func triage(t *testing.T, s *store.Store, incidentID string, ids ...string) {
	t.Helper()
	do(t, s, func(tx *store.Tx) error { return tx.MarkTriaged(t.Context(), ids, incidentID) })
}

// attached moves a signal that waits and one that does not.
func attached(t *testing.T, db Database) {
	s := open(t, db)
	inc := opened(t, s, nil)
	waits, triaged := alert(1), alert(2)
	save(t, s, waits, triaged)
	triage(t, s, "", triaged.ID)
	do(t, s, func(tx *store.Tx) error { return tx.AttachSignals(t.Context(), []string{waits.ID, triaged.ID}, inc.ID) })
	if got := pending(t, s, 10); len(got) != 1 || got[0] != waits.Fingerprint {
		t.Errorf("pending %v, want the one that waited", got)
	}
	view(t, s, func(tx *store.Tx) error {
		got, err := tx.Signals(t.Context(), inc.ID)
		if len(got) != 2 {
			t.Errorf("%d signals belong to the incident, want 2", len(got))
		}
		return err
	})
}

func signalAgain(t *testing.T, db Database) {
	s := open(t, db)
	sig := alert(1)
	save(t, s, sig)
	triage(t, s, "", sig.ID)
	sig.ID, sig.ReceivedAt = "sig_other", sig.ReceivedAt.Add(time.Hour)
	sig.Annotations = map[string]string{"summary": "now 7 %"}
	if got := save(t, s, sig); got != 0 {
		t.Errorf("changed = %d, want 0", got)
	}
	if got := pending(t, s, 10); got != nil {
		t.Errorf("pending %v, want none", got)
	}
	view(t, s, func(tx *store.Tx) error {
		got, err := tx.Signal(t.Context(), sig.Source, sig.Fingerprint)
		if got.Annotations["summary"] != "now 7 %" || !got.ReceivedAt.Equal(sig.ReceivedAt) {
			t.Errorf("the latest word is not kept: %+v", got)
		}
		return err
	})
}

func signalChanged(t *testing.T, db Database) {
	s := open(t, db)
	for name, change := range map[string]func(*signal.Signal){
		"status":   func(s *signal.Signal) { s.Status, s.EndsAt = signal.Resolved, noon },
		"start":    func(s *signal.Signal) { s.StartsAt = s.StartsAt.Add(time.Second) },
		"severity": func(s *signal.Signal) { s.Severity = severity.SEV1 },
		"labels":   func(s *signal.Signal) { s.Labels = map[string]string{"job": "api"} },
		"silence":  func(s *signal.Signal) { s.Silenced = true },
	} {
		sig := alert(1)
		sig.Fingerprint, sig.ID = name, "sig_"+name
		save(t, s, sig)
		triage(t, s, "", sig.ID)
		change(&sig)
		if got := save(t, s, sig); got != 1 {
			t.Errorf("%s: changed = %d, want 1", name, got)
		}
		if diff := cmp.Diff([]string{name}, pending(t, s, 10)); diff != "" {
			t.Errorf("%s: pending (-want +got):\n%s", name, diff)
		}
		triage(t, s, "", sig.ID)
	}
}

func signalOlder(t *testing.T, db Database) {
	s := open(t, db)
	resolved, late := alert(1), alert(1)
	resolved.Status, resolved.EndsAt = signal.Resolved, noon.Add(time.Minute)
	late.ReceivedAt = resolved.ReceivedAt.Add(-time.Second)
	save(t, s, resolved)
	if got := save(t, s, late); got != 0 {
		t.Errorf("changed = %d, want 0", got)
	}
	view(t, s, func(tx *store.Tx) error {
		got, err := tx.Signal(t.Context(), late.Source, late.Fingerprint)
		if got.Status != signal.Resolved {
			t.Errorf("status %s, want resolved", got.Status)
		}
		return err
	})
}

func pendingOrder(t *testing.T, db Database) {
	s := open(t, db)
	a, b, c, d := alert(4), alert(3), alert(2), alert(1)
	c.Severity, d.Severity = severity.SEV1, severity.SEV4
	save(t, s, a, b)
	save(t, s, c, d)
	if diff := cmp.Diff([]string{"f0002", "f0004", "f0003", "f0001"}, pending(t, s, 10)); diff != "" {
		t.Errorf("pending (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"f0002", "f0004"}, pending(t, s, 2)); diff != "" {
		t.Errorf("pending with a limit (-want +got):\n%s", diff)
	}
}

func signalKeeps(t *testing.T, db Database) {
	s := open(t, db)
	inc := opened(t, s, nil)
	sig := alert(1)
	save(t, s, sig)
	triage(t, s, inc.ID, sig.ID)
	again := sig
	again.ID, again.Status, again.IncidentID = "sig_other", signal.Resolved, ""
	save(t, s, again)
	again.ID, again.IncidentID = sig.ID, inc.ID
	view(t, s, func(tx *store.Tx) error {
		got, err := tx.Signals(t.Context(), inc.ID)
		if diff := cmp.Diff([]signal.Signal{again}, got); diff != "" {
			t.Errorf("signals (-want +got):\n%s", diff)
		}
		return err
	})
	triage(t, s, "", sig.ID)
	view(t, s, func(tx *store.Tx) error {
		got, err := tx.Signals(t.Context(), inc.ID)
		if len(got) != 1 {
			t.Errorf("triage without an incident took the signal out of the one it had")
		}
		return err
	})
	err := s.Tx(t.Context(), func(tx *store.Tx) error { return tx.MarkTriaged(t.Context(), []string{sig.ID}, "INC-2026-9999") })
	wantErr(t, err, store.ErrNotFound)
}

func firing(t *testing.T, db Database) {
	s := open(t, db)
	list := alerts(4)
	list[1].Status = signal.Resolved
	list[2].Source = "other"
	save(t, s, list...)
	view(t, s, func(tx *store.Tx) error {
		got, err := tx.FiringSignals(t.Context(), "am")
		if diff := cmp.Diff([]signal.Signal{list[0], list[3]}, got); diff != "" {
			t.Errorf("firing (-want +got):\n%s", diff)
		}
		return err
	})
}

func twiceInBatch(t *testing.T, db Database) {
	s := open(t, db)
	first, last := alert(1), alert(1)
	last.Status = signal.Resolved
	if got := save(t, s, first, last); got != 1 {
		t.Errorf("changed = %d, want 1", got)
	}
	view(t, s, func(tx *store.Tx) error {
		got, err := tx.Signal(t.Context(), first.Source, first.Fingerprint)
		if got.Status != signal.Resolved {
			t.Errorf("status %s, want resolved", got.Status)
		}
		return err
	})
}

func manySignals(t *testing.T, db Database) {
	s := open(t, db)
	const n = 1234
	if got := save(t, s, alerts(n)...); got != n {
		t.Errorf("changed = %d, want %d", got, n)
	}
	names := pending(t, s, 2*n)
	if len(names) != n || names[0] != "f0000" || names[n-1] != "f1233" {
		t.Fatalf("pending %d signals, want %d in order of arrival", len(names), n)
	}
	ids := make([]string, n)
	for i := range ids {
		ids[i] = alert(i).ID
	}
	triage(t, s, opened(t, s, nil).ID, ids...)
	if got := pending(t, s, 10); got != nil {
		t.Errorf("pending %v after triage, want none", got)
	}
}
