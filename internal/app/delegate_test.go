package app

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/holdfast-sre/holdfast/internal/api"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/respond"
	"github.com/holdfast-sre/holdfast/internal/store"
	"github.com/holdfast-sre/holdfast/internal/web"
)

// refusing is a Delegator that refuses.
type refusing struct {
	api.Delegator

	err error
}

func (r refusing) PlanDelegation(context.Context, api.User, string, api.Order) (incident.DelegationPlan, error) {
	return incident.DelegationPlan{}, r.err
}

func (r refusing) Delegate(context.Context, api.User, string, api.Order, string) (incident.DelegationPlan, error) {
	return incident.DelegationPlan{}, r.err
}

func TestATaskFromThePageIsRefusedAsTheAPIRefusesIt(t *testing.T) {
	t.Parallel()
	const token = "0123456789abcdef0123456789abcdef"
	users, err := api.NewUsers([]api.Credential{{Name: "ana", Token: token}})
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		token, plan string
		err         error
		status      int
	}{
		"no token":         {status: 401},
		"wrong token":      {token: "1" + token, status: 401},
		"unknown incident": {token: token, err: translate(fmt.Errorf("incident x: %w", store.ErrNotFound)), status: 404},
		"stale plan":       {token: token, plan: "0f3a9c77", err: translate(fmt.Errorf("the plan is another one: %w", respond.ErrMoved)), status: 409},
		"closed":           {token: token, plan: "0f3a9c77", err: translate(&incident.RefusedError{What: "it is closed"}), status: 409},
		"never":            {token: token, plan: "0f3a9c77", err: translate(respond.ErrNever), status: 403},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := tasks(users, refusing{err: tt.err})(t.Context(), tt.token, "x", "restart relay", tt.plan)
			if no, ok := errors.AsType[*web.RefusedError](err); !ok || no.Status != tt.status || no.What == "" {
				t.Errorf("%v, want a refusal with status %d", err, tt.status)
			}
		})
	}
}
