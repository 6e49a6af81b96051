package inspect

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/cluster"
)

// newPolicy is how young a policy must be for what fails now to be its doing
// without other signs. Policies of other kinds, which are not read, may allow
// what it does not.
const newPolicy = time.Hour

// nameless looks for network policies that let pods ask nobody for names,
// although they need names inside the cluster: egress is closed but for what is
// listed, and port 53 is not. The fault is the policy's, however many it breaks.
func nameless(w *world) []Finding {
	if !w.known("networkpolicies") {
		return nil // what one forbids another may allow
	}
	var out []Finding
	for i := range w.state.Policies {
		p := &w.state.Policies[i]
		if !closesNames(p) {
			continue
		}
		if f, ok := w.namelessBy(p); ok {
			out = append(out, f)
		}
	}
	return out
}

func (w *world) namelessBy(p *cluster.Policy) (Finding, bool) {
	f := Finding{
		Fault: cause.FaultDNS, Kind: "NetworkPolicy", Name: p.Name, Weight: Mismatch, About: []string{"networkpolicies/" + p.Name},
		Check: []string{"kubectl -n " + w.state.Namespace + " describe networkpolicy " + p.Name},
	}
	var well, had []string
	for _, d := range w.deployments() {
		switch {
		case d.spec.HostNetwork || !governs(p, d) || w.mayAsk(d) || !w.needsClusterNames(d.spec):
		case !w.failing(d):
			well = append(well, d.name)
		case w.outlived(d, p):
			had = append(had, d.name)
		default:
			f.Broken = append(f.Broken, d.name)
		}
	}
	switch age := w.state.At.Sub(p.Created); {
	case len(f.Broken) > 0 && !p.Created.IsZero() && age < newPolicy:
		f.Weight = Contradiction
	case len(f.Broken) > 0:
	case len(had) > 0:
		f.Broken, f.Weight, f.Idle = had, Hint, true
	case len(well) > 0:
		f.Broken = well
	default:
		return f, false
	}
	slices.Sort(f.Broken)
	f.Text = fmt.Sprintf("network policy %s lets %s ask nobody for names: no rule of theirs allows port 53", p.Name, strings.Join(f.Broken, ", "))
	f.Check = append(f.Check, "kubectl -n "+w.state.Namespace+" exec deploy/"+f.Broken[0]+" -- getent hosts kubernetes.default")
	return f, true
}

// closesNames reports whether a policy governs what pods send and lets no
// question for a name out.
func closesNames(p *cluster.Policy) bool {
	return slices.Contains(p.Types, "Egress") && (p.DenyOut || p.NoNames)
}

// mayAsk reports whether a policy that governs a workload lets it ask for names:
// policies add up.
func (w *world) mayAsk(d deployed) bool {
	return slices.ContainsFunc(w.state.Policies, func(p cluster.Policy) bool {
		return slices.Contains(p.Types, "Egress") && governs(&p, d) && !closesNames(&p)
	})
}

// governs reports whether a policy selects the pods of a workload.
func governs(p *cluster.Policy, d deployed) bool {
	return sameNamespace(p.Namespace, d.namespace) && matches(p.Selector, d.labels) &&
		!slices.ContainsFunc(p.Expressions, func(r cluster.Requirement) bool { return !fulfils(r, d.labels) })
}

// outlived reports whether a pod of a workload that was made under a policy is
// ready, or was. One that was edited since may have been another policy then.
func (w *world) outlived(d deployed, p *cluster.Policy) bool {
	if p.Created.IsZero() || p.Edited {
		return false
	}
	younger := d
	younger.pods = slices.DeleteFunc(slices.Clone(d.pods), func(x *cluster.Pod) bool { return !x.Created.After(p.Created) })
	return w.wasReady(younger, func(*cluster.PodSpec) bool { return true })
}
