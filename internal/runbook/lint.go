package runbook

import (
	"cmp"
	"errors"
	"maps"
	"runtime"
	"slices"
	"sync"

	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/finding"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

// Text is a file to check.
type Text struct {
	Name string
	Data []byte
}

// Around is what runbooks speak of. Without a catalog nothing of it is checked.
type Around struct {
	Catalog    *catalog.Catalog
	Sources    Sources
	Boundaries *boundary.Set
}

// Lint checks runbooks as they are loaded, and beyond that tells what is allowed
// and will surprise. It returns what could be read beside the report.
func Lint(files []Text, around Around) (finding.Report, *Set) {
	rep := finding.Report{Tool: Tool(), Files: len(files)}
	set, err := Load(files)
	errs := []error{err}
	if around.Catalog != nil {
		errs = append(errs, set.Check(around.Catalog, around.Sources, around.Boundaries))
	}
	rep.Findings = Findings(errors.Join(errs...))
	for _, r := range set.All() {
		rep.Findings = append(rep.Findings, r.advice(set)...)
	}
	slices.SortFunc(rep.Findings, finding.Compare)
	rep.Findings = slices.Compact(rep.Findings)
	return rep, set
}

// parseAll reads the files, several at a time. Of each file one of runbook and
// error is nil.
func parseAll(files []Text) ([]*Runbook, []error) {
	books, errs := make([]*Runbook, len(files)), make([]error, len(files))
	var wg sync.WaitGroup
	next := make(chan int)
	for range min(runtime.GOMAXPROCS(0), len(files)) {
		wg.Go(func() {
			for i := range next {
				books[i], errs[i] = Parse(files[i].Name, files[i].Data)
			}
		})
	}
	for i := range files {
		next <- i
	}
	close(next)
	wg.Wait()
	return books, errs
}

// Tool is what reports say about this linter.
func Tool() finding.Tool {
	return finding.Tool{Name: "holdfast runbook lint", Title: "Runbooks", Rules: Rules()}
}

// Findings turns the problems of an error into findings.
func Findings(err error) []finding.Finding {
	rules := map[string]finding.Rule{}
	for _, r := range Rules() {
		rules[r.Name] = r
	}
	var out []finding.Finding
	for _, p := range problem.All(err) {
		r := rules[cmp.Or(p.Rule, ruleFormat)]
		out = append(out, finding.Finding{
			File: p.File, Line: max(p.Line, 1), Column: p.Column, Rule: r.Name, Severity: r.Severity, What: p.What, Why: r.Why, Fix: cmp.Or(p.Hint, r.Fix),
		})
	}
	return out
}

// advice is what is allowed and will surprise.
func (r *Runbook) advice(s *Set) []finding.Finding {
	c := &checker{r: r, node: r.node}
	for i, m := range r.Remediations {
		p := place{"remediations", i}
		if r.compiled.when[i].off() {
			c.problem(ruleOff, p.at("when"), "", "%s is switched off", m.Name)
		}
		if m.Action == "" {
			continue
		}
		if m.Verify == nil {
			c.problem(ruleVerify, p.at("action"), "", "%s has no verify: it is never done without a person", m.Name)
		}
		if m.Cost.Amount == nil {
			c.problem(ruleCost, p.at("name"), "", "the cost of %s is not known, which counts as over the budget", m.Name)
		}
	}
	for i := range r.Findings {
		r.adviseFinding(c, i)
	}
	used := r.usedFacts(s)
	for i, d := range r.Diagnostics {
		if d.Title == "" && !slices.ContainsFunc(slices.Collect(maps.Keys(d.Capture)), func(f string) bool { return used[f] }) {
			c.problem(ruleUnused, place{"diagnostics", i, "capture"}, "", "no condition uses what %q captures", d.Name)
		}
	}
	return Findings(errors.Join(c.errs...))
}

func (r *Runbook) adviseFinding(c *checker, i int) {
	f, p := r.Findings[i], place{"findings", i}
	var from []string
	for _, e := range r.compiled.confirm[i] {
		from = append(from, e.diagnostics...)
	}
	slices.Sort(from)
	switch {
	case len(slices.Compact(from)) < 2:
		c.problem(ruleWitness, p.at("confirm"), "", "%s is confirmed by one diagnostic only", f.CauseClass)
	case len(f.Exclude) == 0:
		c.problem(ruleWitness, p.at("cause_class"), "", "%s excludes no rival", f.CauseClass)
	}
}

// usedFacts are the facts that a condition names, or another runbook takes.
func (r *Runbook) usedFacts(s *Set) map[string]bool {
	used := map[string]bool{}
	all := slices.Concat(slices.Concat(r.compiled.confirm...), slices.Concat(r.compiled.exclude...), r.compiled.when, r.compiled.verify, r.compiled.precond, r.compiled.escalate)
	for _, e := range all {
		if e == nil {
			continue
		}
		for _, f := range e.facts {
			used[f] = true
		}
	}
	for _, o := range s.All() {
		for _, d := range o.Diagnostics {
			if d.Runbook != r.Name {
				continue
			}
			for _, c := range d.Capture {
				used[string(c.Part)] = true
			}
		}
	}
	return used
}
