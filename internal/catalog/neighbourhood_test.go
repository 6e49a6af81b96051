package catalog

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNeighbourhoodHoldsWhoSharesADependency(t *testing.T) {
	t.Parallel()
	c, err := New([]Service{
		{Name: "web", Owner: "team", Tier: 2, DependsOn: []string{"api"}},
		{Name: "api", Owner: "team", Tier: 2, DependsOn: []string{"db"}},
		{Name: "worker", Owner: "team", Tier: 2, DependsOn: []string{"db", "broker"}},
		{Name: "report", Owner: "team", Tier: 2, DependsOn: []string{"worker"}},
		{Name: "broker", Owner: "team", Tier: 2},
		{Name: "db", Owner: "team", Tier: 2, DependsOn: []string{"disk"}},
		{Name: "disk", Owner: "team", Tier: 2},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		names []string
		most  int
		want  []string
	}{
		"nearest first":       {[]string{"api"}, 0, []string{"api", "db", "disk", "worker", "web"}},
		"bounded":             {[]string{"api"}, 2, []string{"api", "db"}},
		"unknown is left out": {[]string{"nobody"}, 0, nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, s := range c.Neighbourhood(tc.names, tc.most) {
				got = append(got, s.Name)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
