package gitbranch

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/problem"
)

// layout is a clone, whose references are read and written as plain files: git
// would obey its configuration and hooks.
type layout struct {
	top string
	git string
}

// open finds the git directory of a clone. Worktrees and submodules, whose .git
// is a file, and links are refused: they keep their branches elsewhere.
func open(clone string) (layout, error) {
	l := layout{top: clone, git: filepath.Join(clone, ".git")}
	for _, dir := range []string{l.git, filepath.Join(l.git, "objects"), filepath.Join(l.git, "refs"), filepath.Join(l.git, "refs", "heads")} {
		fi, err := os.Lstat(dir)
		if err != nil {
			return layout{}, fmt.Errorf("clone %s: %w", clone, err)
		}
		if !fi.IsDir() {
			return layout{}, problem.Hinted(fmt.Errorf("clone %s: %s is no folder", clone, filepath.Base(dir)), "name the main clone, not a linked worktree or submodule")
		}
	}
	if _, err := os.Lstat(filepath.Join(l.git, "reftable")); err == nil {
		return layout{}, problem.Hinted(fmt.Errorf("clone %s keeps its references as reftable, which is not written", clone), "use a clone with --ref-format=files, or --out DIR")
	}
	return l, nil
}

var (
	branchName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*(?:[./][A-Za-z0-9_-]+)*$`)
	hash       = regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)
)

// checkBranch refuses a branch that people work on, or that can't be made.
func (l layout) checkBranch(name string) error {
	if !branchName.MatchString(name) || len(name) > 200 || strings.HasSuffix(name, ".lock") {
		return problem.Hinted(fmt.Errorf("%q is no name for a branch", name), "use letters, digits, dashes and slashes, such as holdfast/inc-2026-0001")
	}
	defaults := []string{"main", "master", "trunk", "develop", "default", "HEAD"}
	for _, file := range []string{"HEAD", "refs/remotes/origin/HEAD"} {
		if ref, err := l.small(file); err == nil {
			if ref, ok := strings.CutPrefix(ref, "ref: refs/"); ok {
				defaults = append(defaults, strings.TrimPrefix(strings.TrimPrefix(ref, "heads/"), "remotes/origin/"))
			}
		}
	}
	if slices.ContainsFunc(defaults, func(d string) bool { return strings.EqualFold(d, name) }) {
		return problem.Hinted(fmt.Errorf("%s is a branch that people work on: drafts go to one of their own", name), "leave --branch out, or name a new one")
	}
	packed, err := l.packed()
	if err != nil {
		return err
	}
	for ref := range packed {
		if b, ok := strings.CutPrefix(ref, "refs/heads/"); ok && (strings.EqualFold(b, name) || strings.HasPrefix(b, name+"/") || strings.HasPrefix(name, b+"/")) {
			return taken(b)
		}
	}
	for i := range name + "/" {
		if i < len(name) && name[i] != '/' {
			continue
		}
		fi, err := os.Lstat(l.path("refs/heads/" + name[:i]))
		if err == nil && (i == len(name) || !fi.IsDir()) {
			return taken(name[:i])
		}
	}
	return nil
}

func taken(name string) error {
	return problem.Hinted(fmt.Errorf("branch %s exists: %w", name, ErrExists), "give another name with --branch, or delete the branch when its drafts are no longer needed")
}

// head is the commit that is checked out.
func (l layout) head() (string, error) {
	ref, err := l.small("HEAD")
	if err != nil {
		return "", fmt.Errorf("clone %s: %w", l.top, err)
	}
	name, symbolic := strings.CutPrefix(ref, "ref: ")
	if !symbolic {
		return l.hash(ref)
	}
	if !strings.HasPrefix(name, "refs/heads/") || !filepath.IsLocal(filepath.FromSlash(name)) {
		return "", fmt.Errorf("clone %s: HEAD names %q", l.top, name)
	}
	sha, err := l.tip(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", problem.Hinted(fmt.Errorf("clone %s has no commit yet", l.top), "commit something first, or use --out DIR")
	}
	return sha, err
}

// tip is the commit that a reference names.
func (l layout) tip(ref string) (string, error) {
	text, err := l.small(ref)
	if err == nil {
		return l.hash(text)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("clone %s: %w", l.top, err)
	}
	packed, err := l.packed()
	if err != nil {
		return "", err
	}
	if packed[ref] == "" {
		return "", fmt.Errorf("clone %s: %s: %w", l.top, ref, fs.ErrNotExist)
	}
	return l.hash(packed[ref])
}

func (l layout) hash(s string) (string, error) {
	if !hash.MatchString(s) {
		return "", fmt.Errorf("clone %s: a reference holds no commit", l.top)
	}
	return s, nil
}

// packed are the references of the file packed-refs.
func (l layout) packed() (map[string]string, error) {
	out := map[string]string{}
	text, err := l.read("packed-refs", 64<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return nil, fmt.Errorf("clone %s: %w", l.top, err)
	}
	for line := range strings.Lines(text) {
		if sha, name, ok := strings.Cut(strings.TrimSpace(line), " "); ok && hash.MatchString(sha) {
			out[name] = sha
		}
	}
	return out, nil
}

// staleLock is how old the lock of a branch must be to be that of a process that
// was killed: the branch is new and ours, and writing it takes milliseconds.
const staleLock = time.Minute

// create makes the branch with git's own lock: whoever comes first wins, and
// nobody sees half of it.
func (l layout) create(name, sha string) error {
	at := "refs/heads/" + name
	root, err := os.OpenRoot(l.git)
	if err != nil {
		return fmt.Errorf("branch %s: %w", name, err)
	}
	defer func() { _ = root.Close() }() // nothing is buffered in it
	if err := folders(root, filepath.Dir(filepath.FromSlash(at))); err != nil {
		return fmt.Errorf("branch %s: %w", name, err)
	}
	file := filepath.FromSlash(at)
	f, err := root.OpenFile(file+".lock", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if fi, e := root.Lstat(file + ".lock"); errors.Is(err, fs.ErrExist) && e == nil && time.Since(fi.ModTime()) > staleLock {
		if err = root.Remove(file + ".lock"); err == nil {
			f, err = root.OpenFile(file+".lock", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		}
	}
	if errors.Is(err, fs.ErrExist) {
		return problem.Hinted(fmt.Errorf("branch %s: %w", name, ErrLocked), "try again")
	}
	if err != nil {
		return fmt.Errorf("branch %s: %w", name, err)
	}
	_, err = f.WriteString(sha + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		if err = l.checkBranch(name); err == nil { // under the lock
			err = root.Rename(file+".lock", file)
		}
	}
	if err != nil {
		return errors.Join(fmt.Errorf("branch %s: %w", name, err), root.Remove(file+".lock"))
	}
	return nil
}

// folders makes the folders of a branch; a link among them is refused.
func folders(root *os.Root, dir string) error {
	at := ""
	for part := range strings.SplitSeq(filepath.ToSlash(dir), "/") {
		at = filepath.Join(at, part)
		fi, err := root.Lstat(at)
		if errors.Is(err, fs.ErrNotExist) {
			if err = root.Mkdir(at, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		if !fi.IsDir() {
			return fmt.Errorf("%s is no folder", filepath.ToSlash(at))
		}
	}
	return nil
}

func (l layout) path(name string) string { return filepath.Join(l.git, filepath.FromSlash(name)) }

// small reads a file of one line.
func (l layout) small(name string) (string, error) {
	text, err := l.read(name, 4096)
	return strings.TrimSpace(text), err
}

// read reads a regular file of the git directory.
func (l layout) read(name string, limit int64) (_ string, err error) {
	root, err := os.OpenRoot(l.git)
	if err != nil {
		return "", err
	}
	defer func() { _ = root.Close() }() // only read from
	fi, err := root.Lstat(filepath.FromSlash(name))
	if err != nil {
		return "", err
	}
	if !fi.Mode().IsRegular() || fi.Size() > limit {
		return "", fmt.Errorf("%s is no regular file of at most %d bytes", name, limit)
	}
	f, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	b, err := io.ReadAll(io.LimitReader(f, limit))
	return string(b), err
}
