package cloudops

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"
)

// maxSnapshot bounds what one snapshot may unpack to, in bytes.
const maxSnapshot = 64 << 20

// snapshot is what one file holds, each part in the order of the file.
type snapshot struct {
	collected    string
	tables       []entry[map[string]string] // resource -> view -> text
	describe     []entry[string]            // "pods/NAME"
	yaml         []entry[string]            // "app/NAME"
	errorLogs    []entry[json.RawMessage]
	recentLogs   []entry[[]string]
	dependencies []entry[string]
	connectivity []entry[string] // "service:port"
	nodeServices []entry[string] // "node/unit"
	alerts       alertFile
	unread       []string // what could not be read, and why
}

type entry[T any] struct {
	key   string
	value T
}

// readSnapshot reads a gzipped snapshot. One that is cut short or has a part of
// another shape yields what could be read; unread says what is missing.
func readSnapshot(data fs.FS, name string) (*snapshot, error) {
	packed, err := fs.ReadFile(data, name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	zip, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("read %s: want a gzip file: %w", name, err)
	}
	var b bytes.Buffer
	b.Grow(unpackedSize(packed) + bytes.MinRead)
	_, err = b.ReadFrom(io.LimitReader(zip, maxSnapshot))
	s := parseSnapshot(b.Bytes())
	if err != nil {
		s.unread = append(s.unread, fmt.Sprintf("snapshot: the file ends early: %v", err))
	}
	return s, nil
}

// unpackedSize is what the end of a gzip file says that it unpacks to (RFC 1952,
// ISIZE), at most maxSnapshot. It is a hint: a file that is cut short has
// something else there.
func unpackedSize(packed []byte) int {
	const isize = 4
	if len(packed) < isize {
		return 0
	}
	return int(min(binary.LittleEndian.Uint32(packed[len(packed)-isize:]), maxSnapshot))
}

// parseSnapshot reads as much as there is.
func parseSnapshot(b []byte) *snapshot {
	s := &snapshot{}
	c := &cursor{b: b}
	err := c.object(func(key string) error {
		err := s.part(key, c)
		if misshapen(err) {
			s.unread = append(s.unread, fmt.Sprintf("%s: %v", key, err))
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		return nil
	})
	if err != nil {
		s.unread = append(s.unread, fmt.Sprintf("snapshot: %s: %v", position(b, c.at), err))
	}
	if rest := bytes.TrimSpace(b[c.at:]); err == nil && len(rest) > 0 {
		s.unread = append(s.unread, fmt.Sprintf("snapshot: %s: something follows its end", position(b, c.at)))
	}
	return s
}

// part reads the value of one key of the file.
func (s *snapshot) part(key string, c *cursor) error {
	switch key {
	case "collected_at":
		return c.decode(&s.collected)
	case "tables":
		return list(c, &s.tables)
	case "describe":
		return list(c, &s.describe)
	case "yaml":
		return list(c, &s.yaml)
	case "error_logs":
		return list(c, &s.errorLogs)
	case "recent_logs":
		return list(c, &s.recentLogs)
	case "dependencies":
		return list(c, &s.dependencies)
	case "connectivity":
		return list(c, &s.connectivity)
	case "node_services":
		return list(c, &s.nodeServices)
	case "alerts":
		return c.decode(&s.alerts)
	default:
		var skipped json.RawMessage
		return c.decode(&skipped)
	}
}

// list reads an object as a list that keeps its order. Entries that were read
// before an error stay; one of another shape is left out.
func list[T any](c *cursor, out *[]entry[T]) error {
	var odd error
	err := c.object(func(key string) error {
		var v T
		err := c.decode(&v)
		if misshapen(err) {
			odd = fmt.Errorf("%s: %w", key, err)
			return nil
		}
		if err != nil {
			return err
		}
		*out = append(*out, entry[T]{key, v})
		return nil
	})
	if err != nil {
		return err
	}
	return odd
}

// position turns an offset into line and column.
func position(b []byte, offset int) string {
	head := b[:offset]
	line := bytes.Count(head, []byte("\n")) + 1
	column := len(head) - bytes.LastIndexByte(head, '\n')
	return fmt.Sprintf("line %d, column %d", line, column)
}

// find returns the value of a key.
func find[T any](es []entry[T], key string) (T, bool) {
	if i := slices.IndexFunc(es, func(e entry[T]) bool { return e.key == key }); i >= 0 {
		return es[i].value, true
	}
	var none T
	return none, false
}

// table returns the richest view of a kubectl table.
func (s *snapshot) table(resource string, views ...string) (table, bool) {
	t, ok := find(s.tables, resource)
	if !ok {
		return table{}, false
	}
	for _, v := range views {
		if text, ok := t[v]; ok && text != "" {
			return parseTable(text), true
		}
	}
	return table{}, true
}

// describe calls f for each object of a resource that was described.
func (s *snapshot) described(resource string, f func(name string, root *block)) {
	for _, e := range s.describe {
		name, ok := cutPrefix(e.key, resource+"/")
		if !ok {
			continue
		}
		if strings.Contains(e.value, "(NotFound)") {
			continue // an answer: there is no such object
		}
		root := parseBlock(e.value)
		if root.text("Name") == "" && len(root.blocks) < 2 {
			s.unread = append(s.unread, fmt.Sprintf("describe %s: %s", e.key, clip(e.value, 120)))
			continue
		}
		f(name, root)
	}
}

// zone is the time zone in which the snapshot writes times without one: that of
// the first time that names it.
func (s *snapshot) zone() *time.Location {
	for _, e := range s.describe {
		if t, ok := firstTime(e.value); ok {
			return t.Location()
		}
	}
	return time.UTC
}
