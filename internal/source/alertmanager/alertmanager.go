// Package alertmanager reads the alerts that an Alertmanager holds: related
// alerts as evidence, and the state to reconcile incidents with. Read-only and
// safe for concurrent use.
package alertmanager

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

// Options of a source.
type Options struct {
	Name        string
	Environment string // of every alert that it holds
	URL         string
	PublicURL   string
	Token       string
	Timeout     time.Duration                                    // 0 = 3 s
	Severity    func(labels map[string]string) severity.Severity // nil = SEV-2 for every alert
	Service     func(labels map[string]string) string            // nil = none
	HTTP        *http.Client
	Now         func() time.Time // nil = time.Now
}

// Source is one Alertmanager.
type Source struct{ o Options }

var errTodo = errors.New("not yet")

// New checks the options; it does not connect.
func New(o Options) (*Source, error) { return &Source{o: o}, nil }

// Name is the configured name.
func (s *Source) Name() string { return s.o.Name }

// Active returns every alert that is not resolved, silenced and inhibited ones
// included and marked Silenced, ordered by fingerprint. healthy says whether
// the answer may be trusted about what is absent: false while the Alertmanager
// is not ready or was started less than five minutes ago.
func (s *Source) Active(ctx context.Context) (alerts []signal.Signal, healthy bool, err error) {
	return nil, false, errTodo
}

// Collect gathers the alerts active beside the incident's own.
func (s *Source) Collect(ctx context.Context, req evidence.Request) ([]evidence.Item, error) {
	return nil, errTodo
}

// Ready reports whether the server answers.
func (s *Source) Ready(ctx context.Context) error { return errTodo }
