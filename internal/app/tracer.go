package app

import (
	"context"
	"fmt"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/outside"
	"github.com/holdfast-sre/holdfast/internal/respond"
	"github.com/holdfast-sre/holdfast/internal/source/git"
)

// tracer follows failing code to the requirement behind it: files from the
// library, history from git.
type tracer struct {
	library *library
	git     *git.Source
}

// newTracer returns nothing when there is no knowledge repository.
func newTracer(l *library, g *git.Source) respond.Tracer {
	if l == nil {
		return nil
	}
	return &tracer{library: l, git: g}
}

// Trace follows the frames of a failure as far as links lead. What history does
// not answer is the error beside the steps.
func (t *tracer) Trace(ctx context.Context, q respond.TraceQuery) ([]respond.TraceStep, error) {
	base, err := t.library.Base(ctx)
	if err != nil {
		return nil, err
	}
	repo := t.git.Repository(q.Service.Repository.Path)
	revision, doubt := deployed(ctx, repo, q.Revision, q.Service.Name)
	name, folder := artefactsIn(q.Service.Repository.Path, t.library.dirs)
	steps, err := base.Trace(ctx, repo, knowledge.Query{
		Frames: q.Frames, Revision: revision, Root: q.Service.Repository.Root, Cause: q.Cause, Bolts: q.Bolts, Repo: name, Folder: folder,
	})
	if err != nil {
		err = fmt.Errorf("trace chain: %w", err)
	}
	return doubted(steps, q.Revision != "", doubt), err
}

// deployed finds the commit that runs. Where it can't be told, the head of the
// clone stands in for it, and doubt says so.
func deployed(ctx context.Context, repo *git.Repository, said, component string) (revision, doubt string) {
	if said == "" {
		return "", "which revision runs is not known: the line is that of the clone's head"
	}
	res, err := repo.Resolve(ctx, said, component)
	switch {
	case err != nil:
		return said, "" // the trace says why the repository can't be read
	case res.Commit == "":
		return "", fmt.Sprintf("the line is that of the clone's head, not of the revision %s that runs: %s", outside.Line(said, 80), res.Why)
	case res.Moving:
		return res.Commit, fmt.Sprintf("what runs is known as %s only: %s", res.How, res.Why)
	}
	return res.Commit, ""
}

// doubted marks the steps that depend on the revision. A runtime that says a
// revision which is not there makes them guesses, and with them what they lead to.
func doubted(steps []respond.TraceStep, said bool, doubt string) []respond.TraceStep {
	if doubt == "" {
		return steps
	}
	for i, s := range steps {
		line := s.Kind == "code" || s.Kind == "commit"
		if s.Why == "" && (line || said) {
			steps[i].Why = doubt
		}
		if said && !s.Inferred {
			steps[i].Inferred, steps[i].Score = true, 0.5
		}
	}
	return steps
}
