package respond

import (
	"path/filepath"
	"testing"

	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/store"
)

func TestWhatAPersonLoweredRisesOnlyWhenItGetsWorse(t *testing.T) {
	t.Parallel()
	st, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "s.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	failing := func(share float64) []diagnose.Measured {
		return []diagnose.Measured{{Service: "api", Tier: 2, UserFacing: true, FailingShare: diagnose.Reading{Value: share, Known: true}}}
	}
	err = st.Tx(t.Context(), func(tx *store.Tx) error {
		r, s := &Responder{}, snapshot{now: tx.Now()}
		s.inc = incident.Incident{State: incident.Open, Severity: severity.SEV3, Environment: "test", Services: []string{"api"}, StartedAt: tx.Now()}
		if err := tx.CreateIncident(t.Context(), &s.inc); err != nil {
			return err
		}
		look := func(what string, share float64, want severity.Severity) {
			t.Helper()
			if err := r.raiseSeverity(t.Context(), tx, &s, failing(share)); err != nil {
				t.Fatal(err)
			}
			if s.inc.Severity != want {
				t.Errorf("%s: got %s, want %s", what, s.inc.Severity, want)
			}
		}
		look("one in ten fails", 0.1, severity.SEV2)
		if _, err := s.inc.Apply(incident.SeverityChange(severity.SEV3, "ana", "only bots", tx.Now())); err != nil {
			return err
		}
		look("the same after a person lowered it", 0.1, severity.SEV3)
		look("most requests fail", 0.6, severity.SEV1)
		if _, err := s.inc.Apply(incident.SeverityChange(severity.SEV3, "ana", "only bots", tx.Now())); err != nil {
			return err
		}
		look("it recovers", 0.001, severity.SEV3)
		look("it breaks again", 0.1, severity.SEV2)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
