package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-sre/holdfast/internal/action/forge"
	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/source/git"
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

// Forges proposes what a command has drafted.
type Forges struct{ repos *repositories }

// NewForges reads the repositories of a configuration.
func NewForges(cfg config.Config) (*Forges, error) {
	r, err := newRepositories(cfg)
	if err != nil {
		return nil, err
	}
	return &Forges{r}, nil
}

// Of is the project at which branches of a clone are proposed; "" = none.
func (f *Forges) Of(clone string) string {
	one, ok := f.repos.of(clone)
	if !ok || one.forge == nil {
		return ""
	}
	return one.forge.Project()
}

// Propose pushes a branch and opens a request for it; asked again it returns the
// same one.
func (f *Forges) Propose(ctx context.Context, b Branched, title, body string) (url string, err error) {
	return f.repos.Propose(ctx, b.Clone, b.Branch, b.Commit, title, body)
}

// RepositoryState is what a configured repository answers.
type RepositoryState struct {
	Path   string
	Remote string // "" = not followed
	Forge  string // "" = none
	Err    error  // of the remote and the forge; nil = both are well
}

// connectTime bounds the answers of one repository.
const connectTime = 30 * time.Second

// AskRepositories asks the remote of each followed repository for its branches and
// each forge whether its token may push. It fetches and writes nothing.
func AskRepositories(ctx context.Context, cfg config.Config) (out []RepositoryState, err error) {
	repos, err := newRepositories(cfg)
	if err != nil {
		return nil, err
	}
	fetch := repos.fetch()
	fetch.Timeout = connectTime
	src, err := git.New(git.Options{Name: "git", Fetch: fetch})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	out = make([]RepositoryState, len(repos.list))
	var g errgroup.Group
	for i, r := range repos.list {
		g.Go(func() error {
			st := RepositoryState{Path: r.Path}
			if r.followed {
				st.Remote = r.Remote
				st.Err = src.Reach(ctx, r.top)
			}
			if r.forge != nil {
				st.Forge = r.forge.Project()
				st.Err = errors.Join(st.Err, r.forge.Ready(ctx))
			}
			out[i] = st
			return nil
		})
	}
	return out, g.Wait()
}
