package faultfree_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/bench/faultfree"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
)

// Waking someone for nothing is a defect: at most one in a hundred, on systems
// that nothing was learnt from, and by the rules themselves: no curve has to make
// up for them.
func TestNobodyIsWokenForNothing(t *testing.T) {
	t.Parallel()
	set := faultfree.Set(faultfree.FreshSeed, 300)
	ids, err := set.Cases(nil)
	if err != nil {
		t.Fatal(err)
	}
	truths, err := set.Truths(nil)
	if err != nil {
		t.Fatal(err)
	}
	engine := diagnose.New(diagnose.DefaultWeights())
	alarms, healthy := 0, map[string]int{}
	for _, id := range ids {
		in, err := set.Load(nil, id)
		if err != nil {
			t.Fatal(err)
		}
		d := engine.Diagnose(in)
		h, _ := d.Top()
		if h.CauseClass == diagnose.Healthy && h.Probability >= faultfree.Alarm {
			healthy[truths[id].Group]++
		}
		if faultfree.Alarmed(d) {
			alarms++
			t.Logf("%s (%s): %.3f at %s; %s %s at %s, %.3f: %s", id, truths[id].Group, d.Components[0].Probability, d.Components[0].Component,
				h.CauseClass, h.Fault, h.Component, h.Probability, h.Mechanism)
		}
	}
	t.Logf("called healthy: %v", healthy)
	if limit := len(ids) / 100; alarms > limit {
		t.Errorf("%d alarms in %d fault-free cases, want at most %d", alarms, len(ids), limit)
	}
}

func TestACaseFollowsFromSeedAndNumber(t *testing.T) {
	t.Parallel()
	a, err := faultfree.Load("calm-7-013")
	if err != nil {
		t.Fatal(err)
	}
	b, err := faultfree.Load("calm-7-013")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a.Items, b.Items); diff != "" {
		t.Errorf("two readings differ:\n%s", diff)
	}
	other, err := faultfree.Load("calm-8-013")
	if err != nil {
		t.Fatal(err)
	}
	if cmp.Equal(a.Items, other.Items) {
		t.Error("two seeds make the same system")
	}
	for _, id := range []string{"", "calm", "calm-013", "calm-7--01", "calm-7-13", "hot-7-013", "calm-7-013x"} {
		if _, err := faultfree.Load(id); err == nil {
			t.Errorf("there is a case %q", id)
		}
	}
}
