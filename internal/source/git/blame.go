package git

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Blame is the commit that last changed a line, and where the line stood in it.
type Blame struct {
	Asked  int // the line that was asked for
	Commit Commit
	Path   string
	Line   int
	// Shallow: the history of the clone begins with this commit, so the line
	// may be older than it says.
	Shallow bool
	// Renamed: the file had another name then.
	Renamed bool
	// Moved lists the commits that moved the line to where it is now from
	// elsewhere in the file or from another file, the latest first.
	Moved []string
	// Ignored: commits that the repository wants ignored (.git-blame-ignore-revs)
	// were passed over where they could be.
	Ignored bool
}

// maxLines are blamed at once.
const maxLines = 100

// Blame finds who last changed a line of path at revision rev ("" = HEAD) in
// the repository at repo. Renamed files and moved lines are followed.
func (s *Source) Blame(ctx context.Context, repo, rev, path string, line int) (Blame, error) {
	b, err := s.BlameLines(ctx, repo, rev, path, []int{line})
	if err != nil {
		return Blame{}, err
	}
	return b[0], nil
}

// BlameLines is Blame for up to 100 lines of one file, in the order asked, for
// about the price of one.
func (s *Source) BlameLines(ctx context.Context, repo, rev, path string, lines []int) ([]Blame, error) {
	m, err := s.open(ctx, repo)
	if err != nil {
		return nil, err
	}
	hash, err := s.commitOf(ctx, m, rev)
	if err != nil {
		return nil, err
	}
	if len(lines) == 0 || len(lines) > maxLines || slices.Min(lines) < 1 {
		return nil, fmt.Errorf("blame %s:%v: 1 to %d lines, counted from 1", path, lines, maxLines)
	}
	out := make([]Blame, len(lines))
	for i, known := range s.knownBlames(m, hash, path, lines) {
		out[i] = known
	}
	if err := s.blameUnknown(ctx, m, hash, path, out, lines); err != nil {
		return nil, fmt.Errorf("blame %s:%v: %w", path, lines, err)
	}
	return out, nil
}

func blameKey(hash, path string, line int) string {
	return hash + ":" + strconv.Itoa(line) + ":" + path
}

func (s *Source) knownBlames(m *clone, hash, path string, lines []int) []Blame {
	out := make([]Blame, len(lines))
	for i, l := range lines {
		out[i], _ = m.answers.blames.get(blameKey(hash, path, l))
	}
	return out
}

// blameUnknown fills what the memory did not have.
func (s *Source) blameUnknown(ctx context.Context, m *clone, hash, path string, out []Blame, lines []int) error {
	var ask []int
	for i, b := range out {
		if b.Asked == 0 {
			ask = append(ask, lines[i])
		}
	}
	if len(ask) == 0 {
		return nil
	}
	slices.Sort(ask)
	ask = slices.Compact(ask)
	ignore, err := s.ignored(ctx, m, hash)
	if err != nil {
		return err
	}
	found, err := s.blame(ctx, m, hash, path, ask, ignore)
	if err != nil {
		return err
	}
	var blames []Blame
	for _, line := range ask {
		b, err := s.follow(ctx, m, found[line], ignore)
		if err != nil {
			return err
		}
		b.Asked, b.Shallow, b.Ignored = line, m.shallow[b.Commit.Hash], ignore != ""
		b.Renamed = b.Path != path && len(b.Moved) == 0
		blames = append(blames, b)
	}
	if err := s.addCommits(ctx, m, blames); err != nil {
		return err
	}
	for _, b := range blames {
		if !b.Shallow { // a clone can be deepened
			m.answers.blames.put(blameKey(hash, path, b.Asked), b)
		}
		for i, line := range lines {
			if line == b.Asked {
				out[i] = b
			}
		}
	}
	return nil
}

// blame asks git for lines of one file; the answer is by line.
func (s *Source) blame(ctx context.Context, m *clone, hash, path string, lines []int, ignore string) (map[int]Blame, error) {
	// Without -C: with it git can't use its index of changed paths and takes
	// three times as long. What came from other files is asked for later, of one
	// commit only (follow).
	args := []string{"blame", "--incremental", "-M"}
	if ignore != "" {
		args = append(args, "--ignore-revs-file="+ignore)
	}
	for _, l := range lines {
		args = append(args, fmt.Sprintf("-L%d,%d", l, l))
	}
	out, err := s.git(ctx, m, call{args: append(args, hash, "--", path)})
	if err != nil {
		return nil, err
	}
	entries, err := parseBlame(out)
	if err != nil {
		return nil, err
	}
	found := map[int]Blame{}
	for _, line := range lines {
		e, ok := at(entries, line)
		if !ok {
			return nil, fmt.Errorf("git blame says nothing of line %d", line)
		}
		found[line] = Blame{Commit: Commit{Hash: e.hash}, Path: e.path, Line: e.orig + line - e.final}
	}
	return found, nil
}

// addCommits reads the commits of all blames at once.
func (s *Source) addCommits(ctx context.Context, m *clone, blames []Blame) error {
	var missing []string
	for _, b := range blames {
		if _, ok := m.answers.commits.get(b.Commit.Hash); !ok && !slices.Contains(missing, b.Commit.Hash) {
			missing = append(missing, b.Commit.Hash)
		}
	}
	read := map[string]Commit{}
	if len(missing) > 0 {
		commits, err := s.byHash(ctx, m, missing)
		if err != nil {
			return err
		}
		// A commit of very many files is known without them.
		if err := s.addFiles(ctx, m, commits); err != nil && ctx.Err() != nil {
			return err
		}
		for _, c := range commits {
			read[c.Hash] = c
			m.answers.commits.put(c.Hash, c)
		}
	}
	for i, b := range blames {
		c, ok := read[b.Commit.Hash]
		if !ok {
			c, ok = m.answers.commits.get(b.Commit.Hash)
		}
		if !ok {
			return fmt.Errorf("commit %s is not there", b.Commit.Hash)
		}
		blames[i].Commit = c
	}
	return nil
}

// blamed is one group of lines in git's answer.
type blamed struct {
	hash        string
	orig, final int // first line in the commit, and as asked
	count       int
	path        string
}

func at(entries []blamed, line int) (blamed, bool) {
	i := slices.IndexFunc(entries, func(e blamed) bool { return e.final <= line && line < e.final+e.count })
	if i < 0 {
		return blamed{}, false
	}
	return entries[i], true
}

// parseBlame reads blame --incremental.
func parseBlame(out string) ([]blamed, error) {
	var entries []blamed
	var e blamed
	for line := range strings.Lines(out) {
		line = strings.TrimSuffix(line, "\n")
		if name, ok := strings.CutPrefix(line, "filename "); ok {
			e.path = unquote(name)
			entries = append(entries, e)
			e = blamed{}
			continue
		}
		f := strings.Fields(line)
		if e.hash != "" || len(f) != 4 || !isHash(f[0]) {
			continue
		}
		orig, err1 := strconv.Atoi(f[1])
		final, err2 := strconv.Atoi(f[2])
		count, err3 := strconv.Atoi(f[3])
		if err := cmp.Or(err1, err2, err3); err != nil {
			return nil, fmt.Errorf("git blame answered %.60q", line)
		}
		e = blamed{hash: f[0], orig: orig, final: final, count: count}
	}
	if len(entries) == 0 {
		return nil, fmt.Errorf("git blame answered %.60q", out)
	}
	return entries, nil
}

// unquote reads a path as git writes it when it holds quotes or control
// characters.
func unquote(name string) string {
	if !strings.HasPrefix(name, `"`) {
		return name
	}
	if plain, err := strconv.Unquote(name); err == nil {
		return plain
	}
	return name
}
