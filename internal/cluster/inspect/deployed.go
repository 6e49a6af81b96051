package inspect

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/cluster"
)

// recently is how long ago a container's death still counts as "now": the
// kubelet waits at most five minutes between restarts.
const recently = 10 * time.Minute

// deployed is a workload with what it asks for and the pods that it made.
type deployed struct {
	kind, name string
	namespace  string
	labels     map[string]string // of its pods
	notes      map[string]string // annotations of its pods
	spec       cluster.PodSpec
	desired    int
	pods       []*cluster.Pod
}

// deployments returns the workloads that no other workload makes, and pods that
// none makes, in the order of the state.
func (w *world) deployments() []deployed {
	s := w.state
	owners := map[string]string{} // kind/name of what is made -> name of its maker
	for i := range s.Workloads {
		if o := s.Workloads[i]; o.OwnerName != "" {
			owners[o.Kind+"/"+o.Name] = o.OwnerKind + "/" + o.OwnerName
		}
	}
	var out []deployed
	index := map[string]int{}
	for i := range s.Workloads {
		o := &s.Workloads[i]
		if o.OwnerName != "" || finished(o) {
			continue
		}
		index[o.Kind+"/"+o.Name] = len(out)
		out = append(out, deployed{
			kind: o.Kind, name: o.Name, namespace: o.Namespace, labels: o.PodLabels, spec: o.Template, desired: o.Desired,
		})
	}
	for i := range s.Pods {
		p := &s.Pods[i]
		if over(p) && p.OwnerKind == "Job" {
			continue
		}
		owner := p.OwnerKind + "/" + p.OwnerName
		if up, ok := owners[owner]; ok {
			owner = up
		}
		at, ok := index[owner]
		if !ok {
			at = len(out)
			index[owner+"/"+p.Name] = at
			out = append(out, deployed{kind: "Pod", name: p.Name, namespace: p.Namespace, labels: p.Labels, spec: p.Spec, desired: 1})
		}
		d := &out[at]
		d.pods = append(d.pods, p)
		if len(d.spec.Containers) == 0 {
			d.spec = p.Spec
		}
		if d.notes == nil {
			d.notes = p.Annotations
		}
		if d.labels == nil {
			d.labels = p.Labels
		}
	}
	return out
}

// failing reports whether pods of it do not work now: not ready, or a container
// that died lately. Pods that are over and still listed say nothing about now.
func (w *world) failing(d deployed) bool {
	return slices.ContainsFunc(d.pods, func(p *cluster.Pod) bool {
		return !over(p) && slices.ContainsFunc(p.Containers, func(c cluster.Container) bool { return !c.Init && w.suffers(c) })
	})
}

// suffers reports whether a container is not ready or died lately.
func (w *world) suffers(c cluster.Container) bool {
	if c.State.Kind == "terminated" && c.State.ExitCode == 0 && c.State.Reason == "Completed" {
		return false
	}
	return !c.Ready || w.diedLately(c)
}

// diedLately reports whether the container was restarted a short while ago.
func (w *world) diedLately(c cluster.Container) bool {
	if c.Restarts == 0 {
		return false
	}
	if c.Last.Finished.IsZero() || w.state.At.IsZero() {
		return true
	}
	return w.state.At.Sub(c.Last.Finished) < recently
}

// containersNamed returns the containers of a name, as they are in its pods.
func (d deployed) containersNamed(name string) []cluster.Container {
	var out []cluster.Container
	for _, p := range d.pods {
		for _, c := range p.Containers {
			if c.Name == name && !c.Init {
				out = append(out, c)
			}
		}
	}
	return out
}

// about names the objects to look at.
func (d deployed) about() []string {
	out := []string{plural(d.kind) + "/" + d.name}
	for _, p := range d.pods {
		if d.kind != "Pod" {
			out = append(out, "pods/"+p.Name)
		}
	}
	return out
}

// selects reports whether labels fulfil a selector; an empty one selects nothing.
func selects(selector, labels map[string]string) bool {
	if len(selector) == 0 {
		return false
	}
	for k, v := range selector {
		if got, ok := labels[k]; !ok || got != v {
			return false
		}
	}
	return true
}

// behind returns the workloads whose pods a service selects. Pods count as
// they are (labels may be set while they run), templates where no pod exists.
func behind(s *cluster.Service, ds []deployed) []deployed {
	var out []deployed
	for _, d := range ds {
		if !sameNamespace(s.Namespace, d.namespace) {
			continue
		}
		live := slices.ContainsFunc(d.pods, func(p *cluster.Pod) bool { return selects(s.Selector, p.Labels) })
		if live || selects(s.Selector, d.labels) {
			out = append(out, d)
		}
	}
	return out
}

func sameNamespace(a, b string) bool { return a == b || a == "" || b == "" }

// service returns the service of a name in a namespace.
func (w *world) serviceNamed(name, namespace string) (*cluster.Service, bool) {
	for i := range w.state.Services {
		if s := &w.state.Services[i]; s.Name == name && sameNamespace(s.Namespace, namespace) {
			return s, true
		}
	}
	return nil, false
}

// reach tells whether probes of a service's port were made and whether one
// failed.
func (w *world) reach(service string, port int) (asked, closed bool) {
	for _, r := range w.state.Reaches {
		if r.Service == service && r.Port == port {
			asked = true
			closed = closed || !r.Open
		}
	}
	return asked, closed
}

// said returns the lines of a workload that hold any of the words, lower case.
func (w *world) said(workload string, words ...string) []string {
	var out []string
	for _, l := range w.logs {
		if l.Workload != workload {
			continue
		}
		for _, line := range l.Lines {
			low := strings.ToLower(line)
			if slices.ContainsFunc(words, func(x string) bool { return strings.Contains(low, x) }) {
				out = append(out, line)
			}
		}
	}
	return out
}

// plural is the name of a kind as kubectl takes it.
func plural(kind string) string {
	switch k := strings.ToLower(kind); {
	case strings.HasSuffix(k, "s"):
		return k + "es"
	case strings.HasSuffix(k, "y"):
		return strings.TrimSuffix(k, "y") + "ies"
	default:
		return k + "s"
	}
}

// labelText prints labels as a selector.
func labelText(m map[string]string) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, k+"="+m[k])
	}
	return strings.Join(out, ",")
}
