package runbook

import (
	"maps"
	"slices"
)

// Explanation says what a runbook makes of a run: every condition with the
// values that it saw, and the remediation that follows.
type Explanation struct {
	Runbook       string              `json:"runbook"`
	SHA256        string              `json:"sha256"`
	Service       string              `json:"service"`
	Facts         []FactValue         `json:"facts"`
	Preconditions []Judged            `json:"preconditions"`
	Findings      []JudgedFinding     `json:"findings"`
	Remediations  []JudgedRemediation `json:"remediations"`
	Escalate      []Judged            `json:"escalate"` // every condition of escalate_when
	// Chosen is the remediation for the cause: the first that Holdfast could do
	// itself, else the first for people; empty when none is for it.
	Chosen    string `json:"chosen"`
	Escalates bool   `json:"escalates"` // a condition of escalate_when holds
}

// FactValue is a fact with what was found.
type FactValue struct {
	Name  string `json:"name"`
	Value any    `json:"value"` // nil when it is missing
	Unit  string `json:"unit,omitempty"`
}

// Judged is a condition with the facts that it names.
type Judged struct {
	Check
	Facts []FactValue `json:"facts,omitempty"`
}

// JudgedFinding is a finding with its conditions.
type JudgedFinding struct {
	CauseClass CauseClass `json:"cause_class"`
	Component  string     `json:"component"`
	Confirm    []Judged   `json:"confirm"`
	Exclude    []Judged   `json:"exclude"`
	// Proved: every condition of confirm holds, on at least two diagnostics, and
	// a rival is excluded.
	Proved bool `json:"proved"`
}

// JudgedRemediation is a remediation with its condition.
type JudgedRemediation struct {
	Name   string       `json:"name"`
	Title  string       `json:"title"`
	Action string       `json:"action,omitempty"`
	Target string       `json:"target"`
	Treats []CauseClass `json:"treats"`
	When   Judged       `json:"when"`
	Held   bool         `json:"held"` // its condition and every precondition hold
	Why    string       `json:"why"`  // what follows for it, in words
}

// Explain judges every condition. cause and component are of the leading
// hypothesis; an empty cause is any, an empty component that of the target.
func (r *Runbook) Explain(run Run, v Vars, cause CauseClass, component string) Explanation {
	run.Service = v.Service
	vals := run.values(v)
	out := Explanation{
		Runbook: r.Name, SHA256: r.sha256, Service: v.Service, Facts: r.factValues(run, slices.Collect(maps.Keys(r.compiled.facts))),
		Preconditions: []Judged{}, Findings: []JudgedFinding{}, Remediations: []JudgedRemediation{}, Escalate: []Judged{},
	}
	for i, c := range run.Preconditions {
		j := Judged{Check: c}
		if i < len(r.compiled.precond) && r.compiled.precond[i] != nil {
			j.Facts = r.factValues(run, r.compiled.precond[i].facts)
		}
		out.Preconditions = append(out.Preconditions, j)
	}
	for i, f := range r.Findings {
		out.Findings = append(out.Findings, r.judgeFinding(run, vals, i, f))
	}
	for _, e := range r.compiled.escalate {
		j := r.judge(run, vals, e)
		j.Held = j.Held || j.Error != ""
		out.Escalates = out.Escalates || j.Held
		out.Escalate = append(out.Escalate, j)
	}
	options := r.Options(run, v)
	out.Chosen = choose(options, cause, component)
	for i, o := range options {
		m := JudgedRemediation{Name: o.Name, Title: o.Title, Action: o.Action, Target: o.Service, Treats: o.Treats, Held: o.Held}
		m.When = r.judge(run, run.withTarget(v, o.Service), r.compiled.when[i])
		m.Why = why(o, m.When, run.Ready(), out.Chosen, cause, component)
		out.Remediations = append(out.Remediations, m)
	}
	return out
}

func (r *Runbook) judge(run Run, vals map[string]any, e *expr) Judged {
	return Judged{Check: e.check(vals), Facts: r.factValues(run, e.facts)}
}

func (r *Runbook) judgeFinding(run Run, vals map[string]any, i int, f Finding) JudgedFinding {
	out := JudgedFinding{CauseClass: f.CauseClass, Component: resolve(f.Component, run.Service), Confirm: []Judged{}, Exclude: []Judged{}}
	all, excluded := true, false
	var from []string
	for _, e := range r.compiled.confirm[i] {
		j := r.judge(run, vals, e)
		var support []string
		if j.Held {
			support = e.support(vals)
		}
		all = all && len(support) > 0
		from = append(from, support...)
		out.Confirm = append(out.Confirm, j)
	}
	for _, e := range r.compiled.exclude[i] {
		j := r.judge(run, vals, e)
		excluded = excluded || j.Held && len(e.support(vals)) > 0
		out.Exclude = append(out.Exclude, j)
	}
	slices.Sort(from)
	out.Proved = all && excluded && len(slices.Compact(from)) >= 2
	return out
}

// factValues lists the named facts in the order of the file.
func (r *Runbook) factValues(run Run, names []string) []FactValue {
	out := []FactValue{}
	for _, f := range r.Facts() {
		if slices.Contains(names, f.Name) {
			out = append(out, FactValue{Name: f.Name, Value: run.Facts[f.Name], Unit: f.Unit})
		}
	}
	return out
}

// fits reports whether the option treats the cause on the component.
func (o Option) fits(cause CauseClass, component string) bool {
	return (cause == "" || slices.Contains(o.Treats, cause)) && (component == "" || o.Service == component)
}

func choose(options []Option, cause CauseClass, component string) string {
	first := ""
	for _, o := range options {
		switch {
		case !o.Held || !o.fits(cause, component):
		case o.Action != "":
			return o.Name
		case first == "":
			first = o.Name
		}
	}
	return first
}

// why says what follows for an option.
func why(o Option, when Judged, ready bool, chosen string, cause CauseClass, component string) string {
	switch {
	case when.Error != "":
		return "not considered: " + when.Error
	case !when.Held:
		return "its condition does not hold"
	case !ready:
		return "not considered: a precondition does not hold"
	case !o.fits(cause, ""):
		return "offered to people; it does not treat " + string(cause)
	case !o.fits(cause, component):
		return "offered to people; it acts on " + o.Service + ", not on " + component
	case o.Name == chosen && o.Action == "":
		return "proposed first; a person does it"
	case o.Name == chosen:
		return "chosen"
	}
	return "offered to people; " + chosen + " comes first"
}

// FactInfo is what a runbook says about one of its facts.
type FactInfo struct {
	Name       string `json:"name"`
	Diagnostic string `json:"diagnostic"`
	Part       Part   `json:"part"`
	Type       string `json:"type"` // number | bool | text
	Unit       string `json:"unit,omitempty"`
}

// Facts lists what the diagnostics capture, in the order of the file.
func (r *Runbook) Facts() []FactInfo {
	var out []FactInfo
	for _, d := range r.Diagnostics {
		var names []string
		for name := range d.Capture {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			f := r.compiled.facts[name]
			info := FactInfo{Name: name, Diagnostic: d.Name, Part: f.part, Type: f.unit.Type()}
			if f.unit.kind == kindNumber {
				info.Unit = f.unit.text
			}
			out = append(out, info)
		}
	}
	return out
}
