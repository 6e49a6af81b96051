package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/outside"
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
	reader *knowledge.Reader
	base   *knowledge.Base
	readAt time.Time
}

// rereadAfter is how old the folders' contents may be.
const rereadAfter = time.Minute

// newTracer returns nothing when no knowledge folder is configured.
func newTracer(cfg config.Config, g *git.Source, log *slog.Logger) respond.Tracer {
	if len(cfg.Knowledge) == 0 {
		return nil
	}
	return &tracer{folders: cfg.Knowledge, git: g, log: log, reader: knowledge.NewReader(cfg.Artefacts.Scheme())}
}

// Trace follows the frames of a failure as far as links lead. What history does
// not answer is the error beside the steps.
func (t *tracer) Trace(ctx context.Context, q respond.TraceQuery) ([]respond.TraceStep, error) {
	base, err := t.read(ctx)
	if err != nil {
		return nil, err
	}
	repo := t.git.Repository(q.Service.Repository.Path)
	revision, doubt := deployed(ctx, repo, q.Revision, q.Service.Name)
	steps, err := base.Trace(ctx, repo, knowledge.Query{
		Frames: q.Frames, Revision: revision, Root: q.Service.Repository.Root, Cause: q.Cause, Bolts: q.Bolts,
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
// revision which is not there makes them guesses.
func doubted(steps []respond.TraceStep, said bool, doubt string) []respond.TraceStep {
	for i, s := range steps {
		if doubt == "" || s.Kind != "code" && s.Kind != "commit" {
			continue
		}
		if s.Why == "" {
			steps[i].Why = doubt
		}
		if said && !s.Inferred {
			steps[i].Inferred, steps[i].Score = true, 0.5
		}
	}
	return steps
}

// read returns the folders' artefacts, at most a minute old. Folders that can't
// be read are left out, and the error tells when none can.
func (t *tracer) read(ctx context.Context) (*knowledge.Base, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.base != nil && time.Since(t.readAt) < rereadAfter {
		return t.base, nil
	}
	folders, done, err := openFolders(t.folders)
	defer done()
	if err != nil {
		t.log.WarnContext(ctx, "knowledge folder can't be read", "error", err)
		if len(folders) == 0 {
			return nil, err
		}
	}
	base, err := t.reader.Read(folders...)
	if err != nil {
		return nil, fmt.Errorf("knowledge: %w", err)
	}
	t.base, t.readAt = base, time.Now()
	return base, nil
}

// openFolders opens folders so that no link leads out of them. What can't be
// opened is told in the error beside the others. done closes them.
func openFolders(dirs []string) (folders []knowledge.Folder, done func(), err error) {
	var roots []*os.Root
	for _, dir := range dirs {
		root, e := os.OpenRoot(dir)
		if e != nil {
			err = errors.Join(err, fmt.Errorf("open knowledge folder: %w", e))
			continue
		}
		roots = append(roots, root)
		f := knowledge.Folder{FS: root.FS()}
		if len(dirs) > 1 {
			f.Name = folderName(dir, folders)
		}
		folders = append(folders, f)
	}
	return folders, func() {
		for _, r := range roots {
			_ = r.Close() // only read from
		}
	}, err
}

// folderName is the last part of the path, or all of it when another folder has
// that name.
func folderName(dir string, others []knowledge.Folder) string {
	name := filepath.Base(dir)
	if slices.ContainsFunc(others, func(f knowledge.Folder) bool { return f.Name == name }) {
		return filepath.ToSlash(filepath.Clean(dir))
	}
	return name
}
