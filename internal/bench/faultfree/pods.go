package faultfree

import (
	"fmt"
	"time"

	"github.com/holdfast-sre/holdfast/internal/cluster"
)

// podHabits are pods that are not the simplest ones, and well.
func podHabits() []habit {
	return []habit{{0.4, initContainers}, {0.4, sidecars}, {0.4, agents}, {0.2, rollingOut}, {0.3, evicted}, {0.3, atZero}, {0.2, priorities}}
}

// initContainers have done their work.
func initContainers(w *world, s *cluster.State) {
	name := w.any()
	each(s, name, func(p *cluster.PodSpec) {
		p.InitContainers = append(p.InitContainers, cluster.ContainerSpec{Name: "migrate", Image: "registry.calm/migrate:4"})
	})
	for i := range s.Pods {
		if p := &s.Pods[i]; p.OwnerName == name {
			p.Containers = append(p.Containers, cluster.Container{
				Name: "migrate", Init: true, Image: "registry.calm/migrate:4", Restarts: w.r.IntN(2),
				State: cluster.Phase{Kind: "terminated", Reason: "Completed", Started: p.Created, Finished: p.Created.Add(4 * time.Second)},
			})
		}
	}
}

func sidecars(w *world, s *cluster.State) {
	name := w.any()
	each(s, name, func(p *cluster.PodSpec) {
		p.Containers = append(p.Containers, cluster.ContainerSpec{Name: "proxy", Image: "registry.calm/proxy:2", Ports: []cluster.ContainerPort{{Port: 15001, Protocol: "TCP"}}})
	})
	for i := range s.Pods {
		if p := &s.Pods[i]; p.OwnerName == name {
			p.Containers = append(p.Containers, cluster.Container{Name: "proxy", Image: "registry.calm/proxy:2", Ready: true, State: cluster.Phase{Kind: "running", Started: p.Created}})
		}
	}
}

// agents run on every node but those that keep pods away.
func agents(w *world, s *cluster.State) {
	if len(s.Nodes) == 0 {
		return
	}
	if len(s.Nodes) > 2 {
		n := &s.Nodes[len(s.Nodes)-1]
		n.Taints = append(n.Taints, cluster.Taint{Key: "dedicated", Value: "batch", Effect: "NoSchedule"})
	}
	labels, n := map[string]string{"app": "agent"}, 0
	for _, node := range s.Nodes {
		if len(node.Taints) > 0 {
			continue
		}
		n++
		p := w.pod(s, "agent-"+node.Name, "agent", w.ago(400*time.Hour))
		p.Node, p.OwnerKind, p.Labels, p.IP = node.Name, "DaemonSet", labels, node.InternalIP
		p.Spec = cluster.PodSpec{ServiceAccount: "default", HostNetwork: true, Containers: []cluster.ContainerSpec{{Name: "app", Image: p.Containers[0].Image}}}
		s.Pods = append(s.Pods, p)
	}
	s.Workloads = append(s.Workloads, cluster.Workload{
		Meta: w.meta("agent", 800*time.Hour), Kind: "DaemonSet", Selector: labels, PodLabels: labels, Desired: n, Current: n, Ready: n, Updated: n, Available: n,
		Template: cluster.PodSpec{ServiceAccount: "default", HostNetwork: true, Containers: []cluster.ContainerSpec{{Name: "app", Image: "registry.calm/agent:1.1"}}},
	})
}

// rollingOut: one more pod than wanted, that starts.
func rollingOut(w *world, s *cluster.State) {
	i := w.r.IntN(len(w.services))
	x := &s.Workloads[i]
	x.Current, x.Updated = x.Current+1, 1
	x.Conditions = append(x.Conditions, cluster.Condition{Type: "Progressing", Status: "True", Reason: "ReplicaSetUpdated", Since: w.ago(20 * time.Second)})
	p := w.pod(s, x.Name+"-8a1b-0", x.Name, w.ago(20*time.Second))
	p.Spec, p.Labels, p.IP, p.Phase = x.Template, x.PodLabels, fmt.Sprintf("10.7.%d.99", i), "Pending"
	p.Conditions = []cluster.Condition{{Type: "PodScheduled", Status: "True", Since: w.ago(20 * time.Second)}, {Type: "Ready", Status: "False", Reason: "ContainersNotReady", Since: w.ago(20 * time.Second)}}
	p.Containers = []cluster.Container{{Name: "app", State: cluster.Phase{Kind: "waiting", Reason: "ContainerCreating"}}}
	s.Pods = append(s.Pods, p)
}

// evicted: a pod that had to go days ago; its successor runs.
func evicted(w *world, s *cluster.State) {
	name := w.any()
	p := w.pod(s, name+"-7f9c-old", name, w.ago(90*time.Hour))
	p.Phase, p.Reason, p.Message = "Failed", "Evicted", "The node was low on resource: ephemeral-storage."
	p.Containers, p.Conditions = nil, nil
	s.Pods = append(s.Pods, p)
}

// atZero: scaled to nothing until there is work.
func atZero(w *world, s *cluster.State) {
	labels := map[string]string{"app": "reports"}
	m := w.meta("reports", 500*time.Hour)
	m.Annotations = map[string]string{"autoscaling.keda.sh/managed-by": "keda"}
	s.Workloads = append(s.Workloads, cluster.Workload{
		Meta: m, Kind: "Deployment", Selector: labels, PodLabels: labels,
		Template: cluster.PodSpec{ServiceAccount: "default", Containers: []cluster.ContainerSpec{{Name: "app", Image: "registry.calm/reports:1"}}},
	})
	if w.chance(0.5) {
		s.Services = append(s.Services, cluster.Service{
			Meta: w.meta("reports", 500*time.Hour), Type: "ClusterIP", ClusterIP: "10.8.1.3", Selector: labels,
			Ports: []cluster.ServicePort{{Port: 80, Target: "8080", Protocol: "TCP"}},
		})
	}
}

func priorities(w *world, s *cluster.State) {
	each(s, w.any(), func(p *cluster.PodSpec) { p.Priority = "high" })
}
