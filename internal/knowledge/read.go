package knowledge

import (
	"fmt"
	"io/fs"
	"maps"
	"runtime"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	markdown "github.com/yuin/goldmark/parser"

	"github.com/holdfast-sre/holdfast/internal/problem"
)

// Limits on what is read; what is over them is reported and left out.
const (
	maxFile  = 1 << 20
	maxFiles = 50_000
)

// Folder is one folder of Markdown files, mostly a git repository.
type Folder struct {
	Name string // tells the folders apart; "" when there is one
	FS   fs.FS
}

// Reader reads folders and remembers their files, so that reading again costs
// what changed. It is not safe for concurrent use.
type Reader struct {
	naming *naming
	md     markdown.Parser
	files  map[fileKey]fileRead
	parsed int // files, by the last Read

	last    *Base             // that Read returned
	listed  []problem.Problem // of its folders, before any file was opened
	holders *holders          // of its files; nil = not asked for yet
}

type fileKey struct{ folder, path string }

// fileRead is a file as it was when it was read.
type fileRead struct {
	size int64
	at   time.Time
	doc  document
}

// version changes when the file does; "" when only reading it tells, as for what a
// link leads to.
func (f fileRead) version() string {
	if f.at.IsZero() {
		return ""
	}
	return fmt.Sprintf("%d-%d", f.size, f.at.UnixNano())
}

// same reports whether the file is known not to have changed since.
func (f fileRead) same(old fileRead) bool {
	return !f.at.IsZero() && f.size == old.size && f.at.Equal(old.at)
}

// NewReader returns a reader for repositories that name their artefacts by s.
func NewReader(s Scheme) *Reader {
	return &Reader{naming: compile(s), md: newMarkdown(), files: map[fileKey]fileRead{}}
}

// Read reads one folder by the usual names.
func Read(fsys fs.FS) (*Base, error) {
	return NewReader(DefaultScheme()).Read(Folder{FS: fsys})
}

// Texts reads documents that are in no folder, by their paths: drafts that wait on
// a branch, for instance.
func Texts(s Scheme, texts map[string][]byte) *Base {
	n, md := compile(s), newMarkdown()
	b := newBase(n)
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		switch src := texts[name]; {
		case len(src) > maxFile:
			b.report("", name, 0, "can't be read: "+errTooLarge.Error(), "")
		case !utf8.Valid(src):
			b.report("", name, 0, "can't be read: "+errNotText.Error(), "")
		case isMarkdown(name):
			b.add("", n.parse(md, name, src))
		}
	}
	b.arrange()
	b.link()
	return b
}

// Read reads every Markdown file of the folders; files that did not change since
// the last time, by size and time, are not opened. Folders that begin with a dot
// are left out. Files that can't be read or understood are listed in
// Base.Problems; the error is for a folder that can't be read at all.
func (r *Reader) Read(folders ...Folder) (*Base, error) {
	return r.ReadEach(nil, folders...)
}

// ReadEach is Read, and hands over each file as soon as it and those before it were
// read, in the order of Base.Files; reading goes on meanwhile, some files ahead.
func (r *Reader) ReadEach(each func(File), folders ...Folder) (*Base, error) {
	b := newBase(r.naming)
	var all []*listed
	for _, f := range folders {
		files, err := b.list(f)
		if err != nil {
			return nil, fmt.Errorf("read knowledge repository %s: %w", f.Name, err)
		}
		all = append(all, files...)
	}
	r.parse(all, each)
	listed := slices.Clone(b.problems)
	b = r.know(b, listed, all)
	r.files = make(map[fileKey]fileRead, len(all))
	for _, f := range all {
		r.files[f.key()] = f.fileRead
	}
	r.last, r.listed = b, listed
	return b, nil
}

// know returns what the files hold: made of the last Base where that tells most of
// it, else anew of b, which holds what was told of the folders.
func (r *Reader) know(b *Base, listed []problem.Problem, all []*listed) *Base {
	d, few := r.compare(all)
	if few {
		if next := r.revise(d, b, listed, all); next != nil {
			return next
		}
	}
	b.expect(len(all))
	for _, f := range all {
		b.files = append(b.files, f.file())
		b.add(f.folder.Name, f.doc)
	}
	b.arrange()
	if few && r.follow(b, d, all) {
		return b
	}
	b.link()
	b.begin()
	r.holders = nil
	return b
}

// Files are parsed some at a time, and no more than a number of such parts are ahead
// of the one that is handed over.
const (
	partFiles  = 16
	partsAhead = 16
)

// part is some files, and tells when they are parsed.
type part struct {
	files  []*listed
	parsed chan struct{}
}

// parse fills in the documents, and hands over the files: those that did not change
// are as they were, the others are parsed on all cores.
func (r *Reader) parse(all []*listed, each func(File)) {
	work, order := make(chan part), make(chan part, partsAhead)
	r.parsed = 0
	var wg sync.WaitGroup
	cores := runtime.GOMAXPROCS(0)
	if each != nil {
		cores = max(1, cores-1) // who is handed the files has work of its own
	}
	for range cores {
		wg.Go(func() {
			for p := range work {
				for _, f := range p.files {
					if f.parsed {
						f.doc = r.document(f.folder.FS, f.path)
					}
				}
				close(p.parsed)
			}
		})
	}
	for _, f := range all {
		old, known := r.files[f.key()]
		if f.parsed = !known || !f.same(old); f.parsed {
			r.parsed++
		} else {
			f.doc = old.doc
		}
	}
	wg.Go(func() {
		defer close(work)
		defer close(order)
		for files := range slices.Chunk(all, partFiles) {
			p := part{files, make(chan struct{})}
			order <- p
			if slices.ContainsFunc(files, func(f *listed) bool { return f.parsed }) {
				work <- p
			} else {
				close(p.parsed)
			}
		}
	})
	for p := range order {
		<-p.parsed
		for i := 0; each != nil && i < len(p.files); i++ {
			each(p.files[i].file())
		}
	}
	wg.Wait()
}
