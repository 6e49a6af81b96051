package decide

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/quantity"
	"github.com/holdfast-sre/holdfast/internal/severity"
)

// rule is one row of the table: its check returns whether it holds, the values
// that it saw, and the outcome in words.
type rule struct {
	id    string
	check func(Input) outcome
}

type outcome struct {
	held   bool
	text   string
	values map[string]any
}

func (r rule) evaluate(in Input, part Part) Rule {
	o := r.check(in)
	if o.values == nil {
		o.values = map[string]any{}
	}
	return Rule{ID: r.id, Part: part, Held: o.held, Values: o.values, Text: o.text}
}

// mustEscalate are the conditions that always bring a person; see floor.go for
// what that person may then approve.
var mustEscalate = []rule{
	{"severity", severe},
	{"data_loss", dataLoss},
	{"customer_data", customerData},
	{"financial_or_auth", financialOrAuth},
	{"security", securityRule},
	{"several_services", severalServices},
	{"unmapped", unmapped},
	{"code_change", codeChange},
	{"outside_runbooks", outsideRunbooks},
	{"lasting", lasting},
	{"undiagnosed_10m", undiagnosed},
	{"exhausted", exhausted},
	{"cost", overCost},
	{"flapping", flapping},
	{"symptom_relief", symptomRelief},
	{"boundary_escalation", boundaryEscalation},
}

// noCandidate is the outcome of a rule about the remediation when there is none.
var noCandidate = outcome{text: "no remediation is proposed"}

func covered(in Input) Rule {
	inc := in.Incident
	held := inc.Covered == catalog.True
	text := "no maintenance window, silence or inhibition covers the signals"
	switch {
	case held && standsDown(inc):
		text = cmp.Or(inc.CoveredBy, "a maintenance window or silence") + " covers all signals"
	case held:
		text = fmt.Sprintf("%s covers all signals; %s is told to a person all the same", cmp.Or(inc.CoveredBy, "a maintenance window or silence"), inc.Severity)
	case inc.Covered == catalog.Unset:
		text = "whether a maintenance window or silence covers the signals is not known"
	}
	return Rule{ID: "maintenance", Part: PartStandDown, Held: held, Text: text, Values: map[string]any{"covered": inc.Covered.String(), "by": inc.CoveredBy}}
}

func severe(in Input) outcome {
	s := in.Incident.Severity
	o := outcome{values: map[string]any{"severity": s.String()}}
	switch s {
	case severity.SEV3, severity.SEV4:
		o.text = s.String() + " may be handled without a person"
	case severity.SEV1, severity.SEV2:
		o.held, o.text = true, s.String()+" always goes to a human"
	default:
		o.held, o.text = true, "the severity is not known"
	}
	return o
}

func dataLoss(in Input) outcome {
	inc := in.Incident.DataLoss
	o := outcome{held: inc.MaybeTrue(), values: map[string]any{"incident": inc.String()}}
	o.text = suspicion(inc, "data loss", "no sign of data loss")
	if c := in.Candidate; c != nil {
		o.values["action"] = c.LosesData.String()
		if !o.held && c.LosesData.MaybeTrue() {
			o.held, o.text = true, "the action "+may(c.LosesData)+" lose data"
		}
	}
	return o
}

func customerData(in Input) outcome {
	inc := in.Incident.CustomerData
	o := outcome{held: inc.MaybeTrue(), values: map[string]any{"incident": inc.String()}}
	o.text = suspicion(inc, "exposed or corrupted customer data", "no customer data is exposed, corrupted or touched")
	c := in.Candidate
	if c == nil {
		return o
	}
	o.values["action"], o.values["target_pii"] = c.TouchesCustomerData.String(), c.Target.Flags.PII.String()
	switch {
	case o.held:
	case c.TouchesCustomerData.MaybeTrue():
		o.held, o.text = true, "the action "+may(c.TouchesCustomerData)+" touch customer data"
	case c.Target.Flags.PII == catalog.Unset:
		o.held, o.text = true, "the catalog does not say whether "+c.Action.Service+" holds personal data"
	}
	return o
}

func financialOrAuth(in Input) outcome {
	services := slices.Clone(in.Incident.Services)
	if c := in.Candidate; c != nil {
		services = append(services, c.Target)
		services = append(services, c.Dependants...)
	}
	var found []string
	for _, s := range services {
		if why := delicate(s.Flags); why != "" {
			found = append(found, cmp.Or(s.Name, "a service that is not in the catalog")+" "+why)
		}
	}
	slices.Sort(found)
	found = slices.Compact(found)
	o := outcome{held: len(found) > 0, values: map[string]any{"services": strs(found)}, text: "no financial or auth service is involved"}
	if o.held {
		o.text = "financial or auth: " + strings.Join(found, ", ")
	}
	if c := in.Candidate; c != nil && !c.DependantsKnown {
		o.values["dependants"] = "unknown"
		if !o.held {
			o.held, o.text = true, "what depends on "+cmp.Or(c.Action.Service, "the target")+" is not known"
		}
	}
	return o
}

// delicate says which of the flags financial and auth is not false.
func delicate(f catalog.Flags) string {
	switch {
	case f.Financial.IsTrue():
		return "is financial"
	case f.Auth.IsTrue():
		return "is auth"
	case f.Financial.MaybeTrue() && f.Auth.MaybeTrue():
		return "has no financial and auth flags"
	case f.Financial.MaybeTrue():
		return "has no financial flag"
	case f.Auth.MaybeTrue():
		return "has no auth flag"
	}
	return ""
}

func securityRule(in Input) outcome {
	f := in.Incident.Security
	return outcome{held: f.MaybeTrue(), values: map[string]any{"suspected": f.String()}, text: suspicion(f, "a security incident", "no sign of a security incident")}
}

func severalServices(in Input) outcome {
	var out []string
	for _, s := range in.Incident.Services {
		if s.OutOfBand.MaybeTrue() {
			out = append(out, s.Name)
		}
	}
	slices.Sort(out)
	o := outcome{held: len(out) > 1, values: map[string]any{"out_of_band": strs(out)}}
	switch {
	case o.held:
		o.text = fmt.Sprintf("users notice it in %d services: %s", len(out), strings.Join(out, ", "))
	case len(out) == 1:
		o.text = "users notice it in one service: " + out[0]
	default:
		o.text = "no user-facing indicator is out of band"
	}
	return o
}

func unmapped(in Input) outcome {
	names := make([]string, 0, len(in.Incident.Services))
	held := len(in.Incident.Services) == 0
	for _, s := range in.Incident.Services {
		names = append(names, s.Name)
		held = held || s.Name == ""
	}
	o := outcome{held: held, values: map[string]any{"services": strs(names)}, text: "the signals belong to services of the catalog"}
	if held {
		o.text = "the signals map to no service of the catalog"
	}
	return o
}

func codeChange(in Input) outcome {
	c := in.Candidate
	if c == nil {
		return noCandidate
	}
	o := outcome{held: c.NeedsCodeChange.MaybeTrue(), values: map[string]any{"needed": c.NeedsCodeChange.String()}, text: "the repair needs no code change"}
	if o.held {
		o.text = "the repair " + map[bool]string{true: "needs", false: "may need"}[c.NeedsCodeChange.IsTrue()] + " a code change"
	}
	return o
}

func outsideRunbooks(in Input) outcome {
	c := in.Candidate
	if c == nil {
		return noCandidate
	}
	o := outcome{
		held:   c.Approved != catalog.True || c.Runbook == "" || c.RunbookSHA == "",
		values: map[string]any{"runbook": c.Runbook, "runbook_sha256": c.RunbookSHA, "approved": c.Approved.String()},
		text:   "runbook " + c.Runbook + " is approved and fits",
	}
	if o.held {
		o.text = "the remediation is outside approved runbooks"
	}
	return o
}

func lasting(in Input) outcome {
	c := in.Candidate
	if c == nil {
		return noCandidate
	}
	eff := effectiveLasting(in)
	o := outcome{held: !eff.Reversible(), values: map[string]any{
		"claimed": string(c.Action.Lasting), "effective": string(eff), "restart_safe": c.Target.RestartSafe,
		"stateless": c.Target.Flags.Stateless.String(), "replicas": number(in.History.Replicas), "undo": c.HasUndo,
	}}
	switch {
	case !o.held:
		o.text = fmt.Sprintf("%s of %s is %s", c.Action.Name, c.Action.Service, eff)
	case c.Action.Lasting.Reversible():
		o.text = fmt.Sprintf("%s of %s counts as lasting: it is neither declared restart-safe, nor stateless with two replicas, nor undoable by a tested step", c.Action.Name, c.Action.Service)
	default:
		o.text = fmt.Sprintf("%s of %s is lasting", c.Action.Name, c.Action.Service)
	}
	return o
}

// effectiveLasting is the worse of what the runbook claims and what is known
// about the target.
func effectiveLasting(in Input) action.Lasting {
	c := in.Candidate
	replicas := 0
	if in.History.Replicas.Known {
		replicas = in.History.Replicas.N
	}
	return action.LastingOf(c.Action.Name, c.Action.Lasting, action.Facts{
		RestartSafe: c.Target.RestartSafe,
		Stateless:   c.Target.Flags.Stateless.IsTrue(),
		Replicas:    replicas,
		HasUndo:     c.HasUndo,
	})
}

func undiagnosed(in Input) outcome {
	top, ok := leading(in.Hypotheses)
	p := 0.0
	if ok {
		p = believed(top)
	}
	diagnosed := ok && p >= DiagnosedFrom
	o := outcome{held: !diagnosed && overdue(in), values: map[string]any{"probability": p, "leads_from": DiagnosedFrom, "since_first_signal": age(in)}}
	switch {
	case diagnosed:
		o.text = "a cause leads: " + named(top, p)
	case o.held:
		o.text = "no diagnosis " + quantity.Duration(DiagnoseWithin) + " after the first signal"
	default:
		o.text = "no diagnosis yet"
	}
	return o
}

func exhausted(in Input) outcome {
	f := in.Incident.Exhausted
	o := outcome{held: f.MaybeTrue(), values: map[string]any{"exhausted": f.String()}, text: "remediations are left to try"}
	switch {
	case f.IsTrue():
		o.text = "every remediation was tried, could not be started, or did not bring recovery"
	case o.held:
		o.text = "whether a remediation was tried already is not known"
	}
	return o
}

func overCost(in Input) outcome {
	c := in.Candidate
	if c == nil {
		return noCandidate
	}
	k := c.Cost
	within := k.Known && !math.IsNaN(k.Amount) && !math.IsNaN(k.Budget) && k.Amount <= k.Budget
	o := outcome{held: !within, values: map[string]any{"known": k.Known, "unit": k.Unit}, text: "the cost is within its budget"}
	if !math.IsNaN(k.Amount) && !math.IsInf(k.Amount, 0) {
		o.values["amount"] = k.Amount
	}
	if !math.IsNaN(k.Budget) && !math.IsInf(k.Budget, 0) {
		o.values["budget"] = k.Budget
	}
	switch {
	case !k.Known:
		o.text = "the cost of the action is not known"
	case o.held:
		o.text = strings.TrimSpace(fmt.Sprintf("the action costs %g of a budget of %g %s", k.Amount, k.Budget, k.Unit))
	}
	return o
}

func flapping(in Input) outcome {
	f := in.Incident.Flapping
	return outcome{held: f.MaybeTrue(), values: map[string]any{"flapping": f.String()}, text: map[catalog.Flag]string{
		catalog.False: "the alert does not flap",
		catalog.True:  "flapping: the alert resolves and fires again",
		catalog.Unset: "whether the alert flaps is not known",
	}[f]}
}

// symptomRelief counts the proposed action as one of the repetitions.
func symptomRelief(in Input) outcome {
	c := in.Candidate
	if c == nil {
		return noCandidate
	}
	day, week := in.History.SameActionDay, in.History.SameActionWeek
	o := outcome{values: map[string]any{"earlier_24h": number(day), "earlier_7d": number(week)}, text: "the same action was not done lately"}
	switch {
	case !day.Known || !week.Known:
		o.held, o.text = true, "how often the same action was done lately is not known"
	case day.N+1 >= 2:
		o.held, o.text = true, fmt.Sprintf("symptom relief: this would be %s of %s number %d in 24 h", c.Action.Name, c.Action.Service, day.N+1)
	case week.N+1 >= 3:
		o.held, o.text = true, fmt.Sprintf("symptom relief: this would be %s of %s number %d in 7 days", c.Action.Name, c.Action.Service, week.N+1)
	}
	return o
}

func boundaryEscalation(in Input) outcome {
	var names, reasons []string
	for _, h := range in.MustEscalate {
		names = append(names, h.Name)
		reasons = append(reasons, cmp.Or(h.Reason, h.Name))
	}
	o := outcome{held: len(names) > 0, values: map[string]any{"rules": strs(names)}, text: "no rule of the boundary file asks for a person"}
	if o.held {
		o.text = "the boundary file asks for a person: " + strings.Join(reasons, "; ")
	}
	return o
}

func lowImpact(in Input) Rule {
	inc := in.Incident
	low := inc.Severity == severity.SEV3 || inc.Severity == severity.SEV4
	held := low && inc.LowImpact == catalog.True && inc.Stable == catalog.True
	text := "the impact is not known to be low and stable"
	if held {
		text = "the impact is low and stable"
	}
	return Rule{
		ID: "low_impact", Part: PartWatch, Held: held, Text: text,
		Values: map[string]any{"low": inc.LowImpact.String(), "stable": inc.Stable.String()},
	}
}

func atFloor(approvers int) Rule {
	text := "no person is needed"
	switch {
	case approvers == NeverExecuted:
		text = "never executed by the agent: a person does it, or nobody"
	case approvers == 1:
		text = "one person must approve"
	case approvers > 1:
		text = fmt.Sprintf("%d people must approve", approvers)
	}
	return Rule{ID: "floor", Part: PartFloor, Held: approvers == 0, Text: text, Values: map[string]any{"approvers": approvers}}
}

// leading returns the first cause of a list that makes sense: probabilities in
// [0,1], descending, summing to at most 1.
func leading(hs []diagnose.Hypothesis) (diagnose.Hypothesis, bool) {
	sum, last := 0.0, 1.0
	var top *diagnose.Hypothesis
	for i, h := range hs {
		p := h.Probability
		if math.IsNaN(p) || p < 0 || p > 1 {
			return diagnose.Hypothesis{}, false
		}
		sum += p
		if h.CauseClass == diagnose.Unknown {
			continue // stands last whatever its probability
		}
		if p > last {
			return diagnose.Hypothesis{}, false
		}
		last = p
		if top == nil {
			top = &hs[i]
		}
	}
	if top == nil || sum > 1+1e-6 {
		return diagnose.Hypothesis{}, false
	}
	return *top, true
}

// believed is how much of a probability counts: more than EvidenceCap only with
// facts of a runbook's own diagnostics behind it or, where answers from such
// evidence were compared with the truth, calibrated; and nothing at all when it
// does not come from the engine.
func believed(h diagnose.Hypothesis) float64 {
	switch h.Basis {
	case diagnose.BasisRunbook, diagnose.BasisCalibrated:
		return h.Probability
	case diagnose.BasisEvidence:
		return min(h.Probability, EvidenceCap)
	}
	return 0
}

// overdue reports whether T+10 min has passed, or can't be told.
func overdue(in Input) bool {
	t := in.Incident.FirstSignal
	return t.IsZero() || in.Now.IsZero() || !in.Now.Before(t.Add(DiagnoseWithin))
}

func age(in Input) string {
	if in.Incident.FirstSignal.IsZero() || in.Now.IsZero() {
		return "unknown"
	}
	return in.Now.Sub(in.Incident.FirstSignal).String()
}

// number is how a count stands in the record.
func number(c Count) any {
	if !c.Known {
		return "unknown"
	}
	return c.N
}

// strs keeps an empty list a list in JSON.
func strs(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

func may(f catalog.Flag) string {
	if f.IsTrue() {
		return "would"
	}
	return "may"
}

// suspicion words a flag of the incident.
func suspicion(f catalog.Flag, what, otherwise string) string {
	switch f {
	case catalog.False:
		return otherwise
	case catalog.True:
		return what + " suspected"
	case catalog.Unset:
	}
	return "not known whether there is " + what
}
