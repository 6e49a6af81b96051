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
	confirmed, guess, weaker := ranking(diagnose.BasisRunbook, 0.97), ranking(diagnose.BasisEvidence, 0.86), ranking(diagnose.BasisEvidence, 0.1)
	tests := map[string]struct {
		shown, latest []diagnose.Hypothesis
		over          bool // nothing fires any more
		want          bool
	}{
		"nothing was shown":                      {nil, guess, false, false},
		"a guess gives way to a guess":           {guess, weaker, false, false},
		"a guess gives way to facts":             {guess, confirmed, false, false},
		"facts give way to facts":                {confirmed, confirmed, false, false},
		"facts stay when a guess comes":          {confirmed, guess, false, true},
		"facts stay when nothing can be said":    {confirmed, nil, false, true},
		"a guess stays when the signs are gone":  {guess, weaker, true, true},
		"a surer one comes late":                 {weaker, guess, true, false},
		"facts come late":                        {guess, confirmed, true, false},
		"nothing can be said of a healed system": {guess, nil, true, true},
	}
	for name, tc := range tests {
		if got := confirmedStays(tc.shown, tc.latest, !tc.over); got != tc.want {
			t.Errorf("%s: got %v, want %v", name, got, tc.want)
		}
	}
}
