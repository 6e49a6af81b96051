package redact

import (
	"bytes"
	"encoding/json"
	"strings"
)

// JSON returns a document with every string redacted (see Text), keys included, and with
// every value under a telling name (see Sensitive) replaced whole. Order,
// numbers and white space stay as they are: who reads the document by a schema
// still can. What is no JSON becomes a JSON string of the redacted text.
func (r *Redactor) JSON(b json.RawMessage) json.RawMessage {
	if len(b) == 0 {
		return b
	}
	if !json.Valid(b) {
		return quote(r.Text(string(b)))
	}
	w := newWalker(r, string(b), 0)
	w.value(false)
	w.out.WriteString(w.in[w.at:])
	return w.out.Bytes()
}

// walker copies a document and replaces strings on its way, once from left to
// right. It stops where the text is no JSON any more.
type walker struct {
	r  *Redactor
	in string
	at int
	// text says that the document is part of a text: nobody reads its numbers by a
	// schema, and they are redacted like the digits of any text.
	text  bool
	depth int
	out   bytes.Buffer
	// keptIn and keptOut are up to where the document is surely one: the rest may
	// be read as text, names and values together.
	keptIn, keptOut int
	// hiddenAt is where in out a value begins that a telling name hides; -1 = none.
	hiddenAt int
}

func newWalker(r *Redactor, in string, at int) *walker {
	return &walker{r: r, in: in, at: at, keptIn: at, hiddenAt: -1}
}

// maxDepth is how many brackets may be open, as in encoding/json.
const maxDepth = 10_000

// value copies one value; hidden says that a telling name stands above it. It
// reports whether there is one.
func (w *walker) value(hidden bool) bool {
	w.space()
	if hidden && w.hiddenAt < 0 {
		w.hiddenAt = w.out.Len()
		if !w.anyValue(hidden) {
			return false
		}
		w.hiddenAt = -1
		return true
	}
	return w.anyValue(hidden)
}

func (w *walker) anyValue(hidden bool) bool {
	switch w.peek() {
	case '{':
		named := ""
		return w.members('}', func() bool { return w.member(hidden, &named) })
	case '[':
		if n := len(markAt(w.in[w.at:])); n > 0 { // it was redacted before
			w.out.WriteString(w.in[w.at : w.at+n])
			w.at += n
			return true
		}
		return w.members(']', func() bool { return w.value(hidden) })
	case '"':
		s, ok := w.string()
		switch {
		case !ok:
			return false
		case hidden && s != "":
			w.out.Write(quote(markSecret))
		default:
			w.out.Write(quote(w.r.Text(s)))
		}
		return true
	}
	return w.literal(hidden)
}

// markAt returns the mark with which a text begins.
func markAt(s string) string {
	s = s[:min(len(s), len(markPrivateKey)+len(markCredentials))]
	if m := anyMark.FindStringIndex(s); m != nil && m[0] == 0 {
		return s[:m[1]]
	}
	return ""
}

// member copies one member of an object. named is what the object says it is the
// value of, as in {"name": "DB_PASSWORD", "value": …}.
func (w *walker) member(hidden bool, named *string) bool {
	from := w.out.Len()
	name, ok := w.string()
	if !ok {
		return false
	}
	colon := w.at + len(w.in[w.at:]) - len(strings.TrimLeft(w.in[w.at:], blanks))
	if colon == len(w.in) || w.in[colon] != ':' {
		return false
	}
	w.out.Write(quote(w.r.String(name)))
	w.out.WriteString(w.in[w.at : colon+1])
	w.at = colon + 1
	w.space()
	c, at, value := w.peek(), w.at, w.out.Len()
	secret := Sensitive(name) || c == '"' && namesValue(name) && Sensitive(*named)
	if secret { // read as text, the value would stand alone
		defer w.keep()
	}
	if !w.value(hidden || secret) {
		return false
	}
	switch {
	case c == '"' && namesName(name):
		_ = json.Unmarshal([]byte(w.in[at:w.at]), named) // it was read already
	case c == '{', c == '[', c != '"' && !w.text:
		return true
	}
	if w.r.matches(w.out.Bytes()[from:]) {
		w.out.Truncate(value)
		w.out.Write(quote(markExtra))
	}
	return true
}

// namesName and namesValue are how lists of variables and headers are written.
func namesName(s string) bool  { return strings.EqualFold(s, "name") || strings.EqualFold(s, "key") }
func namesValue(s string) bool { return strings.EqualFold(s, "value") }

// members copies what stands between brackets.
func (w *walker) members(end byte, one func() bool) bool {
	if w.depth++; w.depth > maxDepth {
		return false
	}
	w.copyByte()
	for first := true; ; first = false {
		w.space()
		switch c := w.peek(); {
		case c == end:
			w.depth--
			w.copyByte()
			w.keep()
			return true
		case first:
		case c == ',':
			w.copyByte()
			w.space()
		default:
			return false
		}
		w.keep()
		if !one() {
			return false
		}
	}
}

// keep notes that the document is one up to here.
func (w *walker) keep() { w.keptIn, w.keptOut = w.at, w.out.Len() }

// literal copies a number, true, false or null; a hidden number goes, and in a
// text what String takes for more than a number.
func (w *walker) literal(hidden bool) bool {
	from := w.at
	for w.at < len(w.in) && (wordByte(w.in[w.at]) || strings.IndexByte("+-.", w.in[w.at]) >= 0) {
		w.at++
	}
	text := w.in[from:w.at]
	if text == "" || !json.Valid([]byte(text)) {
		return false
	}
	switch number := text[0] == '-' || text[0] <= '9'; {
	case number && hidden:
		text = string(quote(markSecret))
	case number && w.text:
		if clean := w.r.String(text); clean != text {
			text = string(quote(clean))
		}
	}
	w.out.WriteString(text)
	return true
}

// string reads the string at the current place. It ends with its line.
func (w *walker) string() (s string, ok bool) {
	if w.peek() != '"' {
		return "", false
	}
	from := w.at
	for w.at++; ; w.at++ {
		switch c := w.peek(); {
		case c < ' ': // or the end
			return "", false
		case c == '\\':
			w.at++
		case c == '"':
			w.at++
			return s, json.Unmarshal([]byte(w.in[from:w.at]), &s) == nil
		}
	}
}

const blanks = " \t\r\n"

// peek is the next byte; 0 at the end.
func (w *walker) peek() byte {
	if w.at < len(w.in) {
		return w.in[w.at]
	}
	return 0
}

func (w *walker) space() {
	for w.at < len(w.in) && strings.IndexByte(blanks, w.in[w.at]) >= 0 {
		w.copyByte()
	}
}

func (w *walker) copyByte() {
	w.out.WriteByte(w.in[w.at])
	w.at++
}

func quote(s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always encodes
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
