package cloudops

import (
	"cmp"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// column says what a column of the metrics measures.
type column struct {
	suffix   string
	signal   evidence.Golden
	resource string
	unit     string
	invert   bool // a share of successes
}

var measures = []column{ //nolint:gochecknoglobals // a table that nothing changes
	{suffix: "-cpu_cfs", signal: evidence.Saturation, resource: "throttling", unit: "s"},
	{suffix: "-cpu", signal: evidence.Saturation, resource: "cpu", unit: "cores"},
	{suffix: "-mem", signal: evidence.Saturation, resource: "memory", unit: "bytes"},
	{suffix: "-rps", signal: evidence.Traffic, unit: "requests/s"},
	{suffix: "-success_rate", signal: evidence.Errors, unit: "share", invert: true},
	{suffix: "-network_receive", signal: evidence.Saturation, resource: "packets_in", unit: "packets/s"},
	{suffix: "-network_transmit", signal: evidence.Saturation, resource: "packets_out", unit: "packets/s"},
	{suffix: "-tcp_retans", signal: evidence.Saturation, resource: "retransmits", unit: "segments/s"},
	{suffix: "-p50latency", signal: evidence.LatencyP50, unit: "ms"},
	{suffix: "-p90latency", signal: evidence.LatencyP95, unit: "ms"},
	{suffix: "-p95latency", signal: evidence.LatencyP95, unit: "ms"},
	{suffix: "-p99latency", signal: evidence.LatencyP99, unit: "ms"},
}

// readSeries reads metrics.csv.gz: one item per column.
func readSeries(data fs.FS, name string, zone *time.Location) ([]evidence.Item, error) {
	f, err := data.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	defer f.Close() //nolint:errcheck // only read
	zip, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("read %s: want a gzip file: %w", name, err)
	}
	items, err := parseSeries(zip, zone)
	if err != nil {
		return items, fmt.Errorf("read %s: %w", name, err)
	}
	return items, nil
}

// parseSeries reads a CSV whose first column is the time. Cells that are no
// finite number are gaps. On an error, what was read before it is returned too.
func parseSeries(in io.Reader, zone *time.Location) ([]evidence.Item, error) {
	r := csv.NewReader(in)
	head, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	r.ReuseRecord = true // the header is kept
	points := make([][]evidence.Point, len(head))
	var bad error
	for {
		rec, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			bad = err // names line and column
			break
		}
		at, err := time.ParseInLocation("2006-01-02 15:04:05", rec[0], zone)
		if err != nil {
			line, col := r.FieldPos(0)
			bad = fmt.Errorf("line %d, column %d: want a time such as 2006-01-02 15:04:05: %w", line, col, err)
			continue
		}
		for i, cell := range rec[1:] {
			v, err := strconv.ParseFloat(cell, 64)
			if err == nil && !math.IsNaN(v) && !math.IsInf(v, 0) {
				points[i+1] = append(points[i+1], evidence.Point{At: at.UTC(), Value: v})
			}
		}
	}
	return items(head, points), bad
}

func items(head []string, points [][]evidence.Point) []evidence.Item {
	var out []evidence.Item
	for i, name := range head {
		if i == 0 || len(points[i]) == 0 {
			continue
		}
		for _, c := range measures {
			owner, ok := strings.CutSuffix(name, c.suffix)
			if !ok || owner == "" {
				continue
			}
			out = append(out, c.item(owner, nil, points[i]))
			break
		}
	}
	return out
}

// item makes the evidence of one column; before may be empty.
func (c column) item(owner string, before, ps []evidence.Point) evidence.Item {
	slices.SortStableFunc(ps, func(a, b evidence.Point) int { return a.At.Compare(b.At) })
	for _, points := range [][]evidence.Point{before, ps} {
		for i := range points {
			if c.invert {
				points[i].Value = 1 - points[i].Value
			}
		}
	}
	m := evidence.Metric{
		Signal: c.signal, Resource: c.resource, Now: evidence.Series{Points: ps}, Before: evidence.Series{Points: before}, Value: ps[len(ps)-1].Value,
	}
	it := evidence.Item{
		Kind: evidence.KindMetric, Collector: "prometheus", Source: "metrics", Service: owner,
		Query: cmp.Or(c.resource, string(c.signal)) + " of " + owner, Unit: c.unit, From: ps[0].At, To: ps[len(ps)-1].At,
	}
	return it.Hold(m)
}
