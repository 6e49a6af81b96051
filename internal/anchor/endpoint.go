package anchor

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/audit"
)

// Limits of one delivery.
const (
	maxLines    = 500
	maxBatches  = 20
	sendTimeout = 10 * time.Second
	lastPart    = 8 << 10  // of what an endpoint has; an anchor is shorter
	maxRead     = 64 << 20 // of an endpoint that knows no ranges
)

// Endpoint is a server that keeps anchors too.
type Endpoint struct {
	URL   string
	Token func() (string, error) // nil = none
}

// endpoint sends the lines of a file, in their order, and remembers in a file
// beside it how far it came. After a crash lines may be sent twice.
type endpoint struct {
	Endpoint
	client *http.Client
	from   *file
	// compared: the chain was compared with what the server has.
	compared bool
}

// ErrNotReadable reports an endpoint that takes anchors and does not give them
// back.
var ErrNotReadable = errors.New("does not give back what it was sent")

// Fetch asks an endpoint for the lines that it has, from the first or, with
// tail, at least the last. The caller closes them.
func Fetch(ctx context.Context, client *http.Client, e Endpoint, tail bool) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.URL, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/x-ndjson")
	if tail { // who does not know ranges answers with everything
		req.Header.Set("Range", "bytes=-"+strconv.Itoa(lastPart))
	}
	if e.Token != nil {
		token, err := e.Token()
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	switch code := resp.StatusCode; {
	case code == http.StatusOK, code == http.StatusPartialContent:
		return resp.Body, nil
	case code == http.StatusRequestedRangeNotSatisfiable && tail: // of nothing there is no end
		return http.NoBody, resp.Body.Close()
	case code == http.StatusNotFound, code == http.StatusMethodNotAllowed, code == http.StatusNotImplemented:
		err = ErrNotReadable
	default:
		err = fmt.Errorf("answered %d", resp.StatusCode)
	}
	return nil, errors.Join(err, resp.Body.Close())
}

// newest asks the server for the last anchor that it has; false when it has
// none, or tells nothing.
func (e *endpoint) newest(ctx context.Context) (a audit.Anchor, ok bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	body, err := Fetch(ctx, e.client, e.Endpoint, true)
	if errors.Is(err, ErrNotReadable) {
		return a, false, nil
	}
	if err != nil {
		return a, false, err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	var end []byte
	buf := make([]byte, 32<<10)
	for read := 0; read < maxRead; {
		n, err := body.Read(buf)
		read += n
		if end = append(end, buf[:n]...); len(end) > 2*lastPart {
			end = append(end[:0], end[len(end)-lastPart:]...)
		}
		if errors.Is(err, io.EOF) {
			return lastAnchor(end)
		}
		if err != nil {
			return a, false, err
		}
	}
	return a, false, errors.New("its answer is too long: let it answer to Range: bytes=-" + strconv.Itoa(lastPart))
}

// lastAnchor reads the last line of a text.
func lastAnchor(end []byte) (a audit.Anchor, ok bool, err error) {
	end = bytes.TrimRight(end, "\n")
	if len(end) == 0 {
		return a, false, nil
	}
	a, err = audit.ParseAnchor(end[bytes.LastIndexByte(end, '\n')+1:])
	return a, err == nil, err
}

func (e *endpoint) mark() string {
	return e.from.path + ".sent-" + audit.LineHash([]byte(e.URL))[:8]
}

// send delivers the lines that the server has not confirmed, a batch at a time,
// and leaves the rest of a long queue to the next time.
func (e *endpoint) send(ctx context.Context) error {
	for range maxBatches {
		offset, err := e.offset()
		if err != nil {
			return err
		}
		batch, err := e.batch(offset)
		if err != nil || len(batch) == 0 {
			return err
		}
		if err := e.post(ctx, batch); err != nil {
			return err
		}
		if err := replace(e.mark(), strconv.FormatInt(offset+int64(len(batch)), 10)+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// offset is how much the server has; all is sent again when the file is another.
func (e *endpoint) offset() (int64, error) {
	text, err := os.ReadFile(e.mark())
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	n := number(string(text))
	if n <= 0 {
		return 0, nil
	}
	f, err := os.Open(e.from.path)
	if err != nil {
		return 0, err
	}
	var before [1]byte
	_, err = f.ReadAt(before[:], n-1)
	if err := errors.Join(ignoreEOF(err), f.Close()); err != nil {
		return 0, err
	}
	if before[0] != '\n' {
		return 0, nil
	}
	return n, nil
}

// number reads an offset; 0 = all from the start, also when it is malformed.
func number(text string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// batch reads whole lines from offset on.
func (e *endpoint) batch(offset int64) (out []byte, err error) {
	f, err := os.Open(e.from.path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return nil, err
	}
	in := bufio.NewReaderSize(io.LimitReader(f, maxLines*1024), 16<<10)
	for range maxLines {
		line, err := in.ReadBytes('\n')
		if err != nil {
			break // the rest is no whole line, or of the next batch
		}
		out = append(out, line...)
	}
	return out, nil
}

// post sends lines; any answer but 2xx is an error.
func (e *endpoint) post(ctx context.Context, lines []byte) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL, bytes.NewReader(lines))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	if e.Token != nil {
		token, err := e.Token()
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := e.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("answered %d", resp.StatusCode)
	}
	return nil
}

// replace writes a small file whole or not at all.
func replace(path, text string) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".sent-")
	if err != nil {
		return err
	}
	_, err = tmp.WriteString(text)
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return nil
}
