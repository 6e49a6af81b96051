package git

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// Origin is what history tells of a commit beyond its own message.
type Origin struct {
	// Merges brought the commit into the revision, the first one first: the
	// branch's own merge before that of the release branch.
	Merges []Merge
	// Tags that name the commit itself, and Release, the first tag that holds it.
	Tags    []string
	Release string
	// Unknown says what could not be found in time; one sentence each.
	Unknown []string
}

// Merge is a merge commit, or a squashed branch (the commit itself).
type Merge struct {
	Commit  string
	Request Request
}

const (
	// originTimeout bounds each look at the history around a commit: it is of
	// use, but not worth waiting for.
	originTimeout = time.Second
	maxMerges     = 5
)

// Origin looks for the merges that brought a commit (full hash) into revision
// rev ("" = HEAD) and for tags. What takes longer than a second is left out
// and said.
func (s *Source) Origin(ctx context.Context, repo, rev, commit string) (Origin, error) {
	m, err := s.open(ctx, repo)
	if err != nil {
		return Origin{}, err
	}
	head, err := s.commitOf(ctx, m, rev)
	if err != nil {
		return Origin{}, err
	}
	if !isHash(commit) {
		return Origin{}, fmt.Errorf("%w: %q is no full hash", ErrUnknownRevision, commit)
	}
	key := head + commit + m.stamp // a tag can be made later
	if o, ok := m.answers.origins.get(key); ok {
		return o, nil
	}
	o, err := s.origin(ctx, m, head, commit)
	if err == nil && len(o.Unknown) == 0 {
		m.answers.origins.put(key, o)
	}
	return o, err
}

func (s *Source) origin(ctx context.Context, m *clone, head, commit string) (Origin, error) {
	var o Origin
	var merges, tags string // what was not found
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		var err error
		if o.Merges, err = s.merges(gctx, m, head, commit); err != nil {
			merges = "the merges that brought " + commit[:12] + " in were not found: " + err.Error()
		}
		return ctx.Err()
	})
	g.Go(func() error {
		var err error
		if o.Tags, o.Release, err = s.tags(gctx, m, commit); err != nil {
			tags = "the tags of " + commit[:12] + " were not found: " + err.Error()
		}
		return ctx.Err()
	})
	err := g.Wait()
	for _, u := range []string{merges, tags} {
		if u != "" {
			o.Unknown = append(o.Unknown, u)
		}
	}
	if len(m.shallow) > 0 {
		o.Unknown = append(o.Unknown, "the clone is shallow: merges and tags before its start are not known")
	}
	if err != nil {
		return o, fmt.Errorf("origin of %s: %w", commit[:12], err)
	}
	return o, nil
}

// merges reads what lies between a commit and the revision, and from it the
// merges on the way.
func (s *Source) merges(ctx context.Context, m *clone, head, commit string) ([]Merge, error) {
	hashes := []string{commit}
	if head != commit {
		out, err := s.git(ctx, m, call{timeout: originTimeout, args: []string{
			"rev-list", "--ancestry-path", "--parents", commit + ".." + head, "--",
		}})
		if err != nil {
			return nil, err
		}
		hashes = append(mergesOf(out, head, commit), commit)
	}
	commits, err := s.byHash(ctx, m, hashes)
	if err != nil {
		return nil, err
	}
	var found []Merge
	for _, c := range commits {
		r, ok := ParseRequest(c.Message)
		// The commit itself counts only when it is a squashed branch.
		if c.Hash != commit || ok {
			found = append(found, Merge{Commit: c.Hash, Request: r})
		}
	}
	if len(found) > 1 && found[len(found)-1].Commit == commit {
		found = slices.Concat(found[len(found)-1:], found[:len(found)-1])
	}
	return found, nil
}

// mergesOf walks from head to the commit along first parents as long as these
// lead to it; where they do not, a merge brought it in, and the walk goes on
// along that branch. The innermost merge comes first.
func mergesOf(revList, head, commit string) []string {
	parents := map[string][]string{commit: nil}
	for line := range strings.Lines(revList) {
		if f := strings.Fields(line); len(f) > 0 {
			parents[f[0]] = f[1:]
		}
	}
	var out []string
	leads := func(hash string) bool { _, ok := parents[hash]; return ok }
	for at := head; at != commit; {
		i := slices.IndexFunc(parents[at], leads)
		if i < 0 {
			break // head does not hold the commit
		}
		if i > 0 {
			out = append(out, at)
		}
		next := parents[at][i]
		delete(parents, at) // no commit is its own ancestor, but text is text
		at = next
	}
	slices.Reverse(out)
	return out[:min(len(out), maxMerges)]
}

// tags finds those that name the commit and the earliest that holds it.
func (s *Source) tags(ctx context.Context, m *clone, commit string) (at []string, first string, err error) {
	if len(m.refs.sorted("refs/tags/")) == 0 {
		return nil, "", nil
	}
	out, err := s.git(ctx, m, call{timeout: originTimeout, args: []string{
		"for-each-ref", "--points-at=" + commit, "--count=5", "--sort=creatordate", "--format=%(refname)", "refs/tags/",
	}})
	if err != nil {
		return nil, "", err
	}
	for name := range strings.Lines(out) {
		at = append(at, strings.TrimPrefix(strings.TrimSpace(name), "refs/tags/"))
	}
	out, err = s.git(ctx, m, call{timeout: originTimeout, args: []string{
		"for-each-ref", "--contains=" + commit, "--count=1", "--sort=creatordate", "--format=%(refname)", "refs/tags/",
	}})
	if err != nil {
		return at, "", err
	}
	return at, strings.TrimPrefix(strings.TrimSpace(out), "refs/tags/"), nil
}
