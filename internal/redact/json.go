package redact

import (
	"bytes"
	"encoding/json"
)

// JSON returns a document with every string redacted (see Text), keys included, and with
// every value under a telling name (see Sensitive) replaced whole. Order,
// numbers and white space stay as they are. What is no JSON becomes a JSON
// string of the redacted text.
func (r *Redactor) JSON(b json.RawMessage) json.RawMessage {
	if len(b) == 0 {
		return b
	}
	if !json.Valid(b) {
		return quote(r.String(string(b)))
	}
	w := walker{r: r, in: b}
	w.value(false)
	w.out.Write(w.in[w.at:])
	return w.out.Bytes()
}

// walker copies a valid document and replaces strings on its way.
type walker struct {
	r   *Redactor
	in  []byte
	at  int
	out bytes.Buffer
}

// value copies one value; hidden says that a telling name stands above it.
func (w *walker) value(hidden bool) {
	w.space()
	switch w.in[w.at] {
	case '{':
		w.members('}', func() {
			name := w.string()
			w.out.Write(quote(w.r.String(name)))
			w.space()
			w.copyByte() // the colon
			w.value(hidden || Sensitive(name))
		})
	case '[':
		w.members(']', func() { w.value(hidden) })
	case '"':
		s := w.string()
		if hidden && s != "" {
			w.out.Write(quote(markSecret))
		} else {
			w.out.Write(quote(w.r.Text(s)))
		}
	default:
		w.literal(hidden)
	}
}

// members copies what stands between brackets.
func (w *walker) members(end byte, one func()) {
	w.copyByte()
	for {
		w.space()
		switch w.in[w.at] {
		case end:
			w.copyByte()
			return
		case ',':
			w.copyByte()
		default:
			one()
		}
	}
}

// literal copies a number, true, false or null; a hidden number goes.
func (w *walker) literal(hidden bool) {
	from := w.at
	for w.at < len(w.in) && !bytes.ContainsRune([]byte(",]} \t\r\n"), rune(w.in[w.at])) {
		w.at++
	}
	text := w.in[from:w.at]
	if c := text[0]; hidden && (c == '-' || c >= '0' && c <= '9') {
		text = quote(markSecret)
	}
	w.out.Write(text)
}

// string reads the string at the current place.
func (w *walker) string() string {
	from := w.at
	for w.at++; w.in[w.at] != '"'; w.at++ {
		if w.in[w.at] == '\\' {
			w.at++
		}
	}
	w.at++
	var s string
	_ = json.Unmarshal(w.in[from:w.at], &s) // the document is valid
	return s
}

func (w *walker) space() {
	for w.at < len(w.in) && bytes.ContainsRune([]byte(" \t\r\n"), rune(w.in[w.at])) {
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
