package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/holdfast-sre/holdfast/internal/action/forge"
	"github.com/holdfast-sre/holdfast/internal/config"
)

// repositories are the clones that the configuration names.
type repositories struct {
	list []repository
}

// repository is one clone.
type repository struct {
	config.Repository
	top      string   // its folder, links resolved
	forge    proposer // nil when none is configured
	followed bool     // its remote is asked for news
}

// proposer offers a branch for review.
type proposer interface {
	Propose(ctx context.Context, r forge.Request) (forge.Opened, error)
	Ready(ctx context.Context) error
	Project() string
	Header(remote string) (string, error)
}

func newRepositories(cfg config.Config) (*repositories, error) {
	out := &repositories{}
	for _, r := range cfg.Repositories {
		one := repository{Repository: r, top: realPath(r.Path), followed: cfg.Followed(r)}
		if f := r.Forge; f != nil {
			client, err := forge.New(forge.Options{
				Type: forge.Type(f.Type), URL: f.URL, Project: f.Project, Base: f.Base, Draft: f.Draft, CAFile: f.CAFile,
				Token: secret(f.Token), Env: proxies(),
			})
			if err != nil {
				return nil, fmt.Errorf("repository %s: %w", r.Path, err)
			}
			one.forge = client
		}
		out.list = append(out.list, one)
	}
	return out, nil
}

// Propose pushes a branch of a clone and opens a request for it at its forge; asked
// again it returns the same one. The URL is empty when no forge is configured for
// the clone.
func (r *repositories) Propose(ctx context.Context, clone, branch, commit, title, body string) (url string, err error) {
	one, ok := r.of(clone)
	if !ok || one.forge == nil {
		return "", nil
	}
	opened, err := one.forge.Propose(ctx, forge.Request{Clone: clone, Branch: branch, Commit: commit, Title: title, Body: body})
	if err != nil {
		return "", err
	}
	return opened.URL, nil
}

// later reports whether a failed proposal is worth another try.
func later(err error) bool { return errors.Is(err, forge.ErrLater) }

// of is what is configured for a clone.
func (r *repositories) of(clone string) (repository, bool) {
	if r == nil {
		return repository{}, false
	}
	top := realPath(clone)
	for _, one := range r.list {
		if one.top == top {
			return one, true
		}
	}
	return repository{}, false
}

// realPath is a path by which folders can be compared.
func realPath(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

// proxies are what git may know of the environment to reach a forge.
func proxies() []string {
	var out []string
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"} {
		if v, ok := os.LookupEnv(name); ok {
			out = append(out, name+"="+v)
		}
	}
	return out
}
