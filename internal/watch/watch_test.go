package watch

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/jobs"
	"github.com/holdfast-sre/holdfast/internal/signal"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// fakeAlertmanager answers what the test put in.
type fakeAlertmanager struct {
	alerts  []signal.Signal
	unready bool
	err     error
}

func (f *fakeAlertmanager) Active(context.Context) ([]signal.Signal, bool, error) {
	return f.alerts, !f.unready, f.err
}

// world is a watch on a store of its own, with a clock that the test moves.
type world struct {
	*Watch
	t   *testing.T
	st  *store.Store
	am  *fakeAlertmanager
	now time.Time
}

func newWorld(t *testing.T, o Options) *world {
	t.Helper()
	w := &world{t: t, am: &fakeAlertmanager{}, now: time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)}
	st, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "w.db"), store.Options{Now: func() time.Time { return w.now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	w.st = st
	if o.Sources == nil {
		o.Sources = []Source{{Name: "am", Environment: "prod", Alerts: w.am, Watchdog: "Watchdog"}}
	}
	w.Watch = New(st, w, o)
	return w
}

// Accept stores a delivery as triage does.
func (w *world) Accept(ctx context.Context, d signal.Delivery) error {
	return w.st.Tx(ctx, func(tx *store.Tx) error {
		if d.Watchdog {
			return tx.Put(ctx, signal.WatchdogKey(d.Source), signal.Seen{At: d.ReceivedAt})
		}
		_, err := tx.SaveSignals(ctx, d.Signals)
		return err
	})
}

func (w *world) deliver(name string) signal.Signal {
	w.t.Helper()
	s := w.alert(name)
	if err := w.Accept(w.t.Context(), signal.Delivery{Source: "am", Signals: []signal.Signal{s}}); err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *world) alert(name string) signal.Signal {
	return signal.Rules{Source: "am", Environment: "prod"}.Normalize(signal.Raw{
		Status: "firing", Labels: map[string]string{"alertname": name, "cluster": "one"}, StartsAt: w.now,
	}, w.now)
}

func (w *world) run(kind string, args any) {
	w.t.Helper()
	body, err := json.Marshal(args)
	if err != nil {
		w.t.Fatal(err)
	}
	commit, err := w.Specs()[kind].Handle(w.t.Context(), jobs.Job{Kind: kind, Args: body})
	if err != nil {
		w.t.Fatalf("%s: %v", kind, err)
	}
	if commit != nil {
		if err := w.st.Tx(w.t.Context(), func(tx *store.Tx) error { return commit(w.t.Context(), tx) }); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) firing(source string) []string {
	w.t.Helper()
	var out []string
	err := w.st.View(w.t.Context(), func(tx *store.Tx) error {
		sigs, err := tx.FiringSignals(w.t.Context(), source)
		for _, s := range sigs {
			out = append(out, s.Name)
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

func TestAbsenceResolvesOnlyAfterTheWholeLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	w.deliver("Gone")
	stays := w.deliver("Stays")
	w.am.alerts = []signal.Signal{stays}
	for _, step := range []struct {
		after time.Duration
		want  []string
	}{
		{time.Minute, []string{"Gone", "Stays"}},     // first absent
		{4 * time.Minute, []string{"Gone", "Stays"}}, // four minutes
		{time.Minute, []string{"Stays"}},             // five
	} {
		w.now = w.now.Add(step.after)
		w.run(KindReconcile, nil)
		if diff := cmp.Diff(step.want, w.firing("am")); diff != "" {
			t.Errorf("firing after %s (-want +got):\n%s", step.after, diff)
		}
	}
	err := w.st.View(t.Context(), func(tx *store.Tx) error {
		s, err := tx.Signal(t.Context(), "am", w.alert("Gone").Fingerprint)
		if !strings.Contains(strings.Join(s.Marks, " "), "no proof of recovery") {
			t.Errorf("marks: got %q, want that absence is no proof", s.Marks)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAnswersThatMayNotBeTrustedResolveNothing(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(*fakeAlertmanager){
		"down":     func(f *fakeAlertmanager) { f.err = errors.New("refused") },
		"settling": func(f *fakeAlertmanager) { f.unready = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, Options{})
			w.deliver("A")
			w.run(KindReconcile, nil) // first absent
			harm(w.am)
			w.now = w.now.Add(4 * time.Minute)
			w.run(KindReconcile, nil)
			w.am.err, w.am.unready = nil, false
			w.now = w.now.Add(4 * time.Minute)
			w.run(KindReconcile, nil) // the count begins anew
			if got := w.firing("am"); len(got) != 1 {
				t.Errorf("firing: got %q, want A still", got)
			}
		})
	}
}

func TestAnAlertThatFiresAgainBeginsAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	w.deliver("A")
	w.run(KindReconcile, nil)
	w.now = w.now.Add(3 * time.Minute)
	w.deliver("A")
	w.now = w.now.Add(2 * time.Minute)
	w.run(KindReconcile, nil)
	if got := w.firing("am"); len(got) != 1 {
		t.Errorf("firing: got %q, want A: it was delivered two minutes ago", got)
	}
}

func TestASilenceMarksTheSignal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	s := w.deliver("A")
	s.Silenced = true
	w.am.alerts = []signal.Signal{s}
	w.run(KindReconcile, nil)
	err := w.st.View(t.Context(), func(tx *store.Tx) error {
		got, err := tx.Signal(t.Context(), "am", s.Fingerprint)
		if !got.Silenced || got.Status != signal.Firing {
			t.Errorf("got silenced %v, %s; want silenced and firing", got.Silenced, got.Status)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheRestOfATruncatedDeliveryIsRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	other := w.alert("Other")
	other.Labels = map[string]string{"alertname": "Other", "cluster": "two"}
	silenced := w.alert("Silenced")
	silenced.Silenced = true
	dog := w.alert("Watchdog")
	rest := w.alert("Rest")
	rest.Source = "evidence-name" // the evidence source may be called otherwise
	w.am.alerts = []signal.Signal{rest, other, silenced, dog}
	w.run(signal.ReadRestJob, signal.Rest{Source: "am", Labels: map[string]string{"cluster": "one"}, Missing: 3})
	if diff := cmp.Diff([]string{"Rest"}, w.firing("am")); diff != "" {
		t.Errorf("accepted (-want +got):\n%s", diff)
	}
}

func TestARestThatCannotBeReadIsASignal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{Sources: []Source{{Name: "am", Environment: "prod"}}})
	w.run(signal.ReadRestJob, signal.Rest{Source: "am", Missing: 12})
	if diff := cmp.Diff([]string{"AlertsTruncated"}, w.firing("holdfast")); diff != "" {
		t.Errorf("signals (-want +got):\n%s", diff)
	}
}

func TestAWatchdogThatStaysAwayIsASignalUntilItIsBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	pass := func(d time.Duration) {
		t.Helper()
		for end := w.now.Add(d); w.now.Before(end); {
			w.now = w.now.Add(time.Minute)
			w.run(KindWatchdog, nil)
		}
	}
	want := func(what string, names ...string) {
		t.Helper()
		if diff := cmp.Diff(names, w.firing("holdfast")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	bark := func() {
		t.Helper()
		if err := w.Accept(t.Context(), signal.Delivery{Source: "am", Watchdog: true, ReceivedAt: w.now}); err != nil {
			t.Fatal(err)
		}
	}
	pass(10 * time.Minute)
	want("never heard of, within the limit")
	pass(10 * time.Minute)
	want("never heard of, over the limit", "WatchdogMissing")
	bark()
	pass(time.Minute)
	want("back")
	pass(20 * time.Minute)
	want("away again", "WatchdogMissing")
	bark()
	pass(time.Minute)
	w.now = w.now.Add(8 * time.Hour) // Holdfast was down
	pass(10 * time.Minute)
	want("after Holdfast was down")
	pass(10 * time.Minute)
	want("away since Holdfast is up", "WatchdogMissing")
}

// fakeSwitch counts beats.
type fakeSwitch struct{ beats int }

func (f *fakeSwitch) Beat(context.Context) error { f.beats++; return nil }

func TestTheHeartbeatStopsWhileAnythingIsIll(t *testing.T) {
	t.Parallel()
	beat := &fakeSwitch{}
	var ill error
	w := newWorld(t, Options{Beat: beat, Health: []Health{
		{Name: "intake", Check: func(context.Context) error { return nil }},
		{Name: "pager", Check: func(context.Context) error { return ill }},
	}})
	w.run(KindHeartbeat, nil)
	ill = errors.New("no pager answers")
	w.run(KindHeartbeat, nil)
	w.run(KindHeartbeat, nil)
	ill = nil
	w.run(KindHeartbeat, nil)
	if beat.beats != 2 {
		t.Errorf("beats: got %d, want 2: none while the pager is ill", beat.beats)
	}
}

func TestOnlyWhatIsConfiguredIsScheduled(t *testing.T) {
	t.Parallel()
	kinds := func(o Options) (out []string) {
		for _, p := range New(nil, nil, o).Periodic() {
			out = append(out, p.Kind)
		}
		return out
	}
	if got := kinds(Options{Sources: []Source{{Name: "ci"}}}); got != nil {
		t.Errorf("nothing to watch: got %q", got)
	}
	all := Options{Sources: []Source{{Name: "am", Alerts: &fakeAlertmanager{}, Watchdog: "Watchdog"}}, Beat: &fakeSwitch{}}
	if diff := cmp.Diff([]string{KindReconcile, KindWatchdog, KindHeartbeat}, kinds(all)); diff != "" {
		t.Errorf("schedule (-want +got):\n%s", diff)
	}
}
