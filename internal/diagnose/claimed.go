package diagnose

import (
	"slices"

	"github.com/holdfast-sre/holdfast/internal/cluster"
)

// onlyInSpans tells the components that nothing but spans knows of: no catalog,
// no cluster, no measurement. The name of a service is whatever the sender of a
// span says, so they are as made up as a log line may be.
func (v *view) onlyInSpans() func(component string) bool {
	named := map[string]bool{}
	for _, t := range v.traces {
		for _, o := range t.traces.Operations {
			named[o.Service] = true
		}
		for _, c := range t.traces.Calls {
			named[c.Caller], named[c.Callee] = true, true
		}
	}
	for name := range named {
		named[name] = !v.witnessed(name)
	}
	return func(component string) bool { return named[component] }
}

// witnessed reports whether something that outsiders can't write tells of a
// component.
func (v *view) witnessed(name string) bool {
	p, ok := v.parts[name]
	if ok && (p.known || p.asked || len(p.instances) > 0 || slices.ContainsFunc(p.bands, func(b band) bool { return !b.item.Outside })) {
		return true
	}
	return v.catalogued(name) ||
		slices.ContainsFunc(v.databases, func(d databaseView) bool { return !d.item.Outside && d.item.Service == name }) ||
		slices.ContainsFunc(v.gauges, func(g gauge) bool { return !g.item.Outside && g.item.Service == name }) ||
		slices.ContainsFunc(v.clusters, func(c clusterView) bool { return inCluster(&c.state, name) })
}

// catalogued reports whether the catalog has a component.
func (v *view) catalogued(name string) bool {
	_, ok := v.in.Catalog.Service(name)
	return ok
}

// inCluster reports whether a workload, a pod or a service is called so.
func inCluster(s *cluster.State, name string) bool {
	return slices.ContainsFunc(s.Workloads, func(x cluster.Workload) bool { return x.Name == name }) ||
		slices.ContainsFunc(s.Pods, func(p cluster.Pod) bool { return p.Name == name }) ||
		slices.ContainsFunc(s.Services, func(x cluster.Service) bool { return x.Name == name })
}
