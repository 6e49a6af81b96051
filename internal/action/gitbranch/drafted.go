package gitbranch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// maxBranches bounds the branches that are looked into.
const maxBranches = 200

// Draft is a document as it stands on a branch that waits for review.
type Draft struct {
	Branch string // without "refs/heads/" or the name of a remote
	Path   string
	Text   []byte
}

// maxDrafted and maxDraft bound the documents that are read, all branches
// together and each in bytes.
const (
	maxDrafted = 2000
	maxDraft   = 1 << 20
)

// Drafted reads the documents that branches add or change whose names begin with
// a prefix, such as "holdfast/": drafts that wait for review have taken IDs too.
func Drafted(ctx context.Context, clone, prefix string) (out []Draft, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	l, err := open(clone)
	if err != nil {
		return nil, err
	}
	tips, err := l.tips(prefix)
	if err != nil || len(tips) == 0 {
		return nil, err
	}
	head, err := l.head()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "holdfast-branch-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	g := &git{dir: dir, objects: filepath.Join(l.git, "objects")}
	if err := g.prepare(ctx, head); err != nil {
		return nil, err
	}
	for _, t := range tips {
		found, err := g.changed(ctx, head, t)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
		if len(out) > maxDrafted {
			return out[:maxDrafted], nil
		}
	}
	return out, nil
}

// changed are the documents that differ between a branch and where it left the
// head. Where a shallow clone hides that place, its last commit counts alone.
func (g *git) changed(ctx context.Context, head string, t tip) ([]Draft, error) {
	from, err := g.run(ctx, "", "merge-base", head, t.sha)
	if err != nil {
		from = t.sha + "^"
	}
	list, err := g.run(ctx, "", "diff-tree", "-r", "-z", "--no-renames", "--diff-filter=AM", strings.TrimSpace(from), t.sha)
	if err != nil { // a history that was cut: what the branch holds is not known
		return nil, fmt.Errorf("branch %s: %w", t.branch, err)
	}
	var out []Draft
	var blob string
	for field := range strings.SplitSeq(list, "\x00") {
		if strings.HasPrefix(field, ":") {
			f := strings.Fields(field)
			if blob = ""; len(f) == 5 && strings.HasPrefix(f[1], "100") {
				blob = f[3]
			}
			continue
		}
		if blob == "" || !slices.Contains([]string{".md", ".markdown", ".yaml", ".yml"}, strings.ToLower(path.Ext(field))) {
			continue
		}
		size, err := g.run(ctx, "", "cat-file", "-s", blob)
		if err != nil {
			return nil, fmt.Errorf("branch %s: %w", t.branch, err)
		}
		d := Draft{Branch: t.branch, Path: field}
		if n, err := strconv.Atoi(strings.TrimSpace(size)); err == nil && n <= maxDraft {
			text, err := g.run(ctx, "", "cat-file", "blob", blob)
			if err != nil {
				return nil, fmt.Errorf("branch %s: %w", t.branch, err)
			}
			d.Text = []byte(text)
		}
		if out = append(out, d); len(out) == maxDrafted {
			break
		}
	}
	return out, nil
}

// tip is a branch and its commit.
type tip struct{ branch, sha string }

// tips are the branches under a prefix, here and on remotes, each commit once.
func (l layout) tips(prefix string) ([]tip, error) {
	packed, err := l.packed()
	if err != nil {
		return nil, err
	}
	var out []tip
	add := func(ref, sha string) {
		name := strings.TrimPrefix(ref, "refs/heads/")
		if remote, ok := strings.CutPrefix(ref, "refs/remotes/"); ok {
			_, name, _ = strings.Cut(remote, "/")
		}
		known := slices.ContainsFunc(out, func(t tip) bool { return t.sha == sha })
		if strings.HasPrefix(name, prefix) && name != ref && hash.MatchString(sha) && len(out) < maxBranches && !known {
			out = append(out, tip{name, sha})
		}
	}
	root, err := os.OpenRoot(l.git)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }() // only read from
	for _, dir := range []string{"refs/heads", "refs/remotes"} {
		err := fs.WalkDir(root.FS(), dir, func(p string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && strings.Contains(p, "/"+prefix) {
				if sha, err := l.small(p); err == nil {
					delete(packed, p)
					add(p, sha)
				}
			}
			return nil //nolint:nilerr // a reference that can't be read has taken nothing
		})
		if err != nil {
			return nil, err
		}
	}
	for _, ref := range slices.Sorted(maps.Keys(packed)) {
		add(ref, packed[ref])
	}
	return out, nil
}
