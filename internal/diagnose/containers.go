package diagnose

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/cluster"
	"github.com/holdfast-sre/holdfast/internal/cluster/inspect"
)

// The features of containers that do not stay up.
const (
	fCrashes     feature = "containers_crash"   // end again and again
	fNewRevision feature = "only_new_revision"  // the pods of the revision before are well
	fProbeKills  feature = "probe_kills"        // the kubelet ends them, for a probe fails
	fProbeFails  feature = "probe_fails"        // run, and a probe fails
	fMountFails  feature = "mount_fails"        // wait for a volume
	fPressure    feature = "node_pressure"      // a node is short of memory, disk or processes
	fEvicted     feature = "pods_evicted"       // and throws pods out
	fNoNode      feature = "pods_without_node"  // the scheduler found no node for them
	fNamedCause  feature = "crash_names_reason" // the log of what crashes names the reason
)

// containersPriors are the hand-set log-odds of the features of this file.
var containersPriors = priors{
	fCrashes: 3.4, fNewRevision: 0.8, fProbeKills: 3.4, fProbeFails: 2.2, fMountFails: 3.4, fNoNode: 3.4, fPressure: 3.6, fEvicted: 2.4, fNamedCause: 1.8,
}

// containers looks at pods that exist now and do not stay up, and at nodes that
// are short of something, where the objects alone name no fault.
func containers(v *view, cs *candidates) {
	for i := range v.clusters {
		c := &v.clusters[i]
		for _, x := range c.state.Workloads {
			if x.Kind == "ReplicaSet" {
				continue
			}
			if cs.inspected(x.Name) || slices.ContainsFunc(v.links[x.Name], cs.inspected) {
				continue
			}
			pods := slices.DeleteFunc(podsOf(&c.state, x.Name), func(p cluster.Pod) bool { return replaced(&c.state, x, p) })
			if v.killedForMemory(cs, c, x, pods) {
				continue
			}
			v.crashLoops(cs, c, x, pods)
			v.failingProbes(cs, c, x, pods)
			v.failingMounts(cs, c, x, pods)
			v.refusedConfig(cs, c, x, pods)
			v.unplaced(cs, c, x, pods)
		}
		v.pressed(cs, c)
		v.evicted(cs, c)
	}
}

// inspected reports whether the objects themselves name a fault of a component:
// that its containers end or fail their probes follows from it.
func (cs *candidates) inspected(component string) bool {
	return slices.ContainsFunc(cs.all(), func(c *candidate) bool {
		return c.component == component && (c.seen(fContradiction) || c.seen(fStated) || c.seen(fMismatch) || c.seen(fObserved))
	})
}

// seen reports whether a feature was seen in any evidence.
func (c *candidate) seen(f feature) bool {
	_, inside := c.votes[voteKey{f, false}]
	_, outside := c.votes[voteKey{f, true}]
	return inside || outside
}

// crashing returns a container of the pods that ends again and again.
func crashing(pods []cluster.Pod) (cluster.Pod, cluster.Container, bool) {
	for _, p := range pods {
		for _, c := range p.Containers {
			died := c.State.Kind == "terminated" && c.State.ExitCode != 0
			if !c.Ready && (c.State.Reason == "CrashLoopBackOff" || died || c.Restarts >= 2 && c.Last.Kind == "terminated") {
				return p, c, true
			}
		}
	}
	return cluster.Pod{}, cluster.Container{}, false
}

// replaced reports whether a pod failed for good and was made up for: its
// workload has all that it wants, or its job has completed since or is at rest.
func replaced(s *cluster.State, x cluster.Workload, p cluster.Pod) bool {
	return leftover(s, p) || p.Phase == "Failed" && x.Kind == "Job" && (x.Available >= x.Desired || atRest(s, p))
}

// atRest reports whether a pod that failed ended a while ago: nothing starts its
// containers again, and what it left undone was left then.
func atRest(s *cluster.State, p cluster.Pod) bool {
	var last time.Time
	for _, c := range p.Containers {
		if c.State.Finished.After(last) {
			last = c.State.Finished
		}
	}
	return !last.IsZero() && s.At.Sub(last) > settled
}

// fresh reports whether a warning is recent enough to be about now; one without
// a time counts as that.
func fresh(s *cluster.State, e cluster.Event) bool {
	return e.Last.IsZero() || s.At.IsZero() || s.At.Sub(e.Last) <= settled
}

// oomReasons are what Kubernetes calls an event about memory. Only the reason
// counts: the message of an event quotes names, paths and what a probe printed.
var oomReasons = [...]string{"OOMKilling", "OOMKilled", "SystemOOM"}

// killedForMemory: the kernel says that it killed a process of a pod that is
// not well.
func (v *view) killedForMemory(cs *candidates, c *clusterView, x cluster.Workload, pods []cluster.Pod) bool {
	for _, p := range pods {
		if podWell(&c.state, p) {
			continue
		}
		e, outside, ok := reported(&c.state, func(e cluster.Event) bool {
			named := e.Kind == "Pod" && e.Name == p.Name || e.Kind == "Node" && e.Name == p.Node && strings.Contains(e.Message, p.Name)
			return named && slices.Contains(oomReasons[:], e.Reason)
		})
		if !ok {
			continue
		}
		cand := cs.at(ExhaustMemory, x.Name)
		cand.vote(fOOM, 1, outside, c.item.ID)
		cand.vote(fCrashes, 0.6, outside, c.item.ID)
		cand.say(2, p.Name+" was killed for its memory use (OOM): "+quote(e.Message, 200))
		cand.check("kubectl top pod " + p.Name + " --containers")
		if !outside {
			return true // what else is seen of it follows from that
		}
	}
	return false
}

// crashLoops: the process itself ends. Configuration or code, unless its log
// names something else; when only the new revision does, that is what changed.
func (v *view) crashLoops(cs *candidates, c *clusterView, x cluster.Workload, pods []cluster.Pod) {
	p, box, ok := crashing(pods)
	if !ok || box.State.Reason == "OOMKilled" || box.Last.Reason == "OOMKilled" || killedByProbe(&c.state, p) {
		return
	}
	rs := revisions(&c.state, pods)
	onlyNew := len(rs) > 1 && rs[0].ready == 0 && rs[1].ready > 0
	text := box.Name + " of " + p.Name + " crashes again and again (" + number(float64(box.Restarts)) + " restarts"
	if code := max(box.Last.ExitCode, box.State.ExitCode); code != 0 {
		text += ", exit code " + number(float64(code))
	}
	text += ")"
	if onlyNew {
		text = "The rollout of deployment " + x.Name + " is stuck: " + text + " in the new ReplicaSet " + rs[0].name +
			", while the old ReplicaSet " + rs[1].name + " is Ready and serves"
	}
	said, line := v.crashReason(x.Name)
	classes := []CauseClass{ConfigChange, BadDeploy}
	if said.class != "" && !slices.Contains(classes, said.class) {
		classes = append(classes, said.class)
	}
	for _, class := range classes {
		// The crash is a fact. That it speaks for this class may be but a line's word.
		named := !slices.Contains(classes[:2], class)
		cand := cs.at(class, x.Name)
		cand.vote(fCrashes, max(crashPriors[class], 0.6), named, c.item.ID)
		if onlyNew {
			cand.vote(fNewRevision, 1, named, c.item.ID)
			cand.recorded = true // the pods of the new replica set are the runtime's own record
		}
		words := text
		if class == said.class {
			cand.vote(fNamedCause, 1, true, line.item.ID)
			words += "; it logs " + quote(firstOf(line.Sample, line.Text), 200)
		}
		cand.say(2, words)
		cand.check("kubectl logs --previous " + p.Name)
		cand.check("kubectl rollout history deployment/" + x.Name)
	}
}

// crashPriors is how often a process that ends at its start does so for a
// reason, before its log is read; other reasons are not usual.
var crashPriors = map[CauseClass]float64{ConfigChange: 0.65, BadDeploy: 0.6}

// crashReason is what the log of a component names as the reason: the most
// specific of its new lines.
func (v *view) crashReason(name string) (mechanism, line) {
	var best mechanism
	var at line
	for _, l := range v.part(name).lines {
		if !l.novel() {
			continue
		}
		m, ok := recognise(l)
		if ok && m.class != Image && m.class != Scheduling && m.class != Probe && (best.class == "" || best.generic && !m.generic) {
			best, at = m, l
		}
	}
	return best, at
}

// reported returns the latest fresh warning that fits: that of the component of
// Kubernetes which reports such things, else anybody's, which counts as from
// outside.
func reported(s *cluster.State, fits func(cluster.Event) bool) (e cluster.Event, outside, ok bool) {
	for _, o := range s.Events {
		if o.Type == "Normal" || !fresh(s, o) || !fits(o) {
			continue
		}
		strange := !inspect.Genuine(o)
		if !ok || outside && !strange || outside == strange && newer(o, e) {
			e, outside, ok = o, strange, true
		}
	}
	return e, outside, ok
}

// newer orders events by their time; those of one time by what they say.
func newer(a, b cluster.Event) bool {
	return cmp.Or(a.Last.Compare(b.Last), cmp.Compare(b.Reason, a.Reason), cmp.Compare(b.Message, a.Message)) > 0
}

// probeEvent returns the latest fresh warning of a failing probe of a pod.
func probeEvent(s *cluster.State, pod, kind string) (e cluster.Event, outside, ok bool) {
	return reported(s, func(e cluster.Event) bool {
		return e.Kind == "Pod" && e.Name == pod && e.Reason == "Unhealthy" && strings.HasPrefix(strings.ToLower(e.Message), kind+" probe")
	})
}

// killedByProbe reports whether the kubelet ends a container because its
// liveness or startup probe fails.
func killedByProbe(s *cluster.State, p cluster.Pod) bool {
	for _, kind := range []string{"liveness", "startup"} {
		if _, outside, ok := probeEvent(s, p.Name, kind); ok && !outside {
			return true
		}
	}
	return false
}

func (v *view) failingProbes(cs *candidates, c *clusterView, x cluster.Workload, pods []cluster.Pod) {
	for _, p := range pods {
		if podWell(&c.state, p) {
			continue
		}
		for _, kind := range []string{"liveness", "startup", "readiness"} {
			e, outside, ok := probeEvent(&c.state, p.Name, kind)
			if !ok || oomKilled(p) {
				continue
			}
			v.voteProbe(cs, c, x, p, probeFailure{kind, e, outside})
			if !outside {
				return
			}
		}
	}
}

// voteProbe: the probe itself may be wrong; where the log names a reason why the
// process can't answer, that is considered too, by the word of the log. An
// answer of 5xx speaks against the probe.
func (v *view) voteProbe(cs *candidates, c *clusterView, x cluster.Workload, p cluster.Pod, failure probeFailure) {
	f, e := fProbeKills, failure.event
	if failure.kind == "readiness" {
		f = fProbeFails
	}
	text := "The " + failure.kind + " probe of " + p.Name + " fails: " + quote(e.Message, 200)
	scale := 1.0
	if strings.Contains(e.Message, "statuscode: 5") {
		scale = 0.6
	}
	if said, l := v.crashReason(x.Name); said.class != "" {
		cand := cs.at(said.class, x.Name)
		cand.vote(f, 0.7, true, c.item.ID)
		cand.vote(fNamedCause, 1, true, l.item.ID)
		cand.say(2, text+"; it logs "+quote(firstOf(l.Sample, l.Text), 200))
		cand.check("kubectl logs " + p.Name)
	}
	cand := cs.at(Probe, x.Name)
	cand.vote(f, scale, failure.outside, c.item.ID)
	cand.say(2, text)
	cand.check("kubectl describe pod " + p.Name)
}

// probeFailure is a failing probe by its kind, as reported.
type probeFailure struct {
	kind    string // liveness | readiness | startup
	event   cluster.Event
	outside bool // by nobody of Kubernetes itself
}

func oomKilled(p cluster.Pod) bool {
	return slices.ContainsFunc(p.Containers, func(c cluster.Container) bool {
		return c.State.Reason == "OOMKilled" || c.Last.Reason == "OOMKilled"
	})
}

// failingMounts: a pod that waits for a volume, a config map or a secret.
func (v *view) failingMounts(cs *candidates, c *clusterView, x cluster.Workload, pods []cluster.Pod) {
	for _, p := range pods {
		if podWell(&c.state, p) {
			continue
		}
		e, outside, ok := reported(&c.state, func(e cluster.Event) bool {
			return e.Kind == "Pod" && e.Name == p.Name && (e.Reason == "FailedMount" || e.Reason == "FailedAttachVolume")
		})
		if !ok {
			continue
		}
		cand := cs.at(Storage, x.Name)
		cand.vote(fMountFails, 1, outside, c.item.ID)
		cand.say(2, p.Name+" waits for a volume: "+quote(e.Message, 200))
		cand.check("kubectl describe pod " + p.Name)
		return
	}
}

// refusedConfig: the kubelet can't make a container of what its pod says.
func (v *view) refusedConfig(cs *candidates, c *clusterView, x cluster.Workload, pods []cluster.Pod) {
	for _, p := range pods {
		for _, box := range p.Containers {
			switch box.State.Reason {
			case "CreateContainerConfigError", "CreateContainerError", "RunContainerError", "StartError":
			default:
				continue
			}
			fault := Fault("")
			if strings.Contains(box.State.Message, "not found") {
				fault = cause.FaultSecretMissing
			}
			cand := cs.fault(ConfigChange, fault, x.Name)
			cand.vote(fCrashes, 1, false, c.item.ID)
			cand.say(2, "Container "+box.Name+" of "+p.Name+" can't be made ("+box.State.Reason+"): "+quote(box.State.Message, 160))
			cand.check("kubectl describe pod " + p.Name)
			return
		}
	}
}

// unplaced: the scheduler says that it has no node for a pod, in the pod's own
// condition, where neither nodes nor its words tell which constraint it is.
func (v *view) unplaced(cs *candidates, c *clusterView, x cluster.Workload, pods []cluster.Pod) {
	for _, p := range pods {
		i := slices.IndexFunc(p.Conditions, func(x cluster.Condition) bool {
			return x.Type == "PodScheduled" && x.Status == "False" && x.Reason == "Unschedulable"
		})
		if i < 0 || p.Node != "" || p.Phase != "Pending" {
			continue
		}
		said, class := p.Conditions[i].Message, Scheduling
		if strings.Contains(said, "persistentvolumeclaim") || strings.Contains(said, "volume node affinity") {
			class = Storage
		}
		cand := cs.at(class, x.Name)
		cand.vote(fNoNode, 1, false, c.item.ID)
		cand.say(2, p.Name+" waits for a node; the scheduler says: "+quote(firstOf(said, p.Conditions[i].Reason), 200))
		cand.check("kubectl describe pod " + p.Name)
		return
	}
}

// shortOf is what a node with a condition is short of.
func shortOf(condition string) CauseClass {
	switch condition {
	case "MemoryPressure":
		return ExhaustMemory
	case "DiskPressure":
		return ExhaustDisk
	case "PIDPressure":
		return ExhaustThreads
	}
	return Node
}

// pressed: a node is short of something; the pods that it throws out are
// victims.
func (v *view) pressed(cs *candidates, c *clusterView) {
	for _, n := range c.state.Nodes {
		for _, x := range n.Conditions {
			if !strings.HasSuffix(x.Type, "Pressure") || x.Status != "True" {
				continue
			}
			cand := cs.at(shortOf(x.Type), "node/"+n.Name)
			cand.vote(fPressure, 1, false, c.item.ID)
			cand.say(2, "Node "+n.Name+" has "+x.Type+": "+strings.TrimSpace(x.Reason+" "+x.Message))
			cand.check("kubectl describe node " + n.Name)
			for _, p := range c.state.Pods {
				if p.Node != n.Name {
					continue
				}
				v.link(ownerOf(&c.state, &p), "node/"+n.Name)
				if p.Reason == "Evicted" {
					cand.vote(fEvicted, 1, false, c.item.ID)
				}
			}
		}
	}
}

// lowOn is what the kubelet says that a node was low on when it throws a pod out.
var lowOn = regexp.MustCompile(`low on resource: ?([a-z-]+)`)

// evicted: pods that a node threw out, and that were not made up for.
func (v *view) evicted(cs *candidates, c *clusterView) {
	for _, p := range c.state.Pods {
		m := lowOn.FindStringSubmatch(p.Message)
		if p.Reason != "Evicted" || p.Node == "" || m == nil || !v.short(&c.state, ownerOf(&c.state, &p)) {
			continue
		}
		class := ExhaustDisk
		switch m[1] {
		case "memory":
			class = ExhaustMemory
		case "pids":
			class = ExhaustThreads
		}
		cand := cs.at(class, "node/"+p.Node)
		cand.vote(fEvicted, 1, false, c.item.ID)
		cand.say(2, "Node "+p.Node+" threw out "+p.Name+": "+quote(p.Message, 160))
		cand.check("kubectl describe node " + p.Node)
		v.link(ownerOf(&c.state, &p), "node/"+p.Node)
	}
}

// short reports whether a workload has fewer ready pods than it wants.
func (v *view) short(s *cluster.State, workload string) bool {
	return slices.ContainsFunc(s.Workloads, func(x cluster.Workload) bool { return x.Name == workload && x.Ready < x.Desired })
}
