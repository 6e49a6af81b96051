package nezha

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// row is one line of a CSV file. Its strings keep the whole line in memory:
// intern what is kept.
type row struct {
	columns map[string]int
	fields  []string
}

// text returns a column, empty when the file has none of that name.
func (r row) text(column string) string {
	i, ok := r.columns[column]
	if !ok || i >= len(r.fields) {
		return ""
	}
	return r.fields[i]
}

// eachRow reads a CSV file with a header, gzipped when its name says so, and
// calls f for every row. Errors name the file and the line.
func eachRow(data fs.FS, name string, f func(row) error) error {
	file, err := data.Open(name)
	if err != nil {
		return fmt.Errorf("%s: %w", Name, err)
	}
	defer func() { _ = file.Close() }() // read only
	var in io.Reader = bufio.NewReaderSize(file, 64<<10)
	if strings.HasSuffix(name, ".gz") {
		z, err := gzip.NewReader(in)
		if err != nil {
			return fmt.Errorf("%s: not a gzip file: %w", name, err)
		}
		in = z
	}
	return readRows(in, name, f)
}

func readRows(in io.Reader, name string, f func(row) error) error {
	r := csv.NewReader(in)
	r.ReuseRecord = true
	header, err := r.Read()
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: the file is empty: want a header line", name)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	columns := make(map[string]int, len(header))
	for i, h := range header {
		columns[strings.Clone(h)] = i
	}
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := f(row{columns, fields}); err != nil {
			line, _ := r.FieldPos(0)
			return fmt.Errorf("%s:%d: %w", name, line, err)
		}
	}
}

// interner keeps one copy of strings that repeat.
type interner map[string]string

func (in interner) of(s string) string {
	if kept, ok := in[s]; ok {
		return kept
	}
	kept := strings.Clone(s)
	in[kept] = kept
	return kept
}
