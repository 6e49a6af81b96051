package redact

import "strings"

// Text is String for a text in which JSON may stand, as in a line of a log: the
// names of its fields tell what is secret, whatever the form of the value
// (see JSON), also where a document is cut off. Of an object or a list behind a
// telling name that can't be read to its end the rest of the line goes.
func (r *Redactor) Text(s string) string {
	var out strings.Builder
	from := 0
	for {
		at, named := nextDocument(s, from)
		if at < 0 {
			break
		}
		end := at
		if named { // its value stands behind the quotes, and is no empty one between them
			end = from + len(strings.TrimRight(s[from:at], assigns))
		}
		out.WriteString(r.String(s[from:end]) + s[end:at])
		w := newWalker(r, s, at)
		w.text = true
		whole := w.value(named)
		switch done := w.out.Bytes(); {
		case named:
			out.WriteString(markSecret)
			from = w.at
			if !whole {
				from = hiddenEnd(s, at, w.at)
			}
			from += rest(s[from:])
		case whole:
			out.Write(done)
			from = w.at
		case w.hiddenAt >= 0:
			out.Write(done[:w.hiddenAt])
			out.WriteString(markSecret)
			from = w.at + lineLength(s[w.at:])
		default:
			out.Write(done[:w.keptOut])
			from = max(w.keptIn, at+1)
			if w.keptIn == at {
				out.WriteByte(s[at])
			}
		}
	}
	out.WriteString(r.String(s[from:]))
	return r.own(out.String())
}

// nextDocument returns where what looks like an object begins, or anything in
// brackets behind a telling name; named says that such a name stands before it.
// at is -1 when there is none.
func nextDocument(s string, from int) (at int, named bool) {
	for at = from; at < len(s); at++ {
		if s[at] != '{' && s[at] != '[' {
			continue
		}
		quoted := strings.HasPrefix(strings.TrimLeft(s[at+1:min(len(s), at+maxGap)], blanks+`\`), `"`)
		before := strings.TrimRight(s[max(0, at-maxGap):at], blanks)
		assigned := strings.TrimRight(before, ":=>") != before && markAt(s[at:]) == ""
		if !quoted && !assigned {
			continue
		}
		named = Sensitive(strings.TrimRight(before, assigns))
		if named || quoted && s[at] == '{' {
			return at, named
		}
	}
	return -1, false
}

// assigns may stand between a name and its value.
const assigns = blanks + ":=>\"'\\"

// maxGap bounds how far a bracket is from the name before it and from the quote
// behind it.
const maxGap = 64

// hiddenEnd returns where a value in brackets ends that begins at at and could be
// read as JSON up to broken: with its bracket where nothing in it is quoted, as
// Go prints lists, else with its line.
func hiddenEnd(s string, at, broken int) int {
	depth := 0
	for i := at; i < len(s); i++ {
		switch s[i] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		case '"', '\'', '\\', '\n':
			return max(i, broken) + lineLength(s[max(i, broken):])
		}
	}
	return len(s)
}

// rest is how much of a text still belongs to the value that ends before it, as
// it does for String; brackets may be those around.
func rest(s string) int {
	n := strings.IndexAny(s, blanks+"\"'&;,<>")
	if n < 0 {
		n = len(s)
	}
	if strings.Trim(s[:n], closing) == "" {
		return 0
	}
	return n
}

func lineLength(s string) int {
	if n := strings.IndexByte(s, '\n'); n >= 0 {
		return n
	}
	return len(s)
}
