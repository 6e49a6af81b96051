package cluster

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Running is what runs of one workload at one moment, and what the cluster
// itself recorded of it.
type Running struct {
	At         time.Time
	Kind       string // Deployment | StatefulSet | DaemonSet
	Namespace  string
	Name       string
	Wanted     int       // replicas
	Pods       []Pod     // that it owns, by name
	Revision   int       // that runs or is being rolled out; 0 = not known
	RolledOut  time.Time // since when that revision is wanted; zero = not known
	Rollouts   []Rollout // newest first
	Warnings   []Event   // about it, its revisions and its pods, by time
	EventsRead bool      // false: that there is no warning says nothing
}

// Rollout is a revision that was rolled out.
type Rollout struct {
	Revision int
	At       time.Time
	Images   []string
	Previous []string // images of the revision before; nil when it is not known
	Back     bool     // to a revision that ran before; At is then when it was done at the latest
}

// Tally counts what the pods of a workload do.
type Tally struct {
	Running  int // in phase Running and not being deleted
	Ready    int
	NotReady int // that should run and are not ready
	Restarts int // most of one pod
	OOMKills int // containers whose latest end, not before the given moment, was for want of memory
	Youngest time.Time
}

// Tally of the pods. Pods that have ended for good, or are being deleted, count
// only for what happened to them.
func (r Running) Tally(since time.Time) Tally {
	var t Tally
	for _, p := range r.Pods {
		restarts := 0
		for _, c := range p.Containers {
			restarts += c.Restarts
			if oom(c.State, since) || oom(c.Last, since) {
				t.OOMKills++
			}
		}
		t.Restarts = max(t.Restarts, restarts)
		if p.Phase == "Succeeded" || p.Phase == "Failed" || !p.Deleted.IsZero() {
			continue
		}
		if p.ready() {
			t.Ready++
		} else {
			t.NotReady++
		}
		if p.Phase != "Running" {
			continue
		}
		t.Running++
		if at := p.Started(); at.After(t.Youngest) {
			t.Youngest = at
		}
	}
	return t
}

func oom(p Phase, since time.Time) bool {
	return p.Kind == "terminated" && p.Reason == "OOMKilled" && !p.Finished.Before(since)
}

func (p Pod) ready() bool {
	return slices.ContainsFunc(p.Conditions, func(c Condition) bool { return c.Type == "Ready" && c.Status == "True" })
}

// Started is when the youngest running container of the pod started; zero when
// none runs.
func (p Pod) Started() time.Time {
	var at time.Time
	for _, c := range p.Containers {
		if !c.Init && c.State.Kind == "running" && c.State.Started.After(at) {
			at = c.State.Started
		}
	}
	return at
}

// State is what the pod does, in a word: running, or why not.
func (p Pod) State() string {
	switch {
	case !p.Deleted.IsZero():
		return "terminating"
	case p.Phase != "Running":
		return strings.ToLower(cmp.Or(p.Reason, p.Phase, "unknown"))
	}
	return "running"
}

// Reasons are the distinct reasons of the warnings, the latest first, at most n:
// words of the cluster's components, never text of a message.
func (r Running) Reasons(n int) []string {
	var out []string
	for _, e := range slices.Backward(r.Warnings) {
		if len(out) < n && !slices.Contains(out, e.Reason) && isWord(e.Reason) {
			out = append(out, e.Reason)
		}
	}
	return out
}

func isWord(s string) bool {
	return s != "" && len(s) <= 64 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	})
}
