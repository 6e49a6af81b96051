package knowledge

import (
	"cmp"
	"path"
	"regexp"
	"slices"
	"strings"
)

// identify settles the ID and kind of the file once everything is read.
func (p *parser) identify() {
	a := &p.whole
	name := strings.TrimSuffix(path.Base(p.file), path.Ext(p.file))
	folder := p.kindOfFolder(p.file)
	if !p.titled && a.Title == "" {
		p.title(name) // notes that have their title in the file name
	}
	if a.ID == "" {
		a.ID = p.aliasID()
	}
	if a.ID == "" {
		a.ID = p.idFromName(name, folder)
	}
	if a.ID != "" {
		a.Kind = p.kindOf(a.ID)
		if a.Kind == Pattern {
			a.Kind = cmp.Or(p.kind, folder, Pattern)
		}
	}
	if a.Title == "" {
		a.Title = a.ID
	}
	// "0009 Objects that …" in 0009-objects.md says the number twice.
	if m := numberedFile.FindStringSubmatch(name); m != nil {
		if rest, ok := strings.CutPrefix(a.Title, m[1]+" "); ok {
			a.Title = strings.TrimLeft(rest, " -–—")
		}
	}
}

// aliasID is an ID among the other names that the front matter gives the file.
func (p *parser) aliasID() string {
	for _, alias := range p.whole.aliases() {
		if id, size := p.headed(alias); id != "" && size == len(alias) {
			return id
		}
	}
	return ""
}

// aliases are other names of the file: those of Obsidian.
func (a Artefact) aliases() []string {
	v := a.Field("aliases", "alias")
	if v == "" {
		return nil
	}
	return strings.Split(v, ", ")
}

var (
	numberedFile = regexp.MustCompile(`^(\d{1,6})(?:[-_. ]|$)`)
	datedFile    = regexp.MustCompile(`^(?:19|20)\d\d-[01]\d(?:-|_|$)`)
	nonWord      = regexp.MustCompile(`[^\pL\pN]+`)
)

// idFromName makes an ID of a file name: adr-023-outbox is ADR-023, daa-booking
// is DAA-BOOKING, 0007-use-x in a folder of decisions is ADR-0007, and what
// has the sections of a decision is one wherever it is.
func (p *parser) idFromName(name string, folder Kind) string {
	if id := p.prefixed(name); id != "" {
		return id
	}
	kind := cmp.Or(p.kind, folder)
	if m := numberedFile.FindStringSubmatch(name); m != nil && !datedFile.MatchString(name) {
		if kind == "" && p.isDecision() {
			kind = ADR
		}
		if kind != "" {
			return p.prefixOf(kind) + "-" + m[1]
		}
		return ""
	}
	switch {
	case isIndex(name):
		return ""
	case kind != "":
	case p.isDecision():
		kind = ADR
	case p.isRequirement(name):
		kind = PRD
	default:
		return ""
	}
	return p.prefixOf(kind) + "-" + slugID(name)
}

// slugID is the words of a name as the end of an ID.
func slugID(name string) string {
	return strings.Trim(nonWord.ReplaceAllString(strings.ToUpper(fold(name)), "-"), "-")
}

// prefixed reads a file name that begins with a prefix of the scheme.
func (p *parser) prefixed(name string) string {
	if id := p.filed(name); id != "" {
		return id
	}
	head, rest, ok := strings.Cut(strings.NewReplacer("_", "-", " ", "-").Replace(name), "-")
	if _, known := p.scheme.Prefixes[strings.ToUpper(head)]; ok && known && p.kindOf(head+"-0") != Story {
		if rest = slugID(rest); rest != "" && !isIndex(rest) {
			return strings.ToUpper(head) + "-" + rest
		}
	}
	return ""
}

// isIndex tells files that are about the folder and not of it.
func isIndex(name string) bool {
	n := strings.ToLower(name)
	return n == "readme" || n == "index" || n == "contributing" || n == "changelog" || n == "license" || n == "summary" || n == "toc" ||
		strings.Contains(n, "template")
}

// isDecision reports whether the file has the sections of a decision record.
func (p *parser) isDecision() bool {
	has := func(words []string) bool {
		return slices.ContainsFunc(p.whole.Sections, func(s Section) bool { return beginsWith(s.Heading, words) })
	}
	return has(decisionHeads()) && (has(contextHeads()) || has(consequenceHeads()))
}
