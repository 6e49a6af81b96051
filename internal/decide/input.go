package decide

import (
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/severity"
)

// Is turns what is certainly known into a flag. A fact that could not be
// established stays catalog.Unset, which every rule reads as the unsafe value.
func Is(b bool) catalog.Flag {
	if b {
		return catalog.True
	}
	return catalog.False
}

// Count is a number that may be unknown. The zero value is unknown and counts
// as over every limit.
type Count struct {
	N     int  `json:"n"`
	Known bool `json:"known"`
}

// Counted is a known count.
func Counted(n int) Count { return Count{N: n, Known: true} }

// Pause is whether people stopped the agent. The zero value is unreadable,
// which is read as paused.
type Pause int

// The states of the pause switch.
const (
	PauseUnreadable Pause = iota
	Running
	Paused
)

// String returns "unreadable", "running" or "paused".
func (p Pause) String() string {
	switch p {
	case Running:
		return "running"
	case Paused:
		return "paused"
	case PauseUnreadable:
	}
	return "unreadable"
}

// Direction says whether an action brings a newer state (promote, deploy, flag
// on), an older one (rollback, flag off) or the same. The zero value is unknown
// and read as Forward.
type Direction string

// The directions.
const (
	Forward Direction = "forward"
	Back    Direction = "back"
	Neutral Direction = "neutral" // restart, scale, cache, read
)

// Input is everything that a verdict depends on, as plain values. Whatever is
// left unset is read as unsafe: an empty Input escalates.
type Input struct {
	Now        time.Time
	Incident   Incident
	Hypotheses []diagnose.Hypothesis // descending, "unknown" last; the engine's own probabilities
	Candidate  *Candidate            // nil = no remediation of a runbook fits
	Threshold  float64               // probability needed to act alone; only a value above DefaultThreshold counts

	Boundary       boundary.Decision // for Candidate; the zero value denies
	BoundarySHA256 string            // of the boundary file; empty blocks acting
	MustEscalate   []boundary.Hit    // additions of the boundary file that hold (boundary.Set.MustEscalate)
	Autonomy       boundary.Grant    // of Candidate's runbook on its service
	Limits         boundary.Limits
	History        History
	Pause          Pause
}

// Incident is what the rules look at in an incident.
type Incident struct {
	ID          string
	Severity    severity.Severity
	Environment string
	FirstSignal time.Time // T of "T+10 min"
	Services    []Service // affected; none = the signals map to nothing

	Covered   catalog.Flag // maintenance window, silence or inhibition covers all signals
	CoveredBy string       // which, for the record

	Firing         catalog.Flag  // at least one signal is firing still
	SampleAge      time.Duration // of the newest sample that the diagnosis rests on
	ScrapeInterval time.Duration // of its source; 0 = unknown = not fresh

	Flapping     catalog.Flag
	DataLoss     catalog.Flag // data loss suspected
	CustomerData catalog.Flag // customer data or PII exposed or corrupted, suspected
	Security     catalog.Flag // breach or abuse suspected

	PageBurn  bool         // the error budget burns at a rate that pages (14.4)
	LowImpact catalog.Flag // users hardly notice; never set it for SEV-1/2
	Stable    catalog.Flag // not getting worse
	Exhausted catalog.Flag // every remediation was tried, or one failed its verification
}

// Service is an affected service, the target's, or one that depends on it.
type Service struct {
	Name        string
	Flags       catalog.Flags
	RestartSafe bool         // the worker is declared safe to restart
	OutOfBand   catalog.Flag // its own user-facing indicator is out of band; False for one without such an indicator
}

// Candidate is the one remediation that would be executed.
type Candidate struct {
	Runbook    string
	RunbookSHA string
	Option     string                // name of the remediation
	Approved   catalog.Flag          // the runbook is among the loaded, approved ones and its trigger and preconditions match
	Treats     []diagnose.CauseClass // cause classes that the remediation says it treats
	Action     action.Action

	Target          Service   // catalog entry of Action.Service; zero = not in the catalog
	Dependants      []Service // everything that depends on it, transitively
	DependantsKnown bool      // Dependants was computed from a catalog

	HasVerify           bool         // the remediation says how we will know
	HasUndo             bool         // and how to take it back, tested
	NeedsCodeChange     catalog.Flag // the repair needs a code change
	LosesData           catalog.Flag // the action may lose data
	TouchesCustomerData catalog.Flag // the action reads, changes or exposes customer data (not: the service merely stores some)
	Settles             catalog.Flag // after a crash the target can tell what happened, or it takes our idempotency key
	Direction           Direction
	Cost                Cost
	PlanSHA             string
	Generation          string // of the target when planned
}

// Cost is what an action costs and what it may. Known is false when nobody
// computed it, which counts as over the budget.
type Cost struct {
	Amount float64 `json:"amount"`
	Budget float64 `json:"budget"`
	Unit   string  `json:"unit,omitempty"`
	Known  bool    `json:"known"`
}

// History is what was done lately, and what is going on. Counts are of actions
// that started, whatever their outcome, and leave the proposed one out.
type History struct {
	SameActionDay    Count        // same action, same target, last 24 h
	SameActionWeek   Count        // same action, same target, last 7 days
	RestartsHour     Count        // restarts of the target's service, last hour
	ActionsHour      Count        // every action of the agent anywhere, last hour
	ConcurrentChange catalog.Flag // another change to the target's service is in progress
	Unsettled        catalog.Flag // an earlier action on the target is started or unknown
	Replicas         Count        // of the target, now
	ReplicasAfter    Count        // what a scaling would leave; unknown for other actions
	Freeze           catalog.Flag // a freeze window is in force
	FreezeName       string
	BudgetSpent      catalog.Flag // the error budget of the target's service is spent
}

// Approval is the consent of people to one plan.
type Approval struct {
	By         []string // names of people, each counted once
	Requesters []string // who declared the incident or asked for the action
	At         time.Time
	ExpiresAt  time.Time
	PlanSHA    string
	Generation string
}

// RecheckInput is what is compared just before an action starts: the world now
// (Input, read afresh) against what was decided or approved.
type RecheckInput struct {
	Input

	PlanSHA        string       // of the plan about to run
	Generation     string       // of the target, read just now
	DecidedPlanSHA string       // of the plan that was decided or approved
	DecidedGen     string       // generation of the target then
	DecidedBounds  string       // SHA-256 of the boundary file then
	FactsHold      catalog.Flag // the remediation's `when` still holds over fresh facts
	Approval       *Approval    // nil = the agent acts alone
}
