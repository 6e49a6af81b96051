package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/knowledge/impact"
	"github.com/holdfast-sre/holdfast/internal/source/prometheus"
)

// The traffic that an analysis asks for: so far back, at this distance, and at most
// so long altogether.
const (
	impactHistory  = 30 * 24 * time.Hour
	impactStep     = 30 * time.Minute
	impactDeadline = 15 * time.Second
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
// boundaries and metric sources are asked; a source that does not answer is said in
// the report. The error is for a subject that nothing names.
func (k *Knowledge) Impact(ctx context.Context, q ImpactQuestion) (impact.Report, error) {
	in := impact.Input{Subject: q.Subject, Action: impact.ParseAction(q.Action), Now: q.At, Base: k.Base, Prefix: map[string]string{}}
	for _, f := range k.folders {
		in.Prefix[f.Name] = prefixOf(k.Dirs[f.Name], f.Name)
	}
	if k.configured == nil {
		return impact.Analyse(in)
	}
	cfg := k.configured.Config
	in.Catalog = k.configured.Catalog
	for _, f := range k.configured.Boundaries.File().Freezes {
		if len(f.Environments) == 0 || slices.Contains(f.Environments, cfg.Environment) {
			in.Freezes = append(in.Freezes, impact.Window{Name: f.Name, From: f.From, To: f.To})
		}
	}
	first, err := impact.Analyse(in) // which services to ask about
	if err != nil {
		return impact.Report{}, err
	}
	if in.Traffic, err = k.traffic(ctx, first.Services, q.At); err != nil {
		return impact.Report{}, err
	}
	return impact.Analyse(in)
}

// traffic asks the metric sources about the affected services.
func (k *Knowledge) traffic(ctx context.Context, services []impact.Service, now time.Time) (map[string]impact.Traffic, error) {
	s := &sources{cfg: k.configured.Config, prometheus: map[string]*prometheus.Source{}, ready: map[string]func(context.Context) error{}}
	for _, c := range k.configured.Config.Sources {
		if c.Type != config.Prometheus {
			continue
		}
		if err := s.add(c, k.configured.Catalog, nil); err != nil {
			return nil, fmt.Errorf("source %s: %w", c.Name, err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, impactDeadline)
	defer cancel()
	var mu sync.Mutex
	out := map[string]impact.Traffic{}
	var g errgroup.Group
	g.SetLimit(impactParallel)
	for _, a := range services {
		svc, known := k.configured.Catalog.Service(a.Name)
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
	return out, g.Wait()
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
