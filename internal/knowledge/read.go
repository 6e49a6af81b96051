package knowledge

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"runtime"
	"slices"
	"strings"
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

	last   *Base             // that Read returned
	listed []problem.Problem // of its folders, before any file was opened
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
	b.finish()
	return b
}

// Read reads every Markdown file of the folders; files that did not change since
// the last time, by size and time, are not opened. Folders that begin with a dot
// are left out. Files that can't be read or understood are listed in
// Base.Problems; the error is for a folder that can't be read at all.
func (r *Reader) Read(folders ...Folder) (*Base, error) {
	b := newBase(r.naming)
	var all []*listed
	for _, f := range folders {
		files, err := b.list(f)
		if err != nil {
			return nil, fmt.Errorf("read knowledge repository %s: %w", f.Name, err)
		}
		all = append(all, files...)
	}
	r.parse(all)
	listed := slices.Clone(b.problems)
	if next := r.revise(listed, b.unread, all); next != nil {
		b = next
	} else {
		for _, f := range all {
			b.files = append(b.files, f.file())
			b.add(f.folder.Name, f.doc)
		}
		b.finish()
		b.lineage, b.changed = new(byte), make([]int, len(all))
	}
	r.files = make(map[fileKey]fileRead, len(all))
	for _, f := range all {
		r.files[f.key()] = f.fileRead
	}
	r.last, r.listed = b, listed
	return b, nil
}

// parse fills in the documents: of files that did not change as they were, the
// others on all cores.
func (r *Reader) parse(all []*listed) {
	work := make(chan *listed)
	r.parsed = 0
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for f := range work {
				f.doc = r.document(f.folder.FS, f.path)
			}
		})
	}
	for _, f := range all {
		old, known := r.files[f.key()]
		if known && f.same(old) {
			f.doc = old.doc
			continue
		}
		r.parsed++
		f.parsed = true
		work <- f
	}
	close(work)
	wg.Wait()
}

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
	if isIndex(name) || b.naming.kindOfFolder(p) == "" && !b.naming.fileID.MatchString(name) {
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

func isMarkdown(p string) bool {
	ext := strings.ToLower(path.Ext(p))
	return ext == ".md" || ext == ".markdown" || ext == ".mdx"
}

func (r *Reader) document(fsys fs.FS, p string) document {
	src, err := ReadFile(fsys, p)
	if err != nil {
		return document{problems: []problem.Problem{{File: p, What: "can't be read: " + err.Error()}}}
	}
	return r.naming.parse(r.md, p, src)
}

var (
	errTooLarge = fmt.Errorf("larger than %d bytes", maxFile)
	errNotText  = errors.New("not UTF-8 text")
	errNotFile  = errors.New("no regular file")
)

// ReadFile reads a file of a folder as Read does: a regular file of UTF-8 text, at
// most 1 MiB long; anything else is an error.
func ReadFile(fsys fs.FS, p string) (_ []byte, err error) {
	info, err := fs.Stat(fsys, p)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errNotFile // opening a pipe waits for a writer
	case info.Size() > maxFile:
		return nil, errTooLarge
	}
	f, err := fsys.Open(p)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var b bytes.Buffer
	b.Grow(int(info.Size()) + bytes.MinRead)
	_, err = b.ReadFrom(io.LimitReader(f, maxFile+1))
	src := b.Bytes()
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

// Base is a knowledge repository in memory. It is immutable and safe for
// concurrent use. A nil *Base knows nothing.
type Base struct {
	naming   *naming
	all      []Artefact
	byKey    map[string]int   // key of the ID → index
	byPath   map[fileKey]int  // file → its own artefact
	byName   map[string][]int // base name without extension, lower case, for wiki links
	incoming map[string][]Incoming
	problems []problem.Problem
	parts    []Artefact // that stand in other files; added last
	files    []File
	unread   []unread
	// shared are the artefacts that have an ID of another collection, too, by the
	// key of it, and collide how many IDs two collections share.
	shared  map[string][]int
	collide map[[2]home]int
	lives   map[lived]home      // homes that were found
	atHome  map[homeNumber]int  // which artefact has an ID in a collection
	owned   map[ownNumber][]int // and which have it in those of an owner
	here    *fileKey            // from where IDs are looked at; nil = from nowhere
	mixed   map[fileKey]bool    // files with an artefact that others have a part in
	// lineage is that of the Bases that were made of each other, revision the place
	// in it, and changed the revision that each file is of.
	lineage  *byte
	revision int
	changed  []int
	themes   *themes // of all, wherever they are looked at from
}

// File is a Markdown file and the artefacts in it as they stand there: amendments
// are apart, links are not resolved. The first one has no ID when the file is prose.
type File struct {
	Repo, Path string
	Version    string // changes when the file does; "" = not known
	Artefacts  []Artefact
}

// Files returns every file that was read, by folder and path. The list is only to
// be read.
func (b *Base) Files() []File {
	if b == nil {
		return nil
	}
	return b.files
}

// Resolve returns a link of the file at path in a folder with the ID and kind of what it
// means; ok is false for one that means nothing here.
func (b *Base) Resolve(repo, path string, l Link) (_ Link, ok bool) {
	if to, ok := b.target(repo, path, l); ok {
		l.To, l.Kind, l.Loose = to.ID, to.Kind, false
	} else if l.Loose {
		return l, false
	}
	return l, l.To != ""
}

// Incoming is a link to an artefact and where it comes from.
type Incoming struct {
	From string // ID
	Link
}

func newBase(n *naming) *Base {
	return &Base{
		naming: n, byKey: map[string]int{}, byPath: map[fileKey]int{}, byName: map[string][]int{}, incoming: map[string][]Incoming{}, shared: map[string][]int{}, collide: map[[2]home]int{},
		lives: map[lived]home{}, atHome: map[homeNumber]int{}, owned: map[ownNumber][]int{}, mixed: map[fileKey]bool{}, themes: newThemes(),
	}
}

// add keeps what a file holds. Artefacts that stand in other files are only
// told by headings: they wait until every file has been read.
func (b *Base) add(folder string, doc document) {
	for _, p := range doc.problems {
		b.report(folder, p.File, p.Line, p.What, p.Hint)
	}
	for i, a := range doc.artefacts {
		a.Repo = folder
		switch {
		case i > 0:
			b.parts = append(b.parts, a)
		case a.ID != "":
			b.keep(a)
		}
	}
}

// keep takes an artefact in. An amendment belongs to what it amends; any other
// second one with the same ID is reported.
func (b *Base) keep(a Artefact) {
	at := fileKey{a.Repo, a.Path}
	b.settle(a)
	i, twice := b.byKey[key(a.ID)]
	if twice {
		j, same := b.sameHome(i, a)
		if i = j; !same && b.apart(b.all[i], a) && !isAmendment(a) {
			i = b.share(i, a)
			b.named(at, i, a)
			return
		}
	}
	if !twice {
		i = len(b.all)
		b.all = append(b.all, a)
		b.byKey[key(a.ID)] = i
		b.inhabit(i, a)
	}
	b.named(at, i, a)
	if !twice {
		return
	}
	b.mixed[at], b.mixed[fileKey{b.all[i].Repo, b.all[i].Path}] = true, true
	switch old := b.all[i]; {
	case isAmendment(a):
		b.all[i] = merge(old, a)
	case isAmendment(old):
		b.all[i] = merge(a, old)
		b.inhabit(i, a)
	default:
		b.report(a.Repo, a.Path, a.Line, fmt.Sprintf("%s is also the ID of %s", a.ID, old.Path), "give one of them another ID")
	}
}

// named remembers the file of an artefact and the names that wiki links give it.
func (b *Base) named(at fileKey, i int, a Artefact) {
	if _, taken := b.byPath[at]; taken {
		return
	}
	b.byPath[at] = i
	for _, name := range append(a.aliases(), strings.TrimSuffix(path.Base(a.Path), path.Ext(a.Path))) {
		name = strings.ToLower(name)
		if !slices.Contains(b.byName[name], i) {
			b.byName[name] = append(b.byName[name], i)
		}
	}
}

func isAmendment(a Artefact) bool {
	return strings.Contains(strings.ToLower(a.Title+" "+path.Base(a.Path)), "amend")
}

func merge(a, amendment Artefact) Artefact {
	links, sections := slices.Clone(amendment.Links), slices.Clone(amendment.Sections)
	if amendment.Path != a.Path { // their lines are those of another file
		for i := range links {
			links[i].File = cmp.Or(links[i].File, amendment.Path)
		}
		for i := range sections {
			sections[i].File = cmp.Or(sections[i].File, amendment.Path)
		}
	}
	a.Links = slices.Concat(a.Links, links)
	a.Sections = slices.Concat(a.Sections, sections)
	a.Files = slices.Concat(a.Files, amendment.Files)
	return a
}

// finish adds the artefacts inside other files, resolves links and sorts.
func (b *Base) finish() {
	for _, a := range b.parts {
		if i, known := b.byKey[key(a.ID)]; known && !isAmendment(a) && b.all[i].Path != a.Path {
			continue // a heading that speaks of an artefact with a file of its own
		}
		b.keep(a)
	}
	b.parts = nil
	b.qualify()
	slices.SortStableFunc(b.all, func(x, y Artefact) int { return strings.Compare(x.ID, y.ID) })
	b.reindex()
	for i := range b.all {
		for _, e := range b.resolveLinks(&b.all[i]) {
			to := key(e.To)
			b.incoming[to] = append(b.incoming[to], e)
		}
	}
	slices.SortStableFunc(b.problems, func(x, y problem.Problem) int { return strings.Compare(x.File, y.File) })
}

// reindex finds the artefacts again after they were sorted.
func (b *Base) reindex() {
	moved := make(map[string]int, len(b.all))
	for i, a := range b.all {
		moved[key(a.ID)] = i
	}
	old := make([]int, len(b.all))
	for k, i := range b.byKey {
		old[i] = moved[k]
	}
	for k, i := range b.byPath {
		b.byPath[k] = old[i]
	}
	for _, is := range b.byName {
		for j, i := range is {
			is[j] = old[i]
		}
	}
	for k := range b.shared {
		b.shared[k] = nil // from here on, also those that were first
	}
	for i, a := range b.all {
		plain, _, _ := strings.Cut(a.ID, "@")
		if is, ok := b.shared[key(plain)]; ok {
			b.shared[key(plain)] = append(is, i)
			if h, ok := b.homeOf(a); ok {
				own := ownNumber{key(plain), h.repo, h.owner}
				b.owned[own] = append(b.owned[own], i)
			}
		}
	}
	b.byKey = moved
}

// resolveLinks gives links the ID of what they mean, and drops loose ones that
// mean nothing. It returns those that lead to others.
func (b *Base) resolveLinks(a *Artefact) []Incoming {
	type same struct{ to, section, story, anchor, label string }
	seen := map[same]bool{}
	out := a.Links[:0:0]
	var others []Incoming
	for _, l := range a.Links {
		if to, ok := b.target(a.Repo, a.Path, l); ok {
			l.To, l.Kind, l.Loose = to.ID, to.Kind, false
		} else if l.Loose {
			continue
		}
		k := same{l.To, l.Section, l.Story, l.Anchor, l.Label}
		if l.To != "" && seen[k] {
			continue
		}
		seen[k] = true
		out = append(out, l)
		if l.To != "" && l.To != a.ID {
			others = append(others, Incoming{a.ID, l})
		}
	}
	a.Links = out
	return others
}

// target finds what a link means.
func (b *Base) target(repo, from string, l Link) (Artefact, bool) {
	if name, wiki := strings.CutPrefix(l.Path, wikiPath); wiki {
		if i, ok := b.wikiTarget(name); ok {
			return b.all[i], true
		}
	} else if l.Path != "" {
		for _, ending := range pageEndings(l) {
			if i, ok := b.byPath[fileKey{repo, l.Path + ending}]; ok {
				return b.all[i], true
			}
		}
	}
	if i, ok := b.nearby(l.To, repo, from); ok {
		return b.all[i], true
	}
	i, ok := b.byKey[key(l.To)]
	if !ok {
		return Artefact{}, false
	}
	return b.all[i], true
}

// pageEndings are what the path of a link may lack: sites leave out the extension.
func pageEndings(l Link) []string {
	if !l.Loose {
		return []string{""}
	}
	return []string{"", ".md", ".markdown", ".mdx", "/README.md", "/index.md"}
}

// wikiTarget finds the only file with a name or other name; of several the one that
// lies where the link says.
func (b *Base) wikiTarget(name string) (int, bool) {
	name = strings.TrimSuffix(strings.ToLower(name), ".md")
	is := b.byName[path.Base(name)]
	if len(is) == 1 {
		return is[0], true
	}
	if is = b.byName[name]; len(is) == 1 { // another name may hold slashes
		return is[0], true
	}
	at, found := 0, 0
	for _, i := range b.byName[path.Base(name)] {
		stem := strings.ToLower(strings.TrimSuffix(b.all[i].Path, path.Ext(b.all[i].Path)))
		if strings.Contains(name, "/") && (stem == name || strings.HasSuffix(stem, "/"+name)) {
			at, found = i, found+1
		}
	}
	return at, found == 1
}

func (b *Base) report(folder, file string, line int, what, hint string) {
	b.problems = append(b.problems, problem.Problem{File: path.Join(folder, file), Line: line, What: what, Hint: hint})
}

// Artefact returns the artefact with the ID, in any case and with any zeros:
// adr-7 is ADR-0007.
func (b *Base) Artefact(id string) (Artefact, bool) {
	if b == nil {
		return Artefact{}, false
	}
	if b.here != nil {
		if i, ok := b.nearby(id, b.here.folder, b.here.path); ok {
			return b.all[i], true
		}
	}
	i, ok := b.byKey[key(id)]
	if !ok {
		return Artefact{}, false
	}
	return b.all[i], true
}

// ByPath returns the artefact that a file of a folder is.
func (b *Base) ByPath(folder, file string) (Artefact, bool) {
	if b == nil {
		return Artefact{}, false
	}
	i, ok := b.byPath[fileKey{folder, path.Clean(file)}]
	if !ok {
		return Artefact{}, false
	}
	return b.all[i], true
}

// Artefacts returns all of them, sorted by ID. The list is only to be read.
func (b *Base) Artefacts() []Artefact {
	if b == nil {
		return nil
	}
	return b.all
}

// Incoming returns the links to an artefact from others, in order of their IDs.
func (b *Base) Incoming(id string) []Incoming {
	if b == nil {
		return nil
	}
	return b.incoming[key(id)]
}

// KindOf tells the kind from an ID by the names of this repository.
func (b *Base) KindOf(id string) Kind {
	if b == nil {
		return Pattern
	}
	return b.naming.kindOf(id)
}

// Problems returns what could not be read or understood, by file.
func (b *Base) Problems() []problem.Problem {
	if b == nil {
		return nil
	}
	return slices.Clone(b.problems)
}
