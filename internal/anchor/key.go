// Package anchor keeps signed heads of the audit chain where the database is
// not: in files, and at HTTP endpoints that are sent the lines of the first.
package anchor

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/audit"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

// PublicFile is where the public half of a key file lies: audit.pub beside
// audit.key.
func PublicFile(keyFile string) string {
	return strings.TrimSuffix(keyFile, filepath.Ext(keyFile)) + ".pub"
}

// maxKey bounds a key file.
const maxKey = 16 << 10

// LoadKey reads the key, which it makes, with its public half beside it, when
// there is none. A key that others than its owner may read is refused.
func LoadKey(path string) (k audit.Key, made bool, err error) {
	k, err = readKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		k, err = makeKey(path)
		made = err == nil
	}
	if err != nil {
		return audit.Key{}, false, fmt.Errorf("key of the audit: %w", err)
	}
	if err := publish(k, PublicFile(path)); err != nil {
		return audit.Key{}, false, fmt.Errorf("public key of the audit: %w", err)
	}
	return k, made, nil
}

// CheckKey returns what LoadKey would refuse, and changes nothing; a key that is
// missing is made at the start.
func CheckKey(path string) error {
	if _, err := readKey(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("key of the audit: %w", err)
	}
	return nil
}

// trusted reports whether a key of one user may sign for a process of another:
// root reads and changes every file anyway, and root itself takes what it is given.
func trusted(owner, process int) bool {
	return owner == process || owner == 0 || process == 0
}

// publish sees that the file has the public half. Those of earlier keys stay in
// it: what they signed is still to be verified.
func publish(k audit.Key, path string) error {
	text, err := os.ReadFile(path) //nolint:gosec // the path is the operator's
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(text) > 0 {
		keys, err := audit.ParsePublicKeys(text)
		if err != nil {
			return problem.Hinted(fmt.Errorf("%s: %w", path, err), "move it away: it is written again")
		}
		if _, there := keys[k.ID()]; there {
			return nil
		}
	}
	public, err := k.PublicPEM()
	if err != nil {
		return err
	}
	return add(path, public, os.O_APPEND, 0o644)
}

func readKey(path string) (audit.Key, error) {
	f, err := os.Open(path) //nolint:gosec // the path is the operator's
	if err != nil {
		return audit.Key{}, err
	}
	defer func() { _ = f.Close() }() // only read from
	info, err := f.Stat()
	switch {
	case err != nil:
		return audit.Key{}, err
	case !info.Mode().IsRegular() || info.Size() > maxKey:
		return audit.Key{}, fmt.Errorf("%s is not a small file", path)
	case info.Mode().Perm()&0o077 != 0:
		return audit.Key{}, problem.Hinted(
			fmt.Errorf("%s may be used by others than its owner (mode %04o): whoever read it can sign", path, info.Mode().Perm()),
			"chmod 600 "+path+"; if others could log in here, move it away too: a new one is made at the next start")
	}
	if uid, ok := ownerOf(info); ok && !trusted(uid, os.Geteuid()) {
		return audit.Key{}, problem.Hinted(
			fmt.Errorf("%s belongs to user %d and this process to %d: its owner can sign", path, uid, os.Geteuid()),
			fmt.Sprintf("chown %d %s, or move it away: a new one is made at the next start", os.Geteuid(), path))
	}
	text := make([]byte, info.Size())
	if _, err := f.ReadAt(text, 0); err != nil {
		return audit.Key{}, err
	}
	k, err := audit.ParseKey(text)
	if err != nil {
		return audit.Key{}, problem.Hinted(fmt.Errorf("%s: %w", path, err), "openssl genpkey -algorithm ed25519 writes one; or move it away, and a new one is made")
	}
	return k, nil
}

func makeKey(path string) (audit.Key, error) {
	var seed [ed25519.SeedSize]byte
	_, _ = rand.Read(seed[:]) // never fails (crypto/rand)
	k := audit.NewKey(seed)
	text, err := k.PrivatePEM()
	if err != nil {
		return k, err
	}
	return k, add(path, text, os.O_EXCL, 0o600)
}

// add writes into a file, made when missing, what is to survive a power loss.
func add(path string, text []byte, flag int, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|flag, mode) //nolint:gosec // the path is the operator's
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return syncDir(path)
}

// syncDir makes the name of a new file durable.
func syncDir(path string) (err error) {
	d, err := os.Open(filepath.Dir(path)) //nolint:gosec // the path is the operator's
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return d.Sync()
}
