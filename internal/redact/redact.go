// Package redact knows what must not be stored or sent: secrets and personal
// data in text that comes from outside. Pure and safe for concurrent use.
//
// What is found is replaced by a mark in brackets that says what it was, so
// that a reader knows that something stood there. Redacting twice gives what
// redacting once gave. The rules look for shapes: a secret that has no shape
// and no telling name beside it is not found, which is why the patterns of an
// organisation can be added.
package redact

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// The marks that stand where something was taken out.
const (
	markSecret      = "[secret]"
	markToken       = "[token]"
	markPrivateKey  = "[private key]"
	markCredentials = "[credentials]"
	markEmail       = "[e-mail]"
	markCard        = "[card number]"
	markExtra       = "[redacted]"
)

// Redactor replaces secrets and personal data. Its zero value and nil apply
// the built-in rules.
type Redactor struct {
	extra []*regexp.Regexp
}

// New returns a redactor with the built-in rules and extra regular expressions
// (RE2); what one of them matches is replaced whole. All that do not compile,
// or match the empty string, are reported at once.
func New(extra ...string) (*Redactor, error) {
	r := &Redactor{}
	var bad []string
	for _, p := range extra {
		re, err := regexp.Compile(p)
		switch {
		case err != nil:
			bad = append(bad, err.Error())
		case re.MatchString(""):
			bad = append(bad, fmt.Sprintf("%q matches the empty string and would blank out everything", p))
		default:
			r.extra = append(r.extra, re)
		}
	}
	if bad != nil {
		return nil, fmt.Errorf("redaction patterns: %s", strings.Join(bad, "; "))
	}
	return r, nil
}

// String returns s with every secret replaced by its mark.
func (r *Redactor) String(s string) string {
	lower := strings.ToLower(s)
	for _, rule := range builtin {
		if !rule.may(s, lower) {
			continue
		}
		if clean := rule.apply(s); clean != s {
			s, lower = clean, strings.ToLower(clean)
		}
	}
	return r.own(s)
}

// own applies the patterns of the organisation.
func (r *Redactor) own(s string) string {
	if r == nil {
		return s
	}
	for _, re := range r.extra {
		s = outsideMarks(s, func(part string) string { return re.ReplaceAllLiteralString(part, markExtra) })
	}
	return s
}

// matches reports whether one of the patterns of the organisation is left in a
// text.
func (r *Redactor) matches(b []byte) bool {
	return r != nil && len(r.extra) > 0 && r.own(string(b)) != string(b)
}

// Field returns value redacted, knowing the name under which it stands: under
// a name such as "password" the whole value goes.
func (r *Redactor) Field(name, value string) string {
	if value != "" && Sensitive(name) {
		return markSecret
	}
	return r.Text(value)
}

// Map returns a copy of m with keys and values redacted; nil stays nil.
func (r *Redactor) Map(m map[string]string) map[string]string {
	if m == nil {
		return nil
	}
	out := make(map[string]string, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out[r.String(k)] = r.Field(k, m[k])
	}
	return out
}

// Sensitive reports whether what stands under a name is a secret by that name
// alone: password, client_secret, X-Api-Key, …
func Sensitive(name string) bool {
	lower := strings.ToLower(name)
	return (namesSecret(name, lower) || namesHeader(name, lower)) && sensitiveName.MatchString(name)
}

// ReplaceMarks returns a redacted text with something else where its marks stand:
// for readers to which whatever was taken out is one value like another.
func ReplaceMarks(s, with string) string {
	if strings.IndexByte(s, '[') < 0 {
		return s
	}
	return anyMark.ReplaceAllLiteralString(s, with)
}

// outsideMarks applies f to what lies between marks, so that no rule eats one.
func outsideMarks(s string, f func(string) string) string {
	found := anyMark.FindAllStringIndex(s, -1)
	if found == nil {
		return f(s)
	}
	var b strings.Builder
	at := 0
	for _, m := range found {
		b.WriteString(f(s[at:m[0]]))
		b.WriteString(s[m[0]:m[1]])
		at = m[1]
	}
	b.WriteString(f(s[at:]))
	return b.String()
}
