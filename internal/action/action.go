// Package action knows what may be done to production: the closed list of
// actions, how lasting each is, and the record of one that was intended. The
// folders below it do them. This package itself does no I/O.
package action

import (
	"context"
	"errors"
	"time"

	"github.com/holdfast-sre/holdfast/internal/catalog"
)

// Lasting says what remains of an action. "Reversible" means the first two.
type Lasting string

// The kinds of lastingness; the zero value is unknown and treated as lasting.
const (
	Undoable  Lasting = "undoable"  // has a tested undo
	Transient Lasting = "transient" // leaves nothing behind
	Permanent Lasting = "lasting"   // everything else
)

// Reversible reports whether the action leaves nothing that can't be taken back.
func (l Lasting) Reversible() bool { return l == Undoable || l == Transient }

// Risk of an action, as written in the runbook.
type Risk string

// The risks.
const (
	Low    Risk = "low"
	Medium Risk = "medium"
	High   Risk = "high"
)

// Action is one change to one target.
type Action struct {
	Name    string            `json:"action"` // process.restart | http.call
	Target  catalog.Target    `json:"target"`
	Service string            `json:"service"` // catalog name of the target's service
	Params  map[string]string `json:"params,omitempty"`
	Risk    Risk              `json:"risk"`
	Lasting Lasting           `json:"lasting"`
}

// State of an intent.
type State string

// The states of an intent: intended → started → done | failed | unknown.
// Cancelled is an intent that a recomputed verdict withdrew before it started.
const (
	Intended  State = "intended"
	Started   State = "started"
	Done      State = "done"
	Failed    State = "failed"
	Unknown   State = "unknown"
	Cancelled State = "cancelled"
)

// Intent is the durable record of one action, written before it starts. ID is
// the idempotency key that goes to the target.
type Intent struct {
	ID         string    `json:"id"` // act_…
	IncidentID string    `json:"incident_id"`
	ProposalID string    `json:"proposal_id,omitempty"`
	Runbook    string    `json:"runbook"`
	RunbookSHA string    `json:"runbook_sha256"`
	PlanSHA    string    `json:"plan_sha256"`
	Action     Action    `json:"action"`
	State      State     `json:"state"`
	By         string    `json:"by"` // agent | user name
	ApprovedBy string    `json:"approved_by,omitempty"`
	Generation string    `json:"generation,omitempty"` // of the target, read before the start
	IntendedAt time.Time `json:"intended_at"`
	StartedAt  time.Time `json:"started_at,omitzero"`
	FinishedAt time.Time `json:"finished_at,omitzero"`
	Outcome    string    `json:"outcome,omitempty"`
	IsUndo     bool      `json:"is_undo,omitempty"`
	// BoundarySHA identifies the boundary file under which it was decided or
	// approved; under another one it does not start.
	BoundarySHA string `json:"boundary_sha256,omitempty"`
	// Delegation is the task of a person that it does; empty = the agent's own.
	Delegation string `json:"delegation,omitempty"`
	Reason     string `json:"reason,omitempty"` // in the words of whoever asked; empty = the runbook's
}

// ErrUnknownOutcome reports that an action may or may not have run.
var ErrUnknownOutcome = errors.New("outcome unknown")

// Executor does one kind of action. Implementations are safe for concurrent use.
type Executor interface {
	// Name is the action that it does, such as "process.restart".
	Name() string
	// Generation reads what changes when the target is acted on (a pid, a
	// resource version). An empty string means that the target can't tell.
	Generation(ctx context.Context, a Action) (string, error)
	// Save returns what the action would destroy, within ten seconds; nil when nothing.
	Save(ctx context.Context, a Action) ([]byte, error)
	// DryRun says in one sentence what Do would do, and fails where Do would be refused.
	DryRun(ctx context.Context, a Action) (string, error)
	// Do acts once; key is the idempotency key. An error that wraps
	// ErrUnknownOutcome means that it may have happened.
	Do(ctx context.Context, a Action, key string) (outcome string, err error)
	// Settle reads the target after a crash between start and finish:
	// Done, Failed (it certainly did not happen) or Unknown.
	Settle(ctx context.Context, in Intent) (State, string, error)
}
