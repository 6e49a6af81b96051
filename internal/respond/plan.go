package respond

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/runbook"
)

// plan is a remediation resolved to one action, with what the rules and the
// people need to know of it.
type plan struct {
	Runbook      string                `json:"runbook"`
	RunbookSHA   string                `json:"runbook_sha256"`
	Option       string                `json:"option"`
	Title        string                `json:"title"`
	Approved     bool                  `json:"approved"`
	Held         bool                  `json:"held"` // its conditions hold over the facts
	Treats       []diagnose.CauseClass `json:"treats"`
	Action       action.Action         `json:"action"`
	Commands     []string              `json:"commands,omitempty"`
	Pros         string                `json:"pros,omitempty"`
	Cons         string                `json:"cons,omitempty"`
	CostText     string                `json:"cost_text,omitempty"`
	Check        string                `json:"check,omitempty"`
	HasVerify    bool                  `json:"has_verify"`
	HasUndo      bool                  `json:"has_undo"`
	CodeChange   catalog.Flag          `json:"code_change"`
	LosesData    catalog.Flag          `json:"loses_data"`
	CustomerData catalog.Flag          `json:"customer_data"`
	Settles      bool                  `json:"settles"`
	Direction    decide.Direction      `json:"direction"`
	Cost         decide.Cost           `json:"cost"`
	PlanSHA      string                `json:"plan_sha256"`
	Generation   string                `json:"generation,omitempty"`
	Executable   bool                  `json:"executable"`
	Undo         *action.Action        `json:"undo,omitempty"` // what takes it back
}

// plans resolves every remediation of a runbook that is worth showing, and
// names the one that the facts and the leading cause call for.
func (r *Responder) plans(ctx context.Context, s snapshot, rb *runbook.Runbook, run runbook.Run, v runbook.Vars, f *findings) (options []plan, chosen *plan) {
	top, ok := f.diagnose.Top()
	pick := ""
	if ok {
		if o, found := rb.Choose(run, v, top); found {
			pick = o.Name
		}
	}
	for _, o := range rb.Options(run, v) {
		if !o.Held && o.Name != pick {
			continue
		}
		p := r.resolve(ctx, s, rb, o, v)
		if slices.Contains(s.progress.Tried, p.PlanSHA) && p.PlanSHA != "" {
			continue
		}
		if o.Name == pick && p.Executable {
			chosen = &p
			options = slices.Insert(options, 0, p)
			continue
		}
		options = append(options, p)
	}
	return options, chosen
}

// resolve turns one option into a plan. What can't be resolved is shown as
// commands for a person.
func (r *Responder) resolve(ctx context.Context, s snapshot, rb *runbook.Runbook, o runbook.Option, v runbook.Vars) plan {
	p := plan{
		Runbook: rb.Name, RunbookSHA: rb.SHA256(), Option: o.Name, Title: o.Title, Approved: rb.Approved, Held: o.Held,
		Treats: o.Classes, Commands: o.Commands, Pros: o.Pros, Cons: o.Cons, CostText: o.Cost.Text,
		HasVerify: o.Verify != nil, HasUndo: o.Undo != nil,
		CodeChange: o.Safety.CodeChange, LosesData: o.Safety.LosesData, CustomerData: o.Safety.CustomerData,
		Action: action.Action{Name: o.Action, Service: o.Service, Risk: action.Risk(o.Risk), Lasting: action.Lasting(o.Lasting)},
	}
	if o.Cost.Amount != nil {
		p.Cost = decide.Cost{Amount: *o.Cost.Amount, Budget: o.Cost.Budget, Unit: o.Cost.Unit, Known: true}
	}
	if o.Verify != nil {
		p.Check = fmt.Sprintf("%s within %s, and every golden signal back in its usual range", o.Verify.Condition, o.Verify.Within)
	}
	if o.Action == "" {
		p.Action.Lasting = action.Permanent // done by hand: nothing here knows better
		return p
	}
	resolved, err := rb.Plan(o, v, replicas(s.evidence, o.Service).N)
	if err != nil {
		p.Cons = strings.TrimSpace(p.Cons + " (" + err.Error() + ")")
		return p
	}
	sha, err := resolved.SHA256()
	if err != nil {
		r.Log.ErrorContext(ctx, "plan has no hash", "runbook", rb.Name, "error", err)
		return p
	}
	p.Action, p.PlanSHA, p.Undo = resolved.Action, sha, resolved.Undo
	r.askExecutor(ctx, &p)
	return p
}

// askExecutor adds what the target itself says.
func (r *Responder) askExecutor(ctx context.Context, p *plan) {
	ex, ok := r.Executors[p.Action.Name]
	if !ok {
		return
	}
	generation, err := ex.Generation(ctx, p.Action)
	if err != nil {
		r.Log.WarnContext(ctx, "target does not answer", "target", p.Action.Target.String(), "error", err)
		return
	}
	p.Executable, p.Generation = true, generation
	p.Settles = generation != "" || p.Action.Params["idempotent"] == "true"
	if p.Action.Name == action.ProcessRestart {
		p.Direction = decide.Neutral
	}
}

// budgetSpent asks whether the error budget of a service is spent. A service
// without an objective on errors has none; a figure that can't be had is unset.
func (r *Responder) budgetSpent(ctx context.Context, metrics runbook.Metrics, s snapshot, service string) catalog.Flag {
	svc, ok := r.Catalog.Service(service)
	if !ok {
		return catalog.Unset
	}
	spent := catalog.False
	for _, slo := range svc.SLOs {
		if slo.Signal != "errors" && slo.Signal != "availability" {
			continue
		}
		if metrics == nil || svc.Metrics.Errors == "" || slo.Objective <= 0 || slo.Objective >= 1 {
			return catalog.Unset
		}
		window := slo.Window
		if window == "" {
			window = "30d"
		}
		answer, err := metrics.Instant(ctx, runbook.MetricQuestion{
			Source: svc.Metrics.Source, Environment: s.inc.Environment, At: s.now,
			Query: strings.ReplaceAll(strings.ReplaceAll(svc.Metrics.Errors, "$window", window), "$selector", svc.Metrics.Selector),
		})
		if err != nil || len(answer.Samples) == 0 {
			return catalog.Unset
		}
		if slices.ContainsFunc(answer.Samples, func(one evidence.Sample) bool { return !(one.Value < 1-slo.Objective) }) {
			spent = catalog.True
		}
	}
	return spent
}
