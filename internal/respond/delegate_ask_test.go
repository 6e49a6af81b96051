package respond_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/escalate"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/respond"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// asked are the messages that ask for approval of a task.
func (w *world) asked() []escalate.Message {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(w.pages), func(m escalate.Message) bool { return !strings.HasPrefix(m.Key, "approve/") })
}

// A task that waits for people tells them at once and once, and once more before
// it runs out; with what to type.
func TestApproversAreAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.tick = 50 * time.Millisecond
		st := w.openStore("")
		r := w.responder(st, nil)
		r.Windows.Approval = 1500 * time.Millisecond
		w.run(st, r)
		id := w.open(st, severity.SEV2)
		w.until(st, id, "paged", waiting)
		e, err := confirm(t, r, eve, id, "restart worker")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := confirm(t, r, eve, id, "restart worker"); err != nil { // a second click
			t.Fatal(err)
		}
		w.until(st, id, "asked", func(incident.Incident, []action.Intent, []incident.Proposal) bool { return len(w.asked()) > 0 })
		if v := w.task(st, id); v.State != incident.DelegationWaiting {
			t.Fatalf("asked only when the task was %s", v.State)
		}
		w.comes(st, id, incident.DelegationRefused)
		got := w.asked()
		if len(got) != 2 || got[0].Key != "approve/"+e.Proposal || got[1].Key != "approve/"+e.Proposal+"/last" || got[0].Urgency != "page" {
			t.Fatalf("asked %+v; want once, and once more before it ran out", got)
		}
		for _, want := range []string{
			"Task: restart worker\n", "Asked by: eve\n", "On: test/process/worker\n", "Generation: a\n", "- process worker: now runs", "Approvals: 0 of 1 given",
			fmt.Sprintf("\nApprove: holdfast incident approve %s %s --plan %s\n", id, e.Proposal, e.PlanSHA256[:12]), "\nReject:  holdfast incident reject " + id,
		} {
			if !strings.Contains(got[0].Body, want) {
				t.Errorf("the message lacks %q:\n%s", want, got[0].Body)
			}
		}
		if !strings.Contains(got[1].Subject, "runs out") || w.restarts != 0 {
			t.Errorf("the last message is %q, %d restarts", got[1].Subject, w.restarts)
		}
	})
}

// A task that its own person may approve asks nobody.
func TestOnlyWhatWaitsIsAskedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		st := w.openStore("")
		r := w.responder(st, nil)
		r.Windows.Approval = 600 * time.Millisecond
		w.run(st, r)
		id := w.open(st, severity.SEV2)
		w.until(st, id, "paged", waiting)
		if _, err := confirm(t, r, ana, id, "restart worker"); err != nil { // she is an approver: nobody else is needed
			t.Fatal(err)
		}
		w.comes(st, id, incident.DelegationReported)
		if got := w.asked(); len(got) != 0 {
			t.Errorf("asked %+v for what needed nobody", got)
		}
	})
}

// Who is asked for the second approval of two reads who gave the first.
func TestTheSecondApproverReadsWhoWasTheFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.book = strings.Replace(w.book, "lasting: transient", "lasting: lasting", 1)
	st, r, id := w.paged(t)
	e, err := confirm(t, r, ana, id, "restart worker")
	if err != nil || e.Approvers != 2 || e.State != incident.DelegationWaiting {
		t.Fatalf("confirmed: %+v, %v", e, err)
	}
	w.until(st, id, "asked", func(incident.Incident, []action.Intent, []incident.Proposal) bool { return len(w.asked()) > 0 })
	if got := w.asked(); !strings.Contains(got[0].Body, "Approvals: 1 of 2 given (ana)") {
		t.Errorf("asked:\n%s", got[0].Body)
	}
	if err := r.Approve(t.Context(), "bo", id, e.Proposal, e.PlanSHA256); err != nil {
		t.Fatal(err)
	}
	if v := w.comes(st, id, incident.DelegationReported); !v.Succeeded || len(w.asked()) != 1 {
		t.Errorf("the task is %+v, asked %d times", v, len(w.asked()))
	}
}

// Somebody who may not approve can't flood those who may.
func TestFewTasksWaitAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	st, r, id := w.paged(t)
	for i := range 6 {
		text := fmt.Sprintf("restart worker and watch for %d min", i+1)
		_, err := confirm(t, r, eve, id, text)
		if wait := i < 5; wait != (err == nil) || !wait && !errors.Is(err, respond.ErrMoved) {
			t.Errorf("task %d: %v", i+1, err)
		}
	}
	if n := w.tasks(st, id); n != 5 {
		t.Errorf("%d tasks, want 5", n)
	}
	// An approver's own task asks nobody, and is taken.
	if e, err := confirm(t, r, ana, id, "restart worker"); err != nil || e.State != incident.DelegationRunning {
		t.Errorf("ana's task: %+v, %v", e, err)
	}
}

// The message is on its way even when the process dies after the confirmation.
func TestAskingSurvivesTheProcess(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	st := w.openStore("")
	r := w.responder(st, nil)
	stop := w.run(st, r)
	id := w.open(st, severity.SEV2)
	w.until(st, id, "paged", waiting)
	stop()
	if _, err := confirm(t, r, eve, id, "restart worker"); err != nil {
		t.Fatal(err)
	}
	if got := w.asked(); len(got) != 0 {
		t.Fatalf("asked without a process: %+v", got)
	}
	w.run(st, w.responder(st, nil))
	w.until(st, id, "asked", func(incident.Incident, []action.Intent, []incident.Proposal) bool { return len(w.asked()) == 1 })
	if err := st.View(t.Context(), func(tx *store.Tx) error {
		events, err := tx.Events(t.Context(), id)
		if !slices.ContainsFunc(events, func(ev incident.Event) bool {
			return strings.HasPrefix(ev.Text, "asked for approval of restart worker, until ")
		}) {
			t.Error("the timeline does not say who was asked")
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// A first approval gives a task more time; before that ends too, those who have
// not agreed are asked once more.
func TestApproversAreAskedAgainAfterAFirstApproval(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.book = strings.Replace(w.book, "lasting: transient", "lasting: lasting", 1)
	st := w.openStore("")
	r := w.responder(st, nil)
	r.Windows.Approval = 1500 * time.Millisecond
	w.run(st, r)
	id := w.open(st, severity.SEV2)
	w.until(st, id, "paged", waiting)
	e, err := confirm(t, r, eve, id, "restart worker")
	if err != nil || e.Approvers != 2 {
		t.Fatalf("confirmed: %+v, %v", e, err)
	}
	if err := r.Approve(t.Context(), "ana", id, e.Proposal, e.PlanSHA256); err != nil {
		t.Fatal(err)
	}
	w.comes(st, id, incident.DelegationRefused)
	if got := w.asked(); len(got) != 2 || !strings.HasSuffix(got[1].Key, "/last") || !strings.Contains(got[1].Body, "Approvals: 1 of 2 given (ana)") {
		t.Errorf("asked %+v; want once, and once more before it ran out", got)
	}
}
