package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// get registers an operation that changes nothing.
func get[I, O any](a *API, api huma.API, id, path, summary string, h func(context.Context, *I) (*O, error)) {
	register(a, api, operation(http.MethodGet, id, path, summary, anyone), h)
}

// post registers an operation that changes something.
func post[I, O any](a *API, api huma.API, who access, id, path, summary string, h func(context.Context, *I) (*O, error)) {
	register(a, api, operation(http.MethodPost, id, path, summary, who), h)
}

// register adds an operation whose errors go through the table of errors.go.
func register[I, O any](a *API, api huma.API, op huma.Operation, h func(context.Context, *I) (*O, error)) {
	huma.Register(api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := h(ctx, in)
		if err != nil {
			return nil, a.fail(ctx, op.OperationID, err)
		}
		return out, nil
	})
}

// timeSchema describes incident.Time in OpenAPI: a time, or null where it has
// not come yet.
type timeSchema time.Time

// Schema is what huma asks for.
func (timeSchema) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "date-time", Nullable: true}
}

// describeHint adds our own member to the description of errors.
func describeHint(api huma.API) {
	if s, ok := api.OpenAPI().Components.Schemas.Map()["ErrorModel"]; ok {
		s.Properties["hint"] = &huma.Schema{Type: huma.TypeString, Description: "What to do about it."}
	}
}
