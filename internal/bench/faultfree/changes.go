package faultfree

import (
	"time"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/change"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

func (w *world) catalog() (*catalog.Catalog, error) {
	var out []catalog.Service
	for i, name := range w.services {
		s := catalog.Service{
			Name: name, Owner: "team", Tier: 2, UserFacing: i == 0,
			Targets: []catalog.Target{{Environment: "calm", Kind: "process", Name: name}},
		}
		switch {
		case w.kind.fan && i == 0:
			s.DependsOn = w.services[1:]
		case !w.kind.fan && i+1 < len(w.services):
			s.DependsOn = w.services[i+1 : i+2]
		}
		out = append(out, s)
	}
	return catalog.New(out, nil) //nolint:wrapcheck // wrapped by Load
}

// changes that went well, and what runs since.
func (w *world) changes() {
	var cs []change.Change
	for _, s := range w.services {
		instance := evidence.Instance{Name: s + "-1", Version: "1.0.0", State: "running", StartedAt: w.ago(time.Duration(w.between(1, 400)) * time.Hour)}
		if w.chance(0.2) {
			at := w.ago(time.Duration(w.between(4, 600)) * time.Minute)
			w.deploys[s] = at
			cs = append(cs, change.Change{
				ID: "chg_" + s, Kind: change.Deploy, Service: s, Version: "1.1.0", Previous: "1.0.0", At: at, Runtime: w.chance(0.5),
			})
			instance.Version, instance.StartedAt = "1.1.0", at.Add(20*time.Second)
			instance.Restarts = w.r.IntN(2)
		}
		w.add(evidence.Item{Kind: evidence.KindRuntime, Collector: "runtime", Source: "runtime", Service: s, Query: "instances of " + s},
			evidence.Runtime{Instances: []evidence.Instance{instance}})
	}
	if w.chance(0.2) {
		cs = append(cs, change.Change{ID: "flag", Kind: change.Flag, Service: w.any(), At: w.ago(time.Duration(w.between(3, 300)) * time.Minute)})
	}
	if w.chance(0.15) {
		cs = append(cs, change.Change{ID: "scale", Kind: change.Scaling, Service: w.any(), At: w.ago(time.Duration(w.between(1, 300)) * time.Minute)})
	}
	w.add(evidence.Item{Kind: evidence.KindChanges, Collector: "changes", Source: "changes", Query: "changes of the last 24h"}, evidence.Changes{Changes: cs})
}
