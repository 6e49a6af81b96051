package escalate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/outside"
	"github.com/holdfast-sre/holdfast/internal/quantity"
	"github.com/holdfast-sre/holdfast/internal/severity"
)

// Lengths of what a page holds; the rest is on the incident page.
const (
	maxLine  = 400 // characters of one line of outside text
	maxItems = 8   // of one list
)

// Page writes the page for an incident. Text that came from outside is cut to
// one line and stripped of control characters.
func Page(s Snapshot, u decide.Urgency) Content {
	inc := s.Incident
	return Content{
		IncidentID: inc.ID,
		Urgency:    u,
		Summary:    Summary(inc),
		Severity:   level(inc.Severity),
		Service:    services(inc.Services),
		Impact:     impact(inc.Impact),
		Duration:   duration(s),
		Situation:  situation(s),
		SeenBefore: seenBefore(inc),
		Actions:    taken(s),
		Why:        why(s),
		NextSteps:  nextSteps(s),
		Options:    options(s.Proposals),
		Dashboards: dashboards(s),
		To:         recipients(s.Services),
		URL:        s.URL,
		At:         s.Now,
	}
}

// Summary is the incident in one sentence of at most MaxSubject characters:
// severity, service, symptom and number.
func Summary(inc incident.Incident) string {
	text := fmt.Sprintf("%s %s: %s", level(inc.Severity), services(inc.Services), cmp.Or(line(inc.Title), line(inc.Impact.Summary), "no description"))
	if !strings.ContainsFunc(line(inc.Title), unicode.IsDigit) && len(inc.Impact.Values) > 0 {
		v := inc.Impact.Values[0]
		number := ", " + line(v.Name) + " " + quantity.Compared(v.Value, v.Usual, v.Unit)
		return outside.Cut(text, MaxSubject-len([]rune(number))) + outside.Cut(number, MaxSubject)
	}
	return outside.Cut(text, MaxSubject)
}

// level is a severity for people.
func level(s severity.Severity) string {
	if s == severity.Unset {
		return "Unknown severity"
	}
	return s.String()
}

func services(names []string) string {
	switch {
	case len(names) == 0:
		return "unknown service"
	case len(names) > 3:
		return fmt.Sprintf("%s and %d more", line(strings.Join(names[:3], ", ")), len(names)-3)
	}
	return line(strings.Join(names, ", "))
}

func impact(i incident.Impact) string {
	parts := make([]string, 0, len(i.Values))
	for _, v := range i.Values[:min(len(i.Values), 4)] {
		parts = append(parts, line(v.Name)+" "+quantity.Compared(v.Value, v.Usual, v.Unit))
	}
	numbers := strings.Join(parts, ", ")
	switch summary := line(i.Summary); {
	case summary == "" && numbers == "":
		return "not measured yet"
	case summary == "":
		return numbers
	case numbers == "" || strings.ContainsFunc(summary, unicode.IsDigit):
		return summary
	default:
		return strings.TrimRight(summary, ". ") + ": " + numbers
	}
}

// duration counts from the onset, which is earlier than the first alert.
func duration(s Snapshot) string {
	inc := s.Incident
	if inc.OnsetAt == nil || !inc.OnsetAt.Before(inc.StartedAt) {
		return fmt.Sprintf("%s (first signal %s)", quantity.Duration(s.Now.Sub(inc.StartedAt)), clock(inc.StartedAt, s.Now))
	}
	return fmt.Sprintf("%s (since %s; first signal %s)", quantity.Duration(s.Now.Sub(*inc.OnsetAt)), clock(*inc.OnsetAt, s.Now), clock(inc.StartedAt, s.Now))
}

// clock writes a time of the day, with the date when it is another one.
func clock(t, now time.Time) string {
	t, now = t.UTC(), now.UTC()
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format("15:04 UTC")
	}
	return t.Format("2006-01-02 15:04 UTC")
}

func situation(s Snapshot) string {
	title := strings.TrimRight(cmp.Or(line(s.Incident.Title), "No description"), ". ")
	top, ok := leading(s.Incident.Hypotheses)
	if !ok {
		return title + ". The cause is not known yet."
	}
	return fmt.Sprintf("%s. Cause, %s (%s): %s.", title, decide.Likelihood(top.Probability), decide.Probability(top.Probability), mechanism(top))
}

// maxSeen is how long what resembles the incident may be, in characters; what is
// longer is on the incident page.
const maxSeen = 200

// seenBefore is what resembles the incident most.
func seenBefore(inc incident.Incident) string {
	if len(inc.Similar) == 0 {
		return ""
	}
	best := inc.Similar[0]
	text := line(best.ID) + " " + line(best.Title)
	if full := text + " (" + line(best.Why) + ")"; len([]rune(full)) <= maxSeen {
		return full
	}
	return outside.Cut(text, maxSeen)
}

func leading(hs []diagnose.Hypothesis) (diagnose.Hypothesis, bool) {
	return diagnose.Diagnosis{Hypotheses: hs}.Top()
}

func mechanism(h diagnose.Hypothesis) string {
	m := strings.TrimRight(line(h.Mechanism), ". ")
	if m == "" {
		m = strings.TrimSpace(strings.ReplaceAll(string(h.CauseClass), "_", " ") + " in " + cmp.Or(h.Component, "an unknown component"))
	}
	return m
}

// taken lists what was done to production, then what was looked at.
func taken(s Snapshot) []string {
	var out []string
	for _, in := range s.Intents {
		at := cmp.Or(in.FinishedAt, in.StartedAt, in.IntendedAt)
		text := fmt.Sprintf("%s %s by %s: %s", clock(at, s.Now), describe(in.Action), line(in.By), in.State)
		if o := line(in.Outcome); o != "" {
			text += ", " + o
		}
		out = append(out, text)
	}
	if len(out) == 0 {
		out = append(out, "Nothing was changed in production")
	}
	if n := len(s.Evidence); n > 0 {
		sources := map[string]bool{}
		for _, it := range s.Evidence {
			sources[it.Source] = true
		}
		out = append(out, fmt.Sprintf("Gathered %s of evidence from %s", count(n, "piece"), count(len(sources), "source")))
	}
	return limit(out)
}

func describe(a action.Action) string {
	verb := a.Name
	if a.Name == action.ProcessRestart {
		verb = "restart"
	}
	return line(verb + " of " + cmp.Or(a.Service, a.Target.Name))
}

func why(s Snapshot) []string {
	if s.Verdict != nil && len(s.Verdict.Reasons) > 0 {
		return limit(lines(s.Verdict.Reasons))
	}
	return []string{fmt.Sprintf("%s pages within %s; the first diagnosis is not there yet", level(s.Incident.Severity), quantity.Duration(decide.FirstPageWithin))}
}

func nextSteps(s Snapshot) []string {
	var out []string
	for _, p := range s.Proposals {
		if p.State == incident.Waiting && p.Recommend {
			out = append(out, decision(p))
		}
	}
	if len(out) == 0 && slices.ContainsFunc(s.Proposals, func(p incident.Proposal) bool { return p.State == incident.Waiting }) {
		out = append(out, "Choose one of the mitigation options, or none")
	}
	for _, h := range s.Incident.Hypotheses[:min(len(s.Incident.Hypotheses), 2)] {
		for _, c := range h.CheckNext[:min(len(h.CheckNext), 2)] {
			out = append(out, "Check: "+line(c))
		}
	}
	if len(out) == 0 {
		out = append(out, "Confirm the impact on the dashboards", "Look at what changed in the last 24 hours")
	}
	return limit(slices.Compact(out))
}

func decision(p incident.Proposal) string {
	text := fmt.Sprintf("%s (%s risk, %s)", optionTitle(p), cmp.Or(p.Action.Risk, "unknown"), cmp.Or(p.Action.Lasting, action.Permanent))
	switch {
	case !p.Executable || p.Approvers < 0:
		return "Do by hand: " + text
	case p.Approvers > 1:
		return fmt.Sprintf("Approve, %d people: %s", p.Approvers, text)
	}
	return "Approve: " + text
}

// optionTitle names a mitigation: what is done, or its name in the runbook
// where the action alone says little.
func optionTitle(p incident.Proposal) string {
	switch {
	case p.Title != "":
		return line(p.Title)
	case p.Action.Name == "":
		return cmp.Or(line(p.Option), "a step by hand")
	case p.Action.Name == action.ProcessRestart || p.Option == "":
		return describe(p.Action)
	}
	return line(p.Option + ", " + describe(p.Action))
}

func options(ps []incident.Proposal) []Option {
	var out []Option
	for _, p := range ps {
		if p.State != incident.Waiting {
			continue
		}
		approvers := p.Approvers
		if !p.Executable {
			approvers = decide.NeverExecuted
		}
		out = append(out, Option{
			ID: p.ID, Title: optionTitle(p), Risk: string(p.Action.Risk), Lasting: string(cmp.Or(p.Action.Lasting, action.Permanent)),
			Pros: line(cmp.Or(p.Pros, p.Why)), Cons: line(p.Cons), Cost: line(p.Cost), Check: line(p.Check),
			Recommended: p.Recommend, Approvers: approvers, Commands: lines(p.Commands),
		})
	}
	slices.SortStableFunc(out, func(a, b Option) int { return cmp.Compare(order(a.Recommended), order(b.Recommended)) })
	return out
}

func order(recommended bool) int {
	if recommended {
		return 0
	}
	return 1
}

// dashboards are links that came with the alerts, then those of the evidence.
func dashboards(s Snapshot) []Link {
	var out []Link
	add := func(title, url string) {
		known := slices.ContainsFunc(out, func(l Link) bool { return l.URL == url })
		if (strings.HasPrefix(url, "https://") || strings.HasPrefix(url, "http://")) && !strings.ContainsFunc(url, unicode.IsControl) && !known && len(out) < maxItems {
			out = append(out, Link{Title: line(title), URL: url})
		}
	}
	for _, sig := range s.Signals {
		for _, l := range sig.Links {
			add(l.Kind, l.URL)
		}
	}
	for _, it := range s.Evidence {
		add(cmp.Or(it.Summary, it.Source), it.Link)
	}
	return out
}

func recipients(services []catalog.Service) []Recipient {
	var out []Recipient
	for _, s := range services {
		r := Recipient{Name: cmp.Or(s.OnCall.Name, s.Owner), Channel: s.OnCall.Channel, Service: s.Name}
		same := func(o Recipient) bool { return o.Name == r.Name && o.Channel == r.Channel }
		if r.Name != "" && !slices.ContainsFunc(out, same) {
			out = append(out, r)
		}
	}
	return out
}

// line makes outside text one printable line of at most maxLine characters.
func line(s string) string { return outside.Line(s, maxLine) }

func lines(in []string) []string {
	var out []string
	for _, s := range in {
		if s = line(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

func limit(s []string) []string {
	if len(s) <= maxItems {
		return s
	}
	return append(s[:maxItems-1:maxItems-1], fmt.Sprintf("and %d more on the incident page", len(s)-maxItems+1))
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
