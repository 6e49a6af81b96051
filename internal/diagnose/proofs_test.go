package diagnose_test

import (
	"testing"

	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// stuck is a worker pool that hangs, with what a runbook found about it.
func stuck(t *testing.T, change func(*diagnose.Finding)) diagnose.Input {
	t.Helper()
	busy, done, broker, said := facts(t, "busy", false), facts(t, "done", false), facts(t, "broker", false), facts(t, "said", true)
	f := diagnose.Finding{
		Runbook: "workers-stuck", CauseClass: diagnose.ExhaustThreads, Component: "mailer",
		Confirmed: []diagnose.Proof{
			{Expr: "facts.busy == facts.limit", Diagnostics: []string{"busy"}, Evidence: []string{busy.ID}},
			{Expr: "facts.done == 0", Diagnostics: []string{"done"}, Evidence: []string{done.ID}},
		},
		Excludes: []diagnose.Exclusion{{
			CauseClass: diagnose.DependencyFailure, Component: "broker",
			Proof: diagnose.Proof{Expr: "facts.broker == 1", Diagnostics: []string{"broker"}, Evidence: []string{broker.ID}},
		}},
	}
	in := input(
		t, []string{"mailer"},
		one(metric{service: "mailer", signal: evidence.Saturation, resource: "workers", limit: 8, usual: 2, value: 8, at: onset}.item(t)),
		one(metric{service: "mailer", signal: evidence.Traffic, usual: 5, value: 0, at: onset}.item(t)),
		one(metric{service: "broker", signal: evidence.LatencyP99, usual: 0.1, value: 4, at: onset}.item(t)),
		[]evidence.Item{busy, done, broker, said},
	)
	if change != nil {
		change(&f)
	}
	in.Findings = []diagnose.Finding{f}
	return in
}

func TestRunbookRule(t *testing.T) {
	t.Parallel()
	said := facts(t, "said", true)
	tests := map[string]struct {
		change func(*diagnose.Finding)
		holds  bool
	}{
		"two conditions and the rival excluded": {nil, true},
		"nothing excluded":                      {func(f *diagnose.Finding) { f.Excludes = nil }, false},
		"another rival excluded": {func(f *diagnose.Finding) {
			f.Excludes[0].CauseClass = diagnose.TrafficSurge
		}, false},
		"the rival excluded at any component": {func(f *diagnose.Finding) { f.Excludes[0].Component = "" }, true},
		"one condition":                       {func(f *diagnose.Finding) { f.Confirmed = f.Confirmed[:1] }, false},
		"one condition missed": {func(f *diagnose.Finding) {
			f.Missed = []diagnose.Proof{f.Confirmed[1]}
		}, false},
		"two conditions on the same diagnostic": {func(f *diagnose.Finding) {
			f.Confirmed[1].Diagnostics = f.Confirmed[0].Diagnostics
		}, false},
		"a condition that adds nothing but the first one's diagnostic": {func(f *diagnose.Finding) {
			f.Confirmed[1].Diagnostics = []string{"done", "busy"}
		}, false},
		"two conditions that share a limit": {func(f *diagnose.Finding) {
			f.Confirmed[0].Diagnostics = []string{"busy", "limit"}
			f.Confirmed[1].Diagnostics = []string{"done", "limit"}
		}, true},
		"a condition without evidence": {func(f *diagnose.Finding) { f.Confirmed[1].Evidence = nil }, false},
		"a condition whose evidence is not there": {func(f *diagnose.Finding) {
			f.Confirmed[1].Evidence = []string{"ev_gone"}
		}, false},
		"a condition that rests on log text": {func(f *diagnose.Finding) {
			f.Confirmed[1].Evidence = []string{said.ID}
		}, false},
		"an exclusion that rests on log text": {func(f *diagnose.Finding) {
			f.Excludes[0].Proof.Evidence = []string{said.ID}
		}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := diagnosis(stuck(t, tt.change))
			h, _ := d.Top()
			if h.CauseClass != diagnose.ExhaustThreads || h.Component != "mailer" {
				t.Fatalf("wrong cause:%s", show(d))
			}
			if got := h.Basis == diagnose.BasisRunbook; got != tt.holds {
				t.Errorf("rule holds: %v, want %v:%s", got, tt.holds, show(d))
			}
			if tt.holds && h.Probability < 0.95 {
				t.Errorf("probability %.4f is below the threshold to act:%s", h.Probability, show(d))
			}
			if !tt.holds && h.Probability > 0.90 {
				t.Errorf("probability %.4f without the rule", h.Probability)
			}
		})
	}
}

func TestMissedProofsLowerACause(t *testing.T) {
	t.Parallel()
	of := func(in diagnose.Input) float64 {
		for _, h := range diagnosis(in).Hypotheses {
			if h.CauseClass == diagnose.ExhaustThreads {
				return h.Probability
			}
		}
		return 0
	}
	none := stuck(t, nil)
	none.Findings = nil
	missed := stuck(t, func(f *diagnose.Finding) { f.Missed, f.Confirmed = f.Confirmed, nil })
	if a, b := of(none), of(missed); b >= a {
		t.Errorf("two missed proofs left it at %.3f, was %.3f", b, a)
	}
}

// A runbook whose facts hold whatever the cause is must not outvote what the
// telemetry says: its rival is not excluded.
func TestTwoRunbooksDisagree(t *testing.T) {
	t.Parallel()
	in := stuck(t, nil)
	other := in.Findings[0]
	other.Runbook, other.CauseClass, other.Component = "broker-down", diagnose.DependencyFailure, "broker"
	other.Excludes = nil
	in.Findings = append(in.Findings, other)
	d := diagnosis(in)
	for _, h := range d.Hypotheses {
		if h.Component == "broker" && h.Basis == diagnose.BasisRunbook {
			t.Errorf("the rule holds for the broker:%s", show(d))
		}
	}
}

func TestDeadSourcesTakeFromTheRunbookToo(t *testing.T) {
	t.Parallel()
	in := stuck(t, nil)
	for _, s := range []string{"loki", "changes", "alertmanager"} {
		in.Items = append(in.Items, failure(s))
	}
	if h, _ := diagnosis(in).Top(); h.Probability >= 0.95 {
		t.Errorf("three dead sources leave %.4f, enough to act", h.Probability)
	}
}
