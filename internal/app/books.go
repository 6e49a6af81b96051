package app

import (
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/knowledge/draft"
	"github.com/holdfast-sre/holdfast/internal/runbook"
	"github.com/holdfast-sre/holdfast/internal/source/git"
)

// maxBooks bounds the runbooks that are looked at.
const maxBooks = 500

// shelf is the machine-readable runbooks that a draft may extend: those of the
// configuration, where they are in a clone, and those of the folders.
type shelf struct {
	books []draft.Book
	name  string // of the configuration's folder; empty = none
	dir   string
	open  opener
}

// opener opens a folder as drafts see it: its files, or what was fetched of it.
type opener func(dir string) (opened, error)

// newShelf reads what is there; what can't be read or is no runbook is left out.
func newShelf(configured string, open opener, folders []knowledge.Folder, s knowledge.Scheme) shelf {
	out := shelfAt(configured)
	out.open = open
	if out.name != "" {
		if o, err := open(configured); err == nil {
			out.read(out.name, o.fs, func(string) bool { return true })
			o.done()
		}
	}
	for _, f := range folders {
		out.read(f.Name, f.FS, func(dir string) bool { return s.Folders[folded(dir)] == knowledge.Runbook })
	}
	return out
}

// shelfAt is the shelf of a folder of runbooks in a clone, without its books.
func shelfAt(configured string) shelf {
	if _, _, cloned := git.Top(configured); configured == "" || !cloned {
		return shelf{}
	}
	return shelf{name: filepath.ToSlash(filepath.Clean(configured)), dir: configured}
}

// folded is the name of a folder as schemes know it.
func folded(dir string) string {
	return strings.NewReplacer("_", "-", " ", "-").Replace(strings.ToLower(path.Base(dir)))
}

func (s *shelf) read(repo string, fsys fs.FS, wanted func(dir string) bool) {
	_ = fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil //nolint:nilerr // what can't be listed holds nothing
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules" || d.Name() == "vendor"):
			return fs.SkipDir
		case len(s.books) == maxBooks:
			return fs.SkipAll
		case d.IsDir() || !slices.Contains([]string{".yaml", ".yml"}, path.Ext(name)) || !wanted(path.Dir(name)):
			return nil
		}
		text, err := knowledge.ReadFile(fsys, name)
		if err != nil {
			return nil //nolint:nilerr // it is no runbook for us
		}
		if b, err := runbook.Parse(name, text); err == nil && !slices.ContainsFunc(s.books, func(o draft.Book) bool { return o.Name == b.Name }) {
			s.books = append(s.books, draft.Book{Repo: repo, Path: name, Text: text, Runbook: b})
		}
		return nil
	})
}

// reading reads files of the shelf's own folder, and others as before.
func (s shelf) reading(others draft.Read) draft.Read {
	return func(repo, file string) ([]byte, error) {
		if s.name == "" || repo != s.name {
			return others(repo, file)
		}
		o, err := s.open(s.dir)
		if err != nil {
			return nil, err
		}
		defer o.done()
		return knowledge.ReadFile(o.fs, file)
	}
}

// among adds the shelf's own folder to those of drafts.
func (s shelf) among(dirs map[string]string) map[string]string {
	if s.name != "" {
		dirs[s.name] = s.dir
	}
	return dirs
}
