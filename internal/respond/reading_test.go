package respond_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/audit"
	"github.com/holdfast-sre/holdfast/internal/delegate"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/respond"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// watched reads how far the watch after the last action has come.
func (w *world) watched(st *store.Store, id string) (v *incident.Verification) {
	w.t.Helper()
	err := st.View(w.t.Context(), func(tx *store.Tx) (err error) {
		v, err = respond.Verification(w.t.Context(), tx, id)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

func runOrder(why string) respond.Order {
	return respond.Order{Task: delegate.Task{Runbook: "worker-stuck", Service: "worker", Why: why}}
}

// TestARunbookIsReadOut: who confirms a runbook has seen every answer and every
// condition, and the watch after its action can be followed to its end.
func TestARunbookIsReadOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	st, r, id := w.paged(t)
	if v := w.watched(st, id); v != nil {
		t.Errorf("nothing was done, and %+v is watched", v)
	}
	e, err := r.PlanDelegation(t.Context(), ana, id, runOrder("bookings hang; password=hunter2"))
	if err != nil {
		t.Fatal(err)
	}
	if e.Reading == nil {
		t.Fatal("the plan does not say what was asked")
	}
	var asked []string
	for _, a := range e.Reading.Asked {
		if !a.Answered || a.TookMS < 0 {
			t.Errorf("asked: %+v", a)
		}
		asked = append(asked, a.Diagnostic+": "+a.Text)
	}
	if diff := cmp.Diff([]string{"busy: busy: 8 threads", "done: done: 0 /s", "deploys: deploys: no change of worker in the last 1 d", "refused: refused: 0 log lines of worker match in the last 5 min"}, asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	if j := e.Reading.Judged; j.Chosen != e.Option || len(j.Remediations) != 1 || !j.Remediations[0].Held || len(j.Facts) != 4 {
		t.Errorf("judged: %+v, chosen is %s", j, e.Option)
	}
	if !strings.Contains(e.Task, "run worker-stuck for worker, because: bookings hang") || strings.Contains(e.Task, "hunter2") {
		t.Errorf("the task is %q", e.Task)
	}
	if _, err := r.Delegate(t.Context(), ana, id, runOrder("bookings hang; password=hunter2"), e.PlanSHA256); err != nil {
		t.Fatal(err)
	}
	w.until(st, id, "recovered", func(inc incident.Incident, _ []action.Intent, _ []incident.Proposal) bool {
		return inc.State == incident.Monitoring || inc.State == incident.Resolved
	})
	if v := w.watched(st, id); v == nil || v.State == incident.VerificationFailed || time.Time(v.Until).IsZero() || v.Window == "" {
		t.Errorf("after the action %+v is watched", v)
	}
	w.resolve(st, id)
	w.until(st, id, "recovered", func(inc incident.Incident, _ []action.Intent, _ []incident.Proposal) bool {
		return inc.State == incident.Resolved
	})
	v := w.watched(st, id)
	if v == nil || v.State != incident.VerificationRecovered || v.Judgement != "recovered" || time.Time(v.EndedAt).IsZero() || time.Time(v.GoodSince).IsZero() {
		t.Errorf("after the recovery %+v is watched", v)
	}
	said := w.audited(st, id)
	if !slices.ContainsFunc(said, func(a audit.Record) bool {
		return a.Action == action.ProcessRestart && a.Actor == "ana" && strings.Contains(a.Reason, "bookings hang")
	}) {
		t.Errorf("the audit does not have the reason: %+v", said)
	}
}

// TestARunThatDoesNotHelpSaysSo: the watch ends with why, not with silence.
func TestARunThatDoesNotHelpSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	st, r, id := w.paged(t)
	e, err := r.PlanDelegation(t.Context(), ana, id, runOrder(""))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Delegate(t.Context(), ana, id, runOrder(""), e.PlanSHA256); err != nil {
		t.Fatal(err)
	}
	w.until(st, id, "not recovered", func(inc incident.Incident, ins []action.Intent, _ []incident.Proposal) bool {
		return len(ins) == 1 && ins[0].State == action.Done && inc.State == incident.Mitigating
	})
	v := w.watched(st, id) // the alert fires on
	if v == nil || v.State != incident.VerificationFailed || !slices.Contains(v.Reasons, "WorkerStuck still fires") {
		t.Errorf("the watch ended as %+v", v)
	}
}

func TestAReasonHasAnEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, r, id := w.paged(t)
	_, err := r.PlanDelegation(t.Context(), ana, id, runOrder(strings.Repeat("x", delegate.MaxWhy+1)))
	if err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("a long reason: %v, want it refused", err)
	}
}
