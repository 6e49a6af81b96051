package app

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
)

// maxKept bounds the file of what was read.
const maxKept = 1 << 30

// readKept reads folders with the help of what an earlier process kept in a file,
// and keeps it again when more than a hundredth of the files had to be parsed; "" =
// keep nothing. It is a cache: what fails with it costs time only. each is given the files
// as Reader.ReadEach does.
func readKept(r *knowledge.Reader, folders []knowledge.Folder, file string, each func(knowledge.File)) (*knowledge.Base, error) {
	key := ""
	if file != "" {
		key = build()
	}
	if text, err := readWhole(file); err == nil && key != "" {
		r.Recall(key, text)
	}
	begun := time.Now()
	base, err := r.ReadEach(each, folders...)
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	if n, of := r.Parsed(); key != "" && n*100 > of {
		_ = keepFile(file, func(w io.Writer) error { return r.Keep(w, key, begun) }) // else the next process reads everything again
	}
	return base, nil
}

// keptFile is a file in the cache folder for these folders; "" = none.
func keptFile(cache string, dirs []string) string {
	if cache == "" {
		return ""
	}
	all := make([]string, len(dirs))
	for i, dir := range dirs {
		all[i] = dir
		if abs, err := filepath.Abs(dir); err == nil {
			all[i] = abs
		}
	}
	sum := sha256.Sum256([]byte(strings.Join(all, "\x00")))
	return filepath.Join(cache, "read", hex.EncodeToString(sum[:12])+".bin")
}

// build tells this program from others: what one parsed is nothing to another; "" =
// not known.
func build() string {
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%s %d %d", path, info.Size(), info.ModTime().UnixNano())
}

func readWhole(file string) (_ string, err error) {
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return "", fmt.Errorf("what was kept: %w", err)
	case !info.Mode().IsRegular() || info.Size() > maxKept:
		return "", fmt.Errorf("what was kept: %s is no file of ours", file)
	}
	f, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("what was kept: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var b strings.Builder
	b.Grow(int(info.Size())) // tens of megabytes: growing would copy them again and again
	_, err = io.Copy(&b, io.LimitReader(f, maxKept))
	return b.String(), err
}

// keepFile replaces a file in one step.
func keepFile(file string, write func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("keep: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".new-")
	if err != nil {
		return fmt.Errorf("keep: %w", err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	err = errors.Join(write(w), w.Flush(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("keep: %w", err), os.Remove(f.Name()))
	}
	return nil
}
