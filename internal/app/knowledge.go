package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/source/git"
	"github.com/holdfast-sre/holdfast/internal/store/search"
)

// Knowledge is what the knowledge commands look into: the artefacts of some
// folders and the code beside them. Close it.
type Knowledge struct {
	Base  *knowledge.Base
	Dirs  map[string]string // folder on this machine by the name of the artefacts' repository
	codes []code
	git   *git.Source
	cache string
	done  func()
	index *search.Index // made while the folders were read; Index gives it away

	scheme     knowledge.Scheme
	shelf      shelf              // of the latest drafts
	folders    []knowledge.Folder // in the order in which they were given
	configured *config.Folder     // nil when folders were given by hand
}

// code is one repository, or plain folder, of code.
type code struct {
	name   string
	at     string // its folder on this machine
	root   string // the service's folder in it
	repo   string // the folder of artefacts that lies in it
	folder string // and where
	knowledge.Blamer
}

// OpenKnowledge reads folders; each may hold artefacts, code, or both. One that is
// in a git work tree has history, whose index is kept in the folder cache.
func OpenKnowledge(dirs []string, s knowledge.Scheme, cache string) (*Knowledge, error) {
	return openKnowledge(dirs, s, cache, readOnly)
}

// OpenIndexed is OpenKnowledge for who will ask for the Index: when there is none, it
// is made while the folders are read.
func OpenIndexed(ctx context.Context, dirs []string, s knowledge.Scheme, cache string) (*Knowledge, error) {
	return openKnowledge(dirs, s, cache, indexer(ctx))
}

func openKnowledge(dirs []string, s knowledge.Scheme, cache string, by reading) (*Knowledge, error) {
	k, err := readKnowledge(dirs, s, cache, by)
	if err != nil {
		return nil, err
	}
	for i, dir := range dirs {
		c, err := codeIn(k.git, dir)
		if err != nil {
			return nil, errors.Join(err, k.Close())
		}
		c.repo, c.folder = k.folders[i].Name, c.root
		k.codes = append(k.codes, c)
	}
	return k, nil
}

// ConfiguredKnowledge reads the folders of a configuration, and the repositories
// of its services.
func ConfiguredKnowledge(f config.Folder, cache string) (*Knowledge, error) {
	return configuredKnowledge(f, cache, readOnly)
}

// ConfiguredIndexed is ConfiguredKnowledge for who will ask for the Index.
func ConfiguredIndexed(ctx context.Context, f config.Folder, cache string) (*Knowledge, error) {
	return configuredKnowledge(f, cache, indexer(ctx))
}

func configuredKnowledge(f config.Folder, cache string, by reading) (*Knowledge, error) {
	if len(f.Config.Knowledge) == 0 {
		return nil, problem.Hinted(errors.New("the configuration names no knowledge folder"), "add one under knowledge:, or give --repo DIR")
	}
	k, err := readKnowledge(f.Config.Knowledge, f.Config.Artefacts.Scheme(), cache, by)
	if err != nil {
		return nil, err
	}
	k.configured = &f
	for _, s := range f.Catalog.Services() {
		if s.Repository.Path != "" {
			c := code{name: s.Name, at: s.Repository.Path, root: s.Repository.Root, Blamer: k.git.Repository(s.Repository.Path)}
			c.repo, c.folder = artefactsIn(s.Repository.Path, f.Config.Knowledge)
			k.codes = append(k.codes, c)
		}
	}
	return k, nil
}

// reading is a way to read folders, for which the index would be in a file.
type reading func(file string, read folderReader) (*knowledge.Base, *search.Index, error)

func readOnly(_ string, read folderReader) (*knowledge.Base, *search.Index, error) {
	base, err := read(nil)
	return base, nil, err
}

func indexer(ctx context.Context) reading {
	return func(file string, read folderReader) (*knowledge.Base, *search.Index, error) {
		return readIndexing(ctx, file, read)
	}
}

func readKnowledge(dirs []string, s knowledge.Scheme, cache string, by reading) (*Knowledge, error) {
	folders, done, err := openFolders(dirs, openDir)
	if err != nil {
		done()
		return nil, problem.Hinted(err, "name a folder that holds Markdown files")
	}
	k := &Knowledge{Dirs: map[string]string{}, cache: cache, done: done, folders: folders, scheme: s}
	for i, f := range folders {
		k.Dirs[f.Name] = dirs[i]
	}
	k.Base, k.index, err = by(indexFile(cache, k.Dirs), func(each func(knowledge.File)) (*knowledge.Base, error) {
		return readKept(knowledge.NewReader(s), folders, keptFile(cache, dirs), each)
	})
	if err != nil {
		done()
		return nil, fmt.Errorf("knowledge: %w", err)
	}
	if k.git, err = git.New(git.Options{Name: "git", Cache: gitCache(cache)}); err != nil {
		done()
		return nil, errors.Join(err, k.closeIndex())
	}
	return k, nil
}

// closeIndex closes an index that nobody asked for.
func (k *Knowledge) closeIndex() error {
	if k.index == nil {
		return nil
	}
	return k.index.Close()
}

// Close lets the folders go.
func (k *Knowledge) Close() error {
	k.done()
	return errors.Join(k.git.Close(), k.closeIndex())
}

// codeIn is the code of a folder: with history when it is in a git work tree.
func codeIn(g *git.Source, dir string) (code, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return code{}, fmt.Errorf("folder %s: %w", dir, err)
	}
	for at := abs; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, ".git")); err == nil {
			root, err := filepath.Rel(at, abs)
			if err != nil {
				return code{}, fmt.Errorf("folder %s: %w", dir, err)
			}
			return code{name: dir, at: at, root: filepath.ToSlash(root), Blamer: g.Repository(at)}, nil
		}
		if at == filepath.Dir(at) {
			return code{name: dir, at: abs, Blamer: plainCode{abs}}, nil
		}
	}
}

// artefactsIn is the first of some folders of artefacts that lies in a repository,
// by its name, and where.
func artefactsIn(repo string, dirs []string) (name, folder string) {
	names := folderNames(dirs)
	for i, dir := range dirs {
		from, err1 := filepath.Abs(repo)
		to, err2 := filepath.Abs(dir)
		if err1 != nil || err2 != nil {
			continue
		}
		if rel, err := filepath.Rel(from, to); err == nil && filepath.IsLocal(rel) {
			return names[i], filepath.ToSlash(rel)
		}
	}
	return "\x00", "" // none
}

// plainCode is code without history.
type plainCode struct{ dir string }

// Blame knows no commits.
func (plainCode) Blame(context.Context, string, string, int) (knowledge.Commit, error) {
	return knowledge.Commit{}, nil
}

// maxCodeFiles bounds a folder of code, and maxCodeFile one file of it in bytes.
const (
	maxCodeFiles = 200_000
	maxCodeFile  = 1 << 20
)

// Files lists the files of the folder.
func (p plainCode) Files(ctx context.Context, _ string) ([]string, error) {
	var out []string
	err := fs.WalkDir(os.DirFS(p.dir), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && name == ".":
			return err
		case err != nil:
			return nil //nolint:nilerr // what can't be listed is not there
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules"):
			return fs.SkipDir
		case d.IsDir():
		case len(out) == maxCodeFiles:
			return fs.SkipAll
		default:
			out = append(out, name)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", p.dir, err)
	}
	return out, nil
}

// Source reads a file of the folder.
func (p plainCode) Source(_ context.Context, _, path string) (_ []byte, err error) {
	root, err := os.OpenRoot(p.dir)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", p.dir, err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	path = filepath.FromSlash(path)
	switch info, err := root.Stat(path); {
	case err != nil:
		return nil, fmt.Errorf("read code: %w", err)
	case !info.Mode().IsRegular(): // opening a pipe waits for a writer
		return nil, fmt.Errorf("read code: %s is no regular file", path)
	}
	f, err := root.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read code: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return io.ReadAll(io.LimitReader(f, maxCodeFile))
}

// KnowledgeQuestion says what to trace: an artefact, a line, or a stack.
type KnowledgeQuestion struct {
	Target   string // ID or FILE:LINE
	Frames   []evidence.Frame
	Revision string
	Cause    diagnose.CauseClass
	Service  string // whose repository to look in; empty = all
}

var fileLine = regexp.MustCompile(`^(.+):(\d{1,8})$`)

// Trace follows an artefact, a line or a stack to the requirement. It returns what
// could not be answered beside the steps; the error is for a question that makes
// no sense.
func (k *Knowledge) Trace(ctx context.Context, q KnowledgeQuestion) (steps []knowledge.Step, failed, err error) {
	if q.Target != "" && len(q.Frames) == 0 {
		if a, ok := k.Base.Called(filepath.ToSlash(q.Target)); ok {
			return k.Base.TraceFrom(a.ID, q.Cause), nil, nil
		}
		m := fileLine.FindStringSubmatch(q.Target)
		if m == nil {
			if several := k.Base.Shared(q.Target); len(several) > 0 {
				return nil, nil, problem.Hinted(fmt.Errorf("%d artefacts have the ID %q", len(several), q.Target), "give one of "+strings.Join(several, ", "))
			}
			return nil, nil, problem.Hinted(fmt.Errorf("no artefact has the ID %q", q.Target), "give an ID or a file of the repository, or FILE:LINE")
		}
		line, err := strconv.Atoi(m[2])
		if err != nil || line == 0 {
			return nil, nil, problem.Hinted(fmt.Errorf("%q has no line", q.Target), "write FILE:LINE, such as relay/worker.go:78")
		}
		q.Frames = []evidence.Frame{{File: filepath.ToSlash(m[1]), Line: line}}
	}
	return k.traceFrames(ctx, q)
}

// traceFrames tries each code and takes the longest chain.
func (k *Knowledge) traceFrames(ctx context.Context, q KnowledgeQuestion) (best []knowledge.Step, failed, err error) {
	asked := slices.DeleteFunc(slices.Clone(k.codes), func(c code) bool { return q.Service != "" && c.name != q.Service })
	if len(asked) == 0 {
		return nil, nil, problem.Hinted(fmt.Errorf("no repository of service %q is known", q.Service), "add repository.path to the service in the catalog, or give --repo DIR")
	}
	chosen := ""
	where := map[string]string{} // repository → where the code lies in it
	for _, c := range asked {
		revision, doubt := q.Revision, ""
		if repo, ok := c.Blamer.(*git.Repository); ok && q.Revision != "" {
			revision, doubt = deployed(ctx, repo, q.Revision, q.Service)
		}
		steps, err := k.Base.Trace(ctx, c.Blamer, knowledge.Query{
			Frames: q.Frames, Revision: revision, Root: c.root, Repo: c.repo, Folder: c.folder, Cause: q.Cause,
		})
		steps = doubted(steps, true, doubt)
		if len(steps) > 0 && steps[0].Kind == "code" {
			where[c.at] = c.name + ": " + steps[0].ID
		}
		if len(steps) > len(best) || best == nil {
			best, failed = steps, err
			chosen = c.at
		}
	}
	return ambiguous(best, chosen, where), failed, nil
}

// ambiguous makes guesses of the steps when the code may as well lie in another
// repository.
func ambiguous(steps []knowledge.Step, chosen string, where map[string]string) []knowledge.Step {
	if len(where) < 2 || where[chosen] == "" {
		return steps
	}
	const why = "the same file is in another of the repositories, too; --service or fewer --repo decide"
	var others []knowledge.Candidate
	for _, at := range slices.Sorted(maps.Keys(where)) {
		if at != chosen {
			others = append(others, knowledge.Candidate{ID: where[at], Score: 0.5, Why: "has a file of that name"})
		}
	}
	steps = doubted(steps, true, why)
	steps[0].Others = others
	return steps
}

// gitCache is the part of the cache folder for the index of git histories.
func gitCache(cache string) string {
	if cache == "" {
		return ""
	}
	return filepath.Join(cache, "git")
}
