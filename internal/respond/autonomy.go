package respond

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/audit"
	"github.com/holdfast-sre/holdfast/internal/autonomy"
	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/signal"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// maxComment bounds what a person writes to a grade.
const maxComment = 4000

// standing works out where a runbook stands, from what is recorded and what the
// boundary file sets by hand.
func (r *Responder) standing(ctx context.Context, tx *store.Tx, k autonomy.Key) (autonomy.Standing, error) {
	now := tx.Now()
	entries, grades, err := tx.Record(ctx, k, now.Add(-autonomy.Window))
	if err != nil {
		return autonomy.Standing{}, err
	}
	sha := ""
	if rb, ok := r.Runbooks.Runbook(k.Runbook); ok {
		sha = rb.SHA256()
	}
	return autonomy.Assess(k, sha, entries, grades, now).Under(r.Boundaries.Stage(k.Runbook, k.Service, k.Environment)), nil
}

// key is what earns autonomy by an action: what is right in one environment
// says nothing about another, so that the target's counts.
func (s snapshot) key(runbook string, a action.Action) autonomy.Key {
	return autonomy.Key{Runbook: runbook, Service: a.Service, Environment: cmp.Or(a.Target.Environment, s.inc.Environment)}
}

// granted is the stage of what may be done in a snapshot. A plan whose record
// was not read has earned nothing. An undo takes back what ran already: it
// always needs people, and no stage keeps it from them.
func (s snapshot) granted(c decide.Candidate) boundary.Grant {
	switch {
	case s.undoing, s.delegating:
		return boundary.Grant{Stage: boundary.Approve}
	case s.earned.Key != s.key(c.Runbook, c.Action):
		return boundary.Grant{Stage: boundary.Shadow}
	}
	return s.earned.Grant()
}

// allowed says why an intent may not run at the stage of its runbook now; empty
// = it may.
func (r *Responder) allowed(ctx context.Context, tx *store.Tx, s snapshot, in action.Intent) (string, error) {
	if in.IsUndo || in.Delegation != "" {
		return "", nil
	}
	st, err := r.standing(ctx, tx, s.key(in.Runbook, in.Action))
	if err != nil {
		return "", err
	}
	if suffices(st.Stage, in) {
		return "", nil
	}
	return fmt.Sprintf("runbook %s is in stage %s on %s by now", in.Runbook, st.Stage, in.Action.Service), nil
}

// suffices reports whether an intent may run at a stage.
func suffices(st boundary.Stage, in action.Intent) bool {
	return st == boundary.Auto || in.ApprovedBy != "" && st == boundary.Approve
}

// addCase records how far a plan came.
func (r *Responder) addCase(ctx context.Context, tx *store.Tx, s snapshot, p plan, kind autonomy.Kind) (fresh bool, err error) {
	if p.Runbook == "" || p.Action.Service == "" {
		return false, nil
	}
	return tx.AddCase(ctx, autonomy.Entry{
		Key: s.key(p.Runbook, p.Action), Incident: s.inc.ID, RunbookSHA: p.RunbookSHA, PlanSHA: p.PlanSHA,
		Option: p.Option, Kind: kind, At: s.now,
	})
}

// wouldAct records, once, that only the earned stage kept the agent from acting.
func (r *Responder) wouldAct(ctx context.Context, tx *store.Tx, s *snapshot, v decide.Verdict) error {
	p := s.progress.Plan
	if p == nil || !v.Shadow {
		return nil
	}
	fresh, err := r.addCase(ctx, tx, *s, *p, autonomy.WouldAct)
	if err != nil || !fresh {
		return err
	}
	return r.record(ctx, tx, *s, incident.NewEvent(incident.EventNote, incident.ActorRule,
		fmt.Sprintf("would %s now without asking; runbook %s is in stage %s on %s", describe(p.Action), p.Runbook, s.earned.Stage, p.Action.Service),
		"every rule but autonomy holds", s.now).With("plan_sha256", p.PlanSHA))
}

// ran records that an intent runs, and in the audit when only an override let it.
func (r *Responder) ran(ctx context.Context, tx *store.Tx, s snapshot, in action.Intent) error {
	if in.IsUndo || in.Runbook == "" || in.Delegation != "" {
		return nil
	}
	kind := autonomy.Acted
	if in.ApprovedBy != "" {
		kind = autonomy.Approved
	}
	k := s.key(in.Runbook, in.Action)
	if _, err := tx.AddCase(ctx, autonomy.Entry{
		Key: k, Incident: s.inc.ID, RunbookSHA: in.RunbookSHA, PlanSHA: in.PlanSHA, Kind: kind, At: s.now,
	}); err != nil {
		return err
	}
	st, err := r.standing(ctx, tx, k)
	if err != nil || st.Override == nil || suffices(st.Earned, in) {
		return err
	}
	o := boundary.Override{Runbook: k.Runbook, Service: k.Service, Environment: k.Environment, Stage: st.Stage, By: st.Override.By, Reason: st.Override.Reason}
	return r.auditOverride(ctx, tx, o, in, fmt.Sprintf("let %s run in stage %s; graded cases alone have earned %s", in.ID, st.Stage, st.Earned))
}

// Judgement is a person's grade of an incident.
type Judgement struct {
	Grade   autonomy.Grade
	Runbook string // empty = the only one that was in play
	Comment string
	// Approver: whoever grades signed in as someone who may approve.
	Approver bool
}

// Grade records how a person judges what a runbook did, or would have done, in
// an incident; where none fitted, how they judge the diagnosis. The stages of
// the runbook follow from it at once. Right is said of what is over, by someone
// who may approve: twenty of them let the agent act unasked.
func (r *Responder) Grade(ctx context.Context, by, incidentID string, j Judgement) error {
	j.Comment = r.Redactor.String(signal.Clean(strings.TrimSpace(j.Comment), maxComment))
	switch {
	case !incident.IsPerson(by):
		return &problem.Problem{What: "only people grade", Hint: "sign in with a person's token"}
	case !j.Grade.Known():
		return &problem.Problem{What: fmt.Sprintf("unknown grade %q", signal.Clean(string(j.Grade), 40)), Hint: "use one of " + strings.Join(autonomy.Grades(), ", ")}
	case j.Grade == autonomy.Right && !r.Boundaries.MayApprove(by):
		return fmt.Errorf("right opens stages, so only approvers say it; %s is not among those of the boundary file: %w", by, ErrNotApprover)
	}
	err := r.Store.Tx(ctx, func(tx *store.Tx) error { return r.grade(ctx, tx, by, incidentID, j) })
	if err != nil {
		return fmt.Errorf("grade %s: %w", incidentID, err)
	}
	return nil
}

func (r *Responder) grade(ctx context.Context, tx *store.Tx, by, incidentID string, j Judgement) error {
	inc, err := tx.Incident(ctx, incidentID)
	if err != nil {
		return err
	}
	entries, err := tx.CasesOf(ctx, incidentID)
	if err != nil {
		return err
	}
	if j.Runbook, err = inPlay(entries, j.Runbook); err != nil {
		return err
	}
	before, err := lastGrade(ctx, tx, incidentID, j.Runbook)
	if err != nil {
		return err
	}
	if err := r.mayGrade(by, inc, j, before); err != nil {
		return err
	}
	g := autonomy.Graded{Incident: incidentID, Runbook: j.Runbook, Grade: j.Grade, By: by, At: tx.Now(), Comment: j.Comment}
	if err := tx.AddGrade(ctx, g); err != nil {
		return err
	}
	if err := r.tellGrade(ctx, tx, g, before); err != nil {
		return err
	}
	if !inc.State.Active() {
		return nil
	}
	return enqueue(ctx, tx, incidentJob(JobDecide, incidentID, "graded", tx.Now()))
}

// inPlay names the runbook that a grade is about.
func inPlay(entries []autonomy.Entry, named string) (string, error) {
	var names []string
	for _, e := range entries {
		names = append(names, e.Runbook)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	switch {
	case named == "" && len(names) == 0:
		return "", nil
	case named == "" && len(names) == 1:
		return names[0], nil
	case named == "":
		return "", &problem.Problem{What: "several runbooks were in play", Hint: "name one of " + strings.Join(names, ", ")}
	case slices.Contains(names, named):
		return named, nil
	case len(names) == 0:
		return "", &problem.Problem{What: "no runbook was in play in this incident", Hint: "leave the runbook out to grade the diagnosis"}
	}
	return "", &problem.Problem{What: fmt.Sprintf("runbook %q was not in play in this incident", signal.Clean(named, 64)), Hint: "name one of " + strings.Join(names, ", ")}
}

// lastGrade is the grade that stands so far; nil = none.
func lastGrade(ctx context.Context, tx *store.Tx, incidentID, runbook string) (*autonomy.Graded, error) {
	all, err := tx.GradesOf(ctx, incidentID)
	if err != nil {
		return nil, err
	}
	for _, g := range slices.Backward(all) {
		if g.Runbook == runbook {
			return &g, nil
		}
	}
	return nil, nil
}

func (r *Responder) mayGrade(by string, inc incident.Incident, j Judgement, before *autonomy.Graded) error {
	lifts := before != nil && j.Grade.Lifts(before.Grade)
	switch {
	case inc.State == incident.Merged:
		return &incident.RefusedError{Incident: inc.ID, What: "it was merged; grade " + inc.MergedInto}
	case j.Grade == autonomy.Right && inc.State.Active():
		return &incident.RefusedError{Incident: inc.ID, What: "whether that was right is known when it is over; it is " + string(inc.State)}
	case lifts && j.Grade != autonomy.Right && !(j.Approver && r.Boundaries.MayApprove(by)):
		return fmt.Errorf("it is graded %s by %s, and only approvers take that back: %w", before.Grade, before.By, ErrNotApprover)
	case lifts && j.Comment == "":
		return &problem.Problem{
			What: fmt.Sprintf("it is graded %s by %s", before.Grade, before.By),
			Hint: "say in a comment why it was " + strings.ReplaceAll(string(j.Grade), "_", " ") + " after all",
		}
	}
	return nil
}

// tellGrade puts a grade on the timeline and into the audit.
func (r *Responder) tellGrade(ctx context.Context, tx *store.Tx, g autonomy.Graded, before *autonomy.Graded) error {
	about := "the diagnosis"
	if g.Runbook != "" {
		about = "runbook " + g.Runbook
	}
	text := fmt.Sprintf("%s graded %s: %s", g.By, about, strings.ReplaceAll(string(g.Grade), "_", " "))
	was := ""
	if before != nil {
		was = string(before.Grade)
		text += fmt.Sprintf(" (was %s by %s)", strings.ReplaceAll(was, "_", " "), before.By)
	}
	if g.Comment != "" {
		text += ". " + g.Comment
	}
	if err := tx.AddEvents(ctx, g.Incident, incident.NewEvent(incident.EventGraded, g.By, text, "graded by a person", g.At).
		With("grade", string(g.Grade)).With("runbook", g.Runbook)); err != nil {
		return err
	}
	sha := ""
	if rb, ok := r.Runbooks.Runbook(g.Runbook); ok {
		sha = rb.SHA256()
	}
	params, err := json.Marshal(map[string]string{"grade": string(g.Grade), "runbook": g.Runbook, "was": was})
	if err != nil {
		return err
	}
	return tx.AppendAudit(ctx, audit.Record{
		At: g.At, Actor: g.By, Action: "incident.grade", Target: g.Incident, Reason: g.Comment, Params: params, Outcome: "graded",
		Incident: g.Incident, BoundarySHA256: r.Boundaries.SHA256(), RunbookSHA256: sha,
	})
}

// Standings says where every runbook stands: those that were in play, those
// that are loaded and name their service, and those set by hand.
func (r *Responder) Standings(ctx context.Context) (out []autonomy.Standing, err error) {
	err = r.Store.View(ctx, func(tx *store.Tx) error {
		out = nil
		keys, err := tx.CaseKeys(ctx)
		if err != nil {
			return err
		}
		keys = append(keys, r.plannedKeys()...)
		slices.SortFunc(keys, autonomy.Key.Compare)
		for _, k := range slices.Compact(keys) {
			st, err := r.standing(ctx, tx, k)
			if err != nil {
				return err
			}
			out = append(out, st)
		}
		return nil
	})
	return out, err
}

// plannedKeys are what loaded runbooks and overrides could act on.
func (r *Responder) plannedKeys() (out []autonomy.Key) {
	add := func(runbook, service, environment string) {
		svc, ok := r.Catalog.Service(service)
		if !ok {
			return
		}
		for _, t := range svc.Targets {
			if environment != "" && t.Environment != environment {
				continue
			}
			out = append(out, autonomy.Key{Runbook: runbook, Service: service, Environment: t.Environment})
		}
	}
	for _, rb := range r.Runbooks.All() {
		for _, m := range rb.Remediations {
			if m.Action != "" {
				add(rb.Name, m.Target.Service, "")
			}
		}
	}
	for _, o := range r.Boundaries.File().Earned {
		add(o.Runbook, o.Service, o.Environment)
	}
	return out
}

// overridesKey is where the overrides that the audit knows of are kept.
const overridesKey = "autonomy/overrides"

// AuditOverrides appends to the audit which stages the boundary file sets by
// hand, when that changed since it was last looked at.
func (r *Responder) AuditOverrides(ctx context.Context) error {
	now := r.Boundaries.File().Earned
	err := r.Store.Tx(ctx, func(tx *store.Tx) error {
		var before []boundary.Override
		if err := tx.Get(ctx, overridesKey, &before); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		for _, o := range now {
			if !slices.Contains(before, o) {
				if err := r.auditOverride(ctx, tx, o, action.Intent{}, "set to "+string(o.Stage)); err != nil {
					return err
				}
			}
		}
		for _, o := range before {
			if !slices.ContainsFunc(now, func(n boundary.Override) bool {
				return n.Runbook == o.Runbook && n.Service == o.Service && n.Environment == o.Environment
			}) {
				if err := r.auditOverride(ctx, tx, o, action.Intent{}, "not set by hand any more"); err != nil {
					return err
				}
			}
		}
		if slices.Equal(before, now) {
			return nil
		}
		return tx.Put(ctx, overridesKey, now)
	})
	if err != nil {
		return fmt.Errorf("audit overrides of stages: %w", err)
	}
	return nil
}

// auditOverride records an override: that it is there, or is not any more, or
// that an intent ran because of it.
func (r *Responder) auditOverride(ctx context.Context, tx *store.Tx, o boundary.Override, in action.Intent, outcome string) error {
	params, err := json.Marshal(map[string]string{"runbook": o.Runbook, "service": o.Service, "environment": o.Environment, "stage": string(o.Stage), "by": o.By})
	if err != nil {
		return err
	}
	return tx.AppendAudit(ctx, audit.Record{
		At: tx.Now(), Actor: incident.ActorSystem, Action: "autonomy.override",
		Target: fmt.Sprintf("%s on %s in %s", o.Runbook, o.Service, cmp.Or(o.Environment, "every environment")),
		Reason: o.Reason, Params: params, Outcome: outcome, BoundarySHA256: r.Boundaries.SHA256(), RunbookSHA256: in.RunbookSHA, Incident: in.IncidentID,
	}, "reason", "params.by")
}
