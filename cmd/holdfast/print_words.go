package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// cut shortens text to n characters.
func cut(text string, n int) string {
	r := []rune(text)
	if len(r) <= n {
		return text
	}
	return string(r[:max(n-1, 0)]) + "…"
}

// plain makes outside text one line that a terminal shows and does not obey.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t', r == '\r':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, s)
}

// escapeMarkdown makes outside text plain text in Markdown.
func escapeMarkdown(s string) string {
	var b strings.Builder
	for _, r := range plain(s) {
		if strings.ContainsRune("\\`*_{}[]<>()#+!|~&", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// age is a duration as people say it: 40 s, 6 min, 3 h, 2 d.
func age(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	default:
		return fmt.Sprintf("%d d", int(d.Hours()/24))
	}
}

// clock is a time as both clock and age; empty for a time that has not come.
func clock(t, now time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC") + " · " + age(now.Sub(t)) + " ago"
}

// share is a probability without its zero: .91.
func share(p float64) string {
	return strings.TrimPrefix(strconv.FormatFloat(p, 'f', 2, 64), "0")
}

// word is the word that is fixed to a probability.
func word(p float64) string {
	switch {
	case p >= .95:
		return "very likely"
	case p >= .80:
		return "likely"
	case p >= .50:
		return "leading"
	default:
		return "possible"
	}
}
