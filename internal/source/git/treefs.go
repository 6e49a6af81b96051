package git

import (
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/exec"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-sre/holdfast/internal/outside"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

const (
	// maxTreeFile bounds a file that is read out of a tree.
	maxTreeFile = 8 << 20
	// treeTime bounds the reading of one tree.
	treeTime = 2 * time.Minute
	// maxShown bounds a path in an error.
	maxShown = 200
)

// Tree is the files of one commit below a folder, as a file system: links,
// submodules and what no file system could hold are not in it. The time of a file
// is none: it changes when the content does, and only then. It is safe for
// concurrent use. Close it.
type Tree struct {
	Commit string
	nodes  map[string]*node

	mu     sync.Mutex // one question at a time
	ask    func() (*batch, error)
	batch  *batch
	failed error // a batch that broke is not asked again
	cancel context.CancelFunc
}

// Tree opens the files of a commit, a full hash, that lie below the folder inside
// ("." = all). When the clone is partial and lacks some of them, that is an error:
// what is not here can't be told from what was deleted.
func (s *Source) Tree(ctx context.Context, repo, commit, inside string) (*Tree, error) {
	m, err := s.open(ctx, repo)
	if err != nil {
		return nil, err
	}
	if !isHash(commit) {
		return nil, fmt.Errorf("%w %q of %s", ErrUnknownRevision, commit, repo)
	}
	args, prefix := []string{"ls-tree", "-r", "-l", "-z", "--full-tree", commit}, ""
	if inside = path.Clean(inside); inside != "." {
		prefix = inside + "/"
		args = append(args, "--", prefix)
	}
	out, err := s.git(ctx, m, call{args: args, timeout: treeTime})
	if err != nil {
		return nil, err
	}
	t := &Tree{Commit: commit, nodes: map[string]*node{".": {name: ".", dir: true}}}
	lacks, first := 0, ""
	for line := range strings.SplitSeq(out, "\x00") {
		if file, ok := t.add(line, prefix); !ok {
			first = cmp.Or(first, file)
			lacks++
		}
	}
	if lacks > 0 {
		return nil, problem.Hinted(
			fmt.Errorf("the clone %s is partial: it lacks %s of commit %.12s, first %s", m.top, files(lacks), commit, outside.Line(first, maxShown)),
			"run git -C "+m.top+" fetch --refetch --no-filter, or clone again without --filter")
	}
	for _, n := range t.nodes {
		slices.SortFunc(n.children, func(a, b *node) int { return cmp.Compare(a.name, b.name) })
	}
	ctx, t.cancel = context.WithTimeout(context.WithoutCancel(ctx), treeTime)
	t.ask = func() (*batch, error) { return s.startBatch(ctx, m) }
	return t, nil
}

func files(n int) string {
	if n == 1 {
		return "1 file"
	}
	return fmt.Sprintf("%d files", n)
}

// add takes one line of a listing in: "MODE blob HASH SIZE\tPATH". It reports a file
// whose object is not here, of which git tells no size.
func (t *Tree) add(line, prefix string) (file string, ok bool) {
	meta, file, ok := strings.Cut(line, "\t")
	f := strings.Fields(meta)
	if !ok || len(f) != 4 || f[0] != "100644" && f[0] != "100755" || !isHash(f[2]) {
		return "", true
	}
	size, err := strconv.ParseInt(f[3], 10, 64)
	if err != nil {
		return file, false
	}
	file, ok = strings.CutPrefix(file, prefix)
	if !ok || !fs.ValidPath(file) || strings.ContainsRune(file, '\\') || t.nodes[file] != nil {
		return "", true
	}
	n := &node{name: path.Base(file), object: f[2], size: size}
	t.nodes[file] = n
	for n, dir := n, path.Dir(file); ; dir = path.Dir(dir) {
		parent, known := t.nodes[dir]
		if !known {
			parent = &node{name: path.Base(dir), dir: true}
			t.nodes[dir] = parent
		}
		parent.children = append(parent.children, n)
		if known {
			return file, true
		}
		n = parent
	}
}

// Close ends the process that read files. It never fails.
func (t *Tree) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failed = fs.ErrClosed; t.batch != nil {
		t.batch.close()
		t.batch = nil
	}
	t.cancel()
	return nil
}

// Open opens a file or folder.
func (t *Tree) Open(name string) (fs.File, error) {
	n, err := t.find("open", name)
	if err != nil {
		return nil, err
	}
	if n.dir {
		return &openDir{node: n}, nil
	}
	text, err := t.read(n)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return &openFile{node: n, Reader: strings.NewReader(text)}, nil
}

// Stat describes a file without reading it.
func (t *Tree) Stat(name string) (fs.FileInfo, error) {
	n, err := t.find("stat", name)
	if err != nil {
		return nil, err
	}
	return n, nil
}

func (t *Tree) find(op, name string) (*node, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	n, ok := t.nodes[name]
	if !ok {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	return n, nil
}

// read asks for the text of a file.
func (t *Tree) read(n *node) (string, error) {
	if n.size > maxTreeFile {
		return "", fmt.Errorf("larger than %d bytes", maxTreeFile)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failed != nil {
		return "", t.failed
	}
	if t.batch == nil {
		b, err := t.ask()
		if err != nil {
			t.failed = err
			return "", err
		}
		t.batch = b
	}
	text, err := t.batch.blob(n.object)
	if err != nil && !errors.Is(err, ErrNoFile) {
		t.failed = err
	}
	return text, err
}

// batch is a git that answers with one object after the other.
type batch struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func (s *Source) startBatch(ctx context.Context, m *clone) (*batch, error) {
	cmd := exec.CommandContext(ctx, s.o.Command, "--no-pager", "--git-dir="+m.dir, "cat-file", "--batch") //nolint:gosec // no shell
	cmd.Dir = m.dir
	cmd.Env = append(environment(), "GIT_ALLOW_PROTOCOL=none")
	endWithChildren(cmd)
	cmd.WaitDelay = patience
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("git cat-file: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("git cat-file: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("git cat-file: %w", err)
	}
	return &batch{cmd: cmd, in: in, out: bufio.NewReaderSize(out, 64<<10)}, nil
}

// blob reads one object: "HASH blob SIZE", its bytes, a line end.
func (b *batch) blob(object string) (string, error) {
	if _, err := io.WriteString(b.in, object+"\n"); err != nil {
		return "", fmt.Errorf("git cat-file: %w", err)
	}
	head, err := b.out.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("git cat-file: %w", err)
	}
	f := strings.Fields(head)
	if len(f) == 2 && f[1] == "missing" {
		return "", fmt.Errorf("%w: the clone is partial and lacks it", ErrNoFile)
	}
	if len(f) != 3 || f[1] != "blob" {
		return "", fmt.Errorf("git cat-file answered %q", strings.TrimSpace(head))
	}
	size, err := strconv.ParseInt(f[2], 10, 64)
	if err != nil || size < 0 || size > maxTreeFile {
		return "", fmt.Errorf("git cat-file: an object of %s bytes", f[2])
	}
	text := make([]byte, size+1)
	if _, err := io.ReadFull(b.out, text); err != nil {
		return "", fmt.Errorf("git cat-file: %w", err)
	}
	return string(text[:size]), nil
}

// close ends git by ending its input. What it says then matters to nobody: every
// question has its answer.
func (b *batch) close() {
	_ = b.in.Close()
	_, _ = io.Copy(io.Discard, b.out)
	_ = b.cmd.Wait()
}

// node is a file or folder of a tree. It describes itself.
type node struct {
	name     string
	dir      bool
	object   string
	size     int64
	children []*node
}

func (n *node) Name() string               { return n.name }
func (n *node) Size() int64                { return n.size }
func (n *node) IsDir() bool                { return n.dir }
func (n *node) Sys() any                   { return nil }
func (n *node) Info() (fs.FileInfo, error) { return n, nil }
func (n *node) Type() fs.FileMode          { return n.Mode().Type() }

func (n *node) Mode() fs.FileMode {
	if n.dir {
		return fs.ModeDir | 0o555
	}
	return 0o444
}

// ModTime stands for the content.
func (n *node) ModTime() time.Time {
	raw, err := hex.DecodeString(n.object)
	if err != nil || len(raw) < 8 {
		return time.Time{}
	}
	return time.Unix(0, int64(binary.BigEndian.Uint64(raw)>>1)).UTC() //nolint:gosec // 63 bits fit
}

type openFile struct {
	*node
	*strings.Reader
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.node, nil }
func (f *openFile) Size() int64                { return f.node.size }
func (f *openFile) Close() error               { return nil }

type openDir struct {
	*node
	at int
}

func (d *openDir) Stat() (fs.FileInfo, error) { return d.node, nil }
func (d *openDir) Close() error               { return nil }

func (d *openDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.name, Err: errors.New("is a directory")}
}

// ReadDir lists the folder in the order of names.
func (d *openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	rest := d.children[d.at:]
	if n > 0 && len(rest) == 0 {
		return nil, io.EOF
	}
	if n > 0 && n < len(rest) {
		rest = rest[:n]
	}
	d.at += len(rest)
	out := make([]fs.DirEntry, 0, len(rest))
	for _, c := range rest {
		out = append(out, c)
	}
	return out, nil
}
