package knowledge

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/problem"
)

// What a Reader knows can be kept between two processes: then the second opens only
// the files that changed. The form is private to one build of the program, which
// the caller's key must tell, and is checked by its sum: what does not fit is as
// good as nothing.

// unsettled is how young a file may not be to be kept: one that is written twice
// within the clock's tick looks the same both times.
const unsettled = 2 * time.Second

// kept is a file with the place that it was read from.
type kept struct {
	Folder, Path string
	Size, At     int64
	Artefacts    []Artefact
	Problems     []problem.Problem
}

// Parsed is how many files the last Read had to parse, and of how many.
func (r *Reader) Parsed() (n, of int) { return r.parsed, len(r.files) }

// Keep writes what the last Read, begun at that moment, found, for Recall of a
// reader in another process. The key tells the build of the program.
func (r *Reader) Keep(w io.Writer, key string, begun time.Time) error {
	crc := crc32.NewIEEE()
	all := io.MultiWriter(w, crc)
	if _, err := io.WriteString(all, r.mark(key)); err != nil {
		return fmt.Errorf("keep: %w", err)
	}
	var out []byte
	for _, at := range slices.SortedFunc(maps.Keys(r.files), func(a, b fileKey) int {
		return cmp.Or(strings.Compare(a.folder, b.folder), strings.Compare(a.path, b.path))
	}) {
		f := r.files[at]
		if f.at.IsZero() || f.at.After(begun.Add(-unsettled)) {
			continue
		}
		k := kept{Folder: at.folder, Path: at.path, Size: f.size, At: f.at.UnixNano(), Artefacts: f.doc.artefacts, Problems: f.doc.problems}
		out = encode(out[:0], reflect.ValueOf(k))
		if _, err := all.Write(out); err != nil {
			return fmt.Errorf("keep: %w", err)
		}
	}
	if _, err := w.Write(crc.Sum(nil)); err != nil {
		return fmt.Errorf("keep: %w", err)
	}
	return nil
}

// Recall takes in what Keep returned; the next Read opens only what changed since.
// It reports whether the text was that of the same build and naming, undamaged.
func (r *Reader) Recall(key, text string) bool {
	rest, ok := strings.CutPrefix(text, r.mark(key))
	if !ok || len(rest) < 4 {
		return false
	}
	body, sum := text[:len(text)-4], rest[len(rest)-4:]
	crc := crc32.NewIEEE()
	if _, err := io.WriteString(crc, body); err != nil || string(crc.Sum(nil)) != sum {
		return false
	}
	d := decoder{rest: rest[:len(rest)-4]}
	files := map[fileKey]fileRead{}
	for d.rest != "" && d.err == nil {
		var k kept
		d.decode(reflect.ValueOf(&k).Elem())
		files[fileKey{k.Folder, k.Path}] = fileRead{size: k.Size, at: time.Unix(0, k.At), doc: document{artefacts: k.Artefacts, problems: k.Problems}}
	}
	if d.err != nil {
		return false
	}
	r.files = files
	return true
}

// mark begins what is kept.
func (r *Reader) mark(key string) string {
	return fmt.Sprintf("holdfast knowledge %q %v\n", key, r.naming.scheme)
}

// encode appends a value: its fields or elements in order, lengths in front.
func encode(out []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.String:
		return append(binary.AppendUvarint(out, uint64(v.Len())), v.String()...)
	case reflect.Int, reflect.Int64:
		return binary.AppendVarint(out, v.Int())
	case reflect.Bool:
		if v.Bool() {
			return append(out, 1)
		}
		return append(out, 0)
	case reflect.Slice:
		out = binary.AppendUvarint(out, uint64(v.Len()))
		for i := range v.Len() {
			out = encode(out, v.Index(i))
		}
		return out
	case reflect.Struct:
		for i := range v.NumField() {
			out = encode(out, v.Field(i))
		}
		return out
	}
	panic("knowledge: no way to keep a " + v.Type().String())
}

var errKept = errors.New("what was kept is damaged")

// decoder reads what encode wrote. Its strings are parts of the text.
type decoder struct {
	rest string
	err  error
}

func (d *decoder) decode(v reflect.Value) {
	if d.err != nil {
		return
	}
	switch v.Kind() {
	case reflect.String:
		n := d.length()
		v.SetString(d.rest[:n])
		d.rest = d.rest[n:]
	case reflect.Int, reflect.Int64:
		u := d.number()
		v.SetInt(int64(u>>1) ^ -int64(u&1)) //nolint:gosec // as binary.Varint does
	case reflect.Bool:
		v.SetBool(d.number() == 1)
	case reflect.Slice:
		n := d.length() // each element takes a byte at least
		if n == 0 {
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			d.decode(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			d.decode(v.Field(i))
		}
	default:
		d.err = errKept
	}
}

// number reads a uvarint.
func (d *decoder) number() uint64 {
	var x uint64
	for i := range min(len(d.rest), binary.MaxVarintLen64) {
		b := d.rest[i]
		x |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			d.rest = d.rest[i+1:]
			return x
		}
	}
	d.err, d.rest = errKept, ""
	return 0
}

// length reads a number that is at most the bytes that are left.
func (d *decoder) length() int {
	n := d.number()
	if n > uint64(len(d.rest)) {
		d.err, d.rest = errKept, ""
		return 0
	}
	return int(n) //nolint:gosec // checked
}
