package knowledge

import (
	"cmp"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/diagnose"
)

// Place is a file of a folder.
type Place struct{ Repo, Path string }

// Places lists the files that an artefact stands in, sorted: its own, and those
// of its amendments. An artefact that is only a part of a file has that one.
func (b *Base) Places(id string) []Place {
	a, ok := b.Artefact(id)
	if !ok {
		return nil
	}
	out := []Place{{a.Repo, a.Path}}
	for at, i := range b.byPath {
		if b.all[i].ID == a.ID {
			out = append(out, Place{at.folder, at.path})
		}
	}
	slices.SortFunc(out, func(x, y Place) int {
		return cmp.Or(strings.Compare(x.Repo, y.Repo), strings.Compare(x.Path, y.Path))
	})
	return slices.Compact(out)
}

// Topics lists what a decision should specify so that the cause can't arise
// unnoticed, the most telling first; empty for a cause about which a decision
// has nothing to say.
func Topics(c diagnose.CauseClass) []string {
	var out []string
	for _, t := range topicsOf(c) {
		out = append(out, t.name)
	}
	return out
}
