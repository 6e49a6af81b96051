// Package watch compares what Holdfast believes with the world, on a schedule:
// incidents against the alerts that their Alertmanager holds, the Watchdog that
// must keep arriving, and Holdfast itself towards an outside dead-man's switch.
// It is a loop of periodic jobs on the store. Absence of an alert resolves its
// signal; it is never proof of recovery.
package watch

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/holdfast-sre/holdfast/internal/jobs"
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
	// WatchdogLimit is how long it may stay away; 0 = 15 min. Alertmanager's
	// repeat_interval for it must be shorter.
	WatchdogLimit time.Duration
}

// Health says whether a part of Holdfast works: Check returns nil when it does.
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
	// Health must all be well for the heartbeat to go out. Store and queue need
	// no entry: a heartbeat is a job, and runs only while both work.
	Health []Health
}

// Kinds of jobs that watch handles beside signal.ReadRestJob.
const (
	KindReconcile = "reconcile"
	KindWatchdog  = "watchdog"
	KindHeartbeat = "heartbeat"
)

const (
	pollTimeout   = 5 * time.Second // one answer of an Alertmanager
	watchdogEvery = time.Minute
	watchdogLimit = 15 * time.Minute
)

// Watch is the loop. It is safe for concurrent use.
type Watch struct {
	store  *store.Store
	accept Acceptor
	o      Options

	mu  sync.Mutex
	ill map[string]bool // what was logged as failing: logged when it starts and ends
}

// New returns the loop; it starts nothing.
func New(st *store.Store, a Acceptor, o Options) *Watch {
	return &Watch{store: st, accept: a, o: o.withDefaults(), ill: map[string]bool{}}
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

// Specs are the job handlers of watch.
func (w *Watch) Specs() map[string]jobs.Spec[*store.Tx] {
	return map[string]jobs.Spec[*store.Tx]{
		signal.ReadRestJob: {Handle: w.readRest},
		KindReconcile:      {Handle: w.reconcile},
		KindWatchdog:       {Handle: w.watchdogs},
		KindHeartbeat:      {Handle: w.heartbeat},
	}
}

// Periodic is what watch does on a schedule, as far as it is configured.
func (w *Watch) Periodic() []jobs.Periodic {
	var out []jobs.Periodic
	asked, dogs := false, false
	for _, s := range w.o.Sources {
		asked = asked || s.Alerts != nil
		dogs = dogs || s.Watchdog != ""
	}
	if asked {
		out = append(out, jobs.Periodic{Kind: KindReconcile, Every: w.o.Every})
	}
	if dogs {
		out = append(out, jobs.Periodic{Kind: KindWatchdog, Every: watchdogEvery})
	}
	if w.o.Beat != nil {
		out = append(out, jobs.Periodic{Kind: KindHeartbeat, Every: w.o.BeatEach})
	}
	return out
}

// source finds a watched source by name.
func (w *Watch) source(name string) (Source, bool) {
	for _, s := range w.o.Sources {
		if s.Name == name {
			return s, true
		}
	}
	return Source{}, false
}

// note logs a failure when it starts and when it ends.
func (w *Watch) note(ctx context.Context, what string, err error) {
	w.mu.Lock()
	was := w.ill[what]
	w.ill[what] = err != nil
	w.mu.Unlock()
	switch {
	case err != nil && !was:
		w.o.Log.WarnContext(ctx, "watch fails", "what", what, "error", err)
	case err == nil && was:
		w.o.Log.InfoContext(ctx, "watch works again", "what", what)
	}
}

// clock reads the store's time.
func (w *Watch) clock(ctx context.Context) (now time.Time, err error) {
	err = w.store.View(ctx, func(tx *store.Tx) error {
		now = tx.Now()
		return nil
	})
	return now, err //nolint:wrapcheck // the store names itself
}
