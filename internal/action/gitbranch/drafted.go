package gitbranch

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxBranches bounds the branches that are looked into.
const maxBranches = 200

// Drafted lists the paths of the files on branches whose names begin with a
// prefix, such as "holdfast/": drafts that wait for review have taken IDs too.
func Drafted(ctx context.Context, clone, prefix string) (paths []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	l, err := open(clone)
	if err != nil {
		return nil, err
	}
	commits, err := l.tips(prefix)
	if err != nil || len(commits) == 0 {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "holdfast-branch-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	g := &git{dir: dir, objects: filepath.Join(l.git, "objects")}
	if err := g.prepare(ctx, commits[0]); err != nil {
		return nil, err
	}
	for _, c := range commits {
		out, err := g.run(ctx, "", "ls-tree", "-r", "-z", "--name-only", "--full-tree", c)
		if err != nil {
			return nil, err
		}
		paths = append(paths, strings.Split(strings.TrimSuffix(out, "\x00"), "\x00")...)
	}
	slices.Sort(paths)
	return slices.Compact(paths), nil
}

// tips are the commits of the branches under a prefix, here and on remotes.
func (l layout) tips(prefix string) ([]string, error) {
	packed, err := l.packed()
	if err != nil {
		return nil, err
	}
	ours := func(ref string) bool {
		if remote, ok := strings.CutPrefix(ref, "refs/remotes/"); ok {
			_, name, _ := strings.Cut(remote, "/")
			return strings.HasPrefix(name, prefix)
		}
		return strings.HasPrefix(ref, "refs/heads/"+prefix)
	}
	var out []string
	add := func(sha string) {
		if hash.MatchString(sha) && len(out) < maxBranches {
			out = append(out, sha)
		}
	}
	for ref, sha := range packed {
		if ours(ref) {
			add(sha)
		}
	}
	root, err := os.OpenRoot(l.git)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }() // only read from
	for _, dir := range []string{"refs/heads", "refs/remotes"} {
		err := fs.WalkDir(root.FS(), dir, func(p string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && ours(p) {
				if sha, err := l.small(p); err == nil {
					add(sha)
				}
			}
			return nil //nolint:nilerr // a reference that can't be read has taken nothing
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}
