package prove

import (
	"math"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/severity"
)

// dimension is one thing that a verdict depends on. Its first value is the one
// that speaks least against acting.
type dimension struct {
	name   string
	values []value
}

// value is one state of a dimension: the table knows it by its label, the code
// under test by what put writes. Every put writes fields that no other
// dimension writes, so that any combination can be made in any order.
type value struct {
	label string
	put   func(*world)
}

// world is a combination in the making.
type world struct {
	in        decide.Input
	candidate decide.Candidate
	re        decide.RecheckInput
	approval  *decide.Approval
	answer    *answer // of a boundary file; nil = as the dimensions say

	none, uncatalogued, foreign, unnamed, nowhere bool
	affected                                      catalog.Flags // of the first affected service
	mapped                                        mapping
	services                                      [2]decide.Service
	made                                          decide.Candidate
	requesters                                    []string // of the action
}

type mapping int

const (
	oneNoticed mapping = iota
	twoNoticed
	maybeTwo
	nameless
	unmapped
)

// clock is the moment of every combination.
var clock = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

const (
	worker   = "worker"
	frontend = "frontend"
	sha      = "5f0c"
)

func plain() catalog.Flags {
	return catalog.Flags{Stateless: catalog.True, PII: catalog.False, Financial: catalog.False, Auth: catalog.False}
}

// three are the states of a flag, the one that opens first.
func three(name string, first catalog.Flag, put func(*world) *catalog.Flag) dimension {
	d := dimension{name: name}
	other := catalog.True
	if first == catalog.True {
		other = catalog.False
	}
	for _, f := range []catalog.Flag{first, other, catalog.Unset} {
		d.values = append(d.values, value{f.String(), func(w *world) { *put(w) = f }})
	}
	return d
}

func no(name string, put func(*world) *catalog.Flag) dimension {
	return three(name, catalog.False, put)
}

func yes(name string, put func(*world) *catalog.Flag) dimension {
	return three(name, catalog.True, put)
}

func known(name, missing string, put func(*world) *string) dimension {
	return dimension{name, []value{
		{"known", func(w *world) { *put(w) = sha }},
		{missing, func(w *world) { *put(w) = "" }},
	}}
}

func count(name string, put func(*world) *decide.Count, labels ...string) dimension {
	d := dimension{name: name}
	for i, l := range labels {
		c := decide.Counted(i)
		switch l {
		case "unknown":
			c = decide.Count{}
		case "at the limit":
			c = decide.Counted(100)
		}
		d.values = append(d.values, value{l, func(w *world) { *put(w) = c }})
	}
	return d
}

// space lists every dimension that is combined.
func space() []dimension {
	var all []dimension
	for _, part := range [][]dimension{ofIncident(), ofCause(), ofAction(), ofTarget(), ofHistory(), ofBoundaries(), ofStart()} {
		all = append(all, part...)
	}
	return all
}

func ofIncident() []dimension {
	sev := func(s severity.Severity) func(*world) { return func(w *world) { w.in.Incident.Severity = s } }
	samples := func(age, every time.Duration) func(*world) {
		return func(w *world) { w.in.Incident.SampleAge, w.in.Incident.ScrapeInterval = age, every }
	}
	mapped := func(m mapping) func(*world) { return func(w *world) { w.mapped = m } }
	impact := func(f catalog.Flag) func(*world) {
		return func(w *world) { w.in.Incident.LowImpact, w.in.Incident.Stable = f, f }
	}
	first := func(t time.Time) func(*world) { return func(w *world) { w.in.Incident.FirstSignal = t } }
	now := func(t time.Time) func(*world) { return func(w *world) { w.in.Now = t } }
	return []dimension{
		{"severity", []value{
			{"SEV-3", sev(severity.SEV3)},
			{"SEV-4", sev(severity.SEV4)},
			{"SEV-2", sev(severity.SEV2)},
			{"SEV-1", sev(severity.SEV1)},
			{"unset", sev(severity.Unset)},
			{"out of range", sev(99)},
		}},
		no("silence or maintenance", func(w *world) *catalog.Flag { return &w.in.Incident.Covered }),
		yes("still firing", func(w *world) *catalog.Flag { return &w.in.Incident.Firing }),
		{"newest sample", []value{
			{"fresh", samples(3*time.Second, 5*time.Second)},
			{"old", samples(10*time.Second, 5*time.Second)},
			{"in the future", samples(-time.Second, 5*time.Second)},
			{"interval unknown", samples(3*time.Second, 0)},
		}},
		no("flapping", func(w *world) *catalog.Flag { return &w.in.Incident.Flapping }),
		no("data loss suspected", func(w *world) *catalog.Flag { return &w.in.Incident.DataLoss }),
		no("customer data exposed", func(w *world) *catalog.Flag { return &w.in.Incident.CustomerData }),
		no("security suspected", func(w *world) *catalog.Flag { return &w.in.Incident.Security }),
		no("remediation exhausted", func(w *world) *catalog.Flag { return &w.in.Incident.Exhausted }),
		{"impact", []value{
			{"not low", impact(catalog.False)}, {"low and stable", impact(catalog.True)}, {"unset", impact(catalog.Unset)},
		}},
		{"affected services", []value{
			{"users notice one", mapped(oneNoticed)},
			{"users notice two", mapped(twoNoticed)},
			{"users may notice two", mapped(maybeTwo)},
			{"one not in the catalog", mapped(nameless)},
			{"none", mapped(unmapped)},
		}},
		no("affected service is financial", func(w *world) *catalog.Flag { return &w.affected.Financial }),
		no("affected service is auth", func(w *world) *catalog.Flag { return &w.affected.Auth }),
		{"first signal", []value{
			{"a minute ago", first(clock.Add(-time.Minute))},
			{"ten minutes ago", first(clock.Add(-10 * time.Minute))},
			{"unknown", first(time.Time{})},
		}},
		{"clock", []value{{"known", now(clock)}, {"unknown", now(time.Time{})}}},
	}
}

// ofCause are leading causes. Their other hypotheses never matter but by their
// sum.
func ofCause() []dimension {
	lead := func(h diagnose.Hypothesis, more ...diagnose.Hypothesis) func(*world) {
		hs := append([]diagnose.Hypothesis{h}, more...)
		return func(w *world) { w.in.Hypotheses = hs }
	}
	cause := func(p float64, basis diagnose.Basis) diagnose.Hypothesis {
		return diagnose.Hypothesis{CauseClass: diagnose.ExhaustPool, Component: worker, Probability: p, Basis: basis}
	}
	elsewhere, other, healthy, unknown := cause(.96, diagnose.BasisRunbook), cause(.96, diagnose.BasisRunbook), cause(.96, diagnose.BasisRunbook), cause(.96, diagnose.BasisRunbook)
	elsewhere.Component = frontend
	other.CauseClass = diagnose.BadDeploy
	healthy.CauseClass = diagnose.Healthy
	unknown.CauseClass, unknown.Component = diagnose.Unknown, ""
	return []dimension{
		{"leading cause", []value{
			{"proved, .96", lead(cause(.96, diagnose.BasisRunbook))},
			{"calibrated, .96", lead(cause(.96, diagnose.BasisCalibrated))},
			{"proved, .995", lead(cause(.995, diagnose.BasisRunbook))},
			{"evidence alone, .96", lead(cause(.96, diagnose.BasisEvidence))},
			{"a model's, .96", lead(cause(.96, "model"))},
			{"proved, .94", lead(cause(.94, diagnose.BasisRunbook))},
			{"proved, .49", lead(cause(.49, diagnose.BasisRunbook))},
			{"not a number", lead(cause(math.NaN(), diagnose.BasisRunbook))},
			{"over one in sum", lead(cause(.96, diagnose.BasisRunbook), cause(.5, diagnose.BasisEvidence))},
			{"in another service", lead(elsewhere)},
			{"of a class not treated", lead(other)},
			{"nothing is wrong", lead(healthy)},
			{"unknown", lead(unknown)},
			{"none", func(w *world) { w.in.Hypotheses = nil }},
		}},
		{"configured threshold", []value{
			{"left out", func(w *world) { w.in.Threshold = 0 }},
			{"lower", func(w *world) { w.in.Threshold = .01 }},
			{"higher", func(w *world) { w.in.Threshold = .99 }},
		}},
	}
}

func ofAction() []dimension {
	name := func(n string) func(*world) { return func(w *world) { w.candidate.Action.Name = n } }
	claim := func(l action.Lasting) func(*world) { return func(w *world) { w.candidate.Action.Lasting = l } }
	cost := func(c decide.Cost) func(*world) { return func(w *world) { w.candidate.Cost = c } }
	way := func(d decide.Direction) func(*world) { return func(w *world) { w.candidate.Direction = d } }
	actions := dimension{name: "action"}
	for _, n := range []string{action.ProcessRestart, action.HTTPCall} {
		actions.values = append(actions.values, value{n, name(n)})
	}
	for _, n := range action.Names() { // those that came later
		if n != action.ProcessRestart && n != action.HTTPCall {
			actions.values = append(actions.values, value{n, name(n)})
		}
	}
	actions.values = append(actions.values, value{"not known", name("shell.run")}, value{"unset", name("")})
	return []dimension{
		{"remediation", []value{
			{"one fits", func(w *world) { w.none = false }}, {"none fits", func(w *world) { w.none = true }},
		}},
		actions,
		{"claimed lastingness", []value{
			{"transient", claim(action.Transient)},
			{"undoable", claim(action.Undoable)},
			{"lasting", claim(action.Permanent)},
			{"unset", claim("")},
		}},
		{"undo", []value{
			{"tested", func(w *world) { w.candidate.HasUndo = true }}, {"none", func(w *world) { w.candidate.HasUndo = false }},
		}},
		yes("runbook approved", func(w *world) *catalog.Flag { return &w.candidate.Approved }),
		known("runbook", "unnamed", func(w *world) *string { return &w.candidate.Runbook }),
		known("runbook hash", "missing", func(w *world) *string { return &w.candidate.RunbookSHA }),
		known("remediation's name", "missing", func(w *world) *string { return &w.candidate.Option }),
		known("plan hash", "missing", func(w *world) *string { return &w.candidate.PlanSHA }),
		no("needs a code change", func(w *world) *catalog.Flag { return &w.candidate.NeedsCodeChange }),
		no("loses data", func(w *world) *catalog.Flag { return &w.candidate.LosesData }),
		no("touches customer data", func(w *world) *catalog.Flag { return &w.candidate.TouchesCustomerData }),
		yes("settles after a crash", func(w *world) *catalog.Flag { return &w.candidate.Settles }),
		{"verification", []value{
			{"named", func(w *world) { w.candidate.HasVerify = true }}, {"none", func(w *world) { w.candidate.HasVerify = false }},
		}},
		{"direction", []value{
			{"neutral", way(decide.Neutral)},
			{"back", way(decide.Back)},
			{"forward", way(decide.Forward)},
			{"unset", way("")},
		}},
		{"cost", []value{
			{"within budget", cost(decide.Cost{Amount: 1, Budget: 1, Known: true})},
			{"over budget", cost(decide.Cost{Amount: 2, Budget: 1, Known: true})},
			{"unknown", cost(decide.Cost{Amount: 1, Budget: 1})},
			{"not a number", cost(decide.Cost{Amount: math.NaN(), Budget: 1, Known: true})},
			{"budget not a number", cost(decide.Cost{Amount: 1, Budget: math.NaN(), Known: true})},
		}},
	}
}

func ofTarget() []dimension {
	dependants := func(known bool, ss ...decide.Service) func(*world) {
		return func(w *world) { w.candidate.DependantsKnown, w.candidate.Dependants = known, ss }
	}
	quiet := decide.Service{Name: frontend, Flags: plain(), OutOfBand: catalog.False}
	with := func(change func(*catalog.Flags)) decide.Service {
		s := quiet
		s.Name = "checkout"
		change(&s.Flags)
		return s
	}
	env := func(e string, nowhere bool) func(*world) {
		return func(w *world) { w.candidate.Action.Target.Environment, w.nowhere = e, nowhere }
	}
	target := func(uncatalogued, foreign, unnamed bool) func(*world) {
		return func(w *world) { w.uncatalogued, w.foreign, w.unnamed = uncatalogued, foreign, unnamed }
	}
	flag := func(put func(*catalog.Flags) *catalog.Flag) func(*world) *catalog.Flag {
		return func(w *world) *catalog.Flag { return put(&w.candidate.Target.Flags) }
	}
	return []dimension{
		{"target", []value{
			{"in the catalog", target(false, false, false)},
			{"not in the catalog", target(true, false, false)},
			{"of another service", target(false, true, false)},
			{"without a name", target(false, false, true)},
		}},
		{"target's environment", []value{
			{"the incident's", env("live", false)}, {"another", env("staging", false)}, {"unset", env("", false)}, {"unset, as the incident's", env("", true)},
		}},
		{"restart-safe", []value{
			{"declared", func(w *world) { w.candidate.Target.RestartSafe = true }}, {"not declared", func(w *world) { w.candidate.Target.RestartSafe = false }},
		}},
		yes("target is stateless", flag(func(f *catalog.Flags) *catalog.Flag { return &f.Stateless })),
		count("replicas of the target", func(w *world) *decide.Count { return &w.in.History.Replicas }, "none", "one", "two", "unknown"),
		no("target is financial", flag(func(f *catalog.Flags) *catalog.Flag { return &f.Financial })),
		no("target is auth", flag(func(f *catalog.Flags) *catalog.Flag { return &f.Auth })),
		no("target holds personal data", flag(func(f *catalog.Flags) *catalog.Flag { return &f.PII })),
		{"dependants", []value{
			{"plain", dependants(true, quiet)},
			{"none", dependants(true)},
			{"one is financial", dependants(true, quiet, with(func(f *catalog.Flags) { f.Financial = catalog.True }))},
			{"one without financial flag", dependants(true, quiet, with(func(f *catalog.Flags) { f.Financial = catalog.Unset }))},
			{"one is auth", dependants(true, quiet, with(func(f *catalog.Flags) { f.Auth = catalog.True }))},
			{"one without auth flag", dependants(true, quiet, with(func(f *catalog.Flags) { f.Auth = catalog.Unset }))},
			{"unknown", dependants(false)},
		}},
	}
}

func ofHistory() []dimension {
	return []dimension{
		count("same action in 24 h", func(w *world) *decide.Count { return &w.in.History.SameActionDay }, "never", "once", "unknown"),
		count("same action in 7 days", func(w *world) *decide.Count { return &w.in.History.SameActionWeek }, "never", "once", "twice", "unknown"),
		count("restarts in the last hour", func(w *world) *decide.Count { return &w.in.History.RestartsHour }, "none", "at the limit", "unknown"),
		count("actions in the last hour", func(w *world) *decide.Count { return &w.in.History.ActionsHour }, "none", "at the limit", "unknown"),
		no("another change under way", func(w *world) *catalog.Flag { return &w.in.History.ConcurrentChange }),
		no("earlier action without end", func(w *world) *catalog.Flag { return &w.in.History.Unsettled }),
		no("freeze", func(w *world) *catalog.Flag { return &w.in.History.Freeze }),
		no("error budget spent", func(w *world) *catalog.Flag { return &w.in.History.BudgetSpent }),
	}
}

func ofBoundaries() []dimension {
	rules := func(r boundary.Ruling) func(*world) { return func(w *world) { w.in.Boundary.Ruling = r } }
	people := func(n int) func(*world) { return func(w *world) { w.in.Boundary.Approvers = n } }
	stage := func(s boundary.Stage) func(*world) { return func(w *world) { w.in.Autonomy.Stage = s } }
	hits := []boundary.Hit{{Name: "a condition"}}
	return []dimension{
		{"boundary answers", []value{
			{"allow", rules(boundary.Allow)},
			{"ask", rules(boundary.Ask)},
			{"deny", rules(boundary.Deny)},
			{"out of range", rules(7)},
		}},
		{"boundary wants approvals", []value{{"as the floor", people(0)}, {"one", people(1)}, {"two", people(2)}}},
		{"boundary's conditions", []value{
			{"none holds", func(w *world) { w.in.MustEscalate = nil }}, {"one holds", func(w *world) { w.in.MustEscalate = hits }},
		}},
		known("boundary hash", "missing", func(w *world) *string { return &w.in.BoundarySHA256 }),
		{"stage", []value{
			{"auto", stage(boundary.Auto)}, {"approve", stage(boundary.Approve)}, {"shadow", stage(boundary.Shadow)}, {"unset", stage("")},
		}},
		{"pause", []value{
			{"running", func(w *world) { w.in.Pause = decide.Running }},
			{"paused", func(w *world) { w.in.Pause = decide.Paused }},
			{"unreadable", func(w *world) { w.in.Pause = decide.PauseUnreadable }},
		}},
	}
}

// ofStart are what is compared just before an action starts.
func ofStart() []dimension {
	by := func(change func(*decide.Approval), names ...string) func(*world) {
		a := decide.Approval{By: names, At: clock.Add(-time.Minute), ExpiresAt: clock.Add(time.Minute), PlanSHA: sha}
		if change != nil {
			change(&a)
		}
		return func(w *world) { own := a; w.approval = &own }
	}
	from := func(names []string) func(*world) { return func(w *world) { w.in.Boundary.From = names } }
	eyes := func(four bool, asked string) func(*world) {
		return func(w *world) { w.in.Boundary.FourEyes, w.requesters = four, []string{asked} }
	}
	generation := func(decided, now string) func(*world) {
		return func(w *world) { w.re.DecidedGen, w.re.Generation = decided, now }
	}
	return []dimension{
		{"approval", []value{
			{"none", func(w *world) { w.approval = nil }},
			{"of one", by(nil, "ana")},
			{"of two", by(nil, "ana", "bo")},
			{"of nobody", by(nil)},
			{"of the agent", by(nil, "agent", "rule", "system")},
			{"of one and the agent", by(nil, "ana", "agent")},
			{"of one, twice", by(nil, "ana", " ANA ")},
			{"expired", by(func(a *decide.Approval) { a.ExpiresAt = clock }, "ana", "bo")},
			{"older than it lives", by(func(a *decide.Approval) { a.At, a.ExpiresAt = clock.Add(-15*time.Minute), clock.Add(time.Hour) }, "ana", "bo")},
			{"from the future", by(func(a *decide.Approval) { a.At = clock.Add(time.Second) }, "ana", "bo")},
			{"without time", by(func(a *decide.Approval) { a.At = time.Time{} }, "ana", "bo")},
			{"for another plan", by(func(a *decide.Approval) { a.PlanSHA = "other" }, "ana", "bo")},
			{"for no plan", by(func(a *decide.Approval) { a.PlanSHA = "" }, "ana", "bo")},
			{"for another generation", by(func(a *decide.Approval) { a.Generation = "of another" }, "ana", "bo")},
		}},
		{"boundary names who may approve", []value{
			{"everyone", from(nil)}, {"ana", from([]string{"ana"})}, {"nobody", from([]string{})},
		}},
		{"four eyes", []value{
			{"not wanted, though ana asked for the action", eyes(false, "Ana")}, {"ana asked for the action", eyes(true, "Ana")}, {"nobody asked for the action", eyes(true, "")},
		}},
		yes("facts hold again", func(w *world) *catalog.Flag { return &w.re.FactsHold }),
		{"plan at the start", []value{
			{"the decided one", func(w *world) { w.re.PlanSHA, w.re.DecidedPlanSHA = sha, sha }},
			{"another", func(w *world) { w.re.PlanSHA, w.re.DecidedPlanSHA = sha, "other" }},
			{"unknown", func(w *world) { w.re.PlanSHA, w.re.DecidedPlanSHA = "", "" }},
		}},
		{"boundary file at the start", []value{
			{"the decided one", func(w *world) { w.re.DecidedBounds = sha }},
			{"another", func(w *world) { w.re.DecidedBounds = "other" }},
			{"unknown", func(w *world) { w.re.DecidedBounds = "" }},
		}},
		{"target's generation", []value{
			{"the decided one", generation("41", "41")},
			{"another", generation("41", "42")},
			{"not readable", generation("41", "")},
			{"never readable", generation("", "")},
		}},
	}
}

// input makes the decision's input; it is valid until the world changes.
func (w *world) input() decide.Input {
	in := w.in
	in.Incident.ID, in.Incident.Environment = "INC-2026-0001", "live"
	if w.nowhere {
		in.Incident.Environment = ""
	}
	in.Limits = boundary.Limits{ReplicasMin: 2, ReplicasMax: 10, RestartsPerHour: 3, ActionsPerHour: 10}
	in.Autonomy.Override, in.Autonomy.By = true, "ana"
	if a := w.answer; a != nil {
		in.Boundary, in.MustEscalate, in.Autonomy, in.Limits = a.decision, a.hits, a.grant, a.limits
	}
	w.services = [2]decide.Service{
		{Name: frontend, Flags: w.affected, OutOfBand: catalog.True},
		{Name: worker, Flags: plain(), OutOfBand: catalog.False},
	}
	in.Incident.Services = w.services[:]
	switch w.mapped {
	case twoNoticed:
		w.services[1].OutOfBand = catalog.True
	case maybeTwo:
		w.services[1].OutOfBand = catalog.Unset
	case nameless:
		w.services[1].Name = ""
	case unmapped:
		in.Incident.Services = nil
	case oneNoticed:
	}
	if w.none {
		in.Candidate = nil
		return in
	}
	w.made = w.candidate
	c := &w.made
	c.Treats = treated
	c.Generation = w.re.DecidedGen
	c.Action.Service, c.Action.Risk = worker, action.Low
	c.Action.Target.Kind, c.Action.Target.Name = "process", worker
	c.Target.Name, c.Target.OutOfBand = worker, catalog.False
	if w.uncatalogued {
		c.Target = decide.Service{}
	}
	switch {
	case w.foreign:
		c.Target.Name = frontend
	case w.unnamed:
		c.Target.Name = ""
	}
	in.Candidate = c
	return in
}

var treated = []diagnose.CauseClass{diagnose.ExhaustPool, diagnose.Healthy}

// start makes the input of the last check before an action.
func (w *world) start() decide.RecheckInput {
	re := w.re
	re.Input = w.input()
	if w.approval != nil {
		a := *w.approval
		if a.Generation == "" {
			a.Generation = re.DecidedGen
		}
		a.Requesters = w.requesters
		re.Approval = &a
	}
	return re
}
