package nezha

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// column maps a column of the files to what it measures.
type column struct {
	name     string
	signal   evidence.Golden
	resource string
	unit     string
	limit    float64
}

func serviceColumns() []column {
	return []column{
		{"cpu_pct", evidence.Saturation, "cpu", "%", 100},
		{"mem_pct", evidence.Saturation, "memory", "%", 100},
		{"server_p95_s", evidence.LatencyP95, "", "s", 0},
		{"server_p99_s", evidence.LatencyP99, "", "s", 0},
		{"rps", evidence.Traffic, "", "requests per second", 0},
	}
}

// entryColumns are those of the file about the service that users call.
func entryColumns() []column {
	return []column{
		{"p50_s", evidence.LatencyP50, "", "s", 0},
		{"p95_s", evidence.LatencyP95, "", "s", 0},
		{"p99_s", evidence.LatencyP99, "", "s", 0},
	}
}

// samples are the points of one file: by service, then by column.
type samples map[string]map[string][]evidence.Point

// readSamples reads a metrics file. Rows without a service column belong to
// entry. Empty and odd cells are gaps.
func readSamples(data fs.FS, name, entry string, columns []column) (samples, error) {
	out, names := samples{}, interner{}
	err := eachRow(data, name, func(r row) error {
		at, err := r.seconds("ts")
		if err != nil {
			return err
		}
		service := entry
		if _, ok := r.columns["service"]; ok {
			service = names.of(r.text("service"))
		}
		byColumn := out[service]
		if byColumn == nil {
			byColumn = map[string][]evidence.Point{}
			out[service] = byColumn
		}
		for _, c := range columns {
			if x, ok := finite(r.text(c.name)); ok {
				byColumn[c.name] = append(byColumn[c.name], evidence.Point{At: at, Value: x})
			}
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	return out, err
}

func finite(s string) (float64, bool) {
	x, err := strconv.ParseFloat(s, 64)
	if err != nil || x-x != 0 { // NaN and infinities
		return 0, false
	}
	return x, true
}

// metricItems compares every series of the case with the half hour before the
// alarm and with the fault-free stretch of the same day.
func metricItems(s spec, now, normal samples, columns []column, services []string, userFacing bool) ([]evidence.Item, error) {
	var out []evidence.Item
	for _, service := range services {
		for _, c := range columns {
			points := slices.Clone(now[service][c.name])
			if len(points) == 0 {
				continue
			}
			sortPoints(points)
			m := evidence.Metric{Signal: c.signal, Resource: c.resource, Limit: c.limit, UserFacing: userFacing}
			for _, p := range points {
				if p.At.Before(s.alarm) {
					m.Before.Points = append(m.Before.Points, p)
				} else {
					m.Now.Points = append(m.Now.Points, p)
				}
			}
			m.Day.Points = slices.Clone(normal[service][c.name])
			sortPoints(m.Day.Points)
			if len(m.Now.Points) == 0 {
				continue
			}
			m.Value = m.Now.Points[len(m.Now.Points)-1].Value
			it := evidence.Item{
				Kind: evidence.KindMetric, Collector: "metrics", Source: "metrics", Service: service, Query: c.name,
				From: s.alarm, To: s.end, Unit: c.unit, Strength: 1,
				Summary: fmt.Sprintf("%s of %s is %g %s", c.name, service, m.Value, c.unit),
			}
			it, err := it.Encode(m)
			if err != nil {
				return nil, err //nolint:wrapcheck // the error names the kind already
			}
			out = append(out, it.WithID(s.id))
		}
	}
	return out, nil
}

func sortPoints(ps []evidence.Point) {
	slices.SortStableFunc(ps, func(a, b evidence.Point) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Value, b.Value))
	})
}
