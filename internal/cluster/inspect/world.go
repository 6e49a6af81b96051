package inspect

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/cluster"
)

// fresh is how old an event may be to speak of what is wrong now, when the
// object that it is about still exists.
const fresh = 10 * time.Minute

// world is the state with the look-ups that checks share.
type world struct {
	state     *cluster.State
	logs      []Lines
	trouble   Trouble
	workloads []*cluster.Workload // those that people name: no replica sets of deployments
	pods      map[string][]*cluster.Pod
	owners    map[string]string          // workload by pod
	events    map[string][]cluster.Event // by kind/name; those of Kubernetes itself
}

func newWorld(s *cluster.State, logs []Lines) *world {
	w := &world{
		state: s, logs: logs, pods: map[string][]*cluster.Pod{},
		owners: map[string]string{},
	}
	sets := map[string]string{}
	for i := range s.Workloads {
		x := &s.Workloads[i]
		if x.Kind == "ReplicaSet" && x.OwnerName != "" {
			sets[x.Name] = x.OwnerName
			continue
		}
		if !finished(x) {
			w.workloads = append(w.workloads, x)
		}
	}
	slices.SortStableFunc(w.workloads, func(a, b *cluster.Workload) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind))
	})
	for i := range s.Pods {
		p := &s.Pods[i]
		owner := cmp.Or(sets[p.OwnerName], p.OwnerName, p.Name)
		w.owners[p.Name] = owner
		w.pods[owner] = append(w.pods[owner], p)
	}
	for _, ps := range w.pods {
		slices.SortFunc(ps, func(a, b *cluster.Pod) int { return cmp.Compare(a.Name, b.Name) })
	}
	for name, owner := range sets {
		w.owners[name] = owner
	}
	w.events = w.eventsWhere(w.genuine)
	return w
}

// believing is the same world, with the events that anybody wrote.
func (w *world) believing() *world {
	all := *w
	all.events = w.eventsWhere(func(cluster.Event) bool { return true })
	return &all
}

// eventsWhere are the events by kind/name of their object, the latest first.
func (w *world) eventsWhere(believed func(cluster.Event) bool) map[string][]cluster.Event {
	out := map[string][]cluster.Event{}
	for _, e := range w.state.Events {
		if believed(e) {
			k := e.Kind + "/" + e.Name
			out[k] = append(out[k], e)
		}
	}
	for _, es := range out {
		slices.SortStableFunc(es, func(a, b cluster.Event) int {
			return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Message, b.Message))
		})
	}
	return out
}

// workload returns the workload called name.
func (w *world) workload(name string) *cluster.Workload {
	for _, x := range w.workloads {
		if x.Name == name {
			return x
		}
	}
	return nil
}

// down reports whether fewer pods are ready than should be. Jobs end: a pod of
// theirs that is not ready is ordinary.
func (w *world) down(x *cluster.Workload) bool {
	return !batch(x) && x.Desired > 0 && x.Ready < x.Desired
}

// batch reports whether a workload runs to its end.
func batch(x *cluster.Workload) bool { return x.Kind == "Job" || x.Kind == "CronJob" }

// finished reports whether a workload has done its work: what it needed may be
// gone.
func finished(x *cluster.Workload) bool { return x.Kind == "Job" && x.Available >= x.Desired }

// over reports whether a pod has ended and is only still listed.
func over(p *cluster.Pod) bool { return p.Phase == "Failed" || p.Phase == "Succeeded" }

// made is how many pods a workload has: those seen, or where pods could not be
// read what the workload itself reports.
func (w *world) made(x *cluster.Workload) int {
	if n := len(w.pods[x.Name]); n > 0 || w.known("pods") {
		return n
	}
	return x.Current
}

// denied reports whether some of these kinds were asked for and not answered.
func (w *world) denied(kinds ...string) bool {
	return slices.ContainsFunc(w.state.Unread, func(what string) bool {
		kind, _, _ := strings.Cut(what, ":")
		return slices.Contains(kinds, kind)
	})
}

// known reports whether all these kinds were asked for and answered in full:
// only then does absence say anything. A kind that nothing tells of was not.
func (w *world) known(kinds ...string) bool {
	return !w.denied(kinds...) && !slices.ContainsFunc(kinds, func(k string) bool { return !w.state.Asked(k) })
}

// broken lists the workloads that are down now, sorted.
func (w *world) broken() []string {
	var out []string
	for _, x := range w.workloads {
		if w.down(x) {
			out = append(out, x.Name)
		}
	}
	return out
}

// recent returns the events of one object that speak of now: at most fresh old,
// the latest first. Events without a time count as recent.
func (w *world) recent(kind, name string) []cluster.Event {
	return slices.DeleteFunc(slices.Clone(w.events[kind+"/"+name]), func(e cluster.Event) bool { return w.stale(e) })
}

func (w *world) stale(e cluster.Event) bool {
	return !e.Last.IsZero() && !w.state.At.IsZero() && w.state.At.Sub(e.Last) > fresh
}

// warnings returns the recent warnings of a workload, of its replica sets and of
// its pods that exist, the latest first.
func (w *world) warnings(name string) []cluster.Event {
	out := slices.Concat(w.recent("Deployment", name), w.recent("StatefulSet", name), w.recent("DaemonSet", name))
	for _, x := range w.state.Workloads {
		if x.Kind == "ReplicaSet" && x.OwnerName == name && x.Desired > 0 {
			out = append(out, w.recent("ReplicaSet", x.Name)...)
		}
	}
	for _, p := range w.pods[name] {
		out = append(out, w.recent("Pod", p.Name)...)
	}
	out = slices.DeleteFunc(out, func(e cluster.Event) bool { return e.Type == "Normal" })
	slices.SortStableFunc(out, func(a, b cluster.Event) int { return b.Last.Compare(a.Last) })
	return out
}

// lines returns what a workload itself logged.
func (w *world) lines(name string) []string {
	var out []string
	for _, l := range w.logs {
		if l.Workload == name {
			out = append(out, l.Lines...)
		}
	}
	return out
}

// services returns the services whose selector matches the pods of a workload.
func (w *world) services(x *cluster.Workload) []*cluster.Service {
	var out []*cluster.Service
	for i := range w.state.Services {
		s := &w.state.Services[i]
		if len(s.Selector) > 0 && matches(s.Selector, x.PodLabels) {
			out = append(out, s)
		}
	}
	return out
}

// service returns the service called name.
func (w *world) service(name string) *cluster.Service {
	for i := range w.state.Services {
		if w.state.Services[i].Name == name {
			return &w.state.Services[i]
		}
	}
	return nil
}

// node returns the node called name.
func (w *world) node(name string) *cluster.Node {
	for i := range w.state.Nodes {
		if w.state.Nodes[i].Name == name {
			return &w.state.Nodes[i]
		}
	}
	return nil
}

// callers returns who calls a workload, directly or through others, sorted.
func (w *world) callers(name string) []string {
	var out []string
	for queue := []string{name}; len(queue) > 0; {
		next := queue[0]
		queue = queue[1:]
		for _, c := range w.state.Calls {
			if c.Callee == next && c.Caller != name && !slices.Contains(out, c.Caller) {
				out = append(out, c.Caller)
				queue = append(queue, c.Caller)
			}
		}
	}
	slices.Sort(out)
	return out
}

// onNode returns the workloads with a pod on a node, sorted.
func (w *world) onNode(node string) []string {
	var out []string
	for _, x := range w.workloads {
		if slices.ContainsFunc(w.pods[x.Name], func(p *cluster.Pod) bool { return p.Node == node }) {
			out = append(out, x.Name)
		}
	}
	return out
}

// matches reports whether labels have every pair of the selector.
func matches(selector, labels map[string]string) bool {
	for k, v := range selector {
		if labels[k] != v {
			return false
		}
	}
	return true
}

// condition returns the status of a condition; empty when it is not there.
func condition(cs []cluster.Condition, kind string) cluster.Condition {
	for _, c := range cs {
		if c.Type == kind {
			return c
		}
	}
	return cluster.Condition{}
}

// containsAny reports whether s contains one of the parts, whatever the case.
func containsAny(s string, parts ...string) bool {
	s = strings.ToLower(s)
	return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(s, strings.ToLower(p)) })
}

// kindOf returns the kind of the workload called name, for messages.
func (w *world) kindOf(name string) string {
	if x := w.workload(name); x != nil {
		return x.Kind
	}
	return "Pod"
}

func short(s string, n int) string {
	s = strings.TrimSpace(s)
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
