package respond_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/respond"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/signal"
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
	_, _, props := w.until(st, id, "as it was", waiting)
	if err := r.Approve(t.Context(), "ana", id, props[0].ID, props[0].PlanSHA); !errors.Is(err, respond.ErrMoved) || !strings.Contains(err.Error(), "boundary file changed") {
		t.Errorf("approved under the boundaries of yesterday: %v", err)
	}
	w.run(st, r)
	_, _, props = w.until(st, id, "offered anew", func(_ incident.Incident, _ []action.Intent, ps []incident.Proposal) bool {
		p, ok := offered(ps)
		return ok && p.BoundarySHA == bounds.SHA256()
	})
	if props[0].State != incident.Expired {
		t.Errorf("the proposal under the old boundaries is %s", props[0].State)
	}
	p, _ := offered(props)
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

// bounded gives the world boundaries with one rule for its worker.
func (w *world) bounded(t *testing.T, rule string) *boundary.Set {
	t.Helper()
	_, earned, _ := strings.Cut(boundariesYAML, "earned:")
	w.bounds = "rules:\n  - {name: restarts, actions: [process.restart], environments: [test], services: [worker], " + rule + "}\nearned:" + earned
	set, err := boundary.Parse("boundaries.yaml", []byte(w.bounds))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestFourEyes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bounded(t, "autonomy: approve, approvals: {from: [ana, bo], four_eyes: true}")
	st := w.openStore("")
	r := w.responder(st, nil)
	w.run(st, r)
	id := w.open(st, severity.SEV3)
	isOffered := func(_ incident.Incident, _ []action.Intent, ps []incident.Proposal) bool {
		_, ok := offered(ps)
		return ok
	}
	_, _, props := w.until(st, id, "offered", isOffered)
	p, _ := offered(props)
	if p.Approvers != 2 || !slices.Equal(p.MayApprove, []string{"ana", "bo"}) || p.StillNeeded() != 2 {
		t.Errorf("offered to %v, %d needed, %d still", p.MayApprove, p.Approvers, p.StillNeeded())
	}
	approve := func(by string) error { return r.Approve(t.Context(), by, id, p.ID, p.PlanSHA) }
	if err := approve("cy"); !errors.Is(err, respond.ErrNotApprover) {
		t.Errorf("cy: %v", err)
	}
	if err := approve("ana"); err != nil {
		t.Fatal(err)
	}
	if err := approve("ana"); !errors.Is(err, respond.ErrMoved) {
		t.Errorf("ana twice: %v", err)
	}
	_, ins, props := w.until(st, id, "half approved", isOffered)
	if p, _ := offered(props); len(ins) != 0 || p.StillNeeded() != 1 {
		t.Errorf("%d actions after one approval, %d still needed", len(ins), p.StillNeeded())
	}
	if err := approve("bo"); err != nil {
		t.Fatal(err)
	}
	w.until(st, id, "repaired", acted)
}

func TestWhoDeclaredItIsNoOtherPairOfEyes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.kind, w.declaredBy = signal.Declared, "ana"
	w.bounded(t, "autonomy: approve, approvals: {four_eyes: true}")
	st := w.openStore("")
	r := w.responder(st, nil)
	w.run(st, r)
	id := w.open(st, severity.SEV2)
	_, _, props := w.until(st, id, "offered", waiting)
	if err := r.Approve(t.Context(), "ana", id, props[0].ID, props[0].PlanSHA); !errors.Is(err, respond.ErrNotApprover) || !strings.Contains(err.Error(), "other eyes") {
		t.Errorf("ana: %v", err)
	}
	if err := r.Approve(t.Context(), "bo", id, props[0].ID, props[0].PlanSHA); err != nil {
		t.Errorf("bo: %v", err)
	}
}

// Whoever declares what an alert opened has asked for what is offered since.
func TestWhoDeclaresItLaterIsNoOtherPairOfEyes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bounded(t, "autonomy: approve, approvals: {four_eyes: true}")
	st := w.openStore("")
	r := w.responder(st, nil)
	w.run(st, r)
	id := w.open(st, severity.SEV2)
	_, _, props := w.until(st, id, "offered", waiting)
	if err := st.Tx(t.Context(), func(tx *store.Tx) error {
		sig := signal.Signal{
			ID: "sig_2", Kind: signal.Declared, Source: "people", Environment: "test", Fingerprint: "f2", Name: "Declared", Status: signal.Firing,
			IncidentID: id, StartsAt: tx.Now(), ReceivedAt: tx.Now(), Labels: map[string]string{"declared_by": "ana"}, Annotations: map[string]string{},
		}
		if _, err := tx.SaveSignals(t.Context(), []signal.Signal{sig}); err != nil {
			return err
		}
		return tx.MarkTriaged(t.Context(), []string{"sig_2"}, id)
	}); err != nil {
		t.Fatal(err)
	}
	approve := func(by string) error { return r.Approve(t.Context(), by, id, props[0].ID, props[0].PlanSHA) }
	if err := approve("ana"); !errors.Is(err, respond.ErrNotApprover) {
		t.Errorf("ana: %v", err)
	}
	if err := approve("bo"); err != nil {
		t.Errorf("bo: %v", err)
	}
}

// The first of two approvals lives 15 minutes, also when the clock is put back
// between them.
func TestAClockThatIsPutBackDoesNotLengthenAnApproval(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bounded(t, "autonomy: approve, approvals: {count: 2}")
	st := w.openStore("")
	r := w.responder(st, nil)
	stop := w.run(st, r)
	id := w.open(st, severity.SEV2)
	_, _, props := w.until(st, id, "offered", waiting)
	stop()
	if err := r.Approve(t.Context(), "ana", id, props[0].ID, props[0].PlanSHA); err != nil {
		t.Fatal(err)
	}
	if err := st.Tx(t.Context(), func(tx *store.Tx) error { // it was ten minutes later then
		ps, err := tx.Proposals(t.Context(), id)
		if err != nil {
			return err
		}
		ps[0].ExpiresAt = ps[0].ExpiresAt.Add(10 * time.Minute)
		return tx.SaveProposal(t.Context(), ps[0])
	}); err != nil {
		t.Fatal(err)
	}
	if err := r.Approve(t.Context(), "bo", id, props[0].ID, props[0].PlanSHA); !errors.Is(err, respond.ErrMoved) {
		t.Errorf("bo: %v", err)
	}
}

// TestBoundariesThatChangeWhileAnActionWaits: the process ends between the
// intent and the start, and the next one reads another file. The action is
// cancelled, with a record, although the new file allows it too.
func TestBoundariesThatChangeWhileAnActionWaits(t *testing.T) {
	t.Parallel()
	for name, sev := range map[string]severity.Severity{"decided alone": severity.SEV3, "approved": severity.SEV2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			st := w.openStore("")
			r := w.responder(st, nil)
			ctx, end := context.WithCancel(t.Context())
			done := make(chan error, 1)
			idle := r.Specs()
			delete(idle, respond.JobAct)
			go func() { done <- st.RunJobs(ctx, idle, nil) }()
			id := w.open(st, sev)
			if sev == severity.SEV2 {
				_, _, props := w.until(st, id, "paged", waiting)
				if err := r.Approve(t.Context(), "ana", id, props[0].ID, props[0].PlanSHA); err != nil {
					t.Error(err)
				}
			}
			w.until(st, id, "intended", func(_ incident.Incident, ins []action.Intent, _ []incident.Proposal) bool { return len(ins) == 1 })
			end()
			if err := <-done; err != nil {
				t.Error(err)
			}
			next := w.responder(st, nil)
			next.Boundaries = w.bounded(t, "autonomy: auto, reason: reviewed")
			w.run(st, next)
			_, ins, _ := w.until(st, id, "cancelled", func(_ incident.Incident, ins []action.Intent, _ []incident.Proposal) bool {
				return len(ins) > 0 && ins[0].State != action.Intended
			})
			if ins[0].State != action.Cancelled || !strings.Contains(ins[0].Outcome, "boundary file changed") || !ins[0].StartedAt.IsZero() {
				t.Errorf("%s: %s", ins[0].State, ins[0].Outcome)
			}
		})
	}
}

func TestAProposalSaysWhatItChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	st := w.openStore("")
	w.run(st, w.responder(st, nil))
	id := w.open(st, severity.SEV2)
	_, _, props := w.until(st, id, "paged", waiting)
	i := slices.IndexFunc(props[0].Changes, func(c incident.Change) bool { return c.What == "process worker" })
	if i < 0 || !strings.Contains(props[0].Changes[i].Before, props[0].Generation) || !strings.Contains(props[0].Changes[i].After, "another process ID") {
		t.Errorf("%+v", props[0].Changes)
	}
}
