package app

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/quantity"
)

// remembering are the collectors that can be asked about the past; the others
// are named in nothing.
func (r *replay) remembering(src *sources) func(environment string) []evidence.Collector {
	present := map[string]bool{}
	for _, c := range r.folder.Config.Sources {
		switch c.Type {
		case config.Kubernetes, config.PostgreSQL, config.Supervisor, config.Alertmanager:
			present[c.Name] = true
		}
	}
	r.nothing = slices.Sorted(maps.Keys(present))
	return func(environment string) []evidence.Collector {
		var out []evidence.Collector
		for _, c := range src.collectorsOf(environment) {
			if c.Name() == src.git.Name() && len(src.repositories) == 0 {
				continue // there is no clone to ask
			}
			if !present[c.Name()] {
				out = append(out, watched{c, r.seen})
			}
		}
		return out
	}
}

// watched is a collector whose answers are counted.
type watched struct {
	evidence.Collector

	seen *answered
}

func (w watched) Collect(ctx context.Context, req evidence.Request) ([]evidence.Item, error) {
	items, err := w.Collector.Collect(ctx, req)
	w.seen.note(w.Name(), req.Now, items, err)
	return items, err
}

// answered are what sources had, by name. They are noted side by side.
type answered struct {
	mu sync.Mutex
	by map[string]*answers
}

type answers struct {
	asked, failed int
	filled, empty []time.Time
}

func (s *answered) note(name string, at time.Time, items []evidence.Item, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.by[name]
	if one == nil {
		one = &answers{}
		s.by[name] = one
	}
	one.asked++
	switch {
	case err != nil, slices.ContainsFunc(items, func(it evidence.Item) bool { return it.Kind == evidence.KindFailure }) && !slices.ContainsFunc(items, hasData):
		one.failed++
	case slices.ContainsFunc(items, hasData):
		one.filled = append(one.filled, at)
	default:
		one.empty = append(one.empty, at)
	}
}

// hasData reports whether an item says more than that nothing was there.
func hasData(it evidence.Item) bool {
	switch it.Kind {
	case evidence.KindFailure:
		return false
	case evidence.KindMetric:
		m, err := evidence.Decode[evidence.Metric](it)
		return err == nil && len(m.Now.Points) > 0
	case evidence.KindLogs:
		l, err := evidence.Decode[evidence.Logs](it)
		return err == nil && l.Lines > 0
	case evidence.KindTraces:
		t, err := evidence.Decode[evidence.Traces](it)
		return err == nil && t.Now+t.Before > 0
	case evidence.KindChanges:
		c, err := evidence.Decode[evidence.Changes](it)
		return err == nil && len(c.Changes) > 0
	}
	return true
}

func (s *answered) report() []PastSource {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []PastSource
	for _, name := range slices.Sorted(maps.Keys(s.by)) {
		one := s.by[name]
		p := PastSource{Name: name, Asked: one.asked, Failed: one.failed, Empty: len(one.empty)}
		if len(one.filled) > 0 {
			p.DataFrom = slices.MinFunc(one.filled, time.Time.Compare)
		}
		p.Note = one.note()
		out = append(out, p)
	}
	return out
}

// note says in words what a source lacked.
func (s *answers) note() string {
	if len(s.filled) == 0 {
		return fmt.Sprintf("nothing at any of %d looks", s.asked)
	}
	if len(s.empty) == 0 {
		return "data at every look that it answered"
	}
	first := slices.MinFunc(s.filled, time.Time.Compare)
	last := slices.MaxFunc(s.empty, time.Time.Compare)
	if last.Before(first) {
		return fmt.Sprintf("nothing before %s: what is older is not kept, or was not there; the last empty look was %s earlier",
			first.Format("2006-01-02 15:04"), quantity.Duration(first.Sub(last)))
	}
	return fmt.Sprintf("nothing at %d of %d looks", len(s.empty), s.asked)
}
