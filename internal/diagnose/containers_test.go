package diagnose_test

import (
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/cluster"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

// podsWorld is a deployment called "web" with its pods, two nodes, and what the
// cluster, the logs and the monitors say.
type podsWorld struct {
	desired  int
	pods     []cluster.Pod
	nodes    []cluster.Node
	events   []cluster.Event
	logs     []string
	monitors []signal.Signal
}

func runningPod(name, set string) cluster.Pod {
	return cluster.Pod{
		Meta:  cluster.Meta{Name: name, Namespace: "shop", OwnerKind: "ReplicaSet", OwnerName: set, Created: now.Add(-48 * time.Hour)},
		Phase: "Running", Node: "node-a",
		Containers: []cluster.Container{{Name: "web", Ready: true, State: cluster.Phase{Kind: "running", Started: now.Add(-48 * time.Hour)}}},
	}
}

func podWith(name, set string, change func(*cluster.Pod, *cluster.Container)) cluster.Pod {
	p := runningPod(name, set)
	p.Created = now.Add(-20 * time.Minute)
	change(&p, &p.Containers[0])
	return p
}

func crashed(code int, reason string) func(*cluster.Pod, *cluster.Container) {
	return func(_ *cluster.Pod, c *cluster.Container) {
		c.Ready, c.Restarts = false, 6
		c.State = cluster.Phase{Kind: "waiting", Reason: "CrashLoopBackOff", Message: "back-off 2m40s restarting failed container"}
		c.Last = cluster.Phase{Kind: "terminated", Reason: reason, ExitCode: code, Finished: now.Add(-time.Minute)}
	}
}

func waitsFor(reason, message string) func(*cluster.Pod, *cluster.Container) {
	return func(p *cluster.Pod, c *cluster.Container) {
		p.Phase, c.Ready = "Pending", false
		c.State = cluster.Phase{Kind: "waiting", Reason: reason, Message: message}
	}
}

func unscheduled(p *cluster.Pod, c *cluster.Container) {
	p.Phase, p.Node, c.Ready, c.State = "Pending", "", false, cluster.Phase{}
}

func warning(kind, name, reason, message string, ago time.Duration) cluster.Event {
	return cluster.Event{Kind: kind, Name: name, Type: "Warning", Reason: reason, Message: message, Count: 5, First: now.Add(-ago), Last: now.Add(-ago)}
}

func node(name string, conditions ...cluster.Condition) cluster.Node {
	if len(conditions) == 0 {
		conditions = []cluster.Condition{{Type: "Ready", Status: "True"}, {Type: "MemoryPressure", Status: "False"}}
	}
	return cluster.Node{Meta: cluster.Meta{Name: name}, Conditions: conditions}
}

func monitor(name string, s signal.Status) signal.Signal {
	return signal.Signal{Kind: signal.Alert, Name: name, Status: s, Service: "web"}
}

func (w podsWorld) input(t *testing.T) diagnose.Input {
	t.Helper()
	cat, err := catalog.New([]catalog.Service{
		{Name: "web", Tier: 1, Targets: []catalog.Target{{Environment: "prod", Kind: "deployment", Name: "web"}}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := cluster.State{
		At: now, Namespace: "shop", Pods: w.pods, Nodes: w.nodes, Events: w.events,
		Read: []string{"pods", "deployments", "events", "nodes"},
	}
	if len(s.Nodes) == 0 {
		s.Nodes = []cluster.Node{node("node-a"), node("node-b")}
	}
	ready, sets := 0, map[string]bool{}
	for _, p := range w.pods {
		if p.Deleted.IsZero() && p.Phase == "Running" && p.Containers[0].Ready {
			ready++
		}
		if !sets[p.OwnerName] {
			sets[p.OwnerName] = true
			s.Workloads = append(s.Workloads, cluster.Workload{
				Meta: cluster.Meta{Name: p.OwnerName, OwnerKind: "Deployment", OwnerName: "web"}, Kind: "ReplicaSet", Desired: 1,
			})
		}
	}
	s.Workloads = append(s.Workloads, cluster.Workload{
		Meta: cluster.Meta{Name: "web", Namespace: "shop"}, Kind: "Deployment", Desired: w.desired, Current: w.desired, Ready: ready, Available: ready,
	})
	in := diagnose.Input{Catalog: cat, Affected: []string{"web"}, FirstSignal: now, Now: now}
	in.Items = append(in.Items, encode(t, evidence.Item{Kind: evidence.KindCluster, Source: "kubernetes", Service: "web", Query: "kubectl get all"}, s))
	if len(w.logs) > 0 {
		in.Items = append(in.Items, logs(t, "web", w.logs...))
	}
	if len(w.monitors) > 0 {
		in.Items = append(in.Items, encode(t, evidence.Item{Kind: evidence.KindAlerts, Source: "monitors", Service: "web", Query: "monitors"}, evidence.Alerts{Alerts: w.monitors}))
	}
	return in
}

// Each way in which a workload fails stands beside a twin that looks alike and
// has another cause, or none.
func TestContainers(t *testing.T) {
	t.Parallel()
	old := []cluster.Pod{runningPod("web-old-1", "web-old"), runningPod("web-old-2", "web-old")}
	plus := func(ps ...cluster.Pod) []cluster.Pod { return append(append([]cluster.Pod{}, old...), ps...) }
	calm := []signal.Signal{monitor("error rate", signal.Resolved), monitor("latency", signal.Resolved)}
	loud := []signal.Signal{monitor("error rate", signal.Firing)}
	notReady := node("node-a", cluster.Condition{Type: "Ready", Status: "False", Reason: "KubeletNotReady", Message: "the node does not answer"})
	pressed := node("node-a", cluster.Condition{Type: "Ready", Status: "True"}, cluster.Condition{Type: "DiskPressure", Status: "True"})
	for _, tt := range []struct {
		name  string
		world podsWorld
		want  diagnose.CauseClass
	}{
		{"well", podsWorld{desired: 2, pods: old, monitors: calm}, diagnose.Healthy},
		{"killed at the memory limit", podsWorld{desired: 3, pods: plus(podWith("web-new-1", "web-new", crashed(137, "OOMKilled")))}, diagnose.ExhaustMemory},
		{
			"killed by the kernel, and only the event tells",
			podsWorld{
				desired: 3, pods: plus(podWith("web-new-1", "web-new", crashed(137, "Error"))),
				events: []cluster.Event{warning("Pod", "web-new-1", "OOMKilling", "Memory cgroup out of memory: killed process 1", time.Minute)},
			},
			diagnose.ExhaustMemory,
		},
		{
			"twin: exit code 137 because the liveness probe fails",
			podsWorld{
				desired: 3, pods: plus(podWith("web-new-1", "web-new", crashed(137, "Error"))),
				events: []cluster.Event{warning("Pod", "web-new-1", "Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 404", time.Minute)},
			},
			diagnose.Probe,
		},
		{
			"crashes: a variable is missing",
			podsWorld{desired: 3, pods: plus(podWith("web-new-1", "web-new", crashed(1, "Error"))), logs: []string{"FATAL required env var STORE_DSN is not set, exiting"}},
			diagnose.ConfigChange,
		},
		{
			"twin: crashes in its own code",
			podsWorld{desired: 3, pods: plus(podWith("web-new-1", "web-new", crashed(2, "Error"))), logs: []string{"panic: runtime error: invalid memory address or nil pointer dereference"}},
			diagnose.BadDeploy,
		},
		{
			"twin: crashes because the password is refused",
			podsWorld{desired: 3, pods: plus(podWith("web-new-1", "web-new", crashed(1, "Error"))), logs: []string{"FATAL: password authentication failed for user app"}},
			diagnose.CredentialExpired,
		},
		{
			"twin: crashes because what it needs refuses connections",
			podsWorld{desired: 2, pods: []cluster.Pod{podWith("web-1", "web-old", crashed(1, "Error"))}, logs: []string{"dial tcp 10.2.3.4:6379: connect: connection refused"}},
			diagnose.DependencyFailure,
		},
		{"the image does not exist", podsWorld{
			desired: 3, pods: plus(podWith("web-new-1", "web-new", waitsFor("ImagePullBackOff", `Back-off pulling image "web:v9"`))),
			events: []cluster.Event{warning("Pod", "web-new-1", "Failed", `Failed to pull image "web:v9": manifest unknown`, time.Minute)},
		}, diagnose.Image},
		{
			"no node has room",
			podsWorld{desired: 3, pods: plus(podWith("web-new-1", "web-new", unscheduled)), events: []cluster.Event{
				warning("Pod", "web-new-1", "FailedScheduling", "0/2 nodes are available: 2 Insufficient cpu.", time.Minute),
			}},
			diagnose.Scheduling,
		},
		{
			"twin: no node had room, and a node was added",
			podsWorld{desired: 3, pods: plus(runningPod("web-new-1", "web-old")), monitors: calm, events: []cluster.Event{
				warning("Pod", "web-new-1", "FailedScheduling", "0/2 nodes are available: 2 Insufficient cpu.", 20*time.Minute),
			}},
			diagnose.Healthy,
		},
		{
			"the quota is used up",
			podsWorld{desired: 4, pods: old, events: []cluster.Event{
				warning("ReplicaSet", "web-old", "FailedCreate", `Error creating: pods "web-old-9" is forbidden: exceeded quota: main, requested: limits.cpu=2, used: limits.cpu=9, limited: limits.cpu=10`, time.Minute),
			}},
			diagnose.ExhaustQuota,
		},
		{
			"a node is not ready",
			podsWorld{desired: 2, nodes: []cluster.Node{notReady, node("node-b")}, pods: []cluster.Pod{
				podWith("web-old-1", "web-old", func(_ *cluster.Pod, c *cluster.Container) { c.Ready = false }), runningPod("web-old-2", "web-old"),
			}},
			diagnose.Node,
		},
		{
			"twin: a node was not ready for a moment",
			podsWorld{desired: 2, pods: old, monitors: calm, events: []cluster.Event{
				warning("Node", "node-a", "NodeNotReady", "Node node-a status is now: NodeNotReady", 25*time.Minute),
				warning("Pod", "web-old-1", "Unhealthy", "Liveness probe failed: connection refused", 25*time.Minute),
			}},
			diagnose.Healthy,
		},
		{
			"a node is short of disk",
			podsWorld{desired: 2, nodes: []cluster.Node{pressed, node("node-b")}, pods: []cluster.Pod{
				podWith("web-old-1", "web-old", func(p *cluster.Pod, c *cluster.Container) { p.Phase, p.Reason, c.Ready = "Failed", "Evicted", false }),
				runningPod("web-old-2", "web-old"),
			}},
			diagnose.ExhaustDisk,
		},
		{
			"the readiness probe asks a path that is not there",
			podsWorld{desired: 2, pods: []cluster.Pod{podWith("web-1", "web-old", func(_ *cluster.Pod, c *cluster.Container) { c.Ready = false })}, events: []cluster.Event{
				warning("Pod", "web-1", "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 404", time.Minute),
			}},
			diagnose.Probe,
		},
		{
			"twin: the readiness probe fails because a dependency does not answer",
			podsWorld{
				desired: 2, pods: []cluster.Pod{podWith("web-1", "web-old", func(_ *cluster.Pod, c *cluster.Container) { c.Ready = false })},
				events: []cluster.Event{warning("Pod", "web-1", "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", time.Minute)},
				logs:   []string{"redis: dial tcp 10.1.1.1:6379: connect: connection refused"},
			},
			diagnose.DependencyFailure,
		},
		{
			"pods were thrown out for memory, and the node has recovered",
			podsWorld{desired: 2, pods: []cluster.Pod{runningPod("web-old-1", "web-old"), podWith("web-old-2", "web-old", func(p *cluster.Pod, c *cluster.Container) {
				p.Phase, p.Reason, c.Ready = "Failed", "Evicted", false
				p.Message = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi."
			})}},
			diagnose.ExhaustMemory,
		},
		{
			"a rollout is under way",
			podsWorld{desired: 4, monitors: calm, pods: plus(runningPod("web-old-3", "web-old"), podWith("web-new-1", "web-new", func(p *cluster.Pod, c *cluster.Container) {
				p.Phase, p.Created, c.Ready = "Pending", now.Add(-30*time.Second), false
				c.State = cluster.Phase{Kind: "waiting", Reason: "ContainerCreating"}
			}))},
			diagnose.Healthy,
		},
		{
			"an evicted pod was made up for",
			podsWorld{desired: 2, monitors: calm, pods: plus(podWith("web-old-0", "web-old", func(p *cluster.Pod, c *cluster.Container) {
				p.Phase, p.Reason, p.Message, c.Ready = "Failed", "Evicted", "The node was low on resource: memory.", false
			}))},
			diagnose.Healthy,
		},
		{
			"twin: a pod of the old revision crashes while it terminates",
			podsWorld{desired: 2, monitors: calm, pods: plus(podWith("web-gone-1", "web-gone", func(p *cluster.Pod, c *cluster.Container) {
				crashed(1, "Error")(p, c)
				p.Deleted = now.Add(-time.Minute)
			}))},
			diagnose.Healthy,
		},
		{
			"twin: one restart an hour ago",
			podsWorld{desired: 2, monitors: calm, pods: []cluster.Pod{old[0], podWith("web-old-2", "web-old", func(_ *cluster.Pod, c *cluster.Container) {
				c.Restarts, c.State.Started = 1, now.Add(-time.Hour)
			})}},
			diagnose.Healthy,
		},
		{
			"a name does not resolve although all pods are ready",
			podsWorld{desired: 2, pods: old, monitors: loud, logs: []string{"Error: getaddrinfo ENOTFOUND db.shop.svc.cluster.local"}},
			diagnose.NetworkDNS,
		},
		{
			"a certificate has expired although all pods are ready",
			podsWorld{desired: 2, pods: old, monitors: loud, logs: []string{"tls: failed to verify certificate: x509: certificate has expired or is not yet valid"}},
			diagnose.CertificateExpired,
		},
		{
			"what it calls does not answer although all pods are ready",
			podsWorld{desired: 2, pods: old, monitors: loud, logs: []string{"POST https://pay.example/charge: 503 service unavailable"}},
			diagnose.DependencyFailure,
		},
		{
			"a volume can't be mounted",
			podsWorld{desired: 3, pods: plus(podWith("web-new-1", "web-new", waitsFor("ContainerCreating", ""))), events: []cluster.Event{
				warning("Pod", "web-new-1", "FailedAttachVolume", "Multi-Attach error for volume pvc-1: already used by another pod", time.Minute),
			}},
			diagnose.Storage,
		},
		{
			"a secret does not exist",
			podsWorld{desired: 3, pods: plus(podWith("web-new-1", "web-new", waitsFor("CreateContainerConfigError", `secret "store-login" not found`)))},
			diagnose.ConfigChange,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := diagnose.New(diagnose.DefaultWeights()).Diagnose(tt.world.input(t))
			if got := leading(d).class; got != tt.want {
				t.Errorf("leading cause = %v, want %v; all: %+v", got, tt.want, d.Hypotheses)
			}
		})
	}
}

// A monitor in force, a pod that is not ready or that restarted a moment ago, or
// a new failure in the log: nobody may call that well.
func TestNotWell(t *testing.T) {
	t.Parallel()
	pods := []cluster.Pod{runningPod("web-old-1", "web-old"), runningPod("web-old-2", "web-old")}
	fresh := podWith("web-old-2", "web-old", func(_ *cluster.Pod, c *cluster.Container) {
		c.Restarts, c.State.Started = 4, now.Add(-time.Minute)
	})
	for name, w := range map[string]podsWorld{
		"monitor": {desired: 2, pods: pods, monitors: []signal.Signal{monitor("error rate", signal.Firing)}},
		"restart": {desired: 2, pods: []cluster.Pod{pods[0], fresh}},
		"pod":     {desired: 3, pods: pods},
		"slow": {desired: 4, pods: append([]cluster.Pod{runningPod("web-old-3", "web-old")}, pods[0], pods[1], podWith("web-new-1", "web-new", func(p *cluster.Pod, c *cluster.Container) {
			p.Phase, c.Ready = "Pending", false
			c.State = cluster.Phase{Kind: "waiting", Reason: "ContainerCreating"}
		}))},
		"log":      {desired: 2, pods: pods, logs: []string{"ERROR could not write the order"}},
		"no state": {desired: 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := w.input(t)
			if name == "no state" {
				in.Items = nil
			}
			for _, h := range diagnose.New(diagnose.DefaultWeights()).Diagnose(in).Hypotheses {
				if h.CauseClass == diagnose.Healthy {
					t.Errorf("called well with probability %v: %s", h.Probability, h.Mechanism)
				}
			}
		})
	}
}

// What is ruled out was looked for: without pods nothing is said of containers.
func TestRuledOut(t *testing.T) {
	t.Parallel()
	e := diagnose.New(diagnose.DefaultWeights())
	w := podsWorld{desired: 1, pods: []cluster.Pod{runningPod("web-old-1", "web-old")}}
	if d := e.Diagnose(w.input(t)); len(d.RuledOut) == 0 || len(d.Observed) == 0 {
		t.Errorf("ruled out %v, observed %v: want something of both", d.RuledOut, d.Observed)
	}
	in := w.input(t)
	in.Items = nil
	if d := e.Diagnose(in); len(d.RuledOut) > 0 {
		t.Errorf("ruled out without evidence: %v", d.RuledOut)
	}
}
