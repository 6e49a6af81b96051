package inspect

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/cluster"
)

// unscheduled decides for each pod without a node what keeps it off every one,
// as the scheduler does: first what the pod insists on (selector, affinity),
// then what the nodes that are left refuse (cordon, taints, capacity, pods that
// it must not meet). The constraint that blocks most of the nodes is the fault.
func unscheduled(w *world) []Finding {
	var out []Finding
	for _, name := range slices.Sorted(maps.Keys(w.pods)) {
		for _, p := range w.pods[name] {
			if !waiting(p) {
				continue
			}
			if f, ok := w.unschedulable(name, p); ok {
				out = append(out, f)
				break // its other pods wait for the same
			}
		}
	}
	return out
}

// waiting reports whether a pod has no node yet.
func waiting(p *cluster.Pod) bool {
	return p.Node == "" && p.Phase == "Pending" && p.Deleted.IsZero()
}

func (w *world) unschedulable(name string, p *cluster.Pod) (Finding, bool) {
	f := Finding{
		Kind: w.kindOf(name), Name: name, Weight: Contradiction, Broken: []string{name},
		About: []string{"pods/" + p.Name}, Check: []string{"kubectl describe pod " + p.Name},
	}
	refusal := w.refusal(p)
	if b, ok := w.blocker(p); ok {
		f.Fault, f.Text = b.fault, fmt.Sprintf("%s waits for a node: %s", p.Name, b.text)
		f.About = append(f.About, b.nodes...)
		f.Check = append(f.Check, "kubectl get nodes --show-labels")
		return f, true
	}
	// The objects explain nothing; the scheduler's own words may.
	if fault, ok := w.inWords(p, refusal); ok {
		f.Fault, f.Weight, f.Text = fault, Stated, fmt.Sprintf("%s waits for a node; the scheduler says: %s", p.Name, short(refusal, 200))
		return f, true
	}
	return f, false
}

// What Kubernetes calls the condition of having a node, and why there is none.
const (
	podScheduled  = "PodScheduled"
	gated         = "SchedulingGated" // somebody else holds it back
	kubeScheduler = "default-scheduler"
)

// refusal is the latest message of the scheduler about a pod: in an event, or in
// the pod's own condition, which stays when events are gone or can't be read.
func (w *world) refusal(p *cluster.Pod) string {
	for _, e := range w.recent("Pod", p.Name) {
		if e.Reason == "FailedScheduling" {
			return e.Message
		}
	}
	if c := condition(p.Conditions, podScheduled); c.Status == "False" && c.Reason == "Unschedulable" {
		return c.Message
	}
	return ""
}

// blocker is what keeps a pod off nodes.
type blocker struct {
	fault cause.Fault
	text  string
	nodes []string // "nodes/NAME"
}

func (w *world) blocker(p *cluster.Pod) (blocker, bool) {
	if !w.known("nodes") {
		return blocker{}, false // another node may well take it
	}
	open := w.nodesWhere(func(n *cluster.Node) bool { return !reserved(n) })
	if len(open) == 0 {
		open = w.nodesWhere(func(*cluster.Node) bool { return true })
	}
	if len(open) == 0 {
		return blocker{}, false
	}
	selected := slices.DeleteFunc(slices.Clone(open), func(n *cluster.Node) bool { return !matches(p.Spec.NodeSelector, nodeLabels(n)) })
	if len(selected) == 0 {
		return blocker{cause.FaultNodeSelector, "no node for such pods has the labels " + pairsText(p.Spec.NodeSelector), nil}, true
	}
	wanted := slices.DeleteFunc(slices.Clone(selected), func(n *cluster.Node) bool { return !affine(p.Spec.NodeAffinity, n) })
	if len(wanted) == 0 {
		return blocker{cause.FaultNodeAffinity, fmt.Sprintf("none of %d nodes for such pods fulfils the required node affinity", len(selected)), nil}, true
	}
	return w.refusedBy(p, wanted)
}

// refusedBy asks every node that the pod wants why it does not take it.
func (w *world) refusedBy(p *cluster.Pod, wanted []*cluster.Node) (blocker, bool) {
	count := map[cause.Fault]int{}
	why := map[cause.Fault]blocker{}
	for _, n := range wanted {
		b, refused := w.refuses(n, p)
		if !refused {
			return blocker{}, false // it fits: something else holds it up
		}
		count[b.fault]++
		first, ok := why[b.fault]
		if !ok {
			first = b
		}
		first.nodes = append(first.nodes, "nodes/"+n.Name)
		why[b.fault] = first
	}
	faults := slices.SortedFunc(maps.Keys(count), func(a, b cause.Fault) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b))
	})
	if len(faults) == 0 {
		return blocker{}, false
	}
	b := why[faults[0]]
	b.text = fmt.Sprintf("%d of %d nodes that it may use refuse it: %s", count[faults[0]], len(wanted), b.text)
	return b, true
}

// refuses says why a node does not take a pod, in the scheduler's order.
func (w *world) refuses(n *cluster.Node, p *cluster.Pod) (blocker, bool) {
	if n.Unschedulable && !tolerates(p.Spec.Tolerations, cluster.Taint{Key: "node.kubernetes.io/unschedulable", Effect: "NoSchedule"}) {
		return blocker{fault: cause.FaultCordoned, text: n.Name + " is cordoned"}, true
	}
	for _, t := range n.Taints {
		if t.Effect != "PreferNoSchedule" && t.Key != "node.kubernetes.io/unschedulable" && !tolerates(p.Spec.Tolerations, t) {
			if strings.HasPrefix(t.Key, "node.kubernetes.io/") {
				return blocker{fault: cause.FaultNodeNotReady, text: n.Name + " is tainted " + t.Key}, true
			}
			return blocker{fault: cause.FaultTaint, text: fmt.Sprintf("%s has the taint %s=%s:%s, which it does not tolerate", n.Name, t.Key, t.Value, t.Effect)}, true
		}
	}
	for _, r := range []struct {
		resource string
		fault    cause.Fault
	}{{"cpu", cause.FaultCPUCapacity}, {"memory", cause.FaultMemoryCapacity}} {
		asked, room := asks(&p.Spec, r.resource), n.Allocatable[r.resource]
		if free := room - n.Requested[r.resource]; room > 0 && asked > free {
			return blocker{fault: r.fault, text: fmt.Sprintf("%s has %s of %s free, it asks for %s", n.Name, amount(r.resource, free), r.resource, amount(r.resource, asked))}, true
		}
	}
	if other, ok := w.meets(n, p); ok {
		return blocker{fault: cause.FaultAntiAffinity, text: fmt.Sprintf("%s runs there, which it must not meet", other)}, true
	}
	return blocker{}, false
}

// meets finds a pod near a node that a pod must not meet, or that must not meet it.
func (w *world) meets(n *cluster.Node, p *cluster.Pod) (string, bool) {
	for i := range w.state.Pods {
		other := &w.state.Pods[i]
		if other.Name == p.Name || other.Node == "" || !other.Deleted.IsZero() || other.Phase == "Succeeded" || other.Phase == "Failed" {
			continue
		}
		at := w.node(other.Node)
		if at == nil {
			continue
		}
		near := func(t cluster.PodTerm) bool {
			return t.TopologyKey == "" || n.Name == at.Name || n.Labels[t.TopologyKey] != "" && n.Labels[t.TopologyKey] == at.Labels[t.TopologyKey]
		}
		if slices.ContainsFunc(p.Spec.AntiAffinity, func(t cluster.PodTerm) bool { return near(t) && chosen(t, other.Labels) }) ||
			slices.ContainsFunc(other.Spec.AntiAffinity, func(t cluster.PodTerm) bool { return near(t) && chosen(t, p.Labels) }) {
			return other.Name, true
		}
	}
	return "", false
}

func chosen(t cluster.PodTerm, labels map[string]string) bool {
	if len(t.Selector) == 0 && len(t.Expressions) == 0 {
		return false
	}
	return matches(t.Selector, labels) && !slices.ContainsFunc(t.Expressions, func(r cluster.Requirement) bool { return !fulfils(r, labels) })
}

// inWords reads the scheduler's words, for states without what it decided on.
func (w *world) inWords(p *cluster.Pod, message string) (cause.Fault, bool) {
	switch {
	case message == "":
		return "", false
	case containsAny(message, "persistentvolumeclaim", "volume node affinity", "persistent volumes"):
		return "", false // see unbound
	case containsAny(message, "Insufficient cpu"):
		return cause.FaultCPUCapacity, true
	case containsAny(message, "Insufficient memory"):
		return cause.FaultMemoryCapacity, true
	case containsAny(message, "anti-affinity"):
		return cause.FaultAntiAffinity, true
	case containsAny(message, "node affinity/selector", "node selector") && len(p.Spec.NodeSelector) > 0:
		return cause.FaultNodeSelector, true
	case containsAny(message, "node affinity/selector", "node affinity"):
		return cause.FaultNodeAffinity, true
	case containsAny(message, "untolerated taint {node.kubernetes.io"):
		return cause.FaultNodeNotReady, true
	case containsAny(message, "untolerated taint", "had taint"):
		return cause.FaultTaint, true
	case containsAny(message, "were unschedulable"):
		return cause.FaultCordoned, true
	}
	return "", false
}

func (w *world) nodesWhere(ok func(*cluster.Node) bool) []*cluster.Node {
	var out []*cluster.Node
	for i := range w.state.Nodes {
		if n := &w.state.Nodes[i]; ok(n) {
			out = append(out, n)
		}
	}
	slices.SortFunc(out, func(a, b *cluster.Node) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// affine reports whether a node fulfils any of the terms; no terms allow all.
func affine(terms [][]cluster.Requirement, n *cluster.Node) bool {
	if len(terms) == 0 {
		return true
	}
	labels := nodeLabels(n)
	return slices.ContainsFunc(terms, func(t []cluster.Requirement) bool {
		return len(t) > 0 && !slices.ContainsFunc(t, func(r cluster.Requirement) bool { return !fulfils(r, labels) })
	})
}

// nodeLabels are the labels of a node, with what the kubelet puts there.
func nodeLabels(n *cluster.Node) map[string]string {
	labels := map[string]string{"kubernetes.io/hostname": n.Name, "metadata.name": n.Name}
	maps.Copy(labels, n.Labels)
	return labels
}

// reserved reports whether a node runs the control plane and is kept free for
// it on purpose.
func reserved(n *cluster.Node) bool {
	return controlPlane(n) && (n.Unschedulable || slices.ContainsFunc(n.Taints, func(t cluster.Taint) bool { return t.Effect != "PreferNoSchedule" }))
}

// fulfils evaluates one expression of a selector.
func fulfils(r cluster.Requirement, labels map[string]string) bool {
	v, has := labels[r.Key]
	switch r.Operator {
	case "In":
		return has && slices.Contains(r.Values, v)
	case "NotIn":
		return !has || !slices.Contains(r.Values, v)
	case "Exists":
		return has
	case "DoesNotExist":
		return !has
	case "Gt", "Lt":
		if len(r.Values) != 1 {
			return false
		}
		have, err := strconv.Atoi(v)
		want, err2 := strconv.Atoi(r.Values[0])
		return err == nil && err2 == nil && (r.Operator == "Gt" && have > want || r.Operator == "Lt" && have < want)
	}
	return true // unknown: not for us to refuse
}

// tolerates reports whether one of the tolerations covers a taint.
func tolerates(ts []cluster.Toleration, t cluster.Taint) bool {
	return slices.ContainsFunc(ts, func(x cluster.Toleration) bool {
		if x.Effect != "" && x.Effect != t.Effect {
			return false
		}
		if x.Key == "" {
			return x.Operator == "Exists"
		}
		return x.Key == t.Key && (x.Operator == "Exists" || x.Value == t.Value)
	})
}

// asks is what a pod needs of a resource: the sum of its containers, or the
// largest of those that run before them.
func asks(s *cluster.PodSpec, resource string) cluster.Quantity {
	var sum, first cluster.Quantity
	for _, c := range s.Containers {
		sum += c.Requests[resource]
	}
	for _, c := range s.InitContainers {
		first = max(first, c.Requests[resource])
	}
	return max(sum, first)
}

// controlPlane reports whether a node is one that ordinary pods stay off.
func controlPlane(n *cluster.Node) bool {
	for k, v := range n.Labels {
		if strings.HasPrefix(k, "node-role.kubernetes.io/") && (strings.HasSuffix(k, "/control-plane") || strings.HasSuffix(k, "/master")) ||
			k == "kubernetes.io/role" && (v == "master" || v == "control-plane") {
			return true
		}
	}
	return false
}

func amount(resource string, q cluster.Quantity) string {
	if resource == "memory" || strings.Contains(resource, "storage") {
		return fmt.Sprintf("%.0f MiB", float64(q)/(1<<20))
	}
	return strconv.FormatFloat(float64(q), 'g', 4, 64)
}

func pairsText(m map[string]string) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, k+"="+m[k])
	}
	return strings.Join(out, ", ")
}
