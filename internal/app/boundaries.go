package app

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/runbook"
	"github.com/holdfast-sre/holdfast/internal/severity"
)

// BoundaryQuestion is one action that somebody wonders about.
type BoundaryQuestion struct {
	Action, Service, Environment, Runbook, By string
	Severity                                  severity.Severity
	Params                                    map[string]string
	Replicas                                  int // 0 = not known
	At                                        time.Time
	BudgetSpent                               bool
}

// What becomes of an action.
const (
	OutcomeAllow = "allow"
	OutcomeAsk   = "ask"
	OutcomeDeny  = "deny"
)

// BoundaryReading is how one rule of the file reads the question.
type BoundaryReading = boundary.Reading

// BoundaryExplanation is the answer with all that led to it.
type BoundaryExplanation struct {
	Outcome   string            `json:"outcome"` // allow, ask or deny
	Summary   string            `json:"summary"`
	Who       string            `json:"who"`
	Approvals int               `json:"approvals"` // how many must approve; -1 = nobody can
	From      []string          `json:"from"`      // who may
	Reasons   []BoundaryReason  `json:"reasons"`
	Floor     string            `json:"floor"`
	Rules     []BoundaryReading `json:"rules"`
	Runbook   string            `json:"runbook"`
	Stage     boundary.Grant    `json:"stage"`
	Assumed   []string          `json:"assumed"`
	SHA256    string            `json:"boundary_sha256"`
	At        time.Time         `json:"at"`
}

// BoundaryReason is one thing that decides, with FILE:LINE where a file says it.
type BoundaryReason struct {
	Rule  string `json:"rule"`
	Text  string `json:"text"`
	Where string `json:"where,omitempty"`
}

// Matching are the rules that match.
func (x BoundaryExplanation) Matching() []BoundaryReading {
	return slices.DeleteFunc(slices.Clone(x.Rules), func(r BoundaryReading) bool { return !r.Matches })
}

// Near are the rules about this action that miss by one or two things.
func (x BoundaryExplanation) Near() []BoundaryReading {
	out := slices.DeleteFunc(slices.Clone(x.Rules), func(r BoundaryReading) bool {
		return r.Matches || len(r.Missing) > 2 || strings.HasPrefix(r.Missing[0], "action is ")
	})
	slices.SortStableFunc(out, func(a, b BoundaryReading) int { return len(a.Missing) - len(b.Missing) })
	return out
}

// ExplainBoundaries answers from the configuration alone. What only a running
// server knows speaks for the action, and is listed as assumed.
func ExplainBoundaries(f config.Folder, q BoundaryQuestion) (BoundaryExplanation, error) {
	q.Environment = cmp.Or(q.Environment, f.Config.Environment)
	in, facts, assumed, err := question(f, q)
	if err != nil {
		return BoundaryExplanation{}, err
	}
	set := f.Boundaries
	v, floor := decide.Decide(in), decide.Floor(in)
	x := BoundaryExplanation{
		Rules: set.Explain(facts), Runbook: in.Candidate.Runbook, Stage: in.Autonomy, Assumed: assumed,
		SHA256: set.SHA256(), At: q.At.UTC(), Floor: floorWords(floor), Approvals: v.Approvers, From: approverNames(f, in.Boundary, q.By),
	}
	x.Reasons = boundaryReasons(set, in, v)
	switch {
	case v.Kind == decide.Remediate:
		x.Outcome, x.Summary = OutcomeAllow, fmt.Sprintf("%s of %s in %s at %s would run without a person", q.Action, q.Service, q.Environment, q.Severity)
	case in.Autonomy.Override && in.Autonomy.Stage == boundary.Shadow:
		x.Outcome, x.Approvals, x.From = OutcomeDeny, decide.NeverExecuted, []string{}
		x.Summary = fmt.Sprintf("%s of %s would not run: runbook %s is held in shadow on it by %s", q.Action, q.Service, x.Runbook, in.Autonomy.By)
	case v.Approvers == decide.NeverExecuted:
		x.Outcome, x.Summary, x.From = OutcomeDeny, fmt.Sprintf("%s of %s in %s at %s would not run, whoever approves", q.Action, q.Service, q.Environment, q.Severity), []string{}
	default:
		x.Outcome, x.Approvals = OutcomeAsk, max(v.Approvers, 1)
		x.Summary = fmt.Sprintf("%s of %s in %s at %s needs %s", q.Action, q.Service, q.Environment, q.Severity, peopleWords(x.Approvals))
		x.Who = "who may approve: " + cmp.Or(strings.Join(x.From, ", "), "nobody")
		if len(x.From) < x.Approvals {
			x.Who += fmt.Sprintf("; that is fewer than %d, so it can't run", x.Approvals)
		}
	}
	return x, nil
}

func peopleWords(n int) string {
	if n == 1 {
		return "the approval of one person"
	}
	return fmt.Sprintf("the approval of %d people", n)
}

func floorWords(n int) string {
	switch n {
	case decide.NeverExecuted:
		return "never executed: no approval and no boundary lifts it"
	case 0:
		return "asks for nobody: the boundary file and what the runbook has earned decide"
	}
	return "asks for " + peopleWords(n) + ", whatever the boundary file says"
}

// approverNames are the users who may approve this.
func approverNames(f config.Folder, d boundary.Decision, by string) []string {
	out := []string{}
	var requesters []string
	if by != "" {
		requesters = []string{by}
	}
	for _, u := range f.Config.Users {
		if u.Approver && f.Boundaries.Refuses(d, u.Name, requesters) == "" {
			out = append(out, u.Name)
		}
	}
	return out
}

// boundaryReasons are the rules that decide: those against acting alone, or
// those for it.
func boundaryReasons(set *boundary.Set, in decide.Input, v decide.Verdict) []BoundaryReason {
	out := []BoundaryReason{}
	add := func(rule, text, where string) {
		out = append(out, BoundaryReason{Rule: rule, Text: text, Where: where})
	}
	if in.Boundary.Ruling != boundary.Allow || v.Kind == decide.Remediate {
		add("boundary", in.Boundary.Reason, set.Where("rules", in.Boundary.Rule))
	}
	for _, h := range in.MustEscalate {
		add("boundary_escalation", "a person decides: "+h.Reason, set.Where("must_escalate", h.Name))
	}
	for _, r := range v.Rules {
		where, text := "", r.Text
		switch {
		case r.ID == "boundary" || r.ID == "boundary_escalation":
			continue
		case r.Part == decide.PartMustEscalate && !r.Held, r.Part == decide.PartAct && r.Held, r.Part != decide.PartMustEscalate && r.Part != decide.PartAct && r.Part != decide.PartStandDown:
			continue
		case r.Part == decide.PartStandDown && !r.Held:
			continue
		case r.ID == "autonomy" && !in.Autonomy.Override:
			text = fmt.Sprintf("no override gives auto on %s in %s; whether graded cases have earned it is known to the server", in.Candidate.Action.Service, in.Candidate.Action.Target.Environment)
		case r.ID == "freeze":
			where = set.Where("freezes", in.History.FreezeName)
		case r.ID == "maintenance":
			where = set.Where("maintenance", strings.TrimPrefix(in.Incident.CoveredBy, "maintenance window "))
		}
		add(r.ID, text, where)
	}
	if n := in.Boundary.Approvers; n > 0 && v.Kind != decide.Remediate {
		text := fmt.Sprintf("the boundary file wants %s", peopleWords(n))
		if in.Boundary.FourEyes {
			text += ", none of them who asked for it"
		}
		add("approvals", text, "")
	}
	return out
}

// question builds what a verdict would see, and says what of it is assumed.
func question(f config.Folder, q BoundaryQuestion) (decide.Input, boundary.Facts, []string, error) {
	spec, ok := action.Known(q.Action)
	if !ok {
		return decide.Input{}, boundary.Facts{}, nil, problem.Hinted(fmt.Errorf("unknown action %q", q.Action), hintFor(q.Action, action.Names(), "known actions: "+strings.Join(action.Names(), ", ")))
	}
	svc, ok := f.Catalog.Service(q.Service)
	if !ok {
		return decide.Input{}, boundary.Facts{}, nil, unknownService(f.Catalog, q.Service)
	}
	for name := range q.Params {
		if _, known := spec.Param(name); !known {
			return decide.Input{}, boundary.Facts{}, nil, problem.Hinted(fmt.Errorf("%s has no parameter %q", q.Action, name), hintFor(name, spec.ParamNames(), "parameters: "+cmp.Or(strings.Join(spec.ParamNames(), ", "), "none")))
		}
	}
	c, assumed, err := candidateOf(f, q, svc, spec)
	if err != nil {
		return decide.Input{}, boundary.Facts{}, nil, err
	}
	in := decide.Input{
		Now: q.At, Candidate: c, BoundarySHA256: f.Boundaries.SHA256(), Limits: f.Boundaries.Limits(), Pause: decide.Running,
		Hypotheses: []diagnose.Hypothesis{{CauseClass: c.Treats[0], Component: q.Service, Probability: 1, Basis: diagnose.BasisRunbook}},
		Incident: decide.Incident{
			Severity: q.Severity, Environment: q.Environment, FirstSignal: q.At.Add(-time.Second), Services: []decide.Service{c.Target},
			Firing: catalog.True, ScrapeInterval: time.Second, Covered: catalog.False, Flapping: catalog.False, DataLoss: catalog.False,
			CustomerData: catalog.False, Security: catalog.False, Exhausted: catalog.False, LowImpact: catalog.False, Stable: catalog.False,
		},
		History: decide.History{
			SameActionDay: decide.Counted(0), SameActionWeek: decide.Counted(0), RestartsHour: decide.Counted(0), ActionsHour: decide.Counted(0),
			ConcurrentChange: catalog.False, Unsettled: catalog.False, Replicas: decide.Count{N: q.Replicas, Known: q.Replicas > 0}, BudgetSpent: decide.Is(q.BudgetSpent),
		},
	}
	facts := boundary.Facts{
		Action: c.Action, Runbook: c.Runbook, Severity: q.Severity, Services: []string{q.Service}, Tier: svc.Tier, Replicas: q.Replicas, Now: q.At,
		Neutral: c.Direction == decide.Neutral, BudgetSpent: in.History.BudgetSpent,
	}
	in.Boundary, in.MustEscalate = f.Boundaries.Rule(facts), f.Boundaries.MustEscalate(facts)
	in.Autonomy = f.Boundaries.Stage(c.Runbook, q.Service, c.Action.Target.Environment)
	window, frozen := f.Boundaries.Freeze(q.At, q.Environment, c.Action.Target.Environment)
	in.History.Freeze, in.History.FreezeName = decide.Is(frozen), window.Name
	if w, covered := f.Boundaries.Maintenance(q.Environment, []string{q.Service}, q.At); covered {
		in.Incident.Covered, in.Incident.CoveredBy = catalog.True, "maintenance window "+w.Name
	}
	if budget, ok := f.Boundaries.CostBudget(c.Cost.Amount, c.Cost.Budget, c.Cost.Unit); ok {
		c.Cost.Budget = budget
	} else {
		c.Cost.Known = false
	}
	assumed = append(assumed, "the cause is proved, lies in "+q.Service+" and is treated; it still fires and the samples are fresh",
		"no suspicion of data loss, exposed customer data or a security incident; no other service is affected",
		"nothing was done in the last seven days, nothing is under way, the agent is not paused")
	if !in.Autonomy.Override {
		assumed = append(assumed, "stages that were earned by graded cases are kept by the server and not known here; in stage shadow nothing starts, approved or not")
	}
	if q.Replicas == 0 {
		assumed = append(assumed, "the number of replicas is not known: --replicas says it")
	}
	if !q.BudgetSpent {
		assumed = append(assumed, "the error budget is not spent: --budget-spent says that it is")
	}
	return in, facts, assumed, nil
}

func hintFor(name string, known []string, otherwise string) string {
	if n := problem.Nearest(name, known); n != "" {
		return fmt.Sprintf("did you mean %q?", n)
	}
	return otherwise
}

// candidateOf finds the remediation that is meant: the one of the named runbook,
// or of the only one that does this to the service.
func candidateOf(f config.Folder, q BoundaryQuestion, svc catalog.Service, spec action.Spec) (*decide.Candidate, []string, error) {
	rb, rem, assumed, err := remediationOf(f, q)
	if err != nil {
		return nil, nil, err
	}
	c := &decide.Candidate{
		Option: "asked about", Approved: catalog.True, RunbookSHA: "asked about", PlanSHA: "asked about", HasVerify: true, Settles: catalog.True,
		NeedsCodeChange: catalog.False, LosesData: catalog.False, TouchesCustomerData: catalog.False, Direction: decide.Neutral, Cost: decide.Cost{Known: true},
		Treats: []diagnose.CauseClass{diagnose.ExhaustCPU}, HasUndo: spec.NeedsUndo,
		Action: action.Action{Name: q.Action, Service: q.Service, Params: q.Params, Risk: action.Low, Lasting: spec.Lasting},
	}
	c.Action.Target = catalog.Target{Environment: q.Environment, Kind: spec.TargetKinds[0], Name: q.Service}
	for _, t := range svc.Targets {
		if t.Environment == q.Environment && slices.Contains(spec.TargetKinds, t.Kind) {
			c.Action.Target = t
			break
		}
	}
	c.Target = decideService(svc)
	c.DependantsKnown = true
	for _, name := range f.Catalog.Dependants(q.Service) {
		if d, ok := f.Catalog.Service(name); ok {
			c.Dependants = append(c.Dependants, decideService(d))
		}
	}
	if spec.Name != action.ProcessRestart { // as a running server has it
		c.Direction = ""
	}
	if rb == nil {
		c.Runbook = "any runbook that no rule names"
		return c, append(assumed, "no runbook says what it costs, whether it can be undone and what it is safe from: all of that speaks for it"), nil
	}
	c.Runbook, c.RunbookSHA, c.Option, c.Approved = rb.Name, rb.SHA256(), rem.Name, decide.Is(rb.Approved)
	c.Treats = c.Treats[:0]
	for _, t := range rem.Treats {
		c.Treats = append(c.Treats, diagnose.CauseClass(t))
	}
	c.HasVerify, c.HasUndo = rem.Verify != nil, rem.Undo != nil
	c.NeedsCodeChange, c.LosesData, c.TouchesCustomerData = rem.Safety.CodeChange, rem.Safety.LosesData, rem.Safety.CustomerData
	c.Action.Risk, c.Action.Lasting = action.Risk(rem.Risk), action.Lasting(rem.Lasting)
	c.Cost = decide.Cost{Budget: rem.Cost.Budget, Unit: rem.Cost.Unit}
	if rem.Cost.Amount != nil {
		c.Cost.Amount, c.Cost.Known = *rem.Cost.Amount, true
	}
	if len(c.Action.Params) == 0 {
		c.Action.Params = rem.Params
	}
	return c, assumed, nil
}

func decideService(s catalog.Service) decide.Service {
	return decide.Service{Name: s.Name, Flags: s.Flags, RestartSafe: s.RestartSafe, OutOfBand: catalog.False}
}

func remediationOf(f config.Folder, q BoundaryQuestion) (*runbook.Runbook, runbook.Remediation, []string, error) {
	type found struct {
		rb  *runbook.Runbook
		rem runbook.Remediation
	}
	var fits []found
	for _, rb := range f.Runbooks.All() {
		if q.Runbook != "" && rb.Name != q.Runbook {
			continue
		}
		for _, rem := range rb.Remediations {
			if rem.Action == q.Action && (rem.Target.Service == q.Service || strings.Contains(rem.Target.Service, "${")) {
				fits = append(fits, found{rb, rem})
			}
		}
	}
	switch {
	case len(fits) > 0 && (len(fits) == 1 || q.Runbook != ""):
		return fits[0].rb, fits[0].rem, []string{fmt.Sprintf("remediation %s of runbook %s", fits[0].rem.Name, fits[0].rb.Name)}, nil
	case q.Runbook != "":
		if _, ok := f.Runbooks.Runbook(q.Runbook); !ok {
			var names []string
			for _, rb := range f.Runbooks.All() {
				names = append(names, rb.Name)
			}
			return nil, runbook.Remediation{}, nil, problem.Hinted(fmt.Errorf("there is no runbook %q", q.Runbook), hintFor(q.Runbook, names, "runbooks: "+strings.Join(names, ", ")))
		}
		return nil, runbook.Remediation{}, nil, fmt.Errorf("runbook %s never does %s to %s", q.Runbook, q.Action, q.Service)
	case len(fits) > 1:
		var names []string
		for _, x := range fits {
			names = append(names, x.rb.Name)
		}
		return nil, runbook.Remediation{}, []string{"which of several runbooks proposes it is left open: --runbook " + strings.Join(slices.Compact(names), ", --runbook ")}, nil
	}
	return nil, runbook.Remediation{}, []string{"no runbook does it: an approved one is assumed"}, nil
}
