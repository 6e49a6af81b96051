package speed

import (
	"context"
	"fmt"
	"io/fs"
	"time"

	"github.com/holdfast-sre/holdfast/internal/bench"
	"github.com/holdfast-sre/holdfast/internal/detect"
	"github.com/holdfast-sre/holdfast/internal/detect/template"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// Data are the series and the logs of the sets, in memory.
type Data struct {
	series [][]evidence.Point
	logs   [][][]byte
	points int
	lines  int
}

// Load reads the data below root, a folder with a folder for each set. Truth is
// hidden from it.
func Load(root fs.FS) (Data, error) {
	var d Data
	for _, set := range []struct{ name, layout string }{{"nab", time.DateTime}, {"cloudmon", time.RFC3339}} {
		err := d.load(root, set.name, "file", func(data fs.FS, file string) error {
			_, points, err := bench.ReadSeries(data, file, set.layout)
			d.series, d.points = append(d.series, points), d.points+len(points)
			return err
		})
		if err != nil {
			return Data{}, err
		}
	}
	err := d.load(root, "loghub2k", "system", func(data fs.FS, system string) error {
		rows, err := bench.Columns(data, "logs/"+system+".csv.gz", "content")
		lines := make([][]byte, len(rows))
		for i, r := range rows {
			lines[i] = []byte(r[0])
		}
		d.logs, d.lines = append(d.logs, lines), d.lines+len(lines)
		return err
	})
	if err == nil && (d.points == 0 || d.lines == 0) {
		err = fmt.Errorf("%d points and %d lines are nothing to measure", d.points, d.lines)
	}
	return d, err
}

// load calls read with the cases of a set.
func (d *Data) load(root fs.FS, set, column string, read func(data fs.FS, id string) error) error {
	sub, err := fs.Sub(root, set)
	if err != nil {
		return fmt.Errorf("%s: %w", set, err)
	}
	data := bench.Blind(sub)
	ids, err := bench.Columns(data, "cases.csv", column)
	if err != nil {
		return fmt.Errorf("%s: %w", set, err)
	}
	for _, id := range ids {
		if err := read(data, id[0]); err != nil {
			return fmt.Errorf("%s: %s: %w", set, id[0], err)
		}
	}
	return nil
}

// judge lets the detector see every series, point by point.
func (d Data) judge(ctx context.Context, repeat int) (time.Duration, error) {
	start := time.Now()
	for range repeat {
		if err := ctx.Err(); err != nil {
			return 0, fmt.Errorf("judge: %w", err)
		}
		for _, points := range d.series {
			var s detect.Stream
			for _, p := range points {
				s.Next(p.At, p.Value)
			}
		}
	}
	return time.Since(start), nil
}

// mine gives the lines of each log to a new miner.
func (d Data) mine(ctx context.Context, repeat int) (time.Duration, error) {
	start := time.Now()
	for range repeat {
		if err := ctx.Err(); err != nil {
			return 0, fmt.Errorf("mine: %w", err)
		}
		for _, lines := range d.logs {
			minerOf(lines)
		}
	}
	return time.Since(start), nil
}

// minerOf is a miner at the end of a window.
func minerOf(lines [][]byte) *template.Miner {
	m := template.New(0)
	for _, l := range lines {
		m.Add(l)
	}
	m.Settle()
	return m
}
