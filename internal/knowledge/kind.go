package knowledge

import (
	"maps"
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
	Story    Kind = "story" // a user story in a file of its own
	DAA      Kind = "daa"
	TIP      Kind = "tip"
	RFC      Kind = "rfc"
	ADR      Kind = "adr"
	Bolt     Kind = "bolt"
	Fix      Kind = "fix"
	Playbook Kind = "playbook"
	Runbook  Kind = "runbook"
	Unit     Kind = "unit" // deployment unit
	Incident Kind = "incident"
	Pattern  Kind = "pattern" // any other ID, such as OUTBOX-001
)

// Kinds returns all of them, from requirement to incident.
func Kinds() []Kind {
	return []Kind{PRD, Story, DAA, TIP, RFC, ADR, Bolt, Fix, Unit, Runbook, Playbook, Pattern, Incident}
}

// Scheme is how a repository names its artefacts. The zero value knows nothing;
// start from DefaultScheme.
type Scheme struct {
	// Prefixes of IDs, upper case: "ADR" → adr.
	Prefixes map[string]Kind
	// Folders whose Markdown files are of one kind, lower case and without accents:
	// "decisions" → adr.
	Folders map[string]Kind
	// Patterns are forms of IDs that are not PREFIX-NUMBER; see WithPatterns.
	Patterns map[string]Kind
}

// DefaultScheme knows the prefixes of the method and the folder names of public
// collections.
func DefaultScheme() Scheme {
	s := Scheme{
		Prefixes: map[string]Kind{
			"PRD": PRD, "US": Story, "STORY": Story, "DAA": DAA, "TIP": TIP, "RFC": RFC, "ADR": ADR, "BOLT": Bolt,
			"FIX": Fix, "PLAYBOOK": Playbook, "RUNBOOK": Runbook, "DU": Unit, "INC": Incident, "POSTMORTEM": Incident,
		},
		Folders: map[string]Kind{},
	}
	for kind, names := range folderKinds() {
		for _, n := range names {
			s.Folders[n] = kind
		}
	}
	return s
}

// With returns the scheme with further prefixes and folders; these win.
func (s Scheme) With(prefixes, folders map[string]Kind) Scheme {
	out := Scheme{Prefixes: maps.Clone(s.Prefixes), Folders: maps.Clone(s.Folders), Patterns: s.Patterns}
	for p, k := range prefixes {
		out.Prefixes[strings.ToUpper(p)] = k
	}
	for f, k := range folders {
		out.Folders[folderName(f)] = k
	}
	return out
}

func folderName(f string) string {
	return strings.NewReplacer("_", "-", " ", "-").Replace(fold(f))
}

// naming is a compiled Scheme.
type naming struct {
	scheme Scheme
	head   *regexp.Regexp // at the beginning of a heading
	fileID *regexp.Regexp // at the beginning of a file name
	bare   *regexp.Regexp // a kind directly before a section or story: "DAA Section 3.2"

	own      []ownID   // the patterns of the scheme
	prefixes []string  // of the scheme, the longest first
	heads    [256]bool // what they begin with
}

func compile(s Scheme) *naming {
	prefixes := slices.SortedFunc(maps.Keys(s.Prefixes), func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	n := &naming{scheme: s, own: ownIDs(s), prefixes: prefixes}
	quoted := make([]string, len(prefixes))
	for i, p := range prefixes {
		quoted[i] = regexp.QuoteMeta(p)
		for _, c := range []byte(p[:min(len(p), 1)]) {
			n.heads[c] = true
		}
	}
	any := "(" + strings.Join(quoted, "|") + ")"
	if len(prefixes) == 0 {
		any = "([^\x00-\U0010FFFF])" // nothing
	}
	n.head = regexp.MustCompile(`(?i)^\s*\[?` + any + `[-_ #]{0,2}(\d{1,9}(?:-\d{1,9})*)\b\]?[\s:.–—|-]*`)
	n.fileID = regexp.MustCompile(`(?i)^` + any + `[-_. ]?(\d{1,9}(?:-\d{1,9})*)(?:[^a-z0-9]|$)`)
	n.bare = regexp.MustCompile(`\b` + any + `\s*,?\s*(?i:section|user story|story|§)`)
	return n
}

// kindOf tells the kind from an ID: "ADR-023" is an ADR, and so is "PAY-ADR-7" of
// those who put the name of a team before it.
func (n *naming) kindOf(id string) Kind {
	id, _, _ = strings.Cut(id, "@")
	if k := n.ownKind(id); k != "" {
		return k
	}
	parts := strings.Split(strings.ToUpper(id), "-")
	for i, p := range parts {
		if k, ok := n.scheme.Prefixes[p]; ok && (i == 0 || k != Story && i+1 < len(parts) && isDigits(parts[i+1])) {
			return k
		}
	}
	return Pattern
}

// kindOfFolder is the kind of the files in the folder of p: its innermost parent
// that has one.
func (n *naming) kindOfFolder(p string) Kind {
	parts := strings.Split(path.Dir(p), "/")
	for _, dir := range slices.Backward(parts) {
		if k, ok := n.scheme.Folders[folderName(dir)]; ok {
			return k
		}
	}
	return ""
}

// prefixOf is what IDs of a kind begin with: its own name where that is a prefix,
// else the first one in the alphabet.
func (n *naming) prefixOf(k Kind) string {
	best := ""
	for _, p := range slices.Sorted(maps.Keys(n.scheme.Prefixes)) {
		if n.scheme.Prefixes[p] == k && (best == "" || strings.EqualFold(p, string(k))) {
			best = p
		}
	}
	if best == "" {
		best = strings.ToUpper(string(k))
	}
	return best
}

// key is an ID as it is looked up: ADR-7, adr-007 and ADR-0007 are the same. What
// stands behind an @ is kept as it is, in upper case.
func key(id string) string {
	id = strings.ToUpper(strings.TrimSpace(id)) // mostly the same string
	head, at, _ := strings.Cut(id, "@")
	out, same := make([]byte, 0, maxID), true
	for part := range strings.SplitSeq(head, "-") {
		if number := strings.TrimLeft(part, "0"); number != part && isDigits(part) {
			if number == "" {
				number = "0"
			}
			part, same = number, false
		}
		out = append(append(out, part...), '-')
	}
	switch {
	case same && (at != "" || len(head) == len(id)):
		return id
	case at == "":
		return string(out[:len(out)-1])
	}
	return string(out[:len(out)-1]) + "@" + at
}
