package forge

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
)

// gitlab speaks version 4 of GitLab's API.
type gitlab struct {
	*web
	name string
}

func (g *gitlab) user() string { return "oauth2" }

func (g *gitlab) rights() string {
	return "the scopes api and write_repository, and the role Developer in the project"
}

func (g *gitlab) project(ctx context.Context) (project, error) {
	var in struct {
		DefaultBranch string `json:"default_branch"` // null when empty
		Archived      bool   `json:"archived"`
	}
	_, err := g.get(ctx, &in, nil, "projects", g.name)
	return project{base: in.DefaultBranch, archived: in.Archived}, err
}

// merge is a merge request.
type merge struct {
	Number        int    `json:"iid"`
	URL           string `json:"web_url"`
	State         string `json:"state"` // opened, closed, locked, merged
	SHA           string `json:"sha"`
	Source        string `json:"source_branch"`
	Target        string `json:"target_branch"`
	SourceProject int    `json:"source_project_id"`
	TargetProject int    `json:"target_project_id"`
}

func (m merge) found() found {
	state := m.State
	if state == "opened" || state == "locked" { // locked while it is being merged
		state = "open"
	}
	return found{Opened: Opened{URL: m.URL, Number: m.Number, State: state}, commit: m.SHA}
}

func (g *gitlab) requests(ctx context.Context, branch, base string) ([]found, error) {
	var out []found
	for page := 1; page <= maxPages; page++ {
		var in []merge
		more, err := g.get(ctx, &in, url.Values{
			"state": {"all"}, "source_branch": {branch}, "target_branch": {base}, "per_page": {strconv.Itoa(perPage)}, "page": {strconv.Itoa(page)},
		}, "projects", g.name, "merge_requests")
		if err != nil {
			return nil, err
		}
		for _, m := range in {
			if m.Source == branch && m.Target == base && m.SourceProject == m.TargetProject {
				out = append(out, m.found())
			}
		}
		if !more {
			break
		}
	}
	return out, nil
}

func (g *gitlab) open(ctx context.Context, p proposal) (Opened, error) {
	if p.draft {
		p.title = "Draft: " + p.title
	}
	var out merge
	err := g.post(ctx, &out, map[string]any{
		"title": p.title, "source_branch": p.branch, "target_branch": p.base, "description": p.body, "remove_source_branch": true,
	}, "projects", g.name, "merge_requests")
	if a, ok := errors.AsType[*answer](err); ok && a.code == http.StatusConflict {
		return Opened{}, errors.Join(errExists, err)
	}
	return out.found().Opened, err
}
