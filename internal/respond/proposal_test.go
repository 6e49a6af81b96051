package respond_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// offered returns the proposal that waits for people.
func offered(props []incident.Proposal) (incident.Proposal, bool) {
	i := slices.IndexFunc(props, func(p incident.Proposal) bool { return p.State == incident.Waiting })
	if i < 0 {
		return incident.Proposal{}, false
	}
	return props[i], true
}

func (w *world) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

func TestWhatWasApprovedButNeverStartedIsOfferedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.saveErr = errors.New("no dump now")
	st := w.openStore("")
	r := w.responder(st, nil)
	w.run(st, r)
	id := w.open(st, severity.SEV2)
	_, _, props := w.until(st, id, "paged", waiting)
	if err := r.Approve(t.Context(), "ana", id, props[0].ID, props[0].PlanSHA); err != nil {
		t.Fatal(err)
	}
	_, _, props = w.until(st, id, "offered again", func(_ incident.Incident, ins []action.Intent, ps []incident.Proposal) bool {
		_, ok := offered(ps)
		return ok && len(ins) == 1 && ins[0].State == action.Cancelled
	})
	w.set(func() { w.saveErr = nil })
	again, _ := offered(props)
	if err := r.Approve(t.Context(), "ana", id, again.ID, again.PlanSHA); err != nil {
		t.Fatal(err)
	}
	w.until(st, id, "repaired", func(_ incident.Incident, ins []action.Intent, _ []incident.Proposal) bool {
		return slices.ContainsFunc(ins, func(in action.Intent) bool { return in.State == action.Done })
	})
}

func TestAProposalFollowsItsTarget(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	st := w.openStore("")
	w.run(st, w.responder(st, nil))
	id := w.open(st, severity.SEV2)
	_, _, props := w.until(st, id, "paged", waiting)
	old := props[0]
	w.set(func() { w.restarts++ }) // somebody restarted it by hand, in vain
	_, _, props = w.until(st, id, "offered for the target as it is now", func(_ incident.Incident, _ []action.Intent, ps []incident.Proposal) bool {
		p, ok := offered(ps)
		return ok && p.Generation != old.Generation
	})
	i := slices.IndexFunc(props, func(p incident.Proposal) bool { return p.ID == old.ID })
	if props[i].State != incident.Expired {
		t.Errorf("the proposal for the old process is %s; want it withdrawn", props[i].State)
	}
}

func TestWhatNeverStartsGoesToPeople(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.saveErr = errors.New("no dump ever")
	st := w.openStore("")
	w.run(st, w.responder(st, nil))
	id := w.open(st, severity.SEV3)
	_, ins, _ := w.until(st, id, "handed to people", func(inc incident.Incident, _ []action.Intent, _ []incident.Proposal) bool {
		return len(inc.Paged) > 0
	})
	if w.restarts != 0 || len(ins) > 3 {
		t.Errorf("%d restarts, %d attempts to start one; want none, and few", w.restarts, len(ins))
	}
}

func TestAnApprovalHoldsUnderTheBoundariesOfTheDay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	st := w.openStore("")
	stop := w.run(st, w.responder(st, nil))
	id := w.open(st, severity.SEV2)
	w.until(st, id, "paged", waiting)
	stop()
	r := w.responder(st, nil)
	bounds, err := boundary.Parse("boundaries.yaml", []byte("# reviewed\n"+boundariesYAML))
	if err != nil {
		t.Fatal(err)
	}
	r.Boundaries = bounds
	w.run(st, r)
	_, _, props := w.until(st, id, "decided anew", func(incident.Incident, []action.Intent, []incident.Proposal) bool {
		var last decide.Verdict
		err := st.View(t.Context(), func(tx *store.Tx) error {
			vs, err := tx.Verdicts(t.Context(), id)
			last = vs[len(vs)-1]
			return err
		})
		return err == nil && last.BoundarySHA256 == bounds.SHA256()
	})
	p, ok := offered(props)
	if !ok {
		t.Fatal("nothing is offered")
	}
	if err := r.Approve(t.Context(), "ana", id, p.ID, p.PlanSHA); err != nil {
		t.Fatal(err)
	}
	w.until(st, id, "repaired", acted)
}

func TestNothingIsDoneOnStaleSamplesOfTheTarget(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stale = true // while a neighbour is measured as ever
	st := w.openStore("")
	r := w.responder(st, nil)
	r.Windows.VerifyTimeout = time.Hour
	w.run(st, r)
	w.age = 11 * time.Minute // nothing is waited for
	id := w.open(st, severity.SEV3)
	_, ins, _ := w.until(st, id, "handed to people", func(inc incident.Incident, _ []action.Intent, _ []incident.Proposal) bool {
		return len(inc.Paged) > 0
	})
	if len(ins) != 0 || w.restarts != 0 {
		t.Errorf("acted: %+v", ins)
	}
}
