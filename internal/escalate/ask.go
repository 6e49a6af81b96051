package escalate

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/outside"
	"github.com/holdfast-sre/holdfast/internal/severity"
)

// Asking is a task that waits for people to approve it.
type Asking struct {
	Now      time.Time
	Incident incident.Incident
	Proposal incident.Proposal
	By       string   // who gave the task
	Task     string   // in that person's words
	Affects  []string // services that depend on the target
	Last     bool     // said before: it is about to run out
	Watch    time.Duration
	URL      string // of the incident page
	Boundary string // what the boundary file answers
	Undo     string // what takes it back; empty = nothing does
}

// planDigits is how much of a plan's hash a command names.
const planDigits = 12

// Ask writes the message to those who may approve a task: what, why, what it
// would change, until when, and how to say yes or no.
func Ask(a Asking, key string) Message {
	p := a.Proposal
	until := p.ExpiresAt.UTC().Format("15:04")
	subject := fmt.Sprintf("%s: approve until %s UTC? %s of %s, asked by %s", a.Incident.ID, until, p.Action.Name, line(p.Action.Target.Name), line(a.By))
	if a.Last {
		subject = fmt.Sprintf("%s: approval runs out at %s UTC: %s of %s, asked by %s", a.Incident.ID, until, p.Action.Name, line(p.Action.Target.Name), line(a.By))
	}
	return Message{
		Key: key, IncidentID: a.Incident.ID, Severity: level(a.Incident.Severity), Urgency: string(urgency(a.Incident.Severity)),
		Subject: outside.Cut(subject, MaxSubject), Body: a.text(), URL: a.URL, At: a.Now,
	}
}

func (a Asking) text() string {
	p := a.Proposal
	var b strings.Builder
	b.WriteString("APPROVAL NEEDED\n\n")
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\n", name, line(value))
		}
	}
	field("Task", a.Task)
	field("Asked by", a.By)
	field("Incident", a.Incident.ID+", "+Summary(a.Incident))
	field("Runs", p.Action.Name)
	field("On", p.Action.Target.String())
	field("Generation", p.Generation)
	b.WriteString("\nChanges:\n")
	for i, c := range p.Changes {
		if i == maxItems {
			fmt.Fprintf(&b, "- and %d more: see the plan\n", len(p.Changes)-maxItems)
			break
		}
		fmt.Fprintf(&b, "- %s: now %s; after %s\n", line(c.What), line(c.Before), line(c.After))
	}
	if len(p.Changes) == 0 {
		b.WriteString("- not known\n")
	}
	b.WriteString("\n")
	field("Risk", or(string(p.Action.Risk))+", "+or(string(p.Action.Lasting)))
	field("Taken back by", cmp.Or(a.Undo, "nothing"))
	field("Affects", cmp.Or(strings.Join(a.Affects, ", "), "no service of the catalog depends on it"))
	field("Seen by", p.Check)
	if a.Watch > 0 {
		field("Then", "the signals are watched for "+a.Watch.String()+" and reported")
	}
	field("Boundary", a.Boundary)
	field("Approvals", Approvals(p))
	field("Until", p.ExpiresAt.UTC().Format("2006-01-02 15:04:05")+" UTC; then nothing is done")
	fmt.Fprintf(&b, "\nApprove: holdfast incident approve %s %s --plan %s\n", a.Incident.ID, p.ID, p.PlanSHA[:min(len(p.PlanSHA), planDigits)])
	fmt.Fprintf(&b, "Reject:  holdfast incident reject %s %s --reason \"...\"\n", a.Incident.ID, p.ID)
	if a.URL != "" {
		fmt.Fprintf(&b, "Or:      %s#do\n", a.URL)
	}
	return b.String()
}

// Approvals says in one line who approved a proposal, how many people are still
// needed, and whose approval counts.
func Approvals(p incident.Proposal) string {
	out := fmt.Sprintf("%d of %d given", len(p.ApprovedBy), max(p.Approvers, 1))
	if len(p.ApprovedBy) > 0 {
		out += " (" + strings.Join(p.ApprovedBy, ", ") + ")"
	}
	if p.MayApprove == nil {
		out += "; every approver may"
	} else {
		out += "; of " + cmp.Or(strings.Join(p.MayApprove, ", "), "nobody")
	}
	if p.FourEyes && len(p.Requesters) > 0 {
		out += "; not those who asked for it: " + strings.Join(p.Requesters, ", ")
	}
	return out
}

// Worsened is what became of the signals after an action that a person asked for.
type Worsened struct {
	Now      time.Time
	Incident incident.Incident
	Action   action.Action
	At       time.Time // when the action ended
	By       string    // who asked for it
	Task     string
	Text     string // what is worse, with figures
	URL      string
}

// Worse writes the message that signals got worse after an action.
func Worse(w Worsened, key string) Message {
	body := "WORSE SINCE AN ACTION\n\n"
	for _, part := range [][2]string{
		{"Task", w.Task},
		{"Asked by", w.By},
		{"Incident", w.Incident.ID + ", " + Summary(w.Incident)},
		{"Done", w.Action.Name + " on " + w.Action.Target.String() + " at " + w.At.UTC().Format("15:04:05") + " UTC"},
		{"Worse", w.Text},
		{"Next", "nothing is taken back without people: see the incident"},
		{"Incident page", w.URL},
	} {
		if part[1] != "" {
			body += part[0] + ": " + line(part[1]) + "\n"
		}
	}
	return Message{
		Key: key, IncidentID: w.Incident.ID, Severity: level(w.Incident.Severity), Urgency: string(urgency(w.Incident.Severity)),
		Subject: outside.Cut(w.Incident.ID+": worse since "+w.Action.Name+" of "+line(w.Action.Target.Name)+": "+line(w.Text), MaxSubject), Body: body, URL: w.URL, At: w.Now,
	}
}

// urgency of what people must look at within minutes.
func urgency(s severity.Severity) decide.Urgency {
	if s == severity.SEV3 || s == severity.SEV4 {
		return decide.NotifyUrgency
	}
	return decide.PageUrgency
}
