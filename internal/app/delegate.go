package app

import (
	"context"
	"errors"
	"net/http"
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
			return p, refusedTask(http.StatusUnauthorized, "a valid API token is needed", "it is the one that holdfast init wrote, or that your administrator gave you")
		case task == "":
			return p, &problem.Problem{What: "the task is empty", Hint: "say it as: restart SERVICE [and watch for 10 min]"}
		case plan == "":
			p, err = c.PlanDelegation(ctx, who, id, api.Order{Text: task})
		default:
			p, err = c.Delegate(ctx, who, id, api.Order{Text: task}, plan)
		}
		switch {
		case errors.Is(err, api.ErrNotFound):
			return p, refusedTask(http.StatusNotFound, "there is no incident of this name", "open the task from the incident's page")
		case errors.Is(err, api.ErrConflict):
			return p, refusedTask(http.StatusConflict, err.Error(), "nothing was done; look at the incident again, it has moved on, and show the plan once more")
		case errors.Is(err, api.ErrForbidden):
			return p, refusedTask(http.StatusForbidden, err.Error(), "")
		}
		return p, err
	}
}

func refusedTask(status int, what, hint string) error {
	return &web.RefusedError{Status: status, Problem: problem.Problem{What: what, Hint: hint}}
}
