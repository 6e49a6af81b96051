package git

import (
	"context"
	"fmt"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
)

// Repository is one repository as the trace chain reads it; it is a
// knowledge.Blamer, Lister and Sourcer.
type Repository struct {
	source *Source
	path   string
}

// Repository returns the repository at path.
func (s *Source) Repository(path string) *Repository { return &Repository{source: s, path: path} }

// Resolve finds the commit that a runtime means; see Source.Resolve.
func (r *Repository) Resolve(ctx context.Context, said, component string) (Resolution, error) {
	return r.source.Resolve(ctx, r.path, said, component)
}

// Blame returns the commit that last changed the line of path at rev, with the
// merges that brought it in and its tags as far as these are found in time.
func (r *Repository) Blame(ctx context.Context, rev, path string, line int) (knowledge.Commit, error) {
	b, err := r.source.Blame(ctx, r.path, rev, path, line)
	if err != nil {
		return knowledge.Commit{}, err
	}
	o, err := r.source.Origin(ctx, r.path, rev, b.Commit.Hash)
	if err != nil {
		return knowledge.Commit{}, err
	}
	c := knowledge.Commit{
		SHA: b.Commit.Hash, Author: b.Commit.Author, At: b.Commit.At, Message: b.Commit.Message,
		Path: b.Path, Line: b.Line, Files: b.Commit.Files, Boundary: b.Shallow, Tags: o.Tags,
		Renamed: b.Renamed, Moved: b.Moved, Release: o.Release, Notes: o.Unknown,
	}
	for _, m := range o.Merges {
		for _, text := range []string{m.Request.Branch, m.Request.Title} {
			if text != "" {
				c.Merges = append(c.Merges, text)
			}
		}
	}
	return c, nil
}

// Files lists the files of a revision, sorted.
func (r *Repository) Files(ctx context.Context, rev string) ([]string, error) {
	return r.source.Files(ctx, r.path, rev)
}

// maxSource bounds a file of code that is read for its comments.
const maxSource = 2 << 20

// Source reads a file of a revision, of at most 2 MiB.
func (r *Repository) Source(ctx context.Context, rev, path string) ([]byte, error) {
	text, err := r.source.Content(ctx, r.path, rev, path, maxSource)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return []byte(text), nil
}
