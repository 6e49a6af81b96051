package diagnose

import (
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/cluster"
	"github.com/holdfast-sre/holdfast/internal/cluster/inspect"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/evidence/lines"
)

// The features of the state of a cluster: how much a finding rests on, and how
// well it fits what is broken now.
const (
	fContradiction feature = "cluster_contradiction" // two objects can't work together, and do not
	fStated        feature = "cluster_stated"        // the cluster itself says so about something broken
	fMismatch      feature = "cluster_mismatch"      // two objects can't work together, nothing is seen to break
	fObserved      feature = "cluster_observed"      // what the fault would do is seen
	fHint          feature = "cluster_hint"          // one of several faults would look like this
	fIdle          feature = "cluster_idle"          // objects can't work together, and nothing suffers from it
	fCoversDown    feature = "cluster_covers_down"   // share of what is down that it would break
	fMissesDown    feature = "cluster_misses_down"   // share of what is down that it would not break
	fCovered       feature = "cluster_covered"       // a fault that is seen elsewhere breaks its object
)

// clusterPriors are the hand-set log-odds of the features of this file.
var clusterPriors = priors{
	fContradiction: 4.5,
	fStated:        3.6,
	fMismatch:      2.2,
	fObserved:      2.2,
	fHint:          1.0,
	fIdle:          -4.0,
	fCoversDown:    1.2,
	fMissesDown:    -1.5,
	fCovered:       -2.0,
}

var weightFeatures = map[inspect.Weight]feature{
	inspect.Contradiction: fContradiction, inspect.Stated: fStated, inspect.Mismatch: fMismatch,
	inspect.Observed: fObserved, inspect.Hint: fHint,
}

type clusterView struct {
	item  evidence.Item
	state cluster.State
}

// oldState is how old the state of a cluster may be. What Kubernetes makes up for
// by itself is made up for by then, and what is broken may be something else.
const oldState = 10 * time.Minute

// readCluster takes a state as it is now. One that is older counts as a source
// that did not answer, and so does each kind of object that could not be read:
// that it is not there says nothing.
func (v *view) readCluster(it evidence.Item) error {
	d, err := evidence.Decode[cluster.State](it)
	if err != nil {
		return err
	}
	if it.Stale || !d.At.IsZero() && v.in.Now.Sub(d.At) > oldState {
		about := "the cluster as it is now"
		if age := v.in.Now.Sub(d.At); !d.At.IsZero() && age > 0 {
			about = "the cluster in the last " + lag(age)
		}
		v.unanswered(it, about)
		return nil
	}
	for _, kind := range d.Unread {
		v.unanswered(it, before(kind, ":"))
	}
	v.clusters = append(v.clusters, clusterView{it, d})
	return nil
}

// unanswered notes that a source did not answer about something.
func (v *view) unanswered(it evidence.Item, about string) {
	v.failures = append(v.failures, evidence.Item{
		Kind: evidence.KindFailure, Collector: it.Collector, Query: it.Query,
		Source: firstOf(it.Source, it.Collector, "unnamed source") + " (" + strings.Trim(quote(about, 60), `"`) + ")",
	})
}

func before(text, mark string) string {
	text, _, _ = strings.Cut(text, mark)
	return text
}

// clusterFaults turns the state of a cluster into votes: one candidate for each
// fault of each object that inspection finds.
func clusterFaults(v *view, cs *candidates) {
	troubled := v.troubled()
	for i := range v.clusters {
		cv := &v.clusters[i]
		findings := inspect.All(&cv.state, v.inspected(), inspect.Trouble{Measured: troubled, Alerted: v.in.Affected})
		for j, f := range findings {
			findings[j] = v.ofNow(f)
		}
		down := inspect.Down(&cv.state)
		for _, f := range findings {
			v.clusterFault(cs, cv, f, findings, down)
		}
	}
}

// troubled are the components whose requests are measured to fail or to be
// late, and what they call: a fault there may be why. Sorted.
func (v *view) troubled() []string {
	var out []string
	for _, n := range v.names() {
		if slices.ContainsFunc(v.parts[n].bands, func(b band) bool { return b.abnormal && !b.item.Stale && !b.item.Outside && userSignal(b) }) {
			out = append(out, v.sources(n)...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// longBefore is how long pods must have run before trouble began for what they
// were started with to be an old companion and not its cause.
const longBefore = time.Hour

// ofNow lowers a finding about what pods have been running with since long
// before the trouble that it might explain. Those that do not work now are
// another matter: see inspect.
func (v *view) ofNow(f inspect.Finding) inspect.Finding {
	at := v.reference()
	if f.Weight == inspect.Mismatch && !f.Since.IsZero() && !at.IsZero() && at.Sub(f.Since) > longBefore {
		f.Weight, f.Idle = inspect.Hint, true
		f.Text += "; its pods have run with it for " + lag(at.Sub(f.Since)) + " before this trouble"
	}
	return f
}

func (v *view) clusterFault(cs *candidates, cv *clusterView, f inspect.Finding, all []inspect.Finding, down []string) {
	component := clusterComponent(f)
	c := cs.fault(cause.ClassOf(f.Fault), f.Fault, component)
	id := cv.item.ID
	c.vote(weightFeatures[f.Weight], 1, f.Outside, id)
	if f.Idle {
		c.vote(fIdle, 1, false, id)
	}
	c.say(f.Weight.Rank(), f.Text)
	for _, q := range f.Check {
		c.check(q)
	}
	for _, b := range f.Broken {
		v.link(b, component)
	}
	if len(down) > 0 {
		covered := 0
		for _, d := range down {
			if slices.Contains(f.Broken, d) {
				covered++
			}
		}
		share := float64(covered) / float64(len(down))
		c.vote(fCoversDown, share, f.Outside, id)
		c.vote(fMissesDown, 1-share, false, id)
	}
	if slices.ContainsFunc(all, func(g inspect.Finding) bool { return covers(g, f) }) {
		c.vote(fCovered, 1, false, id)
	}
}

// covers reports whether g, at another object, breaks what f is about and is
// seen at least as clearly.
func covers(g, f inspect.Finding) bool {
	return clusterComponent(g) != clusterComponent(f) && slices.Contains(g.Broken, f.Name) &&
		(g.Weight.Rank() > f.Weight.Rank() || foundation(g) && !foundation(f) && g.Weight.Rank() >= inspect.Stated.Rank())
}

// foundation reports whether a finding is about what workloads stand on.
func foundation(f inspect.Finding) bool { return f.Kind == "Node" || f.Kind == "Namespace" }

// clusterComponent names the object of a finding: workloads as services are
// called, other kinds with their kind.
func clusterComponent(f inspect.Finding) string {
	switch f.Kind {
	case "Node", "Namespace", "NetworkPolicy", "Ingress", "HTTPRoute", "VirtualService":
		return strings.ToLower(f.Kind) + "/" + f.Name
	}
	return f.Name
}

// inspected gives the log lines of each component to inspection.
func (v *view) inspected() []inspect.Lines {
	var out []inspect.Lines
	for _, n := range v.names() {
		p := v.parts[n]
		if len(p.lines) == 0 {
			continue
		}
		l := inspect.Lines{Workload: n}
		for _, t := range p.lines {
			l.Lines = append(l.Lines, lines.Said(firstOf(t.Sample, t.Text))...)
		}
		out = append(out, l)
	}
	return out
}

// refine gives what speaks for a class at a component to the finer faults of
// that class that are seen there: the general candidate is one of them.
func refine(_ *view, cs *candidates) {
	for _, general := range cs.all() {
		if general.fault != "" {
			continue
		}
		found := false
		for _, c := range cs.all() {
			if c.fault == "" || c.class != general.class || c.component != general.component {
				continue
			}
			found = true
			for _, k := range general.keys() {
				c.vote(k.feature, general.votes[k].scale, k.outside, general.votes[k].evidence...)
			}
		}
		if found {
			delete(cs.byKey, candidateKey{general.class, "", general.component})
		}
	}
}
