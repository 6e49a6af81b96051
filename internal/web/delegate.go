package web

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/outside"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

// Delegate gives the agent a task as the person whose token it is: with an empty
// plan it is only shown what the task comes to. A *problem.Problem and a
// *RefusedError are for the person to read.
type Delegate func(ctx context.Context, token, incidentID, task, plan string) (incident.DelegationPlan, error)

// RefusedError says why a task was not taken, where that is not what was written.
type RefusedError struct {
	Status int // such as 404, no such incident, or 409, the plan is another one by now
	problem.Problem
}

// maxForm bounds what a form may send.
const maxForm = 16 << 10

func (w *Web) delegateRoutes(mux *http.ServeMux) {
	if w.o.Delegate != nil {
		mux.HandleFunc("POST /incidents/{id}/delegate", w.guard(w.delegate))
	}
}

// delegatePage is the task, what it comes to, and the form that confirms it.
type delegatePage struct {
	Paused        string
	ID, Task      string
	Problem, Hint string
	Plan          *incident.DelegationPlan
	Rows          []pair
	CanConfirm    bool
}

// delegate shows the plan of a task, and takes the task when its plan is
// confirmed. The token comes with each form and is never sent back.
func (w *Web) delegate(rw http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(rw, r.Body, maxForm)
	p := delegatePage{Paused: w.paused(r.Context()), ID: r.PathValue("id")}
	if err := r.ParseForm(); err != nil {
		p.Problem = "The form can't be read."
		w.render(rw, r, http.StatusBadRequest, "delegate", p)
		return
	}
	p.Task = strings.TrimSpace(r.PostForm.Get("task"))
	plan := r.PostForm.Get("plan")
	got, err := w.o.Delegate(r.Context(), r.PostForm.Get("token"), p.ID, p.Task, plan)
	bad, wrong := errors.AsType[*problem.Problem](err)
	no, refused := errors.AsType[*RefusedError](err)
	switch {
	case refused:
		if no.Status == http.StatusUnauthorized {
			rw.Header().Set("WWW-Authenticate", `Bearer realm="holdfast"`)
		}
		p.Problem, p.Hint, p.Task = sentence(no.What), sentence(no.Hint), outside.Line(p.Task, 500)
		w.render(rw, r, no.Status, "delegate", p)
	case wrong:
		p.Problem, p.Hint, p.Task = bad.What, bad.Hint, outside.Line(p.Task, 500)
		w.render(rw, r, http.StatusUnprocessableEntity, "delegate", p)
	case err != nil:
		w.broken(rw, r, err)
	case plan != "":
		http.Redirect(rw, r, w.done(p.ID, taken), http.StatusSeeOther)
	default:
		p.Plan, p.Rows, p.CanConfirm = &got, planRows(got), got.Approvers >= 0
		w.render(rw, r, http.StatusOK, "delegate", p)
	}
}

// planRows are what a person reads before confirming.
func planRows(d incident.DelegationPlan) []pair {
	var rows []pair
	add := func(key, value string) {
		if value != "" {
			rows = append(rows, pair{key, value})
		}
	}
	does := d.Does
	if does == "" {
		does = "nothing: " + d.Why
	}
	add("does", does)
	if d.Action != "" {
		add("runs", d.Action+" on "+d.Target.String())
		add("generation", d.Generation)
		for _, k := range slices.Sorted(maps.Keys(d.Params)) {
			add("parameter "+k, d.Params[k])
		}
		add("runbook", or(strings.TrimSuffix(d.Runbook+", remediation "+d.Option, ", remediation "), "none: it stands outside approved runbooks"))
		add("risk", string(d.Risk)+", "+string(d.Lasting))
		add("affects", or(strings.Join(d.Dependants, ", "), "no service of the catalog depends on "+d.Service))
		add("check", d.Check)
		add("undo", or(d.Undo, "nothing takes it back"))
		add("boundary", d.Boundary)
		add("floor", d.Floor)
		add("approvals", d.WhoMust())
		add("refused", d.Why)
	}
	if d.Watch != "" {
		add("then", "the signals are watched for "+d.Watch+", and reported")
	}
	for _, n := range d.Notes {
		add("note", n)
	}
	add("plan", d.PlanSHA256)
	return rows
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// taskRow is one delegated task on the incident's page.
type taskRow struct {
	ID, Task, By, State, Text string
	Ends                      string // what ending it does; empty = it can't be ended
}

func taskRows(v incident.View) []taskRow {
	var out []taskRow
	for _, d := range v.Delegations {
		row := taskRow{ID: d.ID, Task: d.Task, By: d.By, State: string(d.State), Text: or(d.Report, d.Why)}
		switch d.State {
		case incident.DelegationWaiting:
			row.Ends = "Nothing has been done yet, and nothing will be: what it proposes can't be approved after this."
		case incident.DelegationWatching:
			row.Ends = "The watch ends, and what was seen so far is reported. What was done is not undone."
		}
		out = append(out, row)
	}
	return out
}
