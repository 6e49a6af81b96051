package inspect

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/cluster"
)

// leaseTimeout is after how long without a renewed lease a node counts as
// silent: the controller's default grace period,
// https://kubernetes.io/docs/reference/node/node-status/
const leaseTimeout = 40 * time.Second

var components = map[string]cause.Fault{ //nolint:gochecknoglobals // a table that nothing changes
	"kubelet": cause.FaultKubelet, "containerd": cause.FaultRuntime, "cri-o": cause.FaultRuntime, "crio": cause.FaultRuntime,
	"docker": cause.FaultRuntime, "kube-proxy": cause.FaultKubeProxy, "kube-scheduler": cause.FaultScheduler,
}

// platform finds components of the cluster itself that do not run.
func platform(w *world) []Finding {
	var out []Finding
	for _, u := range w.state.Units {
		fault, ok := components[strings.TrimSuffix(u.Name, ".service")]
		if !ok || u.Active {
			continue
		}
		f := Finding{
			Fault: fault, Kind: "Node", Name: u.Node, Weight: Mismatch,
			Text:  fmt.Sprintf("%s on %s does not run: %s", u.Name, u.Node, u.State),
			About: []string{"nodes/" + u.Node}, Check: []string{"systemctl status " + u.Name, "journalctl -u " + u.Name},
		}
		if broken := w.without(fault, u.Node); len(broken) > 0 {
			f.Weight, f.Broken = Contradiction, broken
		}
		out = append(out, f)
	}
	return append(out, w.silentScheduler(out)...)
}

// without lists what suffers when a component of a node does not run.
func (w *world) without(fault cause.Fault, node string) []string {
	if fault == cause.FaultScheduler {
		return w.unplaced()
	}
	var out []string
	for _, name := range w.onNode(node) {
		if n := w.node(node); fault == cause.FaultKubeProxy || n != nil && condition(n.Conditions, "Ready").Status != "True" {
			out = append(out, name)
		}
	}
	return out
}

// unplaced are the workloads with pods that no scheduler has spoken about.
func (w *world) unplaced() []string {
	var out []string
	for _, x := range w.workloads {
		if slices.ContainsFunc(w.pods[x.Name], func(p *cluster.Pod) bool {
			return waiting(p) && defaultScheduler(p) && w.refusal(p) == "" && w.state.At.Sub(p.Created) > 30*time.Second
		}) {
			out = append(out, x.Name)
		}
	}
	return out
}

// defaultScheduler reports whether a pod waits for the scheduler that comes with
// Kubernetes, and for nothing before it.
func defaultScheduler(p *cluster.Pod) bool {
	return (p.Spec.Scheduler == "" || p.Spec.Scheduler == kubeScheduler) && condition(p.Conditions, podScheduled).Reason != gated
}

// silentScheduler sees from outside that the scheduler does nothing: pods wait
// that a node would take, and it has said nothing about them.
func (w *world) silentScheduler(known []Finding) []Finding {
	if !w.known("events", "nodes") || slices.ContainsFunc(known, func(f Finding) bool { return f.Fault == cause.FaultScheduler }) {
		return nil // what it says was not heard, or where it might have put them is not known
	}
	names := w.unplaced()
	names = slices.DeleteFunc(names, func(name string) bool {
		return slices.ContainsFunc(w.pods[name], func(p *cluster.Pod) bool {
			_, blocked := w.blocker(p)
			return waiting(p) && blocked
		})
	})
	if len(names) == 0 || slices.ContainsFunc(w.state.Units, func(u cluster.Unit) bool { return u.Name == "kube-scheduler" && u.Active }) {
		return nil
	}
	node := ""
	for _, n := range w.nodesWhere(controlPlane) {
		node = n.Name
		break
	}
	if node == "" {
		return nil
	}
	return []Finding{{
		Fault: cause.FaultScheduler, Kind: "Node", Name: node, Weight: Observed, Broken: names,
		Text:  fmt.Sprintf("pods of %s wait although a node would take them, and the scheduler has said nothing", strings.Join(names, ", ")),
		About: []string{"nodes/" + node}, Check: []string{"kubectl -n kube-system get pods,lease"},
	}}
}

// nodes finds machines that are not ready where no component explains it.
func nodes(w *world) []Finding {
	var out []Finding
	for i := range w.state.Nodes {
		n := &w.state.Nodes[i]
		ready := condition(n.Conditions, "Ready")
		if ready.Status == "" || ready.Status == "True" {
			continue
		}
		f := Finding{
			Fault: cause.FaultNodeNotReady, Kind: "Node", Name: n.Name, Weight: Stated, Broken: w.onNode(n.Name),
			Text:  fmt.Sprintf("%s is not ready: %s", n.Name, strings.TrimSpace(ready.Reason+" "+ready.Message)),
			About: []string{"nodes/" + n.Name}, Check: []string{"kubectl describe node " + n.Name},
		}
		switch {
		case containsAny(ready.Message, "container runtime", "CRI", "PLEG"):
			f.Fault = cause.FaultRuntime
		case ready.Status == "Unknown" && !n.Lease.IsZero() && w.state.At.Sub(n.Lease) > leaseTimeout && !w.unit(n.Name, "kubelet"):
			f.Fault = cause.FaultKubelet
		}
		out = append(out, f)
	}
	return append(out, w.proxies()...)
}

// unit reports whether a component of a node is seen to run.
func (w *world) unit(node, name string) bool {
	return slices.ContainsFunc(w.state.Units, func(u cluster.Unit) bool { return u.Node == node && u.Name == name && u.Active })
}

// proxies compares the nodes: one from which no service answers, while all do
// from the others, has lost its service routing.
func (w *world) proxies() []Finding {
	open, asked := map[string]int{}, map[string]int{}
	for _, r := range w.state.Reaches {
		if r.Node == "" {
			continue
		}
		asked[r.Node]++
		if r.Open {
			open[r.Node]++
		}
	}
	var out []Finding
	for i := range w.state.Nodes {
		name := w.state.Nodes[i].Name
		others, total := 0, 0
		for n := range asked {
			if n != name {
				others, total = others+open[n], total+asked[n]
			}
		}
		if asked[name] < 3 || open[name]*10 > asked[name] || total == 0 || others*2 < total || w.unit(name, "kube-proxy") {
			continue
		}
		out = append(out, Finding{
			Fault: cause.FaultKubeProxy, Kind: "Node", Name: name, Weight: Observed, Broken: w.onNode(name),
			Text:  fmt.Sprintf("from %s %d of %d services answer, from other nodes %d of %d", name, open[name], asked[name], others, total),
			About: []string{"nodes/" + name}, Check: []string{"journalctl -u kube-proxy", "kubectl -n kube-system get pods -o wide -l k8s-app=kube-proxy"},
		})
	}
	return out
}
