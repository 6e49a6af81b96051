package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/autonomy"
	"github.com/holdfast-sre/holdfast/internal/store"
)

var autonomyTests = map[string]func(*testing.T, Database){
	"a case is recorded once for each step and text":  casesOnce,
	"grades are kept, and read with what they are of": gradesKept,
	"a late grade brings back an old case":            lateGrade,
}

var relayKey = autonomy.Key{Runbook: "pool-stuck", Service: "relay", Environment: "prod"}

// played records a case and says whether it was new.
func played(t *testing.T, s *store.Store, e autonomy.Entry) (fresh bool) {
	t.Helper()
	do(t, s, func(tx *store.Tx) (err error) {
		fresh, err = tx.AddCase(t.Context(), e)
		return err
	})
	return fresh
}

func casesOnce(t *testing.T, db Database) {
	s := open(t, db)
	inc := opened(t, s, nil)
	e := autonomy.Entry{Key: relayKey, Incident: inc.ID, RunbookSHA: "a", Kind: autonomy.WouldAct, At: noon}
	late, acted, text, other := e, e, e, e
	late.At = noon.Add(time.Minute)
	acted.Kind, acted.At = autonomy.Acted, noon.Add(time.Hour)
	text.RunbookSHA, text.At = "b", noon.Add(2*time.Hour)
	other.Service, other.At = "billing", noon
	for i, want := range []bool{true, false, true, true, true} {
		if got := played(t, s, []autonomy.Entry{e, late, acted, text, other}[i]); got != want {
			t.Errorf("case %d new: %v, want %v", i, got, want)
		}
	}
	view(t, s, func(tx *store.Tx) error {
		got, _, err1 := tx.Record(t.Context(), relayKey, noon)
		all, err2 := tx.CasesOf(t.Context(), inc.ID)
		keys, err3 := tx.CaseKeys(t.Context())
		if diff := cmp.Diff([]autonomy.Entry{e, acted, text}, got); diff != "" {
			t.Errorf("record of a key (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]autonomy.Entry{e, acted, text, other}, all); diff != "" {
			t.Errorf("cases of an incident (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]autonomy.Key{other.Key, relayKey}, keys); diff != "" {
			t.Errorf("keys (-want +got):\n%s", diff)
		}
		return first(err1, err2, err3)
	})
	err := s.Tx(t.Context(), func(tx *store.Tx) error {
		_, err := tx.AddCase(t.Context(), autonomy.Entry{Key: relayKey, Incident: "INC-2026-9999", Kind: autonomy.Acted})
		return err
	})
	wantErr(t, err, store.ErrNotFound)
}

func gradesKept(t *testing.T, db Database) {
	s := open(t, db)
	inc, neighbour := opened(t, s, nil), opened(t, s, nil)
	played(t, s, autonomy.Entry{Key: relayKey, Incident: inc.ID, RunbookSHA: "a", Kind: autonomy.Acted, At: noon})
	elsewhere := relayKey
	elsewhere.Environment = "staging"
	played(t, s, autonomy.Entry{Key: elsewhere, Incident: neighbour.ID, RunbookSHA: "a", Kind: autonomy.Acted, At: noon})
	wrong := autonomy.Graded{Incident: inc.ID, Runbook: relayKey.Runbook, Grade: autonomy.Wrong, By: "ana", At: noon.Add(time.Hour), Comment: "it was the queue"}
	right := wrong
	right.Grade, right.By = autonomy.Right, "bo"
	diagnosis := autonomy.Graded{Incident: inc.ID, Grade: autonomy.Right, By: "ana", At: noon}
	far := wrong
	far.Incident = neighbour.ID
	for _, g := range []autonomy.Graded{wrong, diagnosis, right, far} {
		do(t, s, func(tx *store.Tx) error { return tx.AddGrade(t.Context(), g) })
	}
	view(t, s, func(tx *store.Tx) error {
		_, got, err1 := tx.Record(t.Context(), relayKey, noon)
		all, err2 := tx.GradesOf(t.Context(), inc.ID)
		if diff := cmp.Diff([]autonomy.Graded{wrong, right}, got); diff != "" {
			t.Errorf("grades of a key (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]autonomy.Graded{wrong, diagnosis, right}, all); diff != "" {
			t.Errorf("grades of an incident (-want +got):\n%s", diff)
		}
		return first(err1, err2)
	})
}

func lateGrade(t *testing.T, db Database) {
	s := open(t, db)
	inc := opened(t, s, nil)
	played(t, s, autonomy.Entry{Key: relayKey, Incident: inc.ID, RunbookSHA: "a", Kind: autonomy.Acted, At: noon})
	since := noon.AddDate(0, 0, 1)
	count := func() (n int) {
		view(t, s, func(tx *store.Tx) error {
			got, _, err := tx.Record(t.Context(), relayKey, since)
			n = len(got)
			return err
		})
		return n
	}
	if n := count(); n != 0 {
		t.Errorf("%d cases after their time, want none", n)
	}
	do(t, s, func(tx *store.Tx) error {
		return tx.AddGrade(t.Context(), autonomy.Graded{Incident: inc.ID, Runbook: relayKey.Runbook, Grade: autonomy.Wrong, By: "ana", At: since})
	})
	if n := count(); n != 1 {
		t.Errorf("%d cases that were graded lately, want 1", n)
	}
}

// first is the first error of several.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
