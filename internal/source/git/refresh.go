package git

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// Fetch says whether and how the remotes of clones are asked for news. What
// comes is kept beside the clone, which is not changed.
type Fetch struct {
	Every   time.Duration // of clones that Remotes does not name; 0 = never
	Timeout time.Duration // of one fetch; 0 = 1 min
	// Answer is how long a remote has to tell its branches when the last fetch failed,
	// or none ever worked; 0 = 30 s. The fetch comes after that.
	Answer time.Duration
	// Remotes says how single clones are fetched, by folder with links resolved.
	Remotes map[string]Remote
	// Env is what git and ssh may know of the user: HOME, PATH, SSH_AUTH_SOCK,
	// as NAME=VALUE.
	Env []string
}

// Remote is how one clone is fetched.
type Remote struct {
	Name  string        // of the clone's remote; "" = origin
	Every time.Duration // 0 = only when asked, and again until that has worked
	// Header gives the header that signs in at a URL; "" = none. The clone says the
	// URL: only a host that somebody else named may be signed in to. nil = never.
	Header func(url string) (string, error)
}

// remote is how a clone is fetched; ok is false when it is not.
func (s *Source) remote(m *clone) (r Remote, ok bool) {
	r, ok = s.o.Fetch.Remotes[m.top]
	if !ok && s.o.Fetch.Every > 0 {
		r, ok = Remote{Every: s.o.Fetch.Every}, true
	}
	r.Name = cmp.Or(r.Name, "origin")
	return r, ok
}

const (
	defaultFetchTimeout = time.Minute
	defaultAnswer       = 30 * time.Second
	// graphTimeout bounds the index of a history: some 4 s for 50,000 commits.
	graphTimeout = 2 * time.Minute
	// staleLock is how old a lock of git must be to be one left behind.
	staleLock = 10 * time.Minute
	// maxBranches that moved are looked at for rewritten history at once.
	maxBranches = 100
)

// State of a clone.
type State struct {
	Head    string // commit; empty = nothing committed
	Branch  string // empty = detached
	Shallow bool
	Partial bool // objects may be missing; they are not fetched
	Dirty   []string
	Fetched time.Time // last success; zero = never
	Forced  []Forced  // branches whose history was rewritten since the last look
	// Failed is what could not be done; older data is used.
	Failed []string

	stamp     string // of the references; changes when one does
	unfetched bool   // the last fetch failed
}

// Forced is a branch of the remote that no longer holds what it held.
type Forced struct{ Branch, Old, New string }

// Findings says what of the state limits what history can tell; one sentence
// each, nothing when all is well.
func (s State) Findings() []string {
	var out []string
	if s.Head == "" {
		out = append(out, "nothing is committed yet")
	}
	if s.Shallow {
		out = append(out, "the clone is shallow: lines from before its start are blamed on its first commits, marked as such")
	}
	if s.Partial {
		out = append(out, "the clone is partial: files that it does not hold can't be blamed, and nothing is fetched for it")
	}
	if n := len(s.Dirty); n > 0 {
		out = append(out, fmt.Sprintf("%d tracked files differ from the last commit (%s…): history tells of commits only", n, s.Dirty[0]))
	}
	for _, f := range s.Forced {
		out = append(out, fmt.Sprintf("the history of %s was rewritten: %.12s is no longer part of it, now at %.12s", f.Branch, f.Old, f.New))
	}
	return append(out, s.Failed...)
}

// Refresh fetches when that is configured and due, renews the index that makes
// blame fast, and says how the clone stands. Call it on a schedule; without it
// history is the same, and slower. An error means that the clone can't be read;
// an unreachable remote is in State.Failed.
func (s *Source) Refresh(ctx context.Context, repo string, now time.Time) (State, error) {
	return s.refresh(ctx, repo, now, false)
}

// refresh is Refresh; asked fetches before it is due.
func (s *Source) refresh(ctx context.Context, repo string, now time.Time, asked bool) (State, error) {
	m, err := s.open(ctx, repo)
	if err != nil {
		return State{}, err
	}
	m.refreshing.Lock()
	defer m.refreshing.Unlock()
	mem := m.remember()
	var st State
	if err := s.fetch(ctx, m, &mem, now, asked); err != nil {
		mem.Failed = err.Error()
	}
	if st.unfetched = mem.Failed != ""; st.unfetched {
		st.Failed = append(st.Failed, "the remote was not fetched, what the clone holds is used: "+mem.Failed)
	} else if !mem.Tried.IsZero() {
		if m, err = s.open(ctx, repo); err != nil {
			return State{}, err
		}
	}
	st.stamp = m.stamp
	st.Head, st.Branch = m.refs.head, strings.TrimPrefix(m.refs.branch, "refs/heads/")
	st.Shallow, st.Partial, st.Fetched = len(m.shallow) > 0, m.partial, mem.Fetched
	if st.Dirty, err = s.Dirty(ctx, repo); err != nil {
		st.Failed = append(st.Failed, "whether files are changed could not be told: "+err.Error())
	}
	st.Forced = s.rewritten(ctx, m, &mem)
	if err := s.writeGraph(ctx, m, &mem); err != nil {
		st.Failed = append(st.Failed, "the index of the history could not be written, blame is slower: "+err.Error())
	}
	if err := s.pack(ctx, m, &mem, now); err != nil {
		st.Failed = append(st.Failed, "what was fetched could not be joined, it takes more space and time: "+err.Error())
	}
	if err := m.keep(mem); err != nil {
		st.Failed = append(st.Failed, err.Error())
	}
	if ctx.Err() != nil {
		return st, fmt.Errorf("refresh %s: %w", repo, ctx.Err())
	}
	return st, nil
}

// rewritten compares the remote's branches with where they stood before.
func (s *Source) rewritten(ctx context.Context, m *clone, mem *memory) []Forced {
	var out []Forced
	now, asked := map[string]string{}, 0
	for _, prefix := range []string{"refs/remotes/", fetchedHeads} {
		for _, name := range m.refs.sorted(prefix) {
			now[name] = m.refs.names[name]
			old := mem.Branches[name]
			if old == "" || old == now[name] || asked == maxBranches {
				continue
			}
			if asked++; s.holds(ctx, m, now[name], old) {
				continue
			}
			out = append(out, Forced{Branch: strings.TrimPrefix(strings.TrimPrefix(name, "refs/remotes/"), fetchedHeads), Old: old, New: now[name]})
		}
	}
	mem.Branches = now
	return out
}

// holds reports whether a commit is part of the history of another. One that is
// gone is not.
func (s *Source) holds(ctx context.Context, m *clone, tip, commit string) bool {
	_, err := s.git(ctx, m, call{args: []string{"merge-base", "--is-ancestor", commit, tip}})
	return err == nil || ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded)
}

// writeGraph writes the commit-graph with the paths that each commit changed:
// blame then skips commits without reading their trees. It is kept in the
// mirror; git does not use one in a shallow clone.
func (s *Source) writeGraph(ctx context.Context, m *clone, mem *memory) error {
	if mem.Graph == m.stamp || len(m.shallow) > 0 || len(m.refs.names) == 0 {
		return nil
	}
	info := filepath.Join(m.dir, "objects", "info")
	if err := unlock(filepath.Join(info, "commit-graph.lock"), filepath.Join(info, "commit-graphs", "commit-graph-chain.lock")); err != nil {
		return err
	}
	_, err := s.git(ctx, m, call{timeout: graphTimeout, args: []string{
		"commit-graph", "write", "--reachable", "--changed-paths", "--split", "--no-progress",
	}})
	if err == nil {
		mem.Graph = m.stamp
	}
	return err
}

// fetch asks the clone's remote for branches and tags.
func (s *Source) fetch(ctx context.Context, m *clone, mem *memory, now time.Time, asked bool) error {
	r, ok := s.remote(m)
	if r.Every == 0 && mem.Failed != "" {
		r.Every = keepEvery // who asked for it does not ask again
	}
	if !ok || !asked && (r.Every == 0 || now.Sub(mem.Tried) < r.Every) {
		return nil
	}
	url, env, err := s.reach(ctx, m, r)
	if err != nil || url == "" {
		return err
	}
	mem.Tried = now
	if mem.Fetched.IsZero() || mem.Failed != "" {
		if err := s.answers(ctx, m, url, env); err != nil {
			return err
		}
	}
	_, err = s.git(ctx, m, call{
		timeout: s.o.Fetch.Timeout,
		args: []string{
			"-c", "protocol.allow=always", "fetch", "--quiet", "--no-tags", "--prune", "--no-auto-maintenance", "--no-write-fetch-head",
			"--no-recurse-submodules", "--", url, "+refs/heads/*:" + fetchedHeads + "*", "+refs/tags/*:" + fetchedTags + "*",
		},
		env: env,
	})
	m.mu.Lock()
	delete(m.written, "packed-refs")
	delete(m.written, "shallow")
	m.mu.Unlock()
	if err != nil {
		return s.unfetched(ctx, url, env, "end", s.o.Fetch.Timeout, err)
	}
	mem.Fetched, mem.Failed = now, ""
	return nil
}

// Reach asks the clone's remote for its branches, without fetching any. It is an
// error when the clone is not one that is fetched.
func (s *Source) Reach(ctx context.Context, repo string) error {
	m, err := s.open(ctx, repo)
	if err != nil {
		return err
	}
	r, ok := s.remote(m)
	if !ok {
		return fmt.Errorf("repository %s is not fetched", repo)
	}
	url, env, err := s.reach(ctx, m, r)
	if err != nil {
		return err
	}
	return s.answers(ctx, m, url, env)
}

// answers asks a remote for its branches. One that is away is told from one that has
// much to send: it does not take the time of a fetch.
func (s *Source) answers(ctx context.Context, m *clone, url string, env []string) error {
	_, err := s.git(ctx, m, call{timeout: s.o.Fetch.Answer, args: []string{"-c", "protocol.allow=always", "ls-remote", "--heads", "--", url}, env: env})
	if err != nil {
		return s.unfetched(ctx, url, env, "answer", s.o.Fetch.Answer, err)
	}
	return nil
}

// Objects is the folder with what was fetched for a clone. It is only to be read.
func (s *Source) Objects(ctx context.Context, repo string) (string, error) {
	m, err := s.open(ctx, repo)
	if err != nil {
		return "", err
	}
	return filepath.Join(m.dir, "objects"), nil
}

// FetchedBranches are the branches of the remote, as they were fetched, whose names
// begin with a prefix, with their commits.
func (s *Source) FetchedBranches(ctx context.Context, repo, prefix string) (map[string]string, error) {
	m, err := s.open(ctx, repo)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, name := range m.refs.sorted(fetchedHeads + prefix) {
		out[strings.TrimPrefix(name, fetchedHeads)] = m.refs.names[name]
	}
	return out, nil
}

// RemoteURL is where a remote of the clone is, as the clone says it.
func (s *Source) RemoteURL(ctx context.Context, repo, name string) (string, error) {
	m, err := s.open(ctx, repo)
	if err != nil {
		return "", err
	}
	return s.setting(ctx, m.common, "remote."+name+".url")
}

// reach finds where the remote is and what git needs to get there. A clone
// without the remote has no URL, and none is needed unless it was named.
func (s *Source) reach(ctx context.Context, m *clone, r Remote) (url string, env []string, err error) {
	url, err = s.setting(ctx, m.common, "remote."+r.Name+".url")
	if err != nil {
		return "", nil, err
	}
	if _, named := s.o.Fetch.Remotes[m.top]; url == "" && named {
		return "", nil, fmt.Errorf("the clone has no remote %q", r.Name)
	} else if url == "" {
		return "", nil, nil
	}
	if url, err = fetchable(url, m.top); err != nil {
		return "", nil, err
	}
	env = s.fetchEnvironment()
	if r.Header == nil {
		return url, env, nil
	}
	header, err := r.Header(url)
	if err != nil {
		return "", nil, fmt.Errorf("sign in at the remote: %w", err)
	}
	if header != "" { // in the environment: arguments can be read by every user of the machine
		env = append(env, "GIT_CONFIG_COUNT=2", "GIT_CONFIG_KEY_0=http.extraHeader", "GIT_CONFIG_VALUE_0="+header,
			"GIT_CONFIG_KEY_1=http.followRedirects", "GIT_CONFIG_VALUE_1=false")
	}
	return url, env, nil
}

// unfetched says why a remote did not do what it was asked for, without the secrets of
// its URL.
func (s *Source) unfetched(ctx context.Context, url string, env []string, what string, within time.Duration, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("fetch %s: it did not %s within %s", redactURL(url), what, within)
	}
	text := strings.ReplaceAll(err.Error(), url, redactURL(url))
	for _, e := range env {
		if _, header, ok := strings.Cut(e, "=Authorization: "); ok {
			text = strings.ReplaceAll(text, strings.TrimPrefix(header, "Basic "), "***")
		}
	}
	for _, mark := range []string{"could not read Username", "could not read Password", "Authentication failed", "Permission denied", "Host key verification failed", "error: 403"} {
		if strings.Contains(text, mark) {
			return fmt.Errorf("it wants credentials that Holdfast does not have: add forge with a token, or a key for ssh without a passphrase: %s", text)
		}
	}
	return errors.New(text)
}

// fetchEnvironment lets ssh and the helpers of git see what they need, and
// nobody ask a question.
func (s *Source) fetchEnvironment() []string {
	env := append([]string{"GIT_SSH_COMMAND=ssh -oBatchMode=yes -oConnectTimeout=10"}, s.o.Fetch.Env...)
	return append(append(env, environment()...), "GIT_ALLOW_PROTOCOL="+transports)
}

// NotFetched is the reason before the first fetch.
const NotFetched = "nothing has been fetched yet"

// Fetched is the commit of a branch of the remote as it was last fetched; without
// a branch that of the one which the clone has checked out. An empty commit has a
// reason.
func (s *Source) Fetched(ctx context.Context, repo, branch string) (commit, why string, err error) {
	m, err := s.open(ctx, repo)
	if err != nil {
		return "", "", err
	}
	if branch == "" {
		branch = strings.TrimPrefix(m.refs.branch, "refs/heads/")
	}
	if branch == "" {
		return "", "the clone has no branch checked out: name one with branch", nil
	}
	if commit := m.refs.names[fetchedHeads+branch]; commit != "" {
		return commit, "", nil
	}
	if m.remember().Fetched.IsZero() {
		return "", NotFetched, nil
	}
	return "", "the remote has no branch " + branch, nil
}
