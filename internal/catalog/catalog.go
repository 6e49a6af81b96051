package catalog

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"regexp"
	"slices"

	"github.com/holdfast-sre/holdfast/internal/problem"
)

// Catalog is the set of services with the rules that map signals to them. It is
// immutable and safe for concurrent use. A nil *Catalog knows nothing.
type Catalog struct {
	services   map[string]Service
	names      []string // sorted
	dependants map[string][]string
	rules      []compiledRule
	sha256     string
	warnings   []problem.Problem
	origins    map[string]origin
}

// Rule maps labels to a service: every matcher must hold; the first rule that
// matches wins. Service may name a label as ${label}.
type Rule struct {
	Match   map[string]string `json:"match" yaml:"match" strict:"required" doc:"label to regular expression, anchored at both ends; every one must match"`
	Service string            `json:"service" yaml:"service" doc:"catalog name; may contain ${label}"`
	Nothing bool              `json:"nothing,omitempty" yaml:"nothing" doc:"known to belong to no service"`
}

type compiledRule struct {
	Rule
	labels  []string // sorted
	pattern map[string]*regexp.Regexp
}

// New builds a catalog from services and rules that are already in memory. The
// error joins *problem.Problem without positions.
func New(services []Service, rules []Rule) (*Catalog, error) {
	f := loadedFile{services: services, rules: rules}
	return build([]loadedFile{f})
}

// Service returns the entry called name.
func (c *Catalog) Service(name string) (Service, bool) {
	if c == nil {
		return Service{}, false
	}
	s, ok := c.services[name]
	return s, ok
}

// Names returns the names of all services, sorted.
func (c *Catalog) Names() []string {
	if c == nil {
		return nil
	}
	return slices.Clone(c.names)
}

// Services returns every entry, sorted by name.
func (c *Catalog) Services() []Service {
	if c == nil {
		return nil
	}
	out := make([]Service, 0, len(c.names))
	for _, n := range c.names {
		out = append(out, c.services[n])
	}
	return out
}

// Dependencies returns what name needs, sorted, without name itself; transitive
// adds what those need.
func (c *Catalog) Dependencies(name string, transitive bool) []string {
	if c == nil {
		return nil
	}
	return reach(name, transitive, func(n string) []string { return c.services[n].DependsOn })
}

// Dependants returns everything that needs name, directly or through others,
// sorted, without name itself.
func (c *Catalog) Dependants(name string) []string {
	if c == nil {
		return nil
	}
	return reach(name, true, func(n string) []string { return c.dependants[n] })
}

// reach walks next from name; cycles end.
func reach(name string, transitive bool, next func(string) []string) []string {
	seen := map[string]bool{}
	queue := next(name)
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		if n == name || seen[n] {
			continue
		}
		seen[n] = true
		if transitive {
			queue = append(slices.Clone(queue), next(n)...)
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// SHA256 identifies the content: services and rules, whatever files they came from.
func (c *Catalog) SHA256() string {
	if c == nil {
		return ""
	}
	return c.sha256
}

// Warnings returns what is odd and allowed, such as a dependency cycle.
func (c *Catalog) Warnings() []problem.Problem {
	if c == nil {
		return nil
	}
	return slices.Clone(c.warnings)
}

func sum(services []Service, rules []Rule) (string, error) {
	b, err := json.Marshal(struct {
		Services []Service `json:"services"`
		Rules    []Rule    `json:"rules"`
	}{services, rules})
	if err != nil {
		return "", errors.New("catalog: values can't be written as JSON")
	}
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:]), nil
}

// DependsOn returns what service needs directly, sorted.
func (c *Catalog) DependsOn(service string) []string { return c.Dependencies(service, false) }
