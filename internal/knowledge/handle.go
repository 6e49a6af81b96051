package knowledge

import (
	"iter"
	"path"
	"slices"
	"strings"
)

// handle is a way in which links name what they mean: as an ID, a path in a folder,
// or the name of a file.
type handle struct {
	how        byte
	repo, name string
}

const (
	byID   = '#'
	byPath = '/'
	byName = '['
)

// holders tells which files have links that name something: their meaning has to be
// looked at again when that is another artefact now.
type holders struct {
	number map[fileKey]int32
	all    []fileKey // by their numbers
	in     map[handle][]int32
}

func newHolders(files []File) *holders {
	h := &holders{number: make(map[fileKey]int32, len(files)), in: map[handle][]int32{}}
	for _, f := range files {
		h.add(f.key(), f.Artefacts)
	}
	return h
}

// files lists those with a link that names something.
func (h *holders) files(what handle) iter.Seq[fileKey] {
	return func(yield func(fileKey) bool) {
		for _, n := range h.in[what] {
			if !yield(h.all[n]) {
				return
			}
		}
	}
}

func (h *holders) add(at fileKey, as []Artefact) {
	n, known := h.number[at]
	if !known {
		n = int32(len(h.all)) //nolint:gosec // fewer files than that
		h.all = append(h.all, at)
		h.number[at] = n
	}
	for what := range handles(at.folder, as) {
		h.in[what] = append(h.in[what], n)
	}
}

func (h *holders) remove(at fileKey, as []Artefact) {
	n := h.number[at]
	for what := range handles(at.folder, as) {
		rest := slices.DeleteFunc(h.in[what], func(x int32) bool { return x == n })
		if h.in[what] = rest; len(rest) == 0 {
			delete(h.in, what)
		}
	}
}

// handles is what decides about the meaning of the links of artefacts in a folder;
// see target.
func handles(repo string, as []Artefact) map[handle]bool {
	out := map[handle]bool{}
	for i := range as {
		for _, l := range as[i].Links {
			if name, wiki := strings.CutPrefix(l.Path, wikiPath); wiki {
				name = wikiName(name)
				out[handle{byName, "", path.Base(name)}], out[handle{byName, "", name}] = true, true
			} else if l.Path != "" {
				for _, ending := range pageEndings(l) {
					out[handle{byPath, repo, l.Path + ending}] = true
				}
			}
			if l.To != "" {
				out[handle{byID, "", key(l.To)}] = true
			}
		}
	}
	return out
}

// renamed tells which handles mean another artefact than in the last Base, or one
// that is known otherwise, and which artefacts have an ID that other collections have
// too when those are others now.
func (b *Base) renamed(last *Base, tell func(handle), shares func(Artefact)) {
	same := func(i, j int) bool { return b.all[i].ID == last.all[j].ID && b.all[i].Kind == last.all[j].Kind }
	sameAll := func(is, js []int) bool {
		return slices.EqualFunc(is, js, func(i, j int) bool {
			return same(i, j) && b.all[i].Repo == last.all[j].Repo && b.all[i].Path == last.all[j].Path
		})
	}
	differing(b.byKey, last.byKey, same, func(id string) { tell(handle{byID, "", id}) })
	differing(b.byPath, last.byPath, same, func(at fileKey) { tell(handle{byPath, at.folder, at.path}) })
	differing(b.byName, last.byName, sameAll, func(name string) { tell(handle{byName, "", name}) })
	differing(b.shared, last.shared, sameAll, func(id string) {
		tell(handle{byID, "", id})
		for _, i := range b.shared[id] {
			shares(b.all[i])
		}
		for _, i := range last.shared[id] {
			shares(last.all[i])
		}
	})
}

// differing tells the keys of two maps whose values are not the same.
func differing[K comparable, V any](now, was map[K]V, same func(now, was V) bool, tell func(K)) {
	both := 0
	for k, v := range now {
		old, ok := was[k]
		if ok {
			both++
		}
		if !ok || !same(v, old) {
			tell(k)
		}
	}
	if both == len(was) {
		return
	}
	for k := range was {
		if _, ok := now[k]; !ok {
			tell(k)
		}
	}
}
