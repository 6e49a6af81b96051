package faultfree

import (
	"fmt"
	"time"

	"github.com/holdfast-sre/holdfast/internal/cluster"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// cluster is one in which everything works, and which remembers other days.
func (w *world) cluster() {
	s := cluster.State{
		At: w.now, Namespace: "calm",
		Read: []string{"pods", "deployments", "services", "nodes", "configmaps", "secrets", "events", "persistentvolumeclaims", "resourcequotas", "serviceaccounts"},
	}
	for i := range 2 + w.r.IntN(3) {
		s.Nodes = append(s.Nodes, cluster.Node{
			Meta:        cluster.Meta{Name: fmt.Sprint("node", i), Created: w.ago(900 * time.Hour)},
			Conditions:  []cluster.Condition{{Type: "Ready", Status: "True", Since: w.ago(800 * time.Hour)}},
			Allocatable: map[string]cluster.Quantity{"cpu": 8, "memory": 32 << 30}, Requested: map[string]cluster.Quantity{"cpu": 3, "memory": 9 << 30},
			Lease: w.ago(8 * time.Second), InternalIP: fmt.Sprint("10.9.0.", i+1),
		})
	}
	s.Accounts = []cluster.Account{{Meta: cluster.Meta{Name: "default", Namespace: "calm"}}}
	for i, name := range w.services {
		w.workload(&s, i, name)
	}
	for i, name := range w.services[1:] {
		caller := 0
		if !w.kind.fan {
			caller = i
		}
		s.Calls = append(s.Calls, cluster.Call{Caller: w.services[caller], Callee: name})
	}
	w.memories(&s)
	w.add(evidence.Item{Kind: evidence.KindCluster, Collector: "kubernetes", Source: "cluster", Query: "kubectl get all -n calm"}, s)
}

func (w *world) ago(d time.Duration) time.Time { return w.now.Add(-d) }

func (w *world) workload(s *cluster.State, i int, name string) {
	port := 8000 + i
	probe := &cluster.Probe{Kind: "http", Port: fmt.Sprint(port), Path: "/health", Delay: 5 * time.Second, Timeout: time.Second, Period: 10 * time.Second, Failures: 3, Successes: 1}
	spec := cluster.PodSpec{
		ServiceAccount: "default",
		Containers: []cluster.ContainerSpec{{
			Name: "app", Image: "registry.calm/" + name + ":1.1", Ports: []cluster.ContainerPort{{Name: "http", Port: port, Protocol: "TCP"}},
			Requests: map[string]cluster.Quantity{"cpu": 0.2, "memory": 256 << 20}, Limits: map[string]cluster.Quantity{"cpu": 1, "memory": 512 << 20},
			Liveness: probe, Readiness: probe,
		}},
	}
	labels := map[string]string{"app": name}
	started := w.ago(time.Duration(w.between(1, 500)) * time.Hour)
	replicas := 1 + w.r.IntN(3)
	s.Workloads = append(s.Workloads, cluster.Workload{
		Meta: cluster.Meta{Name: name, Namespace: "calm", Created: started}, Kind: "Deployment", Selector: labels, PodLabels: labels,
		Desired: replicas, Current: replicas, Ready: replicas, Updated: replicas, Available: replicas, Revision: "3", Template: spec,
		Conditions: []cluster.Condition{{Type: "Available", Status: "True", Reason: "MinimumReplicasAvailable", Since: started}},
	})
	svc := cluster.Service{
		Meta: cluster.Meta{Name: name, Namespace: "calm", Created: started}, Type: "ClusterIP", ClusterIP: fmt.Sprint("10.8.0.", i+1), Selector: labels,
		Ports: []cluster.ServicePort{{Name: "http", Port: 80, Target: fmt.Sprint(port), Protocol: "TCP"}},
	}
	for k := range replicas {
		p := cluster.Pod{
			Meta: cluster.Meta{Name: fmt.Sprintf("%s-7f9c-%d", name, k), Namespace: "calm", Labels: labels, Created: started, OwnerKind: "Deployment", OwnerName: name},
			Spec: spec, Phase: "Running", Node: s.Nodes[k%len(s.Nodes)].Name, IP: fmt.Sprintf("10.7.%d.%d", i, k+1),
			Conditions: []cluster.Condition{{Type: "Ready", Status: "True", Since: started}, {Type: "PodScheduled", Status: "True", Since: started}},
			Containers: []cluster.Container{{Name: "app", Image: "registry.calm/" + name + ":1.1", Ready: true, State: cluster.Phase{Kind: "running", Started: started}}},
		}
		if w.chance(0.15) { // restarted once, long ago, with its node
			p.Containers[0].Restarts = 1
			p.Containers[0].Last = cluster.Phase{Kind: "terminated", Reason: "Completed", Started: started, Finished: started.Add(time.Minute)}
		}
		svc.Addresses = append(svc.Addresses, fmt.Sprintf("%s:%d", p.IP, port))
		s.Pods = append(s.Pods, p)
	}
	s.Services = append(s.Services, svc)
}

// memories are what is left of other days: events of pods that are gone, jobs
// that are done, old sets of replicas, an eviction.
func (w *world) memories(s *cluster.State) {
	old := func(reason, message string) {
		d := time.Duration(w.between(2, 40)) * time.Hour
		s.Events = append(s.Events, cluster.Event{
			Kind: "Pod", Name: w.services[w.r.IntN(len(w.services))] + "-5d4f-gone", Type: "Warning", Reason: reason, Message: message,
			Count: 1 + w.r.IntN(300), First: w.ago(d + time.Hour), Last: w.ago(d), From: "kubelet",
		})
	}
	if w.chance(0.6) {
		old("BackOff", "Back-off restarting failed container app")
	}
	if w.chance(0.6) {
		old("FailedScheduling", "0/4 nodes are available: 4 Insufficient memory.")
	}
	if w.chance(0.5) {
		old("Failed", "Failed to pull image: not found")
	}
	if w.chance(0.5) {
		old("Unhealthy", "Readiness probe failed: connection refused")
	}
	if w.chance(0.5) {
		s.Workloads = append(s.Workloads, cluster.Workload{
			Meta: cluster.Meta{Name: "nightly", Namespace: "calm", Created: w.ago(9 * time.Hour)}, Kind: "Job", Desired: 1, Conditions: []cluster.Condition{{Type: "Complete", Status: "True", Since: w.ago(8 * time.Hour)}},
		})
		s.Pods = append(s.Pods, cluster.Pod{
			Meta:  cluster.Meta{Name: "nightly-x1", Namespace: "calm", Created: w.ago(9 * time.Hour), OwnerKind: "Job", OwnerName: "nightly", Labels: map[string]string{"job": "nightly"}},
			Phase: "Succeeded", Node: s.Nodes[0].Name, Conditions: []cluster.Condition{{Type: "Ready", Status: "False", Reason: "PodCompleted", Since: w.ago(8 * time.Hour)}},
			Containers: []cluster.Container{{Name: "job", State: cluster.Phase{Kind: "terminated", Reason: "Completed", Finished: w.ago(8 * time.Hour)}}},
		})
	}
	if w.chance(0.4) {
		name := w.services[w.r.IntN(len(w.services))]
		s.Workloads = append(s.Workloads, cluster.Workload{
			Meta: cluster.Meta{Name: name + "-5d4f", Namespace: "calm", Created: w.ago(300 * time.Hour), OwnerKind: "Deployment", OwnerName: name}, Kind: "ReplicaSet",
		})
	}
}
