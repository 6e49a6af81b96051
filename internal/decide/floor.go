package decide

import (
	"math"

	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/severity"
)

// NeverExecuted is the answer of Floor for what no approval lifts.
const NeverExecuted = -1

// Floor returns how many people must approve the candidate before it may run:
// 0, 1, 2, or NeverExecuted. It is written apart from the rules of Decide and
// reads neither their outcome nor the autonomy that a configuration grants, so
// that no change there can lower it: a boundary that allows everything leaves
// it as it is.
func Floor(in Input) int {
	switch {
	case in.Candidate == nil, never(in):
		return NeverExecuted
	case !effectiveLasting(in).Reversible():
		return 2
	case needsPerson(in):
		return 1
	}
	return 0
}

// never holds for what the agent does not do whoever approves: losing data,
// touching customer data, what a boundary denies, and promoting or deploying
// forward while a freeze is in force or the error budget is spent.
func never(in Input) bool {
	c, h := in.Candidate, in.History
	forward := c.Direction != Back && c.Direction != Neutral
	return in.Incident.DataLoss.MaybeTrue() ||
		c.LosesData.MaybeTrue() ||
		c.TouchesCustomerData.MaybeTrue() ||
		in.Boundary.Ruling != boundary.Allow && in.Boundary.Ruling != boundary.Ask ||
		forward && (h.Freeze.MaybeTrue() || h.BudgetSpent.MaybeTrue())
}

// needsPerson holds when anything about the incident or the action is severe,
// delicate or not known.
func needsPerson(in Input) bool {
	return severeFloor(in.Incident) || delicateFloor(in) || unknownCause(in) || repeated(in) || unclearAction(in) || worldUnclear(in)
}

func severeFloor(inc Incident) bool {
	return inc.Severity != severity.SEV3 && inc.Severity != severity.SEV4 ||
		inc.CustomerData.MaybeTrue() || inc.Security.MaybeTrue() ||
		inc.Flapping.MaybeTrue() || inc.Exhausted.MaybeTrue() ||
		inc.Covered != catalog.False
}

func delicateFloor(in Input) bool {
	c := in.Candidate
	if !c.DependantsKnown || c.Target.Name == "" || c.Target.Flags.PII == catalog.Unset || len(in.Incident.Services) == 0 {
		return true
	}
	noticed := 0
	for _, s := range in.Incident.Services {
		if s.Name == "" || s.Flags.Financial.MaybeTrue() || s.Flags.Auth.MaybeTrue() {
			return true
		}
		if s.OutOfBand.MaybeTrue() {
			noticed++
		}
	}
	for _, s := range c.Dependants {
		if s.Flags.Financial.MaybeTrue() || s.Flags.Auth.MaybeTrue() {
			return true
		}
	}
	return noticed > 1 || c.Target.Flags.Financial.MaybeTrue() || c.Target.Flags.Auth.MaybeTrue()
}

func unknownCause(in Input) bool {
	top, ok := leading(in.Hypotheses)
	return !ok || !(believed(top) >= threshold(in)) || top.Component != in.Candidate.Action.Service
}

// repeated holds when the action would be a repetition, or its count is not known.
func repeated(in Input) bool {
	h := in.History
	return !h.SameActionDay.Known || h.SameActionDay.N >= 1 || !h.SameActionWeek.Known || h.SameActionWeek.N >= 2
}

func unclearAction(in Input) bool {
	c := in.Candidate
	return c.Approved != catalog.True || c.Runbook == "" || c.RunbookSHA == "" || c.PlanSHA == "" ||
		c.NeedsCodeChange != catalog.False || c.Settles != catalog.True || !c.HasVerify ||
		!c.Cost.Known || math.IsNaN(c.Cost.Amount) || math.IsNaN(c.Cost.Budget) || c.Cost.Amount > c.Cost.Budget ||
		c.Action.Target.Environment == "" || c.Action.Target.Environment != in.Incident.Environment ||
		in.Boundary.Ruling != boundary.Allow || len(in.MustEscalate) > 0
}

func worldUnclear(in Input) bool {
	h := in.History
	return h.Freeze != catalog.False || h.BudgetSpent == catalog.Unset ||
		h.BudgetSpent.IsTrue() && in.Candidate.Direction != Neutral ||
		h.ConcurrentChange != catalog.False || h.Unsettled != catalog.False ||
		in.Incident.Firing != catalog.True || in.Incident.FirstSignal.IsZero() || in.Now.IsZero()
}
