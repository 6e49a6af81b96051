package stack

import (
	"encoding/binary"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// line is one line of a trace without what the way through the log added.
type line struct {
	text   string // without space around it
	indent int    // characters of space before it
}

// split makes lines of a text: escapes undone, prefixes and colours removed.
func split(text string) []line {
	var out []line
	for raw := range strings.Lines(unquoted(bounded(decoded(text)))) {
		for _, l := range expand(unprefix(plainText(raw)), 3) {
			for _, one := range unfold(l) {
				out = append(out, newLine(one))
			}
		}
	}
	return out
}

// unquoted drops the sign before each line of a quotation.
func unquoted(text string) string {
	lines := 0
	for l := range strings.Lines(text) {
		if blank := strings.TrimSpace(l) == ""; !blank && l[0] != '>' {
			return text
		} else if !blank {
			lines++
		}
	}
	if lines < 2 {
		return text
	}
	var b strings.Builder
	for l := range strings.Lines(text) {
		b.WriteString(strings.TrimPrefix(strings.TrimPrefix(l, ">"), " "))
	}
	return b.String()
}

func newLine(s string) line {
	s = strings.TrimRight(clip(s, maxLine), " \t\r\n")
	text := strings.TrimLeft(s, " \t")
	if inner, ok := strings.CutPrefix(strings.TrimSuffix(text, ","), `"`); ok && strings.HasSuffix(inner, `"`) {
		s, _ = unescape(strings.TrimSuffix(inner, `"`), false) // a text in a list of an object over several lines
		s = strings.TrimRight(s, " \t\r\n")
		text = strings.TrimLeft(s, " \t")
	}
	if inner, ok := boxed(text); ok {
		// Python's exception groups and some loggers draw a bar before each line.
		return line{strings.TrimLeft(inner, " \t"), len(s) - len(strings.TrimLeft(inner, " \t"))}
	}
	return line{text, len(s) - len(text)}
}

func boxed(text string) (string, bool) {
	for _, bar := range []string{"| ", "|\t", "> ", "│ "} {
		if inner, ok := strings.CutPrefix(text, bar); ok {
			return inner, true
		}
	}
	if text == "|" {
		return "", true
	}
	return text, false
}

// decoded reads UTF-16, which Windows' shells write, when the text begins with
// its mark, and drops that of UTF-8.
func decoded(text string) string {
	var order binary.ByteOrder
	switch {
	case strings.HasPrefix(text, "\xff\xfe"):
		order = binary.LittleEndian
	case strings.HasPrefix(text, "\xfe\xff"):
		order = binary.BigEndian
	default:
		return strings.TrimPrefix(text, "\uFEFF")
	}
	b := []byte(bounded(text))[2:]
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = order.Uint16(b[2*i:])
	}
	return string(utf16.Decode(units))
}

// bounded keeps the start and the end of a text that is too long: causes stand
// at one of them, whatever the language.
func bounded(text string) string {
	if len(text) <= maxText {
		return text
	}
	head, tail := text[:maxText/2], text[len(text)-maxText/2:]
	if i := strings.LastIndexByte(head, '\n'); i >= 0 {
		head = head[:i+1]
	}
	if i := strings.IndexByte(tail, '\n'); i >= 0 {
		tail = tail[i+1:]
	}
	return head + "\n" + tail
}

var ansi = regexp.MustCompile("\x1b(?:\\[[0-9;:?]*[ -/]*[@-~]|\\][^\x07\x1b]*(?:\x07|\x1b\\\\)?|[@-Z\\\\^_])")

// plainText removes colours, and bytes that are no text.
func plainText(s string) string {
	if strings.IndexByte(s, 0x1b) >= 0 {
		s = ansi.ReplaceAllString(s, "")
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	return strings.TrimRight(s, "\r\n")
}

// expand undoes the escapes of a trace that was written into one line, as often
// as it was wrapped: JSON in the JSON of a container's log.
func expand(s string, depth int) []string {
	if depth == 0 {
		return []string{s}
	}
	if escapeAt(s, strings.HasPrefix(s, "{")) < 0 {
		if i := strings.Index(s, `{"`); i >= 0 && (strings.Contains(s[i:], `":["`) || strings.Contains(s[i:], `": ["`)) {
			return append([]string{s[:i]}, values(s[i:])...)
		}
		return []string{s}
	}
	var out []string
	add := func(part string) {
		for l := range strings.Lines(part) {
			out = append(out, expand(unprefix(plainText(l)), depth-1)...)
		}
	}
	object := strings.HasPrefix(s, "{")
	for at := escapeAt(s, object); at >= 0; at = escapeAt(s, object) {
		before, value, rest := cutEscaped(s, at)
		if !object {
			add(before)
		}
		add(value)
		s = rest
	}
	if !object {
		add(s)
	}
	return out
}

// values are the quoted texts of an object, whose lists may be stacks.
func values(s string) []string {
	var out []string
	for {
		i := strings.IndexByte(s, '"')
		if i < 0 {
			return out
		}
		v, n := unescape(s[i+1:], true)
		out = append(out, v)
		s = s[i+1+n:]
	}
}

// breakBefore is what follows an escaped line break in a trace. In C:\new.cs it
// is a letter.
var breakBefore = []string{" ", "\t", `\t`, `\n`, `\\t`, `\\n`, "#", "/", `"`, `\"`, "goroutine ", "Caused by: ", "Traceback ", "Stack trace:", "stack backtrace:", "from "}

// escapeAt finds the first escaped line break of a line: any in JSON, where a
// backslash is never alone, and elsewhere one before what a trace goes on with.
func escapeAt(s string, object bool) int {
	for i := 0; i+1 < len(s); i++ {
		n := strings.IndexByte(s[i:], '\\')
		if n < 0 || i+n+1 >= len(s) {
			return -1
		}
		i += n
		after := s[i+2:]
		switch {
		case s[i+1] != 'n':
			if object {
				i++
			}
		case object, isPackageLine(after), slices.ContainsFunc(breakBefore, func(p string) bool { return strings.HasPrefix(after, p) }):
			return i
		}
	}
	return -1
}

// isPackageLine reports whether a function of Go without space before it is
// followed by its file.
func isPackageLine(s string) bool {
	head := s[:min(len(s), 300)]
	i := strings.Index(head, `\n`)
	return i > 0 && strings.HasPrefix(head[i:], `\n\t`) && !strings.ContainsAny(head[:i], " \"")
}

// cutEscaped splits a line around the first value with escaped line breaks: the
// quoted value, or the whole line when nothing quotes it.
func cutEscaped(s string, at int) (before, value, rest string) {
	start := at
	for start > 0 && (s[start-1] != '"' || start > 1 && s[start-2] == '\\') {
		start--
	}
	if start == 0 {
		v, _ := unescape(s, false)
		return "", v, ""
	}
	v, n := unescape(s[start:], true)
	return strings.TrimRight(s[:start-1], " "), v, s[start+n:]
}

// unescape decodes up to an unescaped quote, or to the end when nothing quotes,
// and tells how many bytes it read.
func unescape(s string, quoted bool) (string, int) {
	var b strings.Builder
	i := 0
	for i < len(s) {
		c := s[i]
		if quoted && c == '"' {
			return b.String(), i + 1
		}
		if c != '\\' || i+1 == len(s) {
			b.WriteByte(c)
			i++
			continue
		}
		n := 2
		switch e := s[i+1]; e {
		case 'n':
			b.WriteByte('\n')
		case 'r':
		case 't':
			b.WriteByte('\t')
		case '"', '\\', '/', '\'':
			b.WriteByte(e)
		case 'u', 'x':
			digits := 4
			if e == 'x' {
				digits = 2
			}
			if r, ok := hexRune(s[i+2:], digits); ok {
				b.WriteRune(r)
				n += digits
				break
			}
			b.WriteByte('\\')
			b.WriteByte(e)
		default:
			b.WriteByte('\\')
			b.WriteByte(e)
		}
		i += n
	}
	return b.String(), i
}

func hexRune(s string, digits int) (rune, bool) {
	if len(s) < digits {
		return 0, false
	}
	n, err := strconv.ParseUint(s[:digits], 16, 32)
	return rune(n), err == nil
}
