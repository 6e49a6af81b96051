package runbook

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

// Sources are the names of the configured sources, by what they can be asked.
type Sources struct {
	Metrics      []string
	Loki         []string
	VictoriaLogs []string
	SQL          []string
	Runtime      []string // supervisors and clusters
}

func (s Sources) logs() []string { return slices.Concat(s.Loki, s.VictoriaLogs) }

// Check reports what the runbooks say about services, sources and boundaries
// that is not so. The error joins *problem.Problem.
func (s *Set) Check(c *catalog.Catalog, sources Sources, b *boundary.Set) error {
	var errs []error
	for _, r := range s.All() {
		x := &crossChecker{checker: checker{r: r, node: r.node}, catalog: c, sources: sources, boundaries: b}
		x.check()
		errs = append(errs, x.errs...)
	}
	return errors.Join(errs...)
}

type crossChecker struct {
	checker
	catalog    *catalog.Catalog
	sources    Sources
	boundaries *boundary.Set
}

func (x *crossChecker) check() {
	for i, s := range x.r.Trigger.Services {
		x.known(place{"trigger", "services", i}, s)
	}
	for i, p := range x.r.Preconditions {
		if p.Changes != nil {
			x.known(place{"preconditions", i, "changes", "service"}, p.Changes.Service)
		}
	}
	for i, d := range x.r.Diagnostics {
		x.diagnostic(place{"diagnostics", i}, d)
	}
	for i, f := range x.r.Findings {
		x.known(place{"findings", i, "component"}, f.Component)
		for j, e := range f.Exclude {
			x.known(place{"findings", i, "exclude", j, "component"}, e.Component)
		}
	}
	for i, m := range x.r.Remediations {
		p := place{"remediations", i}
		x.known(p.at("target", "service"), m.Target.Service)
		x.target(p.at("target"), m)
		x.boundary(p.at("action"), m)
		if m.Verify != nil {
			x.source(p.at("verify", "source"), m.Verify.Source, x.sources.Metrics)
		}
	}
}

func (x *crossChecker) diagnostic(p place, d Diagnostic) {
	switch {
	case d.PromQL != "":
		x.source(p.at("source"), d.Source, x.sources.Metrics)
	case d.Logs != nil:
		x.known(p.at("logs", "service"), d.Logs.Service)
		x.source(p.at("source"), d.Source, x.sources.logs())
	case d.LogQL != nil:
		x.source(p.at("source"), d.Source, x.sources.Loki)
	case d.LogsQL != nil:
		x.source(p.at("source"), d.Source, x.sources.VictoriaLogs)
	case d.SQL != "":
		x.source(p.at("source"), d.Source, x.sources.SQL)
	case d.Changes != nil:
		x.known(p.at("changes", "service"), d.Changes.Service)
	case d.Runtime != nil:
		x.known(p.at("runtime", "service"), d.Runtime.Service)
		x.source(p.at("source"), d.Source, x.sources.Runtime)
	}
}

// known reports a service that is not in the catalog.
func (x *crossChecker) known(p place, name string) {
	if name == "" || name == "${service}" {
		return
	}
	if _, ok := x.catalog.Service(name); ok {
		return
	}
	hint := "add it to the catalog"
	if near := problem.Nearest(name, x.catalog.Names()); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	x.problem(ruleService, p, hint, "unknown service %q", name)
}

func (x *crossChecker) source(p place, name string, known []string) {
	if name == "" || slices.Contains(known, name) {
		return
	}
	hint := "sources of this kind: " + strings.Join(known, ", ")
	if near := problem.Nearest(name, known); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	} else if len(known) == 0 {
		hint = "holdfast.yaml has no source of this kind"
	}
	x.problem(ruleSource, p, hint, "unknown source %q", name)
}

// target reports a remediation whose service has nothing to act on.
func (x *crossChecker) target(p place, m Remediation) {
	s, ok := x.catalog.Service(m.Target.Service)
	if !ok || m.Action == "" {
		return
	}
	spec, _ := action.Known(m.Action)
	kinds := spec.TargetKinds
	if m.Target.Kind != "" {
		kinds = []string{m.Target.Kind}
		if !slices.Contains(spec.TargetKinds, m.Target.Kind) {
			x.problem(ruleTarget, p.at("kind"), "it acts on: "+strings.Join(spec.TargetKinds, ", "), "%s can't act on kind %q", m.Action, m.Target.Kind)
			return
		}
	}
	if !slices.ContainsFunc(s.Targets, func(t catalog.Target) bool { return slices.Contains(kinds, t.Kind) }) {
		x.problem(ruleTarget, p.at("service"), "add targets: [{environment: …, kind: "+kinds[0]+", name: …}] to its catalog entry", "service %q has no target of kind %s", s.Name, strings.Join(kinds, " or "))
	}
}

// boundary reports an action that the boundaries never allow, with or without a
// person, wherever the service runs.
func (x *crossChecker) boundary(p place, m Remediation) {
	s, ok := x.catalog.Service(m.Target.Service)
	spec, known := action.Known(m.Action)
	if !ok || !known || x.boundaries == nil {
		return
	}
	rule, where := "", 0
	for _, t := range s.Targets {
		if !slices.Contains(spec.TargetKinds, t.Kind) {
			continue
		}
		name, never := x.boundaries.Forbids(m.Action, s.Name, t.Environment, x.r.Name)
		if !never {
			return
		}
		rule = name
		where++
	}
	if where > 0 {
		x.problem(ruleBoundary, p, "give commands for a person instead, or change the rule in boundaries.yaml", "boundary %q never allows %s on %q", rule, m.Action, s.Name)
	}
}
