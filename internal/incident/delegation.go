package incident

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/catalog"
)

// Delegation is a task that a person gave the agent and confirmed. How far it
// came is not kept here: it follows from its proposal, its action and its report.
type Delegation struct {
	ID         string            `json:"id"` // del_…
	At         time.Time         `json:"at"`
	By         string            `json:"by"`
	Task       string            `json:"task"` // in the person's words, secrets removed
	Runbook    string            `json:"runbook,omitempty"`
	Action     string            `json:"action,omitempty"` // empty = the runbook called for nothing
	Target     catalog.Target    `json:"target"`
	Service    string            `json:"service"`
	Params     map[string]string `json:"params,omitempty"`
	Watch      time.Duration     `json:"watch,omitempty"` // after the action; 0 = not asked for
	PlanSHA    string            `json:"plan_sha256"`
	ProposalID string            `json:"proposal_id,omitempty"` // empty = nothing to approve
	Refused    string            `json:"refused,omitempty"`     // why it was refused when it was given
	Report     string            `json:"report,omitempty"`
	ReportedAt *time.Time        `json:"reported_at,omitempty"`
	Outcome    Outcome           `json:"outcome,omitempty"`    // of the watch
	StoppedBy  string            `json:"stopped_by,omitempty"` // who ended the watch before its time
	StoppedAt  *time.Time        `json:"stopped_at,omitempty"`
}

// Outcome is what became of the signals over the watch after a task's action.
type Outcome string

// The outcomes of a watch.
const (
	OutcomeBetter    Outcome = "better"
	OutcomeUnchanged Outcome = "unchanged" // no worse than before
	OutcomeWorse     Outcome = "worse"
	OutcomeUnknown   Outcome = "unknown" // not measured before, or not after
)

// DelegationState says how far a delegated task has come.
type DelegationState string

// The states of a delegated task.
const (
	DelegationEchoed   DelegationState = "echoed"   // shown; nothing happens until it is confirmed
	DelegationWaiting  DelegationState = "waiting"  // for people to approve it
	DelegationRunning  DelegationState = "running"  // its action is intended or started, or ended a moment ago
	DelegationWatching DelegationState = "watching" // the action is done; the report comes at its time
	DelegationReported DelegationState = "reported"
	DelegationRefused  DelegationState = "refused" // nothing was done: Why says why
)

// Ended reports whether nothing more follows.
func (s DelegationState) Ended() bool { return s == DelegationReported || s == DelegationRefused }

// Progress says how far a task has come, and why where that needs saying.
func (d Delegation) Progress(proposals []Proposal, intents []action.Intent, events []Event) (DelegationState, string) {
	switch {
	case d.Refused != "":
		return DelegationRefused, d.Refused
	case d.ReportedAt != nil:
		return DelegationReported, ""
	}
	i := slices.IndexFunc(proposals, func(p Proposal) bool { return p.ID == d.ProposalID })
	if i < 0 {
		return DelegationRefused, "its proposal is gone"
	}
	switch p := proposals[i]; p.State {
	case Waiting:
		return DelegationWaiting, ""
	case Rejected, Expired:
		return DelegationRefused, whyNot(p, events)
	}
	for _, in := range slices.Backward(intents) {
		if in.ProposalID != d.ProposalID {
			continue
		}
		switch in.State {
		case action.Cancelled:
			return DelegationRefused, in.Outcome
		case action.Done:
			if d.Watch > 0 {
				return DelegationWatching, ""
			}
		}
		return DelegationRunning, ""
	}
	return DelegationRunning, ""
}

// whyNot finds on the timeline why a proposal was rejected or withdrawn.
func whyNot(p Proposal, events []Event) string {
	for _, e := range slices.Backward(events) {
		if (e.Kind == EventRejected || e.Kind == EventExpired) && text(e, "proposal") == p.ID {
			if e.Kind == EventRejected {
				return "rejected by " + e.Actor + ": " + text(e, "cause")
			}
			return text(e, "cause")
		}
	}
	return string(p.State)
}

// DelegationView is a Delegation as it leaves the house.
type DelegationView struct {
	ID         string            `json:"id"`
	At         Time              `json:"at"`
	By         string            `json:"by"`
	Task       string            `json:"task"`
	State      DelegationState   `json:"state"`
	Why        string            `json:"why"` // of a refusal
	Runbook    string            `json:"runbook"`
	Action     string            `json:"action"` // empty = the runbook called for nothing
	Target     catalog.Target    `json:"target"`
	Service    string            `json:"service"`
	Params     map[string]string `json:"params"`
	Watch      string            `json:"watch"` // such as "10m0s"; empty = not asked for
	PlanSHA256 string            `json:"plan_sha256"`
	Proposal   string            `json:"proposal"`
	Succeeded  bool              `json:"succeeded"` // what was asked for was done, or there was nothing to do
	Report     string            `json:"report"`
	ReportedAt Time              `json:"reported_at"`
	Outcome    Outcome           `json:"outcome"` // better | unchanged | worse | unknown: the signals over the watch; empty = none, or not reported
}

func delegationViews(p Parts) []DelegationView {
	return each(p.Incident.Delegations, func(d Delegation) DelegationView {
		v := DelegationView{
			ID: d.ID, At: Time(d.At), By: d.By, Task: d.Task, Runbook: d.Runbook, Action: d.Action, Target: d.Target, Service: d.Service,
			Params: dict(d.Params), PlanSHA256: d.PlanSHA, Proposal: d.ProposalID, Report: d.Report, ReportedAt: timeView(d.ReportedAt), Outcome: d.Outcome,
		}
		v.State, v.Why = d.Progress(p.Proposals, p.Intents, p.Events)
		if d.Watch > 0 {
			v.Watch = d.Watch.String()
		}
		v.Succeeded = v.State == DelegationReported && (d.ProposalID == "" || slices.ContainsFunc(p.Intents, func(in action.Intent) bool {
			return in.ProposalID == d.ProposalID && in.State == action.Done
		}))
		return v
	})
}

// DelegationPlan is what a task comes to: exactly what would be done, what the
// rules say to it and who must agree. It changes nothing.
type DelegationPlan struct {
	Incident   string            `json:"incident"`
	By         string            `json:"by"`
	Task       string            `json:"task"`
	State      DelegationState   `json:"state"`
	Why        string            `json:"why" doc:"Of a refusal, or why nothing is to be done."`
	Does       string            `json:"does" doc:"What exactly would be done, in one sentence; empty = nothing."`
	Action     string            `json:"action"`
	Target     catalog.Target    `json:"target"`
	Service    string            `json:"service"`
	Params     map[string]string `json:"params"`
	Generation string            `json:"generation" doc:"Of the target as it is now, such as its process; empty = it can't tell."`
	Runbook    string            `json:"runbook" doc:"Whose remediation it is; empty = it stands outside approved runbooks."`
	Option     string            `json:"option"`
	Risk       action.Risk       `json:"risk"`
	Lasting    action.Lasting    `json:"lasting"`
	Dependants []string          `json:"dependants" doc:"Services of the catalog that depend on the target."`
	Check      string            `json:"check" doc:"How we will know."`
	Undo       string            `json:"undo" doc:"What takes it back; empty = nothing does."`
	Boundary   string            `json:"boundary" doc:"What the boundary file answers."`
	Floor      string            `json:"floor" doc:"What the floor asks for, whatever a file says."`
	Approvers  int               `json:"approvers" doc:"How many people must approve; -1 = never executed."`
	YouCount   bool              `json:"you_count" doc:"Your confirmation is one of the approvals."`
	YouCountNo string            `json:"you_do_not_count" doc:"Why it is not."`
	MayApprove []string          `json:"may_approve" doc:"Whose approval counts; empty = every approver."`
	Commands   []string          `json:"commands" doc:"For a person to run by hand."`
	Reading    *Reading          `json:"reading,omitempty" doc:"Of a task that names a runbook: what it was answered, and what its conditions make of that."`
	Watch      string            `json:"watch" doc:"How long the signals are watched before the report; empty = not asked for."`
	Notes      []string          `json:"notes"`
	PlanSHA256 string            `json:"plan_sha256" doc:"Confirm with it: the confirmation is for this plan alone."`
	Boundaries string            `json:"boundary_sha256"`
	Delegation string            `json:"delegation" doc:"Set once it was confirmed."`
	Proposal   string            `json:"proposal" doc:"Set when it was confirmed and there is something to approve."`
}

// WhoMust says in words who must approve a task.
func (p DelegationPlan) WhoMust() string {
	if p.Approvers < 0 {
		return "none is possible: Holdfast does not run this"
	}
	out := fmt.Sprintf("%d needed", p.Approvers)
	if len(p.MayApprove) > 0 {
		out += ", of " + strings.Join(p.MayApprove, ", ")
	}
	if p.YouCount {
		return out + "; your confirmation is one"
	}
	return out + "; your confirmation is none: " + p.YouCountNo
}
