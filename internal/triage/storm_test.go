package triage

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/signal"
	"github.com/holdfast-sre/holdfast/internal/store"
	made "github.com/holdfast-sre/holdfast/test/storm"
)

// storm is a made-up outage as this package sees it.
type storm struct {
	*made.Storm
	catalog fakeCatalog
	signals []signal.Signal // in order of arrival
	alone   signal.Signal   // the unrelated SEV-1 in the middle
}

func newStorm(alerts, services, causes int, start time.Time) *storm {
	st := &storm{Storm: made.New(alerts, services, causes, start)}
	st.catalog = fakeCatalog{deps: st.Deps, owners: st.Owners}
	rules := signal.Rules{
		Source: "am", Environment: "prod",
		Service: func(l map[string]string) string { return l["service"] },
	}
	for _, a := range st.Alerts {
		s := rules.Normalize(signal.Raw{
			Status: "firing", Labels: a.Labels, Annotations: a.Annotations, StartsAt: a.StartsAt, Fingerprint: a.Fingerprint,
		}, a.ArrivesAt)
		st.signals = append(st.signals, s)
		if a.Fingerprint == st.Alone.Fingerprint {
			st.alone = s
		}
	}
	return st
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
	out.purity = st.Purity(groupOf)
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
