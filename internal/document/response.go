package document

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/outside"
	"github.com/holdfast-sre/holdfast/internal/quantity"
)

func (w *writer) detection() {
	w.heading(2, "Detection and Response")
	w.clocks()
	w.heading(3, "What Worked Well")
	w.well()
	w.heading(3, "What Could Be Improved")
	w.better()
}

// clocks shows the operational clocks beside the goals of the organisation's
// method.
func (w *writer) clocks() {
	c := incident.ClocksOf(w.Events)
	t := newTable("Clock", "Measured", "Goal")
	for _, row := range []struct {
		name string
		c    incident.Clock
		goal string
	}{
		{"Time to triage", c.Triage, "5–10 min"},
		{"Time to first page", c.Page, "5 s for SEV-1/2"},
		{"Time to diagnosis", c.Diagnosis, "10 min"},
		{"Time to acknowledgement by a person", c.Acknowledge, ""},
		{"Time to mitigation", c.Mitigation, "15–30 min"},
		{"Time to root cause", c.RootCause, "30 min – 2 h"},
		{"Time to permanent fix", c.PermanentFix, "2–8 h"},
		{"Time to resolution", c.Resolution, "3–12 h"},
	} {
		measured := "not yet"
		if w.Incident.ResolvedAt != nil {
			measured = "not recorded"
		}
		if row.c.Known {
			measured = quantity.Duration(row.c.D)
		}
		t.row(row.name, measured, row.goal)
	}
	w.b.WriteString(t.String())
}

func (w *writer) well() {
	var facts []string
	if sig, ok := w.firstSignal(); ok && w.Incident.OnsetAt != nil && w.Incident.OnsetAt.Before(sig.ReceivedAt) && sig.ReceivedAt.Sub(*w.Incident.OnsetAt) <= lateAlert {
		facts = append(facts, fmt.Sprintf("**Detection:** %s came %s after the onset", code(sig.Name), between(*w.Incident.OnsetAt, sig.ReceivedAt)))
	}
	c := incident.ClocksOf(w.Events)
	if top, ok := w.top(); ok && c.Diagnosis.Known {
		facts = append(facts, fmt.Sprintf("**Diagnosis:** a cause, %s, was named %s after the incident opened", likely(top.Probability), quantity.Duration(c.Diagnosis.D)))
	}
	for _, in := range w.done() {
		text := fmt.Sprintf("**Repair:** %s was done at %s UTC by %s", describe(in.Action), clock(in.StartedAt), actor(in.By))
		if in.ApprovedBy != "" {
			text += ", approved by " + say(in.ApprovedBy)
		}
		facts = append(facts, text)
	}
	if w.Incident.ResolvedAt != nil {
		for _, ev := range slices.Backward(w.Events) {
			if ev.Kind == incident.EventRecovery { // the last one; those before say what was still wrong
				facts = append(facts, "**Recovery:** "+eventText(ev))
				break
			}
		}
	}
	w.numbered(append(facts, ask("what else worked well?")))
}

func (w *writer) better() {
	var facts []string
	for _, it := range w.silent() {
		facts = append(facts, fmt.Sprintf("**Evidence:** %s did not answer (%s)", say(it.Source), cmp.Or(say(it.Error), "no reason given")))
	}
	for _, in := range w.Intents {
		if in.State == action.Failed || in.State == action.Unknown {
			facts = append(facts, fmt.Sprintf("**Repair:** %s ended as %s: %s", describe(in.Action), in.State, cmp.Or(say(in.Outcome), "no outcome recorded")))
		}
	}
	for _, s := range w.gaps() {
		facts = append(facts, fmt.Sprintf("**Design:** %s said nothing about %s", stepName(s), missing(s)))
	}
	if _, ok := w.top(); !ok {
		facts = append(facts, "**Diagnosis:** the evidence led to no cause")
	}
	if len(w.Incident.Services) == 0 {
		facts = append(facts, "**Catalog:** the signals map to no service")
	}
	w.numbered(append(facts, ask("what could have caught this before production?")))
}

func (w *writer) numbered(lines []string) {
	for i, l := range lines {
		w.printf("%d. %s\n", i+1, l)
	}
}

// todo is one action item.
type todo struct{ text, owner, priority string }

func (w *writer) actionItems() {
	w.heading(2, "Action Items")
	w.printf("Proposed from the record; a person sets dates and takes or drops each.\n\n")
	t := newTable("ID", "Action", "Owner", "Priority", "Due Date", "Status")
	for i, it := range w.todos() {
		t.row(fmt.Sprintf("%d", i+1), it.text, it.owner, it.priority, ask("by when?"), "Proposed")
	}
	w.b.WriteString(t.String())
}

func (w *writer) todos() []todo {
	var out []todo
	add := func(priority, owner, format string, args ...any) {
		out = append(out, todo{fmt.Sprintf(format, args...), owner, priority})
	}
	fix := "P2"
	if w.major() {
		fix = "P1"
	}
	if top, ok := w.top(); ok {
		owner := w.owner(top.Component)
		if len(w.done()) > 0 {
			add(fix, owner, "Remove the cause: what was done only relieves it. Cause: %s", mechanism(top))
		} else {
			add(fix, owner, "Remove the cause: %s", mechanism(top))
		}
		add("P2", owner, "Add a test that fails when this happens: %s", say(class(top.CauseClass)))
		add("P2", owner, "Check the other services for %s", say(class(top.CauseClass)))
	} else {
		add(fix, ask("who?"), "Find the root cause")
	}
	for _, s := range w.gaps() {
		add(fix, w.gapOwner(), "Amend %s with %s", stepName(s), missing(s))
	}
	if strings.HasPrefix(w.monitoringGap(), "**YES**") {
		add(fix, w.gapOwner(), "Alert earlier on this condition")
	}
	for _, it := range w.silent() {
		add("P2", ask("who runs "+outside.Line(it.Source, 60)+"?"), "Find out why %s did not answer", say(it.Source))
	}
	add("P2", w.gapOwner(), "Add what was learnt to the knowledge repository and to the runbook")
	return out
}

// gapOwner is who owns the component at fault.
func (w *writer) gapOwner() string {
	if top, ok := w.top(); ok {
		return w.owner(top.Component)
	}
	return ask("who?")
}

func (w *writer) lessons() {
	w.heading(2, "Lessons Learned")
	w.heading(3, "For AI-Assisted Development")
	var ai []string
	for _, s := range w.gaps() {
		ai = append(ai, fmt.Sprintf("**What is not written is not built:** %s did not specify %s", stepName(s), missing(s)))
	}
	w.numbered(append(ai, ask("what should the next prompt or review of generated code contain?")))
	w.heading(3, "For the Team")
	w.numbered([]string{ask("what did everyone know that was written nowhere?"), ask("what would have halved the duration?")})
	w.heading(3, "Process Changes")
	w.item("%s", ask("which rule, checklist or template changes?"))
}
