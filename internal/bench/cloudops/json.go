package cloudops

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// cursor reads a snapshot: JSON that is nearly all text, key by key in the order
// of the file and as far as it goes. It reads objects and plain text itself, in
// a third of the time; the rest is left to encoding/json.
type cursor struct {
	b  []byte
	at int // the next byte
}

// errShape reports a value of another shape, read to its end.
var errShape = errors.New("want an object")

// misshapen reports whether a value was read and has another shape than wanted.
func misshapen(err error) bool {
	var shape *json.UnmarshalTypeError
	return errors.As(err, &shape) || errors.Is(err, errShape)
}

// object calls read for each key of an object, with c before its value.
func (c *cursor) object(read func(key string) error) error {
	if c.peek() != '{' {
		var other json.RawMessage
		if err := c.decode(&other); err != nil {
			return err
		}
		return errShape
	}
	c.at++
	if c.peek() == '}' {
		c.at++
		return nil
	}
	for {
		if err := c.entry(read); err != nil {
			return err
		}
		switch c.peek() {
		case ',':
			c.at++
		case '}':
			c.at++
			return nil
		default:
			return c.unexpected("a comma or the end of an object")
		}
	}
}

// entry reads one key, its colon and, by read, its value.
func (c *cursor) entry(read func(key string) error) error {
	if c.peek() != '"' {
		return c.unexpected("a key")
	}
	var key string
	if err := c.decode(&key); err != nil {
		return err
	}
	if c.peek() != ':' {
		return c.unexpected("a colon")
	}
	c.at++
	return read(key)
}

func (c *cursor) unexpected(want string) error {
	if c.at >= len(c.b) {
		return fmt.Errorf("want %s, and the text ends", want)
	}
	return fmt.Errorf("want %s, not %q", want, c.b[c.at])
}

// peek skips white space and returns the next byte; 0 at the end.
func (c *cursor) peek() byte {
	for ; c.at < len(c.b); c.at++ {
		switch c.b[c.at] {
		case ' ', '\t', '\r', '\n':
		default:
			return c.b[c.at]
		}
	}
	return 0
}

// decode reads the next value.
func (c *cursor) decode(v any) error {
	if s, ok := v.(*string); ok {
		if text, ok := c.plain(); ok {
			*s = text
			return nil
		}
	}
	dec := json.NewDecoder(bytes.NewReader(c.b[c.at:]))
	err := dec.Decode(v)
	c.at += int(dec.InputOffset())
	if err != nil {
		return fmt.Errorf("not readable: %w", err)
	}
	return nil
}

// plain reads a text of valid characters without numeric escapes; where there is
// anything else, it reads nothing.
func (c *cursor) plain() (string, bool) {
	if c.peek() != '"' {
		return "", false
	}
	for end := c.at + 1; end < len(c.b); end++ {
		switch ch := c.b[end]; {
		case ch == '"':
			text, ok := unescape(c.b[c.at+1 : end])
			if ok {
				c.at = end + 1
			}
			return text, ok
		case ch == '\\':
			end++
		case ch < ' ':
			return "", false
		}
	}
	return "", false
}

func unescape(b []byte) (string, bool) {
	if !utf8.Valid(b) {
		return "", false
	}
	var out strings.Builder
	out.Grow(len(b))
	for {
		i := bytes.IndexByte(b, '\\')
		if i < 0 {
			out.Write(b)
			return out.String(), true
		}
		out.Write(b[:i])
		at := strings.IndexByte(`"\/nrtbf`, b[i+1])
		if at < 0 {
			return "", false
		}
		out.WriteByte("\"\\/\n\r\t\b\f"[at])
		b = b[i+2:]
	}
}
