package audit

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Head is the end of a chain; the zero value is that of an empty one.
type Head struct {
	Seq  int64
	Hash string
}

// Why an anchor was made.
type Why string

// The reasons.
const (
	WhyNew       Why = "new"       // there are records since the last
	WhyHeartbeat Why = "heartbeat" // there are none
	WhyStart     Why = "start"     // of the server
	WhyStop      Why = "stop"      // of the server, as it was told to
)

// Anchor says, signed and kept outside the database, how far the chain went at
// a time. Prev is the hash of the line before it in the same file.
type Anchor struct {
	Head
	At   time.Time
	Why  Why
	Key  string // ID of the key
	Prev string // "" for the first
	Sig  string
}

// anchorLine is the form of a line; without Sig it is what is signed.
type anchorLine struct {
	Seq  int64  `json:"seq"`
	Hash string `json:"hash"`
	At   string `json:"at"`
	Why  Why    `json:"why"`
	Key  string `json:"key"`
	Prev string `json:"prev"`
	Sig  string `json:"sig,omitempty"`
}

// signedText begins what is signed, so that a signature means nothing elsewhere.
const signedText = "holdfast audit anchor v1\n"

// Sign fills Key and Sig of an anchor, and brings At to milliseconds of UTC.
func (k Key) Sign(a Anchor) (Anchor, error) {
	a.Key, a.At = k.id, a.At.UTC().Truncate(time.Millisecond)
	text, err := a.signed()
	if err != nil {
		return a, err
	}
	a.Sig = hex.EncodeToString(ed25519.Sign(k.private, text))
	return a, nil
}

func (a Anchor) signed() ([]byte, error) {
	a.Sig = ""
	line, err := a.Line()
	return append([]byte(signedText), line...), err
}

// Line is the anchor as one line of its file, without the line feed.
func (a Anchor) Line() ([]byte, error) {
	line, err := json.Marshal(anchorLine{
		Seq: a.Seq, Hash: a.Hash, At: a.At.UTC().Format(TimeLayout), Why: a.Why, Key: a.Key, Prev: a.Prev, Sig: a.Sig,
	})
	if err != nil {
		return nil, fmt.Errorf("anchor of record %d: %w", a.Seq, err)
	}
	return line, nil
}

// LineHash is what the next anchor names as Prev.
func LineHash(line []byte) string {
	sum := sha256.Sum256(line)
	return hex.EncodeToString(sum[:])
}

// ParseAnchor reads a line as Line writes it, byte for byte. It does not look at
// the signature.
func ParseAnchor(line []byte) (Anchor, error) {
	var l anchorLine
	if len(line) > maxAnchorLine || json.Unmarshal(line, &l) != nil {
		return Anchor{}, errors.New("not an anchor")
	}
	at, err := time.Parse(TimeLayout, l.At)
	if err != nil {
		return Anchor{}, errors.New("not an anchor: its time is malformed")
	}
	a := Anchor{Head: Head{l.Seq, l.Hash}, At: at, Why: l.Why, Key: l.Key, Prev: l.Prev, Sig: l.Sig}
	const digits = 2 * sha256.Size
	switch again, err := a.Line(); {
	case err != nil || !bytes.Equal(again, line):
		return Anchor{}, errors.New("not an anchor as one is written: spelling, order or an unknown field")
	case l.Seq < 0 || (l.Seq == 0) != (l.Hash == "") || l.Hash != "" && !isHex(l.Hash, digits):
		return Anchor{}, errors.New("not an anchor: no record has that number and hash")
	case l.Prev != "" && !isHex(l.Prev, digits):
		return Anchor{}, errors.New("not an anchor: prev is malformed")
	}
	switch a.Why {
	case WhyNew, WhyHeartbeat, WhyStart, WhyStop:
		return a, nil
	}
	return Anchor{}, errors.New("not an anchor: why is none that is known")
}

// Signed says what is wrong with the signature of an anchor; empty when one of
// the keys made it.
func (p PublicKeys) Signed(a Anchor) string {
	public, ok := p[a.Key]
	if !ok {
		return fmt.Sprintf("it is signed with key %q, which is none of those given", a.Key)
	}
	sig, err := hex.DecodeString(a.Sig)
	if err != nil || hex.EncodeToString(sig) != a.Sig {
		return "its signature is malformed"
	}
	text, err := a.signed()
	if err != nil || !ed25519.Verify(public, text, sig) {
		return fmt.Sprintf("its signature is not by key %s: it was changed or made up", a.Key)
	}
	return ""
}
