package app

import (
	"context"
	"errors"
	"slices"

	"github.com/holdfast-sre/holdfast/internal/api"
	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/web"
)

// approvers reports who may approve by holdfast.yaml.
func approvers(users []config.User) func(string) bool {
	return func(name string) bool {
		return slices.ContainsFunc(users, func(u config.User) bool { return u.Approver && u.Name == name })
	}
}

// tasks is the page's door to delegation: it knows people by their token, and
// says what the API would answer as something to read.
func tasks(users *api.Users, c api.Delegator) web.Delegate {
	return func(ctx context.Context, token, id, task, plan string) (p incident.DelegationPlan, err error) {
		who, ok := users.Find(token)
		switch {
		case !ok:
			return p, &problem.Problem{What: "a valid API token is needed", Hint: "it is the one that holdfast init wrote, or your administrator gave you"}
		case task == "":
			return p, &problem.Problem{What: "the task is empty", Hint: "say it as: restart SERVICE [and watch for 10 min]"}
		case plan == "":
			p, err = c.PlanDelegation(ctx, who, id, api.Order{Text: task})
		default:
			p, err = c.Delegate(ctx, who, id, api.Order{Text: task}, plan)
		}
		if errors.Is(err, api.ErrNotFound) || errors.Is(err, api.ErrConflict) || errors.Is(err, api.ErrForbidden) {
			return p, &problem.Problem{What: err.Error(), Hint: "look at the incident again: it may have moved on"}
		}
		return p, err
	}
}
