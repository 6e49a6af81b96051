package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/respond"
	"github.com/holdfast-sre/holdfast/internal/source/git"
)

// tracer follows failing code to the requirement behind it: files from the
// knowledge folders, history from git.
type tracer struct {
	folders []string
	git     *git.Source
	log     *slog.Logger

	mu     sync.Mutex
	bases  []*knowledge.Base
	readAt time.Time
}

// rereadAfter is how old the folders' contents may be.
const rereadAfter = time.Minute

// newTracer returns nothing when no knowledge folder is configured.
func newTracer(cfg config.Config, g *git.Source, log *slog.Logger) respond.Tracer {
	if len(cfg.Knowledge) == 0 {
		return nil
	}
	return &tracer{folders: cfg.Knowledge, git: g, log: log}
}

// Trace tries each folder and returns the longest chain.
func (t *tracer) Trace(ctx context.Context, q respond.TraceQuery) ([]respond.TraceStep, error) {
	var best []respond.TraceStep
	var errs []error
	for _, base := range t.read(ctx) {
		steps, err := base.Trace(ctx, history{t.git, q.Service.Repository.Path}, knowledge.Query{
			Frames: q.Frames, Revision: q.Revision, Root: q.Service.Repository.Root, Cause: q.Cause, Bolts: q.Bolts,
		})
		if len(steps) > len(best) {
			best = steps
		}
		errs = append(errs, err)
	}
	if len(best) > 0 {
		return best, nil
	}
	return nil, errors.Join(errs...)
}

// read returns the folders' artefacts, at most a minute old.
func (t *tracer) read(ctx context.Context) []*knowledge.Base {
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Since(t.readAt) < rereadAfter {
		return t.bases
	}
	t.bases = nil
	for _, dir := range t.folders {
		base, err := knowledge.Read(os.DirFS(dir))
		if err != nil {
			t.log.WarnContext(ctx, "knowledge folder can't be read", "folder", dir, "error", err)
			continue
		}
		t.bases = append(t.bases, base)
	}
	t.readAt = time.Now()
	return t.bases
}

// history is the git history of one repository.
type history struct {
	git  *git.Source
	repo string
}

// Blame finds who last touched a line.
func (h history) Blame(ctx context.Context, rev, path string, line int) (knowledge.Commit, error) {
	b, err := h.git.Blame(ctx, h.repo, rev, path, line)
	if err != nil {
		return knowledge.Commit{}, fmt.Errorf("blame %s:%d: %w", path, line, err)
	}
	return knowledge.Commit{
		SHA: b.Commit.Hash, Author: b.Commit.Author, At: b.Commit.At, Message: b.Commit.Message, Path: b.Path, Line: b.Line, Files: b.Commit.Files,
	}, nil
}

// Files lists the files of a revision.
func (h history) Files(ctx context.Context, rev string) ([]string, error) {
	return h.git.Files(ctx, h.repo, rev)
}
