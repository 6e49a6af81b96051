package template

import "bytes"

// maxNested bounds how many messages are looked for inside each other: a
// container runtime wraps lines of JSON in JSON.
const maxNested = 3

// Message returns the message of a structured line: of a JSON object, possibly
// behind a time, the string field that holds it, of a logfmt line msg or
// message. Any other line is its own message. The result may share memory with
// line.
func Message(line []byte) []byte {
	for range maxNested {
		inner, ok := jsonMessage(line)
		if !ok {
			break
		}
		line = inner
	}
	if m, ok := logfmtMessage(line); ok {
		return m
	}
	return line
}

// messageRank orders the names of fields that hold a message, best first; 0 is
// none of them.
func messageRank(name []byte) int {
	if len(name) > 16 {
		return 0
	}
	l := lower(name)
	switch string(l.bytes()) {
	case "msg", "message", "@message", "short_message":
		return 3
	case "log", "body":
		return 2
	case "event", "text":
		return 1
	}
	return 0
}

// jsonMessage reads the fields of one JSON object as far as it is one; what is
// cut off or broken counts up to there.
func jsonMessage(line []byte) (message []byte, ok bool) {
	r := jsonReader{line[ObjectStart(line):min(len(line), maxObject)], 0}
	if !r.next('{') {
		return nil, false
	}
	best := 0
	for {
		name, isText := r.text()
		if !isText || !r.next(':') {
			break
		}
		r.blanks()
		if value, isText := r.text(); isText {
			if rank := messageRank(name); rank > best {
				best, message = rank, value
			}
		} else if !r.skip() {
			break
		}
		if !r.next(',') {
			break
		}
	}
	if best == 0 {
		return nil, false
	}
	return unescaped(message), true
}

// ObjectStart returns where the JSON object of a line begins when nothing but a
// time or a number stands before it; 0 otherwise.
func ObjectStart(line []byte) int {
	for i, c := range line[:min(len(line), maxStamp)] {
		switch {
		case c == '{':
			return i
		case classes[c] == letter && c != 'T' && c != 'Z', c == '"', c == '=':
			return 0
		}
	}
	return 0
}

// maxStamp bounds the time before an object.
const maxStamp = 48

// maxObject bounds how far into a line a message is looked for.
const maxObject = 64 << 10

// jsonReader walks over the bytes of a JSON text.
type jsonReader struct {
	b []byte
	i int
}

func (r *jsonReader) blanks() {
	for r.i < len(r.b) && (r.b[r.i] == ' ' || r.b[r.i] == '\t' || r.b[r.i] == '\n' || r.b[r.i] == '\r') {
		r.i++
	}
}

// next steps over one mark, and reports whether it was there.
func (r *jsonReader) next(c byte) bool {
	r.blanks()
	if r.i >= len(r.b) || r.b[r.i] != c {
		return false
	}
	r.i++
	return true
}

// text reads a string as it is written, without its quotes.
func (r *jsonReader) text() (s []byte, ok bool) {
	if !r.next('"') {
		return nil, false
	}
	start := r.i
	for ; r.i < len(r.b); r.i++ {
		switch r.b[r.i] {
		case '\\':
			r.i++
		case '"':
			s = r.b[start:r.i]
			r.i++
			return s, true
		}
	}
	r.i = len(r.b)
	return r.b[start:], true // cut off
}

// skip steps over a value that is no string.
func (r *jsonReader) skip() bool {
	for depth := 0; r.i < len(r.b); r.i++ {
		switch r.b[r.i] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return true
			}
			depth--
		case ',':
			if depth == 0 {
				return true
			}
		case '"':
			r.text() //nolint:errcheck // stepped over
			r.i--
		}
	}
	return false
}

// unescaped resolves the escapes of a JSON string; those of characters beyond
// ASCII stay as they are.
func unescaped(s []byte) []byte {
	if bytes.IndexByte(s, '\\') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '\\' && i+1 < len(s) {
			switch s[i+1] {
			case 'n', 't', 'r', 'b', 'f':
				c, i = ' ', i+1
			case '"', '\\', '/':
				c, i = s[i+1], i+1
			}
		}
		out = append(out, c)
	}
	return out
}

// logfmtMessage finds msg= or message= in a line that begins with key=value.
func logfmtMessage(line []byte) (message []byte, ok bool) {
	if !beginsWithKey(line) {
		return nil, false
	}
	for rest := line[:min(len(line), maxObject)]; len(rest) > 0; {
		eq := bytes.IndexByte(rest, '=')
		if eq < 0 {
			return nil, false
		}
		name := rest[bytes.LastIndexByte(rest[:eq], ' ')+1 : eq]
		value, after := logfmtValue(rest[eq+1:])
		if messageRank(name) == 3 {
			return unescaped(value), true
		}
		rest = after
	}
	return nil, false
}

// beginsWithKey reports whether the first thing on a line is a key and its "=".
func beginsWithKey(line []byte) bool {
	for i, c := range line {
		if c == '=' {
			return i > 0
		}
		if k := classes[c]; k != letter && k != digit && c != '_' && c != '.' && c != '-' && c != '@' {
			return false
		}
	}
	return false
}

// logfmtValue cuts off the first value: in quotes, or up to a blank.
func logfmtValue(b []byte) (value, after []byte) {
	if len(b) > 0 && b[0] == '"' {
		r := jsonReader{b, 0}
		value, _ = r.text()
		return value, b[r.i:]
	}
	if end := bytes.IndexByte(b, ' '); end >= 0 {
		return b[:end], b[end:]
	}
	return b, nil
}
