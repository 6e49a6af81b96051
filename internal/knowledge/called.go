package knowledge

import (
	"path"
	"slices"
)

// Called finds the artefact that a person means: by its ID, also written "ADR 7", by
// its file, or by another name that its front matter gives it.
func (b *Base) Called(name string) (Artefact, bool) {
	if a, ok := b.Artefact(name); ok || b == nil {
		return a, ok
	}
	if id, size := b.naming.headed(name); id != "" && size == len(name) {
		if a, ok := b.Artefact(id); ok {
			return a, true
		}
	}
	if isMarkdown(name) {
		return b.fileNamed(path.Clean(name), true)
	}
	if i, ok := b.wikiTarget(name); ok {
		return b.all[i], true
	}
	return Artefact{}, false
}

// Untold lists files that an artefact links to and of which nothing tells what kind of
// artefact they are: where a chain may end too early.
func (b *Base) Untold(id string) []string {
	a, ok := b.Artefact(id)
	if !ok {
		return nil
	}
	plain := map[string]bool{}
	for _, f := range b.Files() {
		if f.Repo == a.Repo && (len(f.Artefacts) == 0 || f.Artefacts[0].ID == "") {
			plain[f.Path] = true
		}
	}
	var out []string
	for _, l := range a.Links {
		if plain[l.Path] && !slices.Contains(out, l.Path) {
			out = append(out, l.Path)
		}
	}
	return out
}
