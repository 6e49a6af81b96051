package catalog

import "slices"

// Neighbourhood lists the services to look at when names are affected, each
// once and the nearest first: the affected ones, what they depend on, who shares
// those dependencies with them (a neighbour may use up what both need), then
// what depends on them. most bounds the list; 0 = no bound. Names that are not
// in the catalog are left out.
func (c *Catalog) Neighbourhood(names []string, most int) []Service {
	var all []string
	add := func(more []string) {
		for _, n := range more {
			if !slices.Contains(all, n) {
				all = append(all, n)
			}
		}
	}
	add(names)
	for _, n := range names {
		add(c.Dependencies(n, true))
	}
	for _, n := range names {
		for _, dep := range c.Dependencies(n, false) {
			add(c.sharing(dep))
		}
	}
	for _, n := range names {
		add(c.Dependants(n))
	}
	var out []Service
	for _, n := range all {
		if svc, ok := c.Service(n); ok && (most == 0 || len(out) < most) {
			out = append(out, svc)
		}
	}
	return out
}

// sharing lists the services that depend on dep directly.
func (c *Catalog) sharing(dep string) []string {
	return slices.DeleteFunc(slices.Clone(c.Dependants(dep)), func(name string) bool {
		return !slices.Contains(c.Dependencies(name, false), dep)
	})
}
