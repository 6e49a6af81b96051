package faultfree

import (
	"time"

	"github.com/holdfast-sre/holdfast/internal/cluster"
)

// jobs run now and then, and are done; one failed long ago and was run again.
func jobs() []habit {
	return []habit{
		{0.5, func(w *world, s *cluster.State) { w.job(s, "nightly", 9*time.Hour, true) }},
		{0.3, func(w *world, s *cluster.State) { w.job(s, "pre-upgrade-hook", 200*time.Hour, true) }},
		{0.2, func(w *world, s *cluster.State) { w.job(s, "post-install-hook", 300*time.Hour, false) }},
		{0.3, cronJob},
	}
}

func (w *world) job(s *cluster.State, name string, age time.Duration, well bool) {
	done := w.ago(age - time.Hour)
	x := cluster.Workload{
		Meta: w.meta(name, age), Kind: "Job", Desired: 1, Conditions: []cluster.Condition{{Type: "Complete", Status: "True", Since: done}},
	}
	m := w.meta(name+"-x1", age)
	m.OwnerKind, m.OwnerName, m.Labels = "Job", name, map[string]string{"job": name}
	p := cluster.Pod{
		Meta: m, Phase: "Succeeded", Node: "node0", Conditions: []cluster.Condition{{Type: "Ready", Status: "False", Reason: "PodCompleted", Since: done}},
		Containers: []cluster.Container{{Name: "job", State: cluster.Phase{Kind: "terminated", Reason: "Completed", Finished: done}}},
	}
	if !well {
		x.Conditions[0] = cluster.Condition{Type: "Failed", Status: "True", Reason: "BackoffLimitExceeded", Since: done}
		p.Phase, p.Containers[0].State.Reason, p.Containers[0].State.ExitCode = "Failed", "Error", 1
	}
	s.Workloads = append(s.Workloads, x)
	s.Pods = append(s.Pods, p)
}

// cronJob waits for its hour.
func cronJob(w *world, s *cluster.State) {
	s.Workloads = append(s.Workloads, cluster.Workload{Meta: w.meta("cleanup", 700*time.Hour), Kind: "CronJob"})
	if w.chance(0.6) {
		w.job(s, "cleanup-2900", time.Duration(w.between(2, 20))*time.Hour, true)
	}
}
