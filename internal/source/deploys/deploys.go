// Package deploys offers the changes that were reported to Holdfast (deploy
// webhooks) as evidence. Safe for concurrent use.
package deploys

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-sre/holdfast/internal/change"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// lookBack is how far back changes are evidence.
const lookBack = 24 * time.Hour

// strength of what others report: less than the runtime's own record.
const strength = 0.5

// ChangeReader returns the stored changes of an environment in [from, to] that
// touch one of services (empty = all).
type ChangeReader interface {
	ReportedChanges(ctx context.Context, environment string, services []string, from, to time.Time) ([]change.Change, error)
}

// Source reads stored changes.
type Source struct {
	name   string
	reader ChangeReader
}

// New returns a collector over reader.
func New(name string, reader ChangeReader) *Source { return &Source{name: name, reader: reader} }

// Name is the configured name.
func (s *Source) Name() string { return s.name }

// Collect gathers the changes of the last 24 hours before the request's Now.
func (s *Source) Collect(ctx context.Context, req evidence.Request) ([]evidence.Item, error) {
	services := make([]string, 0, len(req.Services))
	for _, svc := range req.Services {
		services = append(services, svc.Name)
	}
	from := req.Now.Add(-lookBack)
	all, err := s.reader.ReportedChanges(ctx, req.Environment, services, from, req.Now)
	if err != nil {
		return nil, fmt.Errorf("reported changes: %w", err)
	}
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b change.Change) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.ID, b.ID))
	})
	if all == nil {
		all = []change.Change{}
	}
	it := evidence.Item{
		Kind: evidence.KindChanges, Collector: "changes", Source: s.name,
		Query: "reported changes", From: from, To: req.Now, Unit: "changes",
		Summary: evidence.SummariseChanges(all, req.Now), Strength: strength, Outside: true,
	}
	it, err = it.Encode(evidence.Changes{Changes: all})
	return []evidence.Item{it}, err
}
