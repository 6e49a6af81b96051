package respond_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/signal"
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
	w := newWorld(t)
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
