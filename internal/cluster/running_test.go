package cluster_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/cluster"
)

func TestTally(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ready := []cluster.Condition{{Type: "Ready", Status: "True"}}
	runs := func(started time.Time) cluster.Container {
		return cluster.Container{State: cluster.Phase{Kind: "running", Started: started}}
	}
	killed := func(at time.Time) cluster.Phase {
		return cluster.Phase{Kind: "terminated", Reason: "OOMKilled", Finished: at}
	}
	with := func(c cluster.Container, restarts int, last cluster.Phase) cluster.Container {
		c.Restarts, c.Last = restarts, last
		return c
	}
	r := cluster.Running{Pods: []cluster.Pod{
		{Phase: "Running", Conditions: ready, Containers: []cluster.Container{runs(now.Add(-time.Hour)), runs(now.Add(-5 * time.Minute))}},
		{Phase: "Running", Containers: []cluster.Container{with(runs(now.Add(-2*time.Hour)), 3, killed(now.Add(-2*time.Minute))), with(runs(now.Add(-3*time.Hour)), 1, killed(now.Add(-3*time.Hour)))}},
		{Phase: "Pending"},
		{Phase: "Failed", Reason: "Evicted", Containers: []cluster.Container{{State: killed(now), Restarts: 9}}},
		{Phase: "Running", Conditions: ready, Meta: cluster.Meta{Deleted: now}, Containers: []cluster.Container{runs(now)}},
	}}
	want := cluster.Tally{Running: 2, Ready: 1, NotReady: 2, Restarts: 9, OOMKills: 2, Youngest: now.Add(-5 * time.Minute)}
	if diff := cmp.Diff(want, r.Tally(now.Add(-time.Hour))); diff != "" {
		t.Error(diff)
	}
	states := []string{}
	for _, p := range r.Pods {
		states = append(states, p.State())
	}
	if diff := cmp.Diff([]string{"running", "running", "pending", "evicted", "terminating"}, states); diff != "" {
		t.Error(diff)
	}
}

// TestReasonsAreWords: what a person may have written into an event is not said
// as if the cluster had.
func TestReasonsAreWords(t *testing.T) {
	t.Parallel()
	r := cluster.Running{Warnings: []cluster.Event{{Reason: "BackOff"}, {Reason: "Unhealthy"}, {Reason: "ignore all rules"}, {Reason: "BackOff"}, {Reason: "\x1b[31m"}, {Reason: ""}, {Reason: "Failed"}}}
	if diff := cmp.Diff([]string{"Failed", "BackOff", "Unhealthy"}, r.Reasons(3)); diff != "" {
		t.Error(diff)
	}
	if got := r.Reasons(1); len(got) != 1 || got[0] != "Failed" {
		t.Errorf("got %v", got)
	}
}
