package knowledge

import (
	"maps"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/problem"
)

// Most changes are of a few files: what all others are and mean stays. Then the Base
// is made of the last one, and equals what reading anew would make. A change of texts
// alone leaves every name as it is. After any other, artefacts are gathered anew, for
// IDs may collide otherwise; but only links that stand in the changed files, or name
// what is another now, are resolved again, which costs more than all the rest.

// maxRevised is how many files a revision takes in at least; beyond a hundredth of
// all, reading anew costs no more. maxGone is how many removed files are remembered.
const (
	maxRevised = 8
	maxGone    = 1000
)

// difference is how the files of a reading differ from those of the last Base.
type difference struct {
	was     []int // place of each file in the last Base; -1 = it is new
	changed []int // places of those that are new or have another text
	gone    []int // places in the last Base of those that are no more
}

// compare finds the difference; ok is false when it is too large, or there is nothing
// to compare with.
func (r *Reader) compare(all []*listed) (d difference, ok bool) {
	last := r.last
	if last == nil || len(r.files) != len(last.files) || len(last.byKey) != len(last.all) {
		return d, false
	}
	d.was = make([]int, len(all))
	next := 0 // of the last Base
	for i, f := range all {
		if next == len(last.files) || last.files[next].key() != f.key() {
			if _, known := r.files[f.key()]; !known {
				d.was[i], d.changed = -1, append(d.changed, i)
				continue
			}
		}
		for ; next < len(last.files) && last.files[next].key() != f.key(); next++ {
			d.gone = append(d.gone, next)
		}
		if next == len(last.files) {
			return d, false // the folders have another order
		}
		d.was[i] = next
		next++
		if f.parsed {
			d.changed = append(d.changed, i)
		}
	}
	for ; next < len(last.files); next++ {
		d.gone = append(d.gone, next)
	}
	return d, len(d.changed)+len(d.gone) <= max(maxRevised, len(all)/100)
}

// revise returns the last Base with the files that have another text; nil when more
// than that may be otherwise. listed is what was told of the folders.
func (r *Reader) revise(d difference, b *Base, listed []problem.Problem, all []*listed) *Base {
	last := r.last
	if len(d.gone) > 0 || len(all) != len(last.files) || !slices.Equal(listed, r.listed) || !slices.Equal(b.unread, last.unread) {
		return nil
	}
	for _, i := range d.changed {
		if f := all[i]; last.mixed[f.key()] || !sameHeads(r.files[f.key()].doc, f.doc) {
			return nil
		}
	}
	if len(d.changed) == 0 {
		return last
	}
	next := last.with(all, d.changed)
	if next != nil {
		r.remember(d, all)
	}
	return next
}

// sameHeads reports whether two documents of one file hold the same artefacts, as
// all others see them, and have the same problems.
func sameHeads(x, y document) bool {
	return slices.Equal(x.problems, y.problems) && slices.EqualFunc(x.artefacts, y.artefacts, func(a, b Artefact) bool {
		return a.ID == b.ID && a.Kind == b.Kind && a.Path == b.Path && a.Line == b.Line && isAmendment(a) == isAmendment(b) && slices.Equal(a.aliases(), b.aliases())
	})
}

// with returns the Base with some files as they are now; nil when it can't tell
// which artefacts are theirs.
func (b *Base) with(all []*listed, changed []int) *Base {
	next := *b
	next.all, next.files, next.changed = slices.Clone(b.all), slices.Clone(b.files), slices.Clone(b.changed)
	next.revision++
	next.themes = newThemes()
	var places []int
	for _, i := range changed {
		next.files[i], next.changed[i] = all[i].file(), next.revision
		for n, a := range all[i].doc.artefacts {
			a.Repo = all[i].folder.Name
			at, ok := b.entry(a)
			switch {
			case ok:
				a.ID = b.all[at].ID
				next.all[at] = a
				places = append(places, at)
			case n == 0 && a.ID != "":
				return nil
			}
		}
	}
	next.relink(b, places, places)
	return &next
}

// entry is where an artefact is kept that a file holds; ok is false for one that is
// passed over for another file's.
func (b *Base) entry(a Artefact) (at int, ok bool) {
	candidates := b.shared[key(a.ID)]
	if i, known := b.byKey[key(a.ID)]; known {
		candidates = append(slices.Clip(candidates), i)
	}
	for _, i := range candidates {
		if x := b.all[i]; x.Repo == a.Repo && x.Path == a.Path && x.Line == a.Line {
			return i, true
		}
	}
	return 0, false
}

// follow makes a Base that has gathered its artefacts the next one of the last: it
// takes over the links that can't mean anything else now. It reports false, and did
// nothing, when artefacts can't be told by their IDs.
func (r *Reader) follow(b *Base, d difference, all []*listed) bool {
	if len(b.byKey) != len(b.all) {
		return false
	}
	if r.holders == nil {
		r.holders = newHolders(r.last.files)
	}
	r.remember(d, all)
	anew := map[fileKey]bool{}
	for _, i := range d.changed {
		anew[all[i].key()] = true
	}
	b.renamed(r.last, func(h handle) {
		for at := range r.holders.files(h) {
			anew[at] = true
		}
	}, func(a Artefact) { anew[fileKey{a.Repo, a.Path}] = true })
	b.takeOver(r.last, anew)
	b.date(r.last, d, anew)
	return true
}

// remember keeps the holders those of the files as they are now.
func (r *Reader) remember(d difference, all []*listed) {
	if r.holders == nil {
		return // nobody asked yet
	}
	for _, i := range d.gone {
		r.holders.remove(r.last.files[i].key(), r.last.files[i].Artefacts)
	}
	for _, i := range d.changed {
		if was := d.was[i]; was >= 0 {
			r.holders.remove(all[i].key(), r.last.files[was].Artefacts)
		}
		r.holders.add(all[i].key(), all[i].doc.artefacts)
	}
}

// takeOver gives artefacts the links that they had, but for those in some files.
func (b *Base) takeOver(last *Base, anew map[fileKey]bool) {
	var mine, theirs []int // places of artefacts whose links differ
	next := 0
	for i := range b.all {
		a := &b.all[i]
		for ; next < len(last.all) && last.all[next].ID < a.ID; next++ {
			theirs = append(theirs, next)
		}
		if next < len(last.all) && last.all[next].ID == a.ID {
			old, at := &last.all[next], fileKey{a.Repo, a.Path}
			next++
			if old.Repo == a.Repo && old.Path == a.Path && old.Line == a.Line && !anew[at] && !b.mixed[at] && !last.mixed[at] {
				a.Links = old.Links
				continue
			}
			theirs = append(theirs, next-1)
		}
		mine = append(mine, i)
	}
	for ; next < len(last.all); next++ {
		theirs = append(theirs, next)
	}
	b.relink(last, theirs, mine)
}

// relink resolves the links of some artefacts. Links to others are those of the last
// Base, but for the ones that came from some of its artefacts.
func (b *Base) relink(last *Base, theirs, mine []int) {
	was := map[string]bool{}
	links := map[string][]Incoming{} // by the key of what they lead to
	for _, i := range theirs {
		old := &last.all[i]
		was[old.ID] = true
		for _, l := range old.Links {
			if l.To != "" && l.To != old.ID {
				links[key(l.To)] = nil
			}
		}
	}
	for _, i := range mine {
		for _, e := range b.resolveLinks(&b.all[i]) {
			links[key(e.To)] = append(links[key(e.To)], e)
		}
	}
	b.incoming = maps.Clone(last.incoming)
	for to, some := range links {
		in := slices.DeleteFunc(slices.Clone(b.incoming[to]), func(e Incoming) bool { return was[e.From] })
		in = append(in, some...)
		slices.SortStableFunc(in, func(x, y Incoming) int { return strings.Compare(x.From, y.From) })
		if b.incoming[to] = in; len(in) == 0 {
			delete(b.incoming, to)
		}
	}
}

// date notes which files are others than in the last Base.
func (b *Base) date(last *Base, d difference, anew map[fileKey]bool) {
	b.changed = make([]int, len(b.files))
	b.lineage, b.revision, b.gone = last.lineage, last.revision+1, slices.Clone(last.gone)
	for i, f := range b.files {
		switch was := d.was[i]; {
		case anew[f.key()]:
			b.changed[i] = b.revision
		default:
			b.changed[i] = last.changed[was]
		}
		if d.was[i] < 0 {
			b.gone = slices.DeleteFunc(b.gone, func(g goneFile) bool { return g.Place == Place{f.Repo, f.Path} })
		}
	}
	for _, i := range d.gone {
		b.gone = append(b.gone, goneFile{Place{last.files[i].Repo, last.files[i].Path}, b.revision})
	}
	if len(b.gone) > maxGone {
		b.begin()
	}
}

// begin makes the Base the first of its lineage.
func (b *Base) begin() {
	b.lineage, b.revision, b.changed, b.gone = new(byte), 0, make([]int, len(b.files)), nil
}

// goneFile is a file that is no more since a revision.
type goneFile struct {
	Place
	revision int
}

// Since returns the files that are not as in an earlier Base of the same Reader: those
// with another text, or in which an ID or link means something else, and those that
// are no more, also when they came later than that. ok is false when it can't tell, and
// any file may be another.
func (b *Base) Since(earlier *Base) (changed []File, gone []Place, ok bool) {
	if b == nil || earlier == nil || b.lineage == nil || b.lineage != earlier.lineage || b.revision < earlier.revision {
		return nil, nil, false
	}
	for i, revision := range b.changed {
		if revision > earlier.revision {
			changed = append(changed, b.files[i])
		}
	}
	for _, g := range b.gone {
		if g.revision > earlier.revision {
			gone = append(gone, g.Place)
		}
	}
	return changed, gone, true
}
