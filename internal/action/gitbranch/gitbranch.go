// Package gitbranch writes files as one commit on a new branch of a clone, for
// people to review. Working tree, index, current branch and every existing
// reference stay as they are. Git runs in an empty repository of our own that
// only borrows the clone's objects: no configuration, hook, filter or attribute
// of the clone is obeyed (docs/adr/0011). Nothing is pushed.
package gitbranch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/problem"
)

// Change is one file to write.
type Change struct {
	Path string // from the root of the clone, with slashes
	Old  []byte // what it is taken to hold; nil = it must not exist
	New  []byte
}

// Commit is what to write.
type Commit struct {
	Branch  string // such as holdfast/inc-2026-0001; must not exist
	Message string
	At      time.Time
	Changes []Change
	Onto    *Onto // nil = what the clone has checked out
}

const (
	author  = "Holdfast"
	email   = "holdfast@localhost"
	timeout = 30 * time.Second
	// maxOutput bounds what one command may print.
	maxOutput = 8 << 20
)

// Write makes the commit on top of what the clone has checked out, or of Onto, and
// returns its name. It refuses a default branch and one that exists (ErrExists), a path
// that leaves the clone or leads over a symbolic link, and a file that is not
// what Old says at that commit. The branch appears whole or not at all. A branch
// that holds this very commit is success: whoever was cut off may ask again.
func Write(ctx context.Context, clone string, c Commit) (sha string, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	l, err := open(clone)
	if err != nil {
		return "", err
	}
	if err := l.checkBranch(c.Branch); err != nil {
		if !errors.Is(err, ErrExists) {
			return "", err
		}
		sha, same, unread := written(ctx, l, c)
		if same {
			return sha, nil
		}
		if unread != nil && (ctx.Err() != nil || errors.Is(unread, ErrEnded)) { // it may be ours: no second branch
			return "", unread
		}
		return "", err
	}
	var parent string
	if c.Onto != nil {
		parent = c.Onto.Commit
	} else if parent, err = l.head(); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "holdfast-branch-")
	if err != nil {
		return "", fmt.Errorf("branch %s: %w", c.Branch, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	g := &git{dir: dir, objects: filepath.Join(l.git, "objects"), at: c.At, fetched: c.Onto != nil}
	if err := g.prepare(ctx, parent); err != nil {
		return "", err
	}
	if c.Onto != nil {
		if err := g.bring(ctx, l, *c.Onto); err != nil {
			return "", fmt.Errorf("branch %s in %s: %w", c.Branch, clone, err)
		}
	}
	if sha, err = g.commit(ctx, parent, c); err != nil {
		return "", fmt.Errorf("branch %s in %s: %w", c.Branch, clone, err)
	}
	return sha, l.create(c.Branch, sha)
}

// ErrExists says that the branch is there, with something else on it.
var ErrExists = errors.New("it is not written over")

// ErrLocked says that another git process holds the branch at the moment.
var ErrLocked = errors.New("locked by another git process")

// ErrEnded says that somebody else ended git before it was done.
var ErrEnded = errors.New("git was ended by a signal")

// maxAfter bounds the commits that people may have put on top of ours.
const maxAfter = 50

// written finds the commit on the branch that is there: our author, the same
// message and the same files.
func written(ctx context.Context, l layout, c Commit) (sha string, ok bool, err error) {
	tip, err := l.tip("refs/heads/" + c.Branch)
	if err != nil {
		return "", false, err
	}
	dir, err := os.MkdirTemp("", "holdfast-branch-")
	if err != nil {
		return "", false, err
	}
	defer func() { ok = ok && os.RemoveAll(dir) == nil }()
	g := &git{dir: dir, objects: filepath.Join(l.git, "objects"), at: c.At}
	if err := g.prepare(ctx, tip); err != nil {
		return "", false, err
	}
	for range maxAfter {
		text, err := g.run(ctx, "", "cat-file", "commit", tip)
		if err != nil {
			return "", false, err
		}
		head, message, _ := strings.Cut(text, "\n\n")
		if strings.Contains(head, "\nauthor "+author+" <"+email+"> ") && message == c.Message {
			ok, err := g.holds(ctx, tip, c.Changes)
			return tip, ok, err
		}
		if _, rest, found := strings.Cut(head, "\nparent "); found {
			tip, _, _ = strings.Cut(rest, "\n")
		}
		if !hash.MatchString(tip) {
			break
		}
	}
	return "", false, nil
}

// holds reports whether the files of a commit are those of the changes.
func (g *git) holds(ctx context.Context, commit string, changes []Change) (bool, error) {
	for _, ch := range changes {
		_, blob, err := g.find(ctx, commit, ch.Path)
		if err != nil || blob == "" {
			return false, err
		}
		text, err := g.run(ctx, "", "cat-file", "blob", blob)
		if err != nil || text != string(ch.New) && text != string(unix(ch.New)) {
			return false, err
		}
	}
	return true, nil
}

// unix is a text with line ends as git stores them under core.autocrlf.
func unix(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")) }

// git runs commands in the repository of our own.
type git struct {
	dir     string
	objects string // of the clone
	beside  string // another object folder to read from; "" = none
	at      time.Time
	fetched bool // the parent was fetched: the working tree has no part in it
}

// prepare makes the repository, with hashes as the clone has them.
func (g *git) prepare(ctx context.Context, parent string) error {
	format := "sha1"
	if len(parent) == 64 {
		format = "sha256"
	}
	_, err := g.run(ctx, "", "init", "--quiet", "--bare", "--template=", "--object-format="+format, g.dir)
	return err
}

func (g *git) commit(ctx context.Context, parent string, c Commit) (string, error) {
	if len(c.Changes) == 0 {
		return "", errors.New("nothing to write")
	}
	if _, err := g.run(ctx, "", "read-tree", parent); err != nil {
		return "", err
	}
	var index strings.Builder
	for _, ch := range c.Changes {
		line, err := g.entry(ctx, parent, ch)
		if err != nil {
			return "", err
		}
		index.WriteString(line)
	}
	if _, err := g.run(ctx, index.String(), "update-index", "-z", "--index-info"); err != nil {
		return "", err
	}
	tree, err := g.run(ctx, "", "write-tree", "--missing-ok")
	if err != nil {
		return "", err
	}
	sha, err := g.run(ctx, c.Message, "commit-tree", strings.TrimSpace(tree), "-p", parent)
	return strings.TrimSpace(sha), err
}

// entry stores the new text of a file and returns its line for the index.
func (g *git) entry(ctx context.Context, parent string, ch Change) (string, error) {
	if err := checkPath(ch.Path); err != nil {
		return "", err
	}
	mode, blob, err := g.find(ctx, parent, ch.Path)
	if err != nil {
		return "", err
	}
	text := ch.New
	switch {
	case blob == "" && ch.Old != nil:
		return "", problem.Hinted(fmt.Errorf("%s is not in the last commit", ch.Path), "commit it first")
	case blob != "" && ch.Old == nil:
		return "", fmt.Errorf("%s exists in the last commit", ch.Path)
	case blob != "":
		old, err := g.run(ctx, "", "cat-file", "blob", blob)
		if err != nil {
			return "", err
		}
		if text, err = onto([]byte(old), ch); err != nil {
			if g.fetched {
				return "", fmt.Errorf("%s has changed at the remote since it was read", ch.Path)
			}
			return "", err
		}
	default:
		mode = "100644"
	}
	sha, err := g.run(ctx, string(text), "hash-object", "-w", "--no-filters", "--stdin")
	if err != nil {
		return "", err
	}
	return mode + " " + strings.TrimSpace(sha) + " 0\t" + ch.Path + "\x00", nil
}

// onto is the new text as it belongs on the committed one: the working tree may
// have other line ends (core.autocrlf), but no other text.
func onto(committed []byte, ch Change) ([]byte, error) {
	if bytes.Equal(committed, ch.Old) {
		return ch.New, nil
	}
	if bytes.Equal(committed, unix(ch.Old)) {
		return unix(ch.New), nil
	}
	return nil, problem.Hinted(fmt.Errorf("%s has changes that are not committed", ch.Path), "commit them or set them aside first")
}

// find is the file at a commit, "" when there is none. Every folder above it must
// be one: what is reached over a link or submodule belongs elsewhere.
func (g *git) find(ctx context.Context, parent, path string) (mode, blob string, err error) {
	var asked []string
	for i, c := range path {
		if c == '/' {
			asked = append(asked, path[:i])
		}
	}
	out, err := g.run(ctx, "", append([]string{"ls-tree", "-z", "--full-tree", parent, "--"}, append(asked, path)...)...)
	if err != nil {
		return "", "", err
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(out, "\x00"), "\x00") {
		head, name, ok := strings.Cut(line, "\t")
		f := strings.Fields(head)
		switch {
		case !ok || len(f) != 3:
		case name == path && (f[0] == "100644" || f[0] == "100755"):
			return f[0], f[2], nil
		case name == path || slices.Contains(asked, name) && f[0] != "040000":
			return "", "", fmt.Errorf("%s: %s is no plain file or folder in the last commit (mode %s)", path, name, f[0])
		}
	}
	return "", "", nil
}

// checkPath refuses what git or a file system could read as another place.
func checkPath(p string) error {
	if p == "" || strings.HasPrefix(p, "/") || strings.ContainsAny(p, "\\:\x00\n\r\t") || len(p) > 1000 {
		return fmt.Errorf("%q is no path in a clone", p)
	}
	for part := range strings.SplitSeq(p, "/") {
		low := strings.ToLower(strings.TrimRight(part, ". "))
		if part == "" || low == "" || low == ".git" || strings.HasPrefix(low, "git~") || strings.HasPrefix(low, ".git") {
			return fmt.Errorf("%q is no path for a document", p)
		}
	}
	return nil
}

// run runs one git command; neither the user's nor the machine's configuration
// is read.
func (g *git) run(ctx context.Context, stdin string, args ...string) (string, error) {
	return g.runOn(ctx, strings.NewReader(stdin), args...)
}

func (g *git) runOn(ctx context.Context, stdin io.Reader, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"--no-pager"}, args...)...) //nolint:gosec // no shell; hashes and checked paths only
	cmd.Dir = g.dir
	stamp := fmt.Sprintf("%d +0000", g.at.Unix())
	cmd.Env = []string{
		"LC_ALL=C.UTF-8", "GIT_TERMINAL_PROMPT=0", "GIT_NO_REPLACE_OBJECTS=1", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_ATTR_NOSYSTEM=1", "GIT_LITERAL_PATHSPECS=1", "GIT_NO_LAZY_FETCH=1", "GIT_ALLOW_PROTOCOL=none",
		"GIT_CEILING_DIRECTORIES=/", "GIT_DIR=" + g.dir, "GIT_INDEX_FILE=" + filepath.Join(g.dir, "holdfast-index"),
		"GIT_AUTHOR_NAME=" + author, "GIT_AUTHOR_EMAIL=" + email, "GIT_AUTHOR_DATE=" + stamp,
		"GIT_COMMITTER_NAME=" + author, "GIT_COMMITTER_EMAIL=" + email, "GIT_COMMITTER_DATE=" + stamp,
	}
	if args[0] != "init" {
		cmd.Env = append(cmd.Env, "GIT_OBJECT_DIRECTORY="+g.objects)
	}
	if g.beside != "" {
		cmd.Env = append(cmd.Env, "GIT_ALTERNATE_OBJECT_DIRECTORIES="+g.beside)
	}
	cmd.Stdin = stdin
	cmd.WaitDelay = time.Second
	endWithChildren(cmd)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return "", fmt.Errorf("git %s: %w", args[0], ctx.Err())
		}
		if x, ok := errors.AsType[*exec.ExitError](err); ok && x.ExitCode() < 0 {
			return "", fmt.Errorf("%w: %s: %w", ErrEnded, args[0], err)
		}
		line, _, _ := strings.Cut(strings.TrimSpace(stderr.String()), "\n")
		return "", fmt.Errorf("git %s: %s (%w)", args[0], strings.ToValidUTF8(strings.TrimPrefix(line, "fatal: "), "\uFFFD"), err)
	}
	if stdout.Len() > maxOutput {
		return "", fmt.Errorf("git %s: more than %d bytes of output", args[0], maxOutput)
	}
	return stdout.String(), nil
}
