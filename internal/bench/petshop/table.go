package petshop

import (
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// maxTable bounds an unpacked table, in bytes.
const maxTable = 64 << 20

// Table holds series that share their times: one row per time, oldest first.
// NaN is no sample.
type Table struct {
	At      []time.Time
	Columns []string // in the order of the file, without the times
	values  map[string][]float64
}

// Values returns the samples of a column beside At; NaN is no sample. Nil when
// there is no such column.
func (t Table) Values(col string) []float64 { return slices.Clone(t.values[col]) }

// Rows returns the rows from i to before j.
func (t Table) Rows(i, j int) Table {
	out := Table{At: t.At[i:j], Columns: t.Columns, values: map[string][]float64{}}
	for c, v := range t.values {
		out.values[c] = v[i:j]
	}
	return out
}

// Without returns the rows before i and from j on.
func (t Table) Without(i, j int) Table {
	out := Table{At: slices.Concat(t.At[:i], t.At[j:]), Columns: t.Columns, values: map[string][]float64{}}
	for c, v := range t.values {
		out.values[c] = slices.Concat(v[:i], v[j:])
	}
	return out
}

func (t Table) series(col string, scale func(float64) float64) evidence.Series {
	var s evidence.Series
	for i, x := range t.values[col] {
		if !math.IsNaN(x) {
			s.Points = append(s.Points, evidence.Point{At: t.At[i], Value: scale(x)})
		}
	}
	return s
}

// ReadTable reads a packed CSV whose first column, ts, holds seconds since 1970.
// Rows are put in order of time; of two rows with one time the first is kept.
func ReadTable(data fs.FS, name string) (Table, error) {
	f, err := data.Open(name)
	if err != nil {
		return Table{}, fmt.Errorf("petshop: %w", err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		return Table{}, fmt.Errorf("petshop: %s: unpack: %w", name, err)
	}
	t, err := ParseTable(io.LimitReader(z, maxTable))
	if err != nil {
		return Table{}, fmt.Errorf("petshop: %s:%w", name, err)
	}
	return t, nil
}

// ParseTable reads what ReadTable unpacks. Errors begin with line and column.
func ParseTable(r io.Reader) (Table, error) {
	c := csv.NewReader(r)
	c.ReuseRecord = true
	head, err := c.Read()
	if err != nil {
		return Table{}, fmt.Errorf("1:1: no header: %w", err)
	}
	if len(head) == 0 || head[0] != "ts" {
		return Table{}, errors.New("1:1: the first column must be ts")
	}
	t := Table{Columns: slices.Clone(head[1:]), values: map[string][]float64{}}
	for i, col := range t.Columns {
		if slices.Index(t.Columns, col) != i {
			return Table{}, fmt.Errorf("1:%d: column %q is there twice", i+2, col)
		}
	}
	rows, err := readSamples(c)
	if err != nil {
		return Table{}, err
	}
	for _, row := range rows {
		t.At = append(t.At, row.at)
		for i, col := range t.Columns {
			t.values[col] = append(t.values[col], row.values[i])
		}
	}
	return t, nil
}

type sampleRow struct {
	at     time.Time
	values []float64
}

func readSamples(c *csv.Reader) ([]sampleRow, error) {
	var rows []sampleRow
	for {
		rec, err := c.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, placed(err)
		}
		line, _ := c.FieldPos(0)
		when, err := seconds(rec[0])
		if err != nil {
			return nil, fmt.Errorf("%d:1: ts: %w", line, err)
		}
		row := sampleRow{when, make([]float64, len(rec)-1)}
		for i, s := range rec[1:] {
			if row.values[i], err = sample(s); err != nil {
				return nil, fmt.Errorf("%d:%d: %w", line, i+2, err)
			}
		}
		rows = append(rows, row)
	}
	slices.SortStableFunc(rows, func(a, b sampleRow) int { return a.at.Compare(b.at) })
	return slices.CompactFunc(rows, func(a, b sampleRow) bool { return a.at.Equal(b.at) }), nil
}

// placed gives a CSV error the form of the others.
func placed(err error) error {
	if p, ok := errors.AsType[*csv.ParseError](err); ok {
		return fmt.Errorf("%d:%d: %w", p.Line, p.Column, p.Err)
	}
	return err
}

// sample reads a number; an empty cell, NaN and infinities are no sample.
func sample(s string) (float64, error) {
	if s == "" {
		return math.NaN(), nil
	}
	x, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number: leave the cell empty when there is no sample", s)
	}
	if math.IsInf(x, 0) {
		return math.NaN(), nil
	}
	return x, nil
}

// seconds reads a time given as seconds since 1970.
func seconds(s string) (time.Time, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt32*16 {
		return time.Time{}, fmt.Errorf("%q is no time in whole seconds since 1970", s)
	}
	return time.Unix(n, 0).UTC(), nil
}

// row is one line of a small table, by column name.
type row struct {
	line  int
	field map[string]string
}

// readRows reads the named columns of a plain CSV file.
func readRows(data fs.FS, name string, columns ...string) ([]row, error) {
	f, err := data.Open(name)
	if err != nil {
		return nil, fmt.Errorf("petshop: %w", err)
	}
	defer func() { _ = f.Close() }()
	c := csv.NewReader(io.LimitReader(f, maxTable))
	head, err := c.Read()
	if err != nil {
		return nil, fmt.Errorf("petshop: %s:1:1: no header: %w", name, err)
	}
	at := make([]int, len(columns))
	for i, col := range columns {
		if at[i] = slices.Index(head, col); at[i] < 0 {
			return nil, fmt.Errorf("petshop: %s:1:1: no column %q: it must be in the header", name, col)
		}
	}
	var out []row
	for {
		rec, err := c.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("petshop: %s:%w", name, placed(err))
		}
		line, _ := c.FieldPos(0)
		r := row{line, map[string]string{}}
		for i, col := range columns {
			r.field[col] = rec[at[i]]
		}
		out = append(out, r)
	}
}
