package respond

import (
	"slices"
	"testing"

	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

func TestWhatFactsConfirmedIsNotReplacedByAGuess(t *testing.T) {
	t.Parallel()
	ranking := func(b diagnose.Basis, p float64) []diagnose.Hypothesis {
		return []diagnose.Hypothesis{{CauseClass: diagnose.ExhaustThreads, Basis: b, Probability: p}}
	}
	confirmed, guess, weaker := ranking(diagnose.BasisRunbook, 0.97), ranking(diagnose.BasisEvidence, 0.86), ranking(diagnose.BasisEvidence, 0.1)
	tests := map[string]struct {
		shown, latest []diagnose.Hypothesis
		fading        bool
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
		if got := confirmedStays(tc.shown, tc.latest, tc.fading); got != tc.want {
			t.Errorf("%s: got %v, want %v", name, got, tc.want)
		}
	}
}

// A second alert that fires on while the component at fault has recovered must
// not make the record forget the component.
func TestSignsFadeWithTheSignalsOfTheComponentAtFault(t *testing.T) {
	t.Parallel()
	on := func(service string, status signal.Status) signal.Signal {
		return signal.Signal{Kind: signal.Alert, Service: service, Status: status}
	}
	tests := map[string]struct {
		signals []signal.Signal
		cause   string
		want    bool
	}{
		"the component's own alert fires":       {[]signal.Signal{on("relay", signal.Firing), on("api", signal.Resolved)}, "relay", false},
		"only that of another one fires":        {[]signal.Signal{on("relay", signal.Resolved), on("api", signal.Firing)}, "relay", true},
		"the component has no alert of its own": {[]signal.Signal{on("api", signal.Firing), on("web", signal.Resolved)}, "relay", false},
		"one of two of the component fires":     {[]signal.Signal{on("relay", signal.Resolved), on("relay", signal.Firing)}, "relay", false},
		"nothing fires":                         {[]signal.Signal{on("relay", signal.Resolved)}, "relay", true},
		"no cause is shown":                     {[]signal.Signal{on("", signal.Resolved), on("api", signal.Firing)}, "", false},
	}
	for name, tc := range tests {
		s := snapshot{signals: tc.signals, inc: incident.Incident{Hypotheses: []diagnose.Hypothesis{{CauseClass: diagnose.ExhaustThreads, Component: tc.cause, Probability: 0.9}}}}
		if got := s.fading(); got != tc.want {
			t.Errorf("%s: got %v, want %v", name, got, tc.want)
		}
	}
}

// TestALookThatRanksTheSameIsNotTold: a mechanism says what was measured, so its
// numbers and times differ at every look.
func TestALookThatRanksTheSameIsNotTold(t *testing.T) {
	t.Parallel()
	one := []diagnose.Hypothesis{
		{CauseClass: diagnose.BadDeploy, Component: "a", Probability: .9, Mechanism: "since 18:00:01"},
		{CauseClass: diagnose.Unknown, Probability: .1},
	}
	tests := map[string]struct {
		change func([]diagnose.Hypothesis) []diagnose.Hypothesis
		same   bool
	}{
		"another time": {func(h []diagnose.Hypothesis) []diagnose.Hypothesis { h[0].Mechanism = "since 18:00:06"; return h }, true},
		"a negligible rival": {func(h []diagnose.Hypothesis) []diagnose.Hypothesis {
			return append(h, diagnose.Hypothesis{CauseClass: diagnose.SlowQuery, Probability: .001})
		}, true},
		"another probability": {func(h []diagnose.Hypothesis) []diagnose.Hypothesis { h[0].Probability = .8; return h }, false},
		"another component":   {func(h []diagnose.Hypothesis) []diagnose.Hypothesis { h[0].Component = "b"; return h }, false},
		"a rival": {func(h []diagnose.Hypothesis) []diagnose.Hypothesis {
			return append(h, diagnose.Hypothesis{CauseClass: diagnose.SlowQuery, Probability: .05})
		}, false},
		"nothing": {func([]diagnose.Hypothesis) []diagnose.Hypothesis { return nil }, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := slices.EqualFunc(told(one), told(tt.change(slices.Clone(one))), asRanked); got != tt.same {
				t.Errorf("told again: %v", !got)
			}
		})
	}
}
