package knowledge

import (
	"slices"
	"strings"
)

// Lines of text are scanned by hand: a repository has millions of words, and
// these scans are most of the time that reading takes.

// idSpan is an ID in a text.
type idSpan struct {
	from, to int
	id       string
	loose    bool // means an artefact only if there is one
	own      bool // of a form that the repository defines
}

// maxLoose bounds the loose references of one line, and the bytes of an ID.
const (
	maxLoose = 64
	maxID    = 80
)

// ids finds every ID in a text, in order: PREFIX-NUMBER of the scheme; loosely
// "ADR 7", and whatever looks like an ID.
func (n *naming) ids(text string) []idSpan {
	out := n.ownSpans(text)
	own, loose := len(out), 0
	for i := 0; i < len(text); {
		if !isUpper(text[i]) || i > 0 && isWord(text[i-1]) {
			i++
			continue
		}
		s := n.idAt(text, i)
		switch {
		case s.id == "":
			i++
			for i < len(text) && isWord(text[i]) {
				i++
			}
			continue
		case slices.ContainsFunc(out[:own], func(o idSpan) bool { return o.from < s.to && s.from < o.to }): // a part of one
		case !s.loose:
			out = append(out, s)
		case loose < maxLoose:
			loose++
			out = append(out, s)
		}
		i = s.to
	}
	if own > 0 {
		slices.SortFunc(out, func(a, b idSpan) int { return a.from - b.from })
	}
	return out
}

// idAt reads the ID that begins at an upper-case letter; none has an empty id.
func (n *naming) idAt(text string, from int) idSpan {
	head := wordEnd(text, from, maxID)
	if head == from || head < len(text) && isWord(text[head]) {
		return idSpan{}
	}
	_, known := n.scheme.Prefixes[text[from:head]]
	if known && head < len(text) && text[head] != '-' {
		return n.spaced(text, from, head)
	}
	end, parts, numeric := head, 0, true // of the parts behind the head
	for end < len(text) && text[end] == '-' && end-from < maxID {
		next := wordEnd(text, end+1, maxID)
		if next == end+1 || next < len(text) && isWord(text[next]) {
			break
		}
		digits := isDigits(text[end+1 : next])
		if known && numeric && !digits && end > head {
			break // ADR-023-X is ADR-023
		}
		numeric = numeric && digits
		end = next
		parts++
	}
	switch {
	case end == head:
		return idSpan{}
	case known && numeric:
		return idSpan{from: from, to: end, id: text[from:end]}
	}
	// PAY-ADR-7 is as good as ADR-7.
	composed := !known && parts > 1 && isDigit(text[end-1]) && n.kindOf(text[from:end]) != Pattern
	return idSpan{from: from, to: end, id: text[from:end], loose: !composed}
}

// spaced reads "ADR 7" and "ADR #7".
func (n *naming) spaced(text string, from, head int) idSpan {
	at := head
	for at < len(text) && at < head+2 && (text[at] == ' ' || text[at] == '#') {
		at++
	}
	end := at
	for end < len(text) && end-at < 9 && isDigit(text[end]) {
		end++
	}
	if at == head || end == at || end < len(text) && isWord(text[end]) {
		return idSpan{}
	}
	return idSpan{from: from, to: end, id: text[from:head] + "-" + text[at:end], loose: true}
}

// wordEnd is the end of the upper-case letters and digits from a place on.
func wordEnd(text string, from, most int) int {
	end := from
	for end < len(text) && end-from < most && (isUpper(text[end]) || isDigit(text[end])) {
		end++
	}
	return end
}

func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }
func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isWord(c byte) bool {
	return isUpper(c) || isDigit(c) || c >= 'a' && c <= 'z' || c == '_' || c >= 0x80
}

func isDigits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}

// codeFiles finds the paths of source files in a text.
func codeFiles(text string) []string {
	var out []string
	for i := 0; i < len(text); i++ {
		if text[i] != '.' {
			continue
		}
		end := i + 1
		for end < len(text) && end-i < 8 && text[end] >= 'a' && text[end] <= 'z' {
			end++
		}
		if end < len(text) && isWord(text[end]) || !isSource(text[i+1:end]) {
			continue
		}
		from := i
		for from > 0 && (isWord(text[from-1]) || strings.IndexByte("./-", text[from-1]) >= 0) {
			from--
		}
		if p := strings.TrimLeft(text[from:end], "./-"); from < i && len(p) > end-i {
			out = append(out, p)
		}
		i = end - 1
	}
	return out
}

func isSource(ext string) bool {
	return slices.Contains([]string{
		"go", "py", "java", "kt", "ts", "tsx", "js", "jsx", "rb", "rs", "cs", "php", "scala", "sql", "proto", "yaml", "yml", "tf",
		"c", "cc", "cpp", "h", "swift", "ex", "exs", "sh",
	}, ext)
}

// hasAny reports whether a text has one of the words; cheaper than looking for
// what stands around them.
func hasAny(text string, words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
}
