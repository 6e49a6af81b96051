package triage

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/signal"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// storm is a made-up outage: services in teams of twenty that call each other
// and a few platform services, causes planted in some of them, and alerts of
// everything that a cause reaches.
type storm struct {
	catalog fakeCatalog
	causes  []string
	causeOf map[string]string // affected service → its planted cause
	hops    map[string]int    // affected service → calls between it and its cause
	signals []signal.Signal   // in order of arrival
	alone   signal.Signal     // the unrelated SEV-1 in the middle
	truth   map[string]string // fingerprint → cause
}

const (
	teamSize    = 20
	platform    = 10  // services that every team uses; healthy here
	propagation = 0.7 // chance that a caller of an affected service is affected too
)

// newStorm is the same for the same numbers: randomness is seeded.
func newStorm(alerts, services, causes int, start time.Time) *storm {
	rng := rand.New(rand.NewPCG(7, uint64(alerts)))
	st := &storm{
		catalog: fakeCatalog{deps: map[string][]string{}, owners: map[string]string{}},
		causeOf: map[string]string{}, hops: map[string]int{}, truth: map[string]string{},
	}
	names := st.services(rng, services)
	st.plant(rng, names, causes)
	st.fire(rng, alerts, start)
	return st
}

func (st *storm) services(rng *rand.Rand, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("svc-%03d", i)
		st.catalog.owners[names[i]] = fmt.Sprintf("team-%02d", i/teamSize)
	}
	for i := range names {
		var deps []string
		first := i / teamSize * teamSize
		for j := i + 1; j < min(first+teamSize, n); j++ { // inside the team, downwards
			if rng.Float64() < 0.2 || j == i+1 && rng.Float64() < 0.5 {
				deps = append(deps, names[j])
			}
		}
		if i < n-platform && rng.Float64() < 0.5 {
			deps = append(deps, names[n-1-rng.IntN(platform)])
		}
		if i+teamSize < n && rng.Float64() < 0.05 { // now and then another team
			deps = append(deps, names[i+teamSize])
		}
		st.catalog.deps[names[i]] = deps
	}
	return names
}

// plant puts each cause into a team of its own and lets it spread to callers.
// A service that two causes reach belongs to the first; a cause that would meet
// another is not told apart by anybody, so its spread ends there.
func (st *storm) plant(rng *rand.Rand, names []string, causes int) {
	callers := map[string][]string{}
	for _, s := range names {
		for _, d := range st.catalog.deps[s] {
			callers[d] = append(callers[d], s)
		}
	}
	for c := range causes {
		cause := names[c*teamSize+teamSize/2+rng.IntN(teamSize/2)]
		st.causes = append(st.causes, cause)
		todo := []string{cause}
		st.causeOf[cause] = cause
		for len(todo) > 0 {
			s := todo[0]
			todo = todo[1:]
			for _, caller := range callers[s] {
				if _, taken := st.causeOf[caller]; !taken && rng.Float64() < propagation {
					st.causeOf[caller], st.hops[caller] = cause, st.hops[s]+1
					todo = append(todo, caller)
				}
			}
		}
	}
}

// fire lets trouble spread: each hop from the cause begins to alert 100 ms after
// the one below it. From then on everything alerts at random.
func (st *storm) fire(rng *rand.Rand, alerts int, start time.Time) {
	const hop = 100 // alerts, one a millisecond
	affected := sorted(st.causeOf)
	slices.SortStableFunc(affected, func(a, b string) int { return st.hops[a] - st.hops[b] })
	rules := signal.Rules{
		Source: "am", Environment: "prod",
		Service: func(l map[string]string) string { return l["service"] },
	}
	for i := range alerts {
		begun := len(affected)
		for begun > 1 && st.hops[affected[begun-1]]*hop > i {
			begun--
		}
		service := affected[rng.IntN(begun)]
		at := start.Add(time.Duration(i) * time.Millisecond)
		s := rules.Normalize(signal.Raw{
			Status: "firing", StartsAt: at.Add(-time.Minute),
			Labels: map[string]string{
				"alertname": fmt.Sprintf("Alert%02d", rng.IntN(12)), "service": service,
				"severity": []string{"warning", "info", "critical"}[rng.IntN(3)], "instance": fmt.Sprintf("10.0.%d.%d", i/250, i%250),
			},
			Annotations: map[string]string{"summary": "Something is wrong with " + service},
		}, at)
		st.signals = append(st.signals, s)
		st.truth[s.Fingerprint] = st.causeOf[service]
		if i == alerts/2 {
			st.alone = rules.Normalize(signal.Raw{
				Status: "firing", StartsAt: at.Add(-time.Minute),
				Labels: map[string]string{"alertname": "DataLost", "service": st.quietService(), "severity": "P1"},
			}, at)
			st.signals = append(st.signals, st.alone)
			st.truth[st.alone.Fingerprint] = "alone"
		}
	}
}

// quietService is a service that neither is affected nor touches one that is.
func (st *storm) quietService() string {
	touched := map[string]bool{}
	for s := range st.causeOf {
		touched[s] = true
		for _, d := range st.catalog.deps[s] {
			touched[d] = true
		}
	}
	for _, s := range sorted(st.catalog.deps) {
		if touched[s] || slices.ContainsFunc(st.catalog.deps[s], func(d string) bool { return touched[d] }) {
			continue
		}
		return s
	}
	return "somewhere-else"
}

// purity is the share of signals whose incident is mostly about their cause.
func (st *storm) purity(groupOf map[string]string) float64 {
	counts := map[string]map[string]int{}
	for fp, group := range groupOf {
		if counts[group] == nil {
			counts[group] = map[string]int{}
		}
		counts[group][st.truth[fp]]++
	}
	pure, all := 0, 0
	for _, causes := range counts {
		most := 0
		for _, n := range causes {
			most = max(most, n)
			all += n
		}
		pure += most
	}
	return float64(pure) / float64(all)
}

// peak watches the heap until stop is called.
func peak() (stop func() uint64) {
	runtime.GC()
	var high atomic.Uint64
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			high.Store(max(high.Load(), m.HeapInuse))
			select {
			case <-quit:
				return
			case <-tick.C:
			}
		}
	}()
	return func() uint64 {
		close(quit)
		<-done
		return high.Load()
	}
}

// report is what a storm did to triage.
type report struct {
	incidents int
	active    int
	purity    float64
	toPage    time.Duration // from the delivery of the lone SEV-1 to its incident and first page's job
	total     time.Duration
	peak      uint64
	opened    int
}

// ride sends a storm through the store in deliveries of 20 while the jobs run,
// as serve does.
func (st *storm) ride(t testing.TB, h *house) report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	stop, end := context.WithCancel(ctx)
	done := make(chan error, 1)
	specs := h.Specs()
	go func() { done <- h.st.RunJobs(stop, specs, nil) }()
	memory := peak()
	start := time.Now()
	var sent time.Time
	var out report
	seen := make(chan time.Time, 1)
	for batch := range slices.Chunk(st.signals, 20) {
		lone := slices.ContainsFunc(batch, func(s signal.Signal) bool { return s.ID == st.alone.ID })
		if lone {
			sent = time.Now()
		}
		if err := h.Accept(ctx, signal.Delivery{Source: "am", Signals: batch, ReceivedAt: batch[0].ReceivedAt}); err != nil {
			t.Fatal(err)
		}
		if lone {
			go func() { seen <- h.waitForIncident(ctx, st.alone) }()
		}
	}
	out.toPage = (<-seen).Sub(sent)
	h.waitUntilDrained(ctx)
	out.total = time.Since(start)
	end()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	out.peak = memory()
	st.judge(h, &out)
	return out
}

func (st *storm) judge(h *house, out *report) {
	groupOf := map[string]string{}
	for _, inc := range h.incidents() {
		out.opened++
		if inc.State == incident.Merged {
			continue
		}
		out.incidents++
		for _, s := range h.signals(inc.ID) {
			groupOf[s.Fingerprint] = inc.ID
		}
	}
	out.active = len(groupOf)
	out.purity = st.purity(groupOf)
}

func (h *house) waitForIncident(ctx context.Context, s signal.Signal) time.Time {
	for ctx.Err() == nil {
		var id string
		_ = h.st.View(ctx, func(tx *store.Tx) error {
			got, err := tx.Signal(ctx, s.Source, s.Fingerprint)
			id = got.IncidentID
			return err
		})
		if id != "" {
			break
		}
		pause(ctx, 10*time.Millisecond)
	}
	return time.Now()
}

func (h *house) waitUntilDrained(ctx context.Context) {
	for ctx.Err() == nil {
		left := 1
		_ = h.st.View(ctx, func(tx *store.Tx) error {
			p, err := tx.PendingSignals(ctx, 1)
			left = len(p)
			return err
		})
		if left == 0 {
			return
		}
		pause(ctx, 20*time.Millisecond)
	}
}

// pause waits where nothing tells when to look again.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func (r report) check(t *testing.T, alerts int) {
	t.Helper()
	if got := r.incidents - 1; got < 18 || got > 22 { // the lone SEV-1 is one more
		t.Errorf("incidents: got %d, want 20 ± 2", got)
	}
	if r.purity < 0.95 {
		t.Errorf("purity: got %.3f, want at least .95", r.purity)
	}
	if r.active != alerts+1 {
		t.Errorf("signals with an incident: got %d, want %d: none is lost", r.active, alerts+1)
	}
	if r.toPage > 5*time.Second {
		t.Errorf("the SEV-1 waited %s, want less than 5 s", r.toPage)
	}
}

func TestAStormBecomesAsManyIncidentsAsCauses(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	st := newStorm(5_000, 500, 20, h.clock())
	h.Service = New(h.st, st.catalog, Options{})
	r := st.ride(t, h)
	r.check(t, 5_000)
	t.Logf("5,000 alerts: %s", r)
}

func (r report) String() string {
	return fmt.Sprintf("%d incidents (%d opened), purity %.3f, SEV-1 placed after %s, all after %s, peak heap %d MB",
		r.incidents, r.opened, r.purity, r.toPage.Round(time.Millisecond), r.total.Round(time.Millisecond), r.peak>>20)
}

// BenchmarkStorm is the whole storm through a real store, once for each
// iteration.
func BenchmarkStorm(b *testing.B) {
	for _, alerts := range []int{10_000, 100_000} {
		b.Run(fmt.Sprintf("alerts=%d", alerts), func(b *testing.B) {
			for b.Loop() {
				dir, err := os.MkdirTemp(b.TempDir(), "storm")
				if err != nil {
					b.Fatal(err)
				}
				start := time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
				db, err := store.Open(b.Context(), "sqlite:"+dir+"/h.db", store.Options{Now: func() time.Time { return start }})
				if err != nil {
					b.Fatal(err)
				}
				st := newStorm(alerts, 500, 20, start)
				h := &house{t: b, st: db, now: start, Service: New(db, st.catalog, Options{})}
				r := st.ride(b, h)
				b.ReportMetric(float64(r.incidents), "incidents")
				b.ReportMetric(r.purity, "purity")
				b.ReportMetric(r.toPage.Seconds(), "s-to-SEV-1")
				b.ReportMetric(float64(r.peak>>20), "MB-peak-heap")
				b.ReportMetric(float64(alerts)/r.total.Seconds(), "alerts/s")
				if err := db.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkGroup is grouping alone.
func BenchmarkGroup(b *testing.B) {
	st := newStorm(100_000, 500, 20, time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC))
	b.ReportAllocs()
	for b.Loop() {
		g := signal.NewGrouper(st.catalog, signal.DefaultGroupOptions())
		for _, s := range st.signals {
			g.Add(s)
		}
		if g.Len() > 30 {
			b.Fatalf("%d groups", g.Len())
		}
	}
}
