package knowledge

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/problem"
)

// listed is a file that a walk found.
type listed struct {
	fileRead
	folder Folder
	path   string
	parsed bool // it is not known to be as it was
}

func (l *listed) file() File {
	return File{Repo: l.folder.Name, Path: l.path, Version: l.version(), Artefacts: l.doc.artefacts}
}

func (l *listed) key() fileKey { return fileKey{l.folder.Name, l.path} }

func (b *Base) list(f Folder) ([]*listed, error) {
	var out []*listed
	err := fs.WalkDir(f.FS, ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && p == ".":
			return err
		case err != nil:
			b.report(f.Name, p, 0, "can't be read: "+err.Error(), "")
			return nil //nolint:nilerr // reported; the rest is read
		case d.IsDir() && p != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules" || d.Name() == "vendor"):
			return fs.SkipDir
		case d.IsDir():
			return nil
		case !isMarkdown(p):
			b.passOver(f.Name, p)
			return nil
		case len(out) == maxFiles:
			b.report(f.Name, p, 0, fmt.Sprintf("is left out: the folder has more than %d Markdown files", maxFiles), "point the knowledge path at a smaller folder")
			return fs.SkipAll
		}
		l := &listed{folder: f, path: p}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			l.size, l.at = info.Size(), info.ModTime()
		}
		out = append(out, l)
		return nil
	})
	return out, err
}

func isMarkdown(p string) bool {
	ext := strings.ToLower(path.Ext(p))
	return ext == ".md" || ext == ".markdown" || ext == ".mdx"
}

// markups are formats of documents that are not read.
func markups() map[string]string {
	return map[string]string{
		".adoc": "AsciiDoc", ".asciidoc": "AsciiDoc", ".asc": "AsciiDoc", ".rst": "reStructuredText", ".org": "Org", ".textile": "Textile",
		".docx": "Word", ".odt": "OpenDocument", ".html": "HTML",
	}
}

// passOver counts a file that looks like an artefact in a format that is not read.
func (b *Base) passOver(folder, p string) {
	format, ok := markups()[strings.ToLower(path.Ext(p))]
	if !ok {
		return
	}
	name := strings.TrimSuffix(path.Base(p), path.Ext(p))
	if isIndex(name) || b.naming.kindOfFolder(p) == "" && b.naming.filed(name) == "" {
		return
	}
	for i := range b.unread {
		if u := &b.unread[i]; u.folder == folder && u.format == format {
			u.count++
			return
		}
	}
	b.unread = append(b.unread, unread{folder, p, format, 1})
}

// unread are files of a folder in one format.
type unread struct {
	folder, first, format string
	count                 int
}

// Unread tells, for each folder and format, of files that by their names are
// artefacts but no Markdown.
func (b *Base) Unread() []problem.Problem {
	if b == nil {
		return nil
	}
	var out []problem.Problem
	for _, u := range b.unread {
		what := "looks like an artefact, and is not read: " + u.format
		if u.count > 1 {
			what = fmt.Sprintf("looks like an artefact, as %d more files do, and is not read: %s", u.count-1, u.format)
		}
		out = append(out, problem.Problem{File: path.Join(u.folder, u.first), What: what, Hint: "only Markdown is read: convert them, or export them as Markdown"})
	}
	return out
}
