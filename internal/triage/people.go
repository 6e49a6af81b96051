package triage

import (
	"context"
	"errors"

	"github.com/holdfast-sre/holdfast/internal/severity"
)

// Declaration opens an incident without any alert.
type Declaration struct {
	Title       string
	Severity    severity.Severity
	Environment string   // empty = the only one configured
	Services    []string // catalog names; may be empty
	Description string
}

var errTodo = errors.New("not written yet")

// Declare opens an incident that a person saw.
func (s *Service) Declare(ctx context.Context, by string, d Declaration) (id string, err error) {
	return "", errTodo
}

// Acknowledge records that a person looks at the incident.
func (s *Service) Acknowledge(ctx context.Context, by, id string) error { return errTodo }

// SetSeverity sets the severity; only people lower it.
func (s *Service) SetSeverity(ctx context.Context, by, id string, to severity.Severity, reason string) error {
	return errTodo
}

// SetCommander names who commands.
func (s *Service) SetCommander(ctx context.Context, by, id, commander string) error { return errTodo }

// AddFinding records what a person found out; the diagnosis is made again.
func (s *Service) AddFinding(ctx context.Context, by, id, text string) error { return errTodo }

// Split moves signals into an incident of their own.
func (s *Service) Split(ctx context.Context, by, id string, signals []string, title string) (newID string, err error) {
	return "", errTodo
}

// Merge ends the incident in favour of into, which takes its signals.
func (s *Service) Merge(ctx context.Context, by, id, into string) error { return errTodo }

// Resolve ends the incident because a person says so.
func (s *Service) Resolve(ctx context.Context, by, id, reason string) error { return errTodo }
