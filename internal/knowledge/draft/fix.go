package draft

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/incident"
)

// titleOf is the title of a draft.
func (w *writer) titleOf(k Kind) string {
	switch k {
	case PostMortem:
		return cmp.Or(w.rec.Incident.Title, w.title())
	case Playbook:
		return w.cause.title
	}
	return w.title()
}

// fix is the Fix-It Bolt.
func (w *writer) fix() []part {
	out := []part{
		{heading: "Root Cause", match: rx(`root cause|^cause|problem|why`), body: w.rootCause()},
		{heading: "Fix", match: rx(`^(the )?(fix|solution|change|what changes|goal|implementation|approach)`), body: w.fixBody()},
		{heading: "Acceptance Criteria", match: rx(`accept|criteria|definition of done`), body: w.acceptance()},
		{heading: "Regression Test", match: rx(`regression|\btest|verification|verified`), body: w.regression()},
		{heading: "Estimated Risk", match: rx(`risk`), body: w.riskBody()},
		{heading: "Rollback Plan", match: rx(`roll[ -]?back|undo|back[ -]?out|way back|revert`), body: w.rollback()},
	}
	if p := w.failing.Path; p != "" { // the chain finds work items by the files that they list
		out = append(out, part{heading: "Files", match: rx(`^(files|code|affected code|touches)`), body: "- " + w.code(p) + "\n", extra: true})
	}
	return out
}

// rootCause says what the record knows of the cause.
func (w *writer) rootCause() string {
	var b strings.Builder
	switch ev, ok := w.confirmed(); {
	case ok:
		fmt.Fprintf(&b, "%s Confirmed by %s.\n", sentence(w.say(ev.Text)), w.say(ev.Actor))
	case !w.known:
		return ask("what was the root cause? The record names none.") + "\n"
	default:
		fmt.Fprintf(&b, "%s\n", sentence(w.mechanism()))
		fmt.Fprintf(&b, "Holdfast finds this %s (%s); %s\n", decide.Likelihood(w.top.Probability), decide.Probability(w.top.Probability), ask("is it confirmed?"))
	}
	var facts []string
	facts = append(facts, fmt.Sprintf("Cause class: %s, in %s", w.code(string(w.top.CauseClass)), cmp.Or(w.code(w.component()), "an unknown component")))
	for _, s := range w.evidence() {
		facts = append(facts, "Measured: "+s)
	}
	if w.failing.Path != "" {
		facts = append(facts, "Code: "+w.where(w.failing))
	}
	if c := w.commit; c.ID != "" {
		text := "Commit: " + w.code(c.ID)
		if c.Title != "" {
			text += ", " + w.say(c.Title)
		}
		facts = append(facts, text+guessed(c))
	}
	if c, ok := w.suspect(); ok {
		facts = append(facts, fmt.Sprintf("Last change before it: %s %s at %s", w.say(string(c.Kind)), w.code(cmp.Or(c.Version, c.Revision)), moment(c.At)))
	}
	if w.gap && w.adr.ID != "" {
		facts = append(facts, fmt.Sprintf("%s says nothing about: %s", w.adr.ID, strings.Join(w.missing, ", ")))
	}
	return b.String() + "\n" + list(facts)
}

// evidence lists what was measured for the cause, beside its mechanism.
func (w *writer) evidence() []string {
	var out []string
	for _, s := range w.statements() {
		if s != w.top.Mechanism && len(out) < 5 {
			out = append(out, w.say(strings.TrimRight(s, ".")))
		}
	}
	return out
}

func (w *writer) mechanism() string {
	if m := w.say(strings.TrimRight(w.top.Mechanism, ". ")); m != "" {
		return m
	}
	return w.say(w.title())
}

func (w *writer) where(s incident.TraceStep) string {
	at := s.Path
	if s.Line > 0 {
		at = fmt.Sprintf("%s:%d", s.Path, s.Line)
	}
	return w.code(at) + guessed(s)
}

func guessed(s incident.TraceStep) string {
	if s.Inferred {
		return " (inferred)"
	}
	return ""
}

func (w *writer) fixBody() string {
	var steps []string
	for _, a := range w.advices() {
		step := sentence(a.fix)
		if m := w.measured(a); len(m) > 0 {
			step += " In the incident: " + sentence(w.say(strings.TrimRight(m[0], ".")))
		}
		steps = append(steps, step+" "+ask(a.value))
	}
	if len(steps) == 0 {
		steps = append(steps, ask("what removes the cause? Nothing is proposed for this class of causes."))
	}
	var b strings.Builder
	b.WriteString("Proposed from the class of the cause; who builds it decides.\n\n")
	for i, s := range steps {
		fmt.Fprintf(&b, "%d. %s\n", i+1, s)
	}
	for _, in := range w.did() {
		fmt.Fprintf(&b, "\nUntil then: %s\n", w.relief(in))
	}
	return b.String()
}

// relief is one action and whether it helped.
func (w *writer) relief(in action.Intent) string {
	what := fmt.Sprintf("%s of %s at %s", w.code(in.Action.Name), w.code(cmp.Or(in.Action.Target.Name, in.Action.Service)), moment(in.StartedAt))
	switch in.State {
	case action.Done:
		if w.rec.Incident.ResolvedAt != nil || w.rec.Incident.MitigatedAt != nil {
			return what + " relieved it; it does not remove the cause."
		}
		return what + " was done; " + ask("did it help?")
	case action.Failed:
		return what + " failed."
	}
	return what + ": outcome unknown. " + ask("did it run?")
}

func (w *writer) acceptance() string {
	var items []string
	for _, a := range w.advices() {
		items = append(items, a.accept)
	}
	items = append(items, "The regression test fails without the fix and passes with it")
	if w.adr.ID != "" {
		if _, planned := w.plans[Amendment]; planned {
			items = append(items, "What is built agrees with "+w.adr.ID+", as amended after "+w.rec.Incident.ID)
		}
	}
	for _, v := range w.worse() {
		if len(items) < 9 {
			items = append(items, fmt.Sprintf("Under the load of the incident, the value of %s stays near its usual %s (%s in the incident)", w.say(v.what), w.say(v.usual), w.say(v.value)))
		}
	}
	return boxes(items)
}

func (w *writer) regression() string {
	if w.cause.test == "" {
		return ask("which test would have failed before the incident?") + "\n"
	}
	at := ""
	if p := w.failing.Path; p != "" {
		at = " Place: beside " + w.code(p) + "."
	}
	text := "Idea: " + w.cause.test + at
	if c := w.commit; c.ID != "" {
		text += " It has to fail on the code of " + w.code(c.ID)
		if c.Title != "" {
			text += " (" + w.say(c.Title) + ")"
		}
		text += "."
	}
	if v := w.worse(); len(v) > 0 {
		last := v[len(v)-1]
		text += fmt.Sprintf(" What it looks at: the value of %s, usually %s, %s in the incident.", w.say(last.what), w.say(last.usual), w.say(last.value))
	}
	return text + "\n\n" + ask("at which level does it run (unit, integration, load), and with which numbers?") + "\n"
}

func (w *writer) riskBody() string {
	if !w.known {
		return ask("which risk, and why? It depends on the cause, which is not known.") + "\n"
	}
	level := map[action.Risk]string{action.Low: "Low", action.Medium: "Medium", action.High: "High"}[w.cause.risk]
	text := fmt.Sprintf("**%s**: %s.", level, w.cause.because)
	if w.prd.ID != "" {
		text += " It touches what serves " + w.prd.ID
		if w.story != "" {
			text += ", Story " + w.story
		}
		text += "."
	}
	return text + " Estimated from the class of the cause; " + ask("does the change itself agree?") + "\n"
}

func (w *writer) rollback() string {
	of := cmp.Or(w.code(w.component()), ask("which component?"))
	back := fmt.Sprintf("Roll back the change of this Fix-It: deploy the release of %s that ran before it.", of)
	if w.bolt.ID != "" {
		back += " It then behaves as " + w.bolt.ID + " describes."
	}
	if c, ok := w.suspect(); ok && c.Version != "" {
		back += " The cause is then back too: " + w.code(c.Version) + " ran in the incident"
		if c.Previous != "" {
			back += ", " + w.code(c.Previous) + " before it"
		}
		back += "."
	} else if w.known {
		back += " The cause is then back too."
	}
	steps := []string{
		back,
		"Watch the measurements above until they are back at their usual values.",
	}
	for _, in := range w.did() {
		if in.State == action.Done {
			steps = append(steps, fmt.Sprintf("If the incident comes back: %s of %s, as on %s.", w.code(in.Action.Name), w.code(cmp.Or(in.Action.Target.Name, in.Action.Service)), day(in.StartedAt)))
			break
		}
	}
	var b strings.Builder
	for i, s := range steps {
		fmt.Fprintf(&b, "%d. %s\n", i+1, s)
	}
	b.WriteString("\nStored data and its schema stay as they are. " + ask("how long does it take, and what does it leave behind?") + "\n")
	return b.String()
}
