// Package respond drives one incident from its first signal to its documents:
//
//	investigate → decide → act → verify → document
//
// Every step is a durable job, enqueued in the transaction that made it
// necessary, so that a process that dies goes on where it stood. The core
// packages decide; this loop asks them, stores the answer and touches the world
// through executors and notifiers. At most one action is under way per
// incident, and none runs twice.
package respond

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/escalate"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/jobs"
	"github.com/holdfast-sre/holdfast/internal/redact"
	"github.com/holdfast-sre/holdfast/internal/runbook"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// The kinds of job. Investigate, Decide and FirstPage are enqueued by triage
// and by people as well; their arguments are {"incident": ID}.
const (
	JobInvestigate = "investigate"
	JobFirstPage   = "first-page"
	JobDecide      = "decide"
	JobNotify      = "notify"
	JobAct         = "act"
	JobVerify      = "verify"
	JobDocument    = "document"
	JobDraft       = "draft"
	JobBranch      = "draft-branch"
	JobPropose     = "draft-propose"
	JobSweep       = "sweep"
)

// sweepEvery is how often every incident that goes on is looked after.
const sweepEvery = time.Minute

// Windows are the times that the loop works with; all must be positive.
type Windows struct {
	Evidence      time.Duration // length of the window that is looked at
	Rate          time.Duration // of rate() in metric queries
	ReferenceGap  time.Duration // between the end of the reference window and the onset
	SourceTimeout time.Duration // of one source
	Scrape        time.Duration // interval of the metric source
	Recovery      time.Duration // least time in band
	VerifyEvery   time.Duration
	VerifyTimeout time.Duration
	Undiagnosed   time.Duration // T+10 min
	Approval      time.Duration // life of an approval
	LookAgain     time.Duration
	Shortened     []string // windows below their defaults, said where recovery is claimed
}

// Tracer follows a failure to the requirement behind it.
type Tracer interface {
	Trace(ctx context.Context, q TraceQuery) ([]TraceStep, error)
}

// Options are what the loop needs; every field must be set unless it says so.
type Options struct {
	Store      *store.Store
	Catalog    *catalog.Catalog
	Runbooks   *runbook.Set
	Boundaries *boundary.Set
	Engine     *diagnose.Engine
	// Collectors of an environment, in a fixed order.
	Collectors func(environment string) []evidence.Collector
	// Golden are those among the collectors that read golden signals.
	Golden func(environment string) []evidence.Collector
	// Diagnostics are what runbooks may ask in an environment.
	Diagnostics func(environment string) runbook.Ports
	Executors   map[string]action.Executor
	Notifiers   []escalate.Notifier
	Tracer      Tracer   // nil = no trace chain
	Scribe      Scribe   // nil = nothing is written back
	Recaller    Recaller // nil = nothing is recalled
	Redactor    *redact.Redactor
	Windows     Windows
	// Paused reads the pause switch; an error of any kind is PauseUnreadable.
	Paused func(ctx context.Context) decide.Pause
	// MayApprove reports whether a person is an approver by now, whatever the
	// boundary file says of them; nil = everyone is.
	MayApprove func(name string) bool
	// URL of an incident's page.
	URL func(incidentID string) string
	Log *slog.Logger
	// Metrics is where the loop's figures are registered; nil = nowhere.
	Metrics prometheus.Registerer
	// Step, when set, is called at each boundary between two steps of an
	// action or of writing back; tests end the process there.
	Step func(name string)
}

// Responder is the loop's handlers. It is safe for concurrent use.
type Responder struct {
	Options

	metrics *metrics
	pagers  pagers
}

// New returns a responder.
func New(o Options) *Responder {
	if o.Step == nil {
		o.Step = func(string) {}
	}
	if o.MayApprove == nil {
		o.MayApprove = func(string) bool { return true }
	}
	return &Responder{metrics: newMetrics(o.Metrics), Options: o}
}

// Specs are the handlers by kind of job. River allows at most 15 s for one run,
// so every step stays below it; what takes longer snoozes.
func (r *Responder) Specs() map[string]jobs.Spec[*store.Tx] {
	return map[string]jobs.Spec[*store.Tx]{
		JobInvestigate: {Handle: r.investigate, Timeout: stepTimeout},
		JobFirstPage:   {Handle: r.firstPage, Timeout: stepTimeout},
		JobDecide:      {Handle: r.decide, Timeout: stepTimeout},
		JobNotify:      {Handle: r.notify, Timeout: stepTimeout, OnGiveUp: r.notifyGaveUp},
		JobAct:         {Handle: r.act, Timeout: stepTimeout, OnGiveUp: r.actGaveUp},
		JobVerify:      {Handle: r.verify, Timeout: stepTimeout},
		JobDocument:    {Handle: r.document, Timeout: stepTimeout},
		JobDraft:       {Handle: r.draft, Timeout: stepTimeout, OnGiveUp: r.draftGaveUp},
		JobBranch:      {Handle: r.branch, Timeout: stepTimeout, OnGiveUp: r.draftGaveUp},
		JobPropose:     {Handle: r.proposeMerge, Timeout: stepTimeout, OnGiveUp: r.proposeGaveUp},
		JobDelegation:  {Handle: r.delegation, Timeout: stepTimeout, OnGiveUp: r.delegationGaveUp},
		JobSweep:       {Handle: r.sweep, Timeout: stepTimeout},
	}
}

// Periodic is the safety net under every step: a job that was given up leaves no
// incident behind.
func (r *Responder) Periodic() []jobs.Periodic {
	return []jobs.Periodic{{Kind: JobSweep, Every: sweepEvery}}
}

// sweep has the verdict made again on every incident that goes on.
func (r *Responder) sweep(context.Context, jobs.Job) (commit, error) {
	return func(ctx context.Context, tx *store.Tx) error {
		active, err := tx.Incidents(ctx, store.IncidentFilter{States: incident.ActiveStates()})
		if err != nil {
			return fmt.Errorf("look after incidents: %w", err)
		}
		for _, inc := range active {
			if err := enqueue(ctx, tx, incidentJob(JobDecide, inc.ID, "", time.Time{})); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

const stepTimeout = 15 * time.Second

// Slow are the kinds of jobs that ask many sources: they leave room for pages,
// verdicts and actions.
func Slow() []string {
	return []string{JobInvestigate, JobVerify, JobDelegation, JobDocument, JobDraft, JobBranch, JobPropose}
}

// Urgent are the kinds of jobs that people or production wait for.
func Urgent() []string { return []string{JobFirstPage, JobNotify, JobAct} }

// commit is what a handler returns to run when its job completes.
type commit = func(ctx context.Context, tx *store.Tx) error

type incidentArgs struct {
	Incident string `json:"incident"`
}

func readArgs[T any](j jobs.Job) (T, error) {
	var a T
	if err := json.Unmarshal(j.Args, &a); err != nil {
		return a, jobs.Cancel(fmt.Errorf("arguments of %s %s: %w", j.Kind, j.Key, err))
	}
	return a, nil
}

// incidentJob is a job about an incident; key tells jobs of one kind about one
// incident apart and is empty for the ordinary one.
func incidentJob(kind, incidentID, key string, at time.Time) jobs.Job {
	args, _ := json.Marshal(incidentArgs{Incident: incidentID}) // two strings always marshal
	k := incidentID
	if key != "" {
		k += "/" + key
	}
	return jobs.Job{Kind: kind, Key: k, Args: args, RunAt: at}
}

func enqueue(ctx context.Context, tx *store.Tx, j jobs.Job) error {
	if _, err := tx.Enqueue(ctx, j); err != nil {
		return fmt.Errorf("enqueue %s %s: %w", j.Kind, j.Key, err)
	}
	return nil
}
