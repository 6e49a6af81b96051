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
	// Watchdog is set when the delivery carried the source's always-firing
	// alert, which is never a signal.
	Watchdog   bool
	ReceivedAt time.Time
}
