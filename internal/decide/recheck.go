package decide

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/catalog"
)

// Recheck reports whether the action may start now. When it may not, reason
// says in one sentence why; the action is then cancelled, never retried as it
// is. It compares the plan, the target and the boundaries with what was decided
// or approved, and gives the verdict once more.
func Recheck(in RecheckInput) (ok bool, reason string) {
	for _, check := range []func(RecheckInput) string{
		notPaused, samePlan, sameBoundary, sameGeneration, stillTrue, alone, consent,
	} {
		if why := check(in); why != "" {
			return false, why
		}
	}
	return true, ""
}

func notPaused(in RecheckInput) string {
	if o := pauseRule(in.Input); !o.held {
		return o.text
	}
	return ""
}

func samePlan(in RecheckInput) string {
	switch {
	case in.Candidate == nil:
		return "the remediation does not fit any more"
	case in.PlanSHA == "" || in.PlanSHA != in.DecidedPlanSHA || in.PlanSHA != in.Candidate.PlanSHA:
		return "the plan is not the one that was decided"
	case in.FactsHold != catalog.True:
		return "the facts that the remediation needs do not hold any more"
	}
	return ""
}

func sameBoundary(in RecheckInput) string {
	if in.BoundarySHA256 == "" || in.BoundarySHA256 != in.DecidedBounds {
		return "the boundary file changed since the decision"
	}
	return ""
}

func sameGeneration(in RecheckInput) string {
	if in.Generation == in.DecidedGen && (in.Generation != "" || takesKey(in.Candidate)) {
		return ""
	}
	if in.Generation == "" {
		return "the target can't say whether it changed since the decision"
	}
	return fmt.Sprintf("the target changed since the decision (%s, now %s)", in.DecidedGen, in.Generation)
}

// takesKey holds for targets without a generation that take our idempotency key.
func takesKey(c *Candidate) bool {
	s, known := action.Known(c.Action.Name)
	return known && s.NeedsKey && c.Settles == catalog.True
}

func stillTrue(in RecheckInput) string {
	if o := freshness(in.Input); !o.held {
		return o.text
	}
	h := in.History
	switch {
	case h.Unsettled != catalog.False:
		return atMostOnce(in.Input).text
	case h.ConcurrentChange != catalog.False:
		return "another change to " + in.Candidate.Action.Service + " is in progress, or may be"
	}
	return ""
}

// alone gives the verdict once more for an action that nobody approved.
func alone(in RecheckInput) string {
	if in.Approval != nil {
		return ""
	}
	if v := Decide(in.Input); v.Kind != Remediate {
		return "the verdict changed: " + strings.Join(v.Reasons, "; ")
	}
	return ""
}

// consent checks the approval of an action that needs one.
func consent(in RecheckInput) string {
	a := in.Approval
	if a == nil {
		return ""
	}
	need := Floor(in.Input)
	if need == NeverExecuted {
		return "no approval allows this action: " + neverBecause(in.Input)
	}
	need = max(need, in.Boundary.Approvers, 1)
	people := counted(*a, in.Boundary)
	switch {
	case in.Autonomy.Stage != boundary.Approve && in.Autonomy.Stage != boundary.Auto:
		return autonomy(in.Input).text
	case len(people) < need:
		return fmt.Sprintf("%d of %d people approved", len(people), need)
	case a.PlanSHA == "" || a.PlanSHA != in.PlanSHA:
		return "the approval is for another plan"
	case a.Generation != in.Generation:
		return "the target changed since the approval"
	case a.At.IsZero() || a.At.After(in.Now):
		return "the time of the approval can't be right"
	case !in.Now.Before(a.ExpiresAt) || !in.Now.Before(a.At.Add(ApprovalLives)):
		return "the approval has expired"
	}
	return ""
}

// counted are the people whose approval counts under the boundary's answer.
func counted(a Approval, d boundary.Decision) []string {
	out := people(a.By)
	if d.From != nil {
		from := people(d.From)
		out = slices.DeleteFunc(out, func(n string) bool { return !slices.Contains(from, n) })
	}
	if d.FourEyes {
		asked := people(a.Requesters)
		out = slices.DeleteFunc(out, func(n string) bool { return slices.Contains(asked, n) })
	}
	return out
}

// people are the distinct names that are not the agent's own.
func people(names []string) []string {
	out := make([]string, 0, len(names))
	for _, n := range names {
		n = strings.ToLower(strings.TrimSpace(n))
		if n != "" && n != "agent" && n != "rule" && n != "system" {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func neverBecause(in Input) string {
	switch {
	case dataLoss(in).held:
		return dataLoss(in).text
	case in.Candidate.TouchesCustomerData.MaybeTrue():
		return "the action " + may(in.Candidate.TouchesCustomerData) + " touch customer data"
	case !freeze(in).held:
		return freeze(in).text
	}
	return boundaryRule(in).text
}
