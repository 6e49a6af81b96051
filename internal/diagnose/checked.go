package diagnose

import (
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/cluster"
	"github.com/holdfast-sre/holdfast/internal/cluster/inspect"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

// checked writes down what the state of clusters and the monitors show and what
// they rule out. It gives no votes.
func checked(v *view, _ *candidates) {
	for i := range v.clusters {
		c := &v.clusters[i]
		v.checkWorkloads(c)
		v.checkContainers(c)
		v.checkRefusals(c)
		v.checkNodes(c)
		v.checkWarnings(c)
	}
	for _, text := range v.overs() {
		v.note("Over: "+text, v.clusterIDs()...)
	}
	v.checkMonitors()
}

// checkWorkloads compares the pods that workloads want with those they have,
// and the revisions among each other.
func (v *view) checkWorkloads(c *clusterView) {
	s := &c.state
	for _, x := range v.shown(s) {
		pods := podsOf(s, x.Name)
		text := x.Kind + " " + x.Name + ": " + number(float64(x.Ready)) + " of " + number(float64(x.Desired)) + " pods Ready"
		if len(pods) > 0 && len(pods) < x.Desired && !slices.ContainsFunc(pods, func(p cluster.Pod) bool { return !podWell(s, p) }) {
			text += "; the " + number(float64(len(pods))) + " existing pods are Running and Ready, the others are missing"
		}
		v.note(text, c.item.ID)
		v.checkRevisions(c, x, pods)
	}
}

// podsOf are the pods of a workload that are not on their way out.
func podsOf(s *cluster.State, workload string) []cluster.Pod {
	var out []cluster.Pod
	for i := range s.Pods {
		if p := &s.Pods[i]; p.Deleted.IsZero() && ownerOf(s, p) == workload {
			out = append(out, *p)
		}
	}
	return out
}

// ownerOf is the workload that made a pod, through its replica set.
func ownerOf(s *cluster.State, p *cluster.Pod) string {
	if p.OwnerKind == "ReplicaSet" {
		for i := range s.Workloads {
			if x := &s.Workloads[i]; x.Kind == "ReplicaSet" && x.Name == p.OwnerName && x.OwnerName != "" {
				return x.OwnerName
			}
		}
	}
	if p.OwnerName != "" {
		return p.OwnerName
	}
	return p.Name
}

// revision is the pods of one replica set.
type revision struct {
	name  string
	pods  []cluster.Pod
	ready int
}

// revisions groups pods by replica set, the newest first.
func revisions(s *cluster.State, pods []cluster.Pod) []revision {
	var out []revision
	for _, p := range pods {
		if p.OwnerKind != "ReplicaSet" {
			continue
		}
		i := slices.IndexFunc(out, func(r revision) bool { return r.name == p.OwnerName })
		if i < 0 {
			out = append(out, revision{name: p.OwnerName})
			i = len(out) - 1
		}
		out[i].pods = append(out[i].pods, p)
		if podWell(s, p) {
			out[i].ready++
		}
	}
	slices.SortStableFunc(out, func(a, b revision) int { return b.pods[0].Created.Compare(a.pods[0].Created) })
	return out
}

func (v *view) checkRevisions(c *clusterView, x cluster.Workload, pods []cluster.Pod) {
	rs := revisions(&c.state, pods)
	if len(rs) < 2 {
		return
	}
	text := "Rollout of " + x.Name + ": the new ReplicaSet " + rs[0].name + " has " + number(float64(rs[0].ready)) + " of " +
		number(float64(len(rs[0].pods))) + " pods Ready"
	for _, r := range rs[1:] {
		text += ", the old ReplicaSet " + r.name + " " + number(float64(r.ready)) + " of " + number(float64(len(r.pods)))
	}
	v.note(text, c.item.ID)
}

// checkContainers looks for containers that were killed, restart, or wait.
func (v *view) checkContainers(c *clusterView) {
	s := &c.state
	if len(s.Pods) == 0 {
		return
	}
	containers, killed, pulls, pending := 0, 0, 0, 0
	restarted, waits := []string{}, []string{}
	for _, p := range s.Pods {
		if p.Phase == "Pending" && p.Node == "" {
			pending++
		}
		for _, x := range p.Containers {
			containers++
			if x.State.Reason == "OOMKilled" || x.Last.Reason == "OOMKilled" {
				killed++
			}
			if strings.Contains(x.State.Reason, "Image") {
				pulls++
			}
			if x.State.Kind == "waiting" && x.State.Reason != "" && p.Deleted.IsZero() {
				waits = append(waits, "Container "+x.Name+" of "+p.Name+" waits: "+x.State.Reason+" "+quote(x.State.Message, 160))
			}
			if x.Restarts > 0 {
				restarted = append(restarted, v.restartText(s, p, x))
			}
		}
	}
	for _, text := range slices.Concat(waits[:min(2, len(waits))], restarted[:min(3, len(restarted))]) {
		v.note(text, c.item.ID)
	}
	if !asked(s, "pods") {
		return // others may be there
	}
	of := " of " + number(float64(containers)) + " containers"
	if killed == 0 {
		v.clear("Not OOMKilled: none"+of+" was killed for memory, so it is not an OOM", c.item.ID)
	}
	if pulls == 0 {
		v.clear("Not image pulls: none"+of+" waits for its image", c.item.ID)
	}
	if pending == 0 {
		v.clear("Not scheduling: every pod has a node, none is Pending, so it is not insufficient capacity now", c.item.ID)
	}
	if len(restarted) == 0 {
		v.clear("Not restarting: none"+of+" has a restart", c.item.ID)
	}
}

// asked reports whether all objects of a kind were read: only then is none of
// them a fact.
func asked(s *cluster.State, kind string) bool {
	return s.Asked(kind) && !slices.ContainsFunc(s.Unread, func(what string) bool { return before(what, ":") == kind })
}

func (v *view) restartText(s *cluster.State, p cluster.Pod, c cluster.Container) string {
	text := "Container " + c.Name + " of " + p.Name + " has " + number(float64(c.Restarts)) + " restarts"
	if c.Restarts == 1 {
		text = "Container " + c.Name + " of " + p.Name + " has 1 restart"
	}
	switch {
	case c.State.Kind == "running" && podWell(s, p) && !c.State.Started.IsZero():
		text += " and runs since " + clock(c.State.Started) + " (" + lag(s.At.Sub(c.State.Started)) + "): it is not currently restarting"
	case c.State.Reason != "":
		text += " and is in " + c.State.Reason
	}
	if c.Last.Reason != "" || c.Last.ExitCode != 0 {
		text += "; it ended with " + strings.TrimSpace(c.Last.Reason+" exit code "+number(float64(c.Last.ExitCode)))
	}
	return text
}

// checkRefusals looks for pods that were refused before they existed.
func (v *view) checkRefusals(c *clusterView) {
	if !asked(&c.state, "events") {
		return
	}
	if !slices.ContainsFunc(c.state.Events, func(e cluster.Event) bool {
		return strings.Contains(strings.ToLower(e.Message), "exceeded quota")
	}) {
		v.clear("Not quota: no pod was refused by a quota of the namespace", c.item.ID)
	}
}

func (v *view) checkNodes(c *clusterView) {
	nodes := c.state.Nodes
	if len(nodes) == 0 {
		return
	}
	all := asked(&c.state, "nodes")
	for _, n := range nodes {
		if nodeWell(n) {
			continue
		}
		var bad []string
		for _, x := range n.Conditions {
			if x.Type == "Ready" && x.Status != "True" || strings.HasSuffix(x.Type, "Pressure") && x.Status == "True" {
				bad = append(bad, x.Type+"="+x.Status)
			}
		}
		v.note("Node "+n.Name+": "+strings.Join(bad, ", "), c.item.ID)
	}
	if all && !slices.ContainsFunc(nodes, func(n cluster.Node) bool { return !nodeWell(n) }) {
		v.clear("Not the nodes: all "+number(float64(len(nodes)))+" nodes are Ready without memory, disk or PID pressure", c.item.ID)
	}
}

// checkWarnings writes down what the cluster warned of.
func (v *view) checkWarnings(c *clusterView) {
	for _, e := range latestWarnings(&c.state)[:min(6, len(latestWarnings(&c.state)))] {
		text := e.Kind + "/" + e.Name + " " + e.Reason
		if e.Count > 1 {
			text += " ×" + number(float64(e.Count))
		}
		if !e.Last.IsZero() {
			text += ", last " + clock(e.Last)
		}
		if e.From != "" && !inspect.Genuine(e) {
			text += ", says " + quote(e.From, 60)
		}
		v.note(text+": "+quote(e.Message, 260), c.item.ID)
	}
}

func (v *view) checkMonitors() {
	firing := false
	for _, n := range v.names() {
		for _, a := range v.parts[n].alerts {
			if a.Kind == signal.Alert && a.Name != "" {
				firing = true
				v.note("Alert in force: "+quote(a.Name, 100), a.item.ID)
			}
		}
	}
	var ok []string
	for _, a := range v.resolved {
		if a.Name != "" {
			ok = append(ok, quote(a.Name, 100))
		}
	}
	switch {
	case len(ok) > 0 && !firing:
		v.clear("The monitors are OK: "+strings.Join(ok[:min(5, len(ok))], ", "), v.resolved[0].item.ID)
	case len(ok) > 0:
		v.clear("These monitors are OK: "+strings.Join(ok[:min(5, len(ok))], ", "), v.resolved[0].item.ID)
	}
}
