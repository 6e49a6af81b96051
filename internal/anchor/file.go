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
	// lock is held by the process that anchors here; nil = this one does not.
	lock *os.File
}

// take makes this process the one that anchors in the file, which is made when
// missing, until release or its end; false = another one does.
func (f *file) take() (mine bool, err error) {
	if f.lock != nil {
		if f.held() {
			return true, nil
		}
		if err := f.release(); err != nil { // what it held was moved away
			return false, err
		}
	}
	_, missing := os.Lstat(f.path)
	h, err := os.OpenFile(f.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return false, err
	}
	free, err := tryLock(h)
	if err != nil || !free {
		return false, errors.Join(err, h.Close())
	}
	f.lock = h
	if errors.Is(missing, fs.ErrNotExist) {
		return true, syncDir(f.path)
	}
	return true, nil
}

// held reports whether the file of that name is still the one that is locked.
func (f *file) held() bool {
	locked, err := f.lock.Stat()
	if err != nil {
		return false
	}
	now, err := os.Stat(f.path)
	return err == nil && os.SameFile(locked, now)
}

// release lets another process anchor in the file.
func (f *file) release() error {
	h := f.lock
	f.lock = nil
	if h == nil {
		return nil
	}
	return errors.Join(unlock(h), h.Close())
}

// append signs a head and adds it behind the last line, durable on return.
func (f *file) append(k audit.Key, a audit.Anchor) (err error) {
	h, err := os.OpenFile(f.path, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	last, err := f.last(h, true)
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
	return h.Sync()
}

// newest returns the last anchor of the file; false when there is none. It opens
// the file to append, as one that can only grow must be.
func (f *file) newest() (a audit.Anchor, ok bool, err error) { return f.end(os.O_RDWR | os.O_APPEND) }

// read is newest while another process writes the file: it changes nothing.
func (f *file) read() (a audit.Anchor, ok bool, err error) { return f.end(os.O_RDONLY) }

func (f *file) end(flag int) (a audit.Anchor, ok bool, err error) {
	h, err := os.OpenFile(f.path, flag, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return a, false, nil
	}
	if err != nil {
		return a, false, err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	line, err := f.last(h, flag != os.O_RDONLY)
	if err != nil || line == nil {
		return a, false, err
	}
	if a, err = audit.ParseAnchor(line); err != nil {
		return a, false, problem.Hinted(fmt.Errorf("the last line of %s: %w", f.path, err), "keep it as evidence under another name; a new file is begun")
	}
	return a, true, nil
}

// mend cuts off the rest of a line; in a file that can only grow it becomes a
// line of its own, which no anchor follows from.
func mend(h *os.File, rest int64) error {
	err := h.Truncate(rest)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	_, err = h.Write([]byte("\n"))
	return err
}

// last returns the last whole line, nil when there is none. With repair it ends
// the beginning of a line that a power loss left behind.
func (f *file) last(h *os.File, repair bool) ([]byte, error) {
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
	if rest := from + int64(end); rest < size && repair {
		if err := mend(h, rest); err != nil {
			return nil, fmt.Errorf("cut off the rest of a line that a crash left: %w", err)
		}
	}
	for end > 0 {
		buf = buf[:end-1]
		end = bytes.LastIndexByte(buf, '\n') + 1
		if line := buf[end:]; !torn(line) {
			return line, nil
		}
	}
	return nil, nil
}

// torn reports whether a line is the beginning of one, as mend leaves it.
func torn(line []byte) bool {
	const begin = `{"seq":`
	return len(line) > 0 && line[len(line)-1] != '}' && (bytes.HasPrefix(line, []byte(begin)) || bytes.HasPrefix([]byte(begin), line))
}
