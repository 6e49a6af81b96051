package respond_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/change"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/escalate"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/jobs"
	"github.com/holdfast-sre/holdfast/internal/redact"
	"github.com/holdfast-sre/holdfast/internal/respond"
	"github.com/holdfast-sre/holdfast/internal/runbook"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/signal"
	"github.com/holdfast-sre/holdfast/internal/store"
)

const runbookYAML = `
name: worker-stuck
title: Worker threads hang
approved: true
trigger: {alerts: [WorkerStuck]}
diagnostics:
  - {name: busy, promql: worker_busy, unit: threads, capture: busy}
  - {name: done, promql: "rate(worker_done_total[1m])", unit: /s, capture: done}
  - {name: deploys, changes: {service: worker, since: 24h, runtime: true}, capture: deploys}
  - {name: refused, logs: {service: worker, match: refused, since: 5m}, capture: refused}
findings:
  - cause_class: resource_exhaustion.threads
    component: worker
    confirm: ["facts.busy >= 8.0", "facts.done < 0.1"]
    exclude:
      - {cause_class: bad_deploy, when: "facts.deploys == 0.0"}
      - {cause_class: dependency_failure, when: "facts.refused == 0.0"}
      - {cause_class: traffic_surge, when: "facts.busy >= 8.0"}
      - {cause_class: lock_contention, when: "facts.busy >= 8.0"}
remediations:
  - name: restart-worker
    title: restart worker
    when: facts.busy >= 8.0
    treats: [resource_exhaustion.threads]
    action: process.restart
    target: {service: worker}
    risk: low
    lasting: transient
    safety: {code_change: false, loses_data: false, customer_data: false}
    cost: {text: nothing is worked on for a second, amount: 0}
    verify: {promql: worker_busy, condition: "value < 8.0", within: 1m}
`

const boundariesYAML = `
rules:
  - {name: calls, actions: [http.call], environments: [test], autonomy: approve}
  - {name: restarts, actions: [process.restart], environments: [test], services: [worker], autonomy: auto}
earned:
  - {runbook: worker-stuck, service: worker, environment: test, stage: auto, override: true, by: test, reason: the test stands for graded cases}
`

// world is a worker whose threads hang until it is restarted.
type world struct {
	t          testing.TB
	mu         sync.Mutex
	stuck      bool
	pages      []escalate.Message
	pagerErr   error
	restarts   int
	opens      int // of the valve
	saveErr    error
	stale      bool          // the worker's metrics end
	failing    float64       // share of requests that fail; 0 = as usual
	age        time.Duration // of an incident when it begins
	kind       signal.Kind
	tick       time.Duration // between two looks of until; 0 = 10 ms
	verify     time.Duration // between two looks of the loop; 0 = 50 ms
	first      string        // the job that an incident begins with
	pause      decide.Pause
	executor   action.Executor
	book       string
	more       []string // further runbooks
	declaredBy string
	process    string // that the worker runs as; worker when empty
	left       string // who is no approver any more
	bounds     string // boundaries.yaml; boundariesYAML when empty
	flags      catalog.Flags
	unsafe     bool                   // nobody says that a restart of the worker loses nothing
	looks      func(evidence.Request) // called at every look at the golden signals
	// asks, when set, tells whether the worker hangs: it lives in another process.
	asks func() bool
}

func newWorld(t testing.TB) *world {
	return &world{
		t: t, stuck: true, first: respond.JobInvestigate, kind: signal.Alert, pause: decide.Running, book: runbookYAML,
		flags: catalog.Flags{Stateless: catalog.True, PII: catalog.False, Financial: catalog.False, Auth: catalog.False},
	}
}

func (w *world) isStuck() bool {
	if w.asks != nil {
		return w.asks()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stuck
}

func (w *world) errors() float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return max(w.failing, 0.001)
}

// The world as a collector of golden signals.
func (w *world) Name() string { return "prom" }

func (w *world) Collect(_ context.Context, req evidence.Request) ([]evidence.Item, error) {
	if w.looks != nil {
		w.looks(req)
	}
	busy := 2.0
	if w.isStuck() {
		busy = 8
	}
	var out []evidence.Item
	for _, m := range []evidence.Metric{
		{Signal: evidence.Traffic, Value: 20, Usual: 20},
		{Signal: evidence.Errors, Value: w.errors(), Usual: 0.001},
		{Signal: evidence.Saturation, Resource: "threads", Limit: 8, Value: busy, Usual: 2},
	} {
		m.Now, m.Before = series(req.Now, m.Value), series(req.ReferenceEnd, m.Usual)
		if m.Value != m.Usual {
			m.Deviation = 20
		}
		it, err := evidence.Item{
			Kind: evidence.KindMetric, Collector: "prometheus", Service: "worker", Query: string(m.Signal),
			From: req.Now.Add(-req.Window), To: req.Now, Summary: string(m.Signal), Strength: 1, Stale: w.stale,
		}.Encode(m)
		if err != nil {
			return nil, err
		}
		out = append(out, it)
	}
	neighbour := out[0]
	neighbour.Service, neighbour.Stale = "neighbour", false
	return append(out, neighbour), nil
}

func series(end time.Time, v float64) evidence.Series {
	var s evidence.Series
	for i := range 60 {
		s.Points = append(s.Points, evidence.Point{At: end.Add(time.Duration(i-59) * 100 * time.Millisecond), Value: v})
	}
	return s
}

// The world as what a runbook asks.
func (w *world) Instant(_ context.Context, q runbook.MetricQuestion) (runbook.MetricAnswer, error) {
	v := 0.0
	switch {
	case q.Query != "worker_busy":
		if !w.isStuck() {
			v = 5
		}
	case w.isStuck():
		v = 8
	}
	return runbook.MetricAnswer{Source: "prom", Samples: []evidence.Sample{{At: q.At, Value: v}}}, nil
}

func (w *world) Changes(context.Context, string, string, time.Time, time.Time) ([]change.Change, error) {
	return nil, nil
}

func (w *world) Recorded(string, string) bool { return true }

func (w *world) CountQuery(context.Context, runbook.RawLogQuestion) (runbook.LogAnswer, error) {
	return runbook.LogAnswer{}, errors.New("no such log system")
}

func (w *world) Count(_ context.Context, q runbook.LogQuestion) (runbook.LogAnswer, error) {
	return runbook.LogAnswer{Source: "logs", Query: q.Match}, nil
}

// The world as its own supervisor.
type supervisor struct{ w *world }

func (supervisor) Name() string { return action.ProcessRestart }

func (s supervisor) Generation(context.Context, action.Action) (string, error) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	return string(rune('a' + s.w.restarts)), nil
}

func (s supervisor) Save(context.Context, action.Action) ([]byte, error) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	return []byte("stacks"), s.w.saveErr
}

func (supervisor) DryRun(context.Context, action.Action) (string, error) { return "", nil }
func (s supervisor) Do(context.Context, action.Action, string) (string, error) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	s.w.restarts++
	s.w.stuck = false
	return "restarted", nil
}

func (supervisor) Settle(context.Context, action.Intent) (action.State, string, error) {
	return action.Unknown, "", nil
}

// The world as its pager.
type pager struct{ w *world }

func (pager) Name() string { return "pager" }
func (p pager) Notify(_ context.Context, m escalate.Message) error {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.w.pages = append(p.w.pages, m)
	return p.w.pagerErr
}

// catalog of the world: the worker, and an API that depends on nothing of it.
func (w *world) catalog() *catalog.Catalog {
	c, err := catalog.New([]catalog.Service{{
		Name: "worker", Owner: "team", Tier: 2, Flags: w.flags, RestartSafe: !w.unsafe,
		Targets: []catalog.Target{
			{Environment: "test", Kind: "process", Name: cmp.Or(w.process, "worker")},
			{Environment: "test", Kind: "http", Name: "valve"},
		},
		Logs: []catalog.LogSource{{Selector: `{service="worker"}`}},
	}}, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *world) responder(st *store.Store, step func(string)) *respond.Responder {
	var books []*runbook.Runbook
	for i, text := range append([]string{w.book}, w.more...) {
		rb, err := runbook.Parse(fmt.Sprintf("worker-%d.yaml", i), []byte(text))
		if err != nil {
			w.t.Fatal(err)
		}
		books = append(books, rb)
	}
	set, err := runbook.NewSet(books...)
	if err != nil {
		w.t.Fatal(err)
	}
	bounds, err := boundary.Parse("boundaries.yaml", []byte(cmp.Or(w.bounds, boundariesYAML)))
	if err != nil {
		w.t.Fatal(err)
	}
	red, err := redact.New()
	if err != nil {
		w.t.Fatal(err)
	}
	ex := w.executor
	if ex == nil {
		ex = supervisor{w}
	}
	all := func(string) []evidence.Collector { return []evidence.Collector{w} }
	return respond.New(respond.Options{
		Store: st, Catalog: w.catalog(), Runbooks: set, Boundaries: bounds, Engine: diagnose.New(diagnose.DefaultWeights()),
		Collectors: all, Golden: all,
		Diagnostics: func(string) runbook.Ports { return runbook.Ports{Metrics: w, Changes: w, Logs: w} },
		Executors:   map[string]action.Executor{action.ProcessRestart: ex, action.HTTPCall: valve{w}}, Notifiers: []escalate.Notifier{pager{w}},
		Redactor: red,
		Windows: respond.Windows{
			Evidence: time.Minute, Rate: 100 * time.Millisecond, ReferenceGap: time.Second, SourceTimeout: time.Second, Scrape: time.Second,
			Recovery: 300 * time.Millisecond, VerifyEvery: cmp.Or(w.verify, 50*time.Millisecond), VerifyTimeout: 2 * time.Second,
			Undiagnosed: 10 * time.Minute, Approval: 15 * time.Minute, LookAgain: 200 * time.Millisecond,
		},
		MayApprove: func(name string) bool { return name != w.left },
		Paused:     func(context.Context) decide.Pause { return w.pause },
		URL:        func(id string) string { return "http://127.0.0.1/incidents/" + id },
		Log:        slog.New(slog.NewTextHandler(w.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})), Step: step,
	})
}

// open creates an incident as triage does and enqueues its investigation.
func (w *world) open(st *store.Store, sev severity.Severity) string {
	w.t.Helper()
	var id string
	err := st.Tx(w.t.Context(), func(tx *store.Tx) error {
		inc := incident.Incident{
			Title: "WorkerStuck", State: incident.Open, Severity: sev, Environment: "test",
			Services: []string{"worker"}, StartedAt: tx.Now().Add(-w.age), SeverityReasons: []string{"label"},
		}
		if err := tx.CreateIncident(w.t.Context(), &inc); err != nil {
			return err
		}
		id = inc.ID
		sig := signal.Signal{
			ID: "sig_1", Kind: w.kind, Source: "am", Environment: "test", Fingerprint: "f1", Name: "WorkerStuck",
			Status: signal.Firing, Severity: sev, Service: "worker", IncidentID: id, StartsAt: tx.Now(), ReceivedAt: tx.Now(),
			Labels: map[string]string{"alertname": "WorkerStuck"}, Annotations: map[string]string{},
		}
		if w.declaredBy != "" {
			sig.Labels["declared_by"] = w.declaredBy
		}
		if _, err := tx.SaveSignals(w.t.Context(), []signal.Signal{sig}); err != nil {
			return err
		}
		if err := tx.MarkTriaged(w.t.Context(), []string{"sig_1"}, id); err != nil {
			return err
		}
		return w.enqueue(tx, w.first, id, id)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// resolve is what Alertmanager does when the condition is gone.
func (w *world) resolve(st *store.Store, id string) { w.signals(st, id, signal.Resolved) }

// fire is what Alertmanager does when the condition is back.
func (w *world) fire(st *store.Store, id string) { w.signals(st, id, signal.Firing) }

// signals sets what all signals of an incident are, and has the verdict made
// again, as triage does.
func (w *world) signals(st *store.Store, id string, to signal.Status) {
	w.t.Helper()
	err := st.Tx(w.t.Context(), func(tx *store.Tx) error {
		sigs, err := tx.Signals(w.t.Context(), id)
		if err != nil {
			return err
		}
		for i := range sigs {
			sigs[i].Status, sigs[i].EndsAt = to, time.Time{}
			if to == signal.Resolved {
				sigs[i].EndsAt = tx.Now()
			}
		}
		if _, err = tx.SaveSignals(w.t.Context(), sigs); err != nil {
			return err
		}
		return w.enqueue(tx, respond.JobDecide, id, id+"/again")
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) enqueue(tx *store.Tx, kind, id, key string) error {
	args, err := json.Marshal(map[string]string{"incident": id})
	if err != nil {
		return err
	}
	_, err = tx.Enqueue(w.t.Context(), jobs.Job{Kind: kind, Key: key, Args: args})
	return err
}

// run starts the jobs of r; they end with the test, or when stop is called.
func (w *world) run(st *store.Store, r *respond.Responder) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	done := make(chan error, 1)
	go func() { done <- st.RunJobs(ctx, r.Specs(), nil) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("jobs: %v", err)
		}
	})
	w.t.Cleanup(stop)
	return stop
}

// openStore opens the database at path; a new one that need not outlive a loss of
// power when path is empty.
func (w *world) openStore(path string) *store.Store {
	w.t.Helper()
	if path == "" {
		return w.openStoreWith(filepath.Join(w.t.TempDir(), "holdfast.db"), store.Options{Scratch: true})
	}
	return w.openStoreWith(path, store.Options{})
}

func (w *world) openStoreWith(path string, o store.Options) *store.Store {
	w.t.Helper()
	st, err := store.Open(w.t.Context(), "sqlite:"+path, o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := st.Close(); err != nil {
			w.t.Errorf("close: %v", err)
		}
	})
	return st
}

// until waits for the incident to be as wanted; it polls the store, which has
// no event for readers.
func (w *world) until(st *store.Store, id, what string, want func(incident.Incident, []action.Intent, []incident.Proposal) bool) (incident.Incident, []action.Intent, []incident.Proposal) {
	w.t.Helper()
	tick := time.NewTicker(cmp.Or(w.tick, 10*time.Millisecond))
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	var inc incident.Incident
	var ins []action.Intent
	var props []incident.Proposal
	for {
		err := st.View(w.t.Context(), func(tx *store.Tx) (err error) {
			if inc, err = tx.Incident(w.t.Context(), id); err != nil {
				return err
			}
			if ins, err = tx.Intents(w.t.Context(), id); err != nil {
				return err
			}
			props, err = tx.Proposals(w.t.Context(), id)
			return err
		})
		if err != nil {
			w.t.Fatal(err)
		}
		if want(inc, ins, props) {
			return inc, ins, props
		}
		select {
		case <-tick.C:
		case <-deadline:
			w.dump(st, id)
			w.t.Fatalf("not %s: %s is %s, actions %+v", what, id, inc.State, ins)
		}
	}
}

// dump prints the timeline for a failed test.
func (w *world) dump(st *store.Store, id string) {
	_ = st.View(w.t.Context(), func(tx *store.Tx) error {
		evs, err := tx.Events(w.t.Context(), id)
		for _, e := range evs {
			w.t.Logf("%s %s %s: %s", e.At.Format("05.000"), e.Actor, e.Kind, e.Text)
		}
		vs, _ := tx.Verdicts(w.t.Context(), id)
		for _, v := range vs {
			for _, r := range v.Rules {
				w.t.Logf("  %s %s held=%v %s", v.Kind, r.ID, r.Held, r.Text)
			}
		}
		return err
	})
}

// eventually waits for an event on the timeline.
func (w *world) eventually(st *store.Store, id, what string, want func(incident.Event) bool) {
	w.t.Helper()
	w.until(st, id, what, func(incident.Incident, []action.Intent, []incident.Proposal) bool {
		var events []incident.Event
		if err := st.View(w.t.Context(), func(tx *store.Tx) (err error) {
			events, err = tx.Events(w.t.Context(), id)
			return err
		}); err != nil {
			w.t.Fatal(err)
		}
		return slices.ContainsFunc(events, want)
	})
}
