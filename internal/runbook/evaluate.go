package runbook

import (
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
)

// values are the names that conditions see; a missing fact is not among them.
func (run Run) values(v Vars) map[string]any {
	services := v.Services
	if services == nil {
		services = []string{}
	}
	out := map[string]any{
		"incident.severity":    v.Severity,
		"incident.environment": v.Environment,
		"incident.service":     run.Service,
		"incident.services":    services,
		"incident.minutes":     v.Now.Sub(v.StartedAt).Minutes(),
	}
	for name, value := range run.Facts {
		out["facts."+name] = value
	}
	return out
}

// resolve replaces ${service}.
func resolve(name, service string) string {
	if name == "${service}" {
		return service
	}
	return name
}

// Prove returns what the facts prove, in the order of the file. A condition
// that is unknown is neither confirmed nor missed, and one that holds without
// any fact proves nothing.
func (r *Runbook) Prove(run Run, v Vars) []diagnose.Finding {
	vals := run.values(v)
	var out []diagnose.Finding
	for i, f := range r.Findings {
		found := diagnose.Finding{
			Runbook:    r.Name,
			CauseClass: diagnose.CauseClass(f.CauseClass),
			Component:  resolve(f.Component, run.Service),
		}
		for _, e := range r.compiled.confirm[i] {
			held, err := e.eval(vals)
			if err != nil {
				continue
			}
			if !held {
				found.Missed = append(found.Missed, run.proof(e, e.answered(vals)))
				continue
			}
			if from := e.support(vals); len(from) > 0 {
				found.Confirmed = append(found.Confirmed, run.proof(e, from))
			}
		}
		for j, x := range f.Exclude {
			e := r.compiled.exclude[i][j]
			if held, err := e.eval(vals); err != nil || !held {
				continue
			}
			from := e.support(vals)
			if len(from) == 0 {
				continue
			}
			found.Excludes = append(found.Excludes, diagnose.Exclusion{
				CauseClass: diagnose.CauseClass(x.CauseClass),
				Component:  resolve(x.Component, run.Service),
				Proof:      run.proof(e, from),
			})
		}
		if len(found.Confirmed)+len(found.Missed)+len(found.Excludes) > 0 {
			out = append(out, found)
		}
	}
	return out
}

// proof names the diagnostics that a condition rests on and their evidence.
func (run Run) proof(e *expr, from []string) diagnose.Proof {
	p := diagnose.Proof{Expr: e.text, Diagnostics: from}
	for _, d := range from {
		if id := run.Diagnostics[d]; id != "" {
			p.Evidence = append(p.Evidence, id)
		}
	}
	return p
}

// Escalations returns the conditions of escalate_when that hold, in order. One
// that is unknown holds.
func (r *Runbook) Escalations(run Run, v Vars) []Check {
	vals := run.values(v)
	var out []Check
	for _, e := range r.compiled.escalate {
		c := e.check(vals)
		if c.Error != "" {
			c.Held = true
		}
		if c.Held {
			out = append(out, c)
		}
	}
	return out
}

// Ready reports whether every precondition held.
func (run Run) Ready() bool {
	return !slices.ContainsFunc(run.Preconditions, func(c Check) bool { return !c.Held })
}

// Options returns every remediation as the facts see it, in the order of the
// file: for people to choose from, and for Choose.
func (r *Runbook) Options(run Run, v Vars) []Option {
	out := make([]Option, 0, len(r.Remediations))
	for i, m := range r.Remediations {
		o := Option{Remediation: m.filled(run.Service, v.Environment), Service: resolve(m.Target.Service, run.Service), Classes: m.classes()}
		c := r.compiled.when[i].check(run.withTarget(v, o.Service))
		o.Held, o.Error = c.Held && run.Ready(), c.Error
		if c.Held && !run.Ready() {
			o.Error = "a precondition does not hold"
		}
		out = append(out, o)
	}
	return out
}

// filled puts the service and the environment into what people read.
func (m Remediation) filled(service, environment string) Remediation {
	put := strings.NewReplacer("${service}", service, "${environment}", environment)
	for _, s := range []*string{&m.Title, &m.Pros, &m.Cons, &m.Cost.Text} {
		*s = put.Replace(*s)
	}
	m.Commands = slices.Clone(m.Commands)
	for i := range m.Commands {
		m.Commands[i] = put.Replace(m.Commands[i])
	}
	return m
}

// withTarget adds what the catalog says about the target; a flag that is unset
// has its unsafe value, and a service that is not there has no target at all.
func (run Run) withTarget(v Vars, service string) map[string]any {
	vals := run.values(v)
	s, ok := v.Catalog.Service(service)
	if !ok {
		return vals
	}
	vals["target.service"] = s.Name
	vals["target.tier"] = int64(s.Tier)
	vals["target.restart_safe"] = s.RestartSafe
	vals["target.stateless"] = s.Flags.Stateless.IsTrue()
	vals["target.pii"] = s.Flags.PII.MaybeTrue()
	vals["target.financial"] = s.Flags.Financial.MaybeTrue()
	vals["target.auth"] = s.Flags.Auth.MaybeTrue()
	return vals
}

// Choose returns the first remediation that holds, can be executed, treats the
// cause of the leading hypothesis and acts on its component.
func (r *Runbook) Choose(run Run, v Vars, top diagnose.Hypothesis) (Option, bool) {
	for _, o := range r.Options(run, v) {
		if o.Held && o.Action != "" && o.Service == top.Component && slices.Contains(o.Classes, top.CauseClass) {
			return o, true
		}
	}
	return Option{}, false
}

// targetOf finds where the option acts: exactly one target of the right kind.
func targetOf(c *catalog.Catalog, o Option, environment string, kinds []string) (catalog.Service, catalog.Target, error) {
	s, ok := c.Service(o.Service)
	if !ok {
		return catalog.Service{}, catalog.Target{}, &TargetError{Service: o.Service, Environment: environment, Why: "it is not in the catalog"}
	}
	if o.Target.Kind != "" {
		kinds = []string{o.Target.Kind}
	}
	for _, k := range kinds {
		if t, ok := s.Target(environment, k); ok {
			return s, t, nil
		}
	}
	return catalog.Service{}, catalog.Target{}, &TargetError{Service: o.Service, Environment: environment, Why: "the catalog does not name exactly one target there"}
}

// TargetError reports that an action has nothing certain to act on.
type TargetError struct{ Service, Environment, Why string }

func (e *TargetError) Error() string {
	return "no target for " + e.Service + " in " + e.Environment + ": " + e.Why
}
