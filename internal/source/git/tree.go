package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Files lists the files of revision rev ("" = HEAD), sorted; symbolic links and
// submodules are none. The list is shared: do not change it.
func (s *Source) Files(ctx context.Context, repo, rev string) ([]string, error) {
	m, err := s.open(ctx, repo)
	if err != nil {
		return nil, err
	}
	hash, err := s.commitOf(ctx, m, rev)
	if err != nil {
		return nil, err
	}
	if files, ok := m.answers.files.get(hash); ok {
		return files, nil
	}
	out, err := s.git(ctx, m, call{args: []string{"ls-tree", "-r", "-z", "--full-tree", hash}})
	if err != nil {
		return nil, err
	}
	var files []string
	for line := range strings.SplitSeq(out, "\x00") {
		if e, ok := parseEntry(line); ok && e.file() {
			files = append(files, e.path)
		}
	}
	slices.Sort(files)
	m.answers.files.put(hash, files)
	return files, nil
}

// entry of a tree.
type entry struct{ mode, object, path string }

func (e entry) file() bool { return e.mode == "100644" || e.mode == "100755" }

func parseEntry(line string) (entry, bool) {
	meta, path, ok := strings.Cut(line, "\t")
	f := strings.Fields(meta)
	if !ok || len(f) != 3 || !isHash(f[2]) {
		return entry{}, false
	}
	return entry{mode: f[0], object: f[2], path: path}, true
}

// ErrNoFile is returned for a path that is no regular file of the revision.
var ErrNoFile = errors.New("not a file of the revision")

// Content reads a file at revision rev ("" = HEAD), of at most limit bytes; a
// larger one is an error.
func (s *Source) Content(ctx context.Context, repo, rev, path string, limit int) (string, error) {
	m, err := s.open(ctx, repo)
	if err != nil {
		return "", err
	}
	hash, err := s.commitOf(ctx, m, rev)
	if err != nil {
		return "", err
	}
	e, err := s.entry(ctx, m, hash, path)
	if err != nil {
		return "", err
	}
	return s.blob(ctx, m, e, limit)
}

func (s *Source) blob(ctx context.Context, m *clone, e entry, limit int) (string, error) {
	out, err := s.git(ctx, m, call{args: []string{"cat-file", "blob", e.object}, max: limit})
	if err != nil {
		return "", fmt.Errorf("%s: %w", e.path, err)
	}
	return out, nil
}

func (s *Source) entry(ctx context.Context, m *clone, hash, path string) (entry, error) {
	out, err := s.git(ctx, m, call{args: []string{"ls-tree", "-z", "--full-tree", hash, "--", path}})
	if err != nil {
		return entry{}, err
	}
	line, _, _ := strings.Cut(out, "\x00")
	e, ok := parseEntry(line)
	if !ok || e.path != path || !e.file() {
		return entry{}, fmt.Errorf("%s at %s: %w", path, hash[:12], ErrNoFile)
	}
	return e, nil
}

// maxDirty is how many changed files are named.
const maxDirty = 100

// Dirty lists the tracked files of the clone that differ from its last commit,
// at most 100. The files' own lines may then not be those of the history. Files
// that a filter of the clone converts can be listed without a change, since no
// filter is run.
func (s *Source) Dirty(ctx context.Context, repo string) ([]string, error) {
	m, err := s.open(ctx, repo)
	if err != nil || m.bare {
		return nil, err
	}
	if fi, err := os.Lstat(m.layout.git + "/index"); err != nil || !fi.Mode().IsRegular() {
		return nil, nil //nolint:nilerr // a clone without checkout has no index
	}
	out, err := s.git(ctx, m, call{
		args: []string{"-c", "core.bare=false", "status", "--porcelain=v1", "-z", "--untracked-files=no", "--ignore-submodules=all", "--no-renames"},
		env:  []string{"GIT_WORK_TREE=" + m.top, "GIT_INDEX_FILE=" + m.layout.git + "/index"},
	})
	if err != nil {
		return nil, err
	}
	var files []string
	for line := range strings.SplitSeq(out, "\x00") {
		if len(line) > 3 && len(files) < maxDirty {
			files = append(files, line[3:])
		}
	}
	return files, nil
}
