package document

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/change"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/outside"
)

func (w *writer) rootCause() {
	w.heading(2, "Root Cause Analysis")
	w.heading(3, "What Happened")
	w.happened()
	w.heading(3, "The Problematic Code")
	w.codeAtFault()
	w.heading(3, "AI Code Analysis")
	w.aiAnalysis()
	w.heading(3, "Why This Happened")
	w.whyHappened()
	w.heading(3, "Contributing Factors")
	w.factors()
}

func (w *writer) happened() {
	top, ok := w.top()
	if !ok {
		w.printf("%s\n", ask("what happened? The evidence in the appendix did not lead to a cause."))
		return
	}
	if at := w.Incident.OnsetAt; at != nil {
		w.printf("At %s the first measurement left its usual range. ", moment(*at))
	}
	w.printf("%s.\n\n", mechanism(top))
	w.printf("Cause class: %s, in %s. Probability: %s", say(class(top.CauseClass)), cmp.Or(code(top.Component), "an unknown component"), likely(top.Probability))
	if ev, ok := w.confirmed(); ok {
		w.printf("; confirmed by %s at %s UTC", actor(ev.Actor), clock(ev.At))
	}
	w.printf(".\n")
	w.claims("Evidence for it:", top.EvidenceFor)
	w.claims("Evidence against it:", top.EvidenceAgainst)
	w.rivals()
}

func (w *writer) claims(title string, ids []string) {
	if len(ids) == 0 {
		return
	}
	w.printf("\n%s\n\n", title)
	for _, id := range ids {
		it, ok := w.Record.item(id)
		if !ok {
			w.item("%s (not in the record)", code(id))
			continue
		}
		w.item("%s (%s, %s)", cmp.Or(say(it.Summary), "no summary"), say(it.Source), code(it.ID))
	}
}

func (w *writer) rivals() {
	var lines []string
	for i, h := range w.Incident.Hypotheses {
		if i > 0 && h.Probability >= 0.005 {
			text := mechanism(h)
			if h.CauseClass == "unknown" {
				text = "something else"
			}
			lines = append(lines, fmt.Sprintf("%s: %s", text, likely(h.Probability)))
		}
	}
	if len(lines) == 0 {
		return
	}
	w.printf("\nOther causes considered:\n\n")
	for _, l := range lines {
		w.item("%s", l)
	}
}

func (w *writer) codeAtFault() {
	if len(w.Incident.Trace) == 0 {
		w.printf("%s\n", ask("which code is at fault? No stack trace or change led to a location."))
		return
	}
	chain := make([]string, 0, len(w.Incident.Trace))
	t := newTable("Step", "Artefact", "Title", "Where", "Link")
	for _, s := range w.Incident.Trace {
		chain = append(chain, stepName(s))
		link := "found in the record"
		if s.Inferred {
			link = "inferred"
		}
		t.row(say(s.Kind), stepName(s), say(s.Title), place(s), link)
	}
	w.printf("%s\n\n", strings.Join(chain, " → "))
	w.b.WriteString(t.String())
	w.stack()
	w.printf("\n**Before (working) and after (broken):** %s\n", ask("which lines changed, and how should they read?"))
}

func stepName(s incident.TraceStep) string {
	if s.Kind == "code" {
		return cmp.Or(place(s), code(s.ID))
	}
	return cmp.Or(code(s.ID), place(s))
}

func place(s incident.TraceStep) string {
	if s.Path == "" {
		return ""
	}
	if s.Line > 0 {
		return code(fmt.Sprintf("%s:%d", s.Path, s.Line))
	}
	return code(s.Path)
}

// stack shows the first stack trace of the logs.
func (w *writer) stack() {
	for _, it := range w.Evidence {
		if it.Kind != evidence.KindLogs {
			continue
		}
		logs, err := evidence.Decode[evidence.Logs](it)
		if err != nil || len(logs.Stacks) == 0 {
			continue
		}
		w.printf("\nFrom the logs of %s:\n\n", cmp.Or(say(it.Service), "the service"))
		for _, f := range logs.Stacks[0][:min(len(logs.Stacks[0]), 12)] {
			w.printf("    %s:%d in %s\n", outside.Line(f.File, 200), f.Line, outside.Line(f.Function, 200))
		}
		return
	}
}

// aiQuestions are the rows of the table, in order; aiAnswers fills them.
var aiQuestions = []string{
	"Was AI-generated code involved?",
	"Which component?",
	"What was the AI prompt?",
	"Did the prompt specify constraints?",
	"Was the code reviewed?",
	"Did tests catch this?",
	"Was there an MRP (merge-readiness pack)?",
	"Was the issue due to AI code specifically?",
}

func (w *writer) aiAnalysis() {
	t := newTable("Question", "Answer")
	answers := w.aiAnswers()
	questions := []string{
		"was the code at fault AI-generated? No change on record says so, either way.",
		"which component?",
		"what was the prompt?",
		"did it name constraints such as limits, timeouts and compatibility?",
		"who reviewed it?",
		"which test should have caught it?",
		"was there one, and what did it show?",
		"would code written by a person have had the same gap?",
	}
	for i, q := range aiQuestions {
		t.row(q, cmp.Or(answers[i], ask(questions[i])))
	}
	w.b.WriteString(t.String())
}

// aiAnswers holds what the record says to aiQuestions; "" where it says nothing.
func (w *writer) aiAnswers() []string {
	out := make([]string, len(aiQuestions))
	c, known := w.origin()
	if known && *c.AIGenerated {
		out[0] = "Yes: " + changed(c)
	} else if known {
		out[0] = "No: " + changed(c) + " is recorded as written by people"
		for i := 2; i < len(out); i++ {
			out[i] = "not applicable"
		}
		out[4], out[5] = "", ""
	}
	if s, ok := w.step("code"); ok {
		out[1] = stepName(s)
	} else if top, ok := w.top(); ok {
		out[1] = code(top.Component)
	}
	return out
}

// origin is the latest change to the component at fault of which the record
// says whether it was AI-generated.
func (w *writer) origin() (change.Change, bool) {
	for _, c := range w.suspects() {
		if c.AIGenerated != nil {
			return c, true
		}
	}
	return change.Change{}, false
}

func (w *writer) whyHappened() {
	n := 0
	point := func(name, text string) {
		n++
		w.printf("%d. **%s:** %s\n", n, name, text)
	}
	if top, ok := w.top(); ok {
		point("Mechanism", mechanism(top)+".")
	}
	for _, s := range w.suspects() {
		point("Change", fmt.Sprintf("%s, %s before the onset.", changed(s), between(s.At, w.start())))
	}
	for _, s := range w.gaps() {
		point("Design gap", fmt.Sprintf("%s does not specify %s.", stepName(s), missing(s)))
	}
	point("Five whys", ask("why was this possible, and why was that possible?"))
}

func missing(s incident.TraceStep) string {
	parts := make([]string, 0, len(s.Missing))
	for _, m := range s.Missing {
		parts = append(parts, say(m))
	}
	if len(parts) > 1 {
		return strings.Join(parts[:len(parts)-1], ", ") + " and " + parts[len(parts)-1]
	}
	return strings.Join(parts, "")
}

// Alerts later than this after the onset are a monitoring gap.
const lateAlert = 10 * time.Minute

func (w *writer) factors() {
	factor := func(name, answer string) {
		w.printf("- [%s] %s - %s\n", box(strings.HasPrefix(answer, "**YES**")), name, answer)
	}
	factor("Inadequate testing", ask("which test was missing?"))
	factor("Missing requirements", w.requirementsGap())
	factor("Code review gap", ask("what could a reviewer have seen?"))
	factor("AI prompt issue", cmp.Or(w.aiAnswers()[3], ask("did the prompt leave something out?")))
	factor("Monitoring gap", w.monitoringGap())
	factor("Deployment issue", w.deploymentIssue())
}

func (w *writer) requirementsGap() string {
	var parts []string
	for _, s := range w.gaps() {
		parts = append(parts, stepName(s)+" does not specify "+missing(s))
	}
	if len(parts) == 0 {
		return ask("did a requirement or a decision leave this open?")
	}
	return "**YES** (" + strings.Join(parts, "; ") + ")"
}

func (w *writer) monitoringGap() string {
	sig, ok := w.firstSignal()
	if !ok || w.Incident.OnsetAt == nil {
		return ask("did an alert come too late, or not at all?")
	}
	lag := sig.ReceivedAt.Sub(*w.Incident.OnsetAt)
	if lag > lateAlert {
		return fmt.Sprintf("**YES** (%s fired %s after the onset)", code(sig.Name), between(*w.Incident.OnsetAt, sig.ReceivedAt))
	}
	return fmt.Sprintf("**NO** (%s fired %s after the onset)", code(sig.Name), between(*w.Incident.OnsetAt, sig.ReceivedAt))
}

func (w *writer) deploymentIssue() string {
	i := slices.IndexFunc(w.suspects(), func(c change.Change) bool { return c.Kind == change.Deploy || c.Kind == change.Rollout })
	if i < 0 {
		return ask("did a deployment go wrong? The record holds none of the component at fault before the onset.")
	}
	c := w.suspects()[i]
	return fmt.Sprintf("%s was %s before the onset. %s", changed(c), between(c.At, w.start()), ask("did the deployment itself work as it should?"))
}
