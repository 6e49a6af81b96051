package respond_test

import (
	"context"
	"strings"
	"testing"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/severity"
)

// valve is an endpoint that makes things worse when it is opened.
type valve struct{ w *world }

func (valve) Name() string                                              { return action.HTTPCall }
func (valve) Generation(context.Context, action.Action) (string, error) { return "", nil }
func (valve) Save(context.Context, action.Action) ([]byte, error)       { return nil, nil }
func (valve) DryRun(context.Context, action.Action) (string, error)     { return "", nil }
func (v valve) Do(_ context.Context, a action.Action, _ string) (string, error) {
	v.w.mu.Lock()
	defer v.w.mu.Unlock()
	v.w.failing = 0
	if strings.HasSuffix(a.Params["url"], "/open") {
		v.w.failing = 0.5
		v.w.opens++
	}
	return "called " + a.Params["url"], nil
}

func (valve) Settle(context.Context, action.Intent) (action.State, string, error) {
	return action.Unknown, "", nil
}

const valveYAML = `
    action: http.call
    params: {url: "http://127.0.0.1/open", idempotent: "true"}
    undo: {action: http.call, params: {url: "http://127.0.0.1/close", idempotent: "true"}}
    target: {service: worker}
    risk: low
    lasting: undoable
`

// A repair that made it worse is offered to be taken back, as an action of its
// own: what is lasting needs two people, and the agent never does it alone.
func TestWhatMadeItWorseIsTakenBackByPeople(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before, rest, _ := strings.Cut(w.book, "    action: process.restart\n")
	_, safety, _ := strings.Cut(rest, "    safety:")
	w.book = before + strings.TrimPrefix(valveYAML, "\n") + "    safety:" + safety
	st := w.openStore("")
	r := w.responder(st, nil)
	stop := w.run(st, r)
	id := w.open(st, severity.SEV2)
	_, _, props := w.until(st, id, "paged", waiting)
	if err := r.Approve(t.Context(), "ana", id, props[0].ID, props[0].PlanSHA); err != nil {
		t.Fatal(err)
	}
	var undo incident.Proposal
	w.until(st, id, "offered to be taken back", func(_ incident.Incident, _ []action.Intent, ps []incident.Proposal) bool {
		for _, p := range ps {
			if p.IsUndo && p.State == incident.Waiting {
				undo = p
				return true
			}
		}
		return false
	})
	if !undo.Executable || undo.Approvers != 2 {
		t.Fatalf("the undo is %+v; want it to wait for two people", undo)
	}
	w.book += "# whoever repairs the runbook first is not kept from taking back what it did\n"
	r = w.restarted(st, stop)
	for _, who := range []string{"ana", "bo"} {
		if err := r.Approve(t.Context(), who, id, undo.ID, undo.PlanSHA); err != nil {
			t.Fatal(err)
		}
	}
	_, ins, _ := w.until(st, id, "taken back", func(_ incident.Incident, ins []action.Intent, _ []incident.Proposal) bool {
		return len(ins) == 2 && ins[1].State != action.Intended && ins[1].State != action.Started
	})
	if ins[1].State != action.Done || !ins[1].IsUndo || ins[1].ApprovedBy != "ana, bo" || !strings.HasSuffix(ins[1].Outcome, "/close") {
		t.Errorf("the second action is %+v; want the undo done with both approvals", ins[1])
	}
}
