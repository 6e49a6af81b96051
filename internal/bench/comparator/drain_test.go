package comparator_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/bench/comparator"
)

func TestDrainKeepsTheWordsThatAgree(t *testing.T) {
	t.Parallel()
	lines := []string{
		"wheel 12 turns at 10.0.0.7:80", "wheel 13 turns at 10.0.0.9:80", "wheel stands still at noon",
		"sack of 3kg at 0xff from ana", "sack of 14kg at 0xfe from bo", "", "flour", "x17 grinds now", "x18 grinds now",
	}
	want := []string{
		"wheel <*> turns at <*>", "wheel <*> turns at <*>", "wheel stands still at noon",
		"sack of <*> at <*> from <*>", "sack of <*> at <*> from <*>", "", "flour", "x1<*> grinds now", "x1<*> grinds now",
	}
	got := comparator.Miners()[0].Mine(lines)
	if diff := cmp.Diff(want, got.Templates); diff != "" {
		t.Errorf("templates (-want, +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"0", "0", "1", "2", "2", "3", "4", "5", "5"}, got.Groups); diff != "" || got.Count != 6 {
		t.Errorf("%d groups (-want, +got):\n%s", got.Count, diff)
	}
}
