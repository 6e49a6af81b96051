package cluster_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/cluster"
)

func TestCompareTellsOnlyWhatIsEqual(t *testing.T) {
	t.Parallel()
	got := make([]cluster.Keyed, 3)
	cluster.Compare(got, []map[string]string{{"A": "x", "B": "y"}, nil, {"C": "x"}, {"beyond": "z"}})
	want := []cluster.Keyed{
		{Equal: []cluster.Equal{{Name: "A", Group: 1}, {Name: "B", Group: 2}}},
		{},
		{Equal: []cluster.Equal{{Name: "C", Group: 1}}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("secrets (-want +got):\n%s", d)
	}
}
