package gitbranch

import (
	"cmp"
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

	"github.com/holdfast-sre/holdfast/internal/outside"
)

// maxBranches bounds the branches that are looked into; those that are merged do
// not count.
const maxBranches = 200

// Draft is a document as it stands on a branch that waits for review.
type Draft struct {
	Branch string // without "refs/heads/" or the name of a remote
	Commit string // of the branch, which may differ here and at a remote
	Path   string
	Text   []byte
}

// maxDrafted and maxTexts bound the documents that are read, all branches together,
// in number and bytes; maxDraft bounds each.
const (
	maxDrafted = 2000
	maxTexts   = 64 << 20
	maxDraft   = 1 << 20
	maxShown   = 200 // of a path in an error
)

// Drafted reads the documents that branches add or change whose names begin with
// a prefix, such as "holdfast/": drafts that wait for review have taken IDs too.
// They are compared with what the clone has checked out, or with onto, whose
// branches count too. Where not everything can be read, what was found is
// returned with an error that says so.
func Drafted(ctx context.Context, clone, prefix string, onto *Onto) (out []Draft, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	l, err := open(clone)
	if err != nil {
		return nil, err
	}
	tips, err := l.tips(prefix, onto)
	if err != nil || len(tips) == 0 {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "holdfast-branch-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	g := &git{dir: dir, objects: filepath.Join(l.git, "objects")}
	var head string
	if onto != nil {
		head, g.beside = onto.Commit, onto.Objects
	} else if head, err = l.head(); err != nil {
		return nil, err
	}
	if err := g.prepare(ctx, head); err != nil {
		return nil, err
	}
	if err := g.endAsIn(l); err != nil {
		return nil, err
	}
	tips, err = g.waiting(ctx, head, tips)
	if err != nil {
		return nil, err
	}
	return g.documents(ctx, head, tips)
}

// documents reads the branches, the first ones first, as far as the limits go.
func (g *git) documents(ctx context.Context, head string, tips []tip) (out []Draft, err error) {
	if len(tips) > maxBranches {
		err = fmt.Errorf("%d branches wait, and only the %d newest are read", len(tips), maxBranches)
		tips = tips[:maxBranches]
	}
	var blobs []string // of the documents
	for i, t := range tips {
		found, of, e := g.changed(ctx, head, t)
		err = cmp.Or(err, e)
		out, blobs = append(out, found...), append(blobs, of...)
		if len(out) > maxDrafted {
			err = cmp.Or(err, fmt.Errorf("more than %d documents wait: only the %d newest of %d branches are read", maxDrafted, i+1, len(tips)))
			out, blobs = out[:maxDrafted], blobs[:maxDrafted]
			break
		}
		if ctx.Err() != nil {
			return out, cmp.Or(err, ctx.Err())
		}
	}
	return out, cmp.Or(err, g.texts(ctx, out, blobs))
}

// texts reads the documents, each text once and many with one command.
func (g *git) texts(ctx context.Context, out []Draft, blobs []string) error {
	var unique []string
	for _, blob := range blobs {
		if !slices.Contains(unique, blob) {
			unique = append(unique, blob)
		}
	}
	if len(unique) == 0 {
		return nil
	}
	sizes, err := g.run(ctx, strings.Join(unique, "\n")+"\n", "cat-file", "--batch-check=%(objectname) %(objectsize)")
	if err != nil {
		return err
	}
	texts, all, asked, total := map[string][]byte{}, 0, []string{}, 0
	lines := strings.Split(sizes, "\n")
	for i, blob := range unique {
		size, err := strconv.Atoi(strings.TrimPrefix(lines[min(i, len(lines)-1)], blob+" "))
		if err != nil || size > maxDraft || all+size > maxTexts {
			continue
		}
		if total+size > maxOutput/2 {
			if err := g.read(ctx, asked, texts); err != nil {
				return err
			}
			asked, total = nil, 0
		}
		asked, total, all = append(asked, blob), total+size, all+size
	}
	if err := g.read(ctx, asked, texts); err != nil {
		return err
	}
	for i, blob := range blobs {
		text, ok := texts[blob]
		if !ok {
			err = cmp.Or(err, fmt.Errorf("branch %s: %s can't be read: the clone lacks it, or it is too large", out[i].Branch, outside.Line(out[i].Path, maxShown)))
		}
		out[i].Text = text
	}
	return err
}

// read reads blobs that are there.
func (g *git) read(ctx context.Context, blobs []string, into map[string][]byte) error {
	if len(blobs) == 0 {
		return nil
	}
	rest, err := g.run(ctx, strings.Join(blobs, "\n")+"\n", "cat-file", "--batch")
	if err != nil {
		return err
	}
	for _, blob := range blobs {
		head, text, _ := strings.Cut(rest, "\n") // HASH blob SIZE, the text, a line end
		size, err := strconv.Atoi(strings.TrimPrefix(head, blob+" blob "))
		if err != nil || size < 0 || size >= len(text) {
			return fmt.Errorf("git cat-file answered %.80q for %s", head, blob)
		}
		into[blob], rest = []byte(text[:size]), text[size+1:]
	}
	return nil
}

// waiting are the branches that are not merged into the head, the newest first.
func (g *git) waiting(ctx context.Context, head string, tips []tip) ([]tip, error) {
	var asked strings.Builder
	for _, t := range tips {
		asked.WriteString(t.sha + "\n")
	}
	there, err := g.run(ctx, asked.String(), "cat-file", "--batch-check=%(objectname)")
	if err != nil {
		return nil, err
	}
	bySHA := map[string][]tip{}
	var out []tip // without their commits, so that reading them says it
	lines := strings.Split(there, "\n")
	asked.Reset()
	for i, t := range tips {
		if i >= len(lines) || lines[i] != t.sha {
			out = append(out, t)
			continue
		}
		bySHA[t.sha] = append(bySHA[t.sha], t)
		asked.WriteString(t.sha + "\n")
	}
	list, err := g.run(ctx, asked.String()+"^"+head+"\n", "rev-list", "--date-order", "--stdin")
	if err != nil { // a history that was cut: all of them, what has the highest name first
		slices.Reverse(tips)
		return tips, nil //nolint:nilerr // reading them says it
	}
	for sha := range strings.FieldsSeq(list) {
		out = append(out, bySHA[sha]...)
	}
	return out, nil
}

// changed are the documents that differ between a branch and where it left the
// head, with their blobs. Where a shallow clone hides that place, its last commit
// counts alone.
func (g *git) changed(ctx context.Context, head string, t tip) (out []Draft, blobs []string, err error) {
	from, err := g.run(ctx, "", "merge-base", head, t.sha)
	if errors.Is(err, ErrEnded) || ctx.Err() != nil {
		return nil, nil, fmt.Errorf("branch %s: %w", t.branch, cmp.Or(err, ctx.Err()))
	}
	if err != nil {
		from = t.sha + "^"
	}
	list, err := g.run(ctx, "", "diff-tree", "-r", "-z", "--no-renames", "--diff-filter=AM", strings.TrimSpace(from), t.sha)
	if err != nil { // a history that was cut: what the branch holds is not known
		return nil, nil, fmt.Errorf("branch %s: %w", t.branch, err)
	}
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
		out, blobs = append(out, Draft{Branch: t.branch, Commit: t.sha, Path: field}), append(blobs, blob)
		if len(out) > maxDrafted {
			break // documents says so
		}
	}
	return out, blobs, nil
}

// tip is a branch and its commit.
type tip struct{ branch, sha string }

// tips are the branches under a prefix, here, on remotes and of onto, each commit
// of a branch once.
func (l layout) tips(prefix string, onto *Onto) ([]tip, error) {
	packed, err := l.packed()
	if err != nil {
		return nil, err
	}
	all := map[tip]bool{}
	add := func(name, sha string) {
		if strings.HasPrefix(name, prefix) && hash.MatchString(sha) {
			all[tip{name, sha}] = true
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
					add(branchOf(p), sha)
				}
			}
			return nil //nolint:nilerr // a reference that can't be read has taken nothing
		})
		if err != nil {
			return nil, err
		}
	}
	for ref, sha := range packed {
		add(branchOf(ref), sha)
	}
	if onto != nil {
		for name, sha := range onto.Branches {
			add(name, sha)
		}
	}
	if len(all) > maxKnown {
		return nil, fmt.Errorf("clone %s: %d branches begin with %s, and at most %d are looked at", l.top, len(all), prefix, maxKnown)
	}
	return slices.SortedFunc(maps.Keys(all), func(a, b tip) int {
		return cmp.Or(cmp.Compare(a.branch, b.branch), cmp.Compare(a.sha, b.sha))
	}), nil
}

// branchOf is the name of a branch by its reference, here or on a remote; "" = it is
// none.
func branchOf(ref string) string {
	if name, ok := strings.CutPrefix(ref, "refs/heads/"); ok {
		return name
	}
	remote, ok := strings.CutPrefix(ref, "refs/remotes/")
	_, name, _ := strings.Cut(remote, "/")
	if !ok {
		return ""
	}
	return name
}
