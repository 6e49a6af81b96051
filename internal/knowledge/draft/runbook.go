package draft

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
)

// runbookFor is the runbook that covers the component: one that names the
// decision or the work item, or the component in its title.
func (w *writer) runbookFor() (knowledge.Artefact, bool) {
	for _, a := range slices.Backward(w.samples(knowledge.Runbook)) {
		if c := w.component(); c != "" && strings.Contains(slug(a.Title, "-"), slug(c, "-")) {
			return a, true
		}
		for _, l := range a.Links {
			if l.To != "" && (l.To == w.adr.ID || l.To == w.bolt.ID) {
				return a, true
			}
		}
	}
	return knowledge.Artefact{}, false
}

// runbook is a new one.
func (w *writer) runbook() []part {
	return []part{
		{heading: "Symptoms", match: rx(`symptom|alert|trigger|when|overview|summary`), body: list(w.symptoms())},
		{heading: "Triage Steps", match: rx(`triage|diagnos|investigat|steps|procedure|check`), body: numbered(w.triage())},
		{heading: "Relief", match: rx(`relief|mitigat|remed|resolution|fix|action`), body: list(w.reliefs())},
		{heading: "Verification", match: rx(`verif|recovered|confirm`), body: list(w.verify())},
		{heading: "Escalation", match: rx(`escalat|contact|page|on-?call`), body: w.escalation() + "\n"},
	}
}

func numbered(items []string) string {
	var b strings.Builder
	for i, it := range items {
		fmt.Fprintf(&b, "%d. %s\n", i+1, it)
	}
	return b.String()
}

func (w *writer) symptoms() []string {
	var out []string
	for _, s := range w.rec.Signals {
		if t := "Alert " + w.code(s.Name); s.Name != "" && !slices.Contains(out, t) && len(out) < 5 {
			out = append(out, t)
		}
	}
	if s := strings.TrimRight(w.rec.Incident.Impact.Summary, ". "); s != "" {
		out = append(out, w.say(s))
	}
	if len(out) == 0 {
		out = append(out, ask("what shows it?"))
	}
	return out
}

// triage asks what the evidence of the incident answered.
func (w *writer) triage() []string {
	var out []string
	for _, id := range w.top.EvidenceFor {
		for _, it := range w.rec.Evidence {
			if it.ID == id && it.Query != "" && len(out) < 5 {
				out = append(out, fmt.Sprintf("Ask %s: %s. In the incident: %s", w.code(it.Source), w.code(it.Query), sentence(w.say(it.Summary))))
			}
		}
	}
	for _, c := range w.top.CheckNext {
		switch {
		case len(out) == 8 || slices.ContainsFunc(out, func(s string) bool { return strings.Contains(s, w.code(c)) }):
		case strings.ContainsAny(c, "(){}=|"): // a query or a command
			out = append(out, "Check: "+w.code(c))
		default:
			out = append(out, "Check: "+sentence(w.say(c)))
		}
	}
	if w.known {
		out = append(out, "Is it this cause? "+sentence(w.mechanism()))
	}
	out = append(out, "What was deployed lately?")
	if len(w.rec.Evidence) == 0 {
		out = append(out, ask("which query answers this?"))
	}
	return out
}

func (w *writer) reliefs() []string {
	var out []string
	for _, in := range w.did() {
		out = append(out, w.relief(in))
	}
	if len(out) == 0 {
		out = append(out, ask("what relieves it? The record holds no action."))
	}
	return out
}

func (w *writer) verify() []string {
	var out []string
	for _, v := range w.rec.Incident.Impact.Values {
		out = append(out, "The value of "+w.say(v.Name)+" is back in its usual range")
	}
	return append(out, "The alerts are silent, and there is traffic")
}

func (w *writer) escalation() string {
	return fmt.Sprintf("The on-call of %s. %s", cmp.Or(w.say(w.owner()), w.say(w.component()), "the service"), ask("after how many minutes, and whom else?"))
}

// extendRunbook adds the issue to a runbook that exists.
func (w *writer) extendRunbook(p plan) error {
	a, _ := w.base.Artefact(p.id)
	own := headings(a)
	level, before := 2, 0
	if i := slices.IndexFunc(own, func(s knowledge.Section) bool { return rx(`common issues|issues|troubleshoot`).MatchString(s.Heading) }); i >= 0 {
		level, before = own[i].Level+1, endOf(own, i)
	} else if i := slices.IndexFunc(own, func(s knowledge.Section) bool { return rx(`^escalat|^contact`).MatchString(s.Heading) && s.Level == 2 }); i > 0 {
		before = own[i].Line
	}
	return w.change(Runbook, p, func(old []byte) ([]byte, error) {
		text := w.issue(level, strings.Contains(string(old), "**Issue**"))
		if before == 0 {
			return appended(old, text)
		}
		return inserted(old, before, text)
	})
}

// issue is one problem and what to do, as a block of labels or below a heading.
func (w *writer) issue(level int, labels bool) string {
	title := w.say(w.title())
	symptoms := strings.Join(w.symptoms(), "; ")
	var b strings.Builder
	if labels {
		fmt.Fprintf(&b, "**Issue**: %s (learnt from %s)\n", title, w.rec.Incident.ID)
	} else {
		fmt.Fprintf(&b, "%s %s\n\nLearnt from %s.\n\n", strings.Repeat("#", min(level, 6)), title, w.rec.Incident.ID)
	}
	fmt.Fprintf(&b, "**Symptoms**: %s\n", symptoms)
	fmt.Fprintf(&b, "\n**Triage Steps**:\n\n%s", numbered(w.triage()))
	fmt.Fprintf(&b, "\n**Relief**:\n\n%s", list(w.reliefs()))
	fmt.Fprintf(&b, "\n**Escalation**: %s\n\n%s\n", w.escalation(), w.notice())
	return b.String()
}
