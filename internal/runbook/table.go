package runbook

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/change"
	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/strict"
)

// maxCases bounds a table.
const maxCases = 500

// Table is a test of one runbook: facts in, chosen remediation out.
type Table struct {
	Runbook     string            `yaml:"runbook" strict:"required" doc:"name of the runbook that is tested"`
	Service     string            `yaml:"service,omitempty" doc:"what ${service} stands for"`
	Environment string            `yaml:"environment,omitempty" doc:"of the incident; test when left out"`
	Severity    severity.Severity `yaml:"severity,omitempty" doc:"of the incident; SEV-3 when left out"`
	Target      *TargetEntry      `yaml:"target,omitempty" doc:"what conditions see of the service as target; that of the catalog when left out"`
	Cases       []Case            `yaml:"cases" strict:"required"`

	file string
	node *yaml.Node
}

// TargetEntry is what conditions see of a target.
type TargetEntry struct {
	Tier        int          `yaml:"tier,omitempty"`
	RestartSafe bool         `yaml:"restart_safe,omitempty"`
	Stateless   catalog.Flag `yaml:"stateless,omitempty"`
	PII         catalog.Flag `yaml:"pii,omitempty"`
	Financial   catalog.Flag `yaml:"financial,omitempty"`
	Auth        catalog.Flag `yaml:"auth,omitempty"`
}

// Situation is what a runbook is judged in, without asking anything.
type Situation struct {
	Facts       map[string]any    `yaml:"facts,omitempty" doc:"what the diagnostics find; a fact that is left out is missing"`
	Cause       CauseClass        `yaml:"cause,omitempty" doc:"of the leading hypothesis; any when left out"`
	Component   string            `yaml:"component,omitempty" doc:"of the leading hypothesis; the target of each remediation when left out"`
	Environment string            `yaml:"environment,omitempty" doc:"of the incident"`
	Severity    severity.Severity `yaml:"severity,omitempty" doc:"of the incident; SEV-3 when left out"`
	Minutes     float64           `yaml:"minutes,omitempty" doc:"since the incident began; 1 when left out"`
	Maintenance bool              `yaml:"maintenance,omitempty" doc:"a maintenance window covers the service"`
	Changes     map[string]int    `yaml:"changes,omitempty" doc:"service to how many changes the preconditions find; 0 when left out"`
}

// Case is one row of a table.
type Case struct {
	Name      string `yaml:"name" strict:"required" doc:"in words, for people"`
	Situation `yaml:",inline"`
	Expect    Expected `yaml:"expect" strict:"required"`
}

// Expected is what a case must give. What is left out is not looked at.
type Expected struct {
	Remediation string        `yaml:"remediation" strict:"required" doc:"name of the chosen remediation, or none"`
	Escalate    *bool         `yaml:"escalate,omitempty" doc:"whether a condition of escalate_when holds"`
	Proves      *[]CauseClass `yaml:"proves,omitempty" doc:"cause classes whose finding is proved"`
}

// ParseTable reads and checks a table as far as it can be without its runbook.
func ParseTable(file string, data []byte) (*Table, error) {
	n, err := strict.Parse(file, data)
	if err != nil {
		return nil, err
	}
	t := &Table{file: file, node: n}
	if err := strict.Decode(file, n, t); err != nil {
		return nil, err
	}
	if len(t.Cases) == 0 || len(t.Cases) > maxCases {
		return nil, t.problem(place{"cases"}, "", "a table has 1 to %d cases", maxCases)
	}
	return t, nil
}

// File is where the table came from.
func (t *Table) File() string { return t.file }

func (t *Table) problem(p place, hint, format string, args ...any) *problem.Problem {
	pr := strict.Problem(t.file, t.node, p, hint, format, args...)
	pr.Rule = ruleTable
	return pr
}

// Outcome is what became of one case.
type Outcome struct {
	Table       string      `json:"table"`
	Line        int         `json:"line"`
	Runbook     string      `json:"runbook"`
	Case        string      `json:"case"`
	Failed      []string    `json:"failed"` // what differs from what is expected; empty = passed
	Explanation Explanation `json:"explanation"`
}

// Run judges every case. The catalog is asked about targets that the table says
// nothing about. The error joins *problem.Problem: what the table says about the
// runbook that is not so.
func (t *Table) Run(s *Set, c *catalog.Catalog) ([]Outcome, error) {
	r, ok := s.Runbook(t.Runbook)
	if !ok {
		return nil, t.problem(place{"runbook"}, nearest(t.Runbook, slices.Collect(maps.Keys(s.names())), "runbooks"), "unknown runbook %q", t.Runbook)
	}
	c, err := t.catalog(c)
	if err != nil {
		return nil, t.problem(place{"target"}, "", "%s", err)
	}
	var errs []error
	var out []Outcome
	for i, tc := range t.Cases {
		p := place{"cases", i}
		if bad := t.check(r, p, tc); len(bad) > 0 {
			errs = append(errs, bad...)
			continue
		}
		tc.Environment = first(tc.Environment, t.Environment, "test")
		if tc.Severity == severity.Unset {
			tc.Severity = t.Severity
		}
		ex := r.Judge(tc.Situation, t.Service, c)
		out = append(out, Outcome{
			Table: t.file, Line: strict.At(t.node, "cases", i).Line, Runbook: r.Name, Case: tc.Name, Failed: tc.Expect.differs(ex), Explanation: ex,
		})
	}
	return out, errors.Join(errs...)
}

func (s *Set) names() map[string]*Runbook {
	if s == nil {
		return nil
	}
	return s.byName
}

// catalog is the catalog with the target of the table.
func (t *Table) catalog(c *catalog.Catalog) (*catalog.Catalog, error) {
	if t.Target == nil || t.Service == "" {
		return c, nil
	}
	e := t.Target
	svc := catalog.Service{
		Name: t.Service, Tier: e.Tier, RestartSafe: e.RestartSafe,
		Flags: catalog.Flags{Stateless: e.Stateless, PII: e.PII, Financial: e.Financial, Auth: e.Auth},
	}
	return catalog.New([]catalog.Service{svc}, nil)
}

// check reports facts and names that the runbook does not have.
func (t *Table) check(r *Runbook, p place, tc Case) []error {
	bad := r.checkFacts(tc.Facts, func(name, hint, format string, args ...any) error {
		return t.problem(p.at("facts", name), hint, format, args...)
	})
	if _, ok := r.Remediation(tc.Expect.Remediation); !ok && tc.Expect.Remediation != none {
		var known []string
		for _, m := range r.Remediations {
			known = append(known, m.Name)
		}
		bad = append(bad, t.problem(p.at("expect", "remediation"), nearest(tc.Expect.Remediation, append(known, none), "remediations"), "runbook %q has no remediation %q", r.Name, tc.Expect.Remediation))
	}
	return bad
}

// none is the name of no remediation.
const none = "none"

func typeOf(v any) string {
	switch v.(type) {
	case bool:
		return "bool"
	case string:
		return "text"
	}
	return "number"
}

// checkFacts reports facts that the runbook does not capture, or of another type.
func (r *Runbook) checkFacts(facts map[string]any, problem func(name, hint, format string, args ...any) error) []error {
	var bad []error
	names := slices.Collect(maps.Keys(r.compiled.facts))
	for _, name := range slices.Sorted(maps.Keys(facts)) {
		f, ok := r.compiled.facts[name]
		if !ok {
			bad = append(bad, problem(name, nearest(name, names, "captured facts"), "runbook %q captures no fact %q", r.Name, name))
			continue
		}
		if got := typeOf(facts[name]); got != f.unit.Type() {
			bad = append(bad, problem(name, "", "fact %q is a %s, not a %s", name, f.unit.Type(), got))
		}
	}
	return bad
}

// ReadSituation reads a file with a situation for this runbook.
func (r *Runbook) ReadSituation(file string, data []byte) (Situation, error) {
	var s Situation
	n, err := strict.Parse(file, data)
	if err != nil {
		return s, err
	}
	if err := strict.Decode(file, n, &s); err != nil {
		return s, err
	}
	return s, errors.Join(r.checkFacts(s.Facts, func(name, hint, format string, args ...any) error {
		return strict.Problem(file, n, []any{"facts", name}, hint, format, args...)
	})...)
}

// Judge says what the runbook makes of a situation. It asks nothing.
func (r *Runbook) Judge(s Situation, service string, c *catalog.Catalog) Explanation {
	if s.Severity == severity.Unset {
		s.Severity = severity.SEV3
	}
	v := Vars{
		Environment: s.Environment, Service: service, Severity: s.Severity.String(), Services: []string{},
		Now: tableTime, StartedAt: tableTime.Add(-minutes(s.Minutes)), Catalog: c, Maintenance: catalog.False,
	}
	if service != "" {
		v.Services = []string{service}
	}
	if s.Maintenance {
		v.Maintenance = catalog.True
	}
	run := Run{Runbook: r.Name, SHA256: r.sha256, Service: service, Facts: s.Facts, Diagnostics: map[string]string{}}
	if run.Facts == nil {
		run.Facts = map[string]any{}
	}
	run.Preconditions = r.preconditions(context.Background(), Ports{Changes: tableChanges(s.Changes)}, v, run)
	return r.Explain(run, v, s.Cause, s.Component)
}

// tableTime is when every case happens: conditions see no clock but the
// incident's minutes.
var tableTime = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func minutes(m float64) time.Duration {
	if m == 0 {
		m = 1
	}
	return time.Duration(m * float64(time.Minute))
}

func first(words ...string) string {
	i := slices.IndexFunc(words, func(w string) bool { return w != "" })
	return words[i]
}

// tableChanges answers preconditions.
type tableChanges map[string]int

func (t tableChanges) Changes(_ context.Context, _, service string, _, to time.Time) ([]change.Change, error) {
	out := make([]change.Change, 0, min(max(t[service], 0), 100))
	for range min(max(t[service], 0), 100) {
		out = append(out, change.Change{Kind: change.Deploy, Service: service, At: to, Runtime: true})
	}
	return out, nil
}

func (tableChanges) Recorded(string, string) bool { return true }

// differs says how an explanation is not what was expected.
func (e Expected) differs(got Explanation) []string {
	out := []string{}
	if chosen := first(got.Chosen, none); chosen != e.Remediation {
		out = append(out, fmt.Sprintf("chosen is %s, not %s", chosen, e.Remediation))
	}
	if e.Escalate != nil && *e.Escalate != got.Escalates {
		out = append(out, fmt.Sprintf("escalates is %t, not %t", got.Escalates, *e.Escalate))
	}
	if e.Proves != nil {
		var proved, want []string
		for _, f := range got.Findings {
			if f.Proved {
				proved = append(proved, string(f.CauseClass))
			}
		}
		for _, c := range *e.Proves {
			want = append(want, string(c))
		}
		slices.Sort(proved)
		slices.Sort(want)
		if !slices.Equal(proved, want) {
			out = append(out, fmt.Sprintf("proves %s, not %s", words(proved), words(want)))
		}
	}
	return out
}

func words(l []string) string {
	if len(l) == 0 {
		return "nothing"
	}
	return strings.Join(l, ", ")
}
