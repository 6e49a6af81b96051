package knowledge

import (
	"maps"
	"slices"

	"github.com/holdfast-sre/holdfast/internal/problem"
)

// Most changes are of the text of a few files: what all others are and mean stays.
// Then the Base is made of the last one, and equals what reading anew would make.

// maxRevised is how many files a revision takes in at least; beyond a hundredth of
// all, reading anew costs no more.
const maxRevised = 8

// revise returns the last Base with what changed since; nil when more may be other
// than the text of a few files. listed and unread are what the folders tell.
func (r *Reader) revise(listed []problem.Problem, unread []unread, all []*listed) *Base {
	last := r.last
	if last == nil || r.parsed > max(maxRevised, len(all)/100) || len(all) != len(last.files) || len(last.byKey) != len(last.all) ||
		!slices.Equal(listed, r.listed) || !slices.Equal(unread, last.unread) {
		return nil
	}
	var changed []int
	for i, f := range all {
		if was := last.files[i]; was.Repo != f.folder.Name || was.Path != f.path {
			return nil
		}
		if !f.parsed {
			continue
		}
		if last.mixed[f.key()] || !sameHeads(r.files[f.key()].doc, f.doc) {
			return nil
		}
		changed = append(changed, i)
	}
	if len(changed) == 0 {
		return last
	}
	return last.with(all, changed)
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
	next.all, next.files, next.incoming, next.changed = slices.Clone(b.all), slices.Clone(b.files), maps.Clone(b.incoming), slices.Clone(b.changed)
	next.revision++
	next.themes = newThemes()
	for _, i := range changed {
		next.files[i], next.changed[i] = all[i].file(), next.revision
		for n, a := range all[i].doc.artefacts {
			a.Repo = all[i].folder.Name
			at, ok := b.entry(a)
			switch {
			case ok:
				next.replace(at, a)
			case n == 0 && a.ID != "":
				return nil
			}
		}
	}
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

// replace puts an artefact in the place of what it was, and its links in those of
// the others.
func (b *Base) replace(at int, a Artefact) {
	old := b.all[at]
	a.ID = old.ID
	links := map[string][]Incoming{} // by the key of what they lead to
	for _, l := range old.Links {
		if l.To != "" && l.To != old.ID {
			links[key(l.To)] = nil
		}
	}
	for _, e := range b.resolveLinks(&a) {
		links[key(e.To)] = append(links[key(e.To)], e)
	}
	b.all[at] = a
	for to, mine := range links {
		others := slices.DeleteFunc(slices.Clone(b.incoming[to]), func(e Incoming) bool { return e.From == old.ID })
		behind := slices.IndexFunc(others, func(e Incoming) bool { return b.byKey[key(e.From)] > at })
		if behind < 0 {
			behind = len(others)
		}
		if b.incoming[to] = slices.Insert(others, behind, mine...); len(b.incoming[to]) == 0 {
			delete(b.incoming, to)
		}
	}
}

// Since returns the files whose text is another than in an earlier Base of the same
// Reader; ok is false when more changed than that: which files there are, or what
// their artefacts are to others.
func (b *Base) Since(earlier *Base) (changed []File, ok bool) {
	if b == nil || earlier == nil || b.lineage == nil || b.lineage != earlier.lineage || b.revision < earlier.revision {
		return nil, false
	}
	for i, revision := range b.changed {
		if revision > earlier.revision {
			changed = append(changed, b.files[i])
		}
	}
	return changed, true
}
