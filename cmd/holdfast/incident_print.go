package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/api"
	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/incident"
)

// list prints one line an incident.
func (p *page) list(list []api.Summary, now time.Time) {
	if len(list) == 0 {
		p.line("no incidents")
		return
	}
	rows := [][]string{{"INCIDENT", "SEVERITY", "STATE", "AGE", "SERVICE", "CAUSE", "TITLE"}}
	for _, s := range list {
		cause := "unknown"
		if s.Cause != nil {
			cause = fmt.Sprintf("%s %s", share(s.Cause.Probability), s.Cause.Class)
		}
		rows = append(rows, []string{
			s.ID, s.Severity, s.State, age(now.Sub(time.Time(s.StartedAt))), strings.Join(s.Services, ","), cause, s.Title,
		})
	}
	p.table(rows)
}

// incident prints what UI.md's room shows, in its order.
func (p *page) incident(v *incident.View, now time.Time) {
	started := time.Time(v.StartedAt)
	head := []string{p.severity(v.Severity.String()), string(v.State), age(now.Sub(started)), v.ID, v.Environment}
	if p.markdown {
		p.line("# %s %s\n", v.ID, escapeMarkdown(v.Title))
	} else {
		p.line("%s", strings.Join(slices.DeleteFunc(head, func(s string) bool { return s == "" }), " · "))
		p.line("%s", p.fit(plain(v.Title), 0))
	}
	facts := [][2]string{
		{"Impact", v.Impact.Summary},
		{"Services", strings.Join(v.Services, ", ")},
		{"Started", clock(started, now)},
		{"Acknowledged", clock(time.Time(v.AcknowledgedAt), now)},
		{"Resolved", clock(time.Time(v.ResolvedAt), now)},
		{"Commander", v.Commander},
	}
	for _, f := range facts {
		if f[1] == "" {
			continue
		}
		if p.markdown {
			p.line("- **%s**: %s", f[0], escapeMarkdown(f[1]))
		} else {
			p.line("%-13s %s", f[0], p.fit(plain(f[1]), 14))
		}
	}
	p.causes(v)
	p.options(v)
	p.delegations(v)
	p.trace(v)
	p.seenBefore(v)
	p.drafts(v)
	p.history(v)
}

// sureEnough is the probability from which nobody is told to check more.
const sureEnough = 0.95

func (p *page) causes(v *incident.View) {
	if len(v.Hypotheses) > 0 {
		p.heading("Likely cause")
	}
	for i, h := range v.Hypotheses {
		what, basis := h.Mechanism, string(h.CauseClass)
		if h.Component != "" {
			basis += " · " + h.Component
		}
		if text := cause.Text(h.Fault); text != "" {
			basis += " · " + text
		}
		if n := len(h.EvidenceFor) + len(h.EvidenceAgainst); n > 0 {
			basis += fmt.Sprintf(" · evidence for %d, against %d", len(h.EvidenceFor), len(h.EvidenceAgainst))
		}
		chance := share(h.Probability) + " " + word(h.Probability)
		if h.CauseClass == diagnose.Unknown {
			what, basis, chance = "unknown", "", share(h.Probability)
			if h.Probability >= 0.995 {
				chance = "not known" // a certainty of nothing reads as one
			}
		}
		more := []string{basis}
		if i == 0 && v.State.Active() && (h.CauseClass == diagnose.Unknown || h.Probability < sureEnough) {
			for _, c := range h.CheckNext {
				more = append(more, "check: "+c)
			}
		}
		p.item(chance, what, more...)
	}
	if len(v.Verdicts) == 0 {
		return
	}
	last := v.Verdicts[len(v.Verdicts)-1] // what holds now; the first one is on the timeline
	heading := "Verdict: " + string(last.Kind)
	if u := string(last.Urgency); u != "" && u != "none" {
		heading += " (" + u + ")"
	}
	p.heading(heading)
	for _, r := range last.Reasons {
		p.item("", r)
	}
}

func (p *page) options(v *incident.View) {
	if len(v.Proposals) > 0 {
		p.heading("What you can do")
	}
	for n, o := range v.Proposals {
		what := offer(&o)
		more := []string{o.ID}
		for _, c := range o.Commands {
			more = append(more, "by hand: "+c)
		}
		if o.State == incident.Waiting {
			for _, c := range o.Changes {
				more = append(more, c.What+": "+c.Before+" → "+c.After)
			}
			for _, a := range approvals(&o) {
				if a[0] != "Boundaries" {
					more = append(more, strings.ToLower(a[0])+": "+a[1])
				}
			}
		}
		for _, part := range [][2]string{{"why: ", o.Why}, {"cost: ", o.Cost}, {"check: ", o.Check}} {
			if part[1] != "" {
				more = append(more, part[0]+part[1])
			}
		}
		p.item(strconv.Itoa(n+1), what, more...)
	}
}

// offer is what a proposal comes to, in one line; one without an action is done
// by hand.
func offer(o *incident.ProposalView) string {
	what := fmt.Sprintf("%s %s", o.Action, o.Target)
	if o.Action == "" {
		what = o.Title
	}
	what += fmt.Sprintf(": %s risk, %s; %s", o.Risk, o.Lasting, o.State)
	if o.Recommended {
		what += ", recommended"
	}
	return what
}

func (p *page) trace(v *incident.View) {
	if len(v.Trace) == 0 {
		return
	}
	p.heading("Why it was built so")
	steps := make([]string, 0, len(v.Trace))
	for _, s := range v.Trace {
		step := s.ID
		if s.Kind == "code" {
			step = fmt.Sprintf("%s:%d", s.Path, s.Line)
		}
		if s.Inferred {
			step += " (inferred)"
		}
		steps = append(steps, step)
	}
	p.item("", strings.Join(steps, " → "))
}

// drafts prints where the documents for the knowledge repository are.
func (p *page) drafts(v *incident.View) {
	if len(v.Drafts) > 0 {
		p.heading("Written back for review")
	}
	for _, d := range v.Drafts {
		var files, more []string
		for _, f := range d.Files {
			files = append(files, strings.ReplaceAll(f.Kind, "-", " ")+" "+f.ID)
		}
		for _, b := range d.Branches {
			more = append(more, fmt.Sprintf("branch %s in %s, commit %.12s", b.Branch, b.Repository, b.Commit))
			if b.RequestURL != "" {
				more = append(more, "merge request: "+b.RequestURL)
			}
		}
		for _, n := range d.Notes {
			more = append(more, "note: "+n)
		}
		if d.Error != "" {
			more = append(more, "no branch: "+d.Error)
		}
		what := strings.Join(files, ", ")
		if what == "" {
			what = "nothing"
		}
		p.item(string(d.State), what, more...)
	}
}

func (p *page) seenBefore(v *incident.View) {
	if len(v.Similar) > 0 {
		p.heading("Seen before")
	}
	for _, l := range v.Similar {
		more := []string{fmt.Sprintf("%.0f %% alike: %s", 100*l.Score, l.Why)}
		if l.Path != "" {
			more = append(more, fmt.Sprintf("%s:%d", l.Path, max(l.Line, 1)))
		}
		p.item(l.ID, l.Title, more...)
	}
}

func (p *page) history(v *incident.View) {
	if len(v.Timeline) == 0 {
		return
	}
	p.heading("Timeline (UTC)")
	rows := [][]string{{"TIME", "KIND", "ACTOR", "WHAT"}}
	for _, e := range v.Timeline {
		rows = append(rows, []string{time.Time(e.At).UTC().Format("15:04:05"), e.Kind, e.Actor, e.Text})
	}
	p.table(rows)
}

// plan prints exactly what an approval lets run: its hash first, then what it
// changes, then who must approve.
func (p *page) plan(o *incident.ProposalView) {
	p.pairs([][2]string{
		{"Plan", o.PlanSHA256},
		{"Proposal", o.ID + " (" + string(o.State) + ")"},
		{"Runs", o.Action},
		{"On", o.Target.String()},
		{"Generation", o.Generation},
	})
	var params [][2]string
	for _, k := range slices.Sorted(maps.Keys(o.Params)) {
		params = append(params, [2]string{"  " + k, o.Params[k]})
	}
	p.pairs(params)
	if len(o.Changes) > 0 {
		p.line("Changes")
	}
	for _, c := range o.Changes {
		p.line("  %s", plain(c.What))
		p.line("    now   %s", plain(c.Before))
		p.line("    after %s", plain(c.After))
	}
	p.pairs([][2]string{
		{"Risk", string(o.Risk) + ", " + string(o.Lasting)},
		{"Why", o.Why},
		{"Facts", facts(o.Facts)},
		{"Costs", o.Cost},
		{"Check", o.Check},
	})
	p.pairs(approvals(o))
	for _, c := range o.Commands {
		p.line("%-10s %s", "Command", plain(c))
	}
}

// facts are what the plan rests on, in one line.
func facts(m map[string]any) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, fmt.Sprintf("%s=%v", k, m[k]))
	}
	return strings.Join(out, ", ")
}

// approvals say who approved, how many are still needed, and who may.
func approvals(o *incident.ProposalView) [][2]string {
	if !o.Executable || o.Approvers < 0 {
		return [][2]string{{"Approvals", "none is possible: Holdfast does not run this"}}
	}
	so := fmt.Sprintf("%d of %d", len(o.ApprovedBy), max(o.Approvers, 1))
	if len(o.ApprovedBy) > 0 {
		so += ": " + strings.Join(o.ApprovedBy, ", ")
	}
	if o.StillNeeded > 0 {
		so += fmt.Sprintf("; %d more needed", o.StillNeeded)
	}
	may := "every approver"
	if !o.Everyone {
		may = cmp.Or(strings.Join(o.MayApprove, ", "), "nobody")
	}
	if o.FourEyes {
		may += "; not those who asked for it"
		if len(o.Requesters) > 0 {
			may += " (" + strings.Join(o.Requesters, ", ") + ")"
		}
	}
	return [][2]string{{"Approvals", so}, {"Who may", may}, {"Boundaries", o.BoundarySHA}}
}
