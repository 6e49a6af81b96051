package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/runbook"
)

// label prints a name and a text that continues below itself.
func (p *page) label(name, text string) { p.hang(fmt.Sprintf("%-10s ", name), text) }

// hang prints text behind lead, its further lines below its first: no word is
// lost on a narrow terminal.
func (p *page) hang(lead, text string) {
	indent := len([]rune(lead))
	lines := []string{plain(text)}
	if p.width > indent+minLast {
		lines = broken(lines[0], p.width-indent)
	}
	for _, l := range lines {
		p.line("%s", strings.TrimRight(lead+l, " "))
		lead = strings.Repeat(" ", indent)
	}
}

// broken breaks text into lines of at most n characters, between words where it
// can.
func broken(text string, n int) []string {
	var out []string
	line := ""
	for _, word := range strings.Fields(text) {
		for len([]rune(word)) > n { // an address, a query
			if line != "" {
				out, line = append(out, line), ""
			}
			r := []rune(word)
			out, word = append(out, string(r[:n])), string(r[n:])
		}
		switch {
		case line == "":
			line = word
		case len([]rune(line))+1+len([]rune(word)) <= n:
			line += " " + word
		default:
			out, line = append(out, line), word
		}
	}
	return append(out, line)
}

// runPlan prints what a run comes to: what was asked, what the conditions make of
// it, and then exactly what would be done.
func (p *page) runPlan(d *incident.DelegationPlan) {
	p.label("Task", d.Task)
	p.label("In", d.Incident+", asked by "+d.By)
	if d.Reading != nil {
		p.reading(d.Reading)
	}
	p.heading("Plan")
	if d.Action == "" {
		p.label("Does", "nothing: "+d.Why)
	} else {
		p.planned(d)
	}
	for _, n := range d.Notes {
		p.label("Note", n)
	}
	for _, c := range d.Commands {
		p.label("By hand", c)
	}
}

// planned prints the action of a plan.
func (p *page) planned(d *incident.DelegationPlan) {
	p.label("Does", d.Does)
	p.label("Action", d.Action+" on "+d.Target.String())
	for _, k := range slices.Sorted(maps.Keys(d.Params)) {
		p.label("  "+k, d.Params[k])
	}
	if d.Generation != "" {
		p.label("Generation", d.Generation)
	}
	p.label("From", "runbook "+d.Runbook+", remediation "+d.Option)
	p.label("Risk", string(d.Risk)+", "+string(d.Lasting))
	affected := strings.Join(d.Dependants, ", ")
	if affected == "" {
		affected = "no service of the catalog depends on " + d.Service
	}
	p.label("Affects", affected)
	p.label("Verified", cmp.Or(d.Check, "by the golden signals back in their usual range"))
	p.label("Undo", cmp.Or(d.Undo, "nothing takes it back"))
	if d.Reading != nil && len(d.Reading.PostActions) > 0 {
		var after []string
		for _, a := range d.Reading.PostActions {
			after = append(after, strings.ReplaceAll(string(a), "_", " "))
		}
		p.label("Afterwards", strings.Join(after, ", "))
	}
	p.label("Boundary", d.Boundary)
	p.label("Floor", d.Floor)
	p.label("Approvals", d.WhoMust())
	p.label("Plan SHA", d.PlanSHA256)
	if d.Why != "" {
		p.label("Refused", d.Why)
	}
}

// reading prints the answers of a runbook and what its conditions give.
func (p *page) reading(r *incident.Reading) {
	p.heading("Asked")
	for _, a := range r.Asked {
		text := a.Text
		if !a.Answered {
			text = "no answer: " + text
		}
		p.hang(fmt.Sprintf("%7d ms  ", a.TookMS), text)
	}
	p.conditions("Preconditions: all must hold", r.Judged.Preconditions)
	for _, f := range r.Judged.Findings {
		state := "not proved"
		if f.Proved {
			state = "proved"
		}
		p.heading(fmt.Sprintf("Finding: %s of %s, %s", f.CauseClass, plain(f.Component), state))
		for _, j := range f.Confirm {
			p.hang("  "+mark(j)+"    ", judgedText(j))
		}
	}
	p.heading("Remediations")
	for _, m := range r.Judged.Remediations {
		p.remediation(m, r.Judged.Chosen)
	}
	p.conditions("Needs a person when", r.Judged.Escalate)
}

func (p *page) conditions(title string, list []runbook.Judged) {
	for i, j := range list {
		if i == 0 {
			p.heading(title)
		}
		p.hang("  "+mark(j)+"    ", judgedText(j))
	}
}

// remediation prints one that was chosen or not, and why.
func (p *page) remediation(m runbook.JudgedRemediation, chosen string) {
	lead, by := "  not        ", "by a person"
	if m.Name == chosen {
		lead = "  chosen     "
	}
	if m.Action != "" {
		by = m.Action
	}
	text := fmt.Sprintf("%s: %s on %s", m.Name, by, m.Target)
	if m.Name != chosen {
		text += "; " + m.Why
	}
	p.hang(lead, text)
	p.hang("             ", strings.TrimSpace(mark(m.When))+" when "+judgedText(m.When))
}

// step prints one step of a run.
func (p *page) step(s runStep) {
	text := s.Text
	if s.By != "" && s.By != incident.ActorAgent && s.By != incident.ActorRule && !strings.HasPrefix(text, s.By+" ") {
		text = s.By + ": " + text
	}
	p.hang(fmt.Sprintf("%s  %-11s", clockTime(s.At), strings.ReplaceAll(s.Step, "_", " ")), text)
}

// runEnd prints how a run ended and what people can do now.
func (p *page) runEnd(r *runRecord) {
	text, name := r.Why, map[string]string{
		outcomeRepaired: "Repaired", outcomeResolved: "Done", outcomeNothing: "Nothing", outcomeUnsure: "Not decided", outcomeByHand: "By hand",
		outcomeWaiting: "Waits", outcomeFailed: "Failed",
	}[r.Outcome]
	switch r.Outcome {
	case outcomeRefused, outcomePlanned, outcomeLeft:
		return // said as an error
	case outcomeNothing:
		text = "is called for: " + text
	case outcomeWaiting:
		text = "for approval " + text
	}
	p.line("")
	p.label(name, text)
	for _, o := range r.Offered {
		what := o.Title
		if o.IsUndo {
			what = "undo: " + what
		}
		p.label("Offered", what)
		p.label("", "holdfast incident approve "+r.Incident+" "+o.ID)
	}
	p.label("More", "holdfast incident show "+r.Incident)
}
