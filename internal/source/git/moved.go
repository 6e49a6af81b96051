package git

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	// maxMoves of one line are followed.
	maxMoves = 3
	// window is how many lines around one are looked at to tell whether they
	// moved together: a line alone is too short to tell.
	window = 4
	// moveTimeout bounds the look at one commit; a move in a commit of very
	// many files is then not followed.
	moveTimeout = time.Second
	// maxCompared bounds the files that are compared, in bytes.
	maxCompared = 4 << 20
)

// follow finds where a line was before the commit that put it where it is,
// when that commit took it from elsewhere, and who wrote it there.
func (s *Source) follow(ctx context.Context, m *clone, b Blame, ignore string) (Blame, error) {
	for range maxMoves {
		from, ok, err := s.cameFrom(ctx, m, b)
		if err != nil || !ok {
			return b, err
		}
		older, err := s.blame(ctx, m, from.Commit.Hash, from.Path, []int{from.Line}, ignore)
		if err != nil {
			return b, err
		}
		next := older[from.Line]
		next.Moved = append(slices.Clone(b.Moved), b.Commit.Hash)
		b = next
	}
	return b, nil
}

// cameFrom asks of one commit only whether the line was elsewhere before: the
// place and the parent in which it was.
func (s *Source) cameFrom(ctx context.Context, m *clone, b Blame) (Blame, bool, error) {
	hash := b.Commit.Hash
	if m.shallow[hash] || strings.Contains(b.Path, "\n") {
		return Blame{}, false, nil
	}
	out, err := s.git(ctx, m, call{timeout: moveTimeout, args: []string{
		"blame", "--incremental", "-M", "-C", fmt.Sprintf("-L%d,%d", max(1, b.Line-window), b.Line+window), hash + "^!", "--", b.Path,
	}})
	if err != nil {
		// A commit that can't be looked at in time: the line is where it is.
		return Blame{}, false, ctx.Err()
	}
	entries, err := parseBlame(out)
	if err != nil {
		return Blame{}, false, err
	}
	e, ok := at(entries, b.Line)
	if !ok || e.hash == hash || strings.Contains(e.path, "\n") {
		return Blame{}, false, nil
	}
	from := Blame{Commit: Commit{Hash: e.hash}, Path: e.path, Line: e.orig + b.Line - e.final}
	left, err := s.left(ctx, m, b, from)
	return from, left, err
}

// left reports whether the line is gone from where it was: otherwise it was
// copied, and who copied it wrote it.
func (s *Source) left(ctx context.Context, m *clone, b, from Blame) (bool, error) {
	paths := []string{b.Path}
	if from.Path != b.Path {
		paths = append(paths, from.Path)
	}
	line, before, err := s.count(ctx, m, from.Commit.Hash, paths, from.Path, from.Line, "")
	if err != nil || strings.TrimSpace(line) == "" {
		return false, err
	}
	_, after, err := s.count(ctx, m, b.Commit.Hash, paths, "", 0, line)
	return after <= before, err
}

// count says how often a line stands in files of a commit: the line given, or
// else that at a place, which is returned. Files that are not there count none.
func (s *Source) count(ctx context.Context, m *clone, hash string, paths []string, path string, number int, line string) (string, int, error) {
	var all []string
	for _, p := range paths {
		e, err := s.entry(ctx, m, hash, p)
		if err != nil {
			if ctx.Err() != nil {
				return "", 0, ctx.Err()
			}
			continue
		}
		text, err := s.blob(ctx, m, e, maxCompared)
		if err != nil {
			return "", 0, ctx.Err()
		}
		lines := strings.Split(text, "\n")
		if p == path && number <= len(lines) {
			line = lines[number-1]
		}
		all = append(all, lines...)
	}
	n := 0
	for _, l := range all {
		if l == line {
			n++
		}
	}
	return line, n, nil
}
