package app

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/redact"
	"github.com/holdfast-sre/holdfast/internal/runbook"
	"github.com/holdfast-sre/holdfast/internal/severity"
)

// DryRunQuestion is what a runbook is asked about.
type DryRunQuestion struct {
	Runbook     string
	Service     string
	Environment string // empty = that of the service's first target, else of the configuration
	Severity    severity.Severity
	Cause       string // of the leading hypothesis; empty = any
}

// DryRun is what a runbook would do now.
type DryRun struct {
	Environment string              `json:"environment"`
	Severity    string              `json:"severity"`
	Explanation runbook.Explanation `json:"explanation"`
	// Would is the plan of the chosen remediation, where Holdfast could do it
	// itself; WhyNot says why there is none though one is chosen.
	Would    *runbook.Plan   `json:"would"`
	WhyNot   string          `json:"why_not,omitempty"`
	Ruled    []Ruled         `json:"boundaries"`
	Evidence []evidence.Item `json:"evidence"`
}

// DryRunRunbook asks the live sources what the runbook asks, judges the answers
// and says what would follow. It reads only; nothing of it is stored. tell hears
// of each diagnostic as it ends.
func DryRunRunbook(ctx context.Context, f config.Folder, q DryRunQuestion, now time.Time, tell func(runbook.Step), log *slog.Logger) (DryRun, error) {
	r, err := findRunbook(f, q.Runbook)
	if err != nil {
		return DryRun{}, err
	}
	svc, ok := f.Catalog.Service(q.Service)
	if !ok {
		return DryRun{}, unknownService(f.Catalog, q.Service)
	}
	if classes := runbook.CauseClass("").Values(); q.Cause != "" && !slices.Contains(classes, q.Cause) {
		hint := "docs/causes.md lists the classes"
		if near := problem.Nearest(q.Cause, classes); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return DryRun{}, problem.Hinted(fmt.Errorf("there is no cause class %q", q.Cause), hint)
	}
	red, err := redact.New(f.Config.Redaction.Patterns...)
	if err != nil {
		return DryRun{}, fmt.Errorf("redaction: %w", err)
	}
	src, err := newSources(f, nil, red, "")
	if err != nil {
		return DryRun{}, err
	}
	defer func() {
		if err := src.close(); err != nil {
			log.WarnContext(ctx, "sources are not closed", "error", err)
		}
	}()
	v := dryVars(f, svc, q, now)
	run := r.AskAloud(ctx, src.ports(v.Environment), v, func(s runbook.Step) {
		s.Summary = red.String(s.Summary)
		tell(s)
	})
	if err := ctx.Err(); err != nil {
		return DryRun{}, fmt.Errorf("ask the diagnostics: %w", err)
	}
	run = run.Redacted(red)
	out := DryRun{
		Environment: v.Environment, Severity: v.Severity, Explanation: r.Explain(run, v, runbook.CauseClass(q.Cause), ""),
		Ruled: []Ruled{}, Evidence: append([]evidence.Item{}, run.Items...),
	}
	out.would(f, r, run, v, now)
	return out, nil
}

func dryVars(f config.Folder, svc catalog.Service, q DryRunQuestion, now time.Time) runbook.Vars {
	env := cmp.Or(q.Environment, f.Config.Environment)
	if q.Environment == "" && len(svc.Targets) > 0 {
		env = svc.Targets[0].Environment
	}
	if q.Severity == severity.Unset {
		q.Severity = severity.SEV3
	}
	v := runbook.Vars{
		IncidentID: "dry-run", Environment: env, Service: svc.Name, Severity: q.Severity.String(), Services: []string{svc.Name},
		StartedAt: now, Now: now, Window: f.Config.Windows.Rate, Catalog: f.Catalog, Maintenance: catalog.False,
	}
	if _, covered := f.Boundaries.Maintenance(env, v.Services, now); covered {
		v.Maintenance = catalog.True
	}
	return v
}

// would plans the chosen remediation and asks the boundaries about it.
func (d *DryRun) would(f config.Folder, r *runbook.Runbook, run runbook.Run, v runbook.Vars, now time.Time) {
	options := r.Options(run, v)
	i := slices.IndexFunc(options, func(o runbook.Option) bool { return o.Name == d.Explanation.Chosen })
	if i < 0 || options[i].Action == "" {
		return
	}
	plan, err := r.Plan(options[i], v, 0)
	if err != nil {
		d.WhyNot = err.Error()
		return
	}
	d.Would = &plan
	if plan.Action.Lasting != action.Lasting(options[i].Lasting) {
		d.WhyNot = fmt.Sprintf("it counts as %s: the catalog does not bear out %q", plan.Action.Lasting, options[i].Lasting)
	}
	for _, one := range rule(f, r, options[i].Remediation, now) {
		if one.Service == options[i].Service && one.Target == plan.Action.Target.String() {
			d.Ruled = append(d.Ruled, one)
		}
	}
}
