package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/knowledge/impact"
	"github.com/holdfast-sre/holdfast/internal/redact"
	"github.com/holdfast-sre/holdfast/internal/source/prometheus"
)

// The traffic that an analysis asks for: so far back, at this distance, and at most
// so long altogether.
const (
	impactHistory  = 30 * 24 * time.Hour
	impactStep     = 30 * time.Minute
	impactDeadline = 12 * time.Second
	impactParallel = 4
	// impactRecent is how old the newest point of "now" may be.
	impactRecent = 10 * time.Minute
)

// ImpactQuestion says what is going to be done to what.
type ImpactQuestion struct {
	Subject string
	Action  string // "restart, 15 min"; may be empty
	At      time.Time
}

// Impact says what stops when a component does. With a configuration, its catalog,
// boundaries and sources of metrics, traces and databases are asked; a source that
// does not answer is said in the report. The error is for a subject that nothing
// names.
func (k *Knowledge) Impact(ctx context.Context, q ImpactQuestion) (_ impact.Report, err error) {
	red, err := k.redactor()
	if err != nil {
		return impact.Report{}, err
	}
	in := impact.Input{Subject: q.Subject, Action: impact.ParseAction(q.Action), Now: q.At, Base: k.Base, Prefix: map[string]string{}, Hide: red.Text}
	for _, f := range k.folders {
		in.Prefix[f.Name] = prefixOf(k.Dirs[f.Name], f.Name)
	}
	if k.configured == nil {
		return impact.Analyse(ctx, in)
	}
	f := *k.configured
	in.Catalog, in.Freezes = f.Catalog, freezes(f.Boundaries, f.Config.Environment)
	live := &sources{cfg: f.Config, prometheus: map[string]*prometheus.Source{}, ready: map[string]func(context.Context) error{}}
	for _, c := range f.Config.Sources {
		if !slices.Contains([]config.SourceType{config.Prometheus, config.Jaeger, config.Tempo, config.PostgreSQL}, c.Type) {
			continue
		}
		if err := live.add(c, f.Catalog, nil); err != nil {
			return impact.Report{}, fmt.Errorf("source %s: %w", c.Name, err)
		}
	}
	defer func() {
		for _, db := range live.standing {
			_ = db.Close() // only read from
		}
	}()
	w, err := impact.Prepare(ctx, in)
	if err != nil {
		return impact.Report{}, err
	}
	return live.impact(ctx, w, in)
}

// redactor hides what the configuration says, or what everybody hides.
func (k *Knowledge) redactor() (*redact.Redactor, error) {
	var own []string
	if k.configured != nil {
		own = k.configured.Config.Redaction.Patterns
	}
	red, err := redact.New(own...)
	if err != nil {
		return nil, fmt.Errorf("redaction: %w", err)
	}
	return red, nil
}

// Hide takes secrets out of what is shown.
func (k *Knowledge) Hide() (func(string) string, error) {
	red, err := k.redactor()
	if err != nil {
		return nil, err
	}
	return red.Text, nil
}

// freezes are the windows of an environment in which nothing may be planned.
func freezes(b *boundary.Set, environment string) []impact.Window {
	var out []impact.Window
	for _, f := range b.File().Freezes {
		if len(f.Environments) == 0 || slices.Contains(f.Environments, environment) {
			out = append(out, impact.Window{Name: f.Name, From: f.From, To: f.To})
		}
	}
	return out
}

// impact asks the sources what an analysis needs: first who calls whom, then the
// traffic of those that are affected.
func (s *sources) impact(ctx context.Context, w *impact.World, in impact.Input) (impact.Report, error) {
	asking, cancel := context.WithTimeout(ctx, impactDeadline) // sources that are slow leave the analysis its time
	defer cancel()
	affected, err := w.Affected(ctx, in)
	in.Calls, in.Seen, in.Live = s.callers(asking, in.Catalog, affected, in.Now)
	if len(in.Calls) > 0 || err != nil { // calls may name what nothing else does
		if affected, err = w.Affected(ctx, in); err != nil {
			return impact.Report{}, fmt.Errorf("affected services: %w", err)
		}
	}
	in.Traffic = s.traffic(asking, in.Catalog, affected, in.Now)
	return w.Analyse(ctx, in)
}

// traffic asks the metric sources about the affected services.
func (s *sources) traffic(ctx context.Context, cat *catalog.Catalog, services []string, now time.Time) map[string]impact.Traffic {
	var mu sync.Mutex
	out := map[string]impact.Traffic{}
	var g errgroup.Group
	g.SetLimit(impactParallel)
	for _, name := range services {
		svc, known := cat.Service(name)
		if !known {
			continue
		}
		g.Go(func() error {
			if t, asked := s.trafficOf(ctx, svc, now); asked {
				mu.Lock()
				defer mu.Unlock()
				out[svc.Name] = t
			}
			return nil
		})
	}
	_ = g.Wait() // what failed is in out
	return out
}

// trafficOf asks the source of one service; asked is false when there is none.
func (s *sources) trafficOf(ctx context.Context, svc catalog.Service, now time.Time) (t impact.Traffic, asked bool) {
	for _, c := range s.cfg.Sources {
		src := s.prometheus[c.Name]
		if src == nil {
			continue
		}
		// Now comes first: when time runs out, only the history is missing.
		recent, query, serves, err := src.Traffic(ctx, svc, s.cfg.Environment, now.Add(-impactRecent), now, impactRecent/10)
		if !serves {
			continue
		}
		t = impact.Traffic{Source: c.Name, Query: query}
		if err != nil {
			t.Failed = err.Error()
			return t, true
		}
		past, _, _, err := src.Traffic(ctx, svc, s.cfg.Environment, now.Add(-impactHistory), now, impactStep)
		switch {
		case err != nil:
			t.Failed = "no history: " + err.Error()
		case len(recent) == 0 && len(past) == 0:
			t.Failed = "no data from " + c.Name
		}
		if len(recent) > 0 {
			newest := slices.MaxFunc(recent, func(a, b evidence.Point) int { return cmp.Compare(a.At.UnixNano(), b.At.UnixNano()) })
			t.Now, t.Known = newest.Value, true
		}
		t.Profile = impact.ProfileOf(past)
		return t, true
	}
	return t, false
}
