package app

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/knowledge/browse"
	"github.com/holdfast-sre/holdfast/internal/store/search"
)

// Index returns the full-text index of the folders, brought up to date: what did
// not change since the last time is not indexed again. Without a cache folder, or
// with one that is of no use, which note tells, it is made anew in memory. Close it.
func (k *Knowledge) Index(ctx context.Context) (ix *search.Index, note string, err error) {
	if ix, k.index = k.index, nil; ix != nil {
		return ix, "", nil
	}
	ix, instead, err := openIndex(ctx, indexFile(k.cache, k.Dirs), k.Base)
	if instead != nil {
		note = "the index is not kept: " + instead.Error()
	}
	return ix, note, err
}

// Show returns what turns hits of the index into what people may see: without
// secrets, wherever a snippet was cut.
func (k *Knowledge) Show() (func(browse.Hit, search.Place) browse.Hit, error) {
	hide, err := k.Hide()
	if err != nil {
		return nil, err
	}
	repo := browse.New(k.Base, hide)
	return func(h browse.Hit, at search.Place) browse.Hit {
		h.Heading = at.Heading
		return repo.Found(h, at.Line, at.Anchor, indexedText)
	}, nil
}

// openIndex opens the index in a file and brings it up to date. Where that fails,
// as on a full disk, it is made in memory, and instead says why.
func openIndex(ctx context.Context, file string, base *knowledge.Base) (ix *search.Index, instead, err error) {
	ix, err = openedIndex(ctx, file, base)
	if err == nil || file == "" || ctx.Err() != nil {
		return ix, nil, err
	}
	instead = err
	ix, err = openedIndex(ctx, "", base)
	return ix, instead, err
}

func openedIndex(ctx context.Context, file string, base *knowledge.Base) (*search.Index, error) {
	ix, err := search.Open(ctx, file)
	if err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	if err := bring(ctx, ix, base); err != nil {
		return nil, errors.Join(fmt.Errorf("index: %w", err), ix.Close())
	}
	return ix, nil
}

// folderReader reads folders and gives each file to who asks, as
// knowledge.Reader.ReadEach does.
type folderReader func(each func(knowledge.File)) (*knowledge.Base, error)

// readIndexing reads folders and makes their index meanwhile when there is none yet:
// text is indexed as it is read, and links, whose meaning all files tell, at the end.
// The index is nil when there is one, or it could not be made: Index does that.
func readIndexing(ctx context.Context, file string, read folderReader) (*knowledge.Base, *search.Index, error) {
	ix, err := search.Open(ctx, file)
	if err != nil {
		return readOnly(file, read) // Index tells why
	}
	if known, err := ix.Known(ctx); err == nil && len(known) == 0 {
		base, filled, err := fill(ctx, ix, read)
		switch {
		case filled:
			return base, ix, nil
		case base != nil || err != nil:
			return base, nil, errors.Join(err, ix.Close())
		}
	}
	if err := ix.Close(); err != nil {
		return nil, nil, fmt.Errorf("index: %w", err)
	}
	return readOnly(file, read)
}

// fill reads folders and writes what is read to an empty index, all or nothing.
func fill(ctx context.Context, ix *search.Index, read folderReader) (base *knowledge.Base, filled bool, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	wrote := ix.Apply(ctx, func(yield func(search.Change) bool) {
		going := true
		base, err = read(func(f knowledge.File) { going = going && yield(textOf(f)) })
		if err != nil {
			stop() // and nothing is written
			return
		}
		for _, f := range base.Files() {
			if going = going && yield(linksOf(base, f)); !going {
				return
			}
		}
	})
	return base, wrote == nil && err == nil, err
}

// textOf is a file without what other files tell of it.
func textOf(f knowledge.File) search.Change {
	c := search.Change{Key: search.Key{Repo: f.Repo, Path: f.Path}}
	for _, a := range f.Artefacts {
		c.Documents = append(c.Documents, described(a))
	}
	return c
}

// linksOf is the rest of it: all of the file when an ID is another than it says.
func linksOf(base *knowledge.Base, f knowledge.File) search.Change {
	c := search.Change{Key: search.Key{Repo: f.Repo, Path: f.Path}, Hash: indexed(base, f)}
	c.Linked = !slices.ContainsFunc(f.Artefacts, func(a knowledge.Artefact) bool { return base.IDIn(f.Repo, a.Path, a.ID) != a.ID })
	for _, a := range f.Artefacts {
		if c.Linked {
			c.Documents = append(c.Documents, search.Document{Links: links(base, f.Repo, a)})
		} else {
			c.Documents = append(c.Documents, searchable(base, f.Repo, a))
		}
	}
	return c
}

// bring makes the index that of the base, also when it is found damaged on the way.
func bring(ctx context.Context, ix *search.Index, base *knowledge.Base) error {
	err := update(ctx, ix, base)
	if errors.Is(err, search.ErrRebuilt) {
		err = update(ctx, ix, base) // it is empty now
	}
	return err
}

// update brings what the index lacks.
func update(ctx context.Context, ix *search.Index, base *knowledge.Base) error {
	known, err := ix.Known(ctx)
	if err != nil {
		return err
	}
	return apply(ctx, ix, base, lacking(base, known))
}

// apply brings files up to date.
func apply(ctx context.Context, ix *search.Index, base *knowledge.Base, all []lack) error {
	if len(all) == 0 {
		return nil
	}
	return ix.Apply(ctx, changes(base, all))
}

// indexFile is a file in the cache folder for a set of named folders; "" = none.
func indexFile(cache string, dirs map[string]string) string {
	if cache == "" {
		return ""
	}
	var all []string
	for name, dir := range dirs {
		if abs, err := filepath.Abs(dir); err == nil {
			dir = abs
		}
		all = append(all, name+"\x00"+dir)
	}
	slices.Sort(all)
	sum := sha256.Sum256([]byte(strings.Join(all, "\x00")))
	return filepath.Join(cache, "search", hex.EncodeToString(sum[:12])+".db")
}

// lack is a file that the index has otherwise, or not at all.
type lack struct {
	search.Key
	version string
	file    *knowledge.File // nil = there is none any more
}

// lacking are the files that the index must be brought, by repository and path.
func lacking(base *knowledge.Base, known map[search.Key]string) []lack {
	var out []lack
	files := base.Files()
	there := make(map[search.Key]bool, len(files))
	for i, f := range files {
		key := search.Key{Repo: f.Repo, Path: f.Path}
		there[key] = true
		if version := indexed(base, f); version == "" || known[key] != version {
			out = append(out, lack{key, version, &files[i]})
		}
	}
	for key := range known {
		if !there[key] {
			out = append(out, lack{Key: key})
		}
	}
	slices.SortFunc(out, func(a, b lack) int { return cmp.Or(cmp.Compare(a.Repo, b.Repo), cmp.Compare(a.Path, b.Path)) })
	return out
}

// lacks are files that the index must be brought, whatever it knows of them, and that
// it must forget.
func lacks(base *knowledge.Base, files []knowledge.File, gone []knowledge.Place) []lack {
	var out []lack
	for _, p := range gone {
		out = append(out, lack{Key: search.Key{Repo: p.Repo, Path: p.Path}})
	}
	for i, f := range files {
		out = append(out, lack{search.Key{Repo: f.Repo, Path: f.Path}, indexed(base, f), &files[i]})
	}
	return out
}

// changes are what the index lacks, made one by one: together they are as large as
// the repository.
func changes(base *knowledge.Base, all []lack) iter.Seq[search.Change] {
	return func(yield func(search.Change) bool) {
		for _, l := range all {
			c := search.Change{Key: l.Key, Hash: l.version, Remove: l.file == nil}
			if l.file != nil {
				for _, a := range l.file.Artefacts {
					c.Documents = append(c.Documents, searchable(base, l.Repo, a))
				}
			}
			if !yield(c) {
				return
			}
		}
	}
}

// indexed is the version of a file in the index: that of its text, of what its
// artefacts are taken for, and of what their links mean, which other files and the
// naming tell. "" = not known.
func indexed(base *knowledge.Base, f knowledge.File) string {
	if f.Version == "" {
		return ""
	}
	sum := fnv.New64a()
	var line []byte
	add := func(words ...string) {
		line = line[:0]
		for _, w := range words {
			line = append(append(line, w...), ' ')
		}
		_, _ = sum.Write(append(line, '\n')) // never fails
	}
	for _, a := range f.Artefacts {
		add(base.IDIn(f.Repo, f.Path, a.ID), string(a.Kind))
		for _, l := range a.Links {
			if to, ok := base.Resolve(f.Repo, f.Path, l); ok {
				add(to.To)
			}
		}
	}
	return fmt.Sprintf("%s-%x", f.Version, sum.Sum64())
}

// searchable is an artefact as the index takes it.
func searchable(base *knowledge.Base, repo string, a knowledge.Artefact) search.Document {
	d := described(a)
	d.ID, d.Links = base.IDIn(repo, a.Path, a.ID), links(base, repo, a)
	return d
}

// described is what its file alone tells of an artefact.
func described(a knowledge.Artefact) search.Document {
	d := search.Document{
		ID: a.ID, Kind: string(a.Kind), Title: a.Title, Status: a.Status, Date: dateOf(a),
		Services: list(a.Field("service", "services", "component", "components")), Tags: list(a.Field("tags", "tag", "labels", "keywords")),
	}
	for _, s := range a.Sections {
		text, line := wholeText(s)
		d.Sections = append(d.Sections, search.Section{
			Heading: s.Heading, Number: s.Number, Anchor: s.Anchor, Line: s.Line, Text: text, TextLine: line,
		})
	}
	return d
}

func links(base *knowledge.Base, repo string, a knowledge.Artefact) []search.Link {
	var out []search.Link
	for _, l := range a.Links {
		if to, ok := base.Resolve(repo, a.Path, l); ok {
			out = append(out, search.Link{To: to.To, Label: l.Label, Section: l.Section, Line: l.Line})
		}
	}
	return out
}

// wholeText is the prose and the code of a section, each on its line of the file,
// and the line of the first. Error texts stand in code blocks.
func wholeText(s knowledge.Section) (text string, line int) {
	if len(s.Code) == 0 {
		text = strings.TrimLeft(s.Text, "\n")
		if text == "" {
			return "", 0
		}
		return strings.TrimRight(text, "\n"), s.TextLine + len(s.Text) - len(text)
	}
	type part struct {
		text string
		line int
	}
	var parts []part
	if s.Text != "" {
		for i, l := range strings.Split(s.Text, "\n") {
			parts = append(parts, part{l, s.TextLine + i})
		}
	}
	for _, c := range s.Code {
		for i, l := range strings.Split(strings.TrimRight(c.Text, "\n"), "\n") {
			parts = append(parts, part{l, c.Line + i})
		}
	}
	parts = slices.DeleteFunc(parts, func(p part) bool { return p.text == "" }) // lines are told by the next
	slices.SortStableFunc(parts, func(a, b part) int { return cmp.Compare(a.line, b.line) })
	var b strings.Builder
	for i, p := range parts {
		switch {
		case i == 0:
			line = p.line
		case p.line > parts[i-1].line:
			b.WriteString(strings.Repeat("\n", p.line-parts[i-1].line))
		default:
			b.WriteByte(' ')
		}
		b.WriteString(p.text)
	}
	return b.String(), line
}

// dateOf is the day that an artefact gives; zero when it gives none.
func dateOf(a knowledge.Artefact) time.Time {
	text := a.Field("date", "created", "last updated", "updated", "start time")
	if len(text) >= len(time.DateOnly) {
		if t, err := time.Parse(time.DateOnly, text[:len(time.DateOnly)]); err == nil {
			return t
		}
	}
	return time.Time{}
}

func list(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ';' || r == ' ' || r == '[' || r == ']' })
}
