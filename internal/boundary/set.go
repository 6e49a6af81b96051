package boundary

import (
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/severity"
)

// Stage is how much autonomy a runbook has earned on a service.
type Stage string

// The stages. What no one has graded or overridden is in Shadow; a value that
// is not on this list counts as Shadow.
const (
	Shadow  Stage = "shadow"  // decides and records, does nothing
	Approve Stage = "approve" // proposes; a person approves
	Auto    Stage = "auto"    // may act alone where a boundary allows it
)

// Facts are what the rules of a boundary file are asked about: one action on
// one target, for one incident.
type Facts struct {
	Action   action.Action
	Runbook  string
	Severity severity.Severity
	Services []string // affected by the incident
	Tier     int      // of the target's service: 1 … 4; 0 = not known
	Replicas int      // of the target now; 0 = not known
	Neutral  bool     // the action goes neither forward nor back
	// BudgetSpent is whether the target's service spent its error budget.
	BudgetSpent catalog.Flag
	Now         time.Time
}

// Limits are numeric bounds on what may be done without a person.
type Limits struct {
	ReplicasMin     int `json:"replicas_min"`
	ReplicasMax     int `json:"replicas_max"`
	RestartsPerHour int `json:"restarts_per_hour"` // per service
	ActionsPerHour  int `json:"actions_per_hour"`  // over all services
}

// Hit is a must-escalate addition of the boundary file that holds, or that
// could not be evaluated, which counts as holding.
type Hit struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// Grant is the stage of a runbook on a service and where it comes from.
type Grant struct {
	Stage    Stage  `json:"stage"`
	Override bool   `json:"override"` // set by hand, not earned by graded cases
	By       string `json:"by,omitempty"`
	Reason   string `json:"reason,omitempty"`
}

// Window is a freeze that is in force.
type Window struct {
	Name   string    `json:"name"`
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Reason string    `json:"reason,omitempty"`
}
