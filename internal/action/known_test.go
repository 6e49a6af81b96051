package action_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/holdfast-sre/holdfast/internal/action"
)

func TestLastingIsTheWorseOfClaimAndFacts(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		name    string
		claimed action.Lasting
		facts   action.Facts
		want    action.Lasting
	}{
		"a restart-safe worker":          {"process.restart", action.Transient, action.Facts{RestartSafe: true}, action.Transient},
		"two stateless replicas":         {"process.restart", action.Transient, action.Facts{Stateless: true, Replicas: 2}, action.Transient},
		"one stateless replica":          {"process.restart", action.Transient, action.Facts{Stateless: true, Replicas: 1}, action.Permanent},
		"replicas that nobody counted":   {"process.restart", action.Transient, action.Facts{Stateless: true}, action.Permanent},
		"a restart that is called worse": {"process.restart", action.Permanent, action.Facts{RestartSafe: true}, action.Permanent},
		"a restart with an undo":         {"process.restart", action.Undoable, action.Facts{RestartSafe: true, HasUndo: true}, action.Permanent},
		"nothing claimed":                {"process.restart", "", action.Facts{RestartSafe: true}, action.Permanent},
		"a call with its undo":           {"http.call", action.Undoable, action.Facts{HasUndo: true}, action.Undoable},
		"a call without undo":            {"http.call", action.Undoable, action.Facts{}, action.Permanent},
		"a call that is called brief":    {"http.call", action.Transient, action.Facts{HasUndo: true}, action.Permanent},
		"an unknown action":              {"rm", action.Transient, action.Facts{RestartSafe: true, HasUndo: true}, action.Permanent},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := action.LastingOf(tc.name, tc.claimed, tc.facts); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestNoFactMakesAnActionLessLastingThanItsClaim(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		claimed := rapid.SampledFrom([]action.Lasting{"", action.Permanent, "sometimes"}).Draw(t, "claimed")
		got := action.LastingOf(rapid.SampledFrom(append(action.Names(), "rm")).Draw(t, "name"), claimed, action.Facts{
			RestartSafe: rapid.Bool().Draw(t, "restart_safe"), Stateless: rapid.Bool().Draw(t, "stateless"),
			Replicas: rapid.IntRange(0, 20).Draw(t, "replicas"), HasUndo: rapid.Bool().Draw(t, "undo"),
		})
		if got != action.Permanent {
			t.Fatalf("claimed %q, got %s", claimed, got)
		}
	})
}

func TestTheListIsSortedAndClosed(t *testing.T) {
	t.Parallel()
	if !slices.IsSorted(action.Names()) {
		t.Errorf("names are not sorted: %v", action.Names())
	}
	for _, n := range action.Names() {
		s, ok := action.Known(n)
		if !ok || !slices.IsSorted(s.ParamNames()) || len(s.TargetKinds) == 0 || s.Doc == "" {
			t.Errorf("%s: %+v", n, s)
		}
	}
	if _, ok := action.Known("process.Restart"); ok {
		t.Error("a name in another case is known")
	}
}
