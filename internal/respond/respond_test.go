package respond_test

import (
	"errors"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/respond"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/signal"
	"github.com/holdfast-sre/holdfast/internal/store"
)

func acted(_ incident.Incident, ins []action.Intent, _ []incident.Proposal) bool {
	return len(ins) > 0 && ins[0].State == action.Done
}

func waiting(inc incident.Incident, _ []action.Intent, ps []incident.Proposal) bool {
	return len(ps) > 0 && ps[0].State == incident.Waiting && len(inc.Paged) > 0
}

func TestASureReversibleRepairIsDoneVerifiedAndDocumented(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	st := w.openStore("")
	w.run(st, w.responder(st, nil))
	id := w.open(st, severity.SEV3)
	w.until(st, id, "repaired", acted)
	w.resolve(st, id)
	inc, ins, _ := w.until(st, id, "resolved and documented", func(inc incident.Incident, _ []action.Intent, _ []incident.Proposal) bool {
		return inc.State == incident.Resolved && documented(t, st, id)
	})
	if len(ins) != 1 || w.restarts != 1 || ins[0].By != incident.ActorAgent || ins[0].ApprovedBy != "" {
		t.Errorf("actions %+v, %d restarts; want one by the agent alone", ins, w.restarts)
	}
	if inc.Hypotheses[0].Probability < 0.95 || inc.ResolvedAt == nil {
		t.Errorf("resolved at %v with %.2f; want a resolved incident decided at .95 or more", inc.ResolvedAt, inc.Hypotheses[0].Probability)
	}
	if len(w.pages) != 0 {
		t.Errorf("paged %d times for something repaired alone", len(w.pages))
	}
}

func documented(t *testing.T, st *store.Store, id string) bool {
	t.Helper()
	var docs []store.Document
	err := st.View(t.Context(), func(tx *store.Tx) (err error) {
		docs, err = tx.Documents(t.Context(), id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return len(docs) >= 2
}

func TestASevereIncidentPagesAndWaitsForApproval(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	st := w.openStore("")
	r := w.responder(st, nil)
	w.run(st, r)
	id := w.open(st, severity.SEV2)
	_, ins, props := w.until(st, id, "paged", waiting)
	if len(ins) != 0 || w.restarts != 0 {
		t.Fatalf("acted before anybody approved: %+v", ins)
	}
	if !props[0].Recommend || !props[0].Executable {
		t.Fatalf("proposal %+v; want the restart recommended", props[0])
	}
	if err := r.Approve(t.Context(), "ana", id, props[0].ID, "another plan"); !errors.Is(err, respond.ErrMoved) {
		t.Errorf("approval of another plan: got %v, want ErrMoved", err)
	}
	if err := r.Approve(t.Context(), "ana", id, props[0].ID, props[0].PlanSHA); err != nil {
		t.Fatal(err)
	}
	_, ins, _ = w.until(st, id, "repaired", acted)
	if ins[0].ApprovedBy != "ana" || w.restarts != 1 {
		t.Errorf("action %+v, %d restarts; want one approved by ana", ins[0], w.restarts)
	}
	if err := r.Approve(t.Context(), "bo", id, props[0].ID, ""); !errors.Is(err, respond.ErrMoved) {
		t.Errorf("second approval: got %v, want ErrMoved", err)
	}
}

func TestWhatIsDelicateIsNeverDoneAlone(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*world){
		"financial":            func(w *world) { w.flags.Financial = catalog.True },
		"a flag is not set":    func(w *world) { w.flags.Auth = catalog.Unset },
		"paused":               func(w *world) { w.pause = decide.Paused },
		"pause is unreadable":  func(w *world) { w.pause = decide.PauseUnreadable },
		"runbook not approved": func(w *world) { w.book = strings.Replace(w.book, "approved: true", "approved: false", 1) },
		"no verify step": func(w *world) {
			w.book = w.book[:strings.Index(w.book, "    verify:")]
		},
		"lasting": func(w *world) { w.book = strings.Replace(w.book, "lasting: transient", "lasting: lasting", 1) },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			change(w)
			st := w.openStore("")
			w.run(st, w.responder(st, nil))
			id := w.open(st, severity.SEV3)
			_, ins, _ := w.until(st, id, "handed to people", func(inc incident.Incident, _ []action.Intent, _ []incident.Proposal) bool {
				return len(inc.Paged) > 0
			})
			if len(ins) != 0 || w.restarts != 0 {
				t.Errorf("acted: %+v", ins)
			}
		})
	}
}

func TestARejectedProposalIsNotOfferedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	st := w.openStore("")
	r := w.responder(st, nil)
	w.run(st, r)
	id := w.open(st, severity.SEV2)
	_, _, props := w.until(st, id, "paged", waiting)
	if err := r.Reject(t.Context(), "ana", id, props[0].ID, "we drain first"); err != nil {
		t.Fatal(err)
	}
	if err := r.Approve(t.Context(), "ana", id, props[0].ID, ""); !errors.Is(err, respond.ErrMoved) {
		t.Errorf("approving what was rejected: got %v, want ErrMoved", err)
	}
	_, ins, props := w.until(st, id, "rejected", func(_ incident.Incident, _ []action.Intent, ps []incident.Proposal) bool {
		return ps[0].State == incident.Rejected
	})
	if len(ins) != 0 || len(props) != 1 {
		t.Errorf("%d actions and %d proposals after a rejection; want none and one", len(ins), len(props))
	}
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What a person declared has no trigger: a repair that worked is told, and the
// person ends the incident.
func TestADeclaredIncidentIsRepairedAndLeftToThePerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.kind = signal.Declared
	st := w.openStore("")
	r := w.responder(st, nil)
	w.run(st, r)
	id := w.open(st, severity.SEV2)
	_, _, props := w.until(st, id, "paged", waiting)
	if err := r.Approve(t.Context(), "ana", id, props[0].ID, props[0].PlanSHA); err != nil {
		t.Fatal(err)
	}
	w.until(st, id, "repaired", acted)
	w.eventually(st, id, "told that it is back", func(ev incident.Event) bool {
		return ev.Kind == incident.EventRecovery && strings.HasPrefix(ev.Text, "back in the usual range")
	})
	inc, _, _ := w.until(st, id, "monitoring", func(incident.Incident, []action.Intent, []incident.Proposal) bool { return true })
	if inc.State != incident.Monitoring {
		t.Errorf("state %s, want monitoring until the person ends it", inc.State)
	}
}
