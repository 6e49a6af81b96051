package lines

import (
	"regexp"
	"slices"
	"strings"
)

// mask is one shape. may is a cheap test that spares most messages the
// expensive one.
type mask struct {
	may  func(string) bool
	re   *regexp.Regexp
	with string
}

// masks are applied in order: the long shapes before the short ones that they
// contain.
var masks = []mask{
	{has("\x1b"), regexp.MustCompile(`\x1b\[[0-9;]*m`), ""},
	{
		beforeDigit("-/"),
		regexp.MustCompile(`\b\d{4}[-/]\d{2}[-/]\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?)?(?:Z| ?[+-]\d{2}:?\d{2}| UTC)?`), "<time>",
	},
	{beforeDigit(":"), regexp.MustCompile(`\b\d{2}:\d{2}:\d{2}(?:[.,]\d+)?\b`), "<time>"},
	{atLeast("-", 4), regexp.MustCompile(`(?i)\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b`), "<uuid>"},
	{has("://"), regexp.MustCompile(`[a-zA-Z][a-zA-Z0-9+.-]*://[^\s"'<>,;)\]]+`), "<url>"},
	{has("]:"), regexp.MustCompile(`\[(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}\](?::\d+)?`), "<address>"},
	{atLeast(".", 3), regexp.MustCompile(`\b\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?\b`), "<address>"},
	{beforeDigit(":"), regexp.MustCompile(`\b[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)*:\d{2,5}\b`), "<address>"},
	{has("/"), regexp.MustCompile(`(^|[\s"'=(\[:,])(?:\.{0,2}/)[\w.@%+~=:-]+(?:/[\w.@%+~=:-]*)*`), "$1<path>"},
	{has("0x"), regexp.MustCompile(`\b0x[0-9a-fA-F]+\b`), "<hex>"},
}

func has(what string) func(string) bool {
	return func(s string) bool { return strings.Contains(s, what) }
}

func atLeast(what string, n int) func(string) bool {
	return func(s string) bool { return strings.Count(s, what) >= n }
}

// beforeDigit reports whether one of chars stands right before a digit.
func beforeDigit(chars string) func(string) bool {
	return func(s string) bool {
		for i := 1; i < len(s); i++ {
			if s[i] >= '0' && s[i] <= '9' && strings.IndexByte(chars, s[i-1]) >= 0 {
				return true
			}
		}
		return false
	}
}

// numbered is a word with a digit in it.
var numbered = regexp.MustCompile(`[A-Za-z0-9_]*\d[A-Za-z0-9_]*(?:[.,]\d+)*(?:[a-zµ%]+\b)?`)

// kept are words whose digits carry the meaning: an error code, a protocol, a
// class of status.
var kept = []string{"sqlstate", "status", "code", "errno", "http", "ora"}

// keeps reports whether what follows head is the code of such a word.
func keeps(head string) bool {
	head = strings.ToLower(strings.TrimRight(head, " \t\n\f\r=:(#-"))
	return slices.ContainsFunc(kept, func(w string) bool { return strings.HasSuffix(head, w) })
}

// Mask replaces the variable parts of a message and folds white space. Error
// codes stay (SQLSTATE 53300, status 503), since they tell failures apart.
func Mask(message string) string {
	for _, m := range masks {
		if m.may(message) {
			message = m.re.ReplaceAllString(message, m.with)
		}
	}
	message = maskNumbers(message)
	return strings.Join(strings.Fields(message), " ")
}

func maskNumbers(s string) string {
	found := numbered.FindAllStringIndex(s, -1)
	if found == nil {
		return s
	}
	var b strings.Builder
	at := 0
	for _, m := range found {
		word := s[m[0]:m[1]]
		b.WriteString(s[at:m[0]])
		switch {
		case len(word) <= 5 && keeps(s[max(0, m[0]-16):m[0]]):
			b.WriteString(word)
		default:
			b.WriteString(maskWord(word))
		}
		at = m[1]
	}
	b.WriteString(s[at:])
	return b.String()
}

var (
	hexWord    = regexp.MustCompile(`^[0-9a-fA-F]{8,}$`)
	number     = regexp.MustCompile(`^\d[\d_]*(?:[.,]\d+)*[a-zµ%]*$`)
	nameNumber = regexp.MustCompile(`^([A-Za-z]+[A-Za-z_]*?)_?\d{1,2}$`)
)

// maskWord keeps short names that end in a number, such as http2 or utf8.
func maskWord(word string) string {
	switch {
	case number.MatchString(word):
		return "<n>"
	case hexWord.MatchString(word):
		return "<hex>"
	case nameNumber.MatchString(word) && len(word) <= 6:
		return word
	}
	return "<id>"
}
