package respond_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/respond"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// restarted is a new process on the same store, with a world that was changed.
func (w *world) restarted(st *store.Store, stop func()) *respond.Responder {
	stop()
	r := w.responder(st, nil)
	w.run(st, r)
	return r
}

// What was offered, approved or asked for before the files changed is not done
// after it.
func TestAnApprovalIsForTheFilesThatWereShown(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*world){
		"the catalog names another target": func(w *world) { w.process = "worker-2" },
		"the runbook is another one":       func(w *world) { w.book += "# reviewed\n" },
		"the boundary file is another one": func(w *world) { w.bounds = boundariesYAML + "# reviewed\n" },
	}
	for name, change := range tests {
		for _, offered := range []string{"delegated", "the agent's own"} {
			t.Run(name+", "+offered, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				st := w.openStore("")
				r := w.responder(st, nil)
				stop := w.run(st, r)
				id := w.open(st, severity.SEV2)
				_, _, props := w.until(st, id, "paged", waiting)
				prop, plan := props[0].ID, props[0].PlanSHA
				stop()
				if offered == "delegated" {
					e, err := confirm(t, r, eve, id, "restart worker")
					if err != nil {
						t.Fatal(err)
					}
					prop, plan = e.Proposal, e.PlanSHA256
				}
				change(w)
				r = w.responder(st, nil) // its jobs do not run: nothing has withdrawn the proposal yet
				if err := r.Approve(t.Context(), "ana", id, prop, plan); !errors.Is(err, respond.ErrMoved) {
					t.Errorf("approved: %v, want it refused", err)
				}
				w.run(st, r)
				w.rounds(st, id, 1)
				if _, ins, _ := w.until(st, id, "there", func(incident.Incident, []action.Intent, []incident.Proposal) bool { return true }); w.restarts != 0 || len(ins) != 0 {
					t.Errorf("%d restarts, actions %+v", w.restarts, ins)
				}
			})
		}
	}
}

// An action that was approved and not started when the process died is cancelled
// by the next one, whose catalog names another target.
func TestAnIntentIsForTheTargetThatTheCatalogNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	st := w.openStore("")
	r := w.responder(st, nil)
	stop := w.run(st, r)
	id := w.open(st, severity.SEV2)
	w.until(st, id, "paged", waiting)
	stop()
	if _, err := confirm(t, r, ana, id, "restart worker"); err != nil {
		t.Fatal(err)
	}
	w.process = "worker-2"
	w.restarted(st, func() {})
	v := w.comes(st, id, incident.DelegationRefused)
	if w.restarts != 0 || v.Why != "the catalog names another target by now" {
		t.Errorf("%d restarts, task %+v", w.restarts, v)
	}
}

// Who is no approver any more when the second one approves is not counted.
func TestAnApproverWhoWasRemovedDoesNotCount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.book = strings.Replace(w.book, "lasting: transient", "lasting: lasting", 1)
	st := w.openStore("")
	r := w.responder(st, nil)
	stop := w.run(st, r)
	id := w.open(st, severity.SEV2)
	w.until(st, id, "paged", waiting)
	e, err := confirm(t, r, ana, id, "restart worker")
	if err != nil || e.Approvers != 2 {
		t.Fatalf("confirmed: %+v, %v", e, err)
	}
	w.left = "ana"
	r = w.restarted(st, stop)
	if err := r.Approve(t.Context(), "ana", id, e.Proposal, e.PlanSHA256); !errors.Is(err, respond.ErrNotApprover) {
		t.Errorf("ana approves: %v", err)
	}
	if err := r.Approve(t.Context(), "bo", id, e.Proposal, e.PlanSHA256); err != nil {
		t.Fatal(err)
	}
	if v := w.task(st, id); v.State != incident.DelegationWaiting {
		t.Errorf("with one approval that counts the task is %+v", v)
	}
	if err := r.Approve(t.Context(), "cy", id, e.Proposal, e.PlanSHA256); err != nil {
		t.Fatal(err)
	}
	if v := w.comes(st, id, incident.DelegationReported); !v.Succeeded || w.restarts != 1 {
		t.Errorf("the task is %+v after %d restarts", v, w.restarts)
	}
}

// Whoever approved and was removed before the start did not approve.
func TestAnApproverWhoWasRemovedBeforeTheStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	st := w.openStore("")
	r := w.responder(st, nil)
	stop := w.run(st, r)
	id := w.open(st, severity.SEV2)
	w.until(st, id, "paged", waiting)
	stop()
	if _, err := confirm(t, r, ana, id, "restart worker"); err != nil {
		t.Fatal(err)
	}
	w.left = "ana"
	w.restarted(st, func() {})
	if v := w.comes(st, id, incident.DelegationRefused); v.Why != "0 of 1 people approved" || w.restarts != 0 {
		t.Errorf("the task is %+v after %d restarts", v, w.restarts)
	}
}

// Approvals that are no approvals.
func TestWhatIsNoApproval(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.book = strings.Replace(w.book, "lasting: transient", "lasting: lasting", 1)
	st, r, id := w.paged(t)
	e, err := confirm(t, r, ana, id, "restart worker")
	if err != nil || e.Approvers != 2 {
		t.Fatalf("confirmed: %+v, %v", e, err)
	}
	for name, tc := range map[string]struct {
		by, id, proposal, plan string
		want                   error
	}{
		"the same person":              {"ana", id, e.Proposal, e.PlanSHA256, respond.ErrMoved},
		"the same person, in capitals": {"ANA", id, e.Proposal, e.PlanSHA256, respond.ErrMoved},
		"the same person, with a gap":  {" ana ", id, e.Proposal, e.PlanSHA256, respond.ErrMoved},
		"without a plan":               {"bo", id, e.Proposal, "", respond.ErrMoved},
		"the beginning of the plan":    {"bo", id, e.Proposal, e.PlanSHA256[:12], respond.ErrMoved},
		"another incident":             {"bo", "INC-2000-0001", e.Proposal, e.PlanSHA256, store.ErrNotFound},
		"another proposal":             {"bo", id, "prop_x", e.PlanSHA256, store.ErrNotFound},
		"the agent":                    {incident.ActorAgent, id, e.Proposal, e.PlanSHA256, respond.ErrNotApprover},
		"nobody":                       {"", id, e.Proposal, e.PlanSHA256, respond.ErrNotApprover},
	} {
		if err := r.Approve(t.Context(), tc.by, tc.id, tc.proposal, tc.plan); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
	if v := w.task(st, id); v.State != incident.DelegationWaiting || w.restarts != 0 {
		t.Errorf("the task is %+v after %d restarts", v, w.restarts)
	}
}
