package decide

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/quantity"
)

// toAct are the conditions for acting alone; each must hold.
var toAct = []rule{
	{"runbook_match", runbookMatch},
	{"cause_match", causeMatch},
	{"probability", probability},
	{"target", targetRule},
	{"verify", verifyRule},
	{"at_most_once", atMostOnce},
	{"coverage", coverageKnown},
	{"freshness", freshness},
	{"limits", limits},
	{"freeze", freeze},
	{"autonomy", autonomy},
	{"boundary", boundaryRule},
	{"pause", pauseRule},
}

func runbookMatch(in Input) outcome {
	c := in.Candidate
	if c == nil {
		return outcome{text: "no remediation of a runbook fits"}
	}
	o := outcome{
		held:   c.Approved == catalog.True && c.Runbook != "" && c.RunbookSHA != "" && c.Option != "" && c.PlanSHA != "",
		values: map[string]any{"runbook": c.Runbook, "option": c.Option, "plan_sha256": c.PlanSHA},
		text:   fmt.Sprintf("runbook %s, remediation %s", c.Runbook, c.Option),
	}
	if !o.held {
		o.text = "no complete plan of an approved runbook"
	}
	return o
}

func causeMatch(in Input) outcome {
	c := in.Candidate
	if c == nil {
		return noCandidate
	}
	top, ok := leading(in.Hypotheses)
	treats := make([]string, 0, len(c.Treats))
	for _, t := range c.Treats {
		treats = append(treats, string(t))
	}
	o := outcome{
		held: ok && slices.Contains(c.Treats, top.CauseClass) && top.Component != "" && top.Component == c.Action.Service,
		values: map[string]any{
			"treats": treats, "target": c.Action.Service,
			"cause": string(top.CauseClass), "component": top.Component,
		},
	}
	switch {
	case o.held:
		o.text = fmt.Sprintf("the remediation treats %s in %s", top.CauseClass, top.Component)
	case !ok:
		o.text = "no cause leads"
	default:
		o.text = fmt.Sprintf("the leading cause is %s in %s; the remediation treats %s in %s",
			top.CauseClass, cmp.Or(top.Component, "no known component"), cmp.Or(strings.Join(treats, ", "), "nothing"), cmp.Or(c.Action.Service, "nothing"))
	}
	return o
}

func probability(in Input) outcome {
	top, ok := leading(in.Hypotheses)
	p := 0.0
	if ok {
		p = believed(top)
	}
	t := threshold(in)
	o := outcome{held: sure(in), values: map[string]any{"probability": p, "threshold": t, "basis": string(top.Basis)}}
	switch {
	case o.held:
		o.text = named(top, p)
	case ok && p > 0:
		o.text = fmt.Sprintf("%s, below the %.2f needed to act alone", named(top, p), t)
	default:
		o.text = "no cause leads"
	}
	return o
}

// sure reports whether the leading cause is likely enough to act upon alone.
func sure(in Input) bool {
	top, ok := leading(in.Hypotheses)
	return ok && top.CauseClass != diagnose.Healthy && believed(top) >= threshold(in)
}

func threshold(in Input) float64 {
	if in.Threshold > DefaultThreshold {
		return min(in.Threshold, 1)
	}
	return DefaultThreshold
}

func targetRule(in Input) outcome {
	c := in.Candidate
	if c == nil {
		return noCandidate
	}
	_, known := action.Known(c.Action.Name)
	env := c.Action.Target.Environment
	o := outcome{values: map[string]any{
		"action": c.Action.Name, "target": c.Action.Target.String(), "service": c.Action.Service, "environment": in.Incident.Environment,
	}}
	switch {
	case !known:
		o.text = fmt.Sprintf("action %q is not known", c.Action.Name)
	case c.Action.Service == "" || c.Action.Service != c.Target.Name || c.Action.Target.Name == "":
		o.text = "the target is no service of the catalog"
	case env == "" || env != in.Incident.Environment:
		o.text = fmt.Sprintf("the target is in environment %q, the incident in %q", env, in.Incident.Environment)
	default:
		o.held, o.text = true, "the target is "+c.Action.Target.String()
	}
	return o
}

func verifyRule(in Input) outcome {
	c := in.Candidate
	if c == nil {
		return noCandidate
	}
	o := outcome{held: c.HasVerify, values: map[string]any{"verify": c.HasVerify}, text: "the remediation says how recovery is seen"}
	if !o.held {
		o.text = "the remediation does not say how recovery is seen"
	}
	return o
}

func atMostOnce(in Input) outcome {
	c := in.Candidate
	if c == nil {
		return noCandidate
	}
	o := outcome{
		held:   c.Settles == catalog.True && in.History.Unsettled == catalog.False,
		values: map[string]any{"settles": c.Settles.String(), "unsettled": in.History.Unsettled.String()},
		text:   "the target can tell after a crash whether the action ran",
	}
	switch {
	case in.History.Unsettled.IsTrue():
		o.text = "an earlier action on the target is still running or its outcome is unknown"
	case in.History.Unsettled.MaybeTrue():
		o.text = "whether an earlier action on the target is still running is not known"
	case !o.held:
		o.text = "after a crash the target could not tell whether the action ran"
	}
	return o
}

func coverageKnown(in Input) outcome {
	f := in.Incident.Covered
	o := outcome{held: f == catalog.False, values: map[string]any{"covered": f.String()}, text: "nobody is working on the target under a maintenance window or silence"}
	switch {
	case f.IsTrue():
		o.text = "no action under a maintenance window or silence"
	case !o.held:
		o.text = "whether a maintenance window or silence applies is not known"
	}
	return o
}

func freshness(in Input) outcome {
	inc := in.Incident
	o := outcome{held: inc.Firing == catalog.True && fresh(inc), values: map[string]any{
		"firing": inc.Firing.String(), "sample_age": inc.SampleAge.String(), "scrape_interval": inc.ScrapeInterval.String(),
	}}
	switch {
	case o.held:
		o.text = fmt.Sprintf("still firing, newest sample %s old", quantity.Duration(inc.SampleAge))
	case inc.Firing == catalog.False:
		o.text = "nothing is firing any more"
	case inc.Firing == catalog.Unset:
		o.text = "whether it still fires is not known"
	case inc.ScrapeInterval <= 0:
		o.text = "how often the source is sampled is not known"
	default:
		// The age itself stands in the values: the words stay the same from
		// look to look, so that the same verdict is told once.
		o.text = "the newest sample is older than two scrapes of " + quantity.Duration(inc.ScrapeInterval)
		if inc.SampleAge < 0 {
			o.text = "the newest sample lies in the future"
		}
	}
	return o
}

// fresh reports whether the newest sample is younger than two scrapes.
func fresh(inc Incident) bool {
	return inc.ScrapeInterval > 0 && inc.SampleAge >= 0 && inc.SampleAge < 2*inc.ScrapeInterval
}

func limits(in Input) outcome {
	c := in.Candidate
	if c == nil {
		return noCandidate
	}
	h, l := in.History, in.Limits
	o := outcome{held: true, text: "inside the limits", values: map[string]any{
		"restarts_1h": number(h.RestartsHour), "restarts_per_hour": l.RestartsPerHour,
		"actions_1h": number(h.ActionsHour), "actions_per_hour": l.ActionsPerHour,
		"concurrent_change": h.ConcurrentChange.String(),
		"replicas_after":    number(h.ReplicasAfter), "replicas_min": l.ReplicasMin, "replicas_max": l.ReplicasMax,
	}}
	var over []string
	if isRestart(c.Action.Name) {
		over = append(over, under(h.RestartsHour, l.RestartsPerHour, "restarts of the service in the last hour"))
	}
	if isScale(c.Action.Name) {
		over = append(over, replicas(h.ReplicasAfter, l), stateless(*c))
	}
	over = append(over, under(h.ActionsHour, l.ActionsPerHour, "actions in the last hour"))
	switch h.ConcurrentChange {
	case catalog.False:
	case catalog.True:
		over = append(over, "another change to "+c.Action.Service+" is in progress")
	case catalog.Unset:
		over = append(over, "whether another change to "+c.Action.Service+" is in progress is not known")
	}
	if over = slices.DeleteFunc(over, func(s string) bool { return s == "" }); len(over) > 0 {
		o.held, o.text = false, strings.Join(over, "; ")
	}
	return o
}

// under says what is wrong with a count that must leave room for one more.
func under(n Count, limit int, what string) string {
	switch {
	case !n.Known || n.N < 0:
		return "how many " + what + " is not known"
	case n.N >= limit:
		return fmt.Sprintf("%d %s, the limit is %d", n.N, what, limit)
	}
	return ""
}

func replicas(n Count, l boundary.Limits) string {
	switch {
	case !n.Known:
		return "how many replicas would run is not known"
	case l.ReplicasMin < 1 || n.N < l.ReplicasMin || n.N > l.ReplicasMax:
		return fmt.Sprintf("%d replicas, the limits are %d to %d", n.N, l.ReplicasMin, l.ReplicasMax)
	}
	return ""
}

// stateless says why a service may not be scaled without a person.
func stateless(c Candidate) string {
	switch c.Target.Flags.Stateless {
	case catalog.True:
		return ""
	case catalog.False:
		return c.Action.Service + " is not stateless"
	case catalog.Unset:
	}
	return "whether " + c.Action.Service + " is stateless is not known"
}

func isRestart(name string) bool { return strings.HasSuffix(name, "restart") }
func isScale(name string) bool   { return strings.HasSuffix(name, ".scale") }

func freeze(in Input) outcome {
	c := in.Candidate
	if c == nil {
		return noCandidate
	}
	h := in.History
	o := outcome{held: true, text: "no freeze", values: map[string]any{
		"freeze": h.Freeze.String(), "window": h.FreezeName, "error_budget_spent": h.BudgetSpent.String(), "direction": string(c.Direction),
	}}
	switch {
	case h.Freeze.IsTrue():
		o.held, o.text = false, "freeze "+strings.TrimSpace(h.FreezeName)+" is in force"
	case h.Freeze.MaybeTrue():
		o.held, o.text = false, "whether a freeze is in force is not known"
	case h.BudgetSpent == catalog.Unset:
		o.held, o.text = false, "whether the error budget is spent is not known"
	case h.BudgetSpent.IsTrue() && c.Direction != Neutral:
		o.held, o.text = false, "the error budget is spent"
	}
	return o
}

func autonomy(in Input) outcome {
	c := in.Candidate
	if c == nil {
		return noCandidate
	}
	g := in.Autonomy
	stage := cmp.Or(g.Stage, boundary.Shadow)
	o := outcome{held: g.Stage == boundary.Auto, values: map[string]any{"stage": string(stage), "override": g.Override, "by": g.By}}
	o.text = fmt.Sprintf("runbook %s on %s has earned %s", c.Runbook, c.Action.Service, stage)
	if g.Override {
		o.text = fmt.Sprintf("runbook %s on %s was set to %s by %s", c.Runbook, c.Action.Service, stage, cmp.Or(g.By, "hand"))
	}
	if !o.held && !g.Override {
		o.text = fmt.Sprintf("runbook %s has not earned auto on %s: it is in stage %s", c.Runbook, c.Action.Service, stage)
	}
	return o
}

func boundaryRule(in Input) outcome {
	if in.Candidate == nil {
		return noCandidate
	}
	d := in.Boundary
	o := outcome{held: d.Ruling == boundary.Allow && in.BoundarySHA256 != "", values: map[string]any{
		"ruling": d.Ruling.String(), "rule": d.Rule, "sha256": in.BoundarySHA256,
	}}
	o.text = cmp.Or(d.Reason, "the boundary answers "+d.Ruling.String())
	if d.Ruling == boundary.Allow && !o.held {
		o.text = "which boundary file answered is not known"
	}
	return o
}

func pauseRule(in Input) outcome {
	o := outcome{held: in.Pause == Running, values: map[string]any{"pause": in.Pause.String()}, text: "the agent is not paused"}
	switch in.Pause {
	case Running:
	case Paused:
		o.text = "the agent is paused"
	default:
		o.text = "the pause switch can't be read, so the agent counts as paused"
	}
	return o
}

// named is a cause with its probability as a number and the word fixed to it.
func named(h diagnose.Hypothesis, p float64) string {
	where := ""
	if h.Component != "" {
		where = " in " + h.Component
	}
	return fmt.Sprintf("%s%s is %s (%s)", h.CauseClass, where, Likelihood(p), Probability(p))
}

// Likelihood is the word that is fixed to a probability.
func Likelihood(p float64) string {
	switch {
	case p >= 0.95:
		return "very likely"
	case p >= 0.80:
		return "likely"
	case p >= 0.50:
		return "leading"
	}
	return "possible"
}

// Probability writes p with two digits and without the leading zero: ".91". It
// never rounds up to certainty.
func Probability(p float64) string {
	s := fmt.Sprintf("%.2f", min(p, 0.99))
	if p >= 1 {
		s = "1.00"
	}
	return strings.TrimPrefix(s, "0")
}
