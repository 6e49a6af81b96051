package respond_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-sre/holdfast/internal/audit"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/respond"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/store"
)

func TestATaskThatWaitsIsCancelled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	st, r, id := w.paged(t)
	e, err := confirm(t, r, eve, id, "restart worker")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.CancelDelegation(t.Context(), "eve", id, "del_x", "no"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an unknown task: %v", err)
	}
	if err := r.CancelDelegation(t.Context(), "eve", id, e.Delegation, "the queue drains"); err != nil {
		t.Fatal(err)
	}
	if v := w.task(st, id); v.State != incident.DelegationRefused || v.Why != "rejected by eve: the queue drains" {
		t.Errorf("the task is %+v", v)
	}
	if err := r.Approve(t.Context(), "ana", id, e.Proposal, e.PlanSHA256); !errors.Is(err, respond.ErrMoved) || w.restarts != 0 {
		t.Errorf("approved what was cancelled: %v, %d restarts", err, w.restarts)
	}
	if err := r.CancelDelegation(t.Context(), "eve", id, e.Delegation, "again"); !errors.Is(err, respond.ErrMoved) {
		t.Errorf("cancelled twice: %v", err)
	}
}

// What was approved and has not started does not start.
func TestATaskThatHasNotStartedIsCancelled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	st := w.openStore("")
	r := w.responder(st, nil)
	stop := w.run(st, r)
	id := w.open(st, severity.SEV2)
	w.until(st, id, "paged", waiting)
	stop()
	e, err := confirm(t, r, ana, id, "restart worker")
	if err != nil || e.State != incident.DelegationRunning {
		t.Fatalf("confirmed: %+v, %v", e, err)
	}
	if err := r.CancelDelegation(t.Context(), "bo", id, e.Delegation, "wrong worker"); err != nil {
		t.Fatal(err)
	}
	w.restarted(st, func() {})
	w.rounds(st, id, 1)
	if v := w.task(st, id); v.State != incident.DelegationRefused || v.Why != "a person cancelled the task" || w.restarts != 0 {
		t.Errorf("the task is %+v after %d restarts", v, w.restarts)
	}
	if !slices.ContainsFunc(w.audited(st, id), func(a audit.Record) bool {
		return a.Action == "incident.delegate.cancel" && a.Actor == "bo" && a.Reason == "wrong worker"
	}) {
		t.Error("the audit does not say who cancelled it and why")
	}
}

func TestAWatchIsStopped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	st, r, id := w.paged(t)
	e, err := confirm(t, r, ana, id, "restart worker and watch for 2h")
	if err != nil {
		t.Fatal(err)
	}
	w.comes(st, id, incident.DelegationWatching)
	if err := r.CancelDelegation(t.Context(), "bo", id, e.Delegation, "seen enough"); err != nil {
		t.Fatal(err)
	}
	v := w.comes(st, id, incident.DelegationReported)
	if !strings.Contains(v.Report, "(bo stopped the watch; 2h0m0s was asked for): better than before: worker threads, before 8") || w.restarts != 1 {
		t.Errorf("the report is %q after %d restarts", v.Report, w.restarts)
	}
	if err := r.CancelDelegation(t.Context(), "bo", id, e.Delegation, "again"); !errors.Is(err, respond.ErrMoved) {
		t.Errorf("cancelled what was reported: %v", err)
	}
}
