package signal

import (
	"time"

	"github.com/holdfast-sre/holdfast/internal/change"
)

// Delivery is what one notification from outside brought. It is accepted whole
// or not at all.
type Delivery struct {
	Source  string
	Signals []Signal
	Changes []change.Change
	// Key names the delivery where the sender gave it a name; the second one
	// with the same key changes nothing. Empty = the content decides: a signal
	// or change that is known already changes nothing.
	Key string
	// Missing is how many alerts the sender says it left out, or -1 when the
	// delivery was cut and nobody knows; the rest is read from the sender.
	Missing int
	// Group are the labels that the left-out alerts share with the others.
	Group map[string]string
	// Watchdog is set when the delivery carried the source's always-firing
	// alert, which is never a signal.
	Watchdog   bool
	ReceivedAt time.Time
}

// Jobs that acceptance enqueues, and their keys.
const (
	TriageJob   = "triage"    // handled by triage: drains what is pending
	PendingKey  = "pending"   // of TriageJob: one drains everything
	ReadRestJob = "read-rest" // handled by watch; Args is a Rest
)

// Rest says which alerts a delivery left out.
type Rest struct {
	Source  string            `json:"source"`
	Labels  map[string]string `json:"labels"` // common to all of them; empty = not known
	Missing int               `json:"missing"`
}

// Seen is when a source's Watchdog last arrived, kept under WatchdogKey.
type Seen struct {
	At time.Time `json:"at"`
}

// WatchdogKey names the small durable state of a source's Watchdog.
func WatchdogKey(source string) string { return "watchdog/" + source }
