package diagnose

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// pattern is a regular expression that ignores case. Trying one on a log line
// is dear, and hardly any line matches: so each of its alternatives has texts
// that every match contains, which are looked for first.
type pattern []alternative

// alternative is one way to match. Of each list in needs, which are in lower
// case, a match contains at least one text.
type alternative struct {
	re    *regexp.Regexp
	needs [][]string
}

// quick compiles a pattern.
func quick(p string) pattern {
	tree, err := syntax.Parse(`(?i)`+p, syntax.Perl)
	if err != nil || tree.Op != syntax.OpAlternate {
		return pattern{{rx(p), needs(tree)}}
	}
	var out pattern
	for _, sub := range tree.Sub {
		out = append(out, alternative{regexp.MustCompile(sub.String()), needs(sub)})
	}
	return out
}

// match reports whether the pattern occurs in a text.
func (p pattern) match(t *searchable) bool {
	return slices.ContainsFunc(p, func(a alternative) bool {
		for _, any := range a.needs {
			if !slices.ContainsFunc(any, t.contains) {
				return false
			}
		}
		return a.re.MatchString(t.text)
	})
}

// needs returns lists of texts: every match of an expression contains one of
// each. None when nothing is known.
func needs(re *syntax.Regexp) [][]string {
	if re == nil {
		return nil
	}
	switch re.Op {
	case syntax.OpLiteral:
		return [][]string{{strings.ToLower(string(re.Rune))}}
	case syntax.OpCapture, syntax.OpPlus:
		return needs(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return needs(re.Sub[0])
		}
	case syntax.OpAlternate:
		var any []string
		for _, s := range re.Sub {
			n := needs(s)
			if n == nil {
				return nil
			}
			any = append(any, slices.MaxFunc(n, func(a, b []string) int { return shortest(a) - shortest(b) })...)
		}
		return [][]string{any}
	case syntax.OpConcat:
		var all [][]string
		for _, s := range re.Sub {
			all = append(all, needs(s)...)
		}
		return all
	default: // character classes, anchors, what may be left out
	}
	return nil
}

// shortest is the length of the shortest of the texts.
func shortest(texts []string) int {
	return len(slices.MinFunc(texts, func(a, b string) int { return len(a) - len(b) }))
}

// searchable is a text in which many short ones are looked for. It knows which
// pairs of bytes occur, which rules out most of them without a search.
type searchable struct {
	text, lower string
	pairs       [manyPairs / 64]uint64 // a bit for the pairs of bytes in lower; some share one
}

const manyPairs = 1 << 12

func newSearchable(text string) *searchable {
	t := &searchable{text: text, lower: strings.ToLower(text)}
	for i := 1; i < len(t.lower); i++ {
		n := pair(t.lower, i)
		t.pairs[n/64] |= 1 << (n % 64)
	}
	return t
}

// contains reports whether the text contains a lower-case one.
func (t *searchable) contains(needle string) bool {
	for i := 1; i < len(needle); i++ {
		n := pair(needle, i)
		if t.pairs[n/64]&(1<<(n%64)) == 0 {
			return false
		}
	}
	return strings.Contains(t.lower, needle)
}

// pair is the number of the bit for the byte at i and the one before: letters in
// one case differ in their last five bits.
func pair(s string, i int) uint16 { return (uint16(s[i-1])<<7 ^ uint16(s[i])) % manyPairs }
