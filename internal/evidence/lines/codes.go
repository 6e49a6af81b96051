package lines

import (
	"regexp"
	"slices"
	"strings"
)

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

// codes are the error codes in a message, in brackets, with a space before: what
// a template masks like any number, and what tells failures apart (SQLSTATE
// 53300, status 503).
func codes(message string) string {
	var found []string
	for _, m := range numbered.FindAllStringIndex(message, -1) {
		word, head := message[m[0]:m[1]], message[max(0, m[0]-16):m[0]]
		if len(word) <= 5 && keeps(head) {
			found = append(found, word)
		}
	}
	if found == nil {
		return ""
	}
	return " [" + strings.Join(found, " ") + "]"
}
