package knowledge

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// ownID is a form of IDs that is not PREFIX-NUMBER: REQ_FX_0042, SDR.2024.017.
type ownID struct {
	within *regexp.Regexp
	whole  *regexp.Regexp
	kind   Kind
}

// maxPattern bounds the source of a pattern, and maxPatterns how many there may be:
// each line of a repository is held against all of them.
const (
	maxPattern  = 200
	maxPatterns = 20
)

// WithPatterns returns the scheme with forms of whole IDs, as regular expressions
// (RE2) that ignore case: "REQ_FX_\d{4}" → prd.
func (s Scheme) WithPatterns(patterns map[string]Kind) (Scheme, error) {
	if len(patterns) > maxPatterns {
		return s, fmt.Errorf("%d patterns of IDs; at most %d are read", len(patterns), maxPatterns)
	}
	out := s
	out.Patterns = maps.Clone(s.Patterns)
	if out.Patterns == nil {
		out.Patterns = map[string]Kind{}
	}
	var bad []error
	for _, p := range slices.Sorted(maps.Keys(patterns)) {
		o, err := ownOf(p, patterns[p])
		switch {
		case err != nil:
			bad = append(bad, err)
		case o.whole.MatchString(""):
			bad = append(bad, fmt.Errorf("pattern %q matches the empty string: every text would be an ID", p))
		default:
			out.Patterns[p] = patterns[p]
		}
	}
	return out, errors.Join(bad...)
}

func ownOf(pattern string, k Kind) (ownID, error) {
	if len(pattern) > maxPattern {
		return ownID{}, fmt.Errorf("pattern %.40q… is longer than %d bytes", pattern, maxPattern)
	}
	within, err := regexp.Compile(`(?i:` + pattern + `)`)
	if err != nil {
		return ownID{}, fmt.Errorf("pattern %q: %w", pattern, err)
	}
	whole, err := regexp.Compile(`^(?i:` + pattern + `)$`)
	if err != nil {
		return ownID{}, fmt.Errorf("pattern %q: %w", pattern, err)
	}
	return ownID{within, whole, k}, nil
}

// ownIDs compiles the patterns of a scheme, in the order of their text.
func ownIDs(s Scheme) []ownID {
	var out []ownID
	for _, p := range slices.Sorted(maps.Keys(s.Patterns)) {
		if o, err := ownOf(p, s.Patterns[p]); err == nil { // WithPatterns refused the others
			out = append(out, o)
		}
	}
	return out
}

// ownKind is the kind of an ID of the repository's own form; "" = it is none.
func (n *naming) ownKind(id string) Kind {
	for _, o := range n.own {
		if o.whole.MatchString(id) {
			return o.kind
		}
	}
	return ""
}

// ownSpans finds the IDs of own forms in a text, the first form first.
func (n *naming) ownSpans(text string) []idSpan {
	var out []idSpan
	for _, o := range n.own {
		for _, m := range o.within.FindAllStringIndex(text, maxLoose) {
			from, to := m[0], m[1]
			if !isOwnID(text[from:to]) || from > 0 && isWord(text[from-1]) || to < len(text) && isWord(text[to]) {
				continue
			}
			if !slices.ContainsFunc(out, func(s idSpan) bool { return s.from < to && from < s.to }) {
				out = append(out, idSpan{from: from, to: to, id: strings.ToUpper(text[from:to]), own: true})
			}
		}
	}
	slices.SortFunc(out, func(a, b idSpan) int { return a.from - b.from })
	return out
}

// isOwnID refuses what could stand in no address and on no line.
func isOwnID(s string) bool {
	return s != "" && len(s) <= maxID && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r) || strings.ContainsRune("@/\\[]()<>|`\"'", r)
	})
}

// headed reads the ID at the head of a title, and how much of the title it is with
// the signs behind it.
func (n *naming) headed(text string) (id string, size int) {
	if len(n.own) > 0 {
		lead := len(text) - len(strings.TrimLeft(text, " \t["))
		if all := n.ownSpans(text); len(all) > 0 && all[0].from == lead {
			rest := strings.TrimLeft(text[all[0].to:], "] \t:.–—|-")
			return all[0].id, len(text) - len(rest)
		}
	}
	if m := n.head.FindStringSubmatch(text); m != nil {
		return strings.ToUpper(m[1]) + "-" + m[2], len(m[0])
	}
	return "", 0
}

// filed reads the ID at the head of a file's name.
func (n *naming) filed(name string) string {
	if all := n.ownSpans(name); len(all) > 0 && all[0].from == 0 {
		return all[0].id
	}
	if m := n.fileID.FindStringSubmatch(name); m != nil {
		return strings.ToUpper(m[1]) + "-" + m[2]
	}
	return ""
}
