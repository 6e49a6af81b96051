package gitbranch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Onto is a commit that the clone may lack, such as one that was fetched beside it.
type Onto struct {
	Commit  string // full hash
	Objects string // object folder that holds it
	// Branches are those that were fetched with it, with their commits.
	Branches map[string]string
}

// maxKnown bounds the references that say what the clone holds already.
const maxKnown = 10_000

// bring gives the clone the objects of a commit that it lacks, as one pack: a
// branch must never lead to what is not there. References stay as they are.
func (g *git) bring(ctx context.Context, l layout, o Onto) error {
	if !hash.MatchString(o.Commit) {
		return fmt.Errorf("%q is no commit", o.Commit)
	}
	if err := g.endAsIn(l); err != nil {
		return err
	}
	known, err := l.known()
	if err != nil {
		return err
	}
	if slices.Contains(known, o.Commit) {
		return nil
	}
	both := &git{dir: g.dir, objects: g.objects, beside: o.Objects, at: g.at}
	asked := o.Commit + "\n--not\n" + strings.Join(known, "\n") + "\n"
	name, err := both.run(ctx, asked, "pack-objects", "--revs", "--quiet", "--non-empty", filepath.Join(g.dir, "brought"))
	if err != nil {
		return fmt.Errorf("commit %.12s: %w", o.Commit, err)
	}
	if name = strings.TrimSpace(name); !hash.MatchString(name) {
		return nil // it is there, behind another reference
	}
	pack, err := os.Open(filepath.Join(g.dir, "brought-"+name+".pack"))
	if err != nil {
		return fmt.Errorf("commit %.12s: %w", o.Commit, err)
	}
	_, err = g.runOn(ctx, pack, "index-pack", "--stdin")
	if err := errors.Join(err, pack.Close()); err != nil {
		return fmt.Errorf("commit %.12s: %w", o.Commit, err)
	}
	return nil
}

// endAsIn lets the history end where the clone's does.
func (g *git) endAsIn(l layout) error {
	text, err := l.read("shallow", 1<<20)
	if err != nil {
		return nil //nolint:nilerr // a whole history
	}
	if err := os.WriteFile(filepath.Join(g.dir, "shallow"), []byte(text), 0o600); err != nil {
		return fmt.Errorf("folder for git: %w", err)
	}
	return nil
}

// known are the commits that references of the clone lead to.
func (l layout) known() ([]string, error) {
	refs, err := l.packed()
	if err != nil {
		return nil, err
	}
	all := slices.Collect(maps.Values(refs))
	root, err := os.OpenRoot(l.git)
	if err != nil {
		return nil, fmt.Errorf("clone %s: %w", l.top, err)
	}
	defer func() { _ = root.Close() }() // only read from
	err = fs.WalkDir(root.FS(), "refs", func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || len(all) >= maxKnown {
			return nil //nolint:nilerr // a reference that can't be read only makes the pack larger
		}
		if sha, err := l.small(p); err == nil && hash.MatchString(sha) {
			all = append(all, sha)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("clone %s: %w", l.top, err)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	return all[:min(len(all), maxKnown)], nil
}
