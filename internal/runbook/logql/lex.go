package logql

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/prometheus/common/model"
)

// kind of a token.
type kind int

const (
	end kind = iota
	word
	text
	number
	duration
	size // bytes with a unit
	span // [5m]
	flag // --strict
	sign // operators and brackets
)

// token is one part of a query; text is what it stands for: a string without its
// quotes, a span without its brackets.
type token struct {
	kind kind
	text string
	at   int // byte offset
}

// signs, the longest first.
var signs = []string{
	"|=", "|~", "|>", "!=", "!~", "!>", "=~", "==", ">=", "<=",
	"{", "}", "(", ")", ",", "=", "|", ">", "<", "+", "-", "*", "/", "%", "^", "@",
}

var (
	numberRE = regexp.MustCompile(`^(?:0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)`)
	unitRE   = regexp.MustCompile(`^[a-zA-Zµμ0-9.]+`)
	flagRE   = regexp.MustCompile(`^--[a-zA-Z]+(?:-[a-zA-Z]+)*`)
	octalRE  = regexp.MustCompile(`^0[0-9_]*[89][0-9_]*$`) // begins like an octal number and is none
	sizeRE   = regexp.MustCompile(`^(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:B|[kKMGT]i?B?)$`)
)

// longestNumber bounds what a number or a flag is looked for in: an expression
// over the whole rest would cost its length for each token.
const longestNumber = 200

func wordByte(c byte, digits bool) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || digits && c >= '0' && c <= '9'
}

// lex splits a query into tokens; the last is end.
func lex(q string) ([]token, *Error) {
	var out []token
	for i := 0; i < len(q); {
		rest := q[i:]
		r, n := utf8.DecodeRuneInString(rest)
		switch {
		case r == utf8.RuneError && n == 1:
			return nil, &Error{At: i, What: "not UTF-8"}
		case unicode.IsSpace(r):
			i += n
		case r == '#':
			line := strings.IndexByte(rest, '\n')
			if line < 0 {
				line = len(rest)
			}
			i += line
		default:
			t, length, err := one(rest)
			if err != nil {
				err.At += i
				return nil, err
			}
			t.at = i
			out = append(out, t)
			i += length
		}
	}
	return append(out, token{kind: end, at: len(q)}), nil
}

// one is the token that s begins with, and its length.
func one(s string) (token, int, *Error) {
	switch c := s[0]; {
	case c == '"' || c == '`':
		return quoted(s)
	case c == '[':
		return bracketed(s)
	case c >= '0' && c <= '9' || c == '.' && len(s) > 1 && s[1] >= '0' && s[1] <= '9':
		return numeric(s)
	}
	if m := flagRE.FindString(s[:min(len(s), longestNumber)]); m != "" {
		return token{kind: flag, text: m}, len(m), nil
	}
	n := 0
	for n < len(s) && wordByte(s[n], n > 0) {
		n++
	}
	if n > 0 {
		return token{kind: word, text: s[:n]}, n, nil
	}
	for _, op := range signs {
		if strings.HasPrefix(s, op) {
			return token{kind: sign, text: op}, len(op), nil
		}
	}
	r, _ := utf8.DecodeRuneInString(s)
	return token{}, 0, &Error{What: fmt.Sprintf("unexpected %q", r)}
}

func quoted(s string) (token, int, *Error) {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && s[0] == '"':
			i++
		case s[i] == '\n' && s[0] == '"':
			return token{}, 0, &Error{What: "the quote is not closed on its line"}
		case s[i] == s[0]:
			value, err := strconv.Unquote(s[:i+1])
			if err != nil {
				return token{}, 0, &Error{What: fmt.Sprintf("not a quoted text: %.40s", s[:i+1])}
			}
			return token{kind: text, text: value}, i + 1, nil
		}
	}
	return token{}, 0, &Error{What: "the quote is not closed"}
}

func bracketed(s string) (token, int, *Error) {
	i := strings.IndexByte(s, ']')
	if i < 0 {
		return token{}, 0, &Error{What: "[ is not closed"}
	}
	inner := s[1:i]
	if _, err := model.ParseDuration(inner); err != nil {
		return token{}, 0, &Error{What: fmt.Sprintf("[%.20s] is not a range such as [5m]", inner)}
	}
	return token{kind: span, text: inner}, i + 1, nil
}

// numeric is a number, a duration or a size.
func numeric(s string) (token, int, *Error) {
	s = s[:min(len(s), longestNumber)]
	m := numberRE.FindString(s)
	whole := unitRE.FindString(s)
	if len(whole) > len(m) || m == "" {
		switch _, err := model.ParseDuration(whole); {
		case err == nil, isGoDuration(whole):
			return token{kind: duration, text: whole}, len(whole), nil
		case sizeRE.MatchString(whole):
			return token{kind: size, text: whole}, len(whole), nil
		}
	}
	if m == "" || len(whole) > len(m) && strings.IndexByte("bBeEpP", whole[len(m)]) >= 0 { // of a number that is written wrongly
		return token{}, 0, &Error{What: fmt.Sprintf("%.20s is not a number", whole)}
	}
	if _, err := strconv.ParseFloat(m, 64); (err != nil && !hexadecimal(m)) || octalRE.MatchString(m) {
		return token{}, 0, &Error{What: fmt.Sprintf("%.20s is not a number", m)}
	}
	return token{kind: number, text: m}, len(m), nil
}

func isGoDuration(s string) bool {
	_, err := time.ParseDuration(s)
	return err == nil
}

func hexadecimal(s string) bool {
	_, err := strconv.ParseInt(s, 0, 64)
	return err == nil
}
