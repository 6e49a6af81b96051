package config

import (
	"crypto/rand"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/audit"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

//go:embed starter
var starter embed.FS

// starterTokens are the credentials that the starter configuration names.
var starterTokens = []string{"alertmanager", "api", "deploy"}

// WriteStarter writes a commented configuration that loads as it is into dir,
// which is made when it does not exist: holdfast.yaml, a catalog, runbooks,
// boundaries, and fresh random tokens and a key of the audit that only the
// owner can read. It
// overwrites nothing: with any of the files present it writes none. It returns
// the paths written, relative to dir, in the order they were written.
func WriteStarter(dir string) ([]string, error) {
	files, err := starterFiles()
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if _, err := os.Lstat(filepath.Join(dir, f.path)); err == nil {
			return nil, problem.Hinted(fmt.Errorf("%s already exists; nothing was written", filepath.Join(dir, f.path)), "choose another folder, or move the file away")
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("look for %s: %w", f.path, err)
		}
	}
	var written []string
	for _, f := range files {
		if err := writeNew(filepath.Join(dir, f.path), f); err != nil {
			return written, err
		}
		written = append(written, f.path)
	}
	return written, nil
}

type starterFile struct {
	path string
	data []byte
	mode fs.FileMode
}

func starterFiles() ([]starterFile, error) {
	var out []starterFile
	err := fs.WalkDir(starter, "starter", func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := starter.ReadFile(p)
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(p, "starter/")
		if name == "gitignore" { // names that begin with a dot are not embedded
			name = ".gitignore"
		}
		out = append(out, starterFile{path: filepath.FromSlash(name), data: data, mode: 0o644})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the starter configuration: %w", err)
	}
	for _, name := range starterTokens {
		out = append(out, starterFile{path: filepath.Join("tokens", name), data: newToken(), mode: 0o600})
	}
	var seed [32]byte
	_, _ = rand.Read(seed[:]) // never fails (crypto/rand)
	key := audit.NewKey(seed)
	private, err := key.PrivatePEM()
	if err != nil {
		return nil, err
	}
	public, err := key.PublicPEM()
	if err != nil {
		return nil, err
	}
	return append(out,
		starterFile{"audit.key", private, 0o600}, starterFile{"audit.pub", public, 0o644},
		starterFile{filepath.Join("data", ".gitignore"), []byte("*\n!.gitignore\n"), 0o600}, // for the database alone
	), nil
}

// newToken returns 192 random bits in hexadecimal and a line end.
func newToken() []byte {
	var b [24]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return append([]byte(hex.EncodeToString(b[:])), '\n')
}

// writeNew makes the file and refuses to replace one.
func writeNew(path string, f starterFile) error {
	dirMode := fs.FileMode(0o755)
	if f.mode == 0o600 && filepath.Dir(f.path) != "." {
		dirMode = 0o700
	}
	if err := os.MkdirAll(filepath.Dir(path), dirMode); err != nil {
		return fmt.Errorf("make folder for %s: %w", f.path, err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, f.mode)
	if err != nil {
		return fmt.Errorf("write %s: %w", f.path, err)
	}
	_, err = file.Write(f.data)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("write %s: %w", f.path, err)
	}
	return nil
}
