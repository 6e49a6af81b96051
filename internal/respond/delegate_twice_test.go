package respond_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// called replaces the restart by a call of an endpoint that can't tell what was
// done to it: nothing but the confirmation tells one task from two.
func (w *world) called() {
	head, rest, _ := strings.Cut(runbookYAML, "    action: process.restart\n")
	_, safety, _ := strings.Cut(rest, "    safety:")
	w.book = head + strings.TrimPrefix(valveYAML, "\n") + "    safety:" + safety
}

const valved = "run worker-stuck for worker"

// A person who confirms a plan twice (a second click, an answer that was lost)
// meant it once, however long the second takes.
func TestAPlanThatIsConfirmedTwiceRunsOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.called()
	st, r, id := w.paged(t)
	e, err := r.PlanDelegation(t.Context(), ana, id, said(valved))
	if err != nil || e.Generation != "" || e.Action != action.HTTPCall {
		t.Fatalf("the plan is %+v, %v", e, err)
	}
	confirmed := func() (incident.DelegationPlan, error) {
		return r.Delegate(t.Context(), ana, id, said(valved), e.PlanSHA256)
	}
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if got, err := confirmed(); err != nil || got.Delegation == "" {
				t.Errorf("confirmed: %+v, %v", got, err)
			}
		})
	}
	both.Wait()
	first := w.comes(st, id, incident.DelegationReported)
	again, err := confirmed()
	if err != nil || again.Delegation != first.ID || again.State != incident.DelegationReported || len(again.Notes) != 1 {
		t.Errorf("confirmed after it ended: %+v, %v; want what became of %s", again, err, first.ID)
	}
	if n := w.tasks(st, id); n != 1 || w.opened() != 1 {
		t.Errorf("%d tasks and %d calls, want one of each", n, w.opened())
	}

	// The same task may be given again, as a plan of its own.
	next, err := r.PlanDelegation(t.Context(), ana, id, said(valved))
	if err != nil || next.PlanSHA256 == e.PlanSHA256 {
		t.Fatalf("the same task, given again: %+v, %v", next, err)
	}
	got, err := r.Delegate(t.Context(), ana, id, said(valved), next.PlanSHA256)
	if err != nil || got.Delegation == first.ID || got.Delegation == "" {
		t.Errorf("confirmed: %+v, %v", got, err)
	}
	w.comes(st, id, incident.DelegationReported)
	if n := w.tasks(st, id); n != 2 || w.opened() != 2 {
		t.Errorf("%d tasks and %d calls, want two of each", n, w.opened())
	}
}

// A task that has not ended is not given a second time by the same words.
func TestATaskThatWaitsIsNotGivenAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	st, r, id := w.paged(t)
	e, err := confirm(t, r, eve, id, "restart worker")
	if err != nil {
		t.Fatal(err)
	}
	same, err := confirm(t, r, eve, id, "restart worker")
	if err != nil || same.PlanSHA256 != e.PlanSHA256 || same.Delegation != e.Delegation || w.tasks(st, id) != 1 {
		t.Errorf("given again: %+v, %v; %d tasks, want the one that waits", same, err, w.tasks(st, id))
	}
	shown, err := r.PlanDelegation(t.Context(), eve, id, said("restart worker"))
	if err != nil || !slices.ContainsFunc(shown.Notes, func(n string) bool { return strings.Contains(n, "starts no second one") }) {
		t.Errorf("shown again: %+v, %v; want a word about it", shown, err)
	}
}

// Another person's plan is never answered for.
func TestAConfirmationIsThePersonsOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, r, id := w.paged(t)
	e, err := confirm(t, r, eve, id, "restart worker")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := r.Delegate(t.Context(), ana, id, said("restart worker"), e.PlanSHA256); err == nil {
		t.Errorf("ana confirms what eve was shown: %+v", got)
	}
}

// tasks counts the tasks of an incident.
func (w *world) tasks(st *store.Store, id string) (n int) {
	w.t.Helper()
	if err := st.View(w.t.Context(), func(tx *store.Tx) error {
		inc, err := tx.Incident(w.t.Context(), id)
		n = len(inc.Delegations)
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// opened is how often the valve was opened.
func (w *world) opened() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.opens
}
