// Package forge offers a branch of a clone for review: it pushes one branch to a
// project on GitHub, GitLab or Gitea and opens a pull or merge request. It never
// writes to the base branch, never moves a branch that exists, and publishes no
// commit but Holdfast's own. Asked again it finds what it opened before. The
// token travels in a header to the configured host and nowhere else: not on disk,
// not in arguments, not in errors.
package forge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/outside"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

// Type is a kind of forge.
type Type string

// The types of forge.
const (
	GitHub Type = "github"
	GitLab Type = "gitlab"
	Gitea  Type = "gitea"
)

// ErrLater marks what another try may not meet: a forge that does not answer or
// asks for patience.
var ErrLater = errors.New("the forge can't be asked now")

// Options say which project is meant and how it is reached.
type Options struct {
	Type    Type
	URL     string // of the site or of its API; "" = the public site of the type
	Project string // owner/name; at GitLab groups may nest
	Base    string // branch that requests ask to change; "" = the project's default
	Token   func() (string, error)
	CAFile  string        // certificate authority of a site of one's own
	Draft   bool          // open requests as drafts
	Timeout time.Duration // of one answer; 0 = 10 s
	Push    time.Duration // of one git command; 0 = 1 min
	Env     []string      // what git may know of the user: proxies, as NAME=VALUE
}

const (
	defaultTimeout = 10 * time.Second
	defaultPush    = time.Minute
	// maxTitle and maxBody are what the strictest of the forges takes.
	maxTitle = 200
	maxBody  = 60_000
)

// Client speaks to one project. It is safe for concurrent use.
type Client struct {
	o       Options
	site    *url.URL // where people and git go
	web     *web
	dialect dialect
}

// Request is what to propose.
type Request struct {
	Clone  string // folder of the clone that holds the commit
	Branch string // as it is to be called at the forge
	Commit string // full hash
	Title  string
	Body   string // Markdown
}

// Opened is a pull or merge request.
type Opened struct {
	URL     string
	Number  int
	Existed bool   // it was there before
	State   string // open, merged or closed
}

// project is what a forge says about a project.
type project struct {
	base     string // default branch
	archived bool
}

// found is a request for a branch.
type found struct {
	Opened
	commit string // at its head
}

// proposal is a request as it is opened.
type proposal struct {
	branch, base, title, body string
	draft                     bool
}

// dialect is what differs between forges.
type dialect interface {
	// project describes the project.
	project(ctx context.Context) (project, error)
	// requests lists those from branch to base, in any state, newest first.
	requests(ctx context.Context, branch, base string) ([]found, error)
	// open opens one. errExists means that there is one.
	open(ctx context.Context, p proposal) (Opened, error)
	// user is the name that git gives beside the token.
	user() string
	// rights says what a token needs.
	rights() string
}

// errExists is the answer that a request for the branch is open already.
var errExists = errors.New("a request for this branch exists")

// New checks the options. It asks nothing.
func New(o Options) (*Client, error) {
	if o.Token == nil {
		return nil, errors.New("forge: no token")
	}
	o.Timeout, o.Push = cmp.Or(o.Timeout, defaultTimeout), cmp.Or(o.Push, defaultPush)
	o.Project = strings.TrimSuffix(strings.Trim(o.Project, "/"), ".git")
	if err := checkProject(o.Type, o.Project); err != nil {
		return nil, err
	}
	site, api, err := addresses(o.Type, o.URL)
	if err != nil {
		return nil, err
	}
	w, err := newWeb(api, o)
	if err != nil {
		return nil, err
	}
	c := &Client{o: o, site: site, web: w}
	switch o.Type {
	case GitHub:
		w.header = map[string]string{"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
		c.dialect = &github{web: w, name: o.Project}
	case GitLab:
		c.dialect = &gitlab{web: w, name: o.Project}
	case Gitea:
		c.dialect = &gitea{web: w, name: o.Project}
	}
	w.rights = c.dialect.rights()
	return c, nil
}

// Project is the page of the project.
func (c *Client) Project() string { return c.site.JoinPath(c.o.Project).String() }

func (c *Client) remote() string { return c.Project() + ".git" }

var part = regexp.MustCompile(`^[A-Za-z0-9_.][A-Za-z0-9_.-]*$`)

func checkProject(t Type, name string) error {
	parts := strings.Split(name, "/")
	bad := slices.ContainsFunc(parts, func(p string) bool { return !part.MatchString(p) || strings.Trim(p, ".") == "" })
	if bad || len(parts) < 2 || len(parts) > 2 && t != GitLab || len(name) > 255 {
		return problem.Hinted(fmt.Errorf("project %q is not owner/name", name), "write it as it stands in the address of its page")
	}
	return nil
}

// addresses are the site and the API behind either of them.
func addresses(t Type, given string) (site, api *url.URL, err error) {
	public := map[Type]string{GitHub: "https://github.com", GitLab: "https://gitlab.com"}
	suffix := map[Type]string{GitHub: "/api/v3", GitLab: "/api/v4", Gitea: "/api/v1"}
	if _, ok := suffix[t]; !ok {
		return nil, nil, fmt.Errorf("forge: unknown type %q", t)
	}
	if given = cmp.Or(given, public[t]); given == "" {
		return nil, nil, problem.Hinted(fmt.Errorf("forge of type %s: no address", t), "write url: https://HOST")
	}
	u, err := url.Parse(strings.TrimRight(given, "/"))
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, nil, problem.Hinted(errors.New("the address of the forge is no http or https URL"), "write url: https://HOST")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, nil, problem.Hinted(errors.New("the address of the forge holds more than host and path"), "write url: https://HOST and the token into token_file")
	}
	u.Path = strings.TrimSuffix(u.Path, suffix[t])
	u.RawPath = ""
	if t == GitHub && (u.Host == "api.github.com" || strings.HasSuffix(u.Host, ".ghe.com")) {
		u.Host = strings.TrimPrefix(u.Host, "api.")
	}
	at := *u
	if t == GitHub && (u.Host == "github.com" || strings.HasSuffix(u.Host, ".ghe.com")) {
		at.Host = "api." + u.Host
	} else {
		at.Path += suffix[t]
	}
	return u, &at, nil
}

// Propose pushes the commit as a new branch and opens a request for it. A request
// that was opened before for the same commit is returned, also when people have
// merged or closed it meanwhile. Else an open one for the branch is, which may hold
// what a reviewer added.
func (c *Client) Propose(ctx context.Context, r Request) (Opened, error) {
	p, err := c.dialect.project(ctx)
	if err != nil {
		return Opened{}, c.failed(err)
	}
	base := cmp.Or(c.o.Base, p.base)
	if err := c.check(r, p, base); err != nil {
		return Opened{}, c.failed(err)
	}
	before, err := c.dialect.requests(ctx, r.Branch, base)
	if err != nil {
		return Opened{}, c.failed(err)
	}
	if f, ok := first(before, func(f found) bool { return f.commit == r.Commit }); ok {
		return f, nil
	}
	if f, ok := first(before, isOpen); ok {
		return f, nil
	}
	if err := c.push(ctx, r, base); err != nil {
		return Opened{}, c.failed(err)
	}
	opened, err := c.open(ctx, r, base)
	if err != nil {
		return Opened{}, c.failed(err)
	}
	return opened, nil
}

// first is the first request that is meant, as one that was there before.
func first(all []found, meant func(found) bool) (Opened, bool) {
	i := slices.IndexFunc(all, meant)
	if i < 0 {
		return Opened{}, false
	}
	all[i].Existed = true
	return all[i].Opened, true
}

func isOpen(f found) bool { return f.State == "open" }

// open opens a request for a branch that is there.
func (c *Client) open(ctx context.Context, r Request, base string) (Opened, error) {
	opened, err := c.dialect.open(ctx, proposal{
		branch: r.Branch, base: base, title: quietTitle(r.Title), body: quiet(r.Body), draft: c.o.Draft,
	})
	if !errors.Is(err, errExists) {
		return opened, err
	}
	now, again := c.dialect.requests(ctx, r.Branch, base) // somebody was faster
	if again != nil {
		return Opened{}, again
	}
	if f, ok := first(now, isOpen); ok {
		return f, nil
	}
	return Opened{}, err
}

var (
	hash       = regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)
	branchName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*(?:[./][A-Za-z0-9_-]+)*$`)
)

// people are branches that nobody but people writes to, whatever is configured.
var people = []string{"main", "master", "trunk", "develop", "default", "HEAD"}

// check refuses what must not be pushed.
func (c *Client) check(r Request, p project, base string) error {
	switch {
	case p.archived:
		return problem.Hinted(errors.New("the project is archived and takes no branches"), "point the configuration at the project that replaced it")
	case base == "":
		return problem.Hinted(errors.New("the project has no branch yet"), "push its first commit, or write base: BRANCH")
	case !branchName.MatchString(base) || len(base) > 200:
		return problem.Hinted(fmt.Errorf("base branch %q can't be used", outside.Line(base, 80)), "write base: BRANCH with letters, digits, dots, dashes and slashes")
	case !branchName.MatchString(r.Branch) || len(r.Branch) > 200 || strings.HasSuffix(r.Branch, ".lock"):
		return fmt.Errorf("%q is no name for a branch", outside.Line(r.Branch, 80))
	case !hash.MatchString(r.Commit):
		return fmt.Errorf("%q is no commit", outside.Line(r.Commit, 80))
	case strings.TrimSpace(r.Title) == "":
		return errors.New("a request needs a title")
	}
	protected := append(slices.Clone(people), base, p.base)
	if slices.ContainsFunc(protected, func(b string) bool { return strings.EqualFold(b, r.Branch) }) {
		return problem.Hinted(fmt.Errorf("%s is a branch that people work on: it is never pushed to", r.Branch), "propose a branch of its own, such as holdfast/inc-2026-0001")
	}
	return nil
}

// Ready asks, without writing, whether the project is there and the token may
// push to it. Whether it may open requests shows only when it does.
func (c *Client) Ready(ctx context.Context) error {
	p, err := c.dialect.project(ctx)
	if err != nil {
		return c.failed(err)
	}
	if p.archived {
		return c.failed(errors.New("the project is archived and takes no branches"))
	}
	if cmp.Or(c.o.Base, p.base) == "" {
		return c.failed(errors.New("the project has no branch yet"))
	}
	if err := c.web.mayPush(ctx, c.remote(), c.dialect.user()); err != nil {
		return c.failed(err)
	}
	return nil
}

// failed names the project and takes the token out of what a server said.
func (c *Client) failed(err error) error {
	return &scrubbed{err: fmt.Errorf("%s %s at %s: %w", c.o.Type, c.o.Project, c.site.Host, err), token: c.web.secret()}
}

// scrubbed is an error whose text holds no token.
type scrubbed struct {
	err   error
	token string
}

func (s *scrubbed) Error() string { return scrub(s.err.Error(), s.token) }
func (s *scrubbed) Unwrap() error { return s.err }

func scrub(text, token string) string {
	if token == "" {
		return text
	}
	return strings.ReplaceAll(strings.ReplaceAll(text, token, "***"), url.QueryEscape(token), "***")
}

// Header signs git in at a remote of the site; it is empty for any other, which
// must not see the token.
func (c *Client) Header(remote string) (string, error) {
	u, err := url.Parse(remote)
	if err != nil || u.User != nil || u.Scheme != c.site.Scheme || !strings.EqualFold(u.Host, c.site.Host) {
		return "", nil //nolint:nilerr // what is no URL is no remote of the site
	}
	auth, err := c.web.basic(c.dialect.user())
	if err != nil {
		return "", err
	}
	return "Authorization: " + auth, nil
}
