package stack

import (
	"regexp"
	"strings"
)

var (
	foldedPHP    = regexp.MustCompile(` (?:Stack trace:|#\d{1,4} (?:\{main\}|\[internal|\S+\(\d+\)): ?|#\d{1,4} \{main\}|Next (?:\w+\\)*\w+: |thrown in )`)
	foldedAt     = regexp.MustCompile(` (?:at (?:async |new )?[^\s()]+ ?\([^()]*\)|at \S+:\d+:\d+|Caused by: |\.\.\. \d+ (?:more|common)|---> )`)
	foldedPython = regexp.MustCompile(`[ ](?:File "[^"]+", line \d+|Traceback \(most|During handling of the above|The above exception was)`)
)

// unfold breaks a line up again that holds a whole trace: line breaks get lost
// where text is copied, and in logs that replace them with spaces.
func unfold(s string) []string {
	var re *regexp.Regexp
	switch {
	case strings.HasPrefix(strings.TrimLeft(s, " \t"), "at "):
		return []string{s}
	case strings.Contains(s, " #0 ") && strings.Contains(s, " #1 "):
		re = foldedPHP
	case strings.Count(s, ` File "`) > 1:
		re = foldedPython
	case strings.Count(s, " at ") > 1 && strings.Count(s, ")") > 1:
		re = foldedAt
	default:
		return []string{s}
	}
	var out []string
	from := 0
	for _, m := range re.FindAllStringIndex(s, -1) {
		if m[0] > from && strings.TrimSpace(s[from:m[0]]) != "" {
			out = append(out, s[from:m[0]])
			from = m[0]
		}
	}
	return append(out, s[from:])
}
