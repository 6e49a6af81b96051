package git

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	ignoreFile = ".git-blame-ignore-revs"
	maxIgnore  = 1 << 20
)

// ignored returns a file with the commits that blame should pass over, such as
// those that only reformat, as the repository lists them at a commit; empty
// when it lists none. Only full hashes are taken.
func (s *Source) ignored(ctx context.Context, m *clone, hash string) (string, error) {
	if file, ok := m.answers.ignored.get(hash); ok {
		if _, err := os.Lstat(file); err == nil || file == "" {
			return file, nil
		}
	}
	file, err := s.readIgnored(ctx, m, hash)
	if err != nil {
		return "", err
	}
	m.answers.ignored.put(hash, file)
	return file, nil
}

func (s *Source) readIgnored(ctx context.Context, m *clone, hash string) (string, error) {
	e, err := s.entry(ctx, m, hash, ignoreFile)
	if errors.Is(err, ErrNoFile) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	text, err := s.blob(ctx, m, e, maxIgnore)
	if err != nil {
		return "", err
	}
	var commits []string
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.ToLower(strings.TrimSpace(line)); isHash(line) && len(line) == len(hash) {
			commits = append(commits, line)
		}
	}
	if len(commits) == 0 {
		return "", nil
	}
	slices.Sort(commits)
	name := "ignore/" + e.object
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.write(name, strings.Join(slices.Compact(commits), "\n")+"\n"); err != nil {
		return "", err
	}
	return filepath.Join(m.dir, filepath.FromSlash(name)), nil
}
