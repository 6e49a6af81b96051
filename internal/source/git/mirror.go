package git

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// mirror is a bare repository of our own over the objects of a clone: it
// borrows them and has the clone's references, but none of its configuration,
// hooks and attributes. What git writes, it writes here.
type mirror struct {
	layout
	dir string

	refreshing sync.Mutex // one Refresh at a time

	mu      sync.Mutex
	written map[string]string // what was last written, by file
	seen    sight
	last    *clone // as seen
	answers answers
}

// clone is a mirror as it stood when it was opened. It is not changed.
type clone struct {
	*mirror
	refs    refs
	stamp   string            // of the references
	shallow map[string]bool   // commits whose parents the clone lacks
	partial bool              // the clone lacks objects that it may fetch
	texts   map[string]string // the files of the mirror
}

// answers are kept under what they depend on, mostly commits, and never change.
type answers struct {
	files   *lru[string, []string]
	blames  *lru[string, Blame]
	commits *lru[string, Commit]
	origins *lru[string, Origin]
	ignored *lru[string, string]
	known   *lru[string, bool]
}

func newAnswers() answers {
	return answers{
		files: newLRU[string, []string](8), blames: newLRU[string, Blame](4096), commits: newLRU[string, Commit](1024),
		origins: newLRU[string, Origin](1024), ignored: newLRU[string, string](64), known: newLRU[string, bool](1024),
	}
}

// open returns the mirror of a folder, with the references that it has now.
func (s *Source) open(ctx context.Context, folder string) (*clone, error) {
	l, err := s.find(ctx, folder)
	if err != nil {
		return nil, err
	}
	m, err := s.mirrorOf(l)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.sync()
	if err != nil {
		return nil, fmt.Errorf("repository %s: %w", folder, err)
	}
	return c, nil
}

// mirrorOf finds the mirror in memory, or gives it its folder in the cache.
func (s *Source) mirrorOf(l layout) (*mirror, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := l.git + "\x00" + l.objects
	if m := s.mirrors[key]; m != nil {
		return m, nil
	}
	if s.cache == "" {
		dir, err := os.MkdirTemp("", "holdfast-git-")
		if err != nil {
			return nil, fmt.Errorf("folder for git: %w", err)
		}
		s.cache, s.temporary = dir, true
	}
	sum := sha256.Sum256([]byte(key))
	m := &mirror{layout: l, dir: filepath.Join(s.cache, hex.EncodeToString(sum[:12])), written: map[string]string{}, answers: newAnswers()}
	if s.mirrors == nil {
		s.mirrors = map[string]*mirror{}
	}
	s.mirrors[key] = m
	return m, nil
}

// Close removes what was kept in a temporary folder. Nothing else may be called
// afterwards.
func (s *Source) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.temporary || s.cache == "" {
		return nil
	}
	dir := s.cache
	s.cache, s.temporary, s.mirrors = "", false, nil
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove the folder for git: %w", err)
	}
	return nil
}

// sync brings the references of the clone to the mirror, as they are now.
func (m *mirror) sync() (*clone, error) {
	seen, err := m.look()
	if err != nil {
		return nil, err
	}
	if m.last == nil || !m.seen.same(seen) {
		if m.last, err = m.read(seen); err != nil {
			return nil, err
		}
		m.seen = seen
	}
	// All of it is looked at each time: who cleans temporary folders takes what
	// is old.
	if err := os.MkdirAll(filepath.Join(m.dir, "refs"), 0o700); err != nil {
		return nil, fmt.Errorf("mirror of %s: %w", m.top, err)
	}
	for name, text := range m.last.texts {
		if err := m.write(name, text); err != nil {
			return nil, fmt.Errorf("mirror of %s: %w", m.top, err)
		}
	}
	return m.last, nil
}

// sight is what tells whether references have changed: the small files whole,
// the large ones by their stamps.
type sight struct {
	loose, fetched, head string
	packed, shallow      fs.FileInfo // nil = not there
}

func (m *mirror) look() (sight, error) {
	var v sight
	var err error
	if v.loose, err = looseRefs(m.common); err != nil {
		return v, err
	}
	if v.fetched, err = looseRefs(m.dir); err != nil {
		return v, err
	}
	if v.head, err = readSmall(filepath.Join(m.layout.git, "HEAD")); err != nil {
		return v, err
	}
	if fi, err := os.Lstat(filepath.Join(m.common, packedRefs)); err == nil {
		v.packed = fi
	}
	if fi, err := os.Lstat(filepath.Join(m.common, "shallow")); err == nil {
		v.shallow = fi
	}
	return v, nil
}

func (v sight) same(w sight) bool {
	return v.loose == w.loose && v.fetched == w.fetched && v.head == w.head && sameFile(v.packed, w.packed) && sameFile(v.shallow, w.shallow)
}

func sameFile(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// read reads the clone as it was seen.
func (m *mirror) read(seen sight) (*clone, error) {
	r, err := readRefs(m.layout, seen.loose)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(seen.fetched) {
		if hash, name, ok := strings.Cut(strings.TrimSpace(line), " "); ok && strings.HasPrefix(name, fetched) {
			r.add(name, hash)
		}
	}
	shallow, err := readRegular(filepath.Join(m.common, "shallow"), maxRefs)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	c := &clone{mirror: m, refs: r, stamp: digestOf(r), shallow: hashes(shallow)}
	promised, err := filepath.Glob(filepath.Join(m.objects, "pack", "*.promisor"))
	c.partial = err == nil && len(promised) > 0
	c.texts = map[string]string{
		"config": config(r.format()), "objects/info/alternates": m.objects + "\n",
		packedRefs: r.packed(), "shallow": joinHashes(c.shallow), "HEAD": r.headFile(),
	}
	return c, nil
}

// config is all that git is told by a file.
func config(format string) string {
	text := "[core]\n\tbare = true\n\tquotepath = off\n\tfsmonitor = false\n\thooksPath = /dev/null\n\tlogAllRefUpdates = false\n\talternateRefsCommand = :\n" +
		"[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n[protocol]\n\tallow = never\n[fetch]\n\twriteCommitGraph = false\n"
	if format == "sha256" {
		return text + "[core]\n\trepositoryformatversion = 1\n[extensions]\n\tobjectformat = sha256\n"
	}
	return text + "[core]\n\trepositoryformatversion = 0\n"
}

// write replaces a file in one step when its text is another; empty = none.
func (m *mirror) write(name, text string) error {
	path := filepath.Join(m.dir, filepath.FromSlash(name))
	if old, ok := m.written[name]; ok && old == text {
		if _, err := os.Lstat(path); err == nil || text == "" {
			return nil
		}
	}
	if text == "" {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove %s: %w", name, err)
		}
		m.written[name] = text
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("folder of %s: %w", name, err)
	}
	if err := replace(path, text); err != nil {
		return err
	}
	m.written[name] = text
	return nil
}

func replace(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(f.Name()))
	}
	return nil
}

func hashes(text string) map[string]bool {
	out := map[string]bool{}
	for line := range strings.Lines(text) {
		if h := strings.TrimSpace(line); isHash(h) {
			out[h] = true
		}
	}
	return out
}

func joinHashes(set map[string]bool) string {
	if len(set) == 0 {
		return ""
	}
	return strings.Join(slices.Sorted(maps.Keys(set)), "\n") + "\n"
}

// digestOf tells one set of references from another.
func digestOf(r refs) string {
	h := sha256.New()
	for _, name := range r.sorted("refs/") {
		h.Write([]byte(r.names[name] + name + "\n")) // never fails
	}
	return hex.EncodeToString(h.Sum(nil))
}

// memory is what a mirror keeps between runs.
type memory struct {
	Branches map[string]string `json:"branches,omitempty"` // remote-tracking ones, when last looked at
	Fetched  time.Time         `json:"fetched"`            // last success
	Tried    time.Time         `json:"tried"`
	Failed   string            `json:"failed,omitempty"` // why the last try was none
	Packed   time.Time         `json:"packed,omitzero"`  // when what was fetched was last joined, or that was tried
	Graph    string            `json:"graph,omitempty"`  // the references that the commit-graph was written for
}

func (m *mirror) remember() memory {
	var mem memory
	text, err := readRegular(filepath.Join(m.dir, "holdfast.json"), maxRefs)
	if err == nil && json.Unmarshal([]byte(text), &mem) == nil {
		return mem
	}
	return memory{}
}

func (m *mirror) keep(mem memory) error {
	b, err := json.Marshal(mem)
	if err != nil {
		return fmt.Errorf("memory of %s: %w", m.top, err)
	}
	return replace(filepath.Join(m.dir, "holdfast.json"), string(b))
}
