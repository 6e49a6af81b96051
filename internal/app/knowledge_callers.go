package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/evidence/spans"
	"github.com/holdfast-sre/holdfast/internal/knowledge/impact"
	"github.com/holdfast-sre/holdfast/internal/quantity"
	"github.com/holdfast-sre/holdfast/internal/source/postgres"
	"github.com/holdfast-sre/holdfast/internal/source/prometheus"
)

// What is looked at to learn who calls whom: the last hour, of at most so many
// services so many traces each.
const (
	callsWindow   = time.Hour
	callsServices = 40
	callsTraces   = 50
	callsDeadline = 6 * time.Second
)

// traceStore holds the traces of services. Some add the calls up themselves.
type traceStore interface {
	Name() string
	Services(ctx context.Context) ([]string, error)
	Spans(ctx context.Context, service string, from, to time.Time, limit int) (found []spans.Span, more bool, err error)
}

type callCounter interface {
	Calls(ctx context.Context, from, to time.Time) ([]spans.Edge, error)
}

// callers asks all sources that can tell who uses what: trace stores, metrics that
// count calls, the consumers that metrics of a service tell apart, and databases.
// first are the services that matter most.
func (s *sources) callers(ctx context.Context, cat *catalog.Catalog, first []string, now time.Time) (calls []impact.Call, seen []impact.Source, live map[string][]impact.Fact) {
	ctx, cancel := context.WithTimeout(ctx, callsDeadline)
	defer cancel()
	var mu sync.Mutex
	live = map[string][]impact.Fact{}
	var g errgroup.Group
	g.SetLimit(impactParallel)
	ask := func(name string, traces bool, fn func() (sightings, error)) {
		g.Go(func() error {
			got, err := fn()
			mu.Lock()
			defer mu.Unlock()
			src := impact.Source{Name: name, Traces: traces, Partial: got.partial}
			if err != nil {
				src.Failed = err.Error()
			}
			if traces || err != nil || len(got.calls) > 0 {
				seen = append(seen, src)
			}
			calls = append(calls, got.calls...)
			for name, facts := range got.live {
				live[name] = append(live[name], facts...)
			}
			return nil
		})
	}
	for _, c := range s.collectors {
		if c.environment != "" && c.environment != s.cfg.Environment {
			continue
		}
		switch src := c.Collector.(type) {
		case traceStore:
			ask(src.Name(), true, func() (sightings, error) { return traced(ctx, src, first, now) })
		case *prometheus.Source:
			ask(src.Name(), false, func() (sightings, error) { return s.counted(ctx, src, cat, first, now) })
		case *postgres.Source:
			ask(src.Name(), false, func() (sightings, error) { return connected(ctx, src, s.request(cat, first, now)) })
		}
	}
	_ = g.Wait() // what failed is in seen
	slices.SortStableFunc(seen, func(a, b impact.Source) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(calls, func(a, b impact.Call) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.Seen, b.Seen))
	})
	return calls, seen, live
}

// sightings are what one source knows of who uses what.
type sightings struct {
	calls   []impact.Call
	live    map[string][]impact.Fact
	partial string // what was not looked at
}

func (f *sightings) add(edges []spans.Edge, source string) {
	for _, e := range edges {
		f.calls = append(f.calls, impact.Call{
			From: e.From, To: e.To, Names: e.Names, Seen: fmt.Sprintf("%s: %s in %s", source, plural(e.Count, "call"), quantity.Duration(callsWindow)),
		})
	}
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// traced asks a trace store, about the services that matter most where it knows
// too many.
func traced(ctx context.Context, s traceStore, first []string, now time.Time) (sightings, error) {
	var out sightings
	if c, ok := s.(callCounter); ok {
		edges, err := c.Calls(ctx, now.Add(-callsWindow), now)
		if err == nil && len(edges) > 0 {
			out.add(edges, s.Name())
		}
	}
	services, err := s.Services(ctx)
	if err != nil {
		return out, err
	}
	if services == nil { // it can't tell
		services = slices.Clone(first)
	}
	slices.Sort(services)
	slices.SortStableFunc(services, func(a, b string) int {
		return cmp.Compare(order(first, a), order(first, b))
	})
	if n := len(services); n > callsServices {
		services = services[:callsServices]
		out.partial = fmt.Sprintf("traces of %d of its %d services were looked at", callsServices, n)
	}
	all, err := sampled(ctx, s, services, now)
	out.add(spans.Edges(all), s.Name())
	return out, err
}

// order is the place of a service among the first; behind all when it is none.
func order(first []string, name string) int {
	if i := slices.Index(first, name); i >= 0 {
		return i
	}
	return len(first)
}

// sampled reads some traces of each service; what was answered stands beside an
// error.
func sampled(ctx context.Context, s traceStore, services []string, now time.Time) ([]spans.Span, error) {
	results := make([][]spans.Span, len(services))
	errs := make([]error, len(services))
	var g errgroup.Group
	g.SetLimit(impactParallel)
	for i, name := range services {
		g.Go(func() error {
			results[i], _, errs[i] = s.Spans(ctx, name, now.Add(-callsWindow), now, callsTraces)
			return nil
		})
	}
	_ = g.Wait() // the errors are in errs
	for _, err := range errs {
		if err != nil {
			return slices.Concat(results...), err
		}
	}
	return slices.Concat(results...), nil
}

// counted asks a metric source for calls, and for the consumers that the metrics of
// a service tell apart.
func (s *sources) counted(ctx context.Context, src *prometheus.Source, cat *catalog.Catalog, first []string, now time.Time) (sightings, error) {
	var out sightings
	edges, err := src.Calls(ctx, now, callsWindow)
	out.add(edges, src.Name())
	for _, name := range first {
		svc, ok := cat.Service(name)
		if !ok {
			continue
		}
		for _, sat := range svc.Metrics.Saturation {
			def, isDefault := s.cfg.DefaultSource(s.cfg.Environment, config.SourceType.Metrics)
			if sat.Consumer == "" || cmp.Or(svc.Metrics.Source, def.Name) != src.Name() && (svc.Metrics.Source != "" || isDefault) {
				continue
			}
			samples, e := src.Instant(ctx, sat.Query, now)
			if e != nil {
				if !errors.Is(e, evidence.ErrNoData) {
					err = e
				}
				continue
			}
			for _, v := range samples {
				if from := v.Labels[sat.Consumer]; from != "" && v.Value > 0 {
					out.calls = append(out.calls, impact.Call{From: from, To: name, Seen: fmt.Sprintf("%s: uses %s of its %s now", src.Name(), quantity.Format(v.Value, ""), sat.Resource)})
				}
			}
		}
	}
	return out, err
}

// request is about services as they are now.
func (s *sources) request(cat *catalog.Catalog, services []string, now time.Time) evidence.Request {
	req := evidence.Request{
		Environment: s.cfg.Environment, Affected: services, Now: now, Window: impactRecent, Onset: now.Add(-impactRecent), ReferenceEnd: now.Add(-impactRecent),
	}
	for _, name := range services {
		if svc, ok := cat.Service(name); ok {
			req.Services = append(req.Services, svc)
		}
	}
	return req
}

// connected asks a database who is connected, and for its standbys.
func connected(ctx context.Context, src *postgres.Source, req evidence.Request) (sightings, error) {
	var out sightings
	items, err := src.Collect(ctx, req)
	for _, it := range items {
		if it.Kind != evidence.KindDatabase || it.Service == "" {
			continue
		}
		db, e := evidence.Decode[evidence.Database](it)
		if e != nil {
			return out, e
		}
		for who, n := range users(db.Connections) {
			out.calls = append(out.calls, impact.Call{From: who, To: it.Service, Seen: fmt.Sprintf("%s: %s now", src.Name(), plural(n, "connection"))})
		}
		out.live = map[string][]impact.Fact{it.Service: standbys(src.Name(), db)}
	}
	return out, err
}

// users counts the connections by who holds them. Sessions of people, tools that
// copy, and Holdfast's own connections are no services that stop.
func users(all []evidence.DBConnections) map[string]int {
	out := map[string]int{}
	for _, c := range all {
		who := cmp.Or(c.Application, c.User)
		name := strings.ToLower(who)
		tool := func(t string) bool { return name == t || strings.HasPrefix(name, t+" ") }
		if name == "" || slices.ContainsFunc([]string{"holdfast", "psql", "pgcli", "pg_dump", "pg_dumpall", "pg_restore", "pgadmin", "dbeaver", "datagrip"}, tool) {
			continue
		}
		out[who] += c.Count
	}
	return out
}

// standbys are the replicas that a database itself knows of.
func standbys(source string, db evidence.Database) []impact.Fact {
	if len(db.Replica) == 0 {
		return []impact.Fact{{Kind: "replica", Text: "no standby is connected", Source: source, Absent: true}}
	}
	var out []impact.Fact
	for _, r := range db.Replica {
		out = append(out, impact.Fact{Kind: "replica", Text: fmt.Sprintf("standby %s: %s, %s behind", r.Name, r.State, quantity.Duration(r.Lag)), Source: source})
	}
	return out
}
