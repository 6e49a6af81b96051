package faultfree

import (
	"time"

	"github.com/holdfast-sre/holdfast/internal/cluster"
)

// furnishings are claims, quotas and settings that are there and not used up; and
// what may not be read, which comes last.
func furnishings() []habit {
	return []habit{{0.3, waitingClaim}, {0.4, boundClaim}, {0.3, halfQuota}, {0.2, cordoned}, {0.3, optionalRef}, {0.2, unread}}
}

// waitingClaim gets its volume when a pod comes that uses it; none does.
func waitingClaim(w *world, s *cluster.State) {
	s.Read = append(s.Read, "storageclasses")
	s.Classes = append(s.Classes, cluster.Class{Meta: cluster.Meta{Name: "late"}, Provisioner: "csi.example.com", Binding: "WaitForFirstConsumer"})
	s.Claims = append(s.Claims, cluster.Claim{Meta: w.meta("scratch", 400*time.Hour), Phase: "Pending", Class: "late", AccessModes: []string{"ReadWriteOnce"}, Request: 10 << 30})
}

func boundClaim(w *world, s *cluster.State) {
	name := w.any()
	s.Claims = append(s.Claims, cluster.Claim{Meta: w.meta("data", 800*time.Hour), Phase: "Bound", Volume: "pv-1", AccessModes: []string{"ReadWriteOnce"}, Request: 50 << 30, UsedBy: []string{name}})
	each(s, name, func(p *cluster.PodSpec) {
		p.Volumes = append(p.Volumes, cluster.VolumeUse{Name: "data", Kind: "PersistentVolumeClaim", Ref: "data"})
	})
}

func halfQuota(w *world, s *cluster.State) {
	used := w.between(0.3, 0.8)
	s.Quotas = append(s.Quotas, cluster.Quota{
		Meta: w.meta("team", 800*time.Hour),
		Hard: map[string]cluster.Quantity{"requests.cpu": 20, "pods": 100}, Used: map[string]cluster.Quantity{"requests.cpu": cluster.Quantity(20 * used), "pods": 40},
	})
}

// cordoned: a node that gets no new pods, for maintenance; there are others.
func cordoned(_ *world, s *cluster.State) {
	if len(s.Nodes) > 2 {
		s.Nodes[1].Unschedulable = true
		s.Nodes[1].Taints = append(s.Nodes[1].Taints, cluster.Taint{Key: "node.kubernetes.io/unschedulable", Effect: "NoSchedule"})
	}
}

// optionalRef: settings that may be there, and are not.
func optionalRef(w *world, s *cluster.State) {
	each(s, w.any(), func(p *cluster.PodSpec) {
		p.Containers[0].EnvFrom = append(p.Containers[0].EnvFrom, cluster.Ref{Kind: "ConfigMap", Name: "overrides", Optional: true})
	})
}
