package knowledge

import (
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
	if a.ID == "" {
		a.ID = p.idFromName(name, folder)
	}
	if a.ID != "" {
		a.Kind = p.kindOf(a.ID)
		if a.Kind == Pattern && folder != "" {
			a.Kind = folder
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

var (
	numberedFile = regexp.MustCompile(`^(\d{1,6})(?:[-_. ]|$)`)
	nonWord      = regexp.MustCompile(`[^A-Z0-9]+`)
)

// idFromName makes an ID of a file name: adr-023-outbox is ADR-023, daa-booking
// is DAA-BOOKING, 0007-use-x in a folder of decisions is ADR-0007, and what
// has the sections of a decision is one wherever it is.
func (p *parser) idFromName(name string, folder Kind) string {
	if id := p.prefixed(name); id != "" {
		return id
	}
	if m := numberedFile.FindStringSubmatch(name); m != nil {
		if folder == "" && p.isDecision() {
			folder = ADR
		}
		if folder != "" {
			return p.prefixOf(folder) + "-" + m[1]
		}
		return ""
	}
	if isIndex(name) {
		return ""
	}
	if folder == "" && p.isDecision() {
		folder = ADR
	}
	if folder == "" {
		return ""
	}
	return p.prefixOf(folder) + "-" + strings.Trim(nonWord.ReplaceAllString(strings.ToUpper(name), "-"), "-")
}

// prefixed reads a file name that begins with a prefix of the scheme.
func (p *parser) prefixed(name string) string {
	if m := p.fileID.FindStringSubmatch(name); m != nil {
		return strings.ToUpper(m[1]) + "-" + m[2]
	}
	head, rest, ok := strings.Cut(strings.NewReplacer("_", "-", " ", "-").Replace(name), "-")
	if _, known := p.scheme.Prefixes[strings.ToUpper(head)]; ok && known && p.kindOf(head+"-0") != Story {
		if rest = strings.Trim(nonWord.ReplaceAllString(strings.ToUpper(rest), "-"), "-"); rest != "" && !isIndex(rest) {
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
	has := func(words ...string) bool {
		return slices.ContainsFunc(p.whole.Sections, func(s Section) bool {
			h := strings.ToLower(strings.TrimLeft(s.Heading, "0123456789. "))
			return slices.ContainsFunc(words, func(w string) bool { return h == w || strings.HasPrefix(h, w+" ") })
		})
	}
	return has("decision", "decision outcome", "decision:") && (has("context") || has("consequences") || has("considered options"))
}
