package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/escalate"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/jobs"
	"github.com/holdfast-sre/holdfast/internal/redact"
	"github.com/holdfast-sre/holdfast/internal/respond"
	"github.com/holdfast-sre/holdfast/internal/runbook"
	"github.com/holdfast-sre/holdfast/internal/signal"
	"github.com/holdfast-sre/holdfast/internal/store"
	"github.com/holdfast-sre/holdfast/internal/triage"
)

// replay lets the loops of `serve` live through the past in a store of their
// own. Its clock is moved by hand, so that everything asks about then.
type replay struct {
	folder  config.Folder
	o       BacktestOptions
	dir     string
	st      *store.Store
	triage  *triage.Service
	respond *respond.Responder
	specs   map[string]spec
	service func(labels map[string]string) string
	seen    *answered
	queue   []pastEvent
	known   map[string]*life // by incident
	skipped int
	nothing []string // sources that keep no past

	mu  sync.Mutex
	now time.Time
}

// pastEvent is something that happens in the past; the queue is in order of time.
type pastEvent struct {
	at time.Time
	do func(ctx context.Context) error
}

// life is what the replay knows of an incident beside the store.
type life struct {
	looked  int
	alerts  int    // times that one of its alerts began to fire
	runbook string // that was for it when it was looked at
	settled bool
	after   time.Duration
	ended   time.Time
}

func newReplay(ctx context.Context, f config.Folder, src *sources, red *redact.Redactor, o BacktestOptions, log *slog.Logger) (_ *replay, err error) {
	r := &replay{folder: f, o: o, now: o.From, service: serviceOf(f.Catalog), seen: &answered{by: map[string]*answers{}}, known: map[string]*life{}}
	if r.dir, err = os.MkdirTemp("", "holdfast-backtest-"); err != nil {
		return nil, fmt.Errorf("a folder for the replay: %w", err)
	}
	if r.st, err = store.Open(ctx, "sqlite:"+filepath.Join(r.dir, "past.db"), store.Options{Now: r.clock, Scratch: true}); err != nil {
		return nil, errors.Join(err, os.RemoveAll(r.dir))
	}
	exec, err := executors(f.Config.Actions)
	if err != nil {
		return nil, errors.Join(err, r.close())
	}
	for name := range exec {
		exec[name] = bygone{name}
	}
	r.triage = triage.New(r.st, ownership{f.Catalog}, triage.Options{
		Log: log, Group: signal.GroupOptions{Window: f.Config.Windows.Group}, Environments: environments(f.Config),
	})
	collectors := r.remembering(src)
	ports := func(environment string) runbook.Ports {
		all := src.ports(environment)
		return runbook.Ports{Metrics: all.Metrics, Logs: all.Logs, Changes: all.Changes} // the others know only now
	}
	w := windows(f.Config.Windows)
	w.SourceTimeout = max(w.SourceTimeout, 5*time.Second) // nobody waits for a page
	r.respond = respond.New(respond.Options{
		Store: r.st, Catalog: f.Catalog, Runbooks: f.Runbooks, Boundaries: f.Boundaries, Engine: diagnose.Default(),
		Collectors: collectors, Golden: collectors, Diagnostics: ports, Executors: exec, Notifiers: []escalate.Notifier{nobody{}},
		Redactor: red, Windows: w, Paused: func(context.Context) decide.Pause { return decide.Running },
		URL: func(id string) string { return "backtest/" + id }, Log: log,
	})
	r.specs = r.respond.Specs()
	return r, nil
}

func (r *replay) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *replay) setClock(at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at.After(r.now) {
		r.now = at
	}
}

func (r *replay) close() error { return errors.Join(r.st.Close(), os.RemoveAll(r.dir)) }

// later puts something into the queue.
func (r *replay) later(at time.Time, do func(ctx context.Context) error) {
	i, _ := slices.BinarySearchFunc(r.queue, at, func(m pastEvent, at time.Time) int {
		if m.at.After(at) {
			return 1
		}
		return -1 // behind what happens at the same pastEvent
	})
	r.queue = slices.Insert(r.queue, i, pastEvent{at, do})
}

// run lives through the episodes.
func (r *replay) run(ctx context.Context, episodes []episode) error {
	for _, e := range episodes {
		r.queue = append(r.queue, pastEvent{e.From, func(ctx context.Context) error { return r.deliver(ctx, e, "firing") }})
		if !e.Open {
			r.queue = append(r.queue, pastEvent{e.To.Add(r.o.Step), func(ctx context.Context) error { return r.deliver(ctx, e, "resolved") }})
		}
	}
	slices.SortStableFunc(r.queue, func(a, b pastEvent) int { return a.at.Compare(b.at) })
	span := r.o.To.Sub(r.o.From)
	for len(r.queue) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		m := r.queue[0]
		r.queue = r.queue[1:]
		if m.at.After(r.o.To) {
			break
		}
		r.setClock(m.at)
		if err := m.do(ctx); err != nil {
			return fmt.Errorf("at %s: %w", m.at.Format(time.RFC3339), err)
		}
		r.o.Progress("living through the past", int(m.at.Sub(r.o.From)/time.Minute), int(span/time.Minute))
	}
	return nil
}

// deliver is what the webhook and triage do with an alert.
func (r *replay) deliver(ctx context.Context, e episode, status string) error {
	rules := signal.Rules{Source: e.source, Environment: e.environment, Service: r.service}
	for _, in := range r.folder.Config.Intake {
		if in.Type == config.IntakeAlertmanager && cmp.Or(in.Environment, r.folder.Config.Environment) == e.environment {
			severities, err := severityRules(in)
			if err != nil {
				return fmt.Errorf("intake %s: %w", in.Name, err)
			}
			rules.Severity = severities
			break
		}
	}
	raw := signal.Raw{Status: status, Labels: e.Labels, StartsAt: e.From}
	if status == "resolved" {
		raw.EndsAt = e.To
	}
	now := r.clock()
	sig := rules.Normalize(raw, now)
	if err := r.triage.Accept(ctx, signal.Delivery{Source: e.source, Signals: []signal.Signal{sig}, ReceivedAt: now}); err != nil {
		return err
	}
	for {
		n, err := r.triage.Drain(ctx)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
	}
	if err := r.meet(ctx); err != nil || status != "firing" {
		return err
	}
	return r.st.View(ctx, func(tx *store.Tx) error {
		now, err := tx.Signal(ctx, sig.Source, sig.Fingerprint)
		if l := r.known[now.IncidentID]; l != nil {
			l.alerts++
		}
		return err
	})
}

// meet plans what follows for incidents that are new, and for those whose
// alerts have all ended.
func (r *replay) meet(ctx context.Context) error {
	return r.st.View(ctx, func(tx *store.Tx) error {
		active, err := tx.Incidents(ctx, store.IncidentFilter{States: incident.ActiveStates()})
		if err != nil {
			return err
		}
		for _, inc := range active {
			if r.known[inc.ID] == nil {
				r.known[inc.ID] = &life{}
				if len(r.known)-r.skipped > r.o.Incidents {
					r.skipped++
					continue
				}
				for _, d := range looks {
					r.later(r.clock().Add(d), func(ctx context.Context) error { return r.look(ctx, inc.ID, d) })
				}
			}
			firing, err := fires(ctx, tx, inc.ID)
			if err != nil {
				return err
			}
			if !firing && r.known[inc.ID].ended.IsZero() {
				r.known[inc.ID].ended = r.clock()
				r.later(r.clock().Add(r.folder.Config.Windows.Recovery), func(ctx context.Context) error { return r.end(ctx, inc.ID) })
			}
			if firing {
				r.known[inc.ID].ended = time.Time{}
			}
		}
		return nil
	})
}

func fires(ctx context.Context, tx *store.Tx, id string) (bool, error) {
	sigs, err := tx.Signals(ctx, id)
	return slices.ContainsFunc(sigs, func(s signal.Signal) bool { return s.Status == signal.Firing }), err
}

// look investigates and decides, as long as nothing stands and it fires.
func (r *replay) look(ctx context.Context, id string, after time.Duration) error {
	l := r.known[id]
	if l.settled || !l.ended.IsZero() {
		return nil
	}
	l.looked++
	for _, kind := range []string{respond.JobInvestigate, respond.JobDecide} {
		if err := r.job(ctx, kind, id); err != nil {
			return fmt.Errorf("%s %s: %w", kind, id, err)
		}
	}
	return r.st.Tx(ctx, func(tx *store.Tx) error {
		sigs, err := tx.Signals(ctx, id)
		if err != nil {
			return err
		}
		if m := r.folder.Runbooks.Match(sigs); len(m) > 0 {
			l.runbook = m[0].Runbook.Name
		}
		vs, err := tx.Verdicts(ctx, id)
		if err != nil || len(vs) == 0 {
			return err
		}
		v := vs[len(vs)-1]
		l.after, l.settled = after, v.Kind != decide.Watch
		if v.Kind != decide.Remediate {
			return nil
		}
		return acted(ctx, tx, id)
	})
}

// job runs one step of the loop, as its queue would.
func (r *replay) job(ctx context.Context, kind, id string) error {
	args, err := json.Marshal(map[string]string{"incident": id})
	if err != nil {
		return err
	}
	commit, err := r.specs[kind].Handle(ctx, jobs.Job{Kind: kind, Key: id, Args: args})
	if err != nil || commit == nil {
		return err
	}
	return r.st.Tx(ctx, func(tx *store.Tx) error { return commit(ctx, tx) })
}

// acted takes an action that was decided for done, so that later ones see it
// in their history.
func acted(ctx context.Context, tx *store.Tx, id string) error {
	ins, err := tx.Intents(ctx, id)
	if err != nil {
		return err
	}
	for _, in := range ins {
		if in.State == action.Intended {
			in.State, in.StartedAt, in.FinishedAt = action.Done, tx.Now(), tx.Now()
			if err := tx.SaveIntent(ctx, in); err != nil {
				return err
			}
		}
	}
	return nil
}

// end resolves an incident whose alerts stayed away.
func (r *replay) end(ctx context.Context, id string) error {
	l := r.known[id]
	if l.ended.IsZero() || r.clock().Sub(l.ended) < r.folder.Config.Windows.Recovery {
		return nil
	}
	err := r.triage.Resolve(ctx, "backtest", id, "its alerts ended")
	if _, refused := errors.AsType[*incident.RefusedError](err); refused {
		return nil // it was merged, or is over
	}
	return err
}

// bygone stands for the executor of an action: it is never asked to act, and
// its target counts as one that answers.
type bygone struct{ name string }

var errBygone = errors.New("a backtest does not act")

func (b bygone) Name() string { return b.name }

func (b bygone) Generation(context.Context, action.Action) (string, error) {
	if spec, ok := action.Known(b.name); ok && spec.NeedsKey {
		return "", nil
	}
	return "past", nil
}

func (bygone) Save(context.Context, action.Action) ([]byte, error)       { return nil, errBygone }
func (bygone) DryRun(context.Context, action.Action) (string, error)     { return "", errBygone }
func (bygone) Do(context.Context, action.Action, string) (string, error) { return "", errBygone }
func (bygone) Settle(context.Context, action.Intent) (action.State, string, error) {
	return action.Unknown, "", errBygone
}

// nobody is told of a page of the past.
type nobody struct{}

func (nobody) Name() string                                   { return "nobody" }
func (nobody) Notify(context.Context, escalate.Message) error { return errBygone }
