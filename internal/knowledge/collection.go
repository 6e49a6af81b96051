package knowledge

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Services of one repository, and repositories that are read together, often number
// their decisions each for themselves: there is an ADR-0001 in each. Such IDs are
// told apart by where they stand, as ADR-0001@billing; without that they mean the one
// of the collection nearest to what names them.

// home is where a collection lies: folder is that of its files, owner the one that
// it is about, services/billing of services/billing/docs/adr.
type home struct{ repo, folder, owner string }

// plainFolderNames tell nothing about what a collection belongs to.
func plainFolderNames() []string {
	return []string{
		"docs", "doc", "documentation", "documents", "architecture", "arch", "design", "src", "content", "pages", "wiki", "knowledge", "engineering",
		"records", "log", "notes", "text", ".",
	}
}

// lived is what tells the home of an artefact, with its folder in the repository,
// homeNumber an ID in a collection, and ownNumber one in those of an owner.
type (
	lived struct {
		repo, folder string
		kind         Kind
	}
	homeNumber struct {
		key string
		home
	}
	ownNumber struct{ key, repo, owner string }
)

// homeOf is the collection of an artefact; ok is false for one in no folder of its
// kind.
func (b *Base) homeOf(a Artefact) (home, bool) {
	if h, known := b.lives[livesIn(a)]; known {
		return h, h != home{}
	}
	return b.findHome(a)
}

func livesIn(a Artefact) lived { return lived{a.Repo, parentOf(a.Path), a.Kind} }

// settle remembers the home of an artefact: it is asked for at each ID that others
// have, too.
func (b *Base) settle(a Artefact) {
	at := livesIn(a)
	if _, known := b.lives[at]; !known {
		b.lives[at], _ = b.findHome(a)
	}
}

// inhabit notes which artefact has an ID in a collection.
func (b *Base) inhabit(i int, a Artefact) {
	if h, ok := b.homeOf(a); ok {
		b.atHome[homeNumber{key(a.ID), h}] = i
	}
}

func (b *Base) findHome(a Artefact) (home, bool) {
	parts := strings.Split(path.Dir(a.Path), "/")
	for i, dir := range slices.Backward(parts) {
		k, ok := b.naming.scheme.Folders[folderName(dir)]
		if !ok || k != a.Kind {
			continue
		}
		h := home{repo: a.Repo, folder: strings.Join(parts[:i+1], "/")}
		owner := parts[:i]
		for len(owner) > 0 && b.tellsNothing(owner[len(owner)-1]) {
			owner = owner[:len(owner)-1]
		}
		h.owner = strings.Join(owner, "/")
		return h, true
	}
	return home{}, false
}

func (b *Base) tellsNothing(dir string) bool {
	_, kind := b.naming.scheme.Folders[folderName(dir)]
	return kind || slices.Contains(plainFolderNames(), folderName(dir))
}

// apart reports whether two artefacts with one ID are of collections that have
// nothing to do with each other.
func (b *Base) apart(x, y Artefact) bool {
	hx, okx := b.homeOf(x)
	hy, oky := b.homeOf(y)
	return okx && oky && (hx.repo != hy.repo || hx.owner != hy.owner && !inside(hx.folder, hy.folder) && !inside(hy.folder, hx.folder))
}

func inside(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }

// qualify gives artefacts that share an ID longer ones. One whose folders tell
// nothing keeps the plain ID.
func (b *Base) qualify() {
	for k, is := range b.shared {
		is = append([]int{b.byKey[k]}, is...)
		delete(b.byKey, k)
		names := b.qualifiers(is)
		for j, i := range is {
			if names[j] != "" {
				b.all[i].ID += "@" + names[j]
			}
			b.byKey[key(b.all[i].ID)] = i
		}
		b.reportCollision(is)
	}
}

// qualifiers are the last folder of each owner, or as much of it as tells them
// apart.
func (b *Base) qualifiers(is []int) []string {
	homes := make([]home, len(is))
	repos := map[string]bool{}
	for j, i := range is {
		homes[j], _ = b.homeOf(b.all[i])
		repos[homes[j].repo] = true
	}
	name := func(h home, n int) string {
		parts := strings.Split(h.owner, "/")
		if h.owner == "" {
			parts = nil
		}
		parts = parts[max(0, len(parts)-n):]
		if len(repos) > 1 && (len(parts) == 0 || n > 1) {
			parts = append([]string{h.repo}, parts...)
		}
		return idSuffix(strings.Join(parts, "."))
	}
	for n := 1; n < 8; n++ {
		out := make([]string, len(is))
		for j, h := range homes {
			out[j] = name(h, n)
		}
		if sorted := slices.Sorted(slices.Values(out)); len(slices.Compact(sorted)) == len(is) {
			return out
		}
	}
	out := make([]string, len(is)) // folders of one owner
	for j, i := range is {
		out[j] = idSuffix(strings.ReplaceAll(path.Join(b.all[i].Repo, b.all[i].Path), "/", "."))
	}
	return out
}

// idSuffix keeps what may stand in an address and on a command line.
func idSuffix(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '.' || r == '-' || r == '_' || isLetter(r) {
			return r
		}
		return '-'
	}, s)
}

// reportCollision tells of an ID that two files write although their collections do
// not both count from one: then the IDs are meant to be everybody's.
func (b *Base) reportCollision(is []int) {
	first := b.all[is[0]]
	for _, i := range is[1:] {
		a := b.all[i]
		if b.ownNumbers(first, a) {
			continue
		}
		id, _, _ := strings.Cut(a.ID, "@")
		b.report(a.Repo, a.Path, a.Line, fmt.Sprintf("%s is also the ID of %s", id, first.Path), "give one of them another ID")
	}
}

// ownNumbers reports whether the collections of two artefacts number for themselves:
// the number is only that of the file, it is the first of both, or their owners
// share several, of whatever kind.
func (b *Base) ownNumbers(x, y Artefact) bool {
	if isFileNumber(x) && isFileNumber(y) {
		return true
	}
	hx, okx := b.homeOf(x)
	hy, oky := b.homeOf(y)
	if okx && oky && isFirst(x) {
		return true
	}
	shared := 0
	for pair, n := range b.collide {
		if pair[0].sameOwner(hx) && pair[1].sameOwner(hy) || pair[0].sameOwner(hy) && pair[1].sameOwner(hx) {
			shared += n
		}
	}
	return shared > 1
}

func (h home) sameOwner(as home) bool { return h.repo == as.repo && h.owner == as.owner }

// isFirst reports whether an ID is one that a collection begins to count with.
func isFirst(a Artefact) bool {
	id, _, _ := strings.Cut(key(a.ID), "@")
	return strings.HasSuffix(id, "-1") || strings.HasSuffix(id, "-0")
}

// isFileNumber reports whether an ID is the number at the head of the file's name.
func isFileNumber(a Artefact) bool {
	m := numberedFile.FindStringSubmatch(path.Base(a.Path))
	_, number, _ := strings.Cut(a.ID, "-")
	number, _, _ = strings.Cut(number, "@")
	return m != nil && key(m[1]) == key(number)
}

// share keeps an artefact whose ID another collection uses, too.
func (b *Base) share(first int, a Artefact) int {
	k := key(a.ID)
	b.all = append(b.all, a)
	b.shared[k] = append(b.shared[k], len(b.all)-1)
	b.inhabit(len(b.all)-1, a)
	hx, _ := b.homeOf(b.all[first])
	hy, _ := b.homeOf(a)
	b.collide[[2]home{hx, hy}]++
	return len(b.all) - 1
}

// sameHome is the artefact with an ID in the collection of another one.
func (b *Base) sameHome(first int, a Artefact) (int, bool) {
	if h, ok := b.homeOf(a); ok {
		if i, ok := b.atHome[homeNumber{key(a.ID), h}]; ok {
			return i, true
		}
	}
	return first, false
}

// nearby finds what an ID means that several collections use, for something at a
// path: that of the same collection, or of the innermost owner around it.
func (b *Base) nearby(id, repo, at string) (int, bool) {
	if len(b.shared[key(id)]) == 0 {
		return 0, false
	}
	for owner := at; ; owner = parentOf(owner) {
		is := b.owned[ownNumber{key(id), repo, owner}]
		for _, i := range slices.Backward(is) {
			if h, _ := b.homeOf(b.all[i]); inside(at, h.folder) {
				return i, true
			}
		}
		if len(is) > 0 {
			return is[0], true
		}
		if owner == "" {
			return 0, false
		}
	}
}

// parentOf is the folder around a path; "" = the folder of the repository.
func parentOf(p string) string {
	if i := strings.LastIndexByte(p, '/'); i >= 0 {
		return p[:i]
	}
	return ""
}

// IDIn is the ID by which an artefact is known that has this one in its file.
func (b *Base) IDIn(repo, at, id string) string {
	for _, i := range b.shared[key(id)] {
		if b.all[i].Repo == repo && b.all[i].Path == at {
			return b.all[i].ID
		}
	}
	return id
}

// CalledFrom is how a file at a path names an artefact: without its collection where
// that means the same one.
func (b *Base) CalledFrom(repo, at, id string) string {
	plain, _, qualified := strings.Cut(id, "@")
	if i, ok := b.nearby(plain, repo, at); qualified && ok && b.all[i].ID == id {
		return plain
	}
	return id
}

// Shared lists the artefacts that have an ID in different collections; nil when it
// is that of one only.
func (b *Base) Shared(id string) []string {
	if b == nil {
		return nil
	}
	var out []string
	for _, i := range b.shared[key(id)] {
		out = append(out, b.all[i].ID)
	}
	slices.Sort(out)
	return out
}

// standing returns the base as it is seen from a file of a folder.
func (b *Base) standing(repo, at string) *Base {
	if len(b.shared) == 0 {
		return b
	}
	seen := *b
	seen.here = &fileKey{repo, at}
	return &seen
}

// foreign says that an artefact is of a collection whose owner has nothing to do
// with where one stands, although what is there has one of its own; "" = no.
func (b *Base) foreign(id string) string {
	a, ok := b.Artefact(id)
	if !ok || b.here == nil || len(b.shared) == 0 {
		return ""
	}
	h, ok := b.homeOf(a)
	if !ok || h.repo == b.here.folder && (h.owner == "" || inside(b.here.path, h.owner)) {
		return ""
	}
	for _, own := range b.homes() {
		if own.repo == b.here.folder && own.owner != "" && inside(b.here.path, own.owner) {
			return fmt.Sprintf("%s numbers its decisions for itself; this one is of %s", own.owner, cmp.Or(h.owner, h.repo))
		}
	}
	return ""
}

// homes are the collections that share IDs with others.
func (b *Base) homes() []home {
	var out []home
	for pair := range b.collide {
		out = append(out, pair[0], pair[1])
	}
	slices.SortFunc(out, func(x, y home) int {
		return cmp.Or(strings.Compare(x.repo, y.repo), strings.Compare(x.folder, y.folder))
	})
	return slices.Compact(out)
}
