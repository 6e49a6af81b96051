package stack

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// newFrame refuses what names no line of a file: pseudo files such as <string>
// and <frozen importlib>, native code, and text that can't be a file's name. A
// function's name that is too long is left out and not cut: what was cut off
// would tell whoever redacts it later that a secret is one.
func newFrame(function, file string, line int) (evidence.Frame, bool) {
	file = strings.TrimSpace(file)
	if line <= 0 || line > 9_999_999 || !isFile(file) {
		return evidence.Frame{}, false
	}
	if function = oneLine(function); len(function) > maxName {
		function = ""
	}
	return evidence.Frame{Function: function, File: file, Line: line}, true
}

func isFile(s string) bool {
	if s == "" || len(s) > maxFile || s[0] == '<' || s[0] == '(' || strings.HasSuffix(s, "/") || !utf8.ValidString(s) {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || r == utf8.RuneError || r == '\u2028' || r == '\u2029'
	})
}

func oneLine(s string) string {
	s = strings.ToValidUTF8(s, "")
	if strings.ContainsFunc(s, unicode.IsControl) {
		s = strings.Map(func(r rune) rune {
			if unicode.IsControl(r) {
				return ' '
			}
			return r
		}, s)
	}
	return strings.TrimSpace(s)
}

// clip cuts s to n bytes at the border of a character.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

func newError(kind, message string) Error {
	return Error{Type: clip(oneLine(kind), maxName), Message: clip(oneLine(message), maxMessage)}
}

// number reads a line number: digits only, at most seven.
func number(s string) (int, bool) {
	if s == "" || len(s) > 7 {
		return 0, false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.Atoi(s)
	return n, err == nil
}

// cutLine reads FILE:LINE or FILE:LINE:COLUMN; numbers tells how many there were.
func cutLine(s string) (file string, line, numbers int) {
	file, n, ok := cutNumber(s)
	if !ok {
		return "", 0, 0
	}
	if before, first, ok := cutNumber(file); ok {
		return before, first, 2
	}
	return file, n, 1
}

func cutNumber(s string) (before string, n int, ok bool) {
	i := strings.LastIndexByte(s, ':')
	if i <= 0 {
		return s, 0, false
	}
	n, ok = number(s[i+1:])
	return s[:i], n, ok
}

// atFrame returns what follows "at" in a line such as "   at f (x.js:1:2)". A
// prefix that is not known for one may stand before it.
func atFrame(text string) (string, bool) {
	if rest, ok := strings.CutPrefix(text, "at "); ok {
		return strings.TrimSpace(rest), true
	}
	for _, mark := range []string{"\tat ", "  at "} {
		if i := strings.LastIndex(text, mark); i >= 0 {
			return strings.TrimSpace(text[i+len(mark):]), true
		}
	}
	return "", false
}

var (
	// raisedStrong is an exception by its name; raisedDotted one by its package.
	raisedStrong = regexp.MustCompile(`((?:[A-Za-z_][\w$]*[.+$\\])*[\w$]*(?:Exception|Error|Throwable|Failure|Fault))(?: ?\[[\w-]+\]| \([\w-]+\))?(?:: ?(.*)|\s*)$`)
	raisedDotted = regexp.MustCompile(`^((?:[A-Za-z_][\w$]*\.)+[A-Z][\w$]*)(?::\s(.*)|\s*)$`)
	raisedParts  = []string{"Exception", "Error", "Throwable", "Failure", "Fault"}
)

// raised finds the error that a line above frames names: the first word that
// ends like the name of an error, or a dotted name that the line starts with;
// sure is true for the former.
func raised(text string) (e Error, sure, ok bool) {
	if slices.ContainsFunc(raisedParts, func(p string) bool { return strings.Contains(text, p) }) {
		if m := raisedStrong.FindStringSubmatch(text); m != nil {
			return newError(m[1], m[2]), true, true
		}
	}
	if m := raisedDotted.FindStringSubmatch(text); m != nil {
		return newError(m[1], m[2]), false, true
	}
	return Error{}, false, false
}
