package search

import (
	"strings"
	"unicode/utf8"
)

// snippetRunes is about how long a snippet is.
const snippetRunes = 200

// The marks that FTS5 sets around a match. clean keeps them out of all text, so
// that no document can set one.
const (
	opens  = '\x01'
	closes = '\x02'
)

// spans reads text with marks.
func spans(marked string) []Span {
	var out []Span
	for marked != "" {
		n := strings.IndexAny(marked, "\x01\x02")
		if n < 0 {
			return append(out, Span{Text: marked})
		}
		if n > 0 {
			out = append(out, Span{Text: marked[:n], Match: marked[n] == closes})
		}
		marked = marked[n+1:]
	}
	return out
}

// snippet cuts the part with the most different matches out of marked text, and
// says on which line of the text, from 0, its first match stands: -1 when there
// is none.
func snippet(marked string) (out []Span, line int) {
	all := spans(marked)
	from, line := window(all)
	return trim(all[from:]), line
}

// window returns the span with which the best window begins, and the line of
// its match: the window with the most different matches, and of several the one
// in which they stand closest.
func window(all []Span) (from, line int) {
	line = -1
	best, bestExtent, lines := 0, 0, 0
	for i, s := range all {
		if s.Match {
			different, extent := around(all[i:])
			if different > best || different == best && extent < bestExtent {
				best, bestExtent, from, line = different, extent, i, lines
			}
		}
		lines += strings.Count(s.Text, "\n")
		if i > 4000 {
			break // a long text full of matches: its beginning will do
		}
	}
	if from > 0 && !all[from-1].Match {
		from-- // some words before the match
	}
	return from, line
}

// around counts the different matches within a snippet that begins here, and
// the bytes up to the last of them.
func around(all []Span) (different, extent int) {
	seen := map[string]bool{}
	size := 0
	for _, s := range all {
		if size > snippetRunes*2/3 {
			break
		}
		size += len(s.Text)
		if folded := strings.ToLower(s.Text); s.Match && !seen[folded] {
			seen[folded] = true
			extent = size
		}
	}
	return len(seen), extent
}

// trim cuts the spans to the length of a snippet, on one line. The text before
// the first match loses its head, the last span its tail.
func trim(all []Span) []Span {
	var out []Span
	room := snippetRunes
	for i, s := range all {
		text := squeeze(s.Text)
		if i == 0 && !s.Match && len(all) > 1 {
			text = tail(text, snippetRunes/4)
		}
		cut := false
		if n := utf8.RuneCountInString(text); n > room {
			text, cut = head(text, room), true
		}
		room -= utf8.RuneCountInString(text)
		if text != "" {
			out = append(out, Span{Text: text, Match: s.Match})
		}
		if cut || room <= 0 {
			break
		}
	}
	return ends(out)
}

// ends takes the blanks off both ends.
func ends(out []Span) []Span {
	if len(out) > 0 {
		out[0].Text = strings.TrimLeft(out[0].Text, " ")
		out[len(out)-1].Text = strings.TrimRight(out[len(out)-1].Text, " ")
	}
	for len(out) > 0 && out[0].Text == "" {
		out = out[1:]
	}
	return out
}

// squeeze makes one blank of many, line breaks included.
func squeeze(s string) string {
	mid := strings.Join(strings.Fields(s), " ")
	if mid == "" {
		if s == "" {
			return ""
		}
		return " "
	}
	if strings.ContainsAny(s[:1], " \n\t") {
		mid = " " + mid
	}
	if strings.ContainsAny(s[len(s)-1:], " \n\t") {
		mid += " "
	}
	return mid
}

// head and tail cut at a blank where one is near.
func head(s string, runes int) string {
	r := []rune(s)
	s = string(r[:runes])
	if n := strings.LastIndexByte(s, ' '); n > len(s)-20 && n > 0 {
		s = s[:n]
	}
	return s + "…"
}

func tail(s string, runes int) string {
	r := []rune(s)
	if len(r) <= runes {
		return s
	}
	s = string(r[len(r)-runes:])
	if n := strings.IndexByte(s, ' '); n >= 0 && n < 20 {
		s = s[n:]
	}
	return "…" + strings.TrimLeft(s, " ")
}
