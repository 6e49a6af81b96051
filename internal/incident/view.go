package incident

import (
	"fmt"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

// Time is written as RFC 3339 in UTC with milliseconds; the zero time is null.
type Time time.Time

// MarshalJSON writes the time or null.
func (t Time) MarshalJSON() ([]byte, error) {
	if time.Time(t).IsZero() {
		return []byte("null"), nil
	}
	return []byte(time.Time(t).UTC().Format(`"2006-01-02T15:04:05.000Z"`)), nil
}

// UnmarshalJSON reads RFC 3339 and null.
func (t *Time) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*t = Time{}
		return nil
	}
	v, err := time.Parse(`"`+time.RFC3339Nano+`"`, string(b))
	if err != nil {
		return fmt.Errorf("time: %w", err)
	}
	*t = Time(v.UTC())
	return nil
}

// View is incident.json: what the API answers, what `incident show -o json`
// prints and what the demo writes. Lists are never null.
type View struct {
	ID              string            `json:"id"`
	Title           string            `json:"title"`
	State           State             `json:"state"`
	Severity        severity.Severity `json:"severity"`
	SeverityReasons []string          `json:"severity_reasons"`
	Environment     string            `json:"environment"`
	Services        []string          `json:"services"`
	Owners          []string          `json:"owners"`
	Commander       string            `json:"commander"`
	StartedAt       Time              `json:"started_at"`
	OnsetAt         Time              `json:"onset_at"`
	AcknowledgedAt  Time              `json:"acknowledged_at"`
	MitigatedAt     Time              `json:"mitigated_at"`
	ResolvedAt      Time              `json:"resolved_at"`
	ClosedAt        Time              `json:"closed_at"`
	Flapping        bool              `json:"flapping"`
	MergedInto      string            `json:"merged_into,omitempty"`
	Earlier         []string          `json:"earlier"` // the same problem within 30 days
	Impact          ImpactView        `json:"impact"`
	Signals         []SignalView      `json:"signals"`
	Hypotheses      []HypothesisView  `json:"hypotheses"` // descending, "unknown" last
	Observed        []ObservationView `json:"observed"`   // what the checks behind them saw
	RuledOut        []ObservationView `json:"ruled_out"`  // what they looked for and did not find
	Trace           []TraceStep       `json:"trace"`
	Similar         []Like            `json:"similar"` // what resembles it, the best first; at most three
	Verdict         *VerdictView      `json:"verdict"` // the first decision
	Verdicts        []VerdictView     `json:"verdicts"`
	Proposals       []ProposalView    `json:"proposals"`
	Actions         []ActionView      `json:"actions"`                // only what has an intent record
	Verification    *Verification     `json:"verification,omitempty"` // of the last action; absent = none was done
	Delegations     []DelegationView  `json:"delegations"`            // tasks that people gave the agent, oldest first
	Timeline        []EventView       `json:"timeline"`
	Documents       []DocumentView    `json:"documents"`
	Drafts          []DraftingView    `json:"drafts"`  // for the knowledge repository, one entry a resolution
	Context         string            `json:"context"` // the context package, Markdown
}

// ImpactView is Impact with a list that is never null.
type ImpactView struct {
	Summary string  `json:"summary"`
	Values  []Value `json:"values"`
}

// SignalView is one signal.
type SignalView struct {
	ID          string            `json:"id"`
	Kind        signal.Kind       `json:"kind"`
	Source      string            `json:"source"`
	Fingerprint string            `json:"fingerprint"`
	Name        string            `json:"name"`
	Status      signal.Status     `json:"status"`
	Severity    severity.Severity `json:"severity"`
	Service     string            `json:"service"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	Links       []signal.Link     `json:"links"`
	Marks       []string          `json:"marks"`
	Silenced    bool              `json:"silenced"`
	StartsAt    Time              `json:"starts_at"`
	EndsAt      Time              `json:"ends_at"`
	ReceivedAt  Time              `json:"received_at"`
}

// HypothesisView is one possible cause.
type HypothesisView struct {
	ID              string              `json:"id"`
	CauseClass      diagnose.CauseClass `json:"cause_class"`
	Fault           cause.Fault         `json:"fault,omitempty"` // finer than the class; absent when the evidence is not that fine
	Mechanism       string              `json:"mechanism"`
	Component       string              `json:"component"`
	Probability     float64             `json:"probability"`
	Basis           diagnose.Basis      `json:"basis"`
	EvidenceFor     []string            `json:"evidence_for"`
	EvidenceAgainst []string            `json:"evidence_against"`
	CheckNext       []string            `json:"check_next"`
}

// ObservationView is one thing that was checked, in a sentence, with the IDs
// of the evidence that it rests on.
type ObservationView struct {
	Text     string   `json:"text"`
	Evidence []string `json:"evidence"`
}

// VerdictView is one decision.
type VerdictView struct {
	Kind           decide.Kind    `json:"kind"`
	Urgency        decide.Urgency `json:"urgency"`
	DecidedAt      Time           `json:"decided_at"`
	Reasons        []string       `json:"reasons"`
	Rules          []decide.Rule  `json:"rules"`
	BoundarySHA256 string         `json:"boundary_sha256"`
	Approvers      int            `json:"approvers"`
	Hold           bool           `json:"hold"`
	NextLook       Time           `json:"next_look"`
}

// ProposalView is one proposed action.
type ProposalView struct {
	ID          string            `json:"id"`
	Action      string            `json:"action"`
	Target      catalog.Target    `json:"target"`
	Service     string            `json:"service"`
	Params      map[string]string `json:"params"`
	Risk        action.Risk       `json:"risk"`
	Lasting     action.Lasting    `json:"lasting"`
	Why         string            `json:"why"`
	Cost        string            `json:"cost"`
	State       ProposalState     `json:"state"`
	Runbook     string            `json:"runbook"`
	Option      string            `json:"option"`
	Title       string            `json:"title"`
	Pros        string            `json:"pros"`
	Cons        string            `json:"cons"`
	Check       string            `json:"check"`
	Recommended bool              `json:"recommended"`
	Delegation  string            `json:"delegation"` // of a task that a person gave; empty = the agent's own
	IsUndo      bool              `json:"is_undo"`    // takes an action back that did not help
	Executable  bool              `json:"executable"` // false = only shown as commands
	Commands    []string          `json:"commands"`
	PlanSHA256  string            `json:"plan_sha256"`
	Approvers   int               `json:"approvers"`
	ApprovedBy  []string          `json:"approved_by"`
	StillNeeded int               `json:"still_needed"` // how many more must approve
	MayApprove  []string          `json:"may_approve"`  // empty = see every_approver
	Everyone    bool              `json:"every_approver"`
	FourEyes    bool              `json:"four_eyes"` // requesters do not count
	Requesters  []string          `json:"requesters"`
	Changes     []Change          `json:"changes"` // before and after
	Facts       map[string]any    `json:"facts"`   // that it rests on
	Generation  string            `json:"generation"`
	BoundarySHA string            `json:"boundary_sha256"`
	At          Time              `json:"at"`
	ExpiresAt   Time              `json:"expires_at"`
}

// ActionView is one intent.
type ActionView struct {
	ID         string            `json:"id"`
	Action     string            `json:"action"`
	Target     catalog.Target    `json:"target"`
	Params     map[string]string `json:"params"`
	State      action.State      `json:"state"`
	Proposal   string            `json:"proposal"` // that it carries out; empty = the agent's own verdict
	By         string            `json:"by"`
	ApprovedBy *string           `json:"approved_by"`
	IntendedAt Time              `json:"intended_at"`
	StartedAt  Time              `json:"started_at"`
	FinishedAt Time              `json:"finished_at"`
	Outcome    string            `json:"outcome"`
	Runbook    string            `json:"runbook"`
	IsUndo     bool              `json:"is_undo"`
}

// EventView is one row of the timeline.
type EventView struct {
	At    Time           `json:"at"`
	Kind  string         `json:"kind"`
	Actor string         `json:"actor"`
	Text  string         `json:"text"`
	Data  map[string]any `json:"data"`
}

// DocumentView names one document.
type DocumentView struct {
	Kind string `json:"kind"`
	Path string `json:"path"`
}

// Parts are what a View is made of.
type Parts struct {
	Incident  Incident
	Signals   []signal.Signal
	Verdicts  []decide.Verdict // oldest first
	Proposals []Proposal
	Intents   []action.Intent
	Events    []Event
	Documents []DocumentView
	// Verification of the last action; nil = none was done.
	Verification *Verification
}

// NewView puts an incident and what is stored beside it into the form that
// leaves the house.
func NewView(p Parts) View {
	i := p.Incident
	v := View{
		ID: i.ID, Title: i.Title, State: i.State, Severity: i.Severity, SeverityReasons: list(i.SeverityReasons),
		Environment: i.Environment, Services: list(i.Services), Owners: list(i.Owners), Commander: i.Commander,
		StartedAt: Time(i.StartedAt), OnsetAt: timeView(i.OnsetAt), AcknowledgedAt: timeView(i.AcknowledgedAt),
		MitigatedAt: timeView(i.MitigatedAt), ResolvedAt: timeView(i.ResolvedAt), ClosedAt: timeView(i.ClosedAt),
		Flapping: i.Flapping, MergedInto: i.MergedInto, Earlier: list(i.Earlier), Context: i.Contexts,
		Impact:     ImpactView{Summary: i.Impact.Summary, Values: list(i.Impact.Values)},
		Signals:    each(p.Signals, signalView),
		Hypotheses: each(i.Hypotheses, hypothesisView),
		Observed:   each(i.Observed, observationView),
		RuledOut:   each(i.RuledOut, observationView),
		Trace:      list(i.Trace),
		Similar:    list(i.Similar),
		Verdicts:   each(p.Verdicts, verdictView),
		Proposals:  each(p.Proposals, proposalView),
		Actions:    each(p.Intents, actionView), Verification: p.Verification, Delegations: delegationViews(p),
		Timeline:  each(p.Events, eventView),
		Documents: list(p.Documents),
		Drafts:    each(i.Drafts, draftingView),
	}
	if len(v.Verdicts) > 0 {
		v.Verdict = &v.Verdicts[0]
	}
	return v
}

func signalView(s signal.Signal) SignalView {
	return SignalView{
		ID: s.ID, Kind: s.Kind, Source: s.Source, Fingerprint: s.Fingerprint, Name: s.Name, Status: s.Status,
		Severity: s.Severity, Service: s.Service, Labels: dict(s.Labels), Annotations: dict(s.Annotations),
		Links: list(s.Links), Marks: list(s.Marks), Silenced: s.Silenced,
		StartsAt: Time(s.StartsAt), EndsAt: Time(s.EndsAt), ReceivedAt: Time(s.ReceivedAt),
	}
}

func hypothesisView(h diagnose.Hypothesis) HypothesisView {
	return HypothesisView{
		ID: h.ID, CauseClass: h.CauseClass, Fault: h.Fault, Mechanism: h.Mechanism, Component: h.Component,
		Probability: h.Probability, Basis: h.Basis, EvidenceFor: list(h.EvidenceFor),
		EvidenceAgainst: list(h.EvidenceAgainst), CheckNext: list(h.CheckNext),
	}
}

func observationView(o diagnose.Observation) ObservationView {
	return ObservationView{Text: o.Text, Evidence: list(o.Evidence)}
}

func verdictView(d decide.Verdict) VerdictView {
	rules := list(d.Rules)
	for n := range rules {
		if rules[n].Values == nil {
			rules[n].Values = map[string]any{}
		}
	}
	return VerdictView{
		Kind: d.Kind, Urgency: d.Urgency, DecidedAt: Time(d.DecidedAt), Reasons: list(d.Reasons), Rules: rules,
		BoundarySHA256: d.BoundarySHA256, Approvers: d.Approvers, Hold: d.Hold, NextLook: Time(d.NextLook),
	}
}

func proposalView(p Proposal) ProposalView {
	return ProposalView{
		ID: p.ID, Action: p.Action.Name, Target: p.Action.Target, Service: p.Action.Service,
		Params: dict(p.Action.Params), Risk: p.Action.Risk, Lasting: p.Action.Lasting, Why: p.Why, Cost: p.Cost,
		State: p.State, Runbook: p.Runbook, Option: p.Option, Title: p.Title, Pros: p.Pros, Cons: p.Cons, Check: p.Check,
		Recommended: p.Recommend, Delegation: p.Delegation, IsUndo: p.IsUndo, Executable: p.Executable, Commands: list(p.Commands), PlanSHA256: p.PlanSHA,
		Approvers: p.Approvers, ApprovedBy: list(p.ApprovedBy),
		StillNeeded: p.StillNeeded(), MayApprove: list(p.MayApprove), Everyone: p.MayApprove == nil, FourEyes: p.FourEyes, Requesters: list(p.Requesters),
		Changes: list(p.Changes), Facts: dict(p.Facts), Generation: p.Generation, BoundarySHA: p.BoundarySHA, At: Time(p.At), ExpiresAt: Time(p.ExpiresAt),
	}
}

func actionView(in action.Intent) ActionView {
	v := ActionView{
		ID: in.ID, Action: in.Action.Name, Target: in.Action.Target, Params: dict(in.Action.Params), State: in.State,
		Proposal: in.ProposalID, By: in.By, IntendedAt: Time(in.IntendedAt), StartedAt: Time(in.StartedAt), FinishedAt: Time(in.FinishedAt), Outcome: in.Outcome,
		Runbook: in.Runbook, IsUndo: in.IsUndo,
	}
	if in.ApprovedBy != "" {
		v.ApprovedBy = &in.ApprovedBy
	}
	return v
}

func eventView(e Event) EventView {
	data := e.Data
	if data == nil {
		data = map[string]any{}
	}
	return EventView{At: Time(e.At), Kind: e.Kind, Actor: e.Actor, Text: e.Text, Data: data}
}

func timeView(t *time.Time) Time {
	if t == nil {
		return Time{}
	}
	return Time(*t)
}

// list returns a copy that is not nil.
func list[T any](in []T) []T { return append(make([]T, 0, len(in)), in...) }

func dict[T any](in map[string]T) map[string]T {
	if in == nil {
		return map[string]T{}
	}
	return in
}

func each[A, B any](in []A, f func(A) B) []B {
	out := make([]B, 0, len(in))
	for _, a := range in {
		out = append(out, f(a))
	}
	return out
}
