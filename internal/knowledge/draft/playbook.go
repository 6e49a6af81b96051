package draft

import (
	"fmt"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/decide"
)

// playbook is the entry for those who build the next thing like it.
func (w *writer) playbook() []part {
	return []part{
		{heading: "Problem", match: rx(`problem|symptom|^what`), body: w.or(w.cause.problem, "which problem does this entry solve?")},
		{heading: "Context", match: rx(`context|when|applies`), body: w.playContext()},
		{heading: "Solution", match: rx(`solution|^how|approach|steps|pattern`), body: w.solution()},
		{heading: "Trade-offs", match: rx(`trade|consequence|drawback|cost`), body: w.tradeoffs()},
		{heading: "Checklist", match: rx(`check`), body: w.checklist()},
		{heading: "Example", match: rx(`example|seen|reference|known use`), body: w.example()},
	}
}

func (w *writer) or(text, question string) string {
	if text == "" {
		return ask(question) + "\n"
	}
	return text + "\n"
}

func (w *writer) playContext() string {
	return w.or(w.cause.when, "when does it apply?") + "\n" + ask("where else here does this hold?") + "\n"
}

func (w *writer) solution() string {
	var b strings.Builder
	for i, a := range w.advices() {
		fmt.Fprintf(&b, "%d. **%s**: %s.\n", i+1, strings.ToUpper(a.topic[:1])+a.topic[1:], lower(a.fix))
	}
	return w.or(strings.TrimSuffix(b.String(), "\n"), "what solves it?")
}

func (w *writer) tradeoffs() string {
	var out []string
	for _, a := range w.advices() {
		out = append(out, a.trade)
	}
	return w.or(strings.TrimSuffix(list(out), "\n"), "what does the solution cost?")
}

func (w *writer) checklist() string {
	var out []string
	for _, a := range w.advices() {
		out = append(out, a.accept)
	}
	if len(out) == 0 {
		return ask("what should be checked before the next release?") + "\n"
	}
	return boxes(out)
}

func (w *writer) example() string {
	text := fmt.Sprintf("%s: ", w.rec.Incident.ID)
	if w.known {
		text += sentence(w.mechanism()) + " The cause is " + w.likely() + "."
	} else {
		text += ask("what happened?")
	}
	if w.adr.ID != "" {
		text += "\n\nThe decision behind it: " + w.adr.ID
		if _, ok := w.plans[Amendment]; ok {
			text += " (as amended after " + w.rec.Incident.ID + ")"
		}
		text += "."
	}
	if f, ok := w.plans[FixBolt]; ok {
		text += " The fix: " + f.id + "."
	}
	return text + "\n"
}

// likely says how sure the cause is.
func (w *writer) likely() string {
	if _, ok := w.confirmed(); ok {
		return "confirmed by a person"
	}
	return fmt.Sprintf("%s, %s, not confirmed", decide.Likelihood(w.top.Probability), decide.Probability(w.top.Probability))
}
