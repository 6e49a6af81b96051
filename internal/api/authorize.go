package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// accessKey is where an operation says who may call it.
const accessKey = "access"

type userKey struct{}

// caller returns the user of a request; the zero User on open reads.
func caller(ctx context.Context) User {
	u, _ := ctx.Value(userKey{}).(User)
	return u
}

// authorize lets a request through to its operation when the caller may call
// it. A token that is sent must be right, even where none is needed.
func (a *API) authorize(api huma.API) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		who, _ := ctx.Operation().Metadata[accessKey].(access)
		header := ctx.Header("Authorization")
		if header == "" && who == anyone && local(ctx.RemoteAddr(), ctx.Host()) {
			next(ctx)
			return
		}
		token, ok := bearer(header)
		user, known := User{}, false
		if ok {
			user, known = a.o.Users.find(token)
		}
		switch {
		case !known:
			ctx.SetHeader("WWW-Authenticate", `Bearer realm="holdfast"`)
			deny(api, ctx, newProblem(http.StatusUnauthorized, "a valid token is needed", "send a user's token as Authorization: Bearer …"))
		case who == approver && !user.Approver:
			deny(api, ctx, newProblem(http.StatusForbidden, "user "+user.Name+" may not approve", "an approver is a user with approver: true in holdfast.yaml"))
		default:
			next(huma.WithValue(ctx, userKey{}, user))
		}
	}
}

// deny answers with p in the API's own format.
func deny(api huma.API, ctx huma.Context, p *Problem) {
	ctx.SetHeader("Content-Type", "application/problem+json")
	ctx.SetStatus(p.Status)
	// A caller that is gone can't be told.
	_ = api.Marshal(ctx.BodyWriter(), "application/json", p)
}
