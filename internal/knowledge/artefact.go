package knowledge

import (
	"slices"
	"strings"
)

// Artefact is one document of the knowledge repository, or a part of one that
// has an ID of its own.
type Artefact struct {
	ID       string
	Kind     Kind
	Title    string // without the ID
	Status   string // as written: accepted, superseded by ADR-9, …
	Repo     string // name of the folder that it was read from
	Path     string // in that folder
	Line     int    // of the title
	Meta     []Field
	Links    []Link
	Sections []Section
	Stories  []UserStory
	Files    []string // code that it names
}

// Field is what the head of a document says by name: "Owner: booking team".
type Field struct {
	Name, Value string
	Line        int
}

// Section is a part under a heading, up to the next one of any level.
type Section struct {
	Heading string
	Level   int    // 1…6; 0 = text before the first heading
	Number  string // "3.2" when the heading is numbered
	Anchor  string // what a link to it ends with, after the #
	Line    int
	// Text is the prose, without markup and code blocks, with the line breaks of the
	// file from TextLine on: what is left out is empty lines.
	Text     string
	TextLine int
	Items    []int // lines on which items of lists begin
	Code     []Code
	Spans    []Code // code in the lines of Text, where it begins
	// File is where it stands when that is another file than the artefact's Path:
	// that of an amendment.
	File string
}

// Code is a code block.
type Code struct {
	Language string
	Text     string
	Line     int // of its first line
}

// UserStory is one story of a requirement, wherever it stands: a heading, a line
// of a list or a row of a table.
type UserStory struct {
	Number string // "2"
	Title  string
	Line   int
	File   string // where it stands, as of a Section
}

// Link points from one artefact to another.
type Link struct {
	To      string // ID; as written when there is no such artefact; empty when only Kind and Section are written
	Kind    Kind   // of the target
	Section string // "3.2"
	Story   string // "2"
	Anchor  string // of a Markdown link
	Label   string // what introduces it: "ADR" in "**ADR**: ADR-023"
	Path    string // of a Markdown link: the file, in the same folder
	Line    int
	File    string // where it stands, as of a Section
	// Loose is a reference that means an artefact only if there is one: "ADR 7",
	// or an ID with an unknown prefix.
	Loose bool
}

// Field returns the value of the first field with one of the names, in any case.
func (a Artefact) Field(names ...string) string {
	for _, n := range names {
		for _, f := range a.Meta {
			if strings.EqualFold(f.Name, n) {
				return f.Value
			}
		}
	}
	return ""
}

// Superseded reports whether the artefact says that it no longer holds.
func (a Artefact) Superseded() bool {
	s := fold(a.Status)
	return slices.Contains(overAlone(), strings.TrimRight(s, ". ")) ||
		slices.ContainsFunc(overWords(), func(w string) bool { return strings.Contains(s, w) }) ||
		slices.ContainsFunc(overHeads(), func(w string) bool { return strings.HasPrefix(s, w) })
}

// Accepted reports whether the artefact says that it holds.
func (a Artefact) Accepted() bool {
	s := fold(a.Status)
	return !a.Superseded() && slices.ContainsFunc(acceptedWords(), func(w string) bool { return strings.HasPrefix(s, w) })
}

// links returns the links to artefacts of the kinds, those that are introduced by
// the kind's name before those in running text.
func (a Artefact) links(ks ...Kind) []Link {
	var introduced, others []Link
	for _, l := range a.Links {
		switch {
		case !slices.Contains(ks, l.Kind) || l.To == a.ID:
		case l.introduced():
			introduced = append(introduced, l)
		default:
			others = append(others, l)
		}
	}
	return append(introduced, others...)
}

// introduced reports whether the link stands where a document names what it
// follows from, not in running text.
func (l Link) introduced() bool {
	label := strings.ToLower(l.Label)
	return label == string(l.Kind) || label == string(l.Kind)+"s" || slices.Contains(traceLabels(), label)
}

func traceLabels() []string {
	return []string{
		"implements", "traceability", "traces to", "trace", "based on", "decision", "decisions", "related decision", "requirement",
		"requirements", "derived from", "parent", "source", "work item", "design", "domain", "user story", "user stories", "story",
	}
}

// Section returns the section with a number ("3.2").
func (a Artefact) Section(number string) (Section, bool) {
	return a.find(func(s Section) bool { return number != "" && s.Number == number })
}

// At returns the section with an anchor.
func (a Artefact) At(anchor string) (Section, bool) {
	return a.find(func(s Section) bool { return anchor != "" && strings.EqualFold(s.Anchor, anchor) })
}

// Headed returns the first section whose heading contains one of the words, in
// any case.
func (a Artefact) Headed(words ...string) (Section, bool) {
	return a.find(func(s Section) bool {
		h := strings.ToLower(s.Heading)
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(h, w) })
	})
}

func (a Artefact) find(want func(Section) bool) (Section, bool) {
	i := slices.IndexFunc(a.Sections, want)
	if i < 0 {
		return Section{}, false
	}
	return a.Sections[i], true
}

// Under returns a section and those below it.
func (a Artefact) Under(s Section) []Section {
	i := slices.IndexFunc(a.Sections, func(x Section) bool { return x.Line == s.Line && x.Heading == s.Heading })
	if i < 0 {
		return nil
	}
	end := i + 1
	for end < len(a.Sections) && a.Sections[end].Level > s.Level {
		end++
	}
	return a.Sections[i:end]
}

// Story returns the user story with a number.
func (a Artefact) Story(number string) (UserStory, bool) {
	i := slices.IndexFunc(a.Stories, func(s UserStory) bool { return number != "" && key(s.Number) == key(number) })
	if i < 0 {
		return UserStory{}, false
	}
	return a.Stories[i], true
}

// prose is everything that the artefact says, without code. A paragraph is one line,
// however its author wrapped it.
func (a Artefact) prose() string {
	var b strings.Builder
	for _, s := range a.Sections {
		b.WriteString(s.Heading + "\n")
		before := ""
		for i, l := range strings.Split(s.Text, "\n") {
			switch name, _ := label(l); {
			case i == 0:
			case before == "" || l == "" || name != "" || slices.Contains(s.Items, s.TextLine+i) || strings.Contains(before+l, " | "):
				b.WriteByte('\n')
			default:
				b.WriteByte(' ')
			}
			b.WriteString(l)
			before = l
		}
		b.WriteByte('\n')
	}
	return b.String()
}
