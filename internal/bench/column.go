package bench

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/problem"
)

// hiddenColumns tell the truth in files that prediction reads otherwise.
var hiddenColumns = []string{"label", "windows", "anomalous_points", "events", "corrected_templates"}

// Columns reads the named columns of a CSV file with a header, gzipped when its
// name says so: one slice a row, in the order of columns. On a blind file system
// a column that tells the truth is an error. Columns may come in any order, and
// others are skipped.
func Columns(data fs.FS, name string, columns ...string) ([][]string, error) {
	if _, blind := data.(blindFS); blind {
		for _, c := range columns {
			if slices.Contains(hiddenColumns, c) {
				return nil, fmt.Errorf("%s: prediction must not read column %s: %w", name, c, fs.ErrPermission)
			}
		}
	}
	file, err := data.Open(name)
	if err != nil {
		return nil, problem.Hinted(fmt.Errorf("%w", err), "--data is the set's own folder")
	}
	defer func() { _ = file.Close() }() // read only
	var in io.Reader = bufio.NewReaderSize(file, 64<<10)
	if strings.HasSuffix(name, ".gz") {
		if in, err = gzip.NewReader(in); err != nil {
			return nil, fmt.Errorf("%s: not a gzip file: %w", name, err)
		}
	}
	return readColumns(in, name, columns)
}

func readColumns(in io.Reader, name string, columns []string) ([][]string, error) {
	r := csv.NewReader(in)
	r.ReuseRecord = true
	head, err := r.Read()
	if err != nil {
		return nil, &problem.Problem{File: name, Line: 1, What: "no header: " + err.Error(), Hint: "the first line names the columns"}
	}
	at := make([]int, len(columns))
	for i, c := range columns {
		if at[i] = slices.Index(head, c); at[i] < 0 {
			return nil, &problem.Problem{File: name, Line: 1, What: fmt.Sprintf("no column %q", c), Hint: "the header has " + strings.Join(head, ", ")}
		}
	}
	var out [][]string
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		row := make([]string, len(at))
		for i, c := range at {
			row[i] = cells[c]
		}
		out = append(out, row)
	}
}
