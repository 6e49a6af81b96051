package incident

import (
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
)

// ProposalState is where a proposal stands.
type ProposalState string

// The states of a proposal.
const (
	Waiting  ProposalState = "waiting"
	Approved ProposalState = "approved"
	Rejected ProposalState = "rejected"
	Expired  ProposalState = "expired"
)

// Proposal is an action that waits for a person. Approval binds PlanSHA,
// Generation and Facts, and lives until ExpiresAt.
type Proposal struct {
	ID         string         `json:"id"` // prop_…
	IncidentID string         `json:"incident_id"`
	Runbook    string         `json:"runbook"`
	RunbookSHA string         `json:"runbook_sha256"`
	Option     string         `json:"option"` // name of the remediation
	Title      string         `json:"title"`  // what it does, in words
	Action     action.Action  `json:"plan"`
	Why        string         `json:"why"`
	Cost       string         `json:"cost"` // what it costs while it runs
	Pros       string         `json:"pros,omitempty"`
	Cons       string         `json:"cons,omitempty"`
	Check      string         `json:"check,omitempty"` // how we will know
	Recommend  bool           `json:"recommended,omitempty"`
	IsUndo     bool           `json:"is_undo,omitempty"`    // takes an earlier action back
	Delegation string         `json:"delegation,omitempty"` // of the task that a person gave; empty = the agent's own
	Executable bool           `json:"executable"`           // false = shown as commands for a person only
	Commands   []string       `json:"commands,omitempty"`   // for a person
	Facts      map[string]any `json:"facts,omitempty"`
	PlanSHA    string         `json:"plan_sha256"`
	Generation string         `json:"generation,omitempty"`
	Approvers  int            `json:"approvers"` // how many people must approve
	ApprovedBy []string       `json:"approved_by,omitempty"`
	// MayApprove are those whose approval counts; nil = every approver.
	MayApprove []string `json:"may_approve"`
	// FourEyes: the approval of those who asked for it does not count.
	FourEyes   bool     `json:"four_eyes,omitempty"`
	Requesters []string `json:"requesters,omitempty"` // who declared the incident or asked for the action
	// BoundarySHA identifies the boundary file under which it was offered.
	BoundarySHA string        `json:"boundary_sha256,omitempty"`
	Changes     []Change      `json:"changes,omitempty"`
	State       ProposalState `json:"state"`
	At          time.Time     `json:"at"`
	ExpiresAt   time.Time     `json:"expires_at,omitzero"` // of an approval: 15 minutes
}

// Change is one thing that an action changes: how it is, and how it will be.
type Change struct {
	What   string `json:"what"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// StillNeeded is how many more people must approve.
func (p Proposal) StillNeeded() int {
	if p.State != Waiting || !p.Executable || p.Approvers < 0 {
		return 0
	}
	return max(max(p.Approvers, 1)-len(p.ApprovedBy), 0)
}
