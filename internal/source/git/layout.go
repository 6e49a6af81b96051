package git

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// layout is where a clone keeps what it knows.
type layout struct {
	top     string // the folder, symbolic links resolved
	git     string // its own git directory: HEAD and index
	common  string // that of the main clone when the folder is a linked worktree, else git
	objects string
	bare    bool
}

// errNotRepository is said of a folder that holds no repository. Parents are
// not searched: what was configured is what is read.
var errNotRepository = errors.New("not a git repository (this folder is looked at, not its parents)")

// ErrNoRepository is returned for a service whose repository is not configured.
var ErrNoRepository = errors.New("no repository is configured")

// Top finds the clone that a folder lies in, and the folder's path inside it
// ("." = the clone itself); ok is false when there is none. It is for folders
// that a person names: sources read the folder that they are given.
func Top(folder string) (top, inside string, ok bool) {
	abs, err := filepath.Abs(folder)
	if err != nil {
		return "", "", false
	}
	for top = abs; ; top = filepath.Dir(top) {
		if _, err := os.Lstat(filepath.Join(top, ".git")); err == nil {
			inside, err = filepath.Rel(top, abs)
			return top, inside, err == nil
		}
		if top == filepath.Dir(top) {
			return "", "", false
		}
	}
}

// find tells where the repository of a folder lies. It reads a few small files
// itself, since git would obey the repository's configuration, and refuses
// what leads out of the folder: only the folder may be a symbolic link.
func (s *Source) find(ctx context.Context, folder string) (layout, error) {
	if folder == "" {
		return layout{}, ErrNoRepository // and not the working folder
	}
	abs, err := filepath.Abs(folder)
	if err != nil {
		return layout{}, fmt.Errorf("repository %s: %w", folder, err)
	}
	top, err := filepath.EvalSymlinks(abs)
	if err != nil {
		return layout{}, fmt.Errorf("repository %s: %w", folder, err)
	}
	if strings.ContainsAny(top, "\r\n") {
		return layout{}, fmt.Errorf("repository %q: a line break in the path", top)
	}
	l := layout{top: top, git: filepath.Join(top, ".git")}
	switch fi, err := os.Lstat(l.git); {
	case errors.Is(err, os.ErrNotExist):
		l.git, l.bare = top, true
	case err != nil:
		return layout{}, fmt.Errorf("repository %s: %w", folder, err)
	case fi.Mode()&os.ModeSymlink != 0:
		return layout{}, fmt.Errorf("repository %s: .git is a symbolic link, which is not followed: name the clone itself", folder)
	case fi.Mode().IsRegular():
		if err := s.findLinked(ctx, &l); err != nil {
			return layout{}, fmt.Errorf("repository %s: %w", folder, err)
		}
	}
	if l.common == "" {
		l.common = l.git
	}
	l.objects = filepath.Join(l.common, "objects")
	for _, part := range []string{l.objects, filepath.Join(l.common, "refs")} {
		if err := folderItself(part); err != nil {
			return layout{}, fmt.Errorf("repository %s: %w", folder, err)
		}
	}
	return l, nil
}

// folderItself refuses what is no folder or only leads to one.
func folderItself(path string) error {
	switch fi, err := os.Lstat(path); {
	case errors.Is(err, os.ErrNotExist):
		return errNotRepository
	case err != nil:
		return err
	case fi.Mode()&os.ModeSymlink != 0:
		return fmt.Errorf("%s is a symbolic link, which is not followed", path)
	case !fi.IsDir():
		return errNotRepository
	}
	return nil
}

// findLinked follows the file .git of a linked worktree or a submodule, when
// the place that it names knows the folder too: a file alone could name any
// repository of the machine.
func (s *Source) findLinked(ctx context.Context, l *layout) error {
	text, err := readSmall(l.git)
	if err != nil {
		return err
	}
	target, ok := strings.CutPrefix(strings.TrimSpace(text), "gitdir:")
	if !ok {
		return errNotRepository
	}
	file := l.git
	l.git = resolvePath(l.top, strings.TrimSpace(target))
	if back, err := readSmall(filepath.Join(l.git, "gitdir")); err == nil {
		if !samePlace(resolvePath(l.git, strings.TrimSpace(back)), file) {
			return errors.New(".git names a worktree of a repository that does not know this folder")
		}
		common, err := readSmall(filepath.Join(l.git, "commondir"))
		if err != nil {
			return err
		}
		l.common = resolvePath(l.git, strings.TrimSpace(common))
		return nil
	}
	tree, err := s.setting(ctx, l.git, "core.worktree")
	if err != nil || tree == "" || !samePlace(resolvePath(l.git, tree), l.top) {
		return errors.New(".git names a repository that does not know this folder")
	}
	return nil
}

func resolvePath(base, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(base, path)
}

func samePlace(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

const (
	maxSmall = 64 << 10 // of a file that holds a line
	maxRefs  = 64 << 20 // of packed references, some 800,000
)

// readSmall reads a file of a few lines.
func readSmall(path string) (string, error) { return readRegular(path, maxSmall) }

// readRegular reads a file that is one: no link, no pipe, at most limit bytes.
func readRegular(path string, limit int64) (string, error) {
	fi, err := os.Lstat(path)
	if err != nil {
		return "", err
	}
	if !fi.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a regular file", path)
	}
	if fi.Size() > limit {
		return "", fmt.Errorf("%s has %d bytes, more than %d", path, fi.Size(), limit)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(io.LimitReader(f, limit))
	if err = errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	return string(b), nil
}
