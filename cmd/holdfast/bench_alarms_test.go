package main

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/bench/faultfree"
)

func alarmsOf(t *testing.T, args ...string) []alarms {
	t.Helper()
	code, out, errs := benchRun(t, append([]string{"bench", "alarms", "-o", "json"}, args...)...)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	var rows []alarms
	if err := json.Unmarshal([]byte(out), &rows); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return rows
}

func TestAlarmsFollowFromTheSeed(t *testing.T) {
	t.Parallel()
	first, again := alarmsOf(t, "--seed", "5", "--cases", "5"), alarmsOf(t, "--seed", "5", "--cases", "5")
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("one seed, two answers:\n%s", diff)
	}
	if len(first) != 1 || first[0].Cases != 5 || first[0].Seed != 5 {
		t.Errorf("got %+v, want 5 systems of seed 5", first)
	}
	if other := alarmsOf(t, "--seed", "6", "--cases", "5"); cmp.Equal(first[0].Highest, other[0].Highest) {
		t.Errorf("seeds 5 and 6 make the same systems: %+v", other)
	}
}

func TestAlarmsAreMeasuredOnSystemsThatNothingWasLearntFrom(t *testing.T) {
	t.Parallel()
	_, help, _ := benchRun(t, "bench", "alarms", "--help")
	for _, want := range []string{strconv.FormatUint(faultfree.FitSeed, 10), strconv.FormatUint(faultfree.FreshSeed, 10), strconv.Itoa(faultfree.FreshCount)} {
		if !strings.Contains(help, want) {
			t.Errorf("help does not name %s:\n%s", want, help)
		}
	}
	if faultfree.FitSeed == faultfree.FreshSeed {
		t.Error("the figure would be of the systems that were learnt from")
	}
}

func TestNoAlarmsWithoutSystems(t *testing.T) {
	t.Parallel()
	if code, _, errs := benchRun(t, "bench", "alarms", "--cases", "0"); code != 2 || !strings.Contains(errs, "--cases is 0: use 1 or more") {
		t.Errorf("exit code %d, %q", code, errs)
	}
}
