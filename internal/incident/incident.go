// Package incident knows an incident: its states and which follow which, its
// severity, and its timeline. Pure: transitions are functions of the incident
// and an event; who stores it is not its concern.
package incident

import (
	"time"

	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/severity"
)

// State of an incident.
type State string

// The states.
const (
	Open          State = "open"
	Investigating State = "investigating"
	Mitigating    State = "mitigating"
	Monitoring    State = "monitoring"
	Watching      State = "watching"
	Resolved      State = "resolved"
	Closed        State = "closed"
	Merged        State = "merged"
)

// Event kinds; a closed list, each one row of the timeline.
const (
	EventOpened          = "opened"
	EventDeclared        = "declared"
	EventSignal          = "signal" // a signal joined, resolved or fired again
	EventAcknowledged    = "acknowledged"
	EventTriaged         = "triaged"
	EventTransition      = "transition"
	EventSeverityChanged = "severity_changed"
	EventCommanderSet    = "commander_set"
	EventEvidence        = "evidence"
	EventDiagnosis       = "diagnosis"
	EventVerdict         = "verdict"
	EventPaged           = "paged"
	EventProposal        = "proposal"
	EventApproved        = "approved"
	EventRejected        = "rejected"
	EventExpired         = "expired"
	EventAction          = "action"
	EventRecovery        = "recovery"
	EventDocument        = "document"
	EventFindingAdded    = "finding_added"
	EventCauseConfirmed  = "cause_confirmed"
	EventMitigated       = "mitigated"
	EventFixDeployed     = "fix_deployed"
	EventFixValidated    = "fix_validated"
	EventGraded          = "graded"
	EventDelegated       = "delegated" // a person gave the agent a task
	EventReported        = "reported"  // what became of it
	EventSplit           = "split"
	EventMerged          = "merged"
	EventFlapping        = "flapping"
	EventNote            = "note"
)

// Actors that are not people.
const (
	ActorAgent  = "agent"
	ActorRule   = "rule"
	ActorSystem = "system"
)

// Event is one row of the timeline.
type Event struct {
	At    time.Time      `json:"at"`
	Kind  string         `json:"kind"`
	Actor string         `json:"actor"` // agent | rule | system | a person's name
	Text  string         `json:"text"`
	Data  map[string]any `json:"data"`
}

// Value is one measured number of the impact.
type Value struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	Usual float64 `json:"usual"`
}

// Impact is what users notice.
type Impact struct {
	Summary string  `json:"summary"`
	Values  []Value `json:"values"`
}

// TraceStep is one step from the failing line to the requirement.
type TraceStep struct {
	Kind     string `json:"kind"` // code | commit | bolt | adr | rfc | daa | tip | prd | story
	ID       string `json:"id"`
	Title    string `json:"title"`
	Path     string `json:"path"`
	Line     int    `json:"line"`
	Inferred bool   `json:"inferred"`
	// Missing is what the artefact does not specify about the mechanism at fault.
	Missing []string `json:"missing,omitempty"`
	// Score, from 0 to 1, and Why say what a step rests on that no link leads to,
	// and Others what else may be meant.
	Score  float64          `json:"score,omitempty"`
	Why    string           `json:"why,omitempty"`
	Others []TraceCandidate `json:"others,omitempty"`
}

// TraceCandidate is an artefact that may be meant where nothing names one.
type TraceCandidate struct {
	ID    string  `json:"id"`
	Score float64 `json:"score"`
	Why   string  `json:"why"`
}

// Incident is signals about one problem. It is stored whole; lists that grow
// (signals, evidence, verdicts, actions, timeline) are stored beside it.
type Incident struct {
	ID              string                `json:"id"` // INC-2026-0001
	Title           string                `json:"title"`
	State           State                 `json:"state"`
	Severity        severity.Severity     `json:"severity"`
	SeverityReasons []string              `json:"severity_reasons"`
	SeverityByHand  bool                  `json:"severity_by_hand,omitempty"` // a person set it; it may still rise by itself
	SeverityHeard   severity.Severity     `json:"severity_heard,omitempty"`   // the worst that its signals asked for so far
	Environment     string                `json:"environment"`
	Services        []string              `json:"services"` // affected, sorted
	Owners          []string              `json:"owners,omitempty"`
	Commander       string                `json:"commander,omitempty"`
	StartedAt       time.Time             `json:"started_at"` // first signal received
	OnsetAt         *time.Time            `json:"onset_at"`
	AcknowledgedAt  *time.Time            `json:"acknowledged_at"`      // by a person
	ClaimedAt       *time.Time            `json:"claimed_at,omitempty"` // by the agent: internal only
	MitigatedAt     *time.Time            `json:"mitigated_at"`
	ResolvedAt      *time.Time            `json:"resolved_at"`
	ClosedAt        *time.Time            `json:"closed_at,omitempty"`
	Impact          Impact                `json:"impact"`
	Hypotheses      []diagnose.Hypothesis `json:"hypotheses"`
	Abnormal        []diagnose.Abnormal   `json:"abnormal,omitempty"`
	// Observed is what the checks behind the hypotheses saw, RuledOut what they
	// looked for and did not find.
	Observed     []diagnose.Observation `json:"observed,omitempty"`
	RuledOut     []diagnose.Observation `json:"ruled_out,omitempty"`
	Trace        []TraceStep            `json:"trace"`
	Similar      []Like                 `json:"similar,omitempty"` // what resembles it, the best first
	MergedInto   string                 `json:"merged_into,omitempty"`
	Earlier      []string               `json:"earlier,omitempty"` // recurrences within 30 days
	Flapping     bool                   `json:"flapping,omitempty"`
	Reopened     []time.Time            `json:"reopened,omitempty"`    // when a resolved signal fired again; the last eight
	ReopenedAt   *time.Time             `json:"reopened_at,omitempty"` // when it last came back after it was resolved; flapping leaves it
	Contexts     string                 `json:"context,omitempty"`     // the context package, Markdown
	Drafts       []Drafting             `json:"drafts,omitempty"`      // written back after each resolution, oldest first
	Delegations  []Delegation           `json:"delegations,omitempty"` // tasks that people gave the agent, oldest first
	Paged        []Page                 `json:"paged,omitempty"`
	LastSignalAt time.Time              `json:"last_signal_at,omitzero"` // when a signal last joined or fired again
	GroupKey     string                 `json:"group_key,omitempty"`     // signal.LoneKey of an incident without a service
	Revision     int64                  `json:"revision"`                // raised by each store; compared on update
}

// Page is one notification to people, kept so that joining never pages less
// than the signal alone would.
type Page struct {
	At       time.Time         `json:"at"`
	Urgency  string            `json:"urgency"`
	Severity severity.Severity `json:"severity"`
	Services []string          `json:"services"`
	Owners   []string          `json:"owners,omitempty"`
}
