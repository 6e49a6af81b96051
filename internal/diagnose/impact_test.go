package diagnose_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

func TestImpact(t *testing.T) {
	t.Parallel()
	in := input(t, []string{"orders"}, drained(t), failing(t, "orders", onset), failing(t, "mailer", onset), usual(t, "web"))
	got := diagnose.Impact(in)
	want := []diagnose.Measured{{
		Service: "orders", Tier: 2, UserFacing: true, OutOfBand: true,
		FailingShare: diagnose.Reading{Value: 0.4, Usual: 0.001, Known: true},
		P99:          diagnose.Reading{Value: 3, Usual: 0.2, Known: true},
		Traffic:      diagnose.Reading{Value: 20, Usual: 20, Known: true},
	}}
	near := cmpopts.EquateApprox(0.03, 1e-6)
	if diff := cmp.Diff(want, got, near, cmpopts.IgnoreFields(diagnose.Measured{}, "Evidence")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if len(got) == 1 && len(got[0].Evidence) != 3 {
		t.Errorf("evidence %v, want three items", got[0].Evidence)
	}
}

func TestImpactBurnsTheBudget(t *testing.T) {
	t.Parallel()
	got := diagnose.Impact(input(t, []string{"web"}, failing(t, "web", onset)))
	if want := 0.4 / 0.001; len(got) != 1 || math.Abs(got[0].BurnRate-want) > 1 {
		t.Errorf("burn rate %+v, want %v", got, want)
	}
}

func TestImpactDown(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		items []evidence.Item
		want  bool
	}{
		"traffic gone":       {one(metric{service: "web", signal: evidence.Traffic, usual: 20, value: 0, at: onset}.item(t)), true},
		"nothing runs":       {one(runtime(t, "web", evidence.Instance{Name: "web-1", State: "exited"})), true},
		"one of two runs":    {one(runtime(t, "web", evidence.Instance{Name: "a", State: "exited"}, evidence.Instance{Name: "b", State: "running"})), false},
		"always quiet":       {one(metric{service: "web", signal: evidence.Traffic, usual: 0.01}.item(t)), false},
		"stale says nothing": {one(metric{service: "web", signal: evidence.Traffic, usual: 20, value: 0, at: onset, stale: true}.item(t)), false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := diagnose.Impact(input(t, []string{"web"}, tt.items))
			if len(got) != 1 || got[0].Down != tt.want {
				t.Errorf("got %+v, want down %v", got, tt.want)
			}
		})
	}
}
