package knowledge

import (
	"path"
	"slices"

	"github.com/holdfast-sre/holdfast/internal/problem"
)

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
	lives   map[lived]home      // homes that were found, of folders
	atHome  map[homeNumber]int  // which artefact has an ID in a collection
	owned   map[ownNumber][]int // and which have it in those of an owner
	here    *fileKey            // from where IDs are looked at; nil = from nowhere
	mixed   map[fileKey]bool    // files with an artefact that others have a part in
	// lineage is that of the Bases that were made of each other, revision the place
	// in it, and changed the revision that each file is of.
	lineage  *byte
	revision int
	changed  []int
	gone     []goneFile
	themes   *themes // of all, wherever they are looked at from
}

func newBase(n *naming) *Base {
	b := &Base{
		naming: n, incoming: map[string][]Incoming{}, shared: map[string][]int{}, collide: map[[2]home]int{}, lives: map[lived]home{},
		owned: map[ownNumber][]int{}, mixed: map[fileKey]bool{}, themes: newThemes(),
	}
	b.expect(0)
	return b
}

// expect makes room for artefacts.
func (b *Base) expect(files int) {
	b.all, b.files = make([]Artefact, 0, files), make([]File, 0, files)
	b.byKey, b.byPath, b.byName = make(map[string]int, files), make(map[fileKey]int, files), make(map[string][]int, files)
	b.atHome = make(map[homeNumber]int, files)
}

// File is a Markdown file and the artefacts in it as they stand there: amendments
// are apart, links are not resolved. The first one has no ID when the file is prose.
type File struct {
	Repo, Path string
	Version    string // changes when the file does; "" = not known
	Artefacts  []Artefact
}

// Incoming is a link to an artefact and where it comes from.
type Incoming struct {
	From string // ID
	Link
}

func (f File) key() fileKey { return fileKey{f.Repo, f.Path} }

// Files returns every file that was read, by folder and path. The list is only to
// be read.
func (b *Base) Files() []File {
	if b == nil {
		return nil
	}
	return b.files
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

func (b *Base) report(folder, file string, line int, what, hint string) {
	b.problems = append(b.problems, problem.Problem{File: path.Join(folder, file), Line: line, What: what, Hint: hint})
}
