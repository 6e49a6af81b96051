package config

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/catalog"
)

// Repository is a git clone on this machine: how its remote is followed, and where
// drafts are proposed.
type Repository struct {
	Path   string        `yaml:"path" strict:"required" doc:"the clone: a knowledge folder lies in it, or a service names it; relative to this file"`
	Fetch  time.Duration `yaml:"fetch" doc:"how often the remote is asked for news; never by itself when left out"`
	Remote string        `yaml:"remote" doc:"of the clone; origin when left out"`
	Branch string        `yaml:"branch" doc:"of the remote, from which knowledge is read once it was fetched; the one that the clone has checked out when left out"`
	Forge  *Forge        `yaml:"forge" doc:"where drafts become pull or merge requests"`
}

// ForgeType is a kind of forge.
type ForgeType string

// The types of forge.
const (
	ForgeGitHub ForgeType = "github"
	ForgeGitLab ForgeType = "gitlab"
	ForgeGitea  ForgeType = "gitea" // and Forgejo
)

// Values lists the types.
func (ForgeType) Values() []string { return []string{"github", "gitlab", "gitea"} }

// Forge is a project on a forge.
type Forge struct {
	Type       ForgeType `yaml:"type" strict:"required"`
	URL        string    `yaml:"url" doc:"of the site or its API; the public site of github and gitlab when left out"`
	Project    string    `yaml:"project" strict:"required" doc:"owner/name; group/subgroup/name on gitlab"`
	Base       string    `yaml:"base" doc:"branch that requests ask to change; the project's default when left out"`
	Draft      bool      `yaml:"draft" doc:"open requests as drafts"`
	CAFile     string    `yaml:"ca_file" doc:"certificate authority of the site; the system's when left out"`
	Credential `yaml:",inline"`
}

// Followed reports whether the remote of a repository is asked for news: by the
// clock, or when a forge calls.
func (c Config) Followed(r Repository) bool {
	return r.Fetch > 0 || slices.ContainsFunc(c.Intake, func(in Intake) bool { return in.Type == IntakeGit })
}

// minFetch is the shortest time between two fetches.
const minFetch = 10 * time.Second

var (
	remoteName  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)
	projectName = regexp.MustCompile(`^[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)+$`)
	branchName  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*(?:[./][A-Za-z0-9_-]+)*$`)
)

func (l *loader) repositories() {
	seen := map[string]bool{}
	for i, r := range l.cfg.Repositories {
		where := at("repositories", i)
		path := filepath.Clean(r.Path)
		if seen[path] {
			l.problem(append(where, "path"), "keep one of them", "repository %s is given twice", r.Path)
		}
		seen[path] = true
		if r.Fetch != 0 && r.Fetch < minFetch {
			l.problem(append(where, "fetch"), "write 5m, and let the forge call POST /webhook/git for less delay", "must be at least %s", minFetch)
		}
		if !remoteName.MatchString(r.Remote) {
			l.problem(append(where, "remote"), "write the name that git remote shows", "%q is no name of a remote", r.Remote)
		}
		if r.Branch != "" && !branchName.MatchString(r.Branch) {
			l.problem(append(where, "branch"), "write its name, such as main", "%q is no name of a branch", r.Branch)
		}
		if r.Forge != nil {
			l.forge(append(where, "forge"), *r.Forge)
		}
	}
}

func (l *loader) forge(where []any, f Forge) {
	if f.URL != "" {
		l.url(append(slices.Clone(where), "url"), f.URL)
	} else if f.Type == ForgeGitea {
		l.problem(where, "write url: https://HOST", `required key "url" is missing`)
	}
	parts := strings.Split(f.Project, "/")
	dots := slices.ContainsFunc(parts, func(p string) bool { return strings.Trim(p, ".") == "" })
	if !projectName.MatchString(f.Project) || dots || len(parts) > 2 && f.Type != ForgeGitLab {
		l.problem(append(slices.Clone(where), "project"), "write it as it stands in the address of its page", "project %q is not owner/name", f.Project)
	}
	if f.Base != "" && !branchName.MatchString(f.Base) {
		l.problem(append(slices.Clone(where), "base"), "write its name, such as main", "%q is no name of a branch", f.Base)
	}
	if f.Token == "" && !f.refused {
		l.problem(where, "add token_file: tokens/forge", "the forge of %s has no credential", f.Project)
	}
}

// secretInClear reports whether a token travels unencrypted to another machine.
func secretInClear(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback())
}

// warnRepositories names what is allowed and will surprise.
func (f *Folder) warnRepositories(add func(what, hint string)) {
	calls := slices.IndexFunc(f.Config.Intake, func(in Intake) bool { return in.Type == IntakeGit })
	if calls >= 0 && len(f.Config.Repositories) == 0 {
		add(fmt.Sprintf("intake %s announces pushes, and no repository is configured to fetch", f.Config.Intake[calls].Name), "add repositories: [{path: …}]")
	}
	for _, r := range f.Config.Repositories {
		if r.Forge != nil && secretInClear(r.Forge.URL) {
			add(fmt.Sprintf("the token of %s travels unencrypted to %s", r.Forge.Project, r.Forge.URL), "use https")
		}
		if !f.usesRepository(r.Path) {
			add(fmt.Sprintf("repository %s is not used: no knowledge folder and no runbooks lie in it, and no service names it", r.Path), "name the clone itself, as knowledge: or the catalog does")
		}
	}
}

func (f *Folder) usesRepository(path string) bool {
	top := resolved(path)
	folders := slices.Clone(f.Config.Knowledge)
	if f.Config.Runbooks != "" {
		folders = append(folders, f.Config.Runbooks)
	}
	for _, k := range folders {
		if rel, err := filepath.Rel(top, resolved(k)); err == nil && (rel == "." || filepath.IsLocal(rel)) {
			return true
		}
	}
	return slices.ContainsFunc(f.Catalog.Services(), func(s catalog.Service) bool {
		return s.Repository.Path != "" && resolved(s.Repository.Path) == top
	})
}

// resolved is a path by which folders can be compared.
func resolved(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	return filepath.Clean(path)
}
