package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/knowledge/impact"
	"github.com/holdfast-sre/holdfast/internal/store/search"
)

// library is the knowledge repository as the server knows it: read once for all
// who ask, at most a minute old. Close it.
type library struct {
	dirs   []string
	cache  string
	log    *slog.Logger
	follow *follower // nil = folders are read as files

	changed atomic.Int64 // counts what Changed was told

	mu     sync.Mutex // held while the folders are read
	reader *knowledge.Reader
	base   *knowledge.Base
	readAt time.Time
	read   int64             // of changed, when the folders were read
	failed error             // of the folders that could not be read then
	at     map[string]string // commits of the folders that are not read as files
	world  *impact.World     // made of base; nil = nobody asked lately
	asked  time.Time         // of the world

	indexing sync.Mutex // held while the index is brought up to date
	index    *search.Index
	indexed  *knowledge.Base
	replaced *search.Index // the last that could not be brought up to date
	stamp    string        // of the index when it became that of indexed
	closed   bool
}

// rereadAfter is how old the folders' contents may be, and worldKept how long what was
// made for questions about impact is kept after the last one: it takes more memory
// than the artefacts.
const (
	rereadAfter = time.Minute
	worldKept   = 15 * time.Minute
)

// newLibrary returns nothing when no knowledge folder is configured. The search
// index is kept in the folder cache; "" = in memory.
func newLibrary(cfg config.Config, cache string, log *slog.Logger) *library {
	if len(cfg.Knowledge) == 0 {
		return nil
	}
	return &library{dirs: cfg.Knowledge, cache: cache, log: log, reader: knowledge.NewReader(cfg.Artefacts.Scheme())}
}

// Base returns the artefacts. Folders that can't be read are left out; when none
// can, what was read last is returned, and an error when nothing was. As long as
// no file changes it is the same Base.
func (l *library) Base(ctx context.Context) (*knowledge.Base, error) {
	base, _, err := l.state(ctx)
	return base, err
}

// state is Base, with why some folders are not in it.
func (l *library) state(ctx context.Context) (base *knowledge.Base, failed, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.asked) > worldKept {
		l.world = nil
	}
	changed := l.changed.Load()
	if l.base != nil && l.read == changed && time.Since(l.readAt) < rereadAfter {
		return l.base, l.failed, nil
	}
	base, failed = l.readFolders(context.WithoutCancel(ctx)) // for all who ask; git bounds its calls itself
	if failed != nil {
		l.log.WarnContext(ctx, "knowledge folder can't be read", "error", failed)
	}
	switch {
	case base == nil && l.base == nil:
		return nil, failed, failed
	case base != nil && (l.base == nil || !sameBase(base, l.base)):
		l.base, l.world = base, nil
	}
	l.readAt, l.read, l.failed = time.Now(), changed, failed
	return l.base, failed, nil
}

// prepared is what was made of a Base for questions about impact; nil when nothing was,
// or the artefacts are others now.
func (l *library) prepared(base *knowledge.Base) *impact.World {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.base != base {
		return nil
	}
	l.asked = time.Now()
	return l.world
}

// prepare keeps what was made of a Base until the artefacts change.
func (l *library) prepare(base *knowledge.Base, w *impact.World) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.base == base {
		l.world, l.asked = w, time.Now()
	}
}

// readFolders returns nothing when no folder can be read.
func (l *library) readFolders(ctx context.Context) (*knowledge.Base, error) {
	at := map[string]string{}
	folders, done, failed := openFolders(l.dirs, func(dir string) (opened, error) {
		o, err := l.follow.open(ctx, dir)
		at[dir] = o.commit
		return o, err
	})
	defer done()
	if len(folders) == 0 {
		return nil, failed
	}
	base, err := l.reader.Read(folders...)
	if err != nil {
		return nil, errors.Join(failed, fmt.Errorf("knowledge: %w", err))
	}
	l.at = at
	return base, failed
}

// sameBase reports whether two readings found the same files.
func sameBase(a, b *knowledge.Base) bool {
	same := func(x, y knowledge.File) bool {
		return x.Repo == y.Repo && x.Path == y.Path && x.Version == y.Version && x.Version != ""
	}
	return slices.EqualFunc(a.Files(), b.Files(), same) && slices.Equal(a.Problems(), b.Problems())
}

// Changed says that files may be others now: the next use reads them again. It
// does not wait.
func (l *library) Changed() { l.changed.Add(1) }

// Refresh reads the folders now.
func (l *library) Refresh(ctx context.Context) error {
	l.Changed()
	_, err := l.Base(ctx)
	return err
}

// Warm reads the folders and brings the search index up to date, so that the
// first who asks does not wait.
func (l *library) Warm(ctx context.Context) {
	if _, _, err := l.Index(ctx); err != nil && ctx.Err() == nil {
		l.log.WarnContext(ctx, "knowledge index can't be made", "error", err)
	}
}

// Index returns the full-text index of Base. It stays open until the library is
// closed, or two others have taken its place.
func (l *library) Index(ctx context.Context) (*search.Index, *knowledge.Base, error) {
	base, err := l.Base(ctx)
	if err != nil {
		return nil, nil, err
	}
	l.indexing.Lock()
	defer l.indexing.Unlock()
	if l.closed {
		return nil, nil, errors.New("index: closed")
	}
	if l.indexed == base {
		return l.index, base, nil
	}
	if l.index != nil {
		err := l.bring(ctx, base)
		if err == nil {
			return l.index, base, nil
		}
		if ctx.Err() != nil {
			return nil, nil, fmt.Errorf("index: %w", err)
		}
		if l.replaced != nil {
			err = errors.Join(err, l.replaced.Close())
		}
		l.log.WarnContext(ctx, "knowledge index is opened again", "error", err)
		l.replaced, l.index, l.indexed = l.index, nil, nil // some still search it
	}
	ix, instead, err := openIndex(ctx, indexFile(l.cache, l.named()), base)
	if instead != nil {
		l.log.WarnContext(ctx, "knowledge index is not kept", "error", instead)
	}
	if err != nil {
		return nil, nil, err
	}
	l.index, l.indexed, l.stamp = ix, base, ""
	return ix, base, nil
}

// bring makes the index that of a newer Base. When that tells which files are others,
// and nobody else wrote to the index meanwhile, it looks at no others.
func (l *library) bring(ctx context.Context, base *knowledge.Base) error {
	stamp, err := l.index.Stamp(ctx) // our own writing does not change it
	if err != nil {
		return err
	}
	changed, gone, ok := base.Since(l.indexed)
	if ok && stamp == l.stamp {
		err = apply(ctx, l.index, base, lacks(base, changed, gone))
	}
	if !ok || stamp != l.stamp || errors.Is(err, search.ErrRebuilt) {
		err = bring(ctx, l.index, base)
	}
	if err == nil {
		l.indexed, l.stamp = base, stamp
	}
	return err
}

// commitOf is the commit at which Base has a folder; "" = its files.
func (l *library) commitOf(dir string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.at[dir]
}

// Source reads a file of the repository as Base has it, as knowledge.ReadFile does.
func (l *library) Source(repo, path string) ([]byte, error) {
	i := slices.Index(folderNames(l.dirs), repo)
	if i < 0 {
		return nil, fmt.Errorf("no knowledge folder is called %q", repo)
	}
	o, err := l.follow.again(context.Background(), l.dirs[i], l.commitOf(l.dirs[i])) // bounded by itself
	if err != nil {
		return nil, fmt.Errorf("open knowledge folder: %w", err)
	}
	defer o.done()
	return knowledge.ReadFile(o.fs, path)
}

// named are the folders by the names that they have in Base.
func (l *library) named() map[string]string {
	out := map[string]string{}
	for i, name := range folderNames(l.dirs) {
		out[name] = l.dirs[i]
	}
	return out
}

// Close lets the index go.
func (l *library) Close() error {
	l.indexing.Lock()
	defer l.indexing.Unlock()
	l.closed = true
	var err error
	for _, ix := range []*search.Index{l.replaced, l.index} {
		if ix != nil {
			err = errors.Join(err, ix.Close())
		}
	}
	l.index, l.replaced = nil, nil
	return err
}

// openFolders opens folders. What can't be opened is told in the error beside the
// others. done closes them.
func openFolders(dirs []string, open func(dir string) (opened, error)) (folders []knowledge.Folder, done func(), err error) {
	var all []opened
	names := folderNames(dirs)
	for i, dir := range dirs {
		o, e := open(dir)
		if e != nil {
			err = errors.Join(err, fmt.Errorf("open knowledge folder: %w", e))
			continue
		}
		all = append(all, o)
		folders = append(folders, knowledge.Folder{Name: names[i], FS: o.fs})
	}
	return folders, func() {
		for _, o := range all {
			o.done()
		}
	}, err
}

// folderNames tell folders apart: the last part of the path, or all of it when
// another folder has that name. A single folder needs none.
func folderNames(dirs []string) []string {
	names := make([]string, len(dirs))
	for i, dir := range dirs {
		if len(dirs) == 1 {
			break
		}
		name := filepath.Base(dir)
		if slices.Contains(names[:i], name) {
			name = filepath.ToSlash(filepath.Clean(dir))
		}
		names[i] = name
	}
	return names
}
