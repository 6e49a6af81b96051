package api

import (
	"context"
	"fmt"

	"github.com/danielgtaylor/huma/v2"

	"github.com/holdfast-sre/holdfast/internal/knowledge/impact"
)

// Impacts analyses what stops when a component does. It is safe for concurrent
// use and bounds what it asks. A *problem.Problem is for a subject that nothing
// names.
type Impacts func(ctx context.Context, subject, action string) (impact.Report, error)

// impacts registers the analysis.
func (a *API) impacts(api huma.API) {
	get(a, api, "get-impact", "/api/v1/impact", "What stops when a service, table, endpoint or artefact does, and when it hurts least", a.impact)
}

type impactInput struct {
	Subject string `query:"subject" required:"true" minLength:"1" maxLength:"200" example:"bookings-db" doc:"A service, component, table, endpoint, or the ID of an artefact."`
	Action  string `query:"action" maxLength:"300" example:"restart, 15 min" doc:"What is going to be done, with its length."`
}

type impactOutput struct {
	Body impact.Report
}

func (a *API) impact(ctx context.Context, in *impactInput) (*impactOutput, error) {
	if a.o.Impacts == nil {
		return nil, fmt.Errorf("impact: %w", ErrUnavailable)
	}
	r, err := a.o.Impacts(ctx, in.Subject, in.Action)
	if err != nil {
		return nil, fmt.Errorf("impact of %s: %w", clip(in.Subject, 80), err)
	}
	return &impactOutput{Body: r}, nil
}
