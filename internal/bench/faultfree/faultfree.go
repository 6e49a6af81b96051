// Package faultfree makes up systems in which nothing is wrong, with all that
// looks odd on an ordinary day: noise, the curve of the day, services that hardly
// anybody calls, batches, deploys that go well, restarts by a rollout, events of
// pods that are long gone, finished jobs, objects that nobody uses, warnings that
// always were. Whoever names a cause here would have woken someone for nothing.
// Every case follows from its seed and number; no data is read.
package faultfree

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"time"

	"github.com/holdfast-sre/holdfast/internal/bench"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// Name is what the set is called.
const Name = "fault-free"

// The seeds. Weights and calibration are learnt with FitSeed only, so that what
// is measured with any other seed is of systems that learning never saw.
const (
	FitSeed   = 20261122
	FreshSeed = 1
)

// The numbers of systems: Count to learn from, FreshCount to measure.
const (
	Count      = 240
	FreshCount = 1000
)

// Alarm is the probability from which blame counts as an alarm: there a
// diagnosis leads, and a person may be woken.
const Alarm = 0.5

// Set returns count systems of a seed as a benchmark. Its functions ignore the
// data.
func Set(seed uint64, count int) bench.Set {
	return bench.Set{
		Name:   Name,
		Cases:  func(fs.FS) ([]string, error) { return ids(seed, count), nil },
		Load:   func(_ fs.FS, id string) (diagnose.Input, error) { return Load(id) },
		Answer: answer,
		Truths: func(fs.FS) (map[string]bench.Truth, error) {
			out := map[string]bench.Truth{}
			for i, id := range ids(seed, count) {
				out[id] = bench.Truth{ID: id, Group: kindOf(i).name, Fields: map[string]string{"root_cause_category": "healthy"}}
			}
			return out, nil
		},
		Right: func(h diagnose.Hypothesis, _ bench.Truth) bool { return h.CauseClass == diagnose.Healthy },
	}
}

// Alarmed reports whether a diagnosis calls something broken, a cause or a
// component.
func Alarmed(d diagnose.Diagnosis) bool { return d.Blames() >= Alarm }

func answer(_ diagnose.Input, d diagnose.Diagnosis) bench.Prediction {
	p := bench.Prediction{Category: "unknown", Ranking: []string{}}
	if h, ok := d.Top(); ok {
		p.Probability = h.Probability
		p.Category = string(h.CauseClass)
	}
	if Alarmed(d) && len(d.Components) > 0 {
		p.Ranking = append(p.Ranking, d.Components[0].Component)
	}
	return p
}

func ids(seed uint64, count int) []string {
	out := make([]string, count)
	for i := range out {
		out[i] = caseID(seed, i)
	}
	return out
}

func caseID(seed uint64, n int) string { return fmt.Sprintf("calm-%d-%03d", seed, n) }

// parse reads what caseID wrote.
func parse(id string) (seed uint64, n int, err error) {
	if _, err := fmt.Sscanf(id, "calm-%d-%d", &seed, &n); err != nil || n < 0 || id != caseID(seed, n) {
		return 0, 0, fmt.Errorf("%s: no case %q: want calm-SEED-NUMBER", Name, id)
	}
	return seed, n, nil
}

// kind is one sort of system, and what of it is seen.
type kind struct {
	name                              string
	fan                               bool // all services behind one, instead of a chain
	metrics, logs, cluster, db, trace bool
}

func kindOf(i int) kind {
	kinds := []kind{
		{name: "chain, metrics", metrics: true},
		{name: "fan, metrics", fan: true, metrics: true},
		{name: "chain, metrics and logs", metrics: true, logs: true},
		{name: "cluster", fan: true, cluster: true},
		{name: "cluster, logs and metrics", fan: true, cluster: true, logs: true, metrics: true},
		{name: "database and metrics", metrics: true, db: true},
		{name: "traces, metrics and logs", fan: true, metrics: true, logs: true, trace: true},
		{name: "traces and metrics", metrics: true, trace: true},
		{name: "cluster and logs", fan: true, cluster: true, logs: true},
		{name: "database", db: true},
	}
	return kinds[i%len(kinds)]
}

// world is one system on one ordinary day.
type world struct {
	kind     kind
	r        *rand.Rand
	now      time.Time
	services []string // the entry first
	step     time.Duration
	deploys  map[string]time.Time // when the running version of a service began, where that is new
	items    []evidence.Item
	err      error
}

// Load makes up the case with that ID.
func Load(id string) (diagnose.Input, error) {
	seed, n, err := parse(id)
	if err != nil {
		return diagnose.Input{}, err
	}
	w := &world{kind: kindOf(n), r: rand.New(rand.NewPCG(uint64(n), seed)), deploys: map[string]time.Time{}}
	w.now = time.Date(2026, 11, 2+n%20, w.r.IntN(24), w.r.IntN(60), 0, 0, time.UTC)
	w.step = []time.Duration{15 * time.Second, 30 * time.Second, time.Minute}[w.r.IntN(3)]
	for i := range 3 + w.r.IntN(6) {
		w.services = append(w.services, fmt.Sprintf("svc%c", 'a'+i))
	}
	cat, err := w.catalog()
	if err != nil {
		return diagnose.Input{}, fmt.Errorf("%s %s: %w", Name, id, err)
	}
	w.observe()
	if w.err != nil {
		return diagnose.Input{}, fmt.Errorf("%s %s: %w", Name, id, w.err)
	}
	return diagnose.Input{
		Catalog: cat, Environment: "calm", Affected: w.services[:1], FirstSignal: w.now.Add(-2 * time.Minute), Now: w.now, Items: w.items,
	}, nil
}

func (w *world) observe() {
	w.changes()
	if w.kind.metrics {
		w.metrics()
	}
	if w.kind.logs {
		w.logs()
	}
	if w.kind.cluster {
		w.cluster()
	}
	if w.kind.db {
		w.database()
	}
	if w.kind.trace {
		w.traces()
	}
}

// add keeps an item with its data.
func (w *world) add(it evidence.Item, data any) {
	it.From, it.To = w.now.Add(-window), w.now
	it, err := it.WithID("calm").Encode(data)
	if err != nil {
		w.err = err
		return
	}
	w.items = append(w.items, it)
}

// chance is true with that probability.
func (w *world) chance(p float64) bool { return w.r.Float64() < p }

// between is a number in a range.
func (w *world) between(low, high float64) float64 { return low + (high-low)*w.r.Float64() }

// any is one of the services.
func (w *world) any() string { return w.services[w.r.IntN(len(w.services))] }

// ago is a moment before now.
func (w *world) ago(d time.Duration) time.Time { return w.now.Add(-d) }
