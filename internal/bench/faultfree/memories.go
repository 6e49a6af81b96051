package faultfree

import (
	"time"

	"github.com/holdfast-sre/holdfast/internal/cluster"
)

// memories are what is left of other days: events of pods that are gone, old sets
// of replicas, what a rollout wrote while pods were starting.
func memories() []habit {
	return []habit{
		{0.6, oldEvent("BackOff", "Back-off restarting failed container app")},
		{0.6, oldEvent("FailedScheduling", "0/4 nodes are available: 4 Insufficient memory.")},
		{0.5, oldEvent("Failed", "Failed to pull image: not found")},
		{0.5, oldEvent("Unhealthy", "Readiness probe failed: connection refused")},
		{0.3, startEvent},
		{0.4, oldReplicas},
	}
}

func oldEvent(reason, message string) func(*world, *cluster.State) {
	return func(w *world, s *cluster.State) {
		d := time.Duration(w.between(2, 40)) * time.Hour
		s.Events = append(s.Events, cluster.Event{
			Kind: "Pod", Name: w.any() + "-5d4f-gone", Type: "Warning", Reason: reason, Message: message,
			Count: 1 + w.r.IntN(300), First: w.ago(d + time.Hour), Last: w.ago(d), From: "kubelet",
		})
	}
}

// startEvent is the probe of a pod that was not up yet, and is by now.
func startEvent(w *world, s *cluster.State) {
	p := s.Pods[w.r.IntN(len(s.Pods))]
	s.Events = append(s.Events, cluster.Event{
		Kind: "Pod", Name: p.Name, Type: "Warning", Reason: "Unhealthy", Message: "Readiness probe failed: dial tcp: connect: connection refused",
		Count: 1 + w.r.IntN(3), First: p.Created.Add(5 * time.Second), Last: p.Created.Add(25 * time.Second), From: "kubelet",
	})
}

func oldReplicas(w *world, s *cluster.State) {
	name := w.any()
	m := w.meta(name+"-5d4f", 300*time.Hour)
	m.OwnerKind, m.OwnerName = "Deployment", name
	s.Workloads = append(s.Workloads, cluster.Workload{Meta: m, Kind: "ReplicaSet"})
}
