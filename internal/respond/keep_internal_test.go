package respond

import (
	"testing"

	"github.com/holdfast-sre/holdfast/internal/diagnose"
)

func TestWhatFactsConfirmedIsNotReplacedByAGuess(t *testing.T) {
	t.Parallel()
	ranking := func(b diagnose.Basis, p float64) []diagnose.Hypothesis {
		return []diagnose.Hypothesis{{CauseClass: diagnose.ExhaustThreads, Basis: b, Probability: p}}
	}
	confirmed, guess := ranking(diagnose.BasisRunbook, 0.97), ranking(diagnose.BasisEvidence, 0.86)
	tests := map[string]struct {
		shown, latest []diagnose.Hypothesis
		want          bool
	}{
		"nothing was shown":                   {nil, guess, false},
		"a guess gives way to a guess":        {guess, guess, false},
		"a guess gives way to facts":          {guess, confirmed, false},
		"facts give way to facts":             {confirmed, confirmed, false},
		"facts stay when a guess comes":       {confirmed, guess, true},
		"facts stay when nothing can be said": {confirmed, nil, true},
	}
	for name, tc := range tests {
		if got := confirmedStays(tc.shown, tc.latest); got != tc.want {
			t.Errorf("%s: got %v, want %v", name, got, tc.want)
		}
	}
}
