package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"
)

// TimeLayout is how At is written in the canonical form: UTC, always three
// digits of milliseconds.
const TimeLayout = "2006-01-02T15:04:05.000Z"

// Seal puts a record, whose Seq is set, behind the one whose hash is prev (""
// for the first) and fills Prev and Hash. It brings At to whole milliseconds of
// UTC and Params to canonical JSON, so that the record hashes the same after a
// trip through any store or file. Params that are not a JSON object are an
// error; none become {}.
//
// Hash is the SHA-256, in lower-case hexadecimal, of the canonical form: one
// JSON object without spaces, of the fields seq, at, actor, action, target,
// reason, params, outcome, incident, boundary_sha256, runbook_sha256, prev in
// this order; at as TimeLayout; the keys inside params sorted by their bytes,
// its numbers as they were written; and in strings only quotes, backslashes,
// control characters (\b \f \n \r \t, others as \u00xx), U+2028 and U+2029
// (\u2028, \u2029) are escaped. What is not UTF-8 becomes U+FFFD, as it would in
// JSON. A field that Salts names stands in it as its Commitment.
func Seal(prev string, r Record) (Record, error) {
	params, err := canonicalParams(r.Params)
	if err != nil {
		return r, fmt.Errorf("audit record %d: params: %w", r.Seq, err)
	}
	r.Params = params
	r.At = r.At.UTC().Truncate(time.Millisecond)
	for _, s := range []*string{&r.Actor, &r.Action, &r.Target, &r.Reason, &r.Outcome, &r.Incident, &r.BoundarySHA256, &r.RunbookSHA256} {
		*s = whole(*s)
	}
	r.Prev = prev
	form, err := Committed(r)
	if err != nil {
		return r, err
	}
	r.Hash, err = hash(form)
	return r, err
}

// follows says what is wrong with a record behind another (nil = none was
// seen); empty when it holds.
func follows(before *Record, r Record) string {
	switch {
	case r.Seq < 1:
		return "its number must be 1 or more"
	case r.Seq == 1 && r.Prev != "":
		return "it is the first but names one before it"
	case before != nil && r.Seq != before.Seq+1:
		return fmt.Sprintf("it follows record %d: records are missing or out of order", before.Seq)
	case before != nil && before.Hash != "" && r.Prev != before.Hash:
		return fmt.Sprintf("it does not continue record %d", before.Seq)
	}
	return intact(r)
}

// intact says what is wrong with a record by itself.
func intact(r Record) string {
	sealed, err := Seal(r.Prev, r)
	if err != nil {
		return "its params or salts are malformed"
	}
	if sealed.Hash != r.Hash {
		return "its content does not match its hash"
	}
	return ""
}

// chained is what the hash of a record covers, in this order.
type chained struct {
	Seq            int64           `json:"seq"`
	At             string          `json:"at"`
	Actor          string          `json:"actor"`
	Action         string          `json:"action"`
	Target         string          `json:"target"`
	Reason         string          `json:"reason"`
	Params         json.RawMessage `json:"params"`
	Outcome        string          `json:"outcome"`
	Incident       string          `json:"incident"`
	BoundarySHA256 string          `json:"boundary_sha256"`
	RunbookSHA256  string          `json:"runbook_sha256"`
	Prev           string          `json:"prev"`
}

func chainedOf(r Record) chained {
	return chained{
		r.Seq, r.At.UTC().Format(TimeLayout), r.Actor, r.Action, r.Target, r.Reason, r.Params,
		r.Outcome, r.Incident, r.BoundarySHA256, r.RunbookSHA256, r.Prev,
	}
}

func hash(r Record) (string, error) {
	form, err := canonical(chainedOf(r))
	if err != nil {
		return "", fmt.Errorf("audit record %d: %w", r.Seq, err)
	}
	sum := sha256.Sum256(form)
	return hex.EncodeToString(sum[:]), nil
}

// whole is s with U+FFFD for each byte that is not UTF-8.
func whole(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}

func canonicalParams(raw json.RawMessage) (json.RawMessage, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return json.RawMessage("{}"), nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var object map[string]any
	if err := dec.Decode(&object); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON value")
	}
	if object == nil { // null
		return json.RawMessage("{}"), nil
	}
	return canonical(object)
}

// canonical encodes maps with sorted keys and without escaping for HTML.
func canonical(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
