package api

import (
	"context"
	"errors"
	"time"

	"github.com/holdfast-sre/holdfast/internal/audit"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/severity"
)

// What a Reader or Commands may answer beside success; every other error is an
// internal one whose text stays inside. A *problem.Problem says what the caller
// wrote wrongly and is shown with its hint.
var (
	ErrNotFound = errors.New("not found")
	// ErrConflict means that the world moved on: the incident is merged or
	// closed, the proposal was decided or has expired, the plan is another one.
	// The text of the wrapping error is shown.
	ErrConflict = errors.New("conflict")
	// ErrForbidden means that this user may not do that, ever; the text of the
	// wrapping error is shown.
	ErrForbidden = errors.New("not allowed")
	// ErrUnavailable means that the store can't answer now; try again.
	ErrUnavailable = errors.New("unavailable")
)

// Filter selects incidents; zero fields select everything.
type Filter struct {
	States      []incident.State
	Environment string
	Service     string
	Since       time.Time // started at or after
	Limit       int       // 1…500
}

// Mark changes whenever an incident or its timeline does; it is cheap to read.
type Mark struct {
	Revision int64
	Events   int
}

// Reader answers questions. It returns ErrNotFound for what does not exist.
type Reader interface {
	// Incidents answers newest first.
	Incidents(ctx context.Context, f Filter) ([]incident.Incident, error)
	Incident(ctx context.Context, id string) (incident.View, error)
	Mark(ctx context.Context, id string) (Mark, error)
	Evidence(ctx context.Context, id string) ([]evidence.Item, error)
	// Events answers the timeline by time, then insertion.
	Events(ctx context.Context, id string) ([]incident.Event, error)
	// Document answers the latest document of a kind, such as "postmortem".
	Document(ctx context.Context, id, kind string) (path string, body []byte, err error)
	// Audit answers records after a sequence number, oldest first; an empty id
	// means every incident.
	Audit(ctx context.Context, id string, after int64, limit int) ([]audit.Record, error)
	// Paused says whether actions are paused. An error is read as paused.
	Paused(ctx context.Context) (Pause, error)
}

// Pause is whether actions are stopped, by whom and why.
type Pause struct {
	Paused bool      `json:"paused"`
	By     string    `json:"by,omitempty"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at,omitzero"`
}

// Declaration opens an incident without any alert.
type Declaration struct {
	Title       string
	Severity    severity.Severity
	Environment string   // empty = the only one, or an error that lists them
	Services    []string // catalog names; may be empty
	Description string
}

// Commands do what people ask; by is the user's name and goes to timeline and
// audit. Each is one transaction.
type Commands interface {
	Delegator
	Declare(ctx context.Context, by string, d Declaration) (id string, err error)
	Acknowledge(ctx context.Context, by, id string) error
	SetSeverity(ctx context.Context, by, id string, s severity.Severity, reason string) error
	SetCommander(ctx context.Context, by, id, commander string) error
	AddFinding(ctx context.Context, by, id, text string) error
	// Split moves signals into an incident of their own.
	Split(ctx context.Context, by, id string, signals []string, title string) (newID string, err error)
	// Merge ends the incident in favour of into, which takes its signals.
	Merge(ctx context.Context, by, id, into string) error
	Resolve(ctx context.Context, by, id, reason string) error
	// Approve is called only for users who may approve. planSHA is the plan that
	// the person saw; another one is ErrConflict.
	Approve(ctx context.Context, by, id, proposal, planSHA string) error
	Reject(ctx context.Context, by, id, proposal, reason string) error
	// Grade judges what a runbook did or would have done; right is called only
	// for users who may approve.
	Grade(ctx context.Context, by, id string, j Judgement) error
	// SetPause stops or allows actions everywhere; allowing is called only for
	// users who may approve.
	SetPause(ctx context.Context, by string, paused bool, reason string) error
}
