package web

import (
	"fmt"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/quantity"
	"github.com/holdfast-sre/holdfast/internal/runbook"
	"github.com/holdfast-sre/holdfast/internal/severity"
)

// Rules are the files that people wrote, as this server follows them.
type Rules struct {
	Runbooks   *runbook.Set
	Boundaries *boundary.Set
	Approvers  []string // users who may approve at all
}

func (w *Web) rulesRoutes(mux *http.ServeMux) {
	if w.o.Rules == nil {
		return
	}
	mux.HandleFunc("GET /runbooks", w.guard(w.runbooks))
	mux.HandleFunc("GET /runbooks/{name}", w.guard(w.runbook))
	mux.HandleFunc("GET /boundaries", w.guard(w.boundaries))
}

// runbooksPage is every runbook in a line.
type runbooksPage struct {
	Paused   string
	Rows     []runbookRow
	Approved int
	SHA256   string
}

type runbookRow struct {
	Name, Title, For, File string
	Approved               bool
	Acts, ByHand           []string
}

func (w *Web) runbooks(rw http.ResponseWriter, r *http.Request) {
	p := runbooksPage{Paused: w.paused(r.Context()), SHA256: w.o.Rules.Runbooks.SHA256()}
	for _, b := range w.o.Rules.Runbooks.All() {
		row := runbookRow{Name: b.Name, Title: b.Title, For: strings.Join(triggerWords(b.Trigger), "; "), File: path.Base(b.File()), Approved: b.Approved}
		for _, m := range b.Remediations {
			if m.Action == "" {
				row.ByHand = append(row.ByHand, or(m.Title, m.Name))
				continue
			}
			row.Acts = append(row.Acts, or(m.Title, m.Name))
		}
		if b.Approved {
			p.Approved++
		}
		p.Rows = append(p.Rows, row)
	}
	w.render(rw, r, http.StatusOK, "runbooks", p)
}

// triggerWords say which signals a runbook is for; all of them must match.
func triggerWords(t runbook.Trigger) (out []string) {
	if len(t.Alerts) > 0 {
		out = append(out, "alert "+strings.Join(t.Alerts, ", "))
	}
	if len(t.Services) > 0 {
		out = append(out, "service "+strings.Join(t.Services, ", "))
	}
	for _, l := range slices.Sorted(maps.Keys(t.Labels)) {
		out = append(out, "label "+l+" matches "+t.Labels[l])
	}
	return out
}

// runbookPage is one runbook as a person reads it.
type runbookPage struct {
	Paused, File  string
	Book          *runbook.Runbook
	For           []string
	Preconditions []string
	Questions     []questionRow
	Findings      []findingRow
	Remediations  []remediationRow
	After         []string
	Text          string
}

type questionRow struct {
	Name, Title, Asks string
	Facts             []string
	Timeout           string
}

type findingRow struct {
	Cause, Component string
	Confirm          []string
	Exclude          []string
}

type remediationRow struct {
	N                               int
	Name, Title, When, Treats       string
	Target, Action, Risk, Lasts     string
	Params                          []pair
	Commands                        []string
	Verify, Undo, Cost, Pros, Cons  string
	CodeChange, LosesData, Customer string
}

func (w *Web) runbook(rw http.ResponseWriter, r *http.Request) {
	b, ok := w.o.Rules.Runbooks.Runbook(r.PathValue("name"))
	if !ok {
		w.message(rw, r, http.StatusNotFound, "There is no runbook of this name.")
		return
	}
	p := runbookPage{Paused: w.paused(r.Context()), File: path.Base(b.File()), Book: b, For: triggerWords(b.Trigger), Questions: questionRows(b)}
	for _, c := range b.Preconditions {
		p.Preconditions = append(p.Preconditions, c.String())
	}
	for _, f := range b.Findings {
		row := findingRow{Cause: words(diagnose.CauseClass(f.CauseClass)), Component: f.Component, Confirm: f.Confirm}
		for _, x := range f.Exclude {
			row.Exclude = append(row.Exclude, strings.TrimSpace(words(diagnose.CauseClass(x.CauseClass))+" "+x.Component)+" when "+x.When)
		}
		p.Findings = append(p.Findings, row)
	}
	for i, m := range b.Remediations {
		p.Remediations = append(p.Remediations, newRemediation(i+1, m))
	}
	for _, a := range b.PostActions {
		p.After = append(p.After, strings.ReplaceAll(string(a), "_", " "))
	}
	if text, err := b.Print(); err == nil {
		p.Text = string(text)
	}
	w.render(rw, r, http.StatusOK, "runbook", p)
}

func questionRows(b *runbook.Runbook) []questionRow {
	facts := map[string][]string{}
	for _, f := range b.Facts() {
		facts[f.Diagnostic] = append(facts[f.Diagnostic], strings.TrimSpace(f.Name+" "+or(f.Unit, f.Type)))
	}
	out := make([]questionRow, 0, len(b.Diagnostics))
	for _, d := range b.Diagnostics {
		row := questionRow{Name: d.Name, Title: d.Title, Asks: d.Question(), Facts: facts[d.Name]}
		if d.Timeout > 0 {
			row.Timeout = quantity.Duration(d.Timeout)
		}
		out = append(out, row)
	}
	return out
}

func newRemediation(n int, m runbook.Remediation) remediationRow {
	treats := make([]string, 0, len(m.Treats))
	for _, c := range m.Treats {
		treats = append(treats, words(diagnose.CauseClass(c)))
	}
	row := remediationRow{
		N: n, Name: m.Name, Title: or(m.Title, m.Name), When: m.When, Treats: strings.Join(treats, ", "), Target: m.Target.Service, Action: m.Action,
		Risk: string(m.Risk), Lasts: or(string(m.Lasting), "lasting"), Commands: m.Commands, Cost: m.Cost.Text, Pros: m.Pros, Cons: m.Cons,
		CodeChange: m.Safety.CodeChange.String(), LosesData: m.Safety.LosesData.String(), Customer: m.Safety.CustomerData.String(),
	}
	for _, k := range slices.Sorted(maps.Keys(m.Params)) {
		row.Params = append(row.Params, pair{k, m.Params[k]})
	}
	if v := m.Verify; v != nil {
		row.Verify = fmt.Sprintf("%s of %s within %s", v.Condition, v.PromQL, quantity.Duration(v.Within))
	}
	if u := m.Undo; u != nil {
		row.Undo = u.Action
	}
	return row
}

// boundariesPage is the boundary file in words.
type boundariesPage struct {
	Paused    string
	SHA256    string
	Rules     []ruleLine
	Limits    []pair
	Escalate  []windowRow
	Freezes   []windowRow
	Work      []windowRow
	Hours     []windowRow
	Approvers []string
	Earned    []boundary.Override
}

type ruleLine struct {
	Name, Where, Autonomy, Reason string
	Actions                       string
	Only                          []pair
	Approvals                     string
}

// windowRow is one named entry: a freeze, announced work, hours or a condition.
type windowRow struct {
	Name, Text, Reason, Where, State string
	From, To                         moment
}

func (w *Web) boundaries(rw http.ResponseWriter, r *http.Request) {
	set, now := w.o.Rules.Boundaries, w.o.Now()
	f := set.File()
	p := boundariesPage{Paused: w.paused(r.Context()), SHA256: set.SHA256(), Limits: limitRows(f), Earned: f.Earned, Approvers: f.Approvers}
	if len(p.Approvers) == 0 {
		p.Approvers = w.o.Rules.Approvers
	}
	for _, s := range f.Rules {
		p.Rules = append(p.Rules, newRuleLine(set, s))
	}
	for _, c := range f.MustEscalate {
		p.Escalate = append(p.Escalate, windowRow{Name: c.Name, Text: c.When, Reason: c.Reason, Where: path.Base(set.Where("must_escalate", c.Name))})
	}
	for _, z := range f.Freezes {
		p.Freezes = append(p.Freezes, windowRow{
			Name: z.Name, Text: everywhere(z.Environments, "environment"), Reason: z.Reason, Where: path.Base(set.Where("freezes", z.Name)),
			From: newMoment(z.From, now), To: newMoment(z.To, now), State: whether(z.From, z.To, now),
		})
	}
	for _, m := range f.Maintenance {
		p.Work = append(p.Work, windowRow{
			Name: m.Name, Text: everywhere(m.Environments, "environment") + ", " + everywhere(m.Services, "service"), Reason: m.Reason, Where: path.Base(set.Where("maintenance", m.Name)),
			From: newMoment(m.From, now), To: newMoment(m.To, now), State: whether(m.From, m.To, now),
		})
	}
	for _, h := range f.BusinessHours {
		days := make([]string, 0, len(h.Days))
		for _, d := range h.Days {
			days = append(days, string(d))
		}
		text := strings.Join(days, " ") + " " + h.From + " to " + h.To + " " + h.TimeZone
		if len(h.Except) > 0 {
			text += ", not on " + strings.Join(h.Except, ", ")
		}
		p.Hours = append(p.Hours, windowRow{Name: h.Name, Text: text})
	}
	w.render(rw, r, http.StatusOK, "boundaries", p)
}

// everywhere names what a window is for.
func everywhere(names []string, what string) string {
	if len(names) == 0 {
		return "every " + what
	}
	return strings.Join(names, ", ")
}

// whether says where a window stands.
func whether(from, to, now time.Time) string {
	switch {
	case now.Before(from):
		return "to come"
	case now.Before(to):
		return "in force"
	}
	return "over"
}

func newRuleLine(set *boundary.Set, s boundary.RuleSpec) ruleLine {
	row := ruleLine{Name: s.Name, Where: path.Base(set.Where("rules", s.Name)), Autonomy: string(s.Autonomy), Reason: s.Reason, Actions: strings.Join(s.Actions, ", ")}
	only := func(key string, values []string) {
		if len(values) > 0 {
			row.Only = append(row.Only, pair{key, strings.Join(values, ", ")})
		}
	}
	only("environment", s.Environments)
	only("service", s.Services)
	only("severity", severityNames(s.Severities))
	only("runbook", s.Runbooks)
	only("during", s.During)
	only("outside", s.Outside)
	if s.When != "" {
		only("when", []string{s.When})
	}
	row.Approvals = approvalWords(s.Approvals)
	return row
}

func severityNames(list []severity.Severity) (out []string) {
	for _, s := range list {
		out = append(out, s.String())
	}
	return out
}

func approvalWords(a boundary.ApprovalSpec) string {
	var parts []string
	if a.Count > 0 {
		parts = append(parts, fmt.Sprintf("%d must approve", a.Count))
	}
	if len(a.From) > 0 {
		parts = append(parts, "of "+strings.Join(a.From, ", "))
	}
	if a.FourEyes {
		parts = append(parts, "four eyes: two people, neither of whom asked for it")
	}
	return strings.Join(parts, "; ")
}

func limitRows(f boundary.File) []pair {
	l := f.Limits
	out := []pair{
		{"replicas of a stateless service", fmt.Sprintf("%d to %d; any other is never scaled without a person", l.Replicas.Min, l.Replicas.Max)},
		{"restarts of one service an hour", fmt.Sprint(l.RestartsPerHour)},
		{"actions an hour over all services", fmt.Sprint(l.ActionsPerHour)},
		{"changes of one service at a time", "1"},
	}
	if l.Cost != nil {
		out = append(out, pair{"cost of an action", fmt.Sprintf("at most %g %s", l.Cost.Budget, l.Cost.Unit)})
	}
	if b := f.ErrorBudget.WhenSpent; b != "" {
		out = append(out, pair{"while the error budget is spent", map[boundary.Autonomy]string{
			boundary.WithoutOK: "as the rules say; nothing goes forward", boundary.NeedsOK: "a person approves; nothing goes forward", boundary.Never: "nothing but a way back, approved",
		}[b]})
	}
	return out
}
