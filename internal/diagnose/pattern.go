package diagnose

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// pattern is a regular expression that ignores case, with texts one of which
// every match contains: most lines contain none, and finding that out costs a
// fraction of trying the expression.
type pattern struct {
	re      *regexp.Regexp
	needles []string // lower case; none = every text may match
}

// quick compiles a pattern.
func quick(p string) pattern {
	re := rx(p)
	tree, err := syntax.Parse(`(?i)`+p, syntax.Perl)
	if err != nil {
		return pattern{re: re}
	}
	return pattern{re, needles(tree.Simplify())}
}

// match reports whether the pattern occurs in a text; lower is the text in
// lower case.
func (p pattern) match(text, lower string) bool {
	if len(p.needles) > 0 && !slices.ContainsFunc(p.needles, func(n string) bool { return strings.Contains(lower, n) }) {
		return false
	}
	return p.re.MatchString(text)
}

// needles returns texts one of which stands in every match of an expression;
// nil when there are none.
func needles(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		return []string{strings.ToLower(string(re.Rune))}
	case syntax.OpCapture, syntax.OpPlus:
		return needles(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return needles(re.Sub[0])
		}
	case syntax.OpAlternate:
		var all []string
		for _, s := range re.Sub {
			n := needles(s)
			if n == nil {
				return nil
			}
			all = append(all, n...)
		}
		return all
	case syntax.OpConcat:
		var best []string
		for _, s := range re.Sub {
			if n := needles(s); shortest(n) > shortest(best) {
				best = n
			}
		}
		return best
	default: // character classes, anchors, what may be left out
	}
	return nil
}

// shortest is the length of the shortest of the texts; 0 without any.
func shortest(texts []string) int {
	if len(texts) == 0 {
		return 0
	}
	return len(slices.MinFunc(texts, func(a, b string) int { return len(a) - len(b) }))
}
