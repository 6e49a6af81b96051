package git

import (
	"context"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
)

// Repository is one repository as the trace chain reads it; it is a
// knowledge.Blamer and a knowledge.Lister.
type Repository struct {
	source *Source
	path   string
}

// Repository returns the repository at path.
func (s *Source) Repository(path string) *Repository { return &Repository{source: s, path: path} }

// Blame returns the commit that last changed the line of path at rev.
func (r *Repository) Blame(ctx context.Context, rev, path string, line int) (knowledge.Commit, error) {
	b, err := r.source.Blame(ctx, r.path, rev, path, line)
	if err != nil {
		return knowledge.Commit{}, err
	}
	return knowledge.Commit{
		SHA: b.Commit.Hash, Author: b.Commit.Author, At: b.Commit.At, Message: b.Commit.Message,
		Path: b.Path, Line: b.Line, Files: b.Commit.Files,
	}, nil
}

// Files lists the files of a revision, sorted.
func (r *Repository) Files(ctx context.Context, rev string) ([]string, error) {
	return r.source.Files(ctx, r.path, rev)
}
