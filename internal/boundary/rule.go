package boundary

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/severity"
)

// Set is a boundary file that was loaded whole. It is immutable and safe for
// concurrent use.
type Set struct {
	file     File
	rules    []compiled // of file.Rules
	escalate []compiled // of file.MustEscalate
	hours    []window   // of file.BusinessHours
	sha256   string
	name     string     // of the file; empty = there is none
	node     *yaml.Node // where things stand in it
}

type compiled struct{ when *program }

// SHA256 identifies the file that gave the answers; with no file, it is that of
// the empty one.
func (s *Set) SHA256() string { return s.sha256 }

// File returns what was read, with defaults filled in.
func (s *Set) File() File { return s.file }

// Limits returns the numeric bounds.
func (s *Set) Limits() Limits {
	l := s.file.Limits
	return Limits{
		ReplicasMin: l.Replicas.Min, ReplicasMax: l.Replicas.Max,
		RestartsPerHour: l.RestartsPerHour, ActionsPerHour: l.ActionsPerHour,
	}
}

// Rule answers for one action. Every rule that matches counts and the most
// careful one wins, so that their order in the file means nothing. An unknown
// action, a fact without which a rule can't be judged, or a condition that
// fails is Deny; a known action that no rule matches is Ask.
func (s *Set) Rule(f Facts) Decision {
	values := map[string]any{
		"action": f.Action.Name, "environment": f.Action.Target.Environment, "service": f.Action.Service,
		"severity": f.Severity.String(), "runbook": f.Runbook,
	}
	if _, ok := action.Known(f.Action.Name); !ok {
		return Decision{Ruling: Deny, Rule: "unknown_action", Reason: fmt.Sprintf("action %q is not known", f.Action.Name), Values: values}
	}
	if missing := f.missing(); missing != "" {
		return Decision{Ruling: Deny, Rule: "unknown_fact", Reason: "the " + missing + " is not known", Values: values}
	}
	best := Decision{Ruling: Ask, Rule: "not_named", Reason: "no boundary names " + f.describe(), Values: values}
	decides, ruling := -1, Allow
	var wants approvals
	vars := f.activation()
	for i := range s.file.Rules {
		r := &s.file.Rules[i]
		if !r.covers(f) {
			continue
		}
		ok, err := s.matches(i, f, vars)
		if err != nil {
			return Decision{Ruling: Deny, Rule: r.Name, Reason: fmt.Sprintf("boundary %q can't be judged: %v", r.Name, err), Values: values}
		}
		if !ok {
			continue
		}
		wants.add(r.Approvals)
		if says := r.Autonomy.ruling(); decides < 0 || says < ruling {
			decides, ruling = i, says
		}
	}
	if decides >= 0 {
		best = s.file.Rules[decides].decision(f, values)
	}
	best = s.worked(s.spent(best, f), f)
	best.Approvers, best.From, best.FourEyes = wants.count, wants.from, wants.fourEyes
	return best
}

// matches reports whether a rule whose lists cover the facts holds: its hours
// and its condition.
func (s *Set) matches(i int, f Facts, vars map[string]any) (bool, error) {
	r := &s.file.Rules[i]
	if len(r.During) > 0 || len(r.Outside) > 0 {
		if f.Now.IsZero() {
			return false, errors.New("the time is not known")
		}
		if len(r.During) > 0 && s.within(r.During, f.Now) == "" || s.within(r.Outside, f.Now) != "" {
			return false, nil
		}
	}
	return s.rules[i].when.holds(vars)
}

// spent makes an answer as careful as the file wants it where the error budget
// is spent, or may be.
func (s *Set) spent(d Decision, f Facts) Decision {
	most := Allow
	if s.file.ErrorBudget.WhenSpent != "" {
		most = s.file.ErrorBudget.WhenSpent.ruling()
	}
	if !f.Neutral || !f.BudgetSpent.MaybeTrue() || d.Ruling <= most {
		return d
	}
	d.Ruling, d.Rule = most, "error_budget"
	state := "is spent"
	if f.BudgetSpent == catalog.Unset {
		state = "may be spent, which is not known"
	}
	d.Reason = fmt.Sprintf("the error budget of %s %s: the boundary file answers %s then", f.Action.Service, state, s.file.ErrorBudget.WhenSpent)
	return d
}

// worked lets nobody but people act on a target in its maintenance window: they
// are at work on it.
func (s *Set) worked(d Decision, f Facts) Decision {
	w, ok := s.Maintenance(f.Action.Target.Environment, []string{f.Action.Service}, f.Now)
	if !ok || d.Ruling != Allow {
		return d
	}
	d.Ruling, d.Rule = Ask, "maintenance"
	d.Reason = fmt.Sprintf("people are at work on %s: maintenance window %s", f.Action.Service, w.Name)
	return d
}

// approvals are what every rule that matches asks for, together.
type approvals struct {
	count    int
	from     []string // nil = everyone
	fourEyes bool
}

func (a *approvals) add(s ApprovalSpec) {
	a.count, a.fourEyes = max(a.count, s.needed()), a.fourEyes || s.FourEyes
	switch {
	case len(s.From) == 0:
	case a.from == nil:
		a.from = slices.Clone(s.From)
	default:
		a.from = slices.DeleteFunc(a.from, func(n string) bool { return !slices.Contains(s.From, n) })
	}
}

// missing names a fact that every rule needs and that is not known.
func (f Facts) missing() string {
	switch {
	case f.Action.Target.Environment == "":
		return "target's environment"
	case f.Action.Service == "":
		return "target's service"
	case f.Action.Target.Name == "":
		return "target"
	case f.Severity < severity.SEV1 || f.Severity > severity.SEV4:
		return "severity"
	case f.Runbook == "":
		return "runbook"
	}
	return ""
}

func (f Facts) describe() string {
	return fmt.Sprintf("%s of %s in %s at %s", f.Action.Name, f.Action.Service, f.Action.Target.Environment, f.Severity)
}

func (r *RuleSpec) covers(f Facts) bool {
	return slices.Contains(r.Actions, f.Action.Name) &&
		matches(r.Environments, f.Action.Target.Environment) &&
		matches(r.Services, f.Action.Service) &&
		matches(r.Runbooks, f.Runbook) &&
		(len(r.Severities) == 0 || slices.Contains(r.Severities, f.Severity))
}

func matches(list []string, v string) bool {
	return len(list) == 0 || slices.Contains(list, "*") || slices.Contains(list, v)
}

func (r *RuleSpec) decision(f Facts, values map[string]any) Decision {
	d := Decision{Ruling: r.Autonomy.ruling(), Rule: r.Name, Values: values}
	verb := map[Ruling]string{Deny: "denies", Ask: "asks a person for", Allow: "allows"}[d.Ruling]
	d.Reason = fmt.Sprintf("boundary %q %s %s", r.Name, verb, f.describe())
	if r.Reason != "" {
		d.Reason += ": " + strings.TrimSpace(r.Reason)
	}
	return d
}

// ruling is what an autonomy answers; one that is unknown denies.
func (a Autonomy) ruling() Ruling {
	switch a {
	case WithoutOK:
		return Allow
	case NeedsOK:
		return Ask
	case Never:
	}
	return Deny
}

// MustEscalate returns the additions of the file that hold, in its order. One
// that can't be judged holds. f.Action may be empty when nothing is proposed;
// additions that ask about the action then hold as well.
func (s *Set) MustEscalate(f Facts) []Hit {
	if len(s.file.MustEscalate) == 0 {
		return nil
	}
	var out []Hit
	vars := f.activation()
	for i, c := range s.file.MustEscalate {
		ok, err := s.escalate[i].when.holds(vars)
		switch {
		case err != nil:
			out = append(out, Hit{Name: c.Name, Reason: fmt.Sprintf("%s can't be judged: %v", c.Name, err)})
		case ok:
			out = append(out, Hit{Name: c.Name, Reason: cmp.Or(strings.TrimSpace(c.Reason), c.Name)})
		}
	}
	return out
}

// Stage returns the stage that the file gives a runbook on a service of an
// environment: Shadow unless an override says otherwise.
func (s *Set) Stage(runbook, service, environment string) Grant {
	for _, o := range s.file.Earned {
		if o.covers(runbook, service, environment) {
			return Grant{Stage: o.Stage, Override: true, By: o.By, Reason: o.Reason}
		}
	}
	return Grant{Stage: Shadow}
}

// Maintenance returns the window of announced work that covers every one of the
// services in the environment at now, the one that ends last. Signals that map
// to no service are covered only by a window for all services.
func (s *Set) Maintenance(environment string, services []string, now time.Time) (Window, bool) {
	var best Window
	found := false
	for _, m := range s.file.Maintenance {
		if now.Before(m.From) || !now.Before(m.To) || !matches(m.Environments, environment) || !m.covers(services) {
			continue
		}
		if !found || m.To.After(best.To) {
			best, found = Window{Name: m.Name, From: m.From, To: m.To, Reason: m.Reason}, true
		}
	}
	return best, found
}

func (m Maintenance) covers(services []string) bool {
	if len(m.Services) == 0 {
		return true
	}
	for _, name := range services {
		if !slices.Contains(m.Services, name) {
			return false
		}
	}
	return len(services) > 0
}

// Freeze returns the freeze in force in any of the environments, the one that
// ends last. An unknown environment is in every freeze, and so are none at all.
func (s *Set) Freeze(now time.Time, environments ...string) (Window, bool) {
	var best Window
	found := false
	for _, f := range s.file.Freezes {
		in := func(environment string) bool { return environment == "" || matches(f.Environments, environment) }
		if now.Before(f.From) || !now.Before(f.To) || len(environments) > 0 && !slices.ContainsFunc(environments, in) {
			continue
		}
		if !found || f.To.After(best.To) {
			best, found = Window{Name: f.Name, From: f.From, To: f.To, Reason: f.Reason}, true
		}
	}
	return best, found
}

// MayApprove reports whether a person may approve actions: everyone when the
// file names nobody.
func (s *Set) MayApprove(name string) bool {
	if name == "" {
		return false
	}
	return len(s.file.Approvers) == 0 || slices.Contains(s.file.Approvers, name)
}

// Refuses says why a person may not approve what the decision is about; empty
// when they may. requesters are those who declared the incident or asked for the
// action.
func (s *Set) Refuses(d Decision, name string, requesters []string) string {
	same := func(o string) bool { return strings.EqualFold(strings.TrimSpace(o), strings.TrimSpace(name)) }
	switch {
	case !s.MayApprove(name):
		return name + " is not among the approvers of the boundary file"
	case d.From != nil && !slices.Contains(d.From, name):
		return name + " is not among those who may approve this: " + cmp.Or(strings.Join(d.From, ", "), "nobody")
	case d.FourEyes && slices.ContainsFunc(requesters, same):
		return name + " asked for it, and the boundary file wants other eyes"
	}
	return ""
}

// CostBudget makes the budget of an action no larger than the file allows; ok is
// false for a cost in another unit, which can't be compared.
func (s *Set) CostBudget(amount, budget float64, unit string) (b float64, ok bool) {
	c := s.file.Limits.Cost
	switch {
	case c == nil || amount == 0:
		return budget, true
	case !strings.EqualFold(strings.TrimSpace(unit), strings.TrimSpace(c.Unit)):
		return budget, false
	}
	return min(budget, c.Budget), true
}
