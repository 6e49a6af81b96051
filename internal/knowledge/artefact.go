package knowledge

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// Kind of artefact; a closed list.
type Kind string

// The kinds. A Fix-It Bolt is a Bolt that mends.
const (
	PRD      Kind = "prd"
	DAA      Kind = "daa"
	TIP      Kind = "tip"
	RFC      Kind = "rfc"
	ADR      Kind = "adr"
	Bolt     Kind = "bolt"
	Fix      Kind = "fix"
	Playbook Kind = "playbook"
	Incident Kind = "incident"
	Pattern  Kind = "pattern" // any other ID, such as OUTBOX-001
)

// prefixes maps what an ID begins with to its kind.
var prefixes = []struct {
	prefix string
	kind   Kind
}{
	{"PRD", PRD},
	{"DAA", DAA},
	{"TIP", TIP},
	{"RFC", RFC},
	{"ADR", ADR},
	{"BOLT", Bolt},
	{"FIX", Fix},
	{"PLAYBOOK", Playbook},
	{"INC", Incident},
}

// KindOf tells the kind from an ID: "ADR-023" is an ADR.
func KindOf(id string) Kind {
	head, _, _ := strings.Cut(strings.ToUpper(id), "-")
	for _, p := range prefixes {
		if head == p.prefix {
			return p.kind
		}
	}
	return Pattern
}

// Artefact is one document of the knowledge repository.
type Artefact struct {
	ID       string
	Kind     Kind
	Title    string // without the ID
	Status   string // as written: accepted, superseded, …
	Path     string
	Line     int // of the title
	Links    []Link
	Sections []Section
	Files    []string // code that a work item names
}

// Section is a part under a heading.
type Section struct {
	Heading string
	Number  string // "3.2" when the heading is numbered
	Story   string // "2" when the heading is a user story
	Line    int
	Text    string // without code blocks
}

// Link points from one artefact to another.
type Link struct {
	To      string // ID; empty when only Kind and Section are written
	Kind    Kind   // of the target
	Section string // "3.2"
	Story   string // "2"
	Label   string // what introduces it: "ADR" in "**ADR**: ADR-023"
	Line    int
	path    string // of a Markdown link, relative to the base
}

var (
	// knownID finds IDs of the kinds that have a prefix of their own.
	knownID = regexp.MustCompile(`\b(?:PRD|DAA|TIP|RFC|ADR|BOLT|FIX|PLAYBOOK|INC)-[0-9]+(?:-[0-9]+)*\b`)
	// leadingID is an ID, of any prefix, at the head of a title.
	leadingID = regexp.MustCompile(`^\s*([A-Z][A-Z0-9]{1,15}-[0-9]+(?:-[0-9]+)*)\b[\s:.–—-]*`)
	// anyID is what front matter may give as id.
	anyID = regexp.MustCompile(`^[A-Z][A-Z0-9]{1,15}(?:-[A-Z0-9]+)+$`)
	// fileID is a file name that begins with the prefix of a kind.
	fileID = regexp.MustCompile(`(?i)^(PRD|DAA|TIP|RFC|ADR|BOLT|FIX|PLAYBOOK|INC)[-_]([0-9]+(?:-[0-9]+)*|[a-z0-9][a-z0-9-]*)`)

	sectionRef = regexp.MustCompile(`(?i)(?:\bsections?\s+|§\s*)([0-9]+(?:\.[0-9]+)*)`)
	storyRef   = regexp.MustCompile(`(?i)\b(?:user[ -]story|story|US)[ #-]*([0-9]+)\b`)
	numbered   = regexp.MustCompile(`^(?:section\s+)?([0-9]+(?:\.[0-9]+)*)[.:)]?\s+\S`)
	codePath   = regexp.MustCompile(`\b[A-Za-z0-9_][A-Za-z0-9_./-]*\.(?:go|py|java|kt|ts|tsx|js|rb|rs|cs|php|scala|sql|proto|ya?ml|tf)\b`)
	labelled   = regexp.MustCompile(`^[\s>*+-]*\**_*([A-Za-z][A-Za-z -]{0,30}?)_*\**\s*:\**`)
)

// idFromFile reads the ID out of a file name: adr-023-outbox.md is ADR-023,
// daa-booking.md is DAA-BOOKING.
func idFromFile(p string) string {
	name := strings.TrimSuffix(path.Base(p), path.Ext(p))
	m := fileID.FindStringSubmatch(name)
	if m == nil {
		return ""
	}
	return strings.ToUpper(m[1] + "-" + strings.Trim(m[2], "-"))
}

// linksIn finds every reference in a line of text.
func linksIn(text string, line int) []Link {
	label := ""
	if m := labelled.FindStringSubmatch(text); m != nil {
		label = strings.TrimSpace(m[1])
	}
	spans := knownID.FindAllStringIndex(text, -1)
	var out []Link
	for i, s := range spans {
		end := len(text)
		if i+1 < len(spans) {
			end = spans[i+1][0]
		}
		id := text[s[0]:s[1]]
		out = append(out, reference(Link{To: id, Kind: KindOf(id), Label: label, Line: line}, text[s[1]:end]))
	}
	if len(out) == 0 {
		out = append(out, bareReference(text, label, line)...)
	}
	return out
}

// reference adds the section or story that follows an ID.
func reference(l Link, rest string) Link {
	if m := sectionRef.FindStringSubmatch(rest); m != nil {
		l.Section = m[1]
	}
	if m := storyRef.FindStringSubmatch(rest); m != nil {
		l.Story = m[1]
	}
	return l
}

// bareReference reads "**DAA**: Section 3.2", which names no ID.
func bareReference(text, label string, line int) []Link {
	kind := KindOf(label)
	if kind == Pattern {
		if m := regexpBare.FindStringSubmatch(text); m != nil {
			kind = KindOf(m[1])
		}
	}
	if kind == Pattern {
		return nil
	}
	l := reference(Link{Kind: kind, Label: label, Line: line}, text)
	if l.Section == "" && l.Story == "" {
		return nil
	}
	return []Link{l}
}

// regexpBare is a kind directly before a section or story: "DAA Section 3.2".
var regexpBare = regexp.MustCompile(`\b(PRD|DAA|TIP|RFC|ADR)\s*,?\s*(?i:section|user story|story|§)`)

// link returns the first link to an artefact of one of the kinds; links that
// are introduced by the kind's name come before those in running text.
func (a Artefact) link(ks ...Kind) (Link, bool) {
	best, found := Link{}, false
	for _, l := range a.Links {
		if !slices.Contains(ks, l.Kind) || l.To == a.ID {
			continue
		}
		introduced := KindOf(l.Label) == l.Kind || strings.EqualFold(l.Label, "implements") || strings.EqualFold(l.Label, "traceability")
		if introduced {
			return l, true
		}
		if !found {
			best, found = l, true
		}
	}
	return best, found
}

// section finds a numbered section.
func (a Artefact) section(number string) (Section, bool) {
	i := slices.IndexFunc(a.Sections, func(s Section) bool { return number != "" && s.Number == number })
	if i < 0 {
		return Section{}, false
	}
	return a.Sections[i], true
}

// story finds a user story.
func (a Artefact) story(number string) (Section, bool) {
	i := slices.IndexFunc(a.Sections, func(s Section) bool { return number != "" && s.Story == number })
	if i < 0 {
		return Section{}, false
	}
	return a.Sections[i], true
}

// text is everything that the artefact says.
func (a Artefact) text() string {
	var b strings.Builder
	for _, s := range a.Sections {
		b.WriteString(s.Heading + "\n" + s.Text + "\n")
	}
	return b.String()
}
