package catalog

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/strict"
)

// origin is where a service stands, for problems that only others can see.
type origin struct {
	file string
	node *yaml.Node
}

func (c *Catalog) at(service string, path []any, hint, format string, args ...any) error {
	o := c.origins[service]
	if o.node == nil {
		return &problem.Problem{File: o.file, What: fmt.Sprintf(format, args...), Hint: hint}
	}
	return strict.Problem(o.file, o.node, path, hint, format, args...)
}

// CheckSources reports every source that a service names and that is not among
// the configured ones.
func (c *Catalog) CheckSources(metrics, logs []string) error {
	if c == nil {
		return nil
	}
	var errs []error
	for _, s := range c.Services() {
		if m := s.Metrics.Source; m != "" && !slices.Contains(metrics, m) {
			errs = append(errs, c.at(s.Name, []any{"metrics", "source"}, sourceHint(m, metrics, "prometheus"), "no metric source is called %q", m))
		}
		for i, l := range s.Logs {
			if l.Source != "" && !slices.Contains(logs, l.Source) {
				errs = append(errs, c.at(s.Name, []any{"logs", i, "source"}, sourceHint(l.Source, logs, "loki or victorialogs"), "no log source is called %q", l.Source))
			}
		}
	}
	return errors.Join(errs...)
}

func sourceHint(name string, known []string, types string) string {
	switch near := problem.Nearest(name, known); {
	case near != "":
		return fmt.Sprintf("did you mean %q?", near)
	case len(known) == 0:
		return "holdfast.yaml has no source of type " + types
	}
	return "sources: " + strings.Join(known, ", ")
}

// MapRepositories returns a copy in which every repository path went through f.
// An error of f is reported where the path stands.
func (c *Catalog) MapRepositories(f func(path string) (string, error)) (*Catalog, error) {
	if c == nil {
		return nil, nil
	}
	out := *c
	out.services = maps.Clone(c.services)
	var errs []error
	for _, name := range c.names {
		s := out.services[name]
		if s.Repository.Path == "" {
			continue
		}
		p, err := f(s.Repository.Path)
		if err != nil {
			errs = append(errs, c.at(name, []any{"repository", "path"}, "paths are relative to the catalog's folder", "%s", err))
			continue
		}
		s.Repository.Path = p
		out.services[name] = s
	}
	return &out, errors.Join(errs...)
}
