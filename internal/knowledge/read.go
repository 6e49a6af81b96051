package knowledge

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/holdfast-sre/holdfast/internal/problem"
)

// Limits on what is read; what is over them is reported and left out.
const (
	maxFile  = 1 << 20
	maxFiles = 20_000
)

// Base is a knowledge repository in memory. It is immutable and safe for
// concurrent use. A nil *Base knows nothing.
type Base struct {
	byID     map[string]Artefact
	byPath   map[string]string // file → ID
	ids      []string          // sorted
	problems []problem.Problem
}

// Read reads every Markdown file below the root of fsys; folders that begin
// with a dot are left out. Files that can't be read or understood are listed
// in Problems; the error is for a root that can't be read at all.
func Read(fsys fs.FS) (*Base, error) {
	b := &Base{byID: map[string]Artefact{}, byPath: map[string]string{}}
	var files []string
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && p == ".":
			return err
		case err != nil:
			b.report(p, 0, "can't be read: "+err.Error(), "")
			return nil //nolint:nilerr // reported; the rest is read
		case d.IsDir() && p != "." && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case d.IsDir() || !isMarkdown(p):
			return nil
		case len(files) == maxFiles:
			b.report(p, 0, fmt.Sprintf("is left out: the repository has more than %d Markdown files", maxFiles), "point the knowledge path at a smaller folder")
			return fs.SkipAll
		}
		files = append(files, p)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read knowledge repository: %w", err)
	}
	for _, p := range files {
		b.load(fsys, p)
	}
	b.finish()
	return b, nil
}

func isMarkdown(p string) bool {
	ext := strings.ToLower(path.Ext(p))
	return ext == ".md" || ext == ".markdown"
}

func (b *Base) load(fsys fs.FS, p string) {
	src, err := readLimited(fsys, p)
	if err != nil {
		b.report(p, 0, "can't be read: "+err.Error(), "")
		return
	}
	a, problems := parse(p, src)
	b.problems = append(b.problems, problems...)
	if a.ID == "" {
		return // prose without an ID is no artefact
	}
	b.add(a)
}

// add keeps an artefact. An amendment in a file of its own belongs to what it
// amends; any other second file with the same ID is reported.
func (b *Base) add(a Artefact) {
	old, twice := b.byID[a.ID]
	b.byPath[a.Path] = a.ID
	switch {
	case !twice:
		b.byID[a.ID] = a
	case isAmendment(a):
		b.byID[a.ID] = merge(old, a)
	case isAmendment(old):
		b.byID[a.ID] = merge(a, old)
	default:
		b.report(a.Path, a.Line, fmt.Sprintf("%s is also the ID of %s", a.ID, old.Path), "give one of them another ID")
	}
}

func isAmendment(a Artefact) bool {
	return strings.Contains(strings.ToLower(a.Title+" "+path.Base(a.Path)), "amend")
}

func merge(a, amendment Artefact) Artefact {
	a.Links = slices.Concat(a.Links, amendment.Links)
	a.Sections = slices.Concat(a.Sections, amendment.Sections)
	a.Files = slices.Concat(a.Files, amendment.Files)
	return a
}

// finish resolves links by path and sorts.
func (b *Base) finish() {
	for id, a := range b.byID {
		for i, l := range a.Links {
			if to, ok := b.byPath[l.path]; ok && l.To == "" {
				a.Links[i].To, a.Links[i].Kind = to, KindOf(to)
			}
		}
		b.ids = append(b.ids, id)
	}
	slices.Sort(b.ids)
	slices.SortStableFunc(b.problems, func(x, y problem.Problem) int { return strings.Compare(x.File, y.File) })
}

func (b *Base) report(file string, line int, what, hint string) {
	b.problems = append(b.problems, problem.Problem{File: file, Line: line, What: what, Hint: hint})
}

// Artefact returns the artefact with the ID, in any case.
func (b *Base) Artefact(id string) (Artefact, bool) {
	if b == nil {
		return Artefact{}, false
	}
	a, ok := b.byID[strings.ToUpper(id)]
	return a, ok
}

// Artefacts returns all of them, sorted by ID.
func (b *Base) Artefacts() []Artefact {
	if b == nil {
		return nil
	}
	out := make([]Artefact, 0, len(b.ids))
	for _, id := range b.ids {
		out = append(out, b.byID[id])
	}
	return out
}

// Problems returns what could not be read or understood, by file.
func (b *Base) Problems() []problem.Problem {
	if b == nil {
		return nil
	}
	return slices.Clone(b.problems)
}

var (
	errTooLarge = fmt.Errorf("larger than %d bytes", maxFile)
	errNotText  = errors.New("not UTF-8 text")
)

func readLimited(fsys fs.FS, p string) (_ []byte, err error) {
	f, err := fsys.Open(p)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	src, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, err
	case len(src) > maxFile:
		return nil, errTooLarge
	case !utf8.Valid(src):
		return nil, errNotText
	}
	return src, nil
}
