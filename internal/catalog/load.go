package catalog

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"

	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/strict"
)

// File is the content of one file of catalog/*.yaml.
type File struct {
	Services []Service `yaml:"services" doc:"services, in any order"`
	Rules    []Rule    `yaml:"rules" doc:"which labels of a signal mean which service; the first that matches wins, files in the order of their names"`
}

// loadedFile is a file with the node that positions come from.
type loadedFile struct {
	name     string
	node     *yaml.Node
	services []Service
	rules    []Rule
}

// Read loads every *.yaml and *.yml at the top of fsys, in the order of their
// names. prefix stands before the file names in problems. A folder without
// files is an empty catalog. All problems of all files are joined.
func Read(fsys fs.FS, prefix string) (*Catalog, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("read catalog: %w", err)
	}
	var files []loadedFile
	var errs []error
	for _, e := range entries {
		if ext := path.Ext(e.Name()); e.IsDir() || ext != ".yaml" && ext != ".yml" {
			continue
		}
		data, err := fs.ReadFile(fsys, e.Name())
		if err != nil {
			errs = append(errs, fmt.Errorf("read catalog: %w", err))
			continue
		}
		f, err := readFile(path.Join(prefix, e.Name()), data)
		if err != nil {
			errs = append(errs, err)
		}
		files = append(files, f)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return build(files)
}

// Parse loads a catalog of one file.
func Parse(file string, data []byte) (*Catalog, error) {
	f, err := readFile(file, data)
	if err != nil {
		return nil, err
	}
	return build([]loadedFile{f})
}

func readFile(name string, data []byte) (loadedFile, error) {
	n, err := strict.Parse(name, data)
	if err != nil {
		return loadedFile{}, err
	}
	var f File
	if err := strict.Decode(name, n, &f); err != nil {
		return loadedFile{}, err
	}
	return loadedFile{name: name, node: n, services: f.Services, rules: f.Rules}, nil
}

// builder collects the problems of a catalog.
type builder struct {
	c     *Catalog
	first map[string]string // service → file where it stands
	errs  []error
	promQ parser.Parser
}

func build(files []loadedFile) (*Catalog, error) {
	b := &builder{
		c:     &Catalog{services: map[string]Service{}, dependants: map[string][]string{}, origins: map[string]origin{}},
		first: map[string]string{},
		promQ: parser.NewParser(parser.Options{}),
	}
	for _, f := range files {
		for i, s := range f.services {
			b.add(f, i, s)
		}
	}
	b.c.names = slices.Sorted(maps.Keys(b.c.services))
	var rules []Rule
	for _, f := range files {
		for i, s := range f.services {
			b.checkDependencies(f, i, s)
		}
		for i, r := range f.rules {
			b.rule(f, i, r)
			rules = append(rules, r)
		}
	}
	if len(b.errs) > 0 {
		return nil, errors.Join(b.errs...)
	}
	for _, l := range b.c.dependants {
		slices.Sort(l)
	}
	b.warnCycles()
	var err error
	b.c.sha256, err = sum(b.c.Services(), rules)
	return b.c, err
}

func (b *builder) problem(f loadedFile, path []any, hint, format string, args ...any) {
	b.errs = append(b.errs, strict.Problem(f.name, f.node, path, hint, format, args...))
}

var nameRE = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,127}$`)

func (b *builder) add(f loadedFile, i int, s Service) {
	at := []any{"services", i}
	if !nameRE.MatchString(s.Name) {
		b.problem(f, append(at, "name"), "use letters, digits, dots, dashes and underscores", "service name %q is not usable", s.Name)
		return
	}
	if where, dup := b.first[s.Name]; dup {
		b.problem(f, append(at, "name"), "a service stands in one place only", "service %q is already in %s", s.Name, cmp.Or(where, "the catalog"))
		return
	}
	b.first[s.Name] = f.name
	b.c.services[s.Name] = s
	b.c.origins[s.Name] = origin{file: f.name, node: strict.At(f.node, at...)}
	if s.Tier < 1 || s.Tier > 4 {
		b.problem(f, append(at, "tier"), "1 is the most important, 4 the least", "tier of %q is %d: use 1 to 4", s.Name, s.Tier)
	}
	b.slos(f, at, s)
	b.metrics(f, at, s)
	b.targets(f, at, s)
}

func (b *builder) slos(f loadedFile, at []any, s Service) {
	for i, o := range s.SLOs {
		here := slices.Concat(at, []any{"slos", i})
		if o.Objective <= 0 || o.Objective >= 1 {
			b.problem(f, append(here, "objective"), "99.9 % is 0.999", "objective is %v: use a ratio between 0 and 1", o.Objective)
		}
		if strings.HasPrefix(string(o.Signal), "latency") && o.Threshold <= 0 {
			b.problem(f, append(here, "threshold"), "add threshold: 0.5 (seconds)", "a latency objective needs a threshold in seconds")
		}
		if o.Window != "" {
			if _, err := strict.ParseDuration(o.Window); err != nil {
				b.problem(f, append(here, "window"), "write 30d", "expected a duration, found %q", o.Window)
			}
		}
	}
}

func (b *builder) metrics(f loadedFile, at []any, s Service) {
	at = slices.Concat(at, []any{"metrics"})
	m := s.Metrics
	if m.Selector != "" {
		if err := b.promQL("up{" + m.Selector + "}"); err != nil {
			b.problem(f, append(at, "selector"), `write label matchers without braces: job="api"`, "selector is not valid: %s", m.Selector)
		}
	}
	for _, q := range []struct{ key, query string }{{"latency", m.Latency}, {"traffic", m.Traffic}, {"errors", m.Errors}} {
		b.query(f, slices.Concat(at, []any{q.key}), q.query)
	}
	for i, sat := range m.Saturation {
		here := slices.Concat(at, []any{"saturation", i})
		b.query(f, slices.Concat(here, []any{"query"}), sat.Query)
		if _, err := strconv.ParseFloat(sat.Limit, 64); err != nil {
			b.query(f, slices.Concat(here, []any{"limit"}), sat.Limit)
		}
	}
}

func (b *builder) query(f loadedFile, at []any, q string) {
	if q == "" {
		return
	}
	if err := b.promQL(q); err != nil {
		b.problem(f, at, "$window and $quantile are filled in; try the query in Prometheus", "not PromQL: %s", promQLMessage(err))
	}
}

func (b *builder) promQL(q string) error {
	_, err := b.promQ.ParseExpr(Substitute(q, "5m", "0.99"))
	return err
}

func promQLMessage(err error) string {
	if errs, ok := errors.AsType[parser.ParseErrors](err); ok && len(errs) > 0 {
		return fmt.Sprintf("%s (character %d)", errs[0].Err, int(errs[0].PositionRange.Start)+1)
	}
	return err.Error()
}

// Substitute fills $window (such as "5m") and $quantile (such as "0.99") into a
// metric query.
func Substitute(query, window, quantile string) string {
	return strings.NewReplacer("$window", window, "$quantile", quantile).Replace(query)
}

func (b *builder) targets(f loadedFile, at []any, s Service) {
	seen := map[Target]bool{}
	for i, t := range s.Targets {
		here := slices.Concat(at, []any{"targets", i})
		if seen[t] {
			b.problem(f, here, "", "target %s is given twice", t)
		}
		seen[t] = true
	}
}

func (b *builder) checkDependencies(f loadedFile, i int, s Service) {
	seen := map[string]bool{}
	for j, d := range s.DependsOn {
		at := []any{"services", i, "depends_on", j}
		switch _, ok := b.c.services[d]; {
		case d == s.Name:
			b.problem(f, at, "", "service %q depends on itself", d)
		case !ok:
			b.problem(f, at, nearestHint(d, b.c.names), "unknown service %q", d)
		case seen[d]:
			b.problem(f, at, "", "dependency %q is given twice", d)
		default:
			b.c.dependants[d] = append(b.c.dependants[d], s.Name)
		}
		seen[d] = true
	}
}

func (b *builder) rule(f loadedFile, i int, r Rule) {
	at := []any{"rules", i}
	if len(r.Match) == 0 {
		b.problem(f, at, "", "a rule needs at least one label to match")
	}
	if (r.Service == "") == !r.Nothing {
		b.problem(f, at, "", "a rule names a service or says nothing: true, and not both")
	}
	if r.Service != "" && !strings.Contains(r.Service, "$") {
		if _, ok := b.c.services[r.Service]; !ok {
			b.problem(f, append(at, "service"), nearestHint(r.Service, b.c.names), "unknown service %q", r.Service)
		}
	}
	c := compiledRule{Rule: r, labels: slices.Sorted(maps.Keys(r.Match)), pattern: map[string]*regexp.Regexp{}}
	for _, l := range c.labels {
		re, err := regexp.Compile("^(?:" + r.Match[l] + ")$")
		if err != nil {
			b.problem(f, []any{"rules", i, "match", l}, "", "not a regular expression: %s", r.Match[l])
			continue
		}
		c.pattern[l] = re
	}
	b.c.rules = append(b.c.rules, c)
}

func nearestHint(name string, known []string) string {
	if near := problem.Nearest(name, known); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	if len(known) == 0 {
		return "the catalog has no services"
	}
	if len(known) > 12 {
		return ""
	}
	return "known services: " + strings.Join(known, ", ")
}

// warnCycles names each service that depends on itself through others.
func (b *builder) warnCycles() {
	for _, n := range b.c.names {
		if !slices.ContainsFunc(b.c.services[n].DependsOn, func(d string) bool {
			return slices.Contains(b.c.Dependencies(d, true), n)
		}) {
			continue
		}
		b.c.warnings = append(b.c.warnings, problem.Problem{
			File: b.first[n], What: fmt.Sprintf("service %q depends on itself through others", n),
			Hint: "explaining symptoms away works better without cycles",
		})
	}
}
