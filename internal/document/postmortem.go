package document

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/incident"
)

// DefaultChartPath is where a post-mortem looks for its chart.
const DefaultChartPath = "metrics.svg"

// Postmortem writes postmortem.md and the chart beside it; svg is nil when the
// record holds no series. It fails when the record names no incident.
func Postmortem(r Record) (md string, svg []byte, err error) {
	if r.Incident.ID == "" || r.Incident.StartedAt.IsZero() {
		return "", nil, fmt.Errorf("post-mortem of incident %q: the record has no identifier or start", r.Incident.ID)
	}
	w := &writer{Record: r}
	all := r.measured()
	svg = draw("Metrics during "+r.Incident.ID, all, r.marks())
	w.head()
	w.summary()
	w.impact()
	w.timeline()
	w.rootCause()
	w.detection()
	w.actionItems()
	w.lessons()
	w.appendix(all)
	w.signOff()
	w.process()
	return w.b.String(), svg, nil
}

// writer collects the document.
type writer struct {
	Record
	b strings.Builder
}

func (w *writer) printf(format string, args ...any) { fmt.Fprintf(&w.b, format, args...) }

func (w *writer) heading(level int, text string) {
	if !strings.HasSuffix(w.b.String(), "\n\n") {
		w.b.WriteByte('\n')
	}
	w.printf("%s %s\n\n", strings.Repeat("#", level), text)
}

func (w *writer) item(format string, args ...any) { w.printf("- "+format+"\n", args...) }

// field is a list item with a bold name.
func (w *writer) field(name, value string) { w.item("**%s:** %s", name, value) }

func (w *writer) head() {
	inc := w.Incident
	w.printf("<!-- Written from the record of %s at %s. What the record does not say is marked \"%s\". -->\n", say(inc.ID), moment(w.Now), Mark)
	w.printf("\n# Incident Post-Mortem: %s\n", title(inc))
}

func (w *writer) summary() {
	inc := w.Incident
	w.heading(2, "Executive Summary")
	t := newTable("Field", "Value")
	t.row("**Incident ID**", say(inc.ID))
	t.row("**Date**", inc.StartedAt.UTC().Format("2006-01-02"))
	t.row("**Severity**", severityText(inc))
	t.row("**Duration**", w.duration())
	t.row("**Impact**", w.impactText())
	t.row("**Detection**", w.detectedBy())
	t.row("**Root Cause**", w.causeText())
	t.row("**State**", say(string(inc.State)))
	w.b.WriteString(t.String())
	w.printf("\n**One-line summary:** %s\n", w.oneLine())
}

func severityText(inc incident.Incident) string {
	reasons := make([]string, 0, len(inc.SeverityReasons))
	for _, s := range inc.SeverityReasons {
		reasons = append(reasons, say(s))
	}
	if len(reasons) == 0 {
		return inc.Severity.String()
	}
	return inc.Severity.String() + ": " + strings.Join(reasons, "; ")
}

func (w *writer) duration() string {
	end := w.Incident.ResolvedAt
	if end == nil {
		return fmt.Sprintf("%s so far, since %s; not resolved", between(w.start(), w.Now), moment(w.start()))
	}
	return fmt.Sprintf("%s (%s – %s)", between(w.start(), *end), moment(w.start()), clock(*end)+" UTC")
}

func (w *writer) detectedBy() string {
	sig, ok := w.firstSignal()
	if !ok {
		if w.has(incident.EventDeclared) {
			return "declared by a person"
		}
		return ask("how was this detected?")
	}
	text := fmt.Sprintf("%s %s from %s", say(string(sig.Kind)), code(sig.Name), code(sig.Source))
	if at := w.Incident.OnsetAt; at != nil && at.Before(sig.ReceivedAt) {
		text += fmt.Sprintf(", %s after the onset", between(*at, sig.ReceivedAt))
	}
	return text
}

func (w *writer) causeText() string {
	if ev, ok := w.confirmed(); ok {
		return sentence(eventText(ev)) + " Confirmed by " + actor(ev.Actor) + "."
	}
	top, ok := w.top()
	if !ok {
		return ask("what was the root cause? The record names none.")
	}
	return fmt.Sprintf("%s; %s, not confirmed by a person", mechanism(top), likely(top.Probability))
}

func (w *writer) oneLine() string {
	impact := sentence(cmp.Or(say(w.Incident.Impact.Summary), title(w.Incident)))
	top, ok := w.top()
	if !ok {
		return impact + " The cause is not known."
	}
	text := fmt.Sprintf("%s Cause, %s: %s.", impact, likely(top.Probability), mechanism(top))
	if done := w.done(); len(done) > 0 {
		text += " What helped: " + sentence(describe(done[len(done)-1].Action))
	}
	return text
}

func (w *writer) timeline() {
	w.heading(2, "Timeline")
	t := newTable("Time (UTC)", "Event", "Actor")
	for _, e := range w.entries() {
		t.row(clockOf(e.at, w.start()), e.text, e.actor)
	}
	w.b.WriteString(t.String())
}

func (w *writer) signOff() {
	w.heading(2, "Sign-off")
	t := newTable("Role", "Name", "Date")
	t.row("Incident Commander", cmp.Or(say(w.Incident.Commander), ask("who was the commander?")), ask("date?"))
	t.row("Author", "Holdfast, from the record; "+ask("who completed it?"), ask("date?"))
	t.row("Reviewer", ask("who reviewed it?"), ask("date?"))
	w.b.WriteString(t.String())
	w.printf("\n**Post-mortem meeting:** %s\n\n", ask("when, within 48 hours?"))
	w.printf("**Action items review:** %s\n", ask("in which weekly meeting?"))
}

func (w *writer) process() {
	w.heading(2, "Post-Mortem Process")
	_, diagnosed := w.top()
	groups := []struct {
		title string
		items []check
	}{
		{"Within 24 Hours", []check{
			{true, "Create post-mortem document from template"},
			{len(w.Events) > 0, "Fill in timeline from incident channel and logs"},
			{w.confirmedCause(), "Identify root cause (5 whys analysis)" + proposed(diagnosed)},
			{!slices.Contains(w.aiAnswers(), ""), "Document AI code involvement if applicable"},
			{true, "Create initial action items"},
		}},
		{"Within 48 Hours", []check{
			{false, "Hold post-mortem meeting with relevant stakeholders"},
			{false, "Finalize action items with owners and due dates"},
			{false, "Share summary with broader team"},
		}},
		{"Within 1 Week", []check{
			{false, "Complete P0 action items"},
			{false, "Begin P1 action items"},
			{false, "Update documentation and the knowledge repository as needed"},
		}},
		{"Follow-up", []check{
			{false, "Review action item completion in weekly sync"},
			{false, "Close post-mortem when all P0 and P1 items are complete"},
			{false, "Add learnings to team knowledge base"},
		}},
	}
	for _, g := range groups {
		w.heading(3, g.title)
		for _, c := range g.items {
			w.printf("- [%s] %s\n", box(c.done), c.text)
		}
	}
}

type check struct {
	done bool
	text string
}

func box(done bool) string {
	if done {
		return "x"
	}
	return " "
}

func proposed(diagnosed bool) string {
	if diagnosed {
		return ": a cause is proposed above, a person confirms it"
	}
	return ""
}

func (w *writer) confirmedCause() bool {
	_, ok := w.confirmed()
	return ok
}
