package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action/gitbranch"
	"github.com/holdfast-sre/holdfast/internal/ingest/gitpush"
	"github.com/holdfast-sre/holdfast/internal/source/git"
)

// fetchTime bounds one fetch: the first one of a clone that was left alone for
// months takes a while.
const fetchTime = 5 * time.Minute

// fetch says how the clones are fetched: those that are followed, and no others.
func (r *repositories) fetch() git.Fetch {
	f := git.Fetch{Timeout: fetchTime, Remotes: map[string]git.Remote{}, Env: proxies()}
	for _, name := range []string{"HOME", "PATH", "SSH_AUTH_SOCK"} { // for the keys of ssh
		if v, ok := os.LookupEnv(name); ok {
			f.Env = append(f.Env, name+"="+v)
		}
	}
	for _, one := range r.list {
		if !one.followed {
			continue
		}
		remote := git.Remote{Name: one.Remote, Every: one.Fetch}
		if one.forge != nil {
			remote.Header = one.forge.Header
		}
		f.Remotes[one.top] = remote
	}
	return f
}

// paths are the clones.
func (r *repositories) paths() []string {
	var out []string
	for _, one := range r.list {
		out = append(out, one.top)
	}
	return out
}

// follower says at which commit the knowledge folders are read: that of the
// fetched branch where the repository is followed, and else none, which means the
// files. What was read once stays when the remote loses its branch.
type follower struct {
	git   *git.Source
	repos *repositories
	log   *slog.Logger

	mu   sync.Mutex
	last map[string]followed // by clone
}

// followed is how a clone was read last.
type followed struct{ commit, why string }

func newFollower(g *git.Source, r *repositories, log *slog.Logger) *follower {
	return &follower{git: g, repos: r, log: log, last: map[string]followed{}}
}

// commit is the one at which the clone of a folder is read, and the folder's place
// in it; "" = the folder's own files.
func (f *follower) commit(ctx context.Context, dir string) (commit, top, inside string) {
	if f == nil {
		return "", "", ""
	}
	top, inside, ok := git.Top(realPath(dir))
	if !ok {
		return "", "", ""
	}
	repo, ok := f.repos.of(top)
	if !ok || !repo.followed {
		return "", "", ""
	}
	commit, why, err := f.git.Fetched(ctx, top, repo.Branch)
	if err != nil {
		why = err.Error()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	old := f.last[top]
	if commit == "" && old.commit != "" {
		commit = old.commit
		why += ": what it held last is read"
	}
	if why != "" && why != old.why {
		level := slog.LevelWarn
		if why == git.NotFetched { // as at every first start
			level = slog.LevelInfo
		}
		f.log.Log(ctx, level, "knowledge does not follow the remote", "repository", top, "why", why)
	}
	f.last[top] = followed{commit, why}
	return commit, top, filepath.ToSlash(inside)
}

// opened is a knowledge folder as it is read.
type opened struct {
	fs     fs.FS
	commit string // "" = its files
	done   func()
}

// openDir opens a folder's own files, so that no link leads out of it.
func openDir(dir string) (opened, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return opened{}, err
	}
	return opened{fs: root.FS(), done: func() { _ = root.Close() }}, nil // only read from
}

// open opens a folder at the commit that is followed, or its own files.
func (f *follower) open(ctx context.Context, dir string) (opened, error) {
	commit, top, inside := f.commit(ctx, dir)
	if commit == "" {
		return openDir(dir)
	}
	return f.at(ctx, top, inside, commit)
}

func (f *follower) at(ctx context.Context, top, inside, commit string) (opened, error) {
	tree, err := f.git.Tree(ctx, top, commit, inside)
	if err != nil {
		return opened{}, err
	}
	return opened{fs: tree, commit: commit, done: func() { _ = tree.Close() }}, nil // never fails
}

// again opens a folder as it was opened before.
func (f *follower) again(ctx context.Context, dir, commit string) (opened, error) {
	if commit == "" {
		return openDir(dir)
	}
	top, inside, ok := git.Top(realPath(dir))
	if !ok {
		return opened{}, errors.New("the clone is gone")
	}
	return f.at(ctx, top, filepath.ToSlash(inside), commit)
}

// onto is the commit on which drafts for a clone are written: the one at which one of
// the folders was read; nil = what is checked out.
func (l *library) onto(ctx context.Context, top string) (*gitbranch.Onto, error) {
	for _, dir := range l.dirs {
		commit := l.commitOf(dir)
		at, _, ok := git.Top(realPath(dir))
		if !ok || commit == "" || at != realPath(top) {
			continue
		}
		return l.follow.onto(ctx, at, commit)
	}
	return nil, nil
}

// onto is a commit that was fetched for a clone.
func (f *follower) onto(ctx context.Context, top, commit string) (*gitbranch.Onto, error) {
	objects, err := f.git.Objects(ctx, top)
	if err != nil {
		return nil, fmt.Errorf("what was fetched for %s: %w", top, err)
	}
	branches, err := f.git.FetchedBranches(ctx, top, DraftBranches)
	if err != nil {
		return nil, fmt.Errorf("branches that were fetched for %s: %w", top, err)
	}
	return &gitbranch.Onto{Commit: commit, Objects: objects, Branches: branches}, nil
}

// pushed has the repositories fetched that a forge tells of: those whose project or
// remote is the one that was pushed to.
func (f *follower) pushed(ctx context.Context, p gitpush.Push) int {
	n := 0
	for _, repo := range f.repos.list {
		if repo.followed && f.means(ctx, repo, p) && f.git.Ask(repo.top) {
			n++
		}
	}
	return n
}

func (f *follower) means(ctx context.Context, repo repository, p gitpush.Push) bool {
	if repo.Forge != nil {
		return strings.EqualFold(strings.Trim(repo.Forge.Project, "/"), p.Project)
	}
	remote, err := f.git.RemoteURL(ctx, repo.top, repo.Remote)
	if err != nil || remote == "" {
		return false
	}
	mine := place(remote)
	return slices.ContainsFunc(p.URLs, func(u string) bool { return place(u) == mine })
}

// place is host and path of a remote, however it is written: https://HOST/a/b.git,
// ssh://git@HOST:22/a/b, git@HOST:a/b.
func place(remote string) string {
	host, at := "", remote
	if u, err := url.Parse(remote); err == nil && u.Host != "" {
		host, at = u.Hostname(), u.Path
	} else if h, p, ok := strings.Cut(remote, ":"); ok && !strings.Contains(h, "/") {
		host, at = h[strings.LastIndex(h, "@")+1:], p
	}
	return strings.ToLower(host + path.Clean("/"+strings.TrimSuffix(strings.TrimSuffix(at, "/"), ".git")))
}
