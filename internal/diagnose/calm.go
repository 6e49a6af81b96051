package diagnose

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/cluster"
)

// settled is how long a container must have run since its last restart to
// count as well again: the kubelet waits at most five minutes between restarts,
// so one that crashes again and again never gets there.
const settled = 10 * time.Minute

// stuck is how long after the moment at which it should be gone a pod still
// counts as on its way: the kubelet's own retries take minutes, not an hour.
const stuck = time.Hour

// clustersWell reports whether everything that should run runs and is ready. It
// speaks for the affected components that it sees run, as far as these are all.
func clustersWell(v *view) (wellness, bool) {
	w := wellness{feature: fClusterCalm}
	var parts []string
	seen := map[string]bool{}
	for i := range v.clusters {
		s := &v.clusters[i].state
		if !calm(s) {
			return w, false
		}
		if !v.serving(s, seen) {
			return w, false
		}
		if !s.Asked("pods") || len(seen) == 0 {
			continue
		}
		w.scale = 1
		if len(s.Nodes) == 0 {
			w.scale = 0.7
		}
		w.ids = append(w.ids, v.clusters[i].item.ID)
		for _, x := range v.shown(s) {
			parts = append(parts, x.Name+" has "+number(float64(x.Ready))+" of "+number(float64(x.Desired))+" pods Ready")
		}
	}
	w.scale *= float64(len(seen)) / float64(len(v.in.Affected))
	w.text = "no active failure in the cluster"
	if len(parts) > 0 {
		w.text += ": " + strings.Join(parts, ", ")
	}
	return w, true
}

// serving reports whether the affected components in a cluster are meant to run
// and can be reached; it notes in seen which are there. One that is scaled to
// nothing, or whose service has no address, serves nobody however calm it is.
func (v *view) serving(s *cluster.State, seen map[string]bool) bool {
	for _, a := range v.in.Affected {
		for _, x := range s.Workloads {
			if x.Kind == "ReplicaSet" || !v.runs(x, a) {
				continue
			}
			if x.Desired <= 0 {
				return false
			}
			seen[a] = true
			if slices.ContainsFunc(s.Services, func(c cluster.Service) bool { return unreached(c, x) }) {
				return false
			}
		}
	}
	return true
}

// runs reports whether a workload is what a component is called, or its target
// in the catalog.
func (v *view) runs(x cluster.Workload, component string) bool {
	return x.Name == component || slices.ContainsFunc(v.part(component).entry.Targets, func(t catalog.Target) bool {
		return t.Name == x.Name && strings.EqualFold(t.Kind, x.Kind) && (t.Namespace == "" || x.Namespace == "" || t.Namespace == x.Namespace)
	})
}

// unreached reports whether a service is meant for a workload and has no
// address that is ready.
func unreached(c cluster.Service, x cluster.Workload) bool {
	if len(c.Selector) == 0 || len(c.Addresses) > 0 || c.Namespace != x.Namespace {
		return false
	}
	if c.Name == x.Name {
		return true
	}
	for k, want := range c.Selector {
		if x.PodLabels[k] != want {
			return false
		}
	}
	return true
}

// shown are the workloads of the affected components, or all when none is known.
func (v *view) shown(s *cluster.State) []cluster.Workload {
	var all, affected []cluster.Workload
	for _, x := range s.Workloads {
		if x.Kind == "ReplicaSet" {
			continue
		}
		all = append(all, x)
		if slices.Contains(v.in.Affected, x.Name) {
			affected = append(affected, x)
		}
	}
	if len(affected) > 0 {
		return affected
	}
	return all[:min(len(all), 5)]
}

// calm reports whether workloads have the pods that they want, pods and nodes
// are ready, and claims are bound.
func calm(s *cluster.State) bool {
	for _, x := range s.Workloads {
		if x.Kind != "ReplicaSet" && x.Kind != "Job" && x.Kind != "CronJob" && x.Ready < x.Desired && !arriving(s, x) {
			return false
		}
	}
	for _, p := range s.Pods {
		if !podWell(s, p) && !starting(s, p) && !leftover(s, p) {
			return false
		}
	}
	for _, n := range s.Nodes {
		if !nodeWell(n) {
			return false
		}
	}
	return !slices.ContainsFunc(s.Claims, func(c cluster.Claim) bool { return c.Phase != "" && c.Phase != "Bound" })
}

// podWell reports whether a pod is ready, finished, or on its way out. One that
// should be gone for long is stuck, and one of whose containers nothing is known
// is not seen to be well.
func podWell(s *cluster.State, p cluster.Pod) bool {
	if !p.Deleted.IsZero() {
		return s.At.Sub(p.Deleted) < stuck
	}
	if p.Phase == "Succeeded" {
		return true
	}
	if p.Phase != "Running" || len(p.Containers) == 0 {
		return false
	}
	for _, c := range p.Containers {
		if c.Init {
			continue
		}
		restarted := c.Restarts > 0 && !c.State.Started.IsZero() && !s.At.IsZero() && s.At.Sub(c.State.Started) < settled
		if !c.Ready || restarted {
			return false
		}
	}
	return true
}

// startTime is how long a pod may take to become ready before that says
// something: pulling an image and starting a process take a minute or two.
const startTime = 3 * time.Minute

// starting reports whether a pod is young and nothing is seen to hold it up.
func starting(s *cluster.State, p cluster.Pod) bool {
	if p.Created.IsZero() || s.At.IsZero() || s.At.Sub(p.Created) > startTime || p.Node == "" {
		return false
	}
	for _, c := range p.Containers {
		creating := c.State.Kind == "waiting" && (c.State.Reason == "ContainerCreating" || c.State.Reason == "PodInitializing")
		if c.Restarts > 0 || c.State.Kind != "running" && !creating {
			return false
		}
	}
	return !slices.ContainsFunc(s.Events, func(e cluster.Event) bool { return e.Type != "Normal" && e.Kind == "Pod" && e.Name == p.Name })
}

// arriving reports whether all pods that a workload lacks are starting, and so
// few that a rollout as Kubernetes does it by default (a quarter may be
// unavailable) explains it.
func arriving(s *cluster.State, x cluster.Workload) bool {
	n := 0
	for _, p := range podsOf(s, x.Name) {
		if starting(s, p) && !podWell(s, p) {
			n++
		}
	}
	return x.Ready+n >= x.Desired && 4*x.Ready >= 3*x.Desired
}

// leftover reports whether a failed pod has been made up for: its workload has
// all that it wants.
func leftover(s *cluster.State, p cluster.Pod) bool {
	if p.Phase != "Failed" {
		return false
	}
	owner := ownerOf(s, &p)
	i := slices.IndexFunc(s.Workloads, func(x cluster.Workload) bool { return x.Kind != "ReplicaSet" && x.Name == owner })
	return i >= 0 && s.Workloads[i].Ready >= s.Workloads[i].Desired
}

func nodeWell(n cluster.Node) bool {
	for _, c := range n.Conditions {
		if c.Type == "Ready" && c.Status != "True" || strings.HasSuffix(c.Type, "Pressure") && c.Status == "True" {
			return false
		}
	}
	return true
}

func (v *view) clusterIDs() []string {
	var out []string
	for _, c := range v.clusters {
		out = append(out, c.item.ID)
	}
	return out
}

// overs says what was wrong and is over: warnings about objects that are well
// now, or on their way out, or gone.
func (v *view) overs() []string {
	var out []string
	for i := range v.clusters {
		s := &v.clusters[i].state
		out = append(out, leavers(s)...)
		for _, e := range latestWarnings(s) {
			if text := over(s, e); text != "" && len(out) < 4 {
				out = append(out, text)
			}
		}
	}
	return out
}

// leavers are pods that terminate while their successors are ready.
func leavers(s *cluster.State) []string {
	var out []string
	for _, p := range s.Pods {
		if p.Deleted.IsZero() {
			continue
		}
		text := "pod " + p.Name + " is terminating since " + clock(p.Deleted)
		if p.OwnerKind == "ReplicaSet" {
			text = "pod " + p.Name + " of the old ReplicaSet " + p.OwnerName + " is terminating since " + clock(p.Deleted) +
				" after a rollout: not a current failure"
		}
		out = append(out, text)
	}
	return out
}

// latestWarnings returns one warning per object and reason, the latest.
func latestWarnings(s *cluster.State) []cluster.Event {
	var out []cluster.Event
	all := slices.DeleteFunc(slices.Clone(s.Events), func(e cluster.Event) bool { return e.Type == "Normal" })
	slices.SortStableFunc(all, func(a, b cluster.Event) int {
		if c := b.Last.Compare(a.Last); c != 0 {
			return c
		}
		return cmp.Compare(a.Kind+a.Name+a.Reason, b.Kind+b.Name+b.Reason)
	})
	for _, e := range all {
		if slices.ContainsFunc(out, func(o cluster.Event) bool {
			return o.Kind == e.Kind && o.Name == e.Name && o.Reason == e.Reason
		}) {
			continue
		}
		out = append(out, e)
	}
	return out
}

// over says how a warning ended; empty when it has not.
func over(s *cluster.State, e cluster.Event) string {
	ago := ""
	if !e.Last.IsZero() {
		ago = " at " + clock(e.Last)
		if d := s.At.Sub(e.Last); d > 0 {
			ago += " (" + lag(d) + " ago)"
		}
	}
	switch e.Kind {
	case "Node":
		i := slices.IndexFunc(s.Nodes, func(n cluster.Node) bool { return n.Name == e.Name })
		if i >= 0 && nodeWell(s.Nodes[i]) {
			what := "node " + e.Name + " had " + e.Reason + ago
			if strings.Contains(e.Reason, "NotReady") {
				what += ", a transient flap, not a real failure"
			}
			return what + ": it has recovered and is currently Ready"
		}
	case "Pod":
		i := slices.IndexFunc(s.Pods, func(p cluster.Pod) bool { return p.Name == e.Name })
		switch {
		case i < 0 && s.Asked("pods"):
			return "pod " + e.Name + " had " + e.Reason + ago + " and no longer exists"
		case i >= 0 && s.Pods[i].Deleted.IsZero() && podWell(s, s.Pods[i]):
			return "pod " + e.Name + " had " + e.Reason + ago + " and has recovered: it is now Running and Ready"
		}
	}
	return ""
}
