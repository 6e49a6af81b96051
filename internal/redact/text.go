package redact

import (
	"encoding/json"
	"strings"
)

// maxBroken is how many brackets of a text may turn out to begin no JSON before
// no more are tried.
const maxBroken = 16

// Text is String for a text in which JSON may stand, as in a line of a log: the
// names of its fields tell what is secret, whatever the form of the value
// (see JSON). An object or a list behind a telling name that is cut off or
// escaped goes with the rest of its line.
func (r *Redactor) Text(s string) string {
	var out strings.Builder
	from := 0
	for broken := 0; broken < maxBroken; {
		at, named := nextDocument(s, from)
		if at < 0 {
			break
		}
		d := json.NewDecoder(strings.NewReader(s[at:]))
		var doc json.RawMessage
		switch err := d.Decode(&doc); {
		case named:
			out.WriteString(r.String(s[from:at]) + markSecret)
			from = at + int(d.InputOffset())
			if err != nil {
				from = at + lineLength(s[at:])
			}
		case err == nil:
			out.WriteString(r.String(s[from:at]))
			out.Write(r.JSON(doc))
			from = at + int(d.InputOffset())
		default:
			out.WriteString(r.String(s[from:at]) + s[at:at+1])
			from, broken = at+1, broken+1
		}
	}
	out.WriteString(r.String(s[from:]))
	return out.String()
}

// nextDocument returns where what looks like an object begins, or like a list
// behind a telling name; named says that such a name stands before it. at is -1
// when there is none.
func nextDocument(s string, from int) (at int, named bool) {
	for at = from; at < len(s); at++ {
		if s[at] != '{' && s[at] != '[' || !strings.HasPrefix(strings.TrimLeft(s[at+1:min(len(s), at+maxGap)], " \t\r\n\\"), `"`) {
			continue
		}
		named = Sensitive(strings.TrimRight(s[max(0, at-maxGap):at], " \t\r\n:=>\"'\\"))
		if named || s[at] == '{' {
			return at, named
		}
	}
	return -1, false
}

// maxGap bounds how far a bracket is from the name before it and from the quote
// behind it.
const maxGap = 64

func lineLength(s string) int {
	if n := strings.IndexByte(s, '\n'); n >= 0 {
		return n
	}
	return len(s)
}
