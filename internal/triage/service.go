// Package triage turns signals into incidents: it drains what intake committed,
// worst first, finds the incident of each signal or opens one, sets severity
// and scope, claims the incident for the agent, writes the context package, and
// enqueues the investigation. What people do to incidents (declare, acknowledge,
// severity, split, merge, resolve) is here too: each one transaction with its
// timeline event, its audit record and the work that follows from it.
//
// It is a loop: its job handlers are run by the store. Every transaction of
// triage takes one turn, so that several replicas never open two incidents for
// one problem.
package triage

import (
	"log/slog"
	"sync"
	"time"

	"github.com/holdfast-sre/holdfast/internal/jobs"
	"github.com/holdfast-sre/holdfast/internal/signal"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// Kinds of jobs that triage handles or enqueues. Args of those about an
// incident are {"incident": id}.
const (
	KindTriage      = signal.TriageJob
	KindInvestigate = "investigate"
	KindDecide      = "decide"
	KindFirstPage   = "first-page"
)

// FirstPageAfter is how long the first page waits for the first diagnosis.
const FirstPageAfter = 5 * time.Second

// Options of a Service; the zero value works.
type Options struct {
	Log          *slog.Logger // nil = discard
	Group        signal.GroupOptions
	Chunk        int           // signals per transaction; 0 = 100
	Flapping     time.Duration // twice fired again inside it is flapping; 0 = 1 h
	Recurs       time.Duration // a recurrence links to an earlier incident this old; 0 = 30 days
	Lookback     time.Duration // changes shown in the context package; 0 = 24 h
	Environments []string      // configured ones; a declaration without one takes the only one
}

// Service does triage. It is safe for concurrent use.
type Service struct {
	store   *store.Store
	catalog Catalog
	o       Options

	mu      sync.Mutex
	lastRun time.Time // of the job, when it began or will begin
}

// New returns a service; it starts nothing.
func New(st *store.Store, c Catalog, o Options) *Service {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Group.Window == 0 {
		o.Group.Window = signal.DefaultGroupOptions().Window
	}
	if o.Chunk == 0 {
		o.Chunk = 100 // deliveries wait behind a transaction of triage: see docs/benchmarks.md
	}
	if o.Flapping == 0 {
		o.Flapping = time.Hour
	}
	if o.Recurs == 0 {
		o.Recurs = 30 * 24 * time.Hour
	}
	if o.Lookback == 0 {
		o.Lookback = 24 * time.Hour
	}
	return &Service{store: st, catalog: c, o: o}
}

// Specs are the job handlers of triage.
func (s *Service) Specs() map[string]jobs.Spec[*store.Tx] {
	return map[string]jobs.Spec[*store.Tx]{KindTriage: {Handle: s.drain}}
}

// Periodic is the safety net under the wake-up of triage: a delivery that
// commits while the last drain ends finds its wake-up taken for the one that
// is ending, and is found here.
func (s *Service) Periodic() []jobs.Periodic {
	return []jobs.Periodic{{Kind: KindTriage, Every: sweepEvery}}
}

const sweepEvery = 5 * time.Second
