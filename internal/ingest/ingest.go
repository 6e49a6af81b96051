// Package ingest knows how deliveries from outside are accepted: who may send,
// how much, and what answer keeps a sender from giving up. The folders below it
// read one format each. It promises that a delivery is answered 202 only after
// it was committed, and that no refusal goes unnoticed: each is a signal of its
// own.
//
// Alertmanager drops a whole group on 4xx and tries again on 5xx. So 4xx is
// kept for what would be refused again: bad credentials (401), broken JSON or a
// wrong version (400). A body over the limit is not refused: what was read of
// it counts, and the rest is read from the sender (Delivery.Missing).
package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/holdfast-sre/holdfast/internal/signal"
)

// Acceptor commits deliveries. Accept returns nil only when everything in d
// will survive a power loss.
type Acceptor interface {
	Accept(ctx context.Context, d signal.Delivery) error
}

// Source is one sender. Its token fixes the name and the environment of
// everything that it sends; no label can change them.
type Source struct {
	Name        string
	Environment string
	Token       string // at least 16 bytes
	Severity    signal.SeverityRules
	// Service maps labels to a catalog service; "" = nothing.
	Service func(labels map[string]string) string
	// Watchdog is the name of the source's always-firing alert; "" = none.
	Watchdog string
}

// Rules returns how signals of the source are made.
func (s Source) Rules() signal.Rules {
	return signal.Rules{Source: s.Name, Environment: s.Environment, Severity: s.Severity, Service: s.Service}
}

// Options of a Door. Sources and Accept are needed; the rest has defaults.
type Options struct {
	Sources       []Source // those that may use this door
	Accept        Acceptor
	Now           func() time.Time // nil = time.Now
	Log           *slog.Logger     // nil = discard
	MaxBody       int64            // bytes read of one delivery; 0 = 16 MiB
	MaxConcurrent int              // deliveries at once, more get 503; 0 = 64
	// Environment is that of signals about deliveries whose sender is not
	// known; "" = the one that all sources share, or "holdfast".
	Environment string
	Metrics     prometheus.Registerer // nil = counted nowhere
}

// Format reads one kind of delivery.
type Format struct {
	Name string // in metrics, logs and signals: "alertmanager"
	// Quiet formats carry no alerts: a refused delivery is answered and logged,
	// but raises no incident.
	Quiet bool
	// Parse reads body. An error that wraps ErrRefused is the sender's fault;
	// what was read before it still counts. It must be safe for concurrent use.
	Parse func(body io.Reader, s Source, now time.Time) (signal.Delivery, error)
}

// Reason says why a delivery was refused; a closed list.
type Reason string

// The reasons.
const (
	BadCredentials Reason = "bad credentials"
	BrokenJSON     Reason = "broken JSON"
	WrongVersion   Reason = "wrong version"
	BadInput       Reason = "bad input" // quiet formats only
)

// ErrRefused is what every RefusedError wraps.
var ErrRefused = errors.New("delivery refused")

// RefusedError says why a delivery is refused and what the sender should do.
// Its text holds nothing of the payload.
type RefusedError struct {
	Reason Reason
	Detail string
	Hint   string
}

func (e *RefusedError) Error() string { return fmt.Sprintf("%s: %s", e.Reason, e.Detail) }

// Unwrap makes errors.Is(err, ErrRefused) hold.
func (e *RefusedError) Unwrap() error { return ErrRefused }

// ErrCut is what the body answers at its limit. A parser keeps what it has and
// sets Missing to -1.
var ErrCut = errors.New("delivery over the body limit")
