// Package loki reads log lines. Read-only and safe for concurrent use.
package loki

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/redact"
)

// Options of a source.
type Options struct {
	Name        string // configured name
	Environment string // empty = serves every environment
	Default     bool   // serves catalog entries that name no source
	URL         string
	PublicURL   string           // for links; empty = none
	Token       string           // bearer token; empty = none
	Timeout     time.Duration    // of one query; 0 = 3 s
	Limit       int              // lines of one query; 0 = 2000
	Redact      *redact.Redactor // nil = the built-in rules
	HTTP        *http.Client     // nil = one of its own
}

// Source is one log store.
type Source struct{ o Options }

var errTodo = errors.New("not yet")

// New checks the options; it does not connect.
func New(o Options) (*Source, error) { return &Source{o: o}, nil }

// Name is the configured name.
func (s *Source) Name() string { return s.o.Name }

// Collect gathers new and risen log templates of the request's services.
func (s *Source) Collect(ctx context.Context, req evidence.Request) ([]evidence.Item, error) {
	return nil, errTodo
}

// Count counts the lines of selector in (from, to] that match the regular
// expression (RE2; empty = every line).
func (s *Source) Count(ctx context.Context, selector, pattern string, from, to time.Time) (int, error) {
	return 0, errTodo
}

// Ready reports whether the server answers.
func (s *Source) Ready(ctx context.Context) error { return errTodo }
