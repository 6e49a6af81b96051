package draft

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/knowledge"
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

// playbookFor is the entry about the same class of causes, by its title.
func (w *writer) playbookFor() (knowledge.Artefact, bool) {
	for _, a := range w.samples(knowledge.Playbook) {
		if strings.Contains(slug(a.Title, "-"), slug(w.cause.title, "-")) {
			return a, true
		}
	}
	return knowledge.Artefact{}, false
}

// extendPlaybook adds the incident to the examples of an entry.
func (w *writer) extendPlaybook(p plan) error {
	a, _ := w.base.Artefact(p.id)
	own := headings(a)
	i := slices.IndexFunc(own, func(s knowledge.Section) bool {
		return s.Level > 1 && rx(`example|seen in|known use`).MatchString(s.Heading)
	})
	return w.change(Playbook, p, func(old []byte) ([]byte, error) {
		text := w.example() + "\n" + w.notice() + "\n"
		if i < 0 {
			return appended(old, "## Example\n\n"+text)
		}
		if before := endOf(own, i); before > 0 {
			return inserted(old, before, text)
		}
		return appended(old, text)
	})
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
