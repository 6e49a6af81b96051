package faultfree_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/bench/faultfree"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
)

// Waking someone for nothing is a defect: at most one in a hundred.
func TestNobodyIsWokenForNothing(t *testing.T) {
	t.Parallel()
	set := faultfree.Set()
	ids, err := set.Cases(nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(ids) < 200 {
		t.Fatalf("%d cases, want at least 200", len(ids))
	}
	truths, err := set.Truths(nil)
	if err != nil {
		t.Fatal(err)
	}
	engine := diagnose.Default()
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
			t.Logf("%s (%s): %s %s at %s, %.3f: %s", id, truths[id].Group, h.CauseClass, h.Fault, h.Component, h.Probability, h.Mechanism)
		}
	}
	t.Logf("called healthy: %v", healthy)
	if limit := len(ids) / 100; alarms > limit {
		t.Errorf("%d alarms in %d fault-free cases, want at most %d", alarms, len(ids), limit)
	}
}

func TestACaseFollowsFromItsNumber(t *testing.T) {
	t.Parallel()
	a, err := faultfree.Load("calm-013")
	if err != nil {
		t.Fatal(err)
	}
	b, err := faultfree.Load("calm-013")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a.Items, b.Items); diff != "" {
		t.Errorf("two readings differ:\n%s", diff)
	}
	for _, id := range []string{"", "calm", "calm-240", "calm--01", "hot-013"} {
		if _, err := faultfree.Load(id); err == nil {
			t.Errorf("there is a case %q", id)
		}
	}
}
