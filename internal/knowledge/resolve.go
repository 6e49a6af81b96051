package knowledge

import (
	"path"
	"strings"
)

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

// link resolves the links of all artefacts.
func (b *Base) link() {
	for i := range b.all {
		for _, e := range b.resolveLinks(&b.all[i]) {
			to := key(e.To)
			b.incoming[to] = append(b.incoming[to], e)
		}
	}
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
	name = wikiName(name)
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

// wikiName is the target of a wiki link as names are compared.
func wikiName(target string) string { return strings.TrimSuffix(strings.ToLower(target), ".md") }
