package web

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/outside"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

// Delegate gives the agent a task as the person whose token it is: with an empty
// plan it is only shown what the task comes to. A *problem.Problem is for the
// person to read.
type Delegate func(ctx context.Context, token, incidentID, task, plan string) (incident.DelegationPlan, error)

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
	switch {
	case wrong:
		p.Problem, p.Hint, p.Task = bad.What, bad.Hint, outside.Line(p.Task, 500)
		w.render(rw, r, http.StatusUnprocessableEntity, "delegate", p)
	case err != nil:
		w.broken(rw, r, err)
	case plan != "":
		http.Redirect(rw, r, "/incidents/"+url.PathEscape(p.ID)+"#do", http.StatusSeeOther)
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
type taskRow struct{ Task, By, State, Text string }

func taskRows(v incident.View) []taskRow {
	var out []taskRow
	for _, d := range v.Delegations {
		out = append(out, taskRow{Task: d.Task, By: d.By, State: string(d.State), Text: or(d.Report, d.Why)})
	}
	return out
}
