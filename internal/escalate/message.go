package escalate

import (
	"context"
	"errors"
	"time"
)

// MaxSubject is the longest subject of a message, in characters: what a pager
// shows on a lock screen.
const MaxSubject = 120

// Message is one notification to people.
type Message struct {
	// Key is the idempotency key: the same notification sent again carries the
	// same key, and a receiver that saw it may drop the second.
	Key        string    `json:"key"`
	IncidentID string    `json:"incident_id"`
	Severity   string    `json:"severity"` // SEV-1 … SEV-4
	Urgency    string    `json:"urgency"`  // page | notify | ticket | none
	Subject    string    `json:"subject"`  // one sentence of at most MaxSubject characters
	Body       string    `json:"body"`     // plain text in the escalation format
	URL        string    `json:"url"`      // of the incident page; may be empty
	At         time.Time `json:"at"`
}

// Notifier brings messages to people. Implementations are safe for concurrent
// use and return before ctx ends. An error that wraps ErrRefused is final;
// after any other the same message may be sent again.
type Notifier interface {
	Name() string // configured name, for the timeline and for logs
	Notify(ctx context.Context, m Message) error
}

// ErrRefused reports that a receiver refused a message for good: sending the
// same again can't help.
var ErrRefused = errors.New("refused by the receiver")
