package knowledge

import (
	"regexp"
	"slices"
	"strings"
)

var (
	sectionRef = regexp.MustCompile(`(?i)(?:\b(?:section|sec\.|chapter|abschnitt|kapitel|chapitre|secci[oó]n|se[cç][aã]o|sezione|cap[ií]tulo|capitolo|paragraaf)s?\s+|§\s*)(\d{1,4}(?:\.\d{1,4}){0,6})`)
	storyRef   = regexp.MustCompile(`\b(?:(?i:user[ -]story|story|(?:be)?nutzergeschichte|anwendergeschichte|r[ée]cit utilisateur|histoire utilisateur|historia de usuario|hist[oó]ria de usu[aá]rio|storia utente|gebruikersverhaal)|US)[ #-]*(\d{1,6}(?:\.\d{1,4})?)\b`)
	labelled   = regexp.MustCompile(`^([\pL][\pL /&()-]{0,40}?)\s*:(?:\s+|$)`)
)

// findStory is the place of the first story in a text and of its number; nil =
// none.
func findStory(text string) []int {
	if !hasAny(text, "tory", "TORY", "US", "eschichte", "cit util", "istoire", "istoria", "istória", "toria utente", "erhaal") {
		return nil
	}
	return storyRef.FindStringSubmatchIndex(text)
}

// findSection is the number of the first section that a text names.
func findSection(text string) string {
	if !hasAny(text, "§", "ection", "ECTION", "ec.", "hapter", "bschnitt", "apitel", "hapitre", "ecci", "eç", "ezione", "apít", "apit", "aragraaf") {
		return ""
	}
	if m := sectionRef.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}

// label is what introduces a line: "ADR" in "ADR: ADR-023".
func label(text string) (name, rest string) {
	if strings.IndexByte(text[:min(len(text), maxLabel)], ':') < 0 {
		return "", text
	}
	m := labelled.FindStringSubmatchIndex(text)
	if m == nil {
		return "", text
	}
	return strings.TrimSpace(text[m[2]:m[3]]), strings.TrimSpace(text[m[1]:])
}

// maxLabel is how far into a line the colon behind a label may stand.
const maxLabel = 64

// references finds every reference in a line of text.
func (n *naming) references(text, label string, line int) []Link {
	spans := n.ids(text)
	var out []Link
	for i, s := range spans {
		l := Link{To: s.id, Kind: n.kindOf(s.id), Label: label, Line: line, Loose: s.loose}
		out = append(out, place(l, text[s.to:n.reach(spans[i+1:], len(text))]))
	}
	if !slices.ContainsFunc(out, func(l Link) bool { return !l.Loose }) {
		out = append(out, n.bareReference(text, label, line)...)
	}
	return out
}

// reach is where the text ends that belongs to a reference: at the next one that is
// no story of it ("PRD-015, US-2").
func (n *naming) reach(next []idSpan, end int) int {
	for _, s := range next {
		if n.kindOf(s.id) != Story {
			return s.from
		}
	}
	return end
}

// place adds the section or story that follows an ID.
func place(l Link, rest string) Link {
	l.Section = findSection(rest)
	if m := findStory(rest); m != nil {
		l.Story = rest[m[2]:m[3]]
	}
	return l
}

// bareReference reads "DAA: Section 3.2", which names no ID.
func (n *naming) bareReference(text, label string, line int) []Link {
	kind, ok := n.scheme.Prefixes[strings.ToUpper(label)]
	if !ok {
		if !hasAny(text, "ection", "tory", "§") || !n.namesKind(text) {
			return nil
		}
		m := n.bare.FindStringSubmatch(text)
		if m == nil {
			return nil
		}
		kind = n.scheme.Prefixes[m[1]]
	}
	l := place(Link{Kind: kind, Label: label, Line: line}, text)
	if kind == Story || l.Section == "" && l.Story == "" {
		return nil
	}
	return []Link{l}
}

// namesKind reports whether a word of a text begins with a prefix of the scheme;
// cheaper than looking for what stands behind it.
func (n *naming) namesKind(text string) bool {
	for i := range len(text) {
		if c := text[i]; !n.heads[c] || i > 0 && text[i-1] < 0x80 && isWord(text[i-1]) {
			continue
		}
		for _, p := range n.prefixes {
			if strings.HasPrefix(text[i:], p) {
				return true
			}
		}
	}
	return false
}
