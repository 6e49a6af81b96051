// Package gittest makes git repositories for tests and benchmarks: a large one
// whose history reads like a team's, out of a seed. The same size and seed give
// the same commits.
package gittest

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// Size of a repository.
type Size struct {
	Commits int // about as many are made; merges count; 0 = 50,000
	Files   int // 0 = 2,000
	Seed    uint64
}

// Place is a line of a file.
type Place struct {
	Path string
	Line int
}

// Repository is one that was made: without a checkout, HEAD on main.
type Repository struct {
	Path string
	Head string // commit
	// Commits are how many there are.
	Commits int
	files   []*file
}

// Large makes a repository in dir, which must be empty: branches with merge
// commits of several forges, squash merges, commits with and without a Bolt
// trailer, renamed files, functions moved between files, releases with tags.
// The history is written as one stream and packed by git: 50,000 commits take
// some 20 s of processor time.
func Large(ctx context.Context, dir string, size Size) (*Repository, error) {
	size.Commits, size.Files = cmp.Or(size.Commits, 50_000), cmp.Or(size.Files, 2_000)
	if _, err := run(ctx, dir, nil, "init", "-q", "-b", "main"); err != nil {
		return nil, err
	}
	r, w := io.Pipe()
	h := newHistory(w, size)
	written := make(chan error, 1)
	go func() {
		err := h.write()
		_ = w.CloseWithError(err) // never fails
		written <- err
	}()
	_, err := run(ctx, dir, r, "-c", "core.compression=1", "fast-import", "--quiet", "--depth=10")
	_ = r.CloseWithError(err) // the writer ends when git has gone
	if werr := <-written; err == nil {
		err = werr
	}
	if err != nil {
		return nil, err
	}
	head, err := run(ctx, dir, nil, "rev-parse", "HEAD")
	if err != nil {
		return nil, err
	}
	return &Repository{Path: dir, Head: strings.TrimSpace(head), Commits: h.commits, files: h.files}, nil
}

// Places picks n lines as stack traces would name them: busy files more often.
func (r *Repository) Places(n int, seed uint64) []Place {
	rnd := rand.New(rand.NewPCG(seed, 1))
	out := make([]Place, 0, n)
	for range n {
		f := r.files[busy(rnd, len(r.files))]
		out = append(out, Place{Path: f.path, Line: 1 + rnd.IntN(len(f.lines))})
	}
	return out
}

// Paths lists the files at the head, sorted.
func (r *Repository) Paths() []string {
	var out []string
	for _, f := range r.files {
		out = append(out, f.path)
	}
	slices.Sort(out)
	return out
}

// run runs git without the configuration of user and machine.
func run(ctx context.Context, dir string, stdin io.Reader, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...) //nolint:gosec // no shell, and tests say the arguments
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
	cmd.Stdin = stdin
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, stderr.String())
	}
	return string(out), nil
}

// start is when the first commit was made; a working year later the last.
var start = time.Date(2021, 1, 4, 9, 0, 0, 0, time.UTC)

// file is one file as it stands on whichever branch last changed it. A file
// that an open branch changes is left alone by everybody else, so that every
// merge is clean.
type file struct {
	path   string
	lines  []string
	branch *branch
	mark   int // of its blob
}

// branch is an open one.
type branch struct {
	bolt    int
	slug    string
	start   int // mark of the commit on main where it began
	tip     int // mark of its last commit
	left    int // commits until it is merged
	files   []*file
	removed []string // old names of files that it renamed
}

// history writes the stream.
type history struct {
	w        *bufio.Writer
	rnd      *rand.Rand
	size     Size
	files    []*file
	open     []*branch
	main     int // mark of the tip
	mark     int
	commits  int
	bolts    int
	pulls    int
	releases int
	names    int
}

func newHistory(w io.Writer, size Size) *history {
	return &history{w: bufio.NewWriterSize(w, 1<<20), size: size, rnd: rand.New(rand.NewPCG(size.Seed, 7))}
}

// busy picks an index, low ones far more often: most commits touch few files.
func busy(rnd *rand.Rand, n int) int {
	x := rnd.Float64()
	return int(x * x * x * float64(n))
}
