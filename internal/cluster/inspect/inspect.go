// Package inspect reads the state of a cluster and says which object is faulty
// and how. It reasons over objects as they are now; events and log lines only
// support what the state shows, the less the older they are. Pure; the same
// state gives the same findings in the same order.
package inspect

import (
	"cmp"
	"slices"
	"time"

	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/cluster"
)

// Weight says how much a finding rests on; a closed list. The engine learns
// what each is worth, so a check must choose honestly.
type Weight string

// The weights, from the strongest.
const (
	// Contradiction: two objects that exist now can't work together (a selector
	// that matches no node, a target port that nothing listens on), and what
	// they should do does not work now.
	Contradiction Weight = "contradiction"
	// Stated: the cluster itself reports the fault about something that is
	// broken now (a condition, a waiting reason, a fresh event).
	Stated Weight = "stated"
	// Mismatch: the contradiction is there, but nothing is seen to be broken by it.
	Mismatch Weight = "mismatch"
	// Observed: what the fault would do is seen (failed probes from nodes, error
	// lines, late answers), not the fault itself.
	Observed Weight = "observed"
	// Hint: one of several faults would look like this.
	Hint Weight = "hint"
)

// Finding is one fault of one object.
type Finding struct {
	Fault  cause.Fault
	Kind   string // Deployment, StatefulSet, Pod, Service, Node, Namespace, …
	Name   string // of the object at fault, the workload rather than its pod
	Weight Weight
	Text   string   // one sentence with names and numbers
	About  []string // objects looked at, "pods/NAME", as a person would ask for them
	Check  []string // kubectl commands that would confirm or refute it
	Broken []string // workloads that this breaks, itself included
	// Outside marks findings that rest on text which people outside could have
	// written (log lines, events of others than Kubernetes itself).
	Outside bool
	// Idle marks hints about objects that contradict each other while nothing is
	// seen to suffer from it.
	Idle bool
	// Since is when the pods were started with what the finding is about; zero
	// when it may have changed later.
	Since time.Time

	where   []address // that do not answer because of it
	unseen  bool      // the rule did not look whether anything suffers
	atStart bool      // it keeps pods from starting, and does nothing to those that run
}

// Lines are log lines of one workload, for checks that need them: what the
// process itself said lately.
type Lines struct {
	Workload string
	Lines    []string
}

// check looks for one kind of fault.
type check func(*world) []Finding

// Trouble is who is known to suffer, beside what the state shows.
type Trouble struct {
	Measured []string // components whose requests are measured to fail or to be late
	Alerted  []string // components that the incident is about
}

// All runs every check. logs and trouble may be empty.
func All(s *cluster.State, logs []Lines, trouble Trouble) []Finding {
	w := newWorld(s, logs)
	w.trouble = trouble
	out := findings(w)
	for _, f := range hearsay(w, out) {
		out = merge(out, f)
	}
	slices.SortStableFunc(out, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Fault, b.Fault))
	})
	return out
}

func findings(w *world) []Finding {
	var out []Finding
	for _, c := range checks() {
		for _, f := range c(w) {
			for _, g := range w.weighed(f) {
				out = merge(out, g)
			}
		}
	}
	return out
}

// merge adds a finding; of two about one fault of one object the clearer stays,
// with all that either breaks. Text that outsiders can write neither replaces
// nor strengthens what objects show: it stays a finding of its own.
func merge(fs []Finding, f Finding) []Finding {
	i := slices.IndexFunc(fs, func(x Finding) bool {
		return x.Kind == f.Kind && x.Name == f.Name && x.Fault == f.Fault && x.Outside == f.Outside
	})
	if i < 0 {
		return append(fs, f)
	}
	stronger, other := fs[i], f
	if f.Weight.Rank() > fs[i].Weight.Rank() {
		stronger, other = f, fs[i]
	}
	broken := slices.Concat(stronger.Broken, other.Broken)
	slices.Sort(broken)
	stronger.Broken = slices.Compact(broken)
	fs[i] = stronger
	return fs
}

// Rank orders the weights: more is clearer.
func (w Weight) Rank() int {
	return slices.Index([]Weight{Hint, Observed, Mismatch, Stated, Contradiction}, w) + 1
}

// Down lists the workloads of which fewer pods are ready than should be,
// sorted.
func Down(s *cluster.State) []string { return newWorld(s, nil).broken() }

// Placed lists the workloads by the node that they have pods on, sorted.
func Placed(s *cluster.State) map[string][]string {
	w := newWorld(s, nil)
	out := make(map[string][]string, len(s.Nodes))
	for i := range s.Nodes {
		out[s.Nodes[i].Name] = w.onNode(s.Nodes[i].Name)
	}
	return out
}

// checks lists the families, each in a file of its own.
func checks() []check {
	return append([]check{
		unscheduled, unbound, quotas, images, accounts, references, replicas, memory, mounts,
		platform, nodes,
	}, wiringChecks()...)
}
