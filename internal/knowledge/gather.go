package knowledge

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/problem"
)

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
	a.Stories = slices.Clone(a.Stories)
	for _, s := range amendment.Stories {
		if _, known := a.Story(s.Number); known {
			continue
		}
		if amendment.Path != a.Path {
			s.File = cmp.Or(s.File, amendment.Path)
		}
		a.Stories = append(a.Stories, s)
	}
	return a
}

// arrange adds the artefacts inside other files, tells those with one ID apart, and
// sorts.
func (b *Base) arrange() {
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
