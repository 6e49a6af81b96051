package knowledge

import (
	"slices"
	"strings"
)

// Body is a document without its front matter, and how many lines that takes.
func Body(src []byte) (body []byte, lines int) {
	p := &parser{}
	_, body = p.split(src)
	return body, p.offset
}

// Mention is a place in a text that names an artefact.
type Mention struct {
	From, To int // bytes of the ID
	Link     Link
}

// Mentions finds the IDs of artefacts in a text of a file, in order.
func (b *Base) Mentions(repo, file, text string) []Mention {
	if b == nil {
		return nil
	}
	spans := b.naming.ids(text)
	var out []Mention
	for i, s := range spans {
		l := place(Link{To: s.id, Kind: b.naming.kindOf(s.id)}, text[s.to:b.naming.reach(spans[i+1:], len(text))])
		if to, ok := b.target(repo, file, l); ok {
			l.To, l.Kind = to.ID, to.Kind
			out = append(out, Mention{s.from, s.to, l})
		}
	}
	return out
}

// Destination is where a link of a file leads in its folder: to an artefact, or to
// a file that is none.
type Destination struct {
	ID     string // empty for a file that is no artefact
	Path   string // of a file; empty for the target of a wiki link
	Anchor string
}

// Destination follows the destination of a Markdown link of a file; exists tells
// which files its folder has. ok is false for a link that leaves the folder, stays in
// the file, or means nothing here.
func (b *Base) Destination(repo, file, dest string, exists func(path string) bool) (_ Destination, ok bool) {
	p := parser{naming: b.naming, file: file}
	l, ok := p.fileLink(dest, "", 0)
	if !ok {
		return Destination{}, false
	}
	d := Destination{Anchor: l.Anchor}
	if a, found := b.target(repo, file, l); found {
		d.ID = a.ID
	}
	if !strings.HasPrefix(l.Path, wikiPath) {
		endings := pageEndings(l)
		if i := slices.IndexFunc(endings, func(e string) bool { return exists(l.Path + e) }); i >= 0 {
			d.Path = l.Path + endings[i]
		}
	}
	return d, d.ID != "" || d.Path != ""
}

// WikiDestination is the destination of a wiki link as Destination reads it.
func WikiDestination(target string) string { return wikiPath + target }
