package document

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/outside"
)

func (w *writer) appendix(all []series) {
	w.heading(2, "Appendix")
	w.heading(3, "Related Incidents")
	for _, id := range w.Incident.Earlier {
		w.item("%s, within 30 days before", say(id))
	}
	if len(w.Incident.Earlier) == 0 {
		w.item("None on record in the 30 days before")
	}
	w.seenBefore()
	w.heading(3, "References")
	w.references()
	w.heading(3, "Metrics During Incident")
	w.metrics(all)
	w.heading(3, "Actions and Approvals")
	w.acts()
	w.heading(3, "Verdict")
	w.verdict()
	w.heading(3, "Evidence")
	w.evidenceTable()
}

// seenBefore names what resembles the incident.
func (w *writer) seenBefore() {
	if len(w.Incident.Similar) == 0 {
		return
	}
	w.heading(3, "Seen Before")
	for _, l := range w.Incident.Similar {
		where := ""
		if l.Path != "" {
			where = " (" + code(fmt.Sprintf("%s:%d", l.Path, max(l.Line, 1))) + ")"
		}
		w.item("%s %s%s: %s, %s", code(l.ID), say(l.Title), where, say(l.Why), alike(l.Score))
	}
}

// alike is a score in words.
func alike(score float64) string { return fmt.Sprintf("%.0f %% alike", 100*score) }

func (w *writer) references() {
	n := 0
	seen := map[string]bool{}
	link := func(title, url string) {
		if safe := safeURL(url); safe != "" && !seen[safe] {
			seen[safe] = true
			n++
			w.item("%s: <%s>", cmp.Or(say(title), "link"), safe)
		}
	}
	link("Incident", w.URL)
	for _, s := range w.Signals {
		for _, l := range s.Links {
			link(l.Kind+" of "+s.Name, l.URL)
		}
	}
	for _, c := range w.changes() {
		link(string(c.Kind)+" of "+c.Service, c.Link)
	}
	if n == 0 {
		w.item("None on record")
	}
	w.item("%s", ask("which chat thread, pull requests and tickets belong to this?"))
}

// safeURL returns a web address that can stand between angle brackets, or "".
func safeURL(u string) string {
	clean := outside.Line(u, 500)
	if clean != u || strings.ContainsAny(u, "<>\"' \\`") {
		return ""
	}
	if !strings.HasPrefix(u, "https://") && !strings.HasPrefix(u, "http://") {
		return ""
	}
	return u
}

func (w *writer) metrics(all []series) {
	if len(all) == 0 {
		w.printf("%s\n", ask("what did the metrics look like? The record holds no series."))
		return
	}
	w.printf("![Metrics during %s: lines with the usual range as a band](%s)\n\n", say(w.Incident.ID), cmp.Or(w.ChartPath, DefaultChartPath))
	t := newTable("Metric", "Usual", "Farthest from usual", "At (UTC)", "Last", "At (UTC)")
	for i := range all {
		s := &all[i]
		peak, last := s.peak(), s.points[len(s.points)-1]
		t.row(say(s.name), say(s.format(s.usual)), say(s.format(peak.Value)), clock(peak.At), say(s.format(last.Value)), clock(last.At))
	}
	w.b.WriteString(t.String())
}

func (w *writer) acts() {
	if len(w.Intents) == 0 && len(w.Proposals) == 0 {
		w.printf("Nothing was proposed or done by the agent.\n")
		return
	}
	t := newTable("Action", "Target", "Risk", "Lasting", "State", "By", "Approved by", "Outcome")
	for _, in := range w.Intents {
		t.row(code(in.Action.Name), code(in.Action.Target.String()), say(string(in.Action.Risk)), say(string(in.Action.Lasting)), say(string(in.State)),
			actor(in.By), cmp.Or(say(in.ApprovedBy), "nobody needed"), say(in.Outcome))
	}
	for _, p := range w.Proposals {
		if slices.ContainsFunc(w.Intents, func(in action.Intent) bool { return in.ProposalID == p.ID }) {
			continue
		}
		t.row(cmp.Or(code(p.Action.Name), say(p.Option)), code(p.Action.Target.String()), say(string(p.Action.Risk)), say(string(p.Action.Lasting)), say("proposed, "+string(p.State)),
			"", say(strings.Join(p.ApprovedBy, ", ")), say(p.Why))
	}
	w.b.WriteString(t.String())
}

// verdict shows the first and the last decision; the audit holds all.
func (w *writer) verdict() {
	if len(w.Verdicts) == 0 {
		w.printf("No decision is on record.\n")
		return
	}
	v := w.Verdicts[0]
	w.printf("First decision, %s UTC: **%s**", clock(v.DecidedAt), say(string(v.Kind)))
	if n := len(w.Verdicts); n > 1 {
		w.printf("; last of %d, %s UTC: **%s**", n, clock(w.Verdicts[n-1].DecidedAt), say(string(w.Verdicts[n-1].Kind)))
	}
	w.printf(".\n\n")
	for _, reason := range v.Reasons {
		w.item("%s", say(reason))
	}
	w.printf("\n")
	t := newTable("Rule", "Held", "In words")
	for _, r := range v.Rules {
		t.row(code(r.ID), fmt.Sprint(r.Held), say(r.Text))
	}
	w.b.WriteString(t.String())
}

func (w *writer) evidenceTable() {
	if len(w.Evidence) == 0 {
		w.printf("No evidence is on record.\n")
		return
	}
	t := newTable("ID", "Source", "What it says", "Query", "Window (UTC)")
	for _, it := range w.Evidence {
		text := cmp.Or(say(it.Summary), "no summary")
		if it.Error != "" {
			text = "did not answer: " + say(it.Error)
		}
		t.row(code(it.ID), say(it.Source), text, code(it.Query), clock(it.From)+"–"+clock(it.To))
	}
	w.b.WriteString(t.String())
}
