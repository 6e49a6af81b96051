package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Personal text, the name of a person and what people wrote, is kept apart from
// the chain, which holds a commitment in its place. Deleting the text and its
// salt then breaks nothing, and what is left tells nothing.

// erasedMark begins a commitment: it is what a field says once its text is gone.
const erasedMark = "erased:"

// saltLen is the length of a salt: 128 random bits in lower-case hexadecimal.
const saltLen = 32

// ActionErase is the action of a record that says what was erased, in
// EraseParams.
const ActionErase = "audit.erase"

// MaxErased is the most records that one record of an erasure names.
const MaxErased = 5000

// EraseParams name the records whose text was erased.
type EraseParams struct {
	// Records are ranges of numbers, both ends included.
	Records [][2]int64 `json:"records"`
	Texts   int        `json:"texts"`
	// Incidents are those out of which a person was taken, with all that is
	// stored about them.
	Incidents []string `json:"incidents,omitempty"`
}

// paramPrefix names a top-level string of params: params.KEY.
const paramPrefix = "params."

// Text is a text that is kept apart.
type Text struct {
	Seq   int64
	Field string // actor | target | reason | outcome | params.KEY
	Salt  string
	Text  string
}

// Commitment is what stands in the chain for a text: "erased:" and the SHA-256,
// in lower-case hexadecimal, of salt, field and text, each of the first two
// followed by a line feed.
func Commitment(salt, field, text string) string {
	sum := sha256.Sum256([]byte(salt + "\n" + field + "\n" + text))
	return erasedMark + hex.EncodeToString(sum[:])
}

// IsErased reports whether a field stands as its commitment alone.
func IsErased(value string) bool {
	rest, ok := strings.CutPrefix(value, erasedMark)
	return ok && isHex(rest, hex.EncodedLen(sha256.Size))
}

func isHex(s string, n int) bool {
	return len(s) == n && strings.Trim(s, "0123456789abcdef") == ""
}

// Apart marks fields of r as kept apart, each with a salt of its own; empty and
// missing ones are left alone. A text that reads like a commitment is kept apart
// whether it is named or not, so that only what was erased reads like that.
func Apart(r Record, fields []string, salt func() string) (Record, error) {
	params, err := canonicalParams(r.Params)
	if err != nil {
		return r, fmt.Errorf("params: %w", err)
	}
	r.Params, r.Salts = params, nil
	for _, name := range append(slices.Clone(fields), lookalikes(r)...) {
		text, ok, err := get(r, name)
		if err != nil {
			return r, err
		}
		if !ok || text == "" || r.Salts[name] != "" {
			continue
		}
		if r, err = set(r, name, whole(text)); err != nil {
			return r, err
		}
		if r.Salts == nil {
			r.Salts = map[string]string{}
		}
		r.Salts[name] = salt()
	}
	return r, nil
}

// Texts are what r keeps apart, by field.
func (r Record) Texts() ([]Text, error) {
	var out []Text
	for _, name := range slices.Sorted(maps.Keys(r.Salts)) {
		text, ok, err := get(r, name)
		if err != nil || !ok {
			return nil, fmt.Errorf("audit record %d: no text in %s: %w", r.Seq, name, err)
		}
		out = append(out, Text{Seq: r.Seq, Field: name, Salt: r.Salts[name], Text: text})
	}
	return out, nil
}

// Committed is r with a commitment in place of each text that is kept apart: the
// form that the chain covers.
func Committed(r Record) (Record, error) {
	texts, err := r.Texts()
	if err != nil {
		return r, err
	}
	r.Salts = nil
	for _, t := range texts {
		if !isHex(t.Salt, saltLen) {
			return r, fmt.Errorf("audit record %d: the salt of %s is malformed", r.Seq, t.Field)
		}
		if r, err = set(r, t.Field, Commitment(t.Salt, t.Field, t.Text)); err != nil {
			return r, err
		}
	}
	return r, nil
}

// Filled is r, as it is stored, with the texts that are still there.
func Filled(r Record, texts []Text) (Record, error) {
	for _, t := range texts {
		now, ok, err := get(r, t.Field)
		if err == nil && (!ok || !IsErased(now)) {
			err = fmt.Errorf("no text of %s is kept apart", t.Field)
		}
		if err == nil {
			r, err = set(r, t.Field, t.Text)
		}
		if err != nil {
			return r, fmt.Errorf("audit record %d: %w", r.Seq, err)
		}
		if r.Salts == nil {
			r.Salts = map[string]string{}
		}
		r.Salts[t.Field] = t.Salt
	}
	return r, nil
}

// erased counts the fields of r whose text is gone.
func erased(r Record) int {
	n := 0
	for _, name := range lookalikes(r) {
		if _, there := r.Salts[name]; !there {
			n++
		}
	}
	return n
}

// lookalikes names the fields that read like a commitment.
func lookalikes(r Record) []string {
	var out []string
	for _, f := range []struct{ name, value string }{
		{"actor", r.Actor}, {"target", r.Target}, {"reason", r.Reason}, {"outcome", r.Outcome},
	} {
		if IsErased(f.value) {
			out = append(out, f.name)
		}
	}
	if !bytes.Contains(r.Params, []byte(erasedMark)) {
		return out
	}
	object, err := paramsOf(r)
	if err != nil {
		return out
	}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		if text, _ := stringOf(object[key]); IsErased(text) {
			out = append(out, paramPrefix+key)
		}
	}
	return out
}

func paramsOf(r Record) (map[string]json.RawMessage, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(r.Params, &object); err != nil {
		return nil, fmt.Errorf("params: %w", err)
	}
	return object, nil
}

// stringOf reads a JSON string; false when raw is none.
func stringOf(raw json.RawMessage) (string, bool) {
	var text *string
	err := json.Unmarshal(raw, &text)
	if err != nil || text == nil {
		return "", false
	}
	return *text, true
}

// plain returns the field of r that has a name of its own.
func plain(r *Record, name string) *string {
	switch name {
	case "actor":
		return &r.Actor
	case "target":
		return &r.Target
	case "reason":
		return &r.Reason
	case "outcome":
		return &r.Outcome
	}
	return nil
}

// get returns the text of a field that may be kept apart; false when params
// have no such string.
func get(r Record, name string) (string, bool, error) {
	if p := plain(&r, name); p != nil {
		return *p, true, nil
	}
	key, ok := strings.CutPrefix(name, paramPrefix)
	if !ok {
		return "", false, fmt.Errorf("%q can't be kept apart", name)
	}
	object, err := paramsOf(r)
	if err != nil {
		return "", false, err
	}
	text, ok := stringOf(object[key])
	return text, ok, nil
}

// set puts a text into a field that get finds.
func set(r Record, name, text string) (Record, error) {
	if p := plain(&r, name); p != nil {
		*p = text
		return r, nil
	}
	object, err := paramsOf(r)
	if err != nil {
		return r, err
	}
	if object[strings.TrimPrefix(name, paramPrefix)], err = canonical(text); err != nil {
		return r, err
	}
	raw, err := canonical(object)
	if err == nil {
		r.Params, err = canonicalParams(raw)
	}
	return r, err
}
