package triage

import (
	"context"

	"github.com/holdfast-sre/holdfast/internal/jobs"
	"github.com/holdfast-sre/holdfast/internal/store"
)

func (s *Service) drain(ctx context.Context, _ jobs.Job) (func(context.Context, *store.Tx) error, error) {
	return nil, errTodo
}
