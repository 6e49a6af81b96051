// Package supervisor reads a process supervisor: which process runs which
// version, and its own record of deploys. Read-only and safe for concurrent use.
package supervisor

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/holdfast-sre/holdfast/internal/change"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// Options of a source.
type Options struct {
	Name        string
	Environment string
	URL         string
	Token       string
	Timeout     time.Duration // 0 = 3 s
	HTTP        *http.Client
}

// Source is one supervisor.
type Source struct{ o Options }

// Process is one entry of GET /processes.
type Process struct {
	Name       string    `json:"name"`
	Version    string    `json:"version"`
	Revision   string    `json:"revision"`
	State      string    `json:"state"` // running | exited | …
	PID        int       `json:"pid"`
	StartedAt  time.Time `json:"started_at"`
	Restarts   int       `json:"restarts"`
	Generation int64     `json:"generation"`
}

var errTodo = errors.New("not yet")

// New checks the options; it does not connect.
func New(o Options) (*Source, error) { return &Source{o: o}, nil }

// Name is the configured name.
func (s *Source) Name() string { return s.o.Name }

// Processes lists what runs, sorted by name.
func (s *Source) Processes(ctx context.Context) ([]Process, error) { return nil, errTodo }

// Changes lists the deploys that the supervisor did in [from, to], newest
// first, with Runtime set.
func (s *Source) Changes(ctx context.Context, from, to time.Time) ([]change.Change, error) {
	return nil, errTodo
}

// Collect gathers the processes behind the request's services and their deploys.
func (s *Source) Collect(ctx context.Context, req evidence.Request) ([]evidence.Item, error) {
	return nil, errTodo
}

// Ready reports whether the server answers.
func (s *Source) Ready(ctx context.Context) error { return errTodo }
