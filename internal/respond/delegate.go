package respond

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/audit"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/delegate"
	"github.com/holdfast-sre/holdfast/internal/id"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/runbook"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// JobDelegation looks after a delegated task: its approval that runs out, and
// its report.
const JobDelegation = "delegation"

// maxDelegations bounds what one incident keeps.
const maxDelegations = 100

// Order is what a person asks the agent to do: words, or the parts of a task.
type Order struct {
	Text string
	Task delegate.Task // when Text is empty
}

// Person is who asks. Approver says that the person's sign-in may approve; the
// boundary file has its own say.
type Person struct {
	Name     string
	Approver bool
}

// delegated is what a task comes to, as the loop remembers it.
type delegated struct {
	Plan plan         `json:"plan"`
	Run  *runbook.Run `json:"run,omitempty"` // of the runbook whose remediation it is
	// Asks: the runbook chose the action over its facts, which must hold once
	// more just before it starts. Else they hold because a person said so.
	Asks bool `json:"asks"`
	// Watched is how the signals were before the action and at the looks since;
	// nil = nothing was looked at yet.
	Watched *watched `json:"watched,omitempty"`
}

// order is a task while it is being worked out.
type order struct {
	s       snapshot
	by      Person
	task    delegate.Task
	d       delegated
	input   decide.Input
	nothing string // why nothing is to be done
	refused string // why the agent never does it
	does    string
	notes   []string
	reading *incident.Reading // of the runbook that the task names
}

// PlanDelegation says what a task comes to: what would be done, to what, and who
// must agree. It changes nothing.
func (r *Responder) PlanDelegation(ctx context.Context, by Person, incidentID string, o Order) (incident.DelegationPlan, error) {
	ord, err := r.comesTo(ctx, by, incidentID, o)
	if err != nil {
		return incident.DelegationPlan{}, err
	}
	return r.echo(ord)
}

// Delegate takes a task whose plan the person has seen. Nothing runs that the
// boundaries and the floor do not let run: the person's confirmation is one
// approval when they are an approver, and otherwise the task waits for one. A
// plan is taken once: confirmed again, it answers how far its task has come.
func (r *Responder) Delegate(ctx context.Context, by Person, incidentID string, o Order, planSHA string) (incident.DelegationPlan, error) {
	s, err := r.load(ctx, incidentID)
	if err != nil {
		return incident.DelegationPlan{}, err
	}
	if d := s.taken(by.Name, planSHA); d != nil {
		return s.answer(*d), nil
	}
	ord, err := r.comesTo(ctx, by, incidentID, o)
	if err != nil {
		return incident.DelegationPlan{}, err
	}
	e, err := r.echo(ord)
	if err != nil {
		return e, err
	}
	if d := ord.s.taken(by.Name, planSHA); d != nil && planSHA != e.PlanSHA256 { // taken and ended since
		return ord.s.answer(*d), nil
	}
	if planSHA != e.PlanSHA256 {
		return e, fmt.Errorf("the plan is another one than was shown: %w", ErrMoved)
	}
	err = r.Store.Tx(ctx, func(tx *store.Tx) error {
		s, err := r.loadIn(ctx, tx, incidentID)
		if err != nil {
			return err
		}
		return r.take(ctx, tx, &s, ord, &e)
	})
	return e, err
}

// comesTo reads a task and works out what it comes to.
func (r *Responder) comesTo(ctx context.Context, by Person, incidentID string, o Order) (*order, error) {
	if !incident.IsPerson(by.Name) {
		return nil, &problem.Problem{What: "only people delegate", Hint: "sign in with a person's token"}
	}
	s, err := r.load(ctx, incidentID)
	if err != nil {
		return nil, err
	}
	if s.over() {
		return nil, fmt.Errorf("%s is %s: %w", incidentID, s.inc.State, ErrMoved)
	}
	task, err := r.read(s, o)
	if err != nil {
		return nil, asProblem(err)
	}
	ord := &order{s: s, by: by, task: task}
	if task.Runbook != "" {
		err = r.askDelegated(ctx, ord)
	} else {
		err = r.findDelegated(ctx, ord)
	}
	if err != nil {
		return nil, asProblem(err)
	}
	ord.task.Text = r.Redactor.String(ord.task.Text)
	if ord.nothing != "" {
		return ord, nil
	}
	return ord, r.weigh(ctx, ord)
}

// asProblem makes what a person wrote wrongly into one problem with its hint.
func asProblem(err error) error {
	if err == nil || errors.Is(err, ErrMoved) {
		return err
	}
	p := problem.All(err)[0]
	return &p
}

// read understands a task, whole or not at all.
func (r *Responder) read(s snapshot, o Order) (delegate.Task, error) {
	names := delegate.Names{Services: r.Catalog.Names(), Environments: r.environments(s)}
	for _, rb := range r.Runbooks.All() {
		names.Runbooks = append(names.Runbooks, rb.Name)
	}
	var task delegate.Task
	var err error
	if o.Text != "" {
		task, err = delegate.Parse(o.Text, names)
	} else {
		task, err = delegate.Parts(o.Task, names)
	}
	if err == nil {
		err = task.Check()
	}
	switch {
	case err != nil:
		return task, err
	case task.Environment != "" && task.Environment != s.inc.Environment:
		return task, problem.Hinted(fmt.Errorf("%s is in %s, not in %s", s.inc.ID, s.inc.Environment, task.Environment),
			"delegate in an incident of "+task.Environment+", or declare one: holdfast incident declare")
	}
	for _, k := range slices.Sorted(maps.Keys(task.Params)) {
		if r.Redactor.Field(k, task.Params[k]) != task.Params[k] {
			return task, problem.Hinted(fmt.Errorf("parameter %s looks like a secret", k), "a task is stored and shown: keep secrets in holdfast.yaml")
		}
	}
	return task, nil
}

func (r *Responder) environments(s snapshot) []string {
	out := []string{s.inc.Environment}
	for _, svc := range r.Catalog.Services() {
		for _, t := range svc.Targets {
			out = append(out, t.Environment)
		}
	}
	slices.Sort(out)
	return slices.DeleteFunc(slices.Compact(out), func(e string) bool { return e == "" })
}

// weigh asks the executor, the boundary file and the floor about what would be
// done, and gives it the hash that a confirmation is for.
func (r *Responder) weigh(ctx context.Context, o *order) error {
	p := &o.d.Plan
	if ex, ok := r.Executors[p.Action.Name]; ok && p.Executable {
		does, err := ex.DryRun(ctx, p.Action)
		o.does = strings.TrimPrefix(does, "would ")
		if err != nil {
			o.refused = "it would be refused: " + r.Redactor.String(err.Error())
		}
	}
	if o.does == "" {
		o.does = describe(p.Action)
	}
	sum, err := o.sum(r.Boundaries.SHA256())
	if err != nil {
		return err
	}
	p.PlanSHA = sum
	if o.s.taken(o.by.Name, sum) != nil {
		o.notes = append(o.notes, "you gave this task already and it has not ended: confirming it starts no second one")
	}
	with := r.asDelegated(ctx, o.s, o.d)
	o.input = r.input(with, r.Paused(ctx), "")
	switch why := decide.WhyNever(o.input); {
	case o.refused != "":
	case !p.Executable:
		o.refused = fmt.Sprintf("nothing here can do %s of %s now", p.Action.Name, p.Action.Target)
	case why != "":
		o.refused = "no approval allows it: " + why
	}
	return nil
}

// sum is the hash of everything that a confirmation is for. The same task given
// again after it ended is another plan; until then it is the same one, so that
// two confirmations of what was shown once are one.
func (o *order) sum(bounds string) (string, error) {
	p := o.d.Plan
	plan := struct {
		Incident, By, Task   string
		Watch                time.Duration
		Runbook, SHA, Option string
		Plan                 string // hash of the runbook's own plan
		Action               action.Action
		Undo                 *action.Action
		Generation, Boundary string
		Asks                 bool
		Nothing              string
		Before               int // how often it was given before, and ended
	}{
		o.s.inc.ID, o.by.Name, o.task.Text, o.task.Watch, p.Runbook, p.RunbookSHA, p.Option, p.PlanSHA,
		p.Action, p.Undo, p.Generation, bounds, o.d.Asks, o.nothing, 0,
	}
	for {
		body, err := json.Marshal(plan)
		if err != nil {
			return "", fmt.Errorf("hash of the plan: %w", err)
		}
		hash := sha256.Sum256(body)
		sum := hex.EncodeToString(hash[:])
		d := o.s.taken(o.by.Name, sum)
		if d == nil {
			return sum, nil
		}
		if state, _ := d.Progress(o.s.proposals, o.s.intents, o.s.events); !state.Ended() {
			return sum, nil
		}
		plan.Before++
	}
}

// taken finds the task that a person's confirmation of a plan became; nil = that
// plan was not confirmed yet.
func (s *snapshot) taken(by, planSHA string) *incident.Delegation {
	i := slices.IndexFunc(s.inc.Delegations, func(d incident.Delegation) bool { return d.PlanSHA == planSHA && d.By == by })
	if i < 0 || planSHA == "" {
		return nil
	}
	return &s.inc.Delegations[i]
}

// answer is what a confirmation is told of a task that was taken before.
func (s *snapshot) answer(d incident.Delegation) incident.DelegationPlan {
	state, why := d.Progress(s.proposals, s.intents, s.events)
	e := incident.DelegationPlan{
		Incident: s.inc.ID, By: d.By, Task: d.Task, State: state, Why: why, Action: d.Action, Target: d.Target, Service: d.Service,
		Runbook: d.Runbook, Params: map[string]string{}, Dependants: []string{}, MayApprove: []string{}, Commands: []string{},
		Notes: []string{"this plan was confirmed before: nothing was started again"}, PlanSHA256: d.PlanSHA, Delegation: d.ID, Proposal: d.ProposalID,
	}
	maps.Copy(e.Params, d.Params)
	if d.Watch > 0 {
		e.Watch = d.Watch.String()
	}
	if i := slices.IndexFunc(s.proposals, func(p incident.Proposal) bool { return p.ID == d.ProposalID }); i >= 0 {
		p := s.proposals[i]
		e.Does, e.Generation, e.Option, e.Risk, e.Lasting = describe(p.Action), p.Generation, p.Option, p.Action.Risk, p.Action.Lasting
		e.Check, e.Approvers, e.Boundaries = p.Check, p.Approvers, p.BoundarySHA
		e.MayApprove = append(e.MayApprove, p.MayApprove...)
		e.YouCount = slices.Contains(p.ApprovedBy, d.By)
	}
	return e
}

// asDelegated is a snapshot in which the task's plan is the remediation.
func (r *Responder) asDelegated(ctx context.Context, s snapshot, d delegated) snapshot {
	s = s.withTask(d)
	s.progress.BudgetSpent = r.budgetSpent(ctx, r.Diagnostics(s.inc.Environment).Metrics, s, d.Plan.Action.Service)
	return s
}

// withTask is a snapshot in which the task's plan is the remediation, with what is
// known of the error budget so far.
func (s snapshot) withTask(d delegated) snapshot {
	s.progress.Plan, s.progress.Run, s.delegating = &d.Plan, d.Run, true
	return s
}

// take records a task and does what follows from it, in one transaction. A task
// that was taken already, because its answer was lost, is not taken twice.
func (r *Responder) take(ctx context.Context, tx *store.Tx, s *snapshot, o *order, e *incident.DelegationPlan) error {
	if s.over() {
		return fmt.Errorf("%s is %s: %w", s.inc.ID, s.inc.State, ErrMoved)
	}
	if d := s.taken(o.by.Name, e.PlanSHA256); d != nil {
		e.State, e.Why = d.Progress(s.proposals, s.intents, s.events)
		e.Delegation, e.Proposal = d.ID, d.ProposalID
		return nil
	}
	switch n := s.waitingTasks(); {
	case len(s.inc.Delegations) >= maxDelegations:
		return fmt.Errorf("%d tasks were delegated in this incident: %w", len(s.inc.Delegations), ErrMoved)
	case n >= maxWaiting && o.nothing == "" && o.refused == "" && !(e.YouCount && e.Approvers <= 1):
		return fmt.Errorf("%d tasks of this incident wait for approval already: %w", n, ErrMoved)
	}
	p := o.d.Plan
	d := incident.Delegation{
		ID: id.New("del", s.now), At: s.now, By: o.by.Name, Task: o.task.Text, Runbook: p.Runbook, Action: p.Action.Name, Target: p.Action.Target,
		Service: o.task.Service, Params: p.Action.Params, Watch: o.task.Watch, PlanSHA: e.PlanSHA256, Refused: o.refused,
	}
	if d.Runbook == "" {
		d.Runbook = o.task.Runbook
	}
	e.Delegation = d.ID
	switch {
	case o.nothing != "":
		return r.takeNothing(ctx, tx, s, d, o.nothing, e)
	case o.refused != "":
		e.State, e.Why = incident.DelegationRefused, o.refused
		s.inc.Delegations = append(s.inc.Delegations, d)
		if err := r.tellDelegated(ctx, tx, *s, d, "refused: "+o.refused); err != nil {
			return err
		}
		return r.store(ctx, tx, s)
	}
	return r.takeAction(ctx, tx, s, d, o, e)
}

// takeNothing records that a runbook called for nothing.
func (r *Responder) takeNothing(ctx context.Context, tx *store.Tx, s *snapshot, d incident.Delegation, why string, e *incident.DelegationPlan) error {
	at := s.now
	d.Report, d.ReportedAt = "nothing was done: "+why, &at
	e.State = incident.DelegationReported
	s.inc.Delegations = append(s.inc.Delegations, d)
	if err := r.tellDelegated(ctx, tx, *s, d, "nothing to do: "+why); err != nil {
		return err
	}
	if err := r.record(ctx, tx, *s, incident.NewEvent(incident.EventReported, incident.ActorAgent, d.Report, "delegated by "+d.By, s.now).With("delegation", d.ID)); err != nil {
		return err
	}
	return r.store(ctx, tx, s)
}

// takeAction makes a proposal of the task. The confirmation of an approver is
// their approval of it; with that alone it may be intended at once.
func (r *Responder) takeAction(ctx context.Context, tx *store.Tx, s *snapshot, d incident.Delegation, o *order, e *incident.DelegationPlan) error {
	if _, busy := s.openIntent(); busy && e.YouCount {
		return fmt.Errorf("another action is under way: %w", ErrMoved)
	}
	p := o.d.Plan
	prop := incident.Proposal{
		ID: id.New("prop", s.now), IncidentID: s.inc.ID, Delegation: d.ID, Runbook: p.Runbook, RunbookSHA: p.RunbookSHA, Option: p.Option,
		Title: title(p) + " (delegated by " + d.By + ")", Action: p.Action, Why: d.By + " asked: " + d.Task,
		Cost: p.CostText, Pros: p.Pros, Cons: p.Cons, Check: p.Check, Executable: true, Commands: p.Commands,
		PlanSHA: p.PlanSHA, Generation: p.Generation, Approvers: e.Approvers, MayApprove: o.input.Boundary.From, FourEyes: o.input.Boundary.FourEyes,
		Requesters: o.requesters(), BoundarySHA: r.Boundaries.SHA256(), Changes: changes(p, replicas(s.evidence, p.Action.Service), r.Redactor),
		State: incident.Waiting, At: s.now,
		ExpiresAt: s.after(r.approvalLives()),
	}
	if o.d.Run != nil && o.d.Asks {
		prop.Facts = o.d.Run.Facts
	}
	d.ProposalID, e.Proposal = prop.ID, prop.ID
	s.inc.Delegations = append(s.inc.Delegations, d)
	if s.progress.Delegated == nil {
		s.progress.Delegated = map[string]delegated{}
	}
	s.progress.Delegated[d.ID] = o.d
	if err := tx.SaveProposal(ctx, prop); err != nil {
		return fmt.Errorf("store the task of %s: %w", d.By, err)
	}
	s.proposals = append(s.proposals, prop)
	if err := r.tellDelegated(ctx, tx, *s, d, "delegated"); err != nil {
		return err
	}
	if err := r.store(ctx, tx, s, delegationJob(s.inc.ID, d.ID, stepExpiry, prop.ExpiresAt)); err != nil {
		return err
	}
	e.State = incident.DelegationWaiting
	if e.YouCount {
		if err := r.agree(ctx, tx, s, d.By, &prop); err != nil {
			return err
		}
	}
	if prop.State == incident.Approved {
		e.State = incident.DelegationRunning
		return nil
	}
	return r.askApprovers(ctx, tx, *s, prop, e.Boundary)
}

// tellDelegated puts a task on the timeline and into the audit.
func (r *Responder) tellDelegated(ctx context.Context, tx *store.Tx, s snapshot, d incident.Delegation, outcome string) error {
	text := d.By + " delegated: " + d.Task
	if d.Refused != "" {
		text += " (refused: " + d.Refused + ")"
	}
	if err := r.record(ctx, tx, s, incident.NewEvent(incident.EventDelegated, d.By, text, "asked by a person", s.now).
		With("delegation", d.ID).With("plan_sha256", d.PlanSHA)); err != nil {
		return err
	}
	params, err := json.Marshal(map[string]any{"delegation": d.ID, "action": d.Action, "params": d.Params, "watch": d.Watch.String(), "plan_sha256": d.PlanSHA})
	if err != nil {
		return fmt.Errorf("audit %s: %w", d.ID, err)
	}
	sha := ""
	if rb, ok := r.Runbooks.Runbook(d.Runbook); ok {
		sha = rb.SHA256()
	}
	return tx.AppendAudit(ctx, audit.Record{
		At: s.now, Actor: d.By, Action: "incident.delegate", Target: d.Target.String(), Reason: d.Task, Params: params, Outcome: outcome,
		Incident: s.inc.ID, BoundarySHA256: r.Boundaries.SHA256(), RunbookSHA256: sha,
	})
}

// onBehalf makes an intent that carries out a task the person's own.
func (s *snapshot) onBehalf(p *incident.Proposal, in action.Intent) action.Intent {
	if d := s.delegation(p.Delegation); d != nil {
		in.By, in.Reason, in.Delegation = d.By, d.Task, d.ID
	}
	return in
}

// delegation finds a task; nil = there is none.
func (s *snapshot) delegation(id string) *incident.Delegation {
	if i := slices.IndexFunc(s.inc.Delegations, func(d incident.Delegation) bool { return d.ID == id }); id != "" && i >= 0 {
		return &s.inc.Delegations[i]
	}
	return nil
}

// planOf is the plan that an intent carries out, with the runbook's answers
// behind it; nil when it is not remembered.
func (s snapshot) planOf(in action.Intent) (*plan, *runbook.Run) {
	if in.Delegation == "" {
		return s.progress.Plan, s.progress.Run
	}
	d, ok := s.progress.Delegated[in.Delegation]
	if !ok {
		return nil, nil
	}
	return &d.Plan, d.Run
}

// delegationVoid says why a task that waits for people can't be approved any
// more; empty = it can. A new look at the incident leaves it alone: a person
// asked for it.
func (r *Responder) delegationVoid(s snapshot, p incident.Proposal) string {
	_, ok := s.progress.Delegated[p.Delegation]
	switch {
	case s.over():
		return "the incident is over"
	case r.late(s, p):
		return "nobody approved it in time"
	case !ok:
		return "its plan is not known any more"
	case p.BoundarySHA != r.Boundaries.SHA256():
		return "the boundary file changed since it was asked for"
	}
	return r.outdated(p)
}

func (r *Responder) sameTarget(a action.Action) bool {
	svc, ok := r.Catalog.Service(a.Service)
	return ok && slices.Contains(svc.Targets, a.Target)
}

// requesters are the people who asked for what the order is about.
func (o *order) requesters() []string {
	out := []string{o.by.Name}
	for _, by := range o.s.declaredBy() {
		if !slices.Contains(out, by) {
			out = append(out, by)
		}
	}
	return out
}

// echo says a task back.
func (r *Responder) echo(o *order) (incident.DelegationPlan, error) {
	p := o.d.Plan
	e := incident.DelegationPlan{
		Incident: o.s.inc.ID, By: o.by.Name, Task: o.task.Text, State: incident.DelegationEchoed, Why: o.nothing, Service: o.task.Service,
		Runbook: o.task.Runbook, Params: map[string]string{}, Dependants: []string{}, MayApprove: []string{}, Commands: append([]string{}, p.Commands...),
		Notes: append([]string{}, o.notes...), Boundaries: r.Boundaries.SHA256(),
		Reading: o.reading,
	}
	if o.task.Watch > 0 {
		e.Watch = o.task.Watch.String()
	}
	if o.nothing != "" {
		sum, err := o.sum(r.Boundaries.SHA256())
		e.PlanSHA256 = sum
		return e, err
	}
	e.Does, e.Action, e.Target, e.Service, e.Generation = o.does, p.Action.Name, p.Action.Target, p.Action.Service, p.Generation
	maps.Copy(e.Params, p.Action.Params)
	e.Runbook, e.Option, e.Risk, e.Lasting = p.Runbook, p.Option, p.Action.Risk, p.Action.Lasting
	e.Dependants = append(e.Dependants, r.Catalog.Dependants(p.Action.Service)...)
	e.Check, e.PlanSHA256, e.Why = p.Check, p.PlanSHA, o.refused
	if p.Undo != nil {
		e.Undo = describe(*p.Undo)
	}
	r.echoRules(o, &e)
	return e, nil
}

// echoRules says what the boundary file and the floor say, and who must agree.
func (r *Responder) echoRules(o *order, e *incident.DelegationPlan) {
	floor := decide.Floor(o.input)
	e.Boundary, e.MayApprove = o.input.Boundary.Reason, append(e.MayApprove, o.input.Boundary.From...)
	switch floor {
	case decide.NeverExecuted:
		e.Floor = "never executed, whoever approves"
	case 2:
		e.Floor = "two people must approve: what it does is lasting"
	default:
		e.Floor = "one person must approve: the agent does not do on its own what people delegate"
	}
	if o.refused != "" {
		e.Approvers = decide.NeverExecuted
		return
	}
	e.Approvers = max(floor, o.input.Boundary.Approvers, 1)
	switch why := r.Boundaries.Refuses(o.input.Boundary, o.by.Name, o.requesters()); {
	case why != "":
		e.YouCountNo = why
	case !o.by.Approver:
		e.YouCountNo = o.by.Name + " is no approver in holdfast.yaml"
	default:
		e.YouCount = true
	}
	if o.input.Pause != decide.Running {
		e.Notes = append(e.Notes, strings.ToLower("actions are "+o.input.Pause.String())+": nothing starts before they are allowed again, and an approval does not outlive a start that was refused")
	}
}
