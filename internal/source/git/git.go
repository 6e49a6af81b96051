// Package git reads the repositories of services through the git command:
// commits of the last day, and who last touched a line. Read-only and safe for
// concurrent use.
//
// The command is used because it blames a large file in a second where pure Go
// libraries need minutes. It runs without a shell, with a deadline and bounded
// output, and never inside the clone: a small repository of our own (mirror)
// borrows the clone's objects and copies its references, so that nothing that
// the clone configures (hooks, filters, pagers, transports, file monitors) is
// read, let alone run, and nothing in the clone is written. There an index of
// the history is kept that makes blame several times faster. git 2.29 or later.
package git

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/change"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/id"
)

const (
	defaultTimeout = 5 * time.Second
	defaultSince   = 24 * time.Hour
	// maxCommits of one repository are read: the newest.
	maxCommits = 200
	// maxFiles of one commit are kept.
	maxFiles = 10_000
	// strength of a commit: written by anyone who may push, and not known to run.
	strength = 0.3
)

// Options of a source.
type Options struct {
	Name    string
	Command string        // empty = "git"
	Timeout time.Duration // of one command; 0 = 5 s
	Since   time.Duration // how far back commits are read; 0 = 24 h
	// Cache is the folder for what makes history fast and remembers it; empty =
	// a temporary one, removed by Close.
	Cache string
	Fetch Fetch
}

// Source reads repositories on this machine. Close it.
type Source struct {
	o Options

	mu        sync.Mutex
	cache     string // of mirrors; empty = made when it is first needed
	temporary bool
	mirrors   map[string]*mirror
	asked     map[string]chan struct{} // by the folder of a clone that is kept
}

// Commit is one commit, with what its trailers say.
type Commit struct {
	Hash    string
	Author  string
	At      time.Time // committed, UTC
	Subject string
	Message string // trailers included; the first 256 KiB
	// Trailers by lower-case key, in the order written.
	Trailers map[string][]string
	// Bolt is the work item: from the trailer "Bolt", else from the message.
	Bolt string
	// AI is what a trailer says (AI-Assisted, AI-Generated, Assisted-by,
	// Generated-by); nil = nothing.
	AI    *bool
	Files []string // touched, relative to the repository; at most 10,000
}

// New checks the options; it runs nothing.
func New(o Options) (*Source, error) {
	if o.Timeout < 0 || o.Since < 0 || o.Fetch.Every < 0 || o.Fetch.Timeout < 0 || o.Fetch.Answer < 0 {
		return nil, fmt.Errorf("git %s: timeouts, since and the time between fetches must not be negative", o.Name)
	}
	if o.Cache != "" {
		dir, err := filepath.Abs(o.Cache)
		if err != nil {
			return nil, fmt.Errorf("git %s: cache %s: %w", o.Name, o.Cache, err)
		}
		o.Cache = dir
	}
	o.Command = cmp.Or(o.Command, "git")
	o.Timeout = cmp.Or(o.Timeout, defaultTimeout)
	o.Since = cmp.Or(o.Since, defaultSince)
	o.Fetch.Timeout = cmp.Or(o.Fetch.Timeout, defaultFetchTimeout)
	o.Fetch.Answer = min(cmp.Or(o.Fetch.Answer, defaultAnswer), o.Fetch.Timeout)
	return &Source{o: o, cache: o.Cache}, nil
}

// Name is the configured name.
func (s *Source) Name() string { return s.o.Name }

// Collect gathers the commits of each service's repository before the
// request's Now, one item for each service. A repository that can't be read is
// an item of KindFailure.
func (s *Source) Collect(ctx context.Context, req evidence.Request) ([]evidence.Item, error) {
	var items []evidence.Item
	from := req.Now.Add(-s.o.Since)
	for _, svc := range req.Services {
		if svc.Repository.Path == "" {
			continue
		}
		commits, err := s.Log(ctx, svc.Repository.Path, svc.Repository.Root, from, req.Now)
		if ctx.Err() != nil {
			return items, fmt.Errorf("log of %s: %w", svc.Repository.Path, ctx.Err())
		}
		it, err := s.item(svc, req, from, commits, err)
		if err != nil {
			return items, err
		}
		items = append(items, it)
	}
	return items, nil
}

func (s *Source) item(svc catalog.Service, req evidence.Request, from time.Time, commits []Commit, failed error) (evidence.Item, error) {
	it := evidence.Item{
		Collector: "git", Source: s.o.Name, Service: svc.Name,
		Query: query(svc.Repository, from, req.Now), From: from, To: req.Now, Unit: "commits",
		Link: weblink(svc.Repository.URL, ""),
	}
	if failed != nil {
		it.Kind, it.Data, it.Error = evidence.KindFailure, []byte("null"), failed.Error()
		it.Summary = "the repository of " + svc.Name + " can't be read"
		return it, nil //nolint:nilerr // a repository that can't be read is evidence
	}
	changes := make([]change.Change, 0, len(commits))
	for _, c := range commits {
		changes = append(changes, c.change(svc))
	}
	it.Kind, it.Strength, it.Outside = evidence.KindChanges, strength, true
	it.Summary = evidence.SummariseChanges(changes, req.Now)
	return it.Encode(evidence.Changes{Changes: changes})
}

// query is the command that shows the same commits.
func query(r catalog.Repository, from, to time.Time) string {
	q := fmt.Sprintf("git -C %s log --since=%s --until=%s", r.Path, from.UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339))
	if r.Root != "" {
		q += " -- " + r.Root
	}
	return q
}

func (c Commit) change(svc catalog.Service) change.Change {
	return change.Change{
		ID: id.Of("chg", svc.Name, c.Hash), Kind: change.Commit, Service: svc.Name, Revision: c.Hash,
		Author: c.Author, Summary: c.Subject, Link: weblink(svc.Repository.URL, c.Hash), At: c.At,
		AIGenerated: c.AI, Bolt: c.Bolt, Files: c.Files,
	}
}

// weblink is the page of a commit on the forges that share this form.
func weblink(url, hash string) string {
	url = strings.TrimSuffix(strings.TrimRight(url, "/"), ".git")
	if !strings.HasPrefix(url, "https://") || hash == "" {
		return url
	}
	return url + "/commit/" + hash
}

// Log lists the commits in [from, to] that touch root ("" = all), newest
// first, at most 200.
func (s *Source) Log(ctx context.Context, repo, root string, from, to time.Time) ([]Commit, error) {
	m, err := s.open(ctx, repo)
	if err != nil || m.refs.head == "" {
		return nil, err
	}
	args := []string{
		"log", "-z", "--no-show-signature", "--no-decorate", "--no-color", "--format=" + commitFormat,
		"--max-count=" + strconv.Itoa(maxCommits),
		"--since=" + strconv.FormatInt(from.Unix(), 10), "--until=" + strconv.FormatInt(to.Unix(), 10), m.refs.head, "--",
	}
	if root != "" {
		args = append(args, root)
	}
	return s.commits(ctx, m, call{args: args})
}

// commits runs a log and adds the files of each commit.
func (s *Source) commits(ctx context.Context, m *clone, c call) ([]Commit, error) {
	commits, err := s.log(ctx, m, c)
	if err != nil || len(commits) == 0 {
		return nil, err
	}
	return commits, s.addFiles(ctx, m, commits)
}

func (s *Source) log(ctx context.Context, m *clone, c call) ([]Commit, error) {
	out, err := s.git(ctx, m, c)
	if err != nil {
		return nil, err
	}
	return parseLog(out)
}

// byHash reads commits by their hashes, in that order, without their files.
func (s *Source) byHash(ctx context.Context, m *clone, hashes []string) ([]Commit, error) {
	return s.log(ctx, m, call{stdin: strings.Join(hashes, "\n") + "\n", args: []string{
		"log", "-z", "--no-walk=unsorted", "--no-show-signature", "--no-decorate", "--no-color", "--format=" + commitFormat, "--stdin",
	}})
}

// addFiles asks for the files of all commits at once.
func (s *Source) addFiles(ctx context.Context, m *clone, commits []Commit) error {
	var hashes strings.Builder
	for _, c := range commits {
		hashes.WriteString(c.Hash + "\n")
	}
	out, err := s.git(ctx, m, call{stdin: hashes.String(), args: []string{
		"diff-tree", "--stdin", "-r", "-z", "--root", "--name-only", "--no-renames", "--no-ext-diff", "--no-textconv",
	}})
	if err != nil {
		return err
	}
	next := 0
	for word := range strings.SplitSeq(out, "\x00") {
		switch {
		case next < len(commits) && word == commits[next].Hash:
			next++
		case next > 0 && word != "" && len(commits[next-1].Files) < maxFiles:
			commits[next-1].Files = append(commits[next-1].Files, strings.Clone(word))
		}
	}
	return nil
}
