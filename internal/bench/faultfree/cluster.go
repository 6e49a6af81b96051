package faultfree

import (
	"fmt"
	"time"

	"github.com/holdfast-sre/holdfast/internal/cluster"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

const namespace = "calm"

// cluster is one in which everything works, with what every cluster has that
// looks broken to a naive check, and which remembers other days.
func (w *world) cluster() {
	s := cluster.State{
		At: w.now, Namespace: namespace,
		Read: []string{"pods", "deployments", "services", "nodes", "configmaps", "secrets", "events", "persistentvolumeclaims", "resourcequotas", "serviceaccounts"},
	}
	w.nodes(&s)
	s.Accounts = []cluster.Account{{Meta: w.meta("default", 900*time.Hour)}}
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
	for _, h := range habits() {
		if w.chance(h.chance) {
			h.add(w, &s)
		}
	}
	w.add(evidence.Item{Kind: evidence.KindCluster, Collector: "kubernetes", Source: "cluster", Query: "kubectl get all -n calm"}, s)
}

// habit is something that is found in many clusters and harms nobody.
type habit struct {
	chance float64
	add    func(w *world, s *cluster.State)
}

func habits() []habit {
	var out []habit
	for _, some := range [][]habit{memories(), wirings(), podHabits(), jobs(), furnishings()} {
		out = append(out, some...)
	}
	return out
}

func (w *world) meta(name string, age time.Duration) cluster.Meta {
	return cluster.Meta{Name: name, Namespace: namespace, Created: w.ago(age)}
}

func (w *world) nodes(s *cluster.State) {
	for i := range 2 + w.r.IntN(3) {
		s.Nodes = append(s.Nodes, cluster.Node{
			Meta:        cluster.Meta{Name: fmt.Sprint("node", i), Created: w.ago(900 * time.Hour)},
			Conditions:  []cluster.Condition{{Type: "Ready", Status: "True", Since: w.ago(800 * time.Hour)}},
			Allocatable: map[string]cluster.Quantity{"cpu": 8, "memory": 32 << 30}, Requested: map[string]cluster.Quantity{"cpu": 3, "memory": 9 << 30},
			Lease: w.ago(8 * time.Second), InternalIP: fmt.Sprint("10.9.0.", i+1),
		})
	}
}

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
		Meta: cluster.Meta{Name: name, Namespace: namespace, Created: started}, Kind: "Deployment", Selector: labels, PodLabels: labels,
		Desired: replicas, Current: replicas, Ready: replicas, Updated: replicas, Available: replicas, Revision: "3", Template: spec,
		Conditions: []cluster.Condition{{Type: "Available", Status: "True", Reason: "MinimumReplicasAvailable", Since: started}},
	})
	svc := cluster.Service{
		Meta: cluster.Meta{Name: name, Namespace: namespace, Created: started}, Type: "ClusterIP", ClusterIP: fmt.Sprint("10.8.0.", i+1), Selector: labels,
		Ports: []cluster.ServicePort{{Name: "http", Port: 80, Target: fmt.Sprint(port), Protocol: "TCP"}},
	}
	for k := range replicas {
		p := w.pod(s, fmt.Sprintf("%s-7f9c-%d", name, k), name, started)
		p.Spec, p.Labels, p.IP = spec, labels, fmt.Sprintf("10.7.%d.%d", i, k+1)
		if w.chance(0.15) { // restarted once, long ago, with its node
			p.Containers[0].Restarts = 1
			p.Containers[0].Last = cluster.Phase{Kind: "terminated", Reason: "Completed", Started: started, Finished: started.Add(time.Minute)}
		}
		svc.Addresses = append(svc.Addresses, fmt.Sprintf("%s:%d", p.IP, port))
		s.Pods = append(s.Pods, p)
	}
	s.Services = append(s.Services, svc)
}

// pod runs well since a moment.
func (w *world) pod(s *cluster.State, name, owner string, since time.Time) cluster.Pod {
	return cluster.Pod{
		Meta:  cluster.Meta{Name: name, Namespace: namespace, Created: since, OwnerKind: "Deployment", OwnerName: owner},
		Phase: "Running", Node: s.Nodes[w.r.IntN(len(s.Nodes))].Name,
		Conditions: []cluster.Condition{{Type: "Ready", Status: "True", Since: since}, {Type: "PodScheduled", Status: "True", Since: since}},
		Containers: []cluster.Container{{Name: "app", Image: "registry.calm/" + owner + ":1.1", Ready: true, State: cluster.Phase{Kind: "running", Started: since}}},
	}
}
