package diagnose_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/holdfast-sre/holdfast/internal/change"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

var services = []string{"web", "orders", "mailer", "db", "broker", "bank", "stranger"}

// drawInput makes up evidence of every kind, sensible or not.
func drawInput(t *testing.T, rt *rapid.T) diagnose.Input {
	in := input(t, rapid.SliceOfNDistinct(rapid.SampledFrom(services), 0, 3, rapid.ID[string]).Draw(rt, "affected"))
	in.Items = drawItems(t, rt)
	for range rapid.IntRange(0, 3).Draw(rt, "findings") {
		in.Findings = append(in.Findings, drawFinding(rt, in.Items))
	}
	return in
}

func drawItems(t *testing.T, rt *rapid.T) []evidence.Item {
	var items []evidence.Item
	service := func() string { return rapid.SampledFrom(services).Draw(rt, "service") }
	at := func() time.Time {
		return now.Add(-time.Duration(rapid.IntRange(0, 900).Draw(rt, "ago")) * time.Second)
	}
	for range rapid.IntRange(0, 10).Draw(rt, "metrics") {
		m := metric{
			service: service(),
			signal: rapid.SampledFrom([]evidence.Golden{
				evidence.LatencyP99, evidence.Traffic, evidence.Errors, evidence.Saturation,
			}).Draw(rt, "signal"),
			usual: rapid.Float64Range(0, 50).Draw(rt, "usual"), value: rapid.Float64Range(0, 200).Draw(rt, "value"),
			at: at(), climb: rapid.Bool().Draw(rt, "climb"), stale: rapid.IntRange(0, 9).Draw(rt, "stale") == 0,
		}
		if m.signal == evidence.Saturation {
			m.resource = rapid.SampledFrom([]string{"workers", "connection_pool", "memory", "disk", "queue", "goroutines", ""}).Draw(rt, "resource")
			m.limit = rapid.SampledFrom([]float64{0, 8, 100}).Draw(rt, "limit")
			m.consumer = rapid.SampledFrom(append(services, "")).Draw(rt, "consumer")
		}
		items = append(items, m.item(t))
	}
	for range rapid.IntRange(0, 3).Draw(rt, "logs") {
		items = append(items, logs(t, service(), rapid.SampledFrom([]string{
			"too many clients 53300", "panic: boom", "connection refused db", "timed out", "token expired", "all fine",
		}).Draw(rt, "line")))
	}
	for range rapid.IntRange(0, 2).Draw(rt, "changes") {
		c := deployed(service(), rapid.SampledFrom([]string{"1.1.0", ""}).Draw(rt, "version"), at(), rapid.Bool().Draw(rt, "recorded"))
		c.Kind = rapid.SampledFrom(change.Kinds()).Draw(rt, "kind")
		items = append(items, changes(t, rapid.Bool().Draw(rt, "outside"), c))
	}
	for range rapid.IntRange(0, 2).Draw(rt, "runtime") {
		items = append(items, runtime(t, service(), evidence.Instance{
			Name: "i", State: rapid.SampledFrom([]string{"running", "exited", "OOMKilled"}).Draw(rt, "state"),
			Restarts: rapid.IntRange(0, 9).Draw(rt, "restarts"), StartedAt: at(),
		}))
	}
	for range rapid.IntRange(0, 2).Draw(rt, "facts") {
		items = append(items, facts(t, rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "diagnostic"), rapid.Bool().Draw(rt, "written")))
	}
	for range rapid.IntRange(0, 2).Draw(rt, "failures") {
		items = append(items, failure(rapid.SampledFrom([]string{"loki", "prom", "deploys"}).Draw(rt, "source")))
	}
	return items
}

func drawFinding(rt *rapid.T, items []evidence.Item) diagnose.Finding {
	ids := []string{"ev_none"}
	for _, it := range items {
		ids = append(ids, it.ID)
	}
	proof := func() diagnose.Proof {
		return diagnose.Proof{
			Expr:        "facts.x > 0",
			Diagnostics: rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 2).Draw(rt, "diagnostics"),
			Evidence:    rapid.SliceOfN(rapid.SampledFrom(ids), 0, 2).Draw(rt, "proof"),
		}
	}
	f := diagnose.Finding{
		Runbook: rapid.SampledFrom([]string{"one", "two"}).Draw(rt, "runbook"), Component: rapid.SampledFrom(services).Draw(rt, "component"),
		CauseClass: rapid.SampledFrom(diagnose.Classes()).Draw(rt, "class"),
	}
	for range rapid.IntRange(0, 3).Draw(rt, "confirmed") {
		f.Confirmed = append(f.Confirmed, proof())
	}
	for range rapid.IntRange(0, 1).Draw(rt, "missed") {
		f.Missed = append(f.Missed, proof())
	}
	for range rapid.IntRange(0, 2).Draw(rt, "excludes") {
		f.Excludes = append(f.Excludes, diagnose.Exclusion{CauseClass: rapid.SampledFrom(diagnose.Classes()).Draw(rt, "excluded"), Proof: proof()})
	}
	return f
}

func TestProbabilities(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		in := drawInput(t, rt)
		d := diagnosis(in)
		sum := 0.0
		for i, h := range d.Hypotheses {
			sum += h.Probability
			last := i == len(d.Hypotheses)-1
			switch {
			case !diagnose.Known(h.CauseClass):
				rt.Fatalf("class %q is not on the list", h.CauseClass)
			case (h.CauseClass == diagnose.Unknown) != last:
				rt.Fatalf("unknown is not last:%s", show(d))
			case h.Probability < 0 || math.IsNaN(h.Probability):
				rt.Fatalf("not a probability:%s", show(d))
			case !last && h.Basis != diagnose.BasisRunbook && h.Probability > 0.90:
				rt.Fatalf("over .90 without a runbook:%s", show(d))
			case !last && h.Probability > 0.97:
				rt.Fatalf("over .97:%s", show(d))
			case i > 0 && !last && h.Probability > d.Hypotheses[i-1].Probability:
				rt.Fatalf("not descending:%s", show(d))
			case h.Basis == diagnose.BasisRunbook && len(in.Findings) == 0:
				rt.Fatalf("runbook basis without a runbook:%s", show(d))
			}
		}
		if math.Abs(sum-1) > 1e-9 {
			rt.Fatalf("sum is %v:%s", sum, show(d))
		}
	})
}

func TestSameInAnyOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		in := drawInput(t, rt)
		want := diagnosis(in)
		other := in
		other.Items = rapid.Permutation(in.Items).Draw(rt, "items")
		other.Findings = slices.Clone(in.Findings)
		if diff := cmp.Diff(want, diagnosis(other)); diff != "" {
			rt.Fatalf("depends on the order of the items:\n%s", diff)
		}
	})
}

func TestADeadSourceNeverMakesSurer(t *testing.T) {
	t.Parallel()
	unknown := func(d diagnose.Diagnosis) float64 { return d.Hypotheses[len(d.Hypotheses)-1].Probability }
	rapid.Check(t, func(rt *rapid.T) {
		in := drawInput(t, rt)
		whole := diagnosis(in)
		in.Items = append(in.Items, failure("another"))
		partial := diagnosis(in)
		if _, ok := whole.Top(); ok && whole.Hypotheses[0].CauseClass == diagnose.Healthy {
			return // healthy is withdrawn altogether, and others may take its place
		}
		if unknown(partial) < unknown(whole)-1e-9 {
			rt.Fatalf("unknown fell from %.4f to %.4f", unknown(whole), unknown(partial))
		}
	})
}

func TestOutsideAloneStaysUnder80(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		in := drawInput(t, rt)
		in.Findings = nil
		in.Items = slices.DeleteFunc(in.Items, func(it evidence.Item) bool { return !it.Outside })
		for i, it := range in.Items {
			in.Items[i] = it
			if it.Kind == evidence.KindChanges {
				in.Items[i] = changes(t, true, deployed("orders", "9", onset, false))
			}
		}
		for _, h := range diagnosis(in).Hypotheses {
			if h.CauseClass != diagnose.Unknown && h.Probability > 0.80 {
				rt.Fatalf("%s at %s reached %.4f", h.CauseClass, h.Component, h.Probability)
			}
		}
	})
}
