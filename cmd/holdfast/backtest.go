package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/app"
	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

// backtestCmd replays the alerts of the past.
type backtestCmd struct {
	output
	Days      int           `default:"14" help:"How many days to look back."`
	Until     string        `placeholder:"TIME" help:"End of the past that is looked at, RFC 3339; now when left out."`
	Config    string        `help:"Configuration file." default:"holdfast.yaml" placeholder:"FILE"`
	Shift     time.Duration `default:"8h" help:"Length of a shift; the first one of a day begins at 00:00 UTC."`
	Step      time.Duration `default:"1m" help:"Between two samples of the alerts' past; the interval at which rules are evaluated."`
	Incidents int           `default:"500" help:"Investigate at most so many incidents; the others are only counted."`
}

// Help shows examples.
func (backtestCmd) Help() string {
	return `Reads which alerts fired from Prometheus (ALERTS) and lives through them again: the
grouping, the diagnosis over what the sources still have of that time, the runbooks
and the rules with today's boundaries. Shows what the agent would have decided, how
many pages a shift would have had beside how many alerts, and what it could not map
to a service or could not see any more. Reads only; nothing is stored, sent or done.

Examples:
  holdfast backtest --config /etc/holdfast/holdfast.yaml
  holdfast backtest --days 3 --shift 12h
  holdfast backtest --days 7 --until 2026-03-01T00:00:00Z -o json`
}

// maxDays is how far a backtest looks back at most.
const maxDays = 90

// Run replays and prints.
func (c *backtestCmd) Run(e *env) error {
	to := e.now().UTC().Truncate(time.Minute)
	if c.Until != "" {
		var err error
		if to, err = time.Parse(time.RFC3339, c.Until); err != nil {
			return usage(problem.Hinted(fmt.Errorf("--until %q is not a time", c.Until), "write it as 2026-03-01T00:00:00Z"))
		}
	}
	switch {
	case c.Days < 1 || c.Days > maxDays:
		return usage(fmt.Errorf("--days %d: use 1 to %d", c.Days, maxDays))
	case c.Shift < time.Hour || c.Shift > 7*24*time.Hour:
		return usage(fmt.Errorf("--shift %s: use 1h to 168h", c.Shift))
	case c.Step < time.Second || c.Step > 15*time.Minute:
		return usage(fmt.Errorf("--step %s: use 1s to 15m", c.Step))
	case 6*time.Hour/c.Step > 11_000:
		return usage(problem.Hinted(fmt.Errorf("--step %s: Prometheus answers at most 11,000 samples", c.Step), "use 2s or more"))
	case c.Incidents < 0:
		return usage(errors.New("--incidents: use 0 or more"))
	}
	folder, err := config.Open(c.Config, e.getenv)
	if err != nil {
		return usage(err)
	}
	bars := map[string]*progress{}
	p, err := app.Backtest(e.ctx, folder, app.BacktestOptions{
		From: to.UTC().AddDate(0, 0, -c.Days), To: to.UTC(), Shift: c.Shift, Step: c.Step, Incidents: c.Incidents,
		Progress: func(what string, done, total int) {
			if bars[what] == nil {
				for _, b := range bars {
					b.end()
				}
				bars[what] = newProgress(e, what)
			}
			bars[what].step(done, total)
		},
	}, slog.New(slog.DiscardHandler))
	for _, b := range bars {
		b.end()
	}
	if err != nil {
		return fmt.Errorf("backtest: %w", err)
	}
	raw, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("backtest: %w", err)
	}
	return c.print(e, raw, func(pg *page) { pg.past(&p) })
}

// past prints the counts first and the caveats last.
func (p *page) past(r *app.Past) {
	p.line("%s to %s UTC: %s, %s", r.From.Format("2006-01-02 15:04"), r.To.Format("2006-01-02 15:04"), plural(r.Alerts, "alert"), plural(len(r.Incidents), "incident"))
	if len(r.Ignored) > 0 {
		p.line("always firing and left out: %s", plain(strings.Join(r.Ignored, ", ")))
	}
	p.pastWatched(r)
	p.heading("What the agent would have decided")
	d := r.Decided
	p.table([][]string{
		{"DECISION", "INCIDENTS", ""},
		{"remediate", strconv.Itoa(d.Remediate), "acts alone: a boundary allows it and an override gives autonomy"},
		{"would remediate", strconv.Itoa(d.WouldRemediate), "every rule but earned autonomy holds: a case for grading"},
		{"escalate", strconv.Itoa(d.Escalate), "a person decides"},
		{"watch", strconv.Itoa(d.Watch), "low impact and stable, or maintenance"},
		{"ended first", strconv.Itoa(d.EndedFirst), "its alerts ended before anything was decided"},
		{"not looked at", strconv.Itoa(r.Unlooked), "beyond --incidents"},
	})
	p.pastShifts(r)
	p.pastIncidents(r)
	p.pastGaps(r)
	p.heading("What this can't tell")
	for _, c := range r.Caveats {
		p.line("- %s", plain(c))
	}
}

// pastWatched says what of the past is remembered at all.
func (p *page) pastWatched(r *app.Past) {
	switch {
	case r.PerShift == nil:
		p.line("Nothing of that time is remembered, neither an alert nor a series up: is this the Prometheus that evaluates the rules, and does it keep its data that long?")
		return
	case r.Alerts == 0:
		p.line("No alert fired in it: is this the Prometheus that evaluates the rules?")
	}
	const shown = 10
	for _, g := range r.Gaps[:min(len(r.Gaps), shown)] {
		p.line("%s remembers nothing from %s to %s", plain(g.Source), g.From.Format("2006-01-02 15:04"), g.To.Format("2006-01-02 15:04"))
	}
	if n := len(r.Gaps) - shown; n > 0 {
		p.line("and nothing at %d more times; -o json has all", n)
	}
}

func (p *page) pastShifts(r *app.Past) {
	if r.PerShift == nil {
		return
	}
	p.heading(fmt.Sprintf("Per shift of %s, over the %s that are remembered: %.1f alerts, %.1f pages, %.1f notices, %.1f tickets", shortSpan(r.Shift),
		shortSpan(r.Watched), r.PerShift.Alerts, r.PerShift.Pages, r.PerShift.Notifies, r.PerShift.Tickets))
	rows := [][]string{{"SHIFT FROM (UTC)", "ALERTS", "INCIDENTS", "PAGES", "NOTICES", "TICKETS"}}
	for _, s := range r.Shifts {
		if s.Alerts+s.Incidents+s.Pages+s.Notifies+s.Tickets > 0 {
			rows = append(rows, []string{
				s.From.Format("2006-01-02 15:04"), strconv.Itoa(s.Alerts), strconv.Itoa(s.Incidents), strconv.Itoa(s.Pages), strconv.Itoa(s.Notifies), strconv.Itoa(s.Tickets),
			})
		}
	}
	quiet := 0
	for _, s := range r.Shifts {
		if s.Alerts+s.Incidents+s.Pages+s.Notifies+s.Tickets == 0 && s.Watched != "0s" {
			quiet++
		}
	}
	if len(rows) > 1 {
		p.table(rows)
	}
	if quiet > 0 {
		p.line("%s without any alert left out", plural(quiet, "shift"))
	}
}

// pastShown is how many incidents are printed; all are in the JSON.
const pastShown = 40

func (p *page) pastIncidents(r *app.Past) {
	if len(r.Incidents) == 0 {
		return
	}
	p.heading("Incidents")
	rows := [][]string{{"STARTED (UTC)", "SEVERITY", "SERVICES", "ALERTS", "DECISION", "CAUSE", "RUNBOOK", "WHY"}}
	for _, i := range r.Incidents[max(len(r.Incidents)-pastShown, 0):] {
		decision := strings.ReplaceAll(i.Verdict, "_", " ")
		if i.Verdict == string(decide.Escalate) {
			decision += " (" + i.Urgency + ")"
		}
		cause := "not known"
		if i.Cause != "" {
			cause = decide.Probability(i.Probability) + " " + i.Cause + after(" in ", i.Component)
		}
		var why []string
		if i.Flapping {
			why = append(why, "flapping")
		}
		if i.SymptomRelief {
			why = append(why, "symptom relief")
		}
		rows = append(rows, []string{
			i.StartedAt.Format("01-02 15:04"), i.Severity, plain(strings.Join(i.Services, ",")), strconv.Itoa(i.Alerts), decision,
			plain(cause), plain(i.Runbook), oneLine(strings.Join(append(why, i.Why...), "; ")),
		})
	}
	p.table(rows)
	if n := len(r.Incidents) - pastShown; n > 0 {
		p.line("%d earlier ones left out; -o json has all", n)
	}
}

func (p *page) pastGaps(r *app.Past) {
	if len(r.Names) > 0 {
		p.heading("Most frequent alerts")
		rows := [][]string{{"ALERT", "TIMES", "DAYS"}}
		for _, a := range r.Names[:min(len(r.Names), 10)] {
			rows = append(rows, []string{plain(a.Name), strconv.Itoa(a.Times), strconv.Itoa(a.Days)})
		}
		p.table(rows)
	}
	if len(r.Unmapped) > 0 {
		p.heading("Alerts that map to no service: each is an incident of its own and goes to a person")
		rows := [][]string{{"ALERT", "TIMES", "LABELS"}}
		for _, a := range r.Unmapped {
			rows = append(rows, []string{plain(a.Name), strconv.Itoa(a.Times), plain(strings.Join(a.Labels, ", "))})
		}
		p.table(rows)
	}
	if len(r.Runbooks) > 0 {
		p.heading("Runbooks that would have been asked")
		rows := [][]string{{"RUNBOOK", "INCIDENTS"}}
		for _, b := range r.Runbooks {
			rows = append(rows, []string{plain(b.Name), strconv.Itoa(b.Incidents)})
		}
		p.table(rows)
	}
	if len(r.Sources) > 0 {
		p.heading("What the sources still had")
		rows := [][]string{{"SOURCE", "LOOKS", "FAILED", "EMPTY", ""}}
		for _, s := range r.Sources {
			rows = append(rows, []string{plain(s.Name), strconv.Itoa(s.Asked), strconv.Itoa(s.Failed), strconv.Itoa(s.Empty), plain(s.Note)})
		}
		p.table(rows)
	}
}

// shortSpan writes 8h0m0s as 8h.
func shortSpan(s string) string { return strings.TrimSuffix(strings.TrimSuffix(s, "0s"), "0m") }
