package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/app"
	"github.com/holdfast-sre/holdfast/internal/knowledge/impact"
	"github.com/holdfast-sre/holdfast/internal/problem"
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
With a configuration, its sources are asked: Prometheus for the traffic of now and
the last 30 days, Jaeger, Tempo and databases for who uses what in the last hour.

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
	if p.markdown {
		p.line("# %s", escapeMarkdown(r.Title()))
	} else {
		p.line("%s", p.fit(plain(r.Title()), 0))
	}
	p.impactSubject(r)
	p.impactServices(r)
	p.impactHelp(r.Services)
	p.impactDowntime(r)
	if len(r.Requirements) > 0 {
		p.heading("Requirements behind it")
	}
	for _, q := range r.Requirements {
		p.item(q.ID, q.String(), q.More()...)
	}
	if len(r.Notify) > 0 {
		p.heading("Tell")
	}
	for _, n := range r.Notify {
		p.item("", n.String())
	}
	if len(r.Escalate) > 0 {
		p.heading("A person must decide")
	}
	for _, x := range r.Escalate {
		p.item(x.Rule, strings.Join(x.Service, ", ")+": "+x.Why)
	}
	p.heading("Quietest window of the next seven days")
	what, more := r.Quiet.Text()
	p.item("", what, more...)
	if len(r.Missing) > 0 {
		p.heading("Not known")
	}
	for _, m := range r.Missing {
		p.item("", m)
	}
}

func (p *page) impactSubject(r impact.Report) {
	if r.Subject.Kind == "service" && r.Subject.Why == "" {
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
	p.heading("Services that stop or suffer")
	if len(r.Services) == 0 {
		p.item("", "none is known")
		return
	}
	rows := [][]string{{"SERVICE", "TIER", "USERS", "NOW", "USUALLY", "HOW"}}
	for _, s := range r.Services {
		tier := ""
		if s.Tier > 0 {
			tier = fmt.Sprint(s.Tier)
		}
		rows = append(rows, []string{s.Name, tier, s.Users(), impact.Rate(s.Now), impact.Rate(s.Usual), s.How(r.Subject)})
	}
	p.table(rows)
	if len(r.Undeclared) > 0 {
		p.heading("Seen, and written down nowhere")
	}
	for _, u := range r.Undeclared {
		p.item("", u.From+" uses "+u.To, u.Seen)
	}
}

// impactHelp prints what may keep services alive: facts, then claims.
func (p *page) impactHelp(services []impact.Service) {
	head := false
	for _, s := range services {
		for _, f := range s.Live {
			if !head {
				p.heading("Replicas now")
				head = true
			}
			p.item("", s.Name+": "+f.Text, f.Source)
		}
	}
	head = false
	for _, s := range services {
		for _, c := range s.Claims {
			if !head {
				p.heading("What may help, as texts claim (nobody has checked it)")
				head = true
			}
			p.item("", s.Name+", "+c.What()+": "+c.Text, c.At())
		}
	}
}

func (p *page) impactDowntime(r impact.Report) {
	p.heading("Downtime")
	p.item("", r.Downtime.String())
	for _, c := range r.Downtime.Stated {
		p.item("", "stated: "+c.Text, c.Where.String())
	}
	for _, s := range r.Services {
		for _, b := range s.Budgets {
			p.item("", s.Name+", "+b.String())
		}
	}
}
