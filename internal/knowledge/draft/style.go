package draft

import (
	"regexp"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
)

// form is how a document says who it is.
type form int

const (
	bold    form = iota // **Owner**: booking
	bullets             // * Owner: booking
	plain               // Owner: booking
	table               // | Owner | booking |
	front               // front matter
)

// titling is what stands before the title in its heading.
type titling int

const (
	withID     titling = iota // # FIX-001: Smaller batches
	withNumber                // # 7. Smaller batches
	withNone                  // # Smaller batches
)

// style is how the documents of a kind are written.
type style struct {
	form    form
	fields  []field // what the sample's head says
	level   int     // of the title's heading; 0 = the title stands in front matter only
	titling titling
	lead    string // "FIX-", as in the heading
	sep     string // between ID or number and title

	mark   string // of bullets: "* "
	strong bool   // names of bullets and tables are bold
	inside bool   // the colon stands inside the bold: **Owner:** booking
	tail   string // at the end of each line: a hard break
	spaced bool   // blank lines between

	sections []string // headings below the title, of documents of the same kind
	small    bool     // "Root cause", not "Root Cause"
	crlf     bool
	shared   bool // several artefacts stand in one file
}

// field is one line of a document's head.
type field struct {
	name, value string
	list        bool // of front matter: a YAML list
}

var (
	headingLine = regexp.MustCompile(`^(#{1,6})\s+(.*?)(?:\s+#+)?\s*$`)
	idHeading   = regexp.MustCompile(`^\s*([A-Za-z][A-Za-z0-9]*[-_ #]{0,2})\d{1,9}(?:-\d{1,9})*([\s:.–—|-]*)`)
	numHeading  = regexp.MustCompile(`^\s*\d{1,5}([.:)]\s+)`)
	boldField   = regexp.MustCompile(`^\*\*([^*:]{1,40}?)(:?)\*\*(:?)\s*(.*?)(\s{2,}|\\)?$`)
	bulletField = regexp.MustCompile(`^([-*+]\s+)(\*\*)?([A-Za-z][^:*]{0,40}?)(?:(:\*\*)|\*\*:|:)\s+(.*?)(\s{2,}|\\)?$`)
	plainField  = regexp.MustCompile(`^([A-Z][A-Za-z /-]{1,30}):\s+(.+?)(\s{2,}|\\)?$`)
	tableField  = regexp.MustCompile(`^\|\s*(\*\*)?([^|*]{1,40}?):?(?:\*\*)?\s*\|\s*(.*?)\s*\|\s*$`)
	yamlField   = regexp.MustCompile(`^([A-Za-z][\w -]*?)\s*:\s*(.*)$`)
	tableRule   = regexp.MustCompile(`^\|[\s:|-]+\|\s*$`)
)

// lines splits a document; line ends are left out.
func lines(src []byte) []string {
	all := strings.Split(strings.TrimPrefix(string(src), "\ufeff"), "\n")
	for i := range all {
		all[i] = strings.TrimSuffix(all[i], "\r")
	}
	return all
}

// learn reads the style of a document.
func learn(a knowledge.Artefact, src []byte) style {
	s := style{level: 1, sep: ": ", titling: withID, crlf: strings.Contains(string(src), "\r\n"), mark: "- "}
	all := lines(src)
	heads := headings(a)
	if len(heads) == 0 {
		s.level = 0
	} else {
		s.title(a, heads[0])
	}
	from := 0
	if len(heads) > 0 {
		from = heads[0].Line // the line after the heading
	}
	if len(all) > 0 && strings.TrimSpace(all[0]) == "---" && !s.sharedIn(all, a) {
		s.frontMatter(all[1:])
		if len(heads) > 0 && frontHas(s.fields, "title") && heads[0].Level > 1 {
			s.level, s.titling = 0, withNone
		}
	} else {
		to := len(all)
		if len(heads) > 1 {
			to = min(heads[1].Line-1, to)
		}
		s.head(all[min(from, to):to])
	}
	s.shared = s.sharedIn(all, a)
	below := heads
	if s.level > 0 && len(heads) > 0 {
		below = heads[1:]
	}
	for _, h := range below {
		if h.Level == s.level+1 || s.level == 0 && h.Level == heads[0].Level {
			s.sections = append(s.sections, h.Heading)
		}
	}
	s.small = smallCase(s.sections)
	return s
}

// headings are the sections with a heading that stand in the artefact's own file.
func headings(a knowledge.Artefact) []knowledge.Section {
	var out []knowledge.Section
	for _, s := range a.Sections {
		if s.Level > 0 && s.File == "" {
			out = append(out, s)
		}
	}
	return out
}

func (s *style) title(a knowledge.Artefact, h knowledge.Section) {
	s.level = h.Level
	m := idHeading.FindStringSubmatch(h.Heading)
	prefix, _, _ := strings.Cut(a.ID, "-")
	switch n := numHeading.FindStringSubmatch(h.Heading); {
	case m != nil && strings.EqualFold(strings.Trim(m[1], "-_ #"), prefix):
		s.lead, s.sep = m[1], m[2]
	case n != nil:
		s.titling, s.sep = withNumber, n[1]
	default:
		s.titling = withNone
	}
	if strings.TrimSpace(s.sep) == "" && s.sep != " " {
		s.sep = ": "
	}
}

// sharedIn reports whether another heading stands before the artefact's own.
func (s *style) sharedIn(all []string, a knowledge.Artefact) bool {
	heads := headings(a)
	if len(heads) == 0 {
		return false
	}
	for i, l := range all {
		if headingLine.MatchString(l) {
			return heads[0].Level > 1 && i+1 < heads[0].Line
		}
	}
	return false
}

func (s *style) frontMatter(all []string) {
	s.form = front
	for _, l := range all {
		if strings.TrimSpace(l) == "---" {
			return
		}
		if m := yamlField.FindStringSubmatch(l); m != nil {
			s.fields = append(s.fields, field{m[1], strings.Trim(m[2], `"'`), strings.HasPrefix(m[2], "[")})
		} else if n := len(s.fields); n > 0 && strings.HasPrefix(strings.TrimSpace(l), "- ") {
			s.fields[n-1].list = true
			if s.fields[n-1].value == "" {
				s.fields[n-1].value = strings.Trim(strings.TrimSpace(l)[2:], `"'`)
			}
		}
	}
}

// head reads the lines between the title and the next heading.
func (s *style) head(all []string) {
	last := -1
	for i, l := range all {
		f, ok := s.headLine(l)
		if !ok {
			continue
		}
		if last >= 0 && strings.TrimSpace(strings.Join(all[last+1:i], "")) == "" && i > last+1 {
			s.spaced = true
		}
		last = i
		s.fields = append(s.fields, f)
	}
}

// headLine reads one line; the first that is a field tells the form.
func (s *style) headLine(l string) (field, bool) {
	first := len(s.fields) == 0
	is := func(f form) bool { return first || s.form == f }
	if m := boldField.FindStringSubmatch(l); m != nil && (m[2] != "" || m[3] != "") && is(bold) {
		s.form, s.inside, s.tail = bold, m[2] != "", m[5]
		return field{name: m[1], value: m[4]}, true
	}
	if m := bulletField.FindStringSubmatch(l); m != nil && is(bullets) {
		s.form, s.mark, s.strong, s.inside, s.tail = bullets, m[1], m[2] != "", m[4] != "", m[6]
		return field{name: m[3], value: m[5]}, true
	}
	if m := tableField.FindStringSubmatch(l); m != nil && !tableRule.MatchString(l) && is(table) && !strings.Contains(m[3], " | ") {
		s.form, s.strong = table, m[1] != ""
		return field{name: m[2], value: m[3]}, true
	}
	if m := plainField.FindStringSubmatch(l); m != nil && is(plain) {
		s.form, s.tail = plain, m[3]
		return field{name: m[1], value: m[2]}, true
	}
	return field{}, false
}

func frontHas(fields []field, name string) bool {
	for _, f := range fields {
		if strings.EqualFold(f.name, name) {
			return true
		}
	}
	return false
}

// smallCase reports whether headings of several words are written as sentences.
func smallCase(heads []string) bool {
	small, capital := 0, 0
	for _, h := range heads {
		words := strings.Fields(h)
		for _, w := range words[min(1, len(words)):] {
			switch {
			case w[0] >= 'a' && w[0] <= 'z' && len(w) > 3:
				small++
			case w[0] >= 'A' && w[0] <= 'Z':
				capital++
			}
		}
	}
	return small > capital
}

// borrowed is the style for a kind of which the repository has no example: what
// is particular to the other kind is left out.
func (s style) borrowed() style {
	s.fields, s.sections, s.shared = nil, nil, false
	s.level, s.lead = 1, ""
	if s.titling != withID {
		s.titling, s.sep = withID, ": "
	}
	return s
}
