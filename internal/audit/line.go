package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Limits of one line.
const (
	maxRecordLine = 4 << 20
	maxAnchorLine = 4 << 10
)

// Line is a record as one line of audit.jsonl, without the line feed.
func Line(r Record) ([]byte, error) {
	params, err := canonicalParams(r.Params)
	if err != nil {
		return nil, fmt.Errorf("audit record %d: params: %w", r.Seq, err)
	}
	r.Params = params
	line, err := json.Marshal(struct {
		chained
		Hash  string            `json:"hash"`
		Salts map[string]string `json:"salts,omitempty"`
	}{chainedOf(r), r.Hash, r.Salts})
	if err != nil {
		return nil, fmt.Errorf("audit record %d: %w", r.Seq, err)
	}
	return line, nil
}

// Fits refuses a record that no reader of an export would take.
func Fits(r Record) error {
	if len(r.Params)+len(r.Reason)+len(r.Outcome)+len(r.Target)+len(r.Actor) < maxRecordLine/16 {
		return nil // also when every byte of it is escaped
	}
	line, err := Line(r)
	if err == nil && len(line) > maxRecordLine {
		err = fmt.Errorf("audit record %d has %d bytes; at most %d can be exported", r.Seq, len(line), maxRecordLine)
	}
	return err
}

// ParseLine reads what Line wrote, byte for byte: what two lines of the same
// meaning would differ in, such as spaces and the case of a key, is refused. At
// may have lost the zeros at its end, as in exports of earlier versions.
func ParseLine(line []byte) (Record, error) {
	var r Record
	if err := json.Unmarshal(line, &r); err != nil {
		return r, errors.New("not an audit record: it is not JSON of that shape")
	}
	params, err := canonicalParams(r.Params)
	if err != nil {
		return r, errors.New("not an audit record: its params are no object")
	}
	r.Params, r.At = params, r.At.UTC().Truncate(time.Millisecond)
	now, err := Line(r)
	if err != nil {
		return r, err
	}
	if bytes.Equal(now, line) {
		return r, nil
	}
	if earlier, err := json.Marshal(r); err == nil && bytes.Equal(earlier, line) {
		return r, nil
	}
	return r, errors.New("not an audit record as one is exported: spelling, order or an unknown field")
}

// Records reads audit.jsonl and calls each for every line, with the record as
// far as it could be read and what is wrong with the line. What each returns
// ends it.
func Records(r io.Reader, each func(r Record, bad error) error) error {
	in := bufio.NewReaderSize(r, 64<<10)
	for n := 1; ; n++ {
		line, err := nextLine(in, maxRecordLine)
		if errors.Is(err, io.EOF) {
			return nil
		}
		end := err != nil // where the next line begins is not known
		var rec Record
		if err == nil {
			rec, err = ParseLine(line)
		} else if !errors.Is(err, errCut) && !errors.Is(err, errLong) {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if err != nil {
			err = fmt.Errorf("line %d: %w", n, err)
		}
		if err := each(rec, err); err != nil || end {
			return err
		}
	}
}

// errCut reports a line without its line feed: the rest was not written, or cut off.
var errCut = errors.New("the line is cut off")

// errLong reports a line that is longer than any that was written.
var errLong = errors.New("the line is too long")

// nextLine reads a line, which is valid until the next call; io.EOF after the last.
func nextLine(in *bufio.Reader, limit int) ([]byte, error) {
	var long []byte
	for {
		part, err := in.ReadSlice('\n')
		switch {
		case len(long)+len(part) > limit:
			return nil, errLong
		case err == nil && long == nil:
			return part[:len(part)-1], nil
		case err == nil:
			long = append(long, part...)
			return long[:len(long)-1], nil
		case errors.Is(err, bufio.ErrBufferFull):
			long = append(long, part...)
		case errors.Is(err, io.EOF) && len(long)+len(part) > 0:
			return nil, errCut
		default:
			return nil, err
		}
	}
}
