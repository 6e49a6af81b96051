// Package decide gives the verdict: remediate, escalate or watch, with every
// rule that led there. Pure functions of plain values; the clock comes in.
package decide

import "time"

// Kind of verdict.
type Kind string

// The verdicts.
const (
	Remediate Kind = "remediate"
	Escalate  Kind = "escalate"
	Watch     Kind = "watch"
)

// Urgency of an escalation.
type Urgency string

// The urgencies.
const (
	PageUrgency   Urgency = "page"
	NotifyUrgency Urgency = "notify"
	TicketUrgency Urgency = "ticket"
	NoUrgency     Urgency = "none"
)

// Part says what it means that a rule holds.
type Part string

// The parts of a verdict, in the order of evaluation.
const (
	PartStandDown    Part = "stand_down"    // held: no action and no page, except SEV-1
	PartMustEscalate Part = "must_escalate" // one that holds: a person decides
	PartAct          Part = "act"           // all must hold to act alone
	PartWatch        Part = "watch"         // held: look again later
	PartFloor        Part = "floor"         // held: no person is needed
)

// Rule is one rule as it was evaluated.
type Rule struct {
	ID     string         `json:"id"`
	Part   Part           `json:"part"`
	Held   bool           `json:"held"`
	Values map[string]any `json:"values"`
	Text   string         `json:"text,omitempty"` // the outcome in words
}

// Verdict is the decision with the record that led to it.
type Verdict struct {
	Kind           Kind      `json:"kind"`
	Urgency        Urgency   `json:"urgency"`
	DecidedAt      time.Time `json:"decided_at"`
	Rules          []Rule    `json:"rules"` // in the order of evaluation, every one
	Reasons        []string  `json:"reasons"`
	BoundarySHA256 string    `json:"boundary_sha256"`
	// NextLook is when to decide again: watching, or waiting for a diagnosis.
	NextLook time.Time `json:"next_look,omitzero"`
	// Hold means: keep investigating, say nothing yet (rule 4, SEV-3/4 before T+10).
	Hold bool `json:"hold,omitempty"`
	// Approvers is how many people must approve before the proposed action may
	// run after all: 0 = none needed, -1 = never executed, whoever approves.
	Approvers int `json:"approvers"`
	// MayApprove are those whose approval counts; nil = every approver.
	MayApprove []string `json:"may_approve"`
	// FourEyes: the approval of those who asked for it does not count.
	FourEyes bool `json:"four_eyes,omitempty"`
	// Shadow means: every rule but the autonomy earned so far would have let
	// the agent act. This is what grading compares with what people did.
	Shadow bool `json:"shadow,omitempty"`
}
