// Package git reads the repositories of services through the git command:
// commits of the last day, and who last touched a line. Read-only and safe for
// concurrent use.
//
// The command is used because it blames a large file in a second where pure Go
// libraries need minutes. It runs without a shell, without the configuration
// of the user or the machine, without hooks or external programs, and with a
// deadline.
package git

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
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
	// strength of a commit: written by anyone who may push, and not known to run.
	strength = 0.3
)

// Options of a source.
type Options struct {
	Name    string
	Command string        // empty = "git"
	Timeout time.Duration // of one command; 0 = 5 s
	Since   time.Duration // how far back commits are read; 0 = 24 h
}

// Source reads repositories on this machine.
type Source struct{ o Options }

// Commit is one commit, with what its trailers say.
type Commit struct {
	Hash    string
	Author  string
	At      time.Time // committed, UTC
	Subject string
	Message string // whole, trailers included
	// Trailers by lower-case key, in the order written.
	Trailers map[string][]string
	// Bolt is the work item: from the trailer "Bolt", else from the message.
	Bolt string
	// AI is what a trailer says (AI-Assisted, AI-Generated, Assisted-by,
	// Generated-by); nil = nothing.
	AI    *bool
	Files []string // touched, relative to the repository
}

// Blame is the commit that last touched a line, and where the line stood in it.
type Blame struct {
	Commit Commit
	Path   string
	Line   int
}

// New checks the options; it runs nothing.
func New(o Options) (*Source, error) {
	if o.Timeout < 0 || o.Since < 0 {
		return nil, fmt.Errorf("git %s: timeout and since must not be negative", o.Name)
	}
	o.Command = cmp.Or(o.Command, "git")
	o.Timeout = cmp.Or(o.Timeout, defaultTimeout)
	o.Since = cmp.Or(o.Since, defaultSince)
	return &Source{o: o}, nil
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
	args := []string{
		"log", "-z", "--no-show-signature", "--no-decorate", "--no-color", "--format=" + commitFormat,
		"--max-count=" + strconv.Itoa(maxCommits),
		"--since=" + strconv.FormatInt(from.Unix(), 10), "--until=" + strconv.FormatInt(to.Unix(), 10), "HEAD", "--",
	}
	if root != "" {
		args = append(args, root)
	}
	return s.commits(ctx, repo, args)
}

// commits runs a log and adds the files of each commit.
func (s *Source) commits(ctx context.Context, repo string, args []string) ([]Commit, error) {
	out, err := s.run(ctx, repo, "", args...)
	if err != nil {
		return nil, err
	}
	commits, err := parseLog(out)
	if err != nil || len(commits) == 0 {
		return nil, err
	}
	return commits, s.addFiles(ctx, repo, commits)
}

// addFiles asks for the files of all commits at once.
func (s *Source) addFiles(ctx context.Context, repo string, commits []Commit) error {
	var hashes strings.Builder
	for _, c := range commits {
		hashes.WriteString(c.Hash + "\n")
	}
	out, err := s.run(ctx, repo, hashes.String(),
		"diff-tree", "--stdin", "-r", "-z", "--root", "--name-only", "--no-renames", "--no-ext-diff")
	if err != nil {
		return err
	}
	next := 0
	for _, word := range strings.Split(out, "\x00") {
		switch {
		case next < len(commits) && word == commits[next].Hash:
			next++
		case next > 0 && word != "":
			commits[next-1].Files = append(commits[next-1].Files, word)
		}
	}
	return nil
}

// Blame finds who last touched a line of path at revision rev ("" = HEAD) in
// the repository at repo.
func (s *Source) Blame(ctx context.Context, repo, rev, path string, line int) (Blame, error) {
	hash, err := s.resolve(ctx, repo, rev)
	if err != nil {
		return Blame{}, err
	}
	if line < 1 {
		return Blame{}, fmt.Errorf("blame %s:%d: lines count from 1", path, line)
	}
	out, err := s.run(ctx, repo, "", "blame", "--porcelain", fmt.Sprintf("-L%d,%d", line, line), hash, "--", path)
	if err != nil {
		return Blame{}, fmt.Errorf("blame %s:%d: %w", path, line, err)
	}
	b, err := parseBlame(out)
	if err != nil {
		return Blame{}, fmt.Errorf("blame %s:%d: %w", path, line, err)
	}
	commits, err := s.commits(ctx, repo, []string{
		"log", "-z", "--no-show-signature", "--no-decorate", "--no-color", "--format=" + commitFormat, "--max-count=1", b.Commit.Hash, "--",
	})
	if err != nil {
		return Blame{}, fmt.Errorf("blame %s:%d: %w", path, line, err)
	}
	if len(commits) != 1 {
		return Blame{}, fmt.Errorf("blame %s:%d: commit %s is not there", path, line, b.Commit.Hash)
	}
	b.Commit = commits[0]
	return b, nil
}

// Files lists the files of revision rev ("" = HEAD), sorted.
func (s *Source) Files(ctx context.Context, repo, rev string) ([]string, error) {
	hash, err := s.resolve(ctx, repo, rev)
	if err != nil {
		return nil, err
	}
	out, err := s.run(ctx, repo, "", "ls-tree", "-r", "-z", "--name-only", "--full-tree", hash)
	if err != nil {
		return nil, err
	}
	files := strings.FieldsFunc(out, func(r rune) bool { return r == 0 })
	slices.Sort(files)
	return files, nil
}

// resolve turns a revision into the hash of a commit, so that nothing that came
// from outside is read as an option.
func (s *Source) resolve(ctx context.Context, repo, rev string) (string, error) {
	out, err := s.run(ctx, repo, "", "rev-parse", "--verify", "--quiet", "--end-of-options", cmp.Or(rev, "HEAD")+"^{commit}")
	if err != nil {
		return "", fmt.Errorf("revision %q of %s: %w", rev, repo, err)
	}
	return strings.TrimSpace(out), nil
}

// errNotRepository is what git says of a folder that holds no repository.
var errNotRepository = errors.New("not a git repository")
