package respond

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/autonomy"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/change"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/recovery"
	"github.com/holdfast-sre/holdfast/internal/runbook"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/signal"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// snapshot is an incident as one transaction saw it.
type snapshot struct {
	now       time.Time
	inc       incident.Incident
	signals   []signal.Signal
	evidence  []evidence.Item
	events    []incident.Event
	verdicts  []decide.Verdict
	proposals []incident.Proposal
	intents   []action.Intent
	recent    []action.Intent // of every incident, last 7 days
	changes   []change.Change
	progress  progress
	earned    autonomy.Standing // of progress.Plan; the zero value has earned nothing
	undoing   bool              // progress.Plan takes the last action back
	// delegating: progress.Plan is what a person asked for.
	delegating bool
}

// progress is what the loop remembers of an incident between two jobs, beside
// the incident itself.
type progress struct {
	Hypotheses     []diagnose.Hypothesis  `json:"hypotheses,omitempty"` // latest ranking; the incident shows what facts confirmed
	Abnormal       int                    `json:"abnormal,omitempty"`   // services out of their usual range in it
	Round          int                    `json:"round"`                // finished investigations
	InvestigatedAt time.Time              `json:"investigated_at,omitzero"`
	TracedFrom     string                 `json:"traced_from,omitempty"`   // service whose code the shown trace starts from
	EscalateWhen   []string               `json:"escalate_when,omitempty"` // conditions of the runbook that held
	Measured       []diagnose.Measured    `json:"measured,omitempty"`
	Impact         severity.Severity      `json:"impact,omitempty"`    // that Measured asks for
	SampleAt       time.Time              `json:"sample_at,omitzero"`  // newest metric sample of the affected services and the target
	Plan           *plan                  `json:"plan,omitempty"`      // what the facts call for
	Undo           *plan                  `json:"undo,omitempty"`      // takes the last action back; offered to people
	Delegated      map[string]delegated   `json:"delegated,omitempty"` // by the ID of the task
	Options        []plan                 `json:"options,omitempty"`   // what people may choose, Plan first
	Run            *runbook.Run           `json:"run,omitempty"`       // latest answers of the runbook
	BudgetSpent    catalog.Flag           `json:"budget_spent"`        // of the target of Plan
	Said           string                 `json:"said,omitempty"`      // last judgement of recovery on the timeline
	Tried          []string               `json:"tried,omitempty"`     // options that ran and did not help
	Stopped        bool                   `json:"stopped,omitempty"`   // a verification failed: no more actions
	Recovery       recovery.Progress      `json:"recovery"`
	Unrecovered    bool                   `json:"unrecovered,omitempty"` // that there is no recovery stands on the timeline
	VerifyUntil    time.Time              `json:"verify_until,omitzero"`
	Verification   *incident.Verification `json:"verification,omitempty"` // of the last action, as people see it
	ErrorsAtAction float64                `json:"errors_at_action,omitempty"`
}

func progressKey(incidentID string) string { return "respond/" + incidentID }

// load reads an incident with all that belongs to it.
func (r *Responder) load(ctx context.Context, id string) (s snapshot, err error) {
	err = r.Store.View(ctx, func(tx *store.Tx) error {
		s, err = r.loadIn(ctx, tx, id)
		return err
	})
	return s, err
}

func (r *Responder) loadIn(ctx context.Context, tx *store.Tx, id string) (snapshot, error) {
	signals, err := tx.Signals(ctx, id)
	if err != nil {
		return snapshot{}, fmt.Errorf("load signals of %s: %w", id, err)
	}
	return r.loadAround(ctx, tx, id, signals)
}

// signalsOf reads the signals of an incident ahead of a transaction that writes.
func (r *Responder) signalsOf(ctx context.Context, id string) (out []signal.Signal, err error) {
	err = r.Store.View(ctx, func(tx *store.Tx) error {
		out, err = tx.Signals(ctx, id)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("load signals of %s: %w", id, err)
	}
	return out, nil
}

// loadAround is loadIn with signals that were read before the transaction: in a
// storm an incident has thousands, and whoever reads them while it writes holds
// up intake. What changed since has enqueued a verdict that is still to come.
func (r *Responder) loadAround(ctx context.Context, tx *store.Tx, id string, signals []signal.Signal) (s snapshot, err error) {
	s.now, s.signals = tx.Now(), signals
	read := func(what string, fn func() error) {
		if err == nil {
			if e := fn(); e != nil {
				err = fmt.Errorf("load %s of %s: %w", what, id, e)
			}
		}
	}
	read("incident", func() (e error) { s.inc, e = tx.Incident(ctx, id); return e })
	read("evidence", func() (e error) { s.evidence, e = tx.Evidence(ctx, id); return e })
	read("timeline", func() (e error) { s.events, e = tx.Events(ctx, id); return e })
	read("verdicts", func() (e error) { s.verdicts, e = tx.Verdicts(ctx, id); return e })
	read("proposals", func() (e error) { s.proposals, e = tx.Proposals(ctx, id); return e })
	read("actions", func() (e error) { s.intents, e = tx.Intents(ctx, id); return e })
	read("recent actions", func() (e error) { s.recent, e = tx.IntentsSince(ctx, s.now.Add(-7*24*time.Hour)); return e })
	read("changes", func() (e error) {
		s.changes, e = tx.Changes(ctx, store.ChangeFilter{Environment: s.inc.Environment, From: s.now.Add(-24 * time.Hour), To: s.now})
		return e
	})
	read("progress", func() error {
		e := tx.Get(ctx, progressKey(id), &s.progress)
		if errors.Is(e, store.ErrNotFound) {
			return nil
		}
		return e
	})
	if p := s.progress.Plan; p != nil {
		read("autonomy", func() (e error) {
			s.earned, e = r.standing(ctx, tx, s.key(p.Runbook, p.Action))
			return e
		})
	}
	return s, err
}

// over reports whether nothing more is to be done by itself.
func (s snapshot) over() bool {
	switch s.inc.State {
	case incident.Resolved, incident.Closed, incident.Merged:
		return true
	}
	return false
}

// acting reports whether the incident is over, an action is under way or its
// recovery is being watched.
func (s snapshot) acting() bool {
	_, busy := s.openIntent()
	return busy || s.over() || s.inc.State == incident.Monitoring
}

// firing returns the signals whose condition holds.
func (s snapshot) firing() []signal.Signal {
	var out []signal.Signal
	for _, sig := range s.signals {
		if sig.Status == signal.Firing {
			out = append(out, sig)
		}
	}
	return out
}

// alerting reports whether a signal that has a trigger fires.
func (s snapshot) alerting() bool {
	return slices.ContainsFunc(s.firing(), func(sig signal.Signal) bool { return sig.Kind != signal.Declared })
}

// openIntent returns the action that is under way, if any.
func (s snapshot) openIntent() (action.Intent, bool) {
	for _, in := range s.intents {
		if in.State == action.Intended || in.State == action.Started {
			return in, true
		}
	}
	return action.Intent{}, false
}

// services returns the catalog entries of names; unknown ones are left out.
func (r *Responder) services(names []string) []catalog.Service {
	var out []catalog.Service
	for _, n := range names {
		if svc, ok := r.Catalog.Service(n); ok {
			out = append(out, svc)
		}
	}
	return out
}
