package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/app"
	"github.com/holdfast-sre/holdfast/internal/knowledge/impact"
	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/quantity"
)

// knowledgeImpactCmd says what stops when a component does.
type knowledgeImpactCmd struct {
	output
	repository
	Subject string `arg:"" help:"Service, component, table, endpoint, or ID of an artefact."`
	Action  string `placeholder:"TEXT" help:"What is going to be done, with its length: \"restart, 15 min\"."`
	At      string `placeholder:"TIME" help:"Look from this moment, RFC 3339; now when left out."`
}

// Help shows examples.
func (knowledgeImpactCmd) Help() string {
	return `Prints which services need it and how, their traffic, what artefacts claim about
replicas and fallbacks, the downtime and what it costs of each error budget, the
requirements, user stories, metrics and revenue behind it, whom to tell, and the
quietest window of the next seven days. Read-only.

With --repo alone there is no catalog and no traffic: the report says what is missing.
With a configuration, its Prometheus sources are asked for now and the last 30 days.

Examples:
  holdfast knowledge impact bookings-db --action "restart, 15 min"
  holdfast knowledge impact "table booking_outbox" --repo docs
  holdfast knowledge impact "POST /v1/bookings" --action "maintenance 1 h" -o markdown
  holdfast knowledge impact ADR-023 --config /etc/holdfast/holdfast.yaml -o json`
}

// Run prints the report.
func (c *knowledgeImpactCmd) Run(e *env) error {
	at := time.Now().UTC()
	if c.At != "" {
		var err error
		if at, err = time.Parse(time.RFC3339, c.At); err != nil {
			return usage(problem.Hinted(fmt.Errorf("--at %q is not a time", c.At), "write it as 2026-03-01T14:00:00Z"))
		}
	}
	k, err := c.open(e)
	if err != nil {
		return err
	}
	defer func() { _ = k.Close() }() // only read from
	rep, err := k.Impact(e.ctx, app.ImpactQuestion{Subject: c.Subject, Action: c.Action, At: at.UTC()})
	if err != nil {
		return usage(err)
	}
	return c.report(e, rep, func(p *page) { p.impact(rep) })
}

// impact prints the report in the order in which it is asked for: what, who, how
// long, why it matters, whom to tell, when.
func (p *page) impact(r impact.Report) {
	title := "Impact of " + r.Subject.Name
	if r.Action.Text != "" {
		title += ": " + r.Action.Text
	}
	if p.markdown {
		p.line("# %s", escapeMarkdown(title))
	} else {
		p.line("%s", p.fit(plain(title), 0))
	}
	p.impactSubject(r)
	p.impactServices(r)
	p.impactDowntime(r)
	p.impactRequirements(r.Requirements)
	if len(r.Notify) > 0 {
		p.heading("Tell")
	}
	for _, n := range r.Notify {
		p.item("", strings.Join(nonEmpty(n.Name, n.Channel), " ")+": "+strings.Join(n.Why, ", "))
	}
	if len(r.Escalate) > 0 {
		p.heading("A person must decide")
	}
	for _, x := range r.Escalate {
		p.item(x.Rule, strings.Join(x.Service, ", ")+": "+x.Why)
	}
	p.impactQuiet(r.Quiet)
	if len(r.Missing) > 0 {
		p.heading("Not known")
	}
	for _, m := range r.Missing {
		p.item("", m)
	}
}

func (p *page) impactSubject(r impact.Report) {
	if r.Subject.Kind == "service" {
		return
	}
	p.heading("What is meant")
	if len(r.Subject.Services) > 0 {
		p.item("", strings.Join(r.Subject.Services, ", ")+": "+r.Subject.Why)
	}
	if len(r.Subject.Ambiguous) > 0 {
		p.item("", "more than one service may be meant: ask for one of them by name")
	}
	for _, c := range r.Subject.Named {
		p.item("", c.Where.ID+" "+c.Where.String(), c.Text)
	}
}

func (p *page) impactServices(r impact.Report) {
	services, itself := r.Services, "itself"
	if r.Subject.Kind != "service" {
		itself = "belongs to " + r.Subject.Name
	}
	p.heading("Services that stop or suffer")
	if len(services) == 0 {
		p.item("", "none is known")
		return
	}
	rows := [][]string{{"SERVICE", "TIER", "USERS", "NOW", "USUALLY", "HOW"}}
	for _, s := range services {
		how := itself
		if s.Distance > 0 {
			how = strings.Join(s.Path, " → ") + " (" + strings.Join(s.Basis, ", ") + ")"
		}
		users, tier := "", ""
		if s.UserFacing {
			users = "yes"
		}
		if s.Tier > 0 {
			tier = fmt.Sprint(s.Tier)
		}
		rows = append(rows, []string{s.Name, tier, users, rate(s.Now), rate(s.Usual), how})
	}
	p.table(rows)
	head := false
	for _, s := range services {
		for _, c := range s.Claims {
			if !head {
				p.heading("What may help, as texts claim (nobody has checked it)")
				head = true
			}
			what := c.Kind
			if c.Absent {
				what = "no " + what
			}
			where := c.Where.String()
			if c.Where.Line == 0 {
				where = c.Where.Path
			}
			p.item("", s.Name+", "+what+": "+c.Text, where)
		}
	}
}

func (p *page) impactDowntime(r impact.Report) {
	p.heading("Downtime")
	switch d := r.Downtime; {
	case d.Length() == 0:
		p.item("", "unknown")
	case d.Basis == "stated":
		p.item("", quantity.Duration(d.Length())+", as an artefact states")
	default:
		p.item("", "at most "+quantity.Duration(d.Length())+", the length of the action")
	}
	for _, c := range r.Downtime.Stated {
		p.item("", "stated: "+c.Text, c.Where.String())
	}
	for _, s := range r.Services {
		for _, b := range s.Budgets {
			what := fmt.Sprintf("%s, %s (%s over %s): ", s.Name, b.SLO, percent(b.Objective), b.Window)
			if b.Share == nil {
				p.item("", what+"not known, "+b.Why)
				continue
			}
			p.item("", what+"at most "+quantity.Format(*b.Share, "ratio")+" of the whole error budget, at the traffic of now")
		}
	}
}

func (p *page) impactRequirements(reqs []impact.Requirement) {
	if len(reqs) > 0 {
		p.heading("Requirements behind it")
	}
	for _, r := range reqs {
		var more []string
		for _, s := range r.Stories {
			text := fmt.Sprintf("story %s: %s", s.Number, s.Title)
			switch {
			case s.Possible:
				text += " (may be: nothing names a story)"
			default:
				text += " (" + strings.Join(s.Chain, " → ")
				if s.Inferred {
					text += ", inferred"
				}
				text += ")"
			}
			more = append(more, text)
		}
		for _, k := range r.KPIs {
			more = append(more, "measure: "+k.Text+" ("+k.Where.String()+")")
		}
		if v := r.Revenue; v != nil {
			text := "revenue: " + strings.TrimSpace(quantity.Format(v.PerMinute, v.Currency)) + " per minute"
			if v.AtRisk != nil {
				text += ", at most " + quantity.Format(*v.AtRisk, v.Currency) + " in the downtime"
			}
			more = append(more, text+" ("+v.Where.String()+")")
		}
		what := r.Title + " (" + r.Where.String() + ")"
		if len(r.Stories) == 0 {
			what += ", by " + strings.Join(r.Chain, " → ")
		}
		p.item(r.ID, what, more...)
	}
}

func (p *page) impactQuiet(q impact.Quiet) {
	p.heading("Quietest window of the next seven days")
	length := quantity.Duration(time.Duration(q.Seconds * float64(time.Second)))
	if q.Assumed {
		length += ", assumed"
	}
	if q.Window == nil {
		p.item("", "not known: "+q.Why)
		return
	}
	what := fmt.Sprintf("%s to %s UTC (%s), about %s requests", q.Window.From.Format("Mon 2006-01-02 15:04"), q.Window.To.Format("Mon 15:04"), length, quantity.Format(roundUp(q.Requests), ""))
	if q.FromNow != nil {
		what += ", " + quantity.Format(roundUp(*q.FromNow), "") + " if it were now"
	}
	more := []string{"by the usual traffic of " + strings.Join(q.Services, ", ")}
	if len(q.Freezes) > 0 {
		more = append(more, "kept free: "+strings.Join(q.Freezes, ", "))
	}
	p.item("", what, more...)
}

func roundUp(v float64) float64 { return float64(int64(v + 0.5)) }

func rate(v *float64) string {
	if v == nil {
		return "?"
	}
	return quantity.Format(*v, "req/s")
}

func percent(ratio float64) string {
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.4f", 100*ratio), "0"), ".") + " %"
}

func nonEmpty(all ...string) []string {
	var out []string
	for _, s := range all {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}
