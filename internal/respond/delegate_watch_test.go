package respond_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/store"
)

const watchedTask = "restart worker and watch for 1s"

// longWatch leaves a busy machine the time for three looks, half a second apart.
const longWatch = 10 * time.Second

// worseTold are the messages that it got worse.
func (w *world) worseTold() (out []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.pages {
		if strings.HasPrefix(m.Key, "worse/") {
			out = append(out, m.Body)
		}
	}
	return out
}

// watchWorld is for a bubble, where a busy machine makes no watch shorter: a watch
// of a second has five looks.
func watchWorld(t *testing.T) *world {
	w := newWorld(t)
	w.tick, w.verify = 50*time.Millisecond, 200*time.Millisecond
	return w
}

// A watch looks again and again, compares with what was measured just before the
// action, and tells people at once when it got worse.
func TestAWatchTellsWhatGotWorse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := watchWorld(t)
		st, r, id := w.paged(t)
		if _, err := confirm(t, r, ana, id, watchedTask); err != nil {
			t.Fatal(err)
		}
		w.comes(st, id, incident.DelegationWatching)
		w.set(func() { w.failing = 0.4 })
		w.eventually(st, id, "told that it is worse", func(ev incident.Event) bool {
			return ev.Kind == incident.EventRecovery && strings.HasPrefix(ev.Text, "worse since restart worker: worker errors 40.0 %, usually 0.1 %, before 0.1 %")
		})
		if v := w.task(st, id); v.State != incident.DelegationWatching {
			t.Errorf("told only when the task was %s", v.State)
		}
		v := w.comes(st, id, incident.DelegationReported)
		if v.Outcome != incident.OutcomeWorse || !strings.Contains(v.Report, "WORSE than before: worker errors 40.0 %, usually 0.1 %, before 0.1 %") {
			t.Errorf("the report is %s, %q", v.Outcome, v.Report)
		}
		if told := w.worseTold(); len(told) != 1 || !strings.Contains(told[0], "Worse: worker errors 40.0 %") {
			t.Errorf("told %q, want once", told)
		}
	})
}

func TestAWatchSaysHowItEnded(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		before, during func(*world)
		outcome        incident.Outcome
		want           string
	}{
		"better":  {func(w *world) { w.failing = 0.3 }, func(w *world) { w.failing = 0 }, incident.OutcomeBetter, ": better than before: worker errors, before 30.0 %, worker threads, before 8. worker 3 signals"},
		"partly":  {func(w *world) { w.failing = 0.3 }, func(*world) {}, incident.OutcomeBetter, "partly better than before: worker threads, before 8. worker not in its usual range: errors 30.0 %"},
		"as bad":  {func(w *world) { w.failing, w.stuck = 0.3, false }, func(*world) {}, incident.OutcomeUnchanged, "no worse than before. worker not in its usual range: errors 30.0 %"},
		"no data": {func(*world) {}, func(w *world) { w.stale = true }, incident.OutcomeUnknown, "whether it is worse than before can't be said; measured before and not any more: worker traffic"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := watchWorld(t)
				st, r, id := w.paged(t)
				w.set(func() { tc.before(w) })
				if _, err := confirm(t, r, ana, id, "restart worker and watch for 1s"); err != nil {
					t.Fatal(err)
				}
				w.comes(st, id, incident.DelegationWatching)
				w.set(func() { tc.during(w) })
				v := w.comes(st, id, incident.DelegationReported)
				if v.Outcome != tc.outcome || !strings.Contains(v.Report, tc.want) || len(w.worseTold()) != 0 {
					t.Errorf("the report is %s, %q; want %s, %q; told %q", v.Outcome, v.Report, tc.outcome, tc.want, w.worseTold())
				}
			})
		})
	}
}

// What passed by itself is not silent in the report.
func TestAWatchRemembersWhatPassed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := watchWorld(t)
		st, r, id := w.paged(t)
		if _, err := confirm(t, r, ana, id, watchedTask); err != nil {
			t.Fatal(err)
		}
		w.comes(st, id, incident.DelegationWatching)
		w.set(func() { w.failing = 0.4 })
		w.until(st, id, "told", func(incident.Incident, []action.Intent, []incident.Proposal) bool { return len(w.worseTold()) == 1 })
		w.set(func() { w.failing = 0 })
		v := w.comes(st, id, incident.DelegationReported)
		if v.Outcome == incident.OutcomeWorse || !strings.Contains(v.Report, "it was worse at ") {
			t.Errorf("the report is %s, %q", v.Outcome, v.Report)
		}
	})
}

// The watch is killed in its middle, at its third look: the next process goes on
// with the baseline and the two looks of the first, and reports once. It begins
// when the time of the watch is over, so that nobody waits for that.
func TestAWatchSurvivesAKill(t *testing.T) {
	t.Parallel()
	sup := &supervisorServer{keys: map[string]bool{}}
	srv := httptest.NewServer(sup)
	defer srv.Close()
	path := filepath.Join(t.TempDir(), "holdfast.db")
	first := startChildAs(t, "TestWatchChild", path, srv.URL, "looking")
	first.expect("at looking")
	first.kill()
	first.wait()
	second := startChildAs(t, "TestWatchChild", path, srv.URL, "")
	got := second.expect("reported ")
	second.kill()
	second.wait()
	sup.mu.Lock()
	defer sup.mu.Unlock()
	if !regexp.MustCompile(`^restart worker, asked for by ana: done at .* and 3 looks: better than before: worker threads, before 8\. worker 3 signals`).MatchString(strings.TrimPrefix(got, "reported ")) || sup.restarts != 1 {
		t.Errorf("after the kill: %q, %d restarts", got, sup.restarts)
	}
}

// TestWatchChild is the process that is killed; it does nothing by itself.
func TestWatchChild(t *testing.T) {
	path := os.Getenv(envStore)
	if path == "" {
		return
	}
	w := childWorld(t)
	now := time.Now
	if os.Getenv(envStep) == "" { // the second process
		now = func() time.Time { return time.Now().Add(longWatch) }
	}
	st := w.openStoreWith(path, store.Options{Now: now})
	looks := 0
	halt := halting(os.Getenv(envStep))
	r := w.responder(st, func(step string) {
		if step == "looking" {
			if looks++; looks < 3 { // in the middle
				return
			}
		}
		halt(step)
	})
	w.run(st, r)
	id := firstIncident(t, st)
	if id == "" {
		id = w.open(st, severity.SEV2)
		w.until(st, id, "paged", waiting)
		if _, err := confirm(t, r, ana, id, "restart worker and watch for "+longWatch.String()); err != nil {
			t.Fatal(err)
		}
	}
	fmt.Println("reported " + w.comes(st, id, incident.DelegationReported).Report)
}

// The time in which a task could have been approved ends during its watch, which
// is another job's: two would take one bad moment for two looks.
func TestOneJobWatches(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	st, r, id := w.paged(t)
	e, err := confirm(t, r, ana, id, "restart worker and watch for 10m")
	if err != nil {
		t.Fatal(err)
	}
	w.comes(st, id, incident.DelegationWatching)
	for _, step := range []string{"remind", "expiry", "expiry 2026-01-02T03:04:05Z"} {
		if err := r.TaskJob(t.Context(), id, e.Delegation, step); err != nil {
			t.Errorf("its %s job goes on: %v", step, err)
		}
	}
	if err := r.TaskJob(t.Context(), id, e.Delegation, "report"); err == nil {
		t.Error("the watch does not go on")
	}
}

// A reminder that could not be sent says nothing about the watch.
func TestAReminderThatFailsEndsNoWatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	st, r, id := w.paged(t)
	e, err := confirm(t, r, ana, id, "restart worker and watch for 10m")
	if err != nil {
		t.Fatal(err)
	}
	w.comes(st, id, incident.DelegationWatching)
	for _, step := range []string{"remind", "expiry"} {
		if err := st.Tx(t.Context(), func(tx *store.Tx) error {
			return r.TaskJobFails(t.Context(), tx, id, e.Delegation, step, errors.New("no route"))
		}); err != nil {
			t.Fatal(err)
		}
		if v := w.task(st, id); v.State != incident.DelegationWatching {
			t.Errorf("after its %s job the task is %+v", step, v)
		}
	}
}
