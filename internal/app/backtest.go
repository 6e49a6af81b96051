package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/redact"
)

// BacktestOptions say which past is looked at.
type BacktestOptions struct {
	From, To  time.Time
	Shift     time.Duration
	Step      time.Duration // between two samples of the alerts' past
	Incidents int           // at most so many are investigated
	// Progress is told how far a part is; it may be nil.
	Progress func(what string, done, total int)
}

// looks are when an incident is looked at, from its first alert, until the
// verdict stands.
var looks = [...]time.Duration{0, 2 * time.Minute, 5 * time.Minute, decide.DiagnoseWithin}

// Backtest says what the agent would have made of the alerts that Prometheus
// remembers: the triage, the diagnosis, the runbooks and the rules are those of
// `serve`, at the time of each alert, over what the sources still have of that
// time. It reads only; nothing is stored, sent or acted on.
func Backtest(ctx context.Context, f config.Folder, o BacktestOptions, log *slog.Logger) (p Past, err error) {
	red, err := redact.New(f.Config.Redaction.Patterns...)
	if err != nil {
		return p, fmt.Errorf("redaction: %w", err)
	}
	src, err := newSources(f, nil, red, "")
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, src.close()) }()
	if o.Progress == nil {
		o.Progress = func(string, int, int) {}
	}
	p = Past{From: o.From, To: o.To, Step: o.Step.String(), Incidents: []PastIncident{}, Ignored: watchdogs(f.Config), Gaps: []PastGap{}}
	episodes, err := alertsOf(ctx, f.Config, src, o, &p)
	if err != nil {
		return p, err
	}
	r, err := newReplay(ctx, f, src, red, o, log)
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.run(ctx, episodes); err != nil {
		return p, err
	}
	if p.Incidents, err = r.results(ctx); err != nil {
		return p, err
	}
	p.Unlooked = r.skipped
	p.Sources = r.seen.report()
	p.Unmapped = byName(slices.DeleteFunc(slices.Clone(episodes), func(e episode) bool { return r.service(e.Labels) != "" }))
	p.count(episodes, o.Shift)
	p.Caveats = append(p.Caveats, r.caveats(o)...)
	return p, nil
}

// alertsOf reads the past of every Prometheus, one after the other, and notes
// what of it is missing.
func alertsOf(ctx context.Context, cfg config.Config, src *sources, o BacktestOptions, p *Past) ([]episode, error) {
	var out []episode
	total, done := 0, 0
	for _, c := range cfg.Sources {
		if c.Type == config.Prometheus {
			total += int((o.To.Sub(o.From) + chunkOfPast - 1) / chunkOfPast)
		}
	}
	if total == 0 {
		return nil, problem.Hinted(errors.New("no Prometheus is configured"), "a backtest reads the past of its alerts: add a source of type prometheus")
	}
	for _, c := range cfg.Sources {
		if c.Type != config.Prometheus {
			continue
		}
		read, err := readAlerts(ctx, src.prometheus[c.Name], o.From, o.To, o.Step, func() {
			done++
			o.Progress("reading alerts", done, total)
		})
		if err != nil {
			return nil, fmt.Errorf("source %s: %w", c.Name, err)
		}
		p.remember(c.Name, read)
		for _, e := range read.episodes {
			if !slices.Contains(p.Ignored, e.name()) {
				e.environment, e.source = cmp.Or(c.Environment, cfg.Environment), c.Name
				out = append(out, e)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b episode) int { return a.From.Compare(b.From) })
	return out, nil
}
