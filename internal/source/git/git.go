// Package git reads the repositories of services through the git command:
// commits of the last day, and who last touched a line. Read-only and safe for
// concurrent use.
package git

import (
	"context"
	"errors"
	"time"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// Options of a source.
type Options struct {
	Name    string
	Command string        // nil = "git"
	Timeout time.Duration // of one command; 0 = 5 s
	Since   time.Duration // how far back commits are read; 0 = 24 h
}

// Source reads repositories on this machine.
type Source struct{ o Options }

// Commit is one commit, with what its trailers say.
type Commit struct {
	Hash    string
	Author  string
	At      time.Time // committed
	Subject string
	Body    string
	// Trailers by lower-case key, in the order written.
	Trailers map[string][]string
	// Bolt is the work item: from the trailer "Bolt", else from the message.
	Bolt string
	// AI is what a trailer says (AI-Assisted, AI-Generated); nil = nothing.
	AI    *bool
	Files []string // touched, relative to the repository
}

// Blame is the commit that last touched a line, and where the line stood in it.
type Blame struct {
	Commit Commit
	Path   string
	Line   int
}

var errTodo = errors.New("not yet")

// New checks the options; it runs nothing.
func New(o Options) (*Source, error) { return &Source{o: o}, nil }

// Name is the configured name.
func (s *Source) Name() string { return s.o.Name }

// Collect gathers the commits of each service's repository before the request's Now.
func (s *Source) Collect(ctx context.Context, req evidence.Request) ([]evidence.Item, error) {
	return nil, errTodo
}

// Blame finds who last touched a line of path at revision rev ("" = HEAD) in
// the repository at repo.
func (s *Source) Blame(ctx context.Context, repo, rev, path string, line int) (Blame, error) {
	return Blame{}, errTodo
}

// Files lists the files of revision rev ("" = HEAD), sorted.
func (s *Source) Files(ctx context.Context, repo, rev string) ([]string, error) {
	return nil, errTodo
}

// Log lists the commits in [from, to] that touch root ("" = all), newest first.
func (s *Source) Log(ctx context.Context, repo, root string, from, to time.Time) ([]Commit, error) {
	return nil, errTodo
}
