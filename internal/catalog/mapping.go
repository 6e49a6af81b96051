package catalog

import (
	"maps"
	"regexp"
	"slices"
)

// implicit are the labels that name a service when no rule matched, in order.
var implicit = []string{"service", "service_name", "app", "job", "deployment", "workload"}

var labelRef = regexp.MustCompile(`\$\{[a-zA-Z_][a-zA-Z0-9_]*\}`)

// Map returns the service that labels mean. The rules are tried in order; then
// the first of the labels service, service_name, app, job, deployment and
// workload that is a name in the catalog counts. known is false when nothing
// matched: such a signal opens an incident of its own. known with an empty
// service means that a rule says so ("nothing: true").
func (c *Catalog) Map(labels map[string]string) (service string, known bool) {
	if c == nil {
		return "", false
	}
	for _, r := range c.rules {
		if !r.matches(labels) {
			continue
		}
		if r.Nothing {
			return "", true
		}
		name := labelRef.ReplaceAllStringFunc(r.Service, func(ref string) string { return labels[ref[2:len(ref)-1]] })
		if _, ok := c.services[name]; ok {
			return name, true
		}
	}
	for _, l := range implicit {
		if _, ok := c.services[labels[l]]; ok {
			return labels[l], true
		}
	}
	return "", false
}

func (r compiledRule) matches(labels map[string]string) bool {
	for _, l := range r.labels {
		if !r.pattern[l].MatchString(labels[l]) {
			return false
		}
	}
	return true
}

// MapsToNothing returns those of the label sets that no rule and no name
// matches, each once, in the order given.
func (c *Catalog) MapsToNothing(sets []map[string]string) []map[string]string {
	var out []map[string]string
	for _, l := range sets {
		if _, known := c.Map(l); known {
			continue
		}
		if !slices.ContainsFunc(out, func(o map[string]string) bool { return maps.Equal(o, l) }) {
			out = append(out, l)
		}
	}
	return out
}
