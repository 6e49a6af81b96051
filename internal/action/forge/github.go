package forge

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// github speaks the REST API of GitHub and GitHub Enterprise, version 2022-11-28.
type github struct {
	*web
	name string
}

func (g *github) user() string { return "x-access-token" }

func (g *github) rights() string {
	return "the permissions Contents and Pull requests: read and write (fine-grained), or the scope repo (classic)"
}

func (g *github) path(more ...string) []string {
	return append(append([]string{"repos"}, strings.Split(g.name, "/")...), more...)
}

func (g *github) project(ctx context.Context) (project, error) {
	var in struct {
		DefaultBranch string `json:"default_branch"`
		Archived      bool   `json:"archived"`
	}
	_, err := g.get(ctx, &in, nil, g.path()...)
	return project{base: in.DefaultBranch, archived: in.Archived}, err
}

// pull is a pull request as GitHub and Gitea describe it.
type pull struct {
	Number   int        `json:"number"`
	URL      string     `json:"html_url"`
	State    string     `json:"state"` // open, closed
	Merged   bool       `json:"merged"`
	MergedAt *time.Time `json:"merged_at"`
	Head     end        `json:"head"`
	Base     end        `json:"base"`
}

type end struct {
	Ref  string `json:"ref"`
	SHA  string `json:"sha"`
	Repo *struct {
		FullName string `json:"full_name"`
	} `json:"repo"` // null when it was deleted
}

// from reports whether the request asks to merge branch of the project itself
// into base.
func (p pull) from(project, branch, base string) bool {
	return p.Head.Ref == branch && p.Base.Ref == base && p.Head.Repo != nil && strings.EqualFold(p.Head.Repo.FullName, project)
}

func (p pull) found() found {
	state := p.State
	if p.Merged || p.MergedAt != nil {
		state = "merged"
	}
	return found{Opened: Opened{URL: p.URL, Number: p.Number, State: state}, commit: p.Head.SHA}
}

func (g *github) requests(ctx context.Context, branch, base string) ([]found, error) {
	owner, _, _ := strings.Cut(g.name, "/")
	var out []found
	for page := 1; page <= maxPages; page++ {
		var in []pull
		more, err := g.get(ctx, &in, url.Values{
			"state": {"all"}, "head": {owner + ":" + branch}, "base": {base}, "per_page": {strconv.Itoa(perPage)}, "page": {strconv.Itoa(page)},
		}, g.path("pulls")...)
		if err != nil {
			return nil, err
		}
		for _, p := range in {
			if p.from(g.name, branch, base) {
				out = append(out, p.found())
			}
		}
		if !more {
			break
		}
	}
	return out, nil
}

func (g *github) open(ctx context.Context, p proposal) (Opened, error) {
	var out pull
	err := g.post(ctx, &out, map[string]any{
		"title": p.title, "head": p.branch, "base": p.base, "body": p.body, "draft": p.draft, "maintainer_can_modify": false,
	}, g.path("pulls")...)
	if a, ok := errors.AsType[*answer](err); ok && a.code == http.StatusUnprocessableEntity && strings.Contains(a.said, "already exists") {
		return Opened{}, errors.Join(errExists, err)
	}
	return out.found().Opened, err
}
