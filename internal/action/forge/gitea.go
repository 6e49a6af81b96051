package forge

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// gitea speaks the API of Gitea, which Forgejo shares.
type gitea struct {
	*web
	name string
}

func (g *gitea) user() string { return "x-access-token" }

func (g *gitea) rights() string {
	return "the scope write:repository, of a user who may write to the project"
}

func (g *gitea) path(more ...string) []string {
	return append(append([]string{"repos"}, strings.Split(g.name, "/")...), more...)
}

func (g *gitea) project(ctx context.Context) (project, error) {
	var in struct {
		DefaultBranch string `json:"default_branch"`
		Archived      bool   `json:"archived"`
	}
	_, err := g.get(ctx, &in, nil, g.path()...)
	return project{base: in.DefaultBranch, archived: in.Archived}, err
}

// requests asks for the one between two branches, in whatever state; when there
// are several it may not be the open one, so these are listed too.
func (g *gitea) requests(ctx context.Context, branch, base string) ([]found, error) {
	var one pull
	path := append(g.path("pulls", base), strings.Split(branch, "/")...)
	_, err := g.get(ctx, &one, nil, path...)
	if a, ok := errors.AsType[*answer](err); ok && a.code == http.StatusNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !one.from(g.name, branch, base) {
		return nil, nil
	}
	out := []found{one.found()}
	for page := 1; page <= maxPages && one.State != "open"; page++ {
		var in []pull
		more, err := g.get(ctx, &in, url.Values{
			"state": {"open"}, "base_branch": {base}, "limit": {strconv.Itoa(perPage)}, "page": {strconv.Itoa(page)},
		}, g.path("pulls")...)
		if err != nil {
			return nil, err
		}
		for _, p := range in {
			if p.from(g.name, branch, base) {
				return append(out, p.found()), nil // there is never more than one
			}
		}
		if !more {
			break
		}
	}
	return out, nil
}

func (g *gitea) open(ctx context.Context, p proposal) (Opened, error) {
	if p.draft {
		p.title = "WIP: " + p.title
	}
	var out pull
	err := g.post(ctx, &out, map[string]any{"title": p.title, "head": p.branch, "base": p.base, "body": p.body}, g.path("pulls")...)
	if a, ok := errors.AsType[*answer](err); ok && a.code == http.StatusConflict {
		return Opened{}, errors.Join(errExists, err)
	}
	return out.found().Opened, err
}
