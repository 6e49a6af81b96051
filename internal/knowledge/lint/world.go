package lint

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"

	markdown "github.com/yuin/goldmark/parser"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
)

type fileKey struct{ repo, path string }

// world is everything that rules look at.
type world struct {
	base    *knowledge.Base
	folders map[string]fs.FS
	prefix  map[string]string
	docs    []*source // every Markdown file, by folder and path
	byPath  map[fileKey]*source
	byName  map[string][]*source // by base name, lower case
	books   []*source            // runbooks that are no artefacts
	all     []knowledge.Artefact // without templates
	kinds   map[knowledge.Kind][]knowledge.Artefact
	present map[fileKey]bool // what exists, as far as asked
	code    map[string]codeIndex
	sure    map[string]bool // IDs of all
	plain   map[string]bool // folders of decisions by repository and path
}

// read reads the files of the folders on all cores.
func read(ctx context.Context, base *knowledge.Base, folders []Folder) (*world, error) {
	w := &world{
		base: base, folders: map[string]fs.FS{}, prefix: map[string]string{}, byPath: map[fileKey]*source{}, byName: map[string][]*source{},
		kinds: map[knowledge.Kind][]knowledge.Artefact{}, present: map[fileKey]bool{}, code: map[string]codeIndex{}, sure: map[string]bool{},
	}
	for _, f := range folders {
		w.folders[f.Name], w.prefix[f.Name] = f.FS, f.Prefix
	}
	var files []fileKey
	for _, f := range base.Files() {
		if w.folders[f.Repo] != nil && !skipped(f.Path) && !isTemplate(f.Path) {
			files = append(files, fileKey{f.Repo, f.Path})
		}
	}
	if err := w.parse(ctx, files); err != nil {
		return nil, err
	}
	for _, a := range base.Artefacts() {
		if isTemplate(a.Path) || !w.certain(a) {
			continue
		}
		w.all = append(w.all, a)
		w.sure[a.ID] = true
		w.kinds[a.Kind] = append(w.kinds[a.Kind], a)
	}
	w.plain = w.plainFolders()
	return w, nil
}

// skipped reports whether a file is not this repository's own words, by its
// folders.
func skipped(file string) bool {
	return slices.ContainsFunc(strings.Split(path.Dir(file), "/"), func(dir string) bool { return dir == "third_party" || dir == "testdata" })
}

func isMarkdown(p string) bool {
	ext := strings.ToLower(path.Ext(p))
	return ext == ".md" || ext == ".markdown" || ext == ".mdx"
}

// parse reads the files; what can't be read is left out.
func (w *world) parse(ctx context.Context, files []fileKey) error {
	docs := make([]*source, len(files))
	work := make(chan int)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			md := newMarkdown()
			for i := range work {
				if ctx.Err() == nil {
					docs[i] = w.source(md, files[i])
				}
			}
		})
	}
	for i := range files {
		work <- i
	}
	close(work)
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("lint: %w", err)
	}
	for i, d := range docs {
		if d != nil {
			w.docs = append(w.docs, d)
			w.byPath[files[i]] = d
			name := strings.ToLower(path.Base(d.path))
			w.byName[name] = append(w.byName[name], d)
			if _, ok := w.base.ByPath(d.repo, d.path); !ok && aRunbook(d) {
				w.books = append(w.books, d)
			}
		}
	}
	return nil
}

// source reads one file. The parser comes from elsewhere: a file that trips it
// must not cost the others.
func (w *world) source(md markdown.Parser, k fileKey) (s *source) {
	defer func() {
		if recover() != nil {
			s = nil
		}
	}()
	src, err := knowledge.ReadFile(w.folders[k.repo], k.path)
	if err != nil || knowledge.Costly(src) {
		return nil // the reader of artefacts has reported it
	}
	return parse(md, k.repo, k.path, src)
}

// exists reports whether a folder has a file or folder. known is false for a path
// that leaves the folder, which nobody looks up.
func (w *world) exists(repo, p string) (yes, known bool) {
	if !fs.ValidPath(p) {
		return false, false
	}
	k := fileKey{repo, p}
	if _, ok := w.byPath[k]; ok {
		return true, true
	}
	if yes, ok := w.present[k]; ok {
		return yes, true
	}
	_, err := fs.Stat(w.folders[repo], p)
	w.present[k] = err == nil
	return err == nil, true
}

// doc is the file that an artefact stands in; nil when it could not be read.
func (w *world) doc(a knowledge.Artefact) *source { return w.byPath[fileKey{a.Repo, a.Path}] }

// uses reports whether the repository has artefacts of a kind.
func (w *world) uses(ks ...knowledge.Kind) bool {
	return slices.ContainsFunc(ks, func(k knowledge.Kind) bool { return len(w.kinds[k]) > 0 })
}
