package respond_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/jobs"
	"github.com/holdfast-sre/holdfast/internal/respond"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/signal"
	"github.com/holdfast-sre/holdfast/internal/store"
)

func TestAnIncidentWhoseAlertFiresAgainDuringTheLastLookIsNotResolved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	st := w.openStore("")
	var id string
	var quietSince time.Time
	var again sync.Once
	w.looks = func(req evidence.Request) {
		fires := slices.ContainsFunc(req.Signals, func(s signal.Signal) bool { return s.Status == signal.Firing })
		switch {
		case fires:
			return
		case quietSince.IsZero():
			quietSince = req.Now
		case req.Now.Sub(quietSince) >= 300*time.Millisecond: // this look would say: recovered
			again.Do(func() { w.fire(st, id) })
		}
	}
	id = w.open(st, severity.SEV3)
	w.run(st, w.responder(st, nil))
	w.until(st, id, "repaired", acted)
	w.resolve(st, id)
	inc, _, _ := w.until(st, id, "over or handed to people", func(inc incident.Incident, _ []action.Intent, _ []incident.Proposal) bool {
		return inc.State == incident.Resolved || len(inc.Paged) > 0
	})
	if inc.State == incident.Resolved {
		t.Errorf("resolved while its alert fires")
	}
}

func TestWhatWasGoodBeforeAnAlertFiredAgainIsNoRecovery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.tick, w.verify = 50*time.Millisecond, 200*time.Millisecond
		st := w.openStore("")
		r := w.responder(st, nil)
		r.Windows.Recovery = time.Second
		w.run(st, r)
		id := w.open(st, severity.SEV3)
		w.until(st, id, "repaired", acted)
		w.resolve(st, id)
		quiet := time.Now()
		w.until(st, id, "quiet for most of the time that is needed", func(incident.Incident, []action.Intent, []incident.Proposal) bool {
			return time.Since(quiet) > 700*time.Millisecond
		})
		w.fire(st, id)
		w.resolve(st, id)
		ended := time.Now()
		inc, _, _ := w.until(st, id, "resolved", func(inc incident.Incident, _ []action.Intent, _ []incident.Proposal) bool {
			return inc.State == incident.Resolved
		})
		if held := inc.ResolvedAt.Sub(ended); held < 900*time.Millisecond {
			t.Errorf("resolved %s after the alert ended; a second in band is needed", held)
		}
	})
}

func TestAFailedVerificationTellsPeopleEvenWhenTheAlertIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	st := w.openStore("")
	w.asks = func() bool { return true } // the restart does not help
	w.run(st, w.responder(st, nil))
	id := w.open(st, severity.SEV3)
	w.until(st, id, "repaired", acted)
	w.resolve(st, id)
	_, ins, _ := w.until(st, id, "handed to people", func(inc incident.Incident, _ []action.Intent, _ []incident.Proposal) bool {
		return len(inc.Paged) > 0
	})
	if len(ins) != 1 {
		t.Errorf("%d actions; want no second one after a failed verification", len(ins))
	}
}

// end is a person who resolves an incident.
func (w *world) end(st *store.Store, id string) {
	w.t.Helper()
	err := st.Tx(w.t.Context(), func(tx *store.Tx) error {
		inc, err := tx.Incident(w.t.Context(), id)
		if err != nil {
			return err
		}
		if _, err := inc.Apply(incident.Transition(incident.Resolved, "ana", "false alarm", tx.Now())); err != nil {
			return err
		}
		return tx.UpdateIncident(w.t.Context(), &inc)
	})
	if err != nil {
		w.t.Error(err)
	}
}

func TestAPersonWhoResolvesStopsWhatHasNotStarted(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		step     string // at which the person resolves
		want     action.State
		restarts int
	}{
		"before the checks": {step: "intended", want: action.Cancelled},
		"after the checks":  {step: "saved", want: action.Cancelled},
		"while it runs":     {step: "started", want: action.Done, restarts: 1},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			st := w.openStore("")
			var id string
			var once sync.Once
			r := w.responder(st, func(step string) {
				if step == tc.step {
					once.Do(func() { w.end(st, id) })
				}
			})
			id = w.open(st, severity.SEV3)
			w.run(st, r)
			inc, ins, _ := w.until(st, id, "ended", func(_ incident.Incident, ins []action.Intent, _ []incident.Proposal) bool {
				return len(ins) > 0 && !ins[0].FinishedAt.IsZero()
			})
			if ins[0].State != tc.want || w.restarts != tc.restarts || inc.State != incident.Resolved {
				t.Errorf("action %s, %d restarts, incident %s; want %s, %d, resolved", ins[0].State, w.restarts, inc.State, tc.want, tc.restarts)
			}
		})
	}
}

func TestWhatStartedBeforeItsExecutorWasRemovedIsUnknown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	st := w.openStore("")
	r := w.responder(st, nil)
	r.Executors = nil
	id := w.open(st, severity.SEV3)
	in := action.Intent{ID: "act_1", IncidentID: id, State: action.Started, Action: action.Action{Name: action.ProcessRestart}}
	err := st.Tx(t.Context(), func(tx *store.Tx) error {
		if err := tx.SaveIntent(t.Context(), in); err != nil {
			return err
		}
		_, err := tx.Enqueue(t.Context(), jobs.Job{Kind: respond.JobAct, Key: in.ID, Args: []byte(`{"incident":"` + id + `","intent":"act_1"}`)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	w.run(st, r)
	_, ins, _ := w.until(st, id, "settled", func(_ incident.Incident, ins []action.Intent, _ []incident.Proposal) bool {
		return !ins[0].FinishedAt.IsZero()
	})
	if ins[0].State != action.Unknown {
		t.Errorf("the action is %s; want unknown", ins[0].State)
	}
}

func TestWhatJoinsWhileRecoveryIsWatchedPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	st := w.openStore("")
	r := w.responder(st, nil)
	r.Windows.Recovery, r.Windows.VerifyTimeout = time.Hour, time.Hour
	w.run(st, r)
	id := w.open(st, severity.SEV3)
	w.until(st, id, "repaired", acted)
	err := st.Tx(t.Context(), func(tx *store.Tx) error { // as triage does when a worse alert joins
		inc, err := tx.Incident(t.Context(), id)
		if err != nil {
			return err
		}
		if _, err := inc.Apply(incident.SeverityChange(severity.SEV1, incident.ActorRule, "alert Down is mapped to SEV-1", tx.Now())); err != nil {
			return err
		}
		inc.StartedAt = tx.Now().Add(-time.Minute)
		if err := tx.UpdateIncident(t.Context(), &inc); err != nil {
			return err
		}
		return w.enqueue(tx, respond.JobFirstPage, id, id)
	})
	if err != nil {
		t.Fatal(err)
	}
	inc, _, _ := w.until(st, id, "paged", func(inc incident.Incident, _ []action.Intent, _ []incident.Proposal) bool {
		return len(inc.Paged) > 0
	})
	if inc.State != incident.Monitoring || inc.Paged[0].Severity != severity.SEV1 {
		t.Errorf("%s, paged %+v; want a page for SEV-1 while the recovery is watched", inc.State, inc.Paged)
	}
}

func TestASecondPageIsForWhatThePagedDoNotKnow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	st := w.openStore("")
	w.run(st, w.responder(st, nil))
	id := w.open(st, severity.SEV2)
	w.until(st, id, "paged", waiting)
	err := st.Tx(t.Context(), func(tx *store.Tx) error {
		inc, err := tx.Incident(t.Context(), id)
		if err != nil {
			return err
		}
		inc.StartedAt = tx.Now().Add(-time.Minute)
		if err := tx.UpdateIncident(t.Context(), &inc); err != nil {
			return err
		}
		return w.enqueue(tx, respond.JobFirstPage, id, id)
	})
	if err != nil {
		t.Fatal(err)
	}
	since := time.Now()
	inc, _, _ := w.until(st, id, "looked at again", func(incident.Incident, []action.Intent, []incident.Proposal) bool {
		return time.Since(since) > 300*time.Millisecond
	})
	if len(inc.Paged) != 1 {
		t.Errorf("paged %d times for one problem", len(inc.Paged))
	}
}

func TestAnIncidentThatNobodyWorksOnIsFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.first = respond.JobSweep // everything else was given up
	st := w.openStore("")
	w.run(st, w.responder(st, nil))
	id := w.open(st, severity.SEV3)
	w.until(st, id, "repaired", acted)
}

func TestTenMinutesWithoutAnyInvestigationBringAPerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.first = respond.JobDecide
	st := w.openStore("")
	r := w.responder(st, nil)
	r.Collectors = func(string) []evidence.Collector { panic("no investigation ever ends") }
	w.age = 11 * time.Minute
	w.run(st, r)
	id := w.open(st, severity.SEV3)
	w.until(st, id, "handed to people", func(inc incident.Incident, _ []action.Intent, _ []incident.Proposal) bool {
		return len(inc.Paged) > 0
	})
}

func TestPagersThatTakeNothingAreIll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pagerErr = errors.New("connection refused")
	st := w.openStore("")
	r := w.responder(st, nil)
	w.run(st, r)
	check := r.PagersWork("pager")
	if err := check(t.Context()); err != nil {
		t.Errorf("before the first page: %v", err)
	}
	id := w.open(st, severity.SEV2)
	w.until(st, id, "refused by every pager", func(incident.Incident, []action.Intent, []incident.Proposal) bool {
		return check(t.Context()) != nil
	})
	w.set(func() { w.pagerErr = nil })
	w.until(st, id, "taken by a pager", func(incident.Incident, []action.Intent, []incident.Proposal) bool {
		return check(t.Context()) == nil
	})
}

func TestASignalAboutHoldfastEndsItsIncident(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.kind = signal.Internal
	w.first = respond.JobVerify
	st := w.openStore("")
	id := w.open(st, severity.SEV3)
	w.resolve(st, id)
	w.run(st, w.responder(st, nil))
	w.until(st, id, "resolved", func(inc incident.Incident, _ []action.Intent, _ []incident.Proposal) bool {
		return inc.State == incident.Resolved
	})
}

func TestNoRecoveryIsToldOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.tick, w.verify = 50*time.Millisecond, 200*time.Millisecond
		st := w.openStore("")
		w.asks = func() bool { return true } // the restart does not help
		r := w.responder(st, nil)
		r.Windows.VerifyTimeout = 200 * time.Millisecond
		w.run(st, r)
		id := w.open(st, severity.SEV3)
		w.until(st, id, "repaired", acted)
		w.resolve(st, id)
		since := time.Now()
		w.until(st, id, "watched for several times as long", func(incident.Incident, []action.Intent, []incident.Proposal) bool {
			return time.Since(since) > 1500*time.Millisecond
		})
		told := 0
		err := st.View(t.Context(), func(tx *store.Tx) error {
			events, err := tx.Events(t.Context(), id)
			for _, ev := range events {
				if ev.Kind == incident.EventRecovery && strings.HasPrefix(ev.Text, "no recovery") {
					told++
				}
			}
			return err
		})
		if err != nil || told != 1 {
			t.Errorf("told %d times that there is no recovery, %v; want once", told, err)
		}
	})
}

func TestAnAlertThatWentByItselfIsNoFailedRemediation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.first, w.age = respond.JobVerify, 11*time.Minute
	st := w.openStore("")
	r := w.responder(st, nil)
	r.Windows.VerifyTimeout = 200 * time.Millisecond
	id := w.open(st, severity.SEV3)
	w.resolve(st, id)
	w.run(st, r)
	w.until(st, id, "told to people, as nothing recovers", func(inc incident.Incident, ins []action.Intent, _ []incident.Proposal) bool {
		return len(inc.Paged) > 0 && len(ins) == 0
	})
	w.fire(st, id)
	w.until(st, id, "repaired when it fires again", acted)
}
