package anchor

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/holdfast-sre/holdfast/internal/audit"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

// tail is how far back the last line is looked for; an anchor is shorter.
const tail = 8 << 10

// file is an append-only file of anchors. It is opened anew for each of them:
// what somebody else did to it in the meantime is seen and not written over.
type file struct {
	path string
}

// append signs a head and adds it behind the last line, durable on return.
func (f file) append(k audit.Key, a audit.Anchor) (err error) {
	fresh := false
	if _, err := os.Lstat(f.path); errors.Is(err, fs.ErrNotExist) {
		fresh = true
	}
	h, err := os.OpenFile(f.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	last, err := f.last(h)
	if err != nil {
		return err
	}
	a.Prev = ""
	if last != nil {
		a.Prev = audit.LineHash(last)
	}
	if a, err = k.Sign(a); err != nil {
		return err
	}
	line, err := a.Line()
	if err != nil {
		return err
	}
	if _, err := h.Write(append(line, '\n')); err != nil {
		return err
	}
	if err := h.Sync(); err != nil {
		return err
	}
	if fresh {
		return syncDir(f.path)
	}
	return nil
}

// newest returns the last anchor of the file; false when there is none.
func (f file) newest() (a audit.Anchor, ok bool, err error) {
	h, err := os.OpenFile(f.path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return a, false, nil
	}
	if err != nil {
		return a, false, err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	line, err := f.last(h)
	if err != nil || line == nil {
		return a, false, err
	}
	if a, err = audit.ParseAnchor(line); err != nil {
		return a, false, problem.Hinted(fmt.Errorf("the last line of %s: %w", f.path, err), "keep it as evidence under another name; a new file is begun")
	}
	return a, true, nil
}

// last returns the last whole line, nil when there is none, and cuts off the
// beginning of a line that a power loss left behind.
func (f file) last(h *os.File) ([]byte, error) {
	info, err := h.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", f.path)
	}
	size := info.Size()
	from := max(0, size-tail)
	buf := make([]byte, size-from)
	if _, err := h.ReadAt(buf, from); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	end := bytes.LastIndexByte(buf, '\n') + 1
	if end == 0 && from > 0 {
		return nil, problem.Hinted(fmt.Errorf("%s does not end with an anchor", f.path), "keep it as evidence under another name; a new file is begun")
	}
	if torn := from + int64(end); torn < size {
		if err := h.Truncate(torn); err != nil {
			return nil, fmt.Errorf("cut off the rest of a line that a crash left: %w", err)
		}
	}
	if end == 0 {
		return nil, nil
	}
	buf = buf[:end-1]
	return buf[bytes.LastIndexByte(buf, '\n')+1:], nil
}
