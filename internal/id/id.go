// Package id makes identifiers: random ones that sort by time, and stable ones
// derived from content.
package id

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"strings"
	"time"
)

var encoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// New returns prefix_ plus 26 characters: 48 bits of milliseconds, then 80
// random bits, so that identifiers sort by the time they were made.
func New(prefix string, now time.Time) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(now.UnixMilli())<<16)
	_, _ = rand.Read(b[6:]) // never fails (crypto/rand)
	return prefix + "_" + encoding.EncodeToString(b[:])
}

// Of returns prefix_ plus 16 characters that depend on parts alone.
func Of(prefix string, parts ...string) string {
	h := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return prefix + "_" + encoding.EncodeToString(h[:10])
}
