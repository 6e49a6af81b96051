package knowledge

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"unicode/utf8"

	"github.com/holdfast-sre/holdfast/internal/problem"
)

var (
	errTooLarge = fmt.Errorf("larger than %d bytes", maxFile)
	errNotText  = errors.New("not UTF-8 text")
	errNotFile  = errors.New("no regular file")
)

// ReadFile reads a file of a folder as Read does: a regular file of UTF-8 text, at
// most 1 MiB long; anything else is an error.
func ReadFile(fsys fs.FS, p string) (_ []byte, err error) {
	info, err := fs.Stat(fsys, p)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errNotFile // opening a pipe waits for a writer
	case info.Size() > maxFile:
		return nil, errTooLarge
	}
	f, err := fsys.Open(p)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var b bytes.Buffer
	b.Grow(int(info.Size()) + bytes.MinRead)
	_, err = b.ReadFrom(io.LimitReader(f, maxFile+1))
	src := b.Bytes()
	switch {
	case err != nil:
		return nil, err
	case len(src) > maxFile:
		return nil, errTooLarge
	case !utf8.Valid(src):
		return nil, errNotText
	}
	return src, nil
}

func (r *Reader) document(fsys fs.FS, p string) document {
	src, err := ReadFile(fsys, p)
	if err != nil {
		return document{problems: []problem.Problem{{File: p, What: "can't be read: " + err.Error()}}}
	}
	return r.naming.parse(r.md, p, src)
}
