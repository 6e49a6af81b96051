// Package outside makes text that came from outside (alerts, logs, labels,
// commits, people's findings) safe to show: one printable line of limited
// length, with everything escaped that the place where it is shown would read
// as markup. It promises nothing about what the text says.
package outside

import (
	"strings"
	"unicode"
)

// Line makes s one printable line of at most n characters.
func Line(s string, n int) string {
	if len(s) > 16*n { // bound the work on huge input before looking at it
		s = s[:16*n]
	}
	clean := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, s)
	return Cut(strings.Join(strings.Fields(clean), " "), n)
}

// Cut shortens s to n characters, the last of them "…".
func Cut(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	if n < 1 {
		return ""
	}
	return strings.TrimRight(string(r[:n-1]), " ,;:") + "…"
}

// Markdown makes s one line of at most n characters that CommonMark with tables
// shows as it is: no emphasis, link, image, HTML, code, list or cell border.
func Markdown(s string, n int) string {
	r := []rune(Line(s, n))
	var b strings.Builder
	for i, c := range r {
		switch {
		case c == '_' && i > 0 && i+1 < len(r) && wordly(r[i-1]) && wordly(r[i+1]):
			// between letters it is no emphasis
		case strings.ContainsRune("\\`*_[]<>|~&$", c),
			i == 0 && strings.ContainsRune("#+-=", c),
			(c == '.' || c == ')') && allDigits(r[:i]) && (i+1 == len(r) || r[i+1] == ' '):
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// Code makes s a code span of one line of at most n characters; "" stays "".
// Inside a table its cell borders have to be escaped as well.
func Code(s string, n int) string {
	s = strings.ReplaceAll(Line(s, n), "`", "'")
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

func wordly(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// allDigits reports whether a list item would begin after r.
func allDigits(r []rune) bool {
	for _, c := range r {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(r) > 0 && len(r) < 10
}
