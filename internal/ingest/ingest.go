// Package ingest knows how deliveries from outside are accepted: who may send,
// how much, and what answer keeps a sender from giving up. The folders below it
// read one format each. It promises that a delivery is answered 202 only after
// it was committed, and that nothing refused goes unnoticed: each refusal is a
// signal of its own.
package ingest

import (
	"context"

	"github.com/holdfast-sre/holdfast/internal/signal"
)

// Acceptor commits deliveries. Accept returns nil only when everything in d
// will survive a power loss.
type Acceptor interface {
	Accept(ctx context.Context, d signal.Delivery) error
}
