package respond

import (
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/incident"
)

// A freeze counts where the incident is, and where the action would land; and
// what is earned is earned where it lands.
func TestBothEnvironmentsCount(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	set, err := boundary.Parse("b.yaml", []byte("freezes:\n  - {name: launch, from: 2026-03-04T10:00:00Z, to: 2026-03-04T14:00:00Z, environments: [live]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	r := &Responder{Options: Options{Boundaries: set}}
	for _, tt := range []struct {
		incident, target string
		want             catalog.Flag
		earns            string
	}{
		{"live", "live", catalog.True, "live"},
		{"live", "staging", catalog.True, "staging"},
		{"staging", "live", catalog.True, "live"},
		{"staging", "staging", catalog.False, "staging"},
		{"staging", "", catalog.True, "staging"}, // where it would land is not known
	} {
		s := snapshot{now: now, inc: incident.Incident{Environment: tt.incident}}
		a := action.Action{Name: action.ProcessRestart, Service: "worker", Target: catalog.Target{Environment: tt.target, Kind: "process", Name: "worker"}}
		if h := r.history(s, decide.Candidate{Action: a}, ""); h.Freeze != tt.want {
			t.Errorf("incident in %q, target in %q: freeze %s, want %s", tt.incident, tt.target, h.Freeze, tt.want)
		}
		if k := s.key("stuck", a); k.Environment != tt.earns {
			t.Errorf("incident in %q, target in %q: earned in %q, want %q", tt.incident, tt.target, k.Environment, tt.earns)
		}
	}
}
