package boundary

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/strict"
)

// File is boundaries.yaml as people write it. See docs/schema for its schema.
type File struct {
	// Rules say what the agent may do. Every rule that matches an action counts
	// and the most careful one wins; what no rule matches needs a person.
	Rules []RuleSpec `yaml:"rules" json:"rules,omitempty"`
	// Limits bound what is done without a person.
	Limits LimitsSpec `yaml:"limits" json:"limits,omitzero"`
	// MustEscalate adds conditions under which a person always decides.
	MustEscalate []Condition `yaml:"must_escalate" json:"must_escalate,omitempty"`
	// Freezes are windows in which nothing is done without a person and nothing
	// goes forward at all.
	Freezes []Freeze `yaml:"freezes" json:"freezes,omitempty"`
	// Maintenance are windows of announced work: what fires in them is watched,
	// not paged and not acted on; SEV-1 goes to people all the same.
	Maintenance []Maintenance `yaml:"maintenance" json:"maintenance,omitempty"`
	// BusinessHours are weekly windows that rules name.
	BusinessHours []Hours `yaml:"business_hours" json:"business_hours,omitempty"`
	// ErrorBudget says what a service may have done to it that spent its own.
	ErrorBudget BudgetSpec `yaml:"error_budget" json:"error_budget,omitzero"`
	// Approvers are the people who may approve; empty = everyone who may sign in.
	Approvers []string `yaml:"approvers" json:"approvers,omitempty"`
	// Earned sets the stage of a runbook on a service of an environment by hand.
	Earned []Override `yaml:"earned" json:"earned,omitempty"`
}

// Autonomy is what a rule grants; a closed list.
type Autonomy string

// The autonomies, most careful first.
const (
	Never     Autonomy = "never"
	NeedsOK   Autonomy = "approve"
	WithoutOK Autonomy = "auto"
)

// Values returns every autonomy, most careful first.
func (Autonomy) Values() []string {
	return []string{string(Never), string(NeedsOK), string(WithoutOK)}
}

// Values returns every stage, most careful first.
func (Stage) Values() []string { return []string{string(Shadow), string(Approve), string(Auto)} }

// RuleSpec is one rule. A list that is left out matches everything, and "*"
// matches everything said aloud, which autonomy auto requires for environments
// and services.
type RuleSpec struct {
	Name         string              `yaml:"name" json:"name" strict:"required"`
	Actions      []string            `yaml:"actions" json:"actions" strict:"required"`
	Environments []string            `yaml:"environments" json:"environments,omitempty"`
	Services     []string            `yaml:"services" json:"services,omitempty"`
	Severities   []severity.Severity `yaml:"severities" json:"severities,omitempty"`
	Runbooks     []string            `yaml:"runbooks" json:"runbooks,omitempty"`
	// During and Outside name business hours: the rule matches within one of
	// the first and in none of the second.
	During  []string `yaml:"during" json:"during,omitempty"`
	Outside []string `yaml:"outside" json:"outside,omitempty"`
	// When is a CEL expression over the facts of the action; see Variables.
	When     string   `yaml:"when" json:"when,omitempty"`
	Autonomy Autonomy `yaml:"autonomy" json:"autonomy" strict:"required"`
	// Approvals says how many must approve, and who, wherever a person is needed.
	Approvals ApprovalSpec `yaml:"approvals" json:"approvals,omitzero"`
	Reason    string       `yaml:"reason" json:"reason,omitempty"`
}

// ApprovalSpec is the part `approvals` of a rule. It adds to the floor and to
// other rules that match and takes nothing away.
type ApprovalSpec struct {
	// Count is how many different people must approve.
	Count int `yaml:"count" json:"count,omitempty"`
	// From are those who may; left out = every approver.
	From []string `yaml:"from" json:"from,omitempty"`
	// FourEyes: two different people, and none of them is the one who declared
	// the incident or asked for the action.
	FourEyes bool `yaml:"four_eyes" json:"four_eyes,omitempty"`
}

// BudgetSpec is the part `error_budget`.
type BudgetSpec struct {
	// WhenSpent is the most that an action may be that goes neither forward nor
	// back; auto leaves it to the rules. Forward is never, and back needs an
	// approval, whatever stands here.
	WhenSpent Autonomy `yaml:"when_spent" json:"when_spent,omitempty"`
}

// CostSpec bounds what an action may cost while it runs.
type CostSpec struct {
	Budget float64 `yaml:"budget" json:"budget"`
	Unit   string  `yaml:"unit" json:"unit" strict:"required"`
}

// LimitsSpec is the part `limits`; what is left out keeps the default.
type LimitsSpec struct {
	Replicas        ReplicaRange `yaml:"replicas" json:"replicas,omitzero"`
	RestartsPerHour int          `yaml:"restarts_per_hour" json:"restarts_per_hour"` // of one service
	ActionsPerHour  int          `yaml:"actions_per_hour" json:"actions_per_hour"`   // over all services
	// Cost bounds what actions may cost, whatever budget a runbook names.
	Cost *CostSpec `yaml:"cost" json:"cost,omitempty"`
}

// ReplicaRange bounds scaling.
type ReplicaRange struct {
	Min int `yaml:"min" json:"min"`
	Max int `yaml:"max" json:"max"`
}

// Condition is one must-escalate addition.
type Condition struct {
	Name   string `yaml:"name" json:"name" strict:"required"`
	When   string `yaml:"when" json:"when" strict:"required"`
	Reason string `yaml:"reason" json:"reason,omitempty"`
}

// Freeze is one window; environments left out = all.
type Freeze struct {
	Name         string    `yaml:"name" json:"name" strict:"required"`
	From         time.Time `yaml:"from" json:"from" strict:"required"`
	To           time.Time `yaml:"to" json:"to" strict:"required"`
	Environments []string  `yaml:"environments" json:"environments,omitempty"`
	Reason       string    `yaml:"reason" json:"reason,omitempty"`
}

// Maintenance is one window of announced work; environments or services left
// out = all.
type Maintenance struct {
	Name         string    `yaml:"name" json:"name" strict:"required"`
	From         time.Time `yaml:"from" json:"from" strict:"required"`
	To           time.Time `yaml:"to" json:"to" strict:"required"`
	Environments []string  `yaml:"environments" json:"environments,omitempty"`
	Services     []string  `yaml:"services" json:"services,omitempty"`
	Reason       string    `yaml:"reason" json:"reason,omitempty"`
}

// Override sets a stage by hand; who and why are part of the record.
type Override struct {
	Runbook string `yaml:"runbook" json:"runbook" strict:"required"`
	Service string `yaml:"service" json:"service" strict:"required"`
	// Environment may be left out for stage shadow alone, which then holds in all.
	Environment string `yaml:"environment" json:"environment,omitempty"`
	Stage       Stage  `yaml:"stage" json:"stage" strict:"required"`
	Override    bool   `yaml:"override" json:"override"`
	By          string `yaml:"by" json:"by" strict:"required"`
	Reason      string `yaml:"reason" json:"reason" strict:"required"`
}

// Defaults of the limits.
const (
	DefaultReplicasMin     = 2
	DefaultReplicasMax     = 10
	DefaultRestartsPerHour = 3
	DefaultActionsPerHour  = 10
)

func defaults() File {
	return File{Limits: LimitsSpec{
		Replicas:        ReplicaRange{Min: DefaultReplicasMin, Max: DefaultReplicasMax},
		RestartsPerHour: DefaultRestartsPerHour,
		ActionsPerHour:  DefaultActionsPerHour,
	}}
}

// Default returns the boundaries of an empty file: nothing is named, so every
// known action needs a person, and every runbook is in shadow.
func Default() *Set {
	return &Set{file: defaults(), sha256: sum(nil)}
}

// Parse reads boundaries.yaml whole or not at all. The error joins
// *problem.Problem, one for each mistake; name is used in their positions.
func Parse(name string, data []byte) (*Set, error) {
	node, err := strict.Parse(name, data)
	if err != nil {
		return nil, err
	}
	s := &Set{file: defaults(), sha256: sum(data)}
	if err := strict.Decode(name, node, &s.file); err != nil {
		return nil, err
	}
	s.name, s.node = name, node
	p := &parser{name: name, node: node}
	env, err := newEnv()
	if err != nil {
		return nil, fmt.Errorf("prepare expressions: %w", err)
	}
	p.env = env
	p.hours(s)
	p.rules(s)
	p.conditions(s)
	p.limits(s.file.Limits)
	p.approvers(s.file)
	p.freezes(s.file.Freezes)
	p.maintenance(s.file.Maintenance)
	p.earned(s.file.Earned)
	if err := errors.Join(p.problems...); err != nil {
		return nil, err
	}
	return s, nil
}

func sum(data []byte) string {
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:])
}

// parser checks what the types alone can't say.
type parser struct {
	name     string
	node     *yaml.Node
	env      *celEnv
	problems []error
}

func (p *parser) problem(path []any, hint, format string, args ...any) {
	p.problems = append(p.problems, strict.Problem(p.name, p.node, path, hint, format, args...))
}

func (p *parser) rules(s *Set) {
	names := map[string]bool{}
	for i, r := range s.file.Rules {
		at := func(key ...any) []any { return append([]any{"rules", i}, key...) }
		if names[r.Name] {
			p.problem(at("name"), "", "rule %q is given twice", r.Name)
		}
		names[r.Name] = true
		if len(r.Actions) == 0 {
			p.problem(at("actions"), "name at least one action", "the rule names no action")
		}
		for j, a := range r.Actions {
			if _, ok := action.Known(a); !ok {
				p.problem(at("actions", j), nearest(a, action.Names()), "unknown action %q", a)
			}
		}
		for j, sev := range r.Severities {
			if sev == severity.Unset {
				p.problem(at("severities", j), "use SEV-1, SEV-2, SEV-3 or SEV-4", "a severity is needed")
			}
		}
		p.aloud(r, at)
		p.named(s, r, at)
		s.rules = append(s.rules, compiled{when: p.compile(r.When, at("when"))})
	}
}

// aloud makes autonomy auto say where it holds, so that a forgotten line does
// not open every environment.
func (p *parser) aloud(r RuleSpec, at func(...any) []any) {
	if r.Autonomy != WithoutOK {
		return
	}
	const hint = `name them, or write ["*"] for all of them`
	if len(r.Environments) == 0 {
		p.problem(at("autonomy"), hint, "autonomy auto needs environments")
	}
	if len(r.Services) == 0 {
		p.problem(at("autonomy"), hint, "autonomy auto needs services")
	}
}

func (p *parser) conditions(s *Set) {
	for i, c := range s.file.MustEscalate {
		s.escalate = append(s.escalate, compiled{when: p.compile(c.When, []any{"must_escalate", i, "when"})})
	}
}

func (p *parser) compile(expr string, path []any) *program {
	if expr == "" {
		return nil
	}
	prog, err := p.env.compile(expr)
	if err != nil {
		p.problem(path, "known names: "+variableNames(), "condition: %s", err)
	}
	return prog
}

func (p *parser) limits(l LimitsSpec) {
	switch {
	case l.Replicas.Min < 1:
		p.problem([]any{"limits", "replicas", "min"}, "", "replicas.min is %d: at least 1", l.Replicas.Min)
	case l.Replicas.Max < l.Replicas.Min:
		p.problem([]any{"limits", "replicas", "max"}, "", "replicas.max is %d, less than min %d", l.Replicas.Max, l.Replicas.Min)
	}
	if c := l.Cost; c != nil {
		p.cost(*c)
	}
	if l.RestartsPerHour < 0 {
		p.problem([]any{"limits", "restarts_per_hour"}, "0 allows none", "restarts_per_hour is negative")
	}
	if l.ActionsPerHour < 0 {
		p.problem([]any{"limits", "actions_per_hour"}, "0 allows none", "actions_per_hour is negative")
	}
}

func (p *parser) maintenance(ms []Maintenance) {
	for i, m := range ms {
		if !m.From.Before(m.To) {
			p.problem([]any{"maintenance", i, "to"}, "", "maintenance %q ends before it begins", m.Name)
		}
	}
}

func (p *parser) freezes(fs []Freeze) {
	for i, f := range fs {
		if !f.From.Before(f.To) {
			p.problem([]any{"freezes", i, "to"}, "", "freeze %q ends before it begins", f.Name)
		}
	}
}

func (p *parser) earned(os []Override) {
	for i, o := range os {
		if slices.ContainsFunc(os[:i], o.overlaps) {
			p.problem([]any{"earned", i}, "keep one of them", "runbook %q on service %q is given twice in %s", o.Runbook, o.Service, cmp.Or(o.Environment, "every environment"))
		}
		if o.Environment == "" && o.Stage != Shadow {
			p.problem([]any{"earned", i}, "add the environment that it was seen to be right in, such as environment: staging; each other one is an entry of its own",
				"stage %s of runbook %q on service %q names no environment", o.Stage, o.Runbook, o.Service)
		}
		if !o.Override {
			p.problem([]any{"earned", i}, "write override: true; stages that are earned by graded cases are kept by Holdfast, not in this file", "a stage set by hand is an override")
		}
		if slices.Contains([]string{o.Runbook, o.Service, o.Environment}, "*") {
			p.problem([]any{"earned", i}, "name one runbook, one service and one environment", "autonomy is given to one runbook on one service of one environment, not to all")
		}
	}
}

// covers reports whether an override speaks of a runbook on a service of an
// environment.
func (o Override) covers(runbook, service, environment string) bool {
	return o.Runbook == runbook && o.Service == service && (o.Environment == environment || o.Environment == "" && o.Stage == Shadow)
}

// overlaps reports whether two overrides speak of the same.
func (o Override) overlaps(p Override) bool {
	return o.Runbook == p.Runbook && o.Service == p.Service && (o.Environment == p.Environment || o.Environment == "" || p.Environment == "")
}

func nearest(name string, known []string) string {
	if n := problem.Nearest(name, known); n != "" {
		return fmt.Sprintf("did you mean %q?", n)
	}
	return fmt.Sprintf("known actions: %v", known)
}

func (p *parser) cost(c CostSpec) {
	if !(c.Budget >= 0) || math.IsInf(c.Budget, 0) {
		p.problem([]any{"limits", "cost", "budget"}, "0 allows only what costs nothing", "the budget is %v", c.Budget)
	}
}

// named checks the business hours that a rule names.
func (p *parser) named(s *Set, r RuleSpec, at func(...any) []any) {
	var known []string
	for _, h := range s.hours {
		known = append(known, h.name)
	}
	check := func(key string, list []string) {
		for j, n := range list {
			if !slices.Contains(known, n) {
				p.problem(at(key, j), nearestOf(n, known, "write them under business_hours"), "unknown business hours %q", n)
			}
		}
	}
	check("during", r.During)
	check("outside", r.Outside)
}

// approvers checks that each rule's approvals can be given.
func (p *parser) approvers(f File) {
	if i := repeated(f.Approvers); i >= 0 {
		p.problem([]any{"approvers", i}, "", "%q is named twice", f.Approvers[i])
	}
	for i, r := range f.Rules {
		a := r.Approvals
		at := func(key ...any) []any { return append([]any{"rules", i, "approvals"}, key...) }
		if a.Count < 0 || a.Count > maxApprovals {
			p.problem(at("count"), "leave it out where the floor is enough", "%d approvals: 1 to %d", a.Count, maxApprovals)
			continue
		}
		if j := repeated(a.From); j >= 0 {
			p.problem(at("from", j), "", "%q is named twice", a.From[j])
		}
		for j, name := range a.From {
			if len(f.Approvers) > 0 && !slices.Contains(f.Approvers, name) {
				p.problem(at("from", j), nearestOf(name, f.Approvers, "add it to approvers"), "%q is not among the approvers", name)
			}
		}
		may := a.From
		if len(may) == 0 {
			may = f.Approvers
		}
		if need := a.needed(); len(may) > 0 && need > len(may) {
			p.problem(at(), fmt.Sprintf("those who may: %s", strings.Join(may, ", ")), "%d people must approve and %d may", need, len(may))
		}
	}
}

// maxApprovals bounds how many people a rule may ask for.
const maxApprovals = 10

// needed is how many people the part asks for.
func (a ApprovalSpec) needed() int {
	if a.FourEyes {
		return max(a.Count, 2)
	}
	return a.Count
}

// repeated is the place of the first name that was given before; -1 = none.
func repeated(names []string) int {
	for i, n := range names {
		if slices.ContainsFunc(names[:i], func(o string) bool { return strings.EqualFold(o, n) }) {
			return i
		}
	}
	return -1
}

func nearestOf(name string, known []string, otherwise string) string {
	if n := problem.Nearest(name, known); n != "" {
		return fmt.Sprintf("did you mean %q?", n)
	}
	return otherwise
}
