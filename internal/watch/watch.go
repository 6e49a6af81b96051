// Package watch compares what Holdfast believes with the world, on a schedule:
// incidents against the alerts that their Alertmanager holds, the Watchdog that
// must keep arriving, and Holdfast itself towards an outside dead-man's switch.
// It is a loop of periodic jobs on the store. Absence of an alert resolves its
// signal; it is never proof of recovery.
package watch

import (
	"context"
	"log/slog"
	"time"

	"github.com/holdfast-sre/holdfast/internal/signal"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// ActiveAlerts reads what an Alertmanager holds. healthy says whether the
// answer may be trusted about what is absent.
type ActiveAlerts interface {
	Active(ctx context.Context) (alerts []signal.Signal, healthy bool, err error)
}

// Acceptor commits signals as if they had been delivered.
type Acceptor interface {
	Accept(ctx context.Context, d signal.Delivery) error
}

// Source is one source of alerts that is watched.
type Source struct {
	Name        string // the ingest source: signals carry it
	Environment string
	// Alerts is nil when the sender can't be asked.
	Alerts ActiveAlerts
	// Watchdog is the name of the alert that must keep arriving; "" = none.
	Watchdog string
	// WatchdogLimit is how long it may stay away; 0 = 15 min.
	WatchdogLimit time.Duration
}

// Health says whether a part of Holdfast works; nil is healthy.
type Health struct {
	Name  string
	Check func(ctx context.Context) error
}

// Heartbeat tells an outside dead-man's switch that all is well.
type Heartbeat interface {
	Beat(ctx context.Context) error
}

// Options of a Watch; the zero value of a field has a default.
type Options struct {
	Log      *slog.Logger
	Sources  []Source
	Every    time.Duration // between polls of Alertmanager; 0 = 1 min
	Absent   time.Duration // how long an alert must be absent; 0 = 5 min
	Beat     Heartbeat     // nil = none
	BeatEach time.Duration // 0 = 1 min
	Health   []Health      // all must be well for the heartbeat to go out
}

// New returns the loop; it starts nothing.
func New(st *store.Store, a Acceptor, o Options) *Watch {
	return &Watch{store: st, accept: a, o: o.withDefaults()}
}

// Watch is the loop. It is safe for concurrent use.
type Watch struct {
	store  *store.Store
	accept Acceptor
	o      Options
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Every == 0 {
		o.Every = time.Minute
	}
	if o.Absent == 0 {
		o.Absent = 5 * time.Minute
	}
	if o.BeatEach == 0 {
		o.BeatEach = time.Minute
	}
	return o
}
