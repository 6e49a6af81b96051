package audit

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// Key signs the heads of the chain.
type Key struct {
	private ed25519.PrivateKey
	id      string
}

// NewKey makes a key of a seed of 32 random bytes.
func NewKey(seed [ed25519.SeedSize]byte) Key {
	private := ed25519.NewKeyFromSeed(seed[:])
	return Key{private: private, id: keyID(publicOf(private))}
}

// ID names the key: the first 16 digits of the SHA-256 of the public one.
func (k Key) ID() string { return k.id }

func publicOf(k ed25519.PrivateKey) ed25519.PublicKey {
	return ed25519.PublicKey(bytes.Clone(k[ed25519.SeedSize:]))
}

func keyID(p ed25519.PublicKey) string {
	sum := sha256.Sum256(p)
	return hex.EncodeToString(sum[:8])
}

const (
	privateBlock = "PRIVATE KEY"
	publicBlock  = "PUBLIC KEY"
)

// PrivatePEM is the key as PKCS #8, as openssl genpkey -algorithm ed25519 writes it.
func (k Key) PrivatePEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.private)
	if err != nil {
		return nil, fmt.Errorf("encode the key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: privateBlock, Bytes: der}), nil
}

// PublicPEM is the public half, as openssl pkey -pubout writes it.
func (k Key) PublicPEM() ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(publicOf(k.private))
	if err != nil {
		return nil, fmt.Errorf("encode the public key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: publicBlock, Bytes: der}), nil
}

// ParseKey reads what PrivatePEM wrote. Its errors quote nothing of the text.
func ParseKey(text []byte) (Key, error) {
	block, rest := pem.Decode(text)
	if block == nil || block.Type != privateBlock || len(bytes.TrimSpace(rest)) > 0 {
		return Key{}, errors.New("not one private key in PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return Key{}, errors.New("not a private key as PKCS #8")
	}
	private, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return Key{}, errors.New("not an Ed25519 key")
	}
	return Key{private: private, id: keyID(publicOf(private))}, nil
}

// PublicKeys are the keys that anchors may be signed with, by their ID.
type PublicKeys map[string]ed25519.PublicKey

// ParsePublicKeys reads one or more public keys in PEM, one behind the other.
func ParsePublicKeys(text []byte) (PublicKeys, error) {
	out := PublicKeys{}
	for rest := text; len(bytes.TrimSpace(rest)) > 0; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, errors.New("not public keys in PEM")
		}
		if strings.Contains(block.Type, "PRIVATE") {
			return nil, errors.New("this is a private key: give the public one")
		}
		parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil || block.Type != publicBlock {
			return nil, fmt.Errorf("a %q block is not a public key", block.Type)
		}
		public, ok := parsed.(ed25519.PublicKey)
		if !ok {
			return nil, errors.New("not an Ed25519 key")
		}
		out[keyID(public)] = public
	}
	if len(out) == 0 {
		return nil, errors.New("no public key in it")
	}
	return out, nil
}
